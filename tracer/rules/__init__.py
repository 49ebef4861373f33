"""Derivatives, one file per chapter of NumPy; every rule is a line in a table."""
