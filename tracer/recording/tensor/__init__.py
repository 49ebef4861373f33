"""Traced values: their every use is seen."""
