"""Where in the user's code an operation stands, and whose code a file is."""
