"""The Tensor of the user's own: values at once, and a graph to go back through."""
