"""What NumPy means: the op of every callable, and what its result looks like without data."""
