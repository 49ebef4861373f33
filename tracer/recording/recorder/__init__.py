"""NumPy runs on the values, and nodes are written down."""
