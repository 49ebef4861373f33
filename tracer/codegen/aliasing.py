"""Which values may share memory: what decides where a write may happen in place.

>>> may_alias(node_of("x[1:]")), may_alias(node_of("x * 2"))
((x,), ())
"""

from __future__ import annotations

import numpy as np

from tracer.graph.node import Node
from tracer.graph.reach import picks_copies
from tracer.ops.memory import FRESH

# Fresh ones that programs copy before they write to them all the same.
COPIED = frozenset({"empty_like", "roll"})


def may_alias(node: Node) -> tuple[Node, ...]:
    """The operands whose memory the node's value may share; none if it surely owns its own."""
    if all(spec.kind in ("scalar", "weak") for spec in node.specs):
        return ()  # scalars are immutable copies
    name = node.op.name
    if (name in FRESH and name not in COPIED) or isinstance(node.op.evaluate, np.ufunc):
        return ()
    if name == "getitem" and picks_copies(node):
        return ()
    if name == "getitem":
        return node.inputs[:1]
    return node.inputs


def owns_memory(node: Node) -> bool:
    """Whether a later write may happen in the node's own array."""
    if len(node.specs) != 1 or node.spec.kind != "array" or not node.shape:
        return False
    if node.op.name in ("input", "constant", "item", "call", "cond", "loop"):
        return False
    return not may_alias(node)
