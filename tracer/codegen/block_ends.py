"""Nodes for writers alone, which say what the body of a loop or branch hands on.

>>> end_of(STORE, [row])              # the row goes into its array
<store(%0)>
"""

from __future__ import annotations

from collections.abc import Sequence

from tracer.graph.node import Node, Params, hole
from tracer.graph.op import STRUCTURAL, Op
from tracer.graph.spec import WEAK_SPECS


def _never(*operands: object) -> None:
    raise AssertionError("these nodes are written, not evaluated")


STORE = Op("store", STRUCTURAL, _never)  # a row's value goes into its array
HAND_ON = Op("hand_on", STRUCTURAL, _never)  # the results of a body
TEST = Op("test", STRUCTURAL, _never)  # what a while loop asks


def end_of(op: Op, values: Sequence[Node]) -> Node:
    """A node that uses some values."""
    params = Params([hole(slot) for slot in range(len(values))])
    origins = [value.origin for value in values if not value.name and value.inputs]
    origin = origins[-1] if origins else None
    return Node(op, tuple(values), params, (WEAK_SPECS[bool],), origin)
