"""How to deal with Python itself: attributes, locks, tracebacks, wrapped functions."""
