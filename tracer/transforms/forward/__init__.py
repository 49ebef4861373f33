"""The graph of pushforwards."""
