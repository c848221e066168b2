"""Relations of many documents, from files to files: bounded in memory, and resumed where it was killed."""
