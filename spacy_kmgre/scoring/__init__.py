"""Scores that a pipeline reports of itself."""
