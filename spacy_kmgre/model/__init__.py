"""The model: KMGRE and ATLOP as torch modules, their equations, encoders and heads."""
