"""User code to graph: Tensors that record, and what is needed to record soundly."""
