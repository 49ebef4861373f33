"""NumPy's, SciPy's and math's names while a trace is open."""
