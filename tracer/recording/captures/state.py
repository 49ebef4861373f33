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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from tracer import errors
from tracer.recording.captures.paths import Path
from tracer.recording.captures.snapshots import (
    Snapshot,
    VariableSnapshot,
    kind_of,
    same_rows,
    set_variable,
)
from tracer.recording.tensor.active import leak


class Counters:
    """The ints that a function reads and writes; ``static`` if they must be parts of programs."""

    __slots__ = ("places", "static")

    def __init__(self) -> None:
        self.places: set[tuple] = set()
        self.static = False


COUNTERS: WeakKeyDictionary[Any, Counters] = WeakKeyDictionary()  # by the traced function
STORES = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_DEREF", "DELETE_DEREF"})


class State:
    """What one trace has met outside of its function, with what was in it."""

    def __init__(self) -> None:
        self.objects: dict[int, Snapshot] = {}
        self.variables: dict[tuple[int, str], VariableSnapshot] = {}
        self.counters = Counters()
        self.lifted = False  # whether a counter is an input of this trace

    # -- ints that are read and written --------------------------------------------------------
    def load_counters(self, function: Any) -> None:
        """The function that is traced: what earlier traces have seen to count is known."""
        try:
            self.counters = COUNTERS.setdefault(function, Counters())
        except TypeError:  # it can't be remembered
            self.counters = Counters()

    def is_counter(self, path: Path) -> bool:
        """Whether an earlier trace has read an int there, and written another one."""
        places = self.counters.places
        return bool(places) and not self.counters.static and (path.root, path.steps) in places

    def may_lift_counters(self) -> bool:
        """Whether ints that count may be inputs; the trace is one that has such."""
        self.lifted = self.lifted or not self.counters.static
        return not self.counters.static

    def fix_counters(self) -> bool:
        """The trace has failed: whether it may do without counters among its inputs."""
        self.counters.static = self.counters.static or self.lifted
        return self.lifted

    # -- what is met ---------------------------------------------------------------------------
    def add(self, thing: Any, path: Path) -> None:
        """Here is an object: remember what is in it."""
        if id(thing) not in self.objects and kind_of(thing):
            self.objects[id(thing)] = Snapshot(thing, path)

    def snapshot_variables(self, function: types.FunctionType, path: Callable[[str], Path]) -> None:
        """A function is about to run: the variables that it assigns to are remembered."""
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
        for name in assigned(function.__code__):
            if name in cells:
                self.variable(cells[name], "", path(name))
            elif name in function.__code__.co_names:
                self.variable(function.__globals__, name, path(name))

    def variable(self, place: Any, name: str, path: Path) -> VariableSnapshot:
        """A global, an attribute of a module, or a closure variable that is assigned to."""
        return self.variables.setdefault((id(place), name), VariableSnapshot(place, name, path))

    def snapshot(self, thing: Any) -> Snapshot | None:
        """What is known of this very object."""
        found = self.objects.get(id(thing))
        return found if found is not None and found.thing is thing else None

    def is_new(self, owner: Any, key: Any, value: Any) -> bool:
        """Whether what is read at an object's key was put there during the trace."""
        held = self.snapshot(owner)
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
    def changed(self) -> list[Snapshot | VariableSnapshot]:
        """All that was written to."""
        things: list[Snapshot | VariableSnapshot] = [
            *self.objects.values(),
            *self.variables.values(),
        ]
        return [thing for thing in things if thing.changed()]

    @contextmanager
    def rolled_back(self) -> Iterator[None]:
        """For a while, all objects hold what they held before."""
        changed = self.changed()
        now = [thing.now() for thing in changed]
        try:
            for thing in changed:
                thing.roll_back()
            yield
        finally:
            for thing, rows in zip(changed, now, strict=True):
                if isinstance(thing, VariableSnapshot):
                    set_variable(thing.place, thing.name, rows)
                else:
                    thing.fill(rows)

    def roll_back(self) -> None:
        """Undo all that was written."""
        for thing in self.changed():
            thing.roll_back()

    def release(self) -> None:
        """Let go of the caller's objects."""
        self.objects, self.variables = {}, {}


class Savepoint:
    """What was in all objects when an inner trace began."""

    def __init__(self, state: State):
        self.state = state
        self.rows = {key: (held.now(), set(held.written)) for key, held in state.objects.items()}
        self.values = {key: variable.now() for key, variable in state.variables.items()}

    def changed(self) -> list[Snapshot | VariableSnapshot]:
        """What the inner trace has written to."""
        found: list[Snapshot | VariableSnapshot] = []
        for key, held in self.state.objects.items():
            rows, written = self.rows.get(key, (held.before, set()))
            if held.written != written or not same_rows(rows, held.now()):
                found.append(held)
        for name, variable in self.state.variables.items():
            if variable.now() is not self.values.get(name, variable.before):
                found.append(variable)
        return found

    def roll_back(self) -> None:
        """Put back what the inner trace has written."""
        for thing in self.changed():
            if isinstance(thing, VariableSnapshot):
                key = (id(thing.place), thing.name)
                set_variable(thing.place, thing.name, self.values.get(key, thing.before))
            else:
                rows, thing.written = self.rows.get(id(thing.thing), (thing.before, set()))
                thing.fill(rows)
                thing.grown = []

    def refuse_changes(self) -> None:
        """Raise if the inner trace has written to something.

        Raises
        ------
        CaptureMutationError
        """
        changed = self.changed()
        if changed:
            self.roll_back()
            raise leak(
                f"The function changes {changed[0].path or 'what is'} outside of it, inside of "
                "another traced function.",
                "return the value, and put it there outside of the inner function",
                errors.CaptureMutationError,
            )


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
