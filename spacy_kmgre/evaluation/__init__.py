"""What a pipeline's relations are worth: scores by kind of relation, their uncertainty, thresholds."""
