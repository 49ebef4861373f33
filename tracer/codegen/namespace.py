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
from tracer.ops.default_names import noun

TAKEN = frozenset(
    {
        *keyword.kwlist,
        *keyword.softkwlist,
        *dir(builtins),
        "np",
        "special",
        "scipy",
        "GuardMiss",
        "residuals",
    }
)

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
    cotangents : dict of Node to Node
        Of which values some nodes are the cotangents: ``g_w_2`` belongs to ``w_2``.
    """

    def __init__(
        self,
        wanted: Iterable[str] = (),
        suggested: Mapping[Node, str] | None = None,
        cotangents: Mapping[Node, Node] | None = None,
    ):
        self.suggested = dict(suggested or {})
        self.cotangents = dict(cotangents or {})
        self._names: dict[Node, str] = {}
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}
        self._counters: set[str] = set()  # of loops; used again by later ones
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

    def counter(self, base: str, busy: tuple[str, ...]) -> str:
        """A name for a loop's index: one that other loops had, unless they are ``busy``."""
        for name in (base, "i", "j", "k"):
            if name in self._counters and name not in busy:
                return name
            if identifier(name) == name and name not in self._taken | self._wanted:
                break
        found = name if name not in self._taken | self._wanted else self.fresh(base)
        self._taken.add(found)
        self._counters.add(found)
        return found

    def rename(self, node: Node, name: str) -> None:
        """Let ``node`` live in a variable that is there already."""
        self._names[node] = name

    def claim(self, *names: str) -> None:
        """Keep names for functions."""
        self._taken.update(names)

    def alike(self, node: Node, other: Node) -> None:
        """Call ``node`` like ``other``, of which it is the same value in another function."""
        if other in self._names:
            self._names[node] = self._names[other]
        elif other in self.suggested:
            self.suggested[node] = self.suggested[other]
        if other in self.cotangents:
            self.cotangents[node] = self.cotangents[other]

    def give(self, node: Node, hint: str = "") -> str:
        """The node's name, made on first use from ``hint``, its own hint, or its op."""
        found = self._names.get(node)
        if found is None:
            chosen = identifier(hint or node.name)
            value = self._names.get(self.cotangents.get(node, node))
            if value and chosen:
                chosen = f"g_{value}"
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
