"""PullbackRecords: what reverse did at each operand, with the formula that the picture shows.

The formula is printed from the nodes that the rule made, so it can't disagree with the code:

>>> graph.records[0].formula
(('ḡ', f64[4,2]), (' · ', None), ('wᵀ', f64[2,3]))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tracer.graph.calcgraph import PullbackRecord
from tracer.graph.node import Node
from tracer.graph.spec import ArraySpec
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import Sparse, rule_for
from tracer.transforms.reverse.accumulator import Accumulator
from tracer.transforms.reverse.cotangents import Masked
from tracer.transforms.reverse.formula import FormulaPrinter
from tracer.transforms.reverse.pullback import Contribution

# What a picture says of pullbacks that are loops and branches themselves.
REGIONS = {"loop": "ḡ through the loop, backwards", "cond": "ḡ through the branch taken"}


class Records:
    """Notes while the sweep runs; ``finish`` makes the records."""

    def __init__(self, builder: Builder, own: tuple[Node, ...]):
        self.builder = builder
        self.own = frozenset(own)
        self.notes: list[tuple[Node, int, Any, Any, int, int]] = []

    def record(
        self, node: Node, ct: Any, contributions: Iterable[Contribution]
    ) -> Iterator[Contribution]:
        """The contributions of one pullback, each noted with the nodes that it was made by."""
        start = len(self.builder.nodes)
        for slot, contribution in contributions:
            given = ct.dense if type(ct) is Accumulator else list(ct) if type(ct) is list else ct
            end = len(self.builder.nodes)
            self.notes.append((node, slot, given, contribution, start, end))
            yield slot, contribution

    def finish(self, kept: frozenset[Node]) -> tuple[PullbackRecord, ...]:
        """The records, in the order of the sweep."""
        printer = FormulaPrinter(self.own)
        places = {node: place for place, node in enumerate(self.builder.nodes)}
        found = []
        for node, slot, ct, contribution, start, end in self.notes:
            made = _made(_symbol(contribution), places, start, end)
            made = tuple([one for one in made if one in kept])
            spec, result = _first_inexact(node), node.inputs[slot].specs[0]
            rule = rule_for(node.op)
            # What a rule says on paper is meant for the plain call.
            is_plain = rule is not None and rule.pulls and not node.params.kwargs
            math = rule.pulls[0].math if is_plain else ""
            math = REGIONS.get(node.op.name, math)
            formula = printer.formula(node, slot, ct, contribution, spec)
            found.append(PullbackRecord(node, slot, formula, spec, result, made, math))
        return tuple(found)


def _symbol(contribution: Any) -> Symbol | None:
    if type(contribution) is Symbol:
        return contribution
    if type(contribution) in (Masked, Sparse):
        return contribution.value
    return None


def _made(value: Symbol | None, places: dict[Node, int], start: int, end: int) -> tuple[Node, ...]:
    """The nodes between two places that a contribution was computed by, in order."""
    found: set[Node] = set()
    waiting = [value.node] if value is not None else []
    while waiting:
        node = waiting.pop()
        if node not in found and start <= places[node] < end:
            found.add(node)
            waiting += node.inputs
    return tuple(sorted(found, key=places.__getitem__))


def _first_inexact(node: Node) -> ArraySpec:
    return next((spec for spec in node.specs if spec.is_inexact), node.specs[0])
