"""From a call to the program that serves it."""
