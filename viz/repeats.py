"""Repetition in a sequence: the bodies of unrolled loops, nested ones too.

>>> find_repeats(np.array([7, 1, 2, 1, 2, 1, 2, 9]))
[0, Body(start=1, period=2, count=3, items=[1, 2]), 7]
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

FEWEST = 3  # a body that comes twice is easier to read written out


@dataclass(slots=True)
class Body:
    """``count`` equal runs of ``period`` elements; ``items`` is the first run's own structure."""

    start: int
    period: int
    count: int
    items: list[Body | int] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Where the first run ends."""
        return self.start + self.period


def find_repeats(signs: np.ndarray, start: int = 0, end: int | None = None) -> list[Body | int]:
    """The sequence with each repeated run replaced by a Body; ints are positions."""
    end = len(signs) if end is None else end
    best = _longest(signs[start:end])
    if best is None:
        return list(range(start, end))
    best.start += start
    after = best.start + best.period * best.count
    best.items = find_repeats(signs, best.start, best.end)
    return [*find_repeats(signs, start, best.start), best, *find_repeats(signs, after, end)]


def _longest(signs: np.ndarray) -> Body | None:
    """The repetition that saves most elements; of equal ones that with the shortest body."""
    best, saved = None, 0
    for period in _periods(signs):
        equal = np.concatenate(([False], signs[:-period] == signs[period:], [False]))
        edges = np.flatnonzero(equal[1:] != equal[:-1])
        for begin, stop in zip(edges[::2], edges[1::2], strict=True):
            count = (stop - begin) // period + 1
            if count >= FEWEST and (count - 1) * period > saved:
                best, saved = Body(int(begin), period, int(count)), (count - 1) * period
    return best


def _periods(signs: np.ndarray) -> list[int]:
    """Distances between equal neighbours in order of value: no other period is possible."""
    order = np.argsort(signs, kind="stable")
    same = signs[order][1:] == signs[order][:-1]
    gaps = np.diff(order)[same]
    found = np.unique(gaps[gaps > 0])
    # The outer of nested loops has a period that is a sum of gaps around one op.
    firsts = np.flatnonzero(signs == signs[0]) if len(signs) else found
    found = np.unique(np.concatenate((found, np.diff(firsts))))
    return [int(period) for period in found if period <= len(signs) // FEWEST]
