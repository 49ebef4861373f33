"""The joint graph: pullbacks swept backward over a forward graph."""
