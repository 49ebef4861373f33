"""The derivatives of SciPy's functions, one chapter a file."""
