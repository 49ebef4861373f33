"""What a function writes to objects from outside: attributes, items of dicts and lists, variables.

A trace runs on the caller's own objects. At its end they are put back as they were, and what was
written is kept as edits, which each call carries out after its program has run.

>>> class Model:
...     def step(self, x):
...         self.calls += 1  # an input of the program, and one of its outputs
...         self.cache = x * 2
"""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from tracer import errors
from tracer.python.attributes import innermost
from tracer.recording.captures.containers import ABSENT
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.captures.snapshots import (
    Held,
    Variable,
    kind_of,
    same_rows,
    set_variable,
    take_away,
)
from tracer.recording.captures.snapshots import put as put_attribute
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor

if TYPE_CHECKING:
    from tracer.recording.captures.captures import Captures
    from tracer.recording.writeback.changes import Recipe, Writer


class Counters:
    """The ints that a function reads and writes; ``rigid`` if they must be parts of programs."""

    __slots__ = ("places", "rigid")

    def __init__(self) -> None:
        self.places: set[tuple] = set()
        self.rigid = False


COUNTERS: WeakKeyDictionary[Any, Counters] = WeakKeyDictionary()  # by the traced function
STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})


class State:
    """What one trace has met outside of its function, with what was in it."""

    def __init__(self, captures: Captures):
        self.captures = captures
        self.held: dict[int, Held] = {}
        self.variables: dict[tuple[int, str], Variable] = {}
        self.counters = Counters()
        self.lifted = False  # whether a counter is an input of this trace

    # -- ints that are read and written --------------------------------------------------------
    def of_function(self, function: Any) -> None:
        """The function that is traced: what earlier traces have seen to count is known."""
        try:
            self.counters = COUNTERS.setdefault(function, Counters())
        except TypeError:  # it can't be remembered
            self.counters = Counters()

    def counts(self, path: Path) -> bool:
        """Whether an earlier trace has read an int there, and written another one."""
        places = self.counters.places
        return bool(places) and not self.counters.rigid and (path.root, path.steps) in places

    def may_count(self) -> bool:
        """Whether ints that count may be inputs; the trace is one that has such."""
        self.lifted = self.lifted or not self.counters.rigid
        return not self.counters.rigid

    def gives_up(self) -> bool:
        """The trace has failed: whether it may do without counters among its inputs."""
        self.counters.rigid = self.counters.rigid or self.lifted
        return self.lifted

    def _remember(self, path: Path, before: Any) -> None:
        if type(before) is int and path.key() in self.captures.conditions:
            self.counters.places.add((path.root, path.steps))

    # -- what is met ---------------------------------------------------------------------------
    def meet(self, thing: Any, path: Path) -> None:
        """Here is an object: remember what is in it."""
        if id(thing) not in self.held and kind_of(thing):
            self.held[id(thing)] = Held(thing, path)

    def assigns(self, function: types.FunctionType, path: Callable[[str], Path]) -> None:
        """A function is about to run: the variables that it assigns to are remembered."""
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        for name in assigned(function.__code__):
            if name in cells:
                self.variable(cells[name], "", path(name))
            elif name in function.__code__.co_names:
                self.variable(function.__globals__, name, path(name))

    def variable(self, place: Any, name: str, path: Path) -> Variable:
        """A global, an attribute of a module, or a closure variable that is assigned to."""
        return self.variables.setdefault((id(place), name), Variable(place, name, path))

    def of(self, thing: Any) -> Held | None:
        """What is known of this very object."""
        found = self.held.get(id(thing))
        return found if found is not None and found.thing is thing else None

    def is_new(self, owner: Any, key: Any, value: Any) -> bool:
        """Whether what is read at an object's key was put there during the trace."""
        held = self.of(owner)
        if held is None or held.kind == "own":
            return False
        try:
            return held.is_new(key, value)
        except TypeError:  # a key of another kind
            return False

    def is_assigned(self, place: Any, name: str) -> bool:
        """Whether a variable has been assigned to."""
        found = self.variables.get((id(place), name))
        return found is not None and found.changed()

    # -- what was written ----------------------------------------------------------------------
    def changed(self) -> list[Held | Variable]:
        """All that was written to."""
        things: list[Held | Variable] = [*self.held.values(), *self.variables.values()]
        return [thing for thing in things if thing.changed()]

    @contextmanager
    def undone(self) -> Iterator[None]:
        """For a while, all objects hold what they held before."""
        changed = self.changed()
        now = [thing.now() for thing in changed]
        try:
            for thing in changed:
                thing.put_back()
            yield
        finally:
            for thing, rows in zip(changed, now, strict=True):
                if isinstance(thing, Variable):
                    set_variable(thing.place, thing.name, rows)
                else:
                    thing.fill(rows)

    def put_back(self) -> None:
        """Undo all that was written."""
        for thing in self.changed():
            thing.put_back()

    def settle(self) -> None:
        """The function has raised: what it has written stays, as plain values."""
        seen: dict[int, Any] = {}
        for thing in self.changed():
            if isinstance(thing, Variable):
                now = thing.now()
                if now is not ABSENT:
                    set_variable(thing.place, thing.name, self._plain(now, seen))
            elif thing.kind == "own":
                thing.put_back()
            else:
                self._settle(thing, seen)

    def _settle(self, held: Held, seen: dict[int, Any]) -> None:
        now = held.now()
        if isinstance(now, dict):
            held.fill({key: self._plain(value, seen) for key, value in now.items()})
        else:
            held.fill([self._plain(value, seen) for value in now])

    def _plain(self, value: Any, seen: dict[int, Any]) -> Any:
        """A traced value as the number that it stands for."""
        if id(value) in seen:
            return seen[id(value)]
        found = value
        if isinstance(value, TracedTensor):
            origin = self.captures.identities.origin(value)
            own = origin.thing if not origin.steps else value
            buffer = value._buffer
            known = own is not value and (buffer is None or not buffer.version)
            found = own if known else np.copy(value._value) if _is_array(value) else value._value
        elif type(value) in (list, dict, tuple) and self.of(value) is None:
            rows = value.items() if type(value) is dict else enumerate(value)
            made = {key: self._plain(item, seen) for key, item in rows}
            if any([made[key] is not item for key, item in rows]):
                found = made if type(value) is dict else type(value)(made.values())
        seen[id(value)] = found
        return found

    def edits(self, writer: Writer) -> tuple[Place, ...]:
        """How to write it all again."""
        changed = self.changed()
        for thing in self.variables.values():
            if not thing.changed() and thing.before is not ABSENT:
                # it may have been given what it had before
                self.captures.exactly(thing.path, thing.before)
        for thing in changed:
            if isinstance(thing, Variable):
                self._remember(thing.path, thing.before)
            elif isinstance(thing.before, dict):
                for key, value in thing.before.items():
                    if thing.is_new(key, value):
                        step = "attr" if thing.kind == "attr" else "item"
                        self._remember(thing.path.then(step, key), value)
        places = [_assigned(thing, writer) for thing in changed if isinstance(thing, Variable)]
        for held in changed:
            if isinstance(held, Held):
                places.append(_written(held, writer, self.captures))
        return tuple(places)

    def apart(self, places: Sequence[Place]) -> tuple[Path, ...]:
        """The ways to other objects of the classes that were written to."""
        written = {place.path.key() for place in places}
        kinds = {type(held.thing) for held in self.held.values() if held.path.key() in written}
        return tuple(
            [
                held.path
                for held in self.held.values()
                if type(held.thing) in kinds
                and held.path.key() not in written
                and not isinstance(held.thing, (type, types.FunctionType))
            ]
        )

    def forget(self) -> None:
        """Let go of the caller's objects."""
        self.held, self.variables = {}, {}


class Since:
    """What was in all objects when an inner trace began."""

    def __init__(self, state: State):
        self.state = state
        self.rows = {key: (held.now(), set(held.written)) for key, held in state.held.items()}
        self.values = {key: variable.now() for key, variable in state.variables.items()}

    def changed(self) -> list[Held | Variable]:
        """What the inner trace has written to."""
        found: list[Held | Variable] = []
        for key, held in self.state.held.items():
            rows, written = self.rows.get(key, (held.before, set()))
            if held.written != written or not same_rows(rows, held.now()):
                found.append(held)
        for name, variable in self.state.variables.items():
            if variable.now() is not self.values.get(name, variable.before):
                found.append(variable)
        return found

    def undo(self) -> None:
        """Put back what the inner trace has written."""
        for thing in self.changed():
            if isinstance(thing, Variable):
                key = (id(thing.place), thing.name)
                set_variable(thing.place, thing.name, self.values.get(key, thing.before))
            else:
                rows, thing.written = self.rows.get(id(thing.thing), (thing.before, set()))
                thing.fill(rows)
                thing.grown = []

    def refuse(self) -> None:
        """Raise if the inner trace has written to something.

        Raises
        ------
        CaptureMutationError
        """
        changed = self.changed()
        if changed:
            self.undo()
            raise leak(
                f"The function changes {changed[0].path or 'what is'} outside of it, inside of "
                "another traced function.",
                "return the value, and put it there outside of the inner function",
                errors.CaptureMutationError,
            )


def _is_array(tensor: TracedTensor) -> bool:
    return isinstance(tensor._value, np.ndarray)


@functools.lru_cache(maxsize=4096)
def assigned(code: types.CodeType) -> frozenset[str]:
    """The names that a function, or one inside it, assigns to as globals or outer variables."""
    found = {i.argval for i in dis.get_instructions(code) if i.opname in STORES}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= assigned(constant)
    return frozenset(found & {*code.co_freevars, *_global_names(code)})


def _global_names(code: types.CodeType) -> set[str]:
    """The names of globals in a function's code and in those inside it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _global_names(constant)
    return found


# -- what a call does ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What becomes of one object or variable.

    Attributes
    ----------
    path : Path
        The way to it, from the call.
    kind : str
        ``"attr"``, ``"table"``, ``"rows"``, ``"grow"`` (rows are appended), ``"name"`` (a global)
        or ``"cell"``.
    sets : tuple of (key, Recipe)
        Of rows, all that are there at the end; a number as the key of what was there before.
    gone : tuple
        Keys that are deleted.
    """

    path: Path
    kind: str
    sets: tuple[tuple[Any, Recipe | None], ...] = ()
    gone: tuple[Any, ...] = ()

    def find(self, function: Any, leaves: Sequence[Any]) -> Any:
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

    def write(self, thing: Any, values: Sequence[Any]) -> None:
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
                held[key] if recipe is None else value
                for (key, recipe), value in zip(self.sets, values, strict=True)
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
                take_away(thing, name)
            for name, value in rows:
                put_attribute(thing, name, value)


def _assigned(variable: Variable, writer: Writer) -> Place:
    kind = "name" if isinstance(variable.place, dict) else "cell"
    now = variable.now()
    sets = () if now is ABSENT else ((variable.name, writer.recipe(now)),)
    return Place(variable.path, kind, sets)


def _written(held: Held, writer: Writer, captures: Captures) -> Place:
    path, now = held.path, held.now()
    if held.kind == "own":
        raise leak(
            f"The function changed {path or 'a container'} outside of it, a "
            f"{type(held.thing).__name__}.",
            "use a dict or a list, or return it",
            errors.CaptureMutationError,
        )
    if held.kind == "rows":
        added = held.added()
        if added is not None:
            return Place(path, "grow", tuple([(None, writer.recipe(v)) for v in added]))
        captures.exactly(path, held.thing)
        return Place(path, "rows", tuple([_row(held, k, v, writer) for k, v in enumerate(now)]))
    gone = tuple([key for key in held.before if key not in now])
    sets = [
        (key, writer.recipe(value))
        for key, value in now.items()
        if key in held.written or held.before.get(key, ABSENT) is not value
    ]
    for key in gone:
        captures.condition(path.then("has" if held.kind == "attr" else "contains", key), True)
    kept = [key for key in held.before if key in now]
    if held.kind == "table" and list(now)[: len(kept)] != kept:
        captures.exactly(path, held.thing)  # the order of its keys is another
        gone = tuple(held.before)
        sets = [(key, writer.recipe(value)) for key, value in now.items()]
    writer.refuse_keys([key for key, _ in sets])
    return Place(path, held.kind, tuple(sets), gone)


def _row(held: Held, place: int, value: Any, writer: Writer) -> tuple[Any, Recipe | None]:
    """One row at the end: what was there before, or in another place, or something new."""
    before = held.before
    if place < len(before) and before[place] is value and place not in held.written:
        return place, None
    if not isinstance(value, FIXED_VALUES):
        for number, other in enumerate(before):
            if other is value:
                return number, None
    return None, writer.recipe(value)


FIXED_VALUES = (bool, int, float, complex, str, bytes, type(None))  # the same in each call


def find(
    places: Sequence[Place], apart: Sequence[Path], function: Any, leaves: Sequence[Any]
) -> list[Any] | None:
    """What each place leads to; None if two that were apart are one now."""
    things = [place.find(function, leaves) for place in places]
    if any([thing is MISSING for thing in things]):
        return None
    spots = [
        (id(thing), place.path.steps[-1][1] if place.kind == "name" else "")
        for thing, place in zip(things, places, strict=True)
    ]
    if len(set(spots)) < len(spots):
        return None
    written = {number for number, _ in spots}
    others: Iterator[Any] = (path.read(function, list(leaves)) for path in apart)
    return None if any([id(other) in written for other in others]) else things


class Saved:
    """What the objects of a call hold, to be put back: for comparisons with plain code."""

    def __init__(self, places: Sequence[Place], function: Any, leaves: Sequence[Any]):
        self.held: list[Held | Variable] = []
        for place in places:
            thing = place.find(function, leaves)
            if place.kind in ("name", "cell"):
                name = place.path.steps[-1][1] if place.path.steps else ""
                self.held.append(Variable(thing, name, place.path))
            elif thing is not MISSING:
                self.held.append(Held(thing, place.path))

    def now(self) -> list[Any]:
        return [held.now() for held in self.held]

    def fill(self, rows: Sequence[Any]) -> None:
        for held, row in zip(self.held, rows, strict=True):
            if isinstance(held, Variable):
                set_variable(held.place, held.name, row)
            else:
                held.fill(row)


def rows_of(saved: Sequence[Any]) -> list[Any]:
    """What objects held, to be compared: dicts by their keys, in order."""
    return [
        [list(map(repr, row)), *row.values()] if isinstance(row, dict) else row for row in saved
    ]
