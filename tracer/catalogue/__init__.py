"""What every public name of NumPy and SciPy is to a derivative."""
