"""The graph of a batch, from the graph of one example."""
