"""A program as a DSPy signature and module, and the labels that a model gives with it."""
