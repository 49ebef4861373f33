"""What a value without a name is called, in generated code and in pictures.

>>> noun(unnamed_exp)
'exps'
"""

from __future__ import annotations

from tracer.graph.node import Node

# What an unnamed value is called, by its op. What is not here is called after its op.
NOUNS = {
    "subtract": "error", "add": "total", "multiply": "product", "divide": "ratio", "pow": "power",
    "power": "power", "matmul": "product", "dot": "product", "negative": "negated",
    "absolute": "size",
    "square": "squared", "sqrt": "root", "exp": "exps", "log": "logs", "tanh": "activation",
    "sum": "total", "mean": "average", "max": "largest", "min": "smallest", "prod": "product",
    "amax": "largest", "amin": "smallest", "maximum": "larger", "minimum": "smaller",
    "where": "chosen", "getitem": "part", "setitem": "out", "scatter_add": "out", "item": "part",
    "transpose": "transposed", "swapaxes": "transposed", "reshape": "reshaped",
    "reshape_like": "reshaped", "ravel": "flat",
    "broadcast_to": "spread", "broadcast_like": "spread", "sum_to": "total", "astype": "cast",
    "zeros": "out", "zeros_of": "out", "zeros_like": "out", "empty": "out", "ones": "ones",
    "arange": "steps", "linspace": "grid", "size_of": "count", "same_size": "fits",
    "less": "below", "less_equal": "below", "greater": "above", "greater_equal": "above",
    "equal": "same", "not_equal": "differs", "logical_not": "negated", "logical_and": "both",
    "logical_or": "either", "concatenate": "joined", "stack": "stacked", "array": "values",
    "argmax": "best", "argmin": "best", "argsort": "order", "sort": "ordered", "cumsum": "running",
    "einsum": "product", "outer": "product", "inner": "product", "tensordot": "product",
    "linalg.inv": "inverse", "linalg.solve": "solution", "linalg.det": "determinant",
    "linalg.cholesky": "factor", "linalg.norm": "length", "conjugate": "conj", "constant": "table",
    "floor_divide": "quotient", "remainder": "rest", "sin": "sine", "cos": "cosine",
    "sign": "signs", "take": "picked", "copy": "copied", "input": "arg", "call": "result",
    "cond": "result", "loop": "result", "logaddexp": "logs", "expand_dims": "reshaped",
    "python_scalar": "number",
}  # fmt: skip


def noun(node: Node) -> str:
    """What an unnamed value is, in one word."""
    found = NOUNS.get(node.op.name)
    return found if found is not None else node.op.name.rpartition(".")[2]
