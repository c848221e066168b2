"""The spaCy components: from a Doc to the model and back."""
