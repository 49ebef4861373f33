"""From graphs to Python source: names, programs, and one folder per form of the code."""
