"""A body recorded as a closed graph, and a graph recorded again."""
