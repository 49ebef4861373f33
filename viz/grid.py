"""Rows and columns of the ladder, and the ways that values take around loops.

>>> route(grid, h, tanh, 0)         # the last step's h goes into the next one by a carry
('carry', 0)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracer.graph.node import Node
from viz.folding import Cell, Folding
from viz.parts import Anatomy, source
from viz.picture import Frame, Picture

Lines = Mapping[Node, tuple[int | None, int | None]]


@dataclass(eq=False, slots=True)
class Grid:
    """A Picture in the making.

    Attributes
    ----------
    keys : dict
        The box of each cell: ``n1`` an op, ``a1`` a leaf; ``v1`` and ``g1`` are the pullback and
        the gradient beside them.
    beside : dict
        For each leaf that stands in the row of the op that reads it, the cell of that op.
    carried : dict
        For each body and cell that hands its value to the next step, the number of its pills:
        ``i1`` and ``o1`` forward, ``j1`` and ``k1`` backward, in the order top and bottom.
    initial : dict
        The pill number of each (cell, slot) that takes a carried value.
    """

    parts: Anatomy
    folding: Folding
    lines: Lines
    picture: Picture = field(default_factory=Picture)
    keys: dict[Cell, str] = field(default_factory=dict)
    pulled: set[Cell] = field(default_factory=set)
    beside: dict[Cell, Cell] = field(default_factory=dict)
    in_row: dict[Cell, list[str]] = field(default_factory=dict)
    carried: dict[tuple[Frame, Cell], int] = field(default_factory=dict)
    initial: dict[tuple[Cell, int], int] = field(default_factory=dict)

    @property
    def ops(self) -> list[Node]:
        return self.parts.ops + self.parts.extra

    def cell(self, value: Node) -> Cell | None:
        """The cell that shows the maker of a value."""
        return self.folding.cell_of.get(source(value))


def steps_out(grid: Grid, giver: Node, taker: Node) -> int | None:
    """The carry that a value leaves its loop by, for a reader outside of the loop."""
    outside = [body for body, _ in grid.folding.steps.get(taker, ())]
    for body, _ in grid.folding.steps.get(giver, ()):
        number = grid.carried.get((body, grid.folding.cell_of[giver]))
        if number is not None and body not in outside:
            return number
    return None


def route(grid: Grid, giver: Node, taker: Node, slot: int) -> tuple[str, int]:
    """How a value gets to its reader.

    Returns
    -------
    kind, number
        ``"straight"``; ``"carry"``: by the pills ``number`` into the next step; ``"into"`` a
        loop as a carry's first value; ``"out"`` of a loop as a carry's last value.
    """
    cell = grid.folding.cell_of[taker]
    if giver in grid.folding.steps:
        body = grid.folding.carry(giver, taker)
        if body is not None:
            return "carry", grid.carried[body, grid.folding.cell_of[giver]]
        number = steps_out(grid, giver, taker)
        if number is not None:
            return "out", number
    if (cell, slot) in grid.initial:
        return "into", grid.initial[cell, slot]
    return "straight", 0
