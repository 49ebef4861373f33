"""From graph to graph: reverse, forward, partition and rules of the user's own."""
