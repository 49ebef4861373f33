"""What is read from outside: by which path, under which guard."""
