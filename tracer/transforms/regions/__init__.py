"""The derivatives of nodes that hold graphs: calls, branches, loops."""
