"""Passes over CalcGraphs: pure functions, one file each, in one visible order (``pipeline``)."""
