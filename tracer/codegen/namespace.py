"""Names of generated code: the user's own, or what a value is.

>>> names = Namespace()
>>> names.give(hidden), names.give(cotangent_of_hidden), names.give(unnamed_subtract)
('hidden', 'g_hidden', 'error')
"""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Iterable, Mapping

from tracer.graph.node import Node

TAKEN = frozenset(
    {*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "special", "scipy", "GuardMiss",
    "residuals"}
)

# What an unnamed value is called, by its op. What is not here is called after its op.
NOUNS = {
    "subtract": "error", "add": "total", "multiply": "product", "divide": "ratio", "pow": "power",
    "power": "power", "matmul": "product", "dot": "product", "negative": "negated",
    "absolute": "size",
    "square": "squared", "sqrt": "root", "exp": "exps", "log": "logs", "tanh": "activation",
    "sum": "total", "mean": "average", "max": "largest", "min": "smallest", "prod": "product",
    "amax": "largest", "amin": "smallest", "maximum": "larger", "minimum": "smaller",
    "where": "chosen", "getitem": "part", "setitem": "out", "scatter_add": "out", "item": "part",
    "transpose": "transposed", "reshape": "reshaped", "reshape_like": "reshaped", "ravel": "flat",
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
}  # fmt: skip

# The same for the cotangent of an unnamed value: g_pre is that of what goes into an activation.
COTANGENT_NOUNS = {"add": "pre", "matmul": "pre", "getitem": "part", "subtract": "error"}


def identifier(text: str) -> str:
    """An identifier from any text, ``""`` if nothing of it can be used.

    >>> identifier("params['w 1']"), identifier("Σs"), identifier("class")
    ('params_w_1', 'Σs', 'class_')
    """
    text = unicodedata.normalize("NFKC", text)
    kept = "".join([c if ("_" + c).isidentifier() else "_" for c in text[:200]]).strip("_")
    while "__" in kept:
        kept = kept.replace("__", "_")
    if not kept:
        return ""
    if not kept.isidentifier():
        kept = "v" + kept
    return kept[:60] + "_" if kept in TAKEN else kept[:60]


class Namespace:
    """Gives names to the nodes of one piece of generated code.

    One name per node, no name twice, never a keyword, a builtin or ``np``. Every name is an NFKC
    identifier. Names that users chose are kept for them: a name made from an op is never one.

    Parameters
    ----------
    wanted : iterable of str
        Names that users chose, in any spelling.
    suggested : dict of Node to str
        What some unnamed nodes are.
    """

    def __init__(self, wanted: Iterable[str] = (), suggested: Mapping[Node, str] | None = None):
        self.suggested = dict(suggested or {})
        self._names: dict[Node, str] = {}
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        self._wanted = {identifier(name) for name in wanted if name}

    def __getitem__(self, node: Node) -> str:
        return self._names[node]

    def get(self, node: Node) -> str | None:
        """The name of a node, or None while it has none."""
        return self._names.get(node)

    def share(self, node: Node, other: Node) -> str:
        """Let ``node`` live in the variable of ``other``: it is its next version."""
        name = self._names[node] = self._names[other]
        return name

    def claim(self, *names: str) -> None:
        """Keep names for functions."""
        self._taken.update(names)

    def alike(self, node: Node, other: Node) -> None:
        """Call ``node`` like ``other``, of which it is the same value in another function."""
        if other in self._names:
            self._names[node] = self._names[other]
        elif other in self.suggested:
            self.suggested[node] = self.suggested[other]

    def give(self, node: Node, hint: str = "") -> str:
        """The node's name, made on first use from ``hint``, its own hint, or its op."""
        found = self._names.get(node)
        if found is None:
            chosen = identifier(hint or node.name)
            if chosen and not (node.name == "g_out" and node in self.suggested):
                found = self._free(chosen, chosen)
            else:
                found = self.fresh(self.suggested.get(node) or noun(node))
            self._names[node] = found
        return found

    def fresh(self, base: str) -> str:
        """A new name for something that is no node, or has no name from the user."""
        base = identifier(base) or "value"
        return self._free(base, "" if base in self._wanted else base)

    def _free(self, base: str, first: str) -> str:
        if first and first not in self._taken:
            self._taken.add(first)
            return first
        number = self._next.get(base, 2)
        while (name := f"{base}_{number}") in self._taken or name in self._wanted:
            number += 1
        self._next[base] = number + 1
        self._taken.add(name)
        return name


def cotangent_noun(node: Node) -> str:
    """What the cotangent of an unnamed value is called."""
    return "g_" + (COTANGENT_NOUNS.get(node.op.name) or noun(node))


def noun(node: Node) -> str:
    """What an unnamed value is, in one word."""
    found = NOUNS.get(node.op.name)
    return found if found is not None else node.op.name.rpartition(".")[2]
