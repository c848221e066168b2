"""What a person asks of a trained pipeline: scores by kind of relation, their uncertainty, its best settings."""
