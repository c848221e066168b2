"""Training: the reader of corpora, the losses, the phases of EM, optimizer, schedules and log."""
