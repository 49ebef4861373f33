"""Where outside of the function a call writes.

>>> mutation = Mutation(path, "attr", (("cache", ValueSource("output", 1)),))
>>> mutation.apply(mutation.resolve(function, leaves), [values[1]])     # model.cache = values[1]
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.python.unwrap import innermost
from tracer.recording.captures.containers import ABSENT
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.captures.snapshots import (
    Snapshot,
    VariableSnapshot,
    delete_attribute,
    set_attribute,
    set_variable,
)


@dataclass(frozen=True, slots=True, eq=False)
class Mutation:
    """What becomes of one object or variable.

    Attributes
    ----------
    path : Path
        The way to it, from the call.
    kind : str
        ``"attr"``, ``"table"``, ``"rows"``, ``"grow"`` (rows are appended), ``"name"`` (a global)
        or ``"cell"``.
    sets : tuple of (key, ValueSource)
        Of rows, all that are there at the end; a number as the key of what was there before.
    gone : tuple
        Keys that are deleted.
    """

    path: Path
    kind: str
    sets: tuple[tuple[Any, ValueSource | None], ...] = ()
    gone: tuple[Any, ...] = ()

    def resolve(self, function: Any, leaves: Sequence[Any]) -> Any:
        """The object that is written to, or the variable's place."""
        path = self.path
        if self.kind == "cell":
            if not path.steps:
                return path.base
            owner = Path(path.root, path.base, path.steps[:-1]).read(function, list(leaves))
            owner = innermost(owner)
            return owner.__closure__[owner.__code__.co_freevars.index(path.steps[-1][1])]
        if self.kind == "name":
            return path.base
        return path.read(function, list(leaves))

    def apply(self, thing: Any, values: Sequence[Any]) -> None:
        """Carry it out, with a value for each of ``sets``."""
        rows = [(key, value) for (key, _), value in zip(self.sets, values, strict=True)]
        if self.kind in ("name", "cell"):
            name = self.path.steps[-1][1] if self.path.steps else ""
            set_variable(thing, name, rows[0][1] if rows else ABSENT)
        elif self.kind == "grow":
            thing.extend(values)
        elif self.kind == "rows":
            held = list(thing)
            fresh = [
                held[key] if source is None else value
                for (key, source), value in zip(self.sets, values, strict=True)
            ]
            thing.clear()
            thing.extend(fresh)
        elif self.kind == "table":
            for key in self.gone:
                thing.pop(key, None)
            for key, value in rows:
                thing[key] = value
        else:
            for name in self.gone:
                delete_attribute(thing, name)
            for name, value in rows:
                set_attribute(thing, name, value)


def resolve(
    places: Sequence[Mutation], unaliased: Sequence[Path], function: Any, leaves: Sequence[Any]
) -> list[Any] | None:
    """What each place leads to; None if two that were no aliases are one now."""
    things = [place.resolve(function, leaves) for place in places]
    if any([thing is MISSING for thing in things]):
        return None
    spots = [
        (id(thing), place.path.steps[-1][1] if place.kind == "name" else "")
        for thing, place in zip(things, places, strict=True)
    ]
    if len(set(spots)) < len(spots):
        return None
    written = {number for number, _ in spots}
    others: Iterator[Any] = (path.read(function, list(leaves)) for path in unaliased)
    return None if any([id(other) in written for other in others]) else things


class StateSnapshot:
    """What the objects of a call hold, to be put back: for comparisons with plain code."""

    def __init__(self, places: Sequence[Mutation], function: Any, leaves: Sequence[Any]):
        self.held: list[Snapshot | VariableSnapshot] = []
        for place in places:
            thing = place.resolve(function, leaves)
            if place.kind in ("name", "cell"):
                name = place.path.steps[-1][1] if place.path.steps else ""
                self.held.append(VariableSnapshot(thing, name, place.path))
            elif thing is not MISSING:
                self.held.append(Snapshot(thing, place.path))

    def now(self) -> list[Any]:
        return [held.now() for held in self.held]

    def fill(self, rows: Sequence[Any]) -> None:
        for held, row in zip(self.held, rows, strict=True):
            if isinstance(held, VariableSnapshot):
                set_variable(held.place, held.name, row)
            else:
                held.fill(row)


def rows_of(saved: Sequence[Any]) -> list[Any]:
    """What objects held, to be compared: dicts by their keys, in order."""
    return [
        [list(map(repr, row)), *row.values()] if isinstance(row, dict) else row for row in saved
    ]


@dataclass(frozen=True, slots=True)
class ValueSource:
    """How to have a value in a later call.

    ``kind`` is ``"leaf"`` or ``"container"`` (of the arguments, ``what`` is its number),
    ``"output"`` (of the program), ``"path"`` (a captured object), ``"value"`` (a constant) or
    ``"new"`` (a container made in the trace, ``what`` is its number among these).
    """

    kind: str
    what: Any
