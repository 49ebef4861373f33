"""The intermediate representation: specs, ops, nodes, origins and the CalcGraph that holds them."""
