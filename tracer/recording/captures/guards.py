"""What must hold for a program to serve a call: guards on values, types and identity.

>>> guards = GuardSet(recorder, state)
>>> guards.add_value(Path("globals", table, (("name", "DEGREE"),)), 3)
>>> all(guard.holds(function, leaves) for guard in guards.values())
True
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from tracer.recording.captures.fingerprints import contents, fingerprint
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.captures.state import State
from tracer.recording.tensor.interface import ActiveRecorder
from tracer.recording.tensor.views import ViewStep


class CaptureGuard(Protocol):
    """A test of what is found at a path before each call."""

    @property
    def path(self) -> Path: ...

    def holds(self, function: Any, leaves: list[Any]) -> bool: ...


@dataclass(frozen=True, slots=True, eq=False)
class ValueGuard:
    """A static capture: the program holds while ``fingerprint`` of the value stays.

    ``deep`` containers count by all that is in them: they were used as they are, as an index, say.
    """

    path: Path
    expected: Any
    deep: bool = False

    def holds(self, function: Any, leaves: list[Any]) -> bool:
        value = self.path.read(function, leaves)
        return bool((contents(value) if self.deep else fingerprint(value)) == self.expected)


@dataclass(frozen=True, slots=True, eq=False)
class TypeGuard:
    """The program holds while a container of this class is there: no more of it was read."""

    path: Path
    expected: type
    deep: bool = False

    def holds(self, function: Any, leaves: list[Any]) -> bool:
        return type(self.path.read(function, leaves)) is self.expected


@dataclass(frozen=True, slots=True, eq=False)
class RelationGuard:
    """Two paths: ``test`` of what they lead to, or of views, has this outcome."""

    path: Path
    other: Path
    test: Callable[[Any, Any], bool]
    expected: bool
    steps: tuple[ViewStep, ...] = ()
    others: tuple[ViewStep, ...] = ()

    def holds(self, function: Any, leaves: list[Any]) -> bool:
        one, other = self.path.read(function, leaves), self.other.read(function, leaves)
        if one is MISSING or other is MISSING:
            return False
        return (
            bool(self.test(view_of(one, self.steps), view_of(other, self.others))) == self.expected
        )


class IdentityGuard:
    """One path still leads to the very same object.

    It does not keep the object alive; another one in the place of a lost one is another one.
    """

    __slots__ = ("path", "strong", "weak")

    def __init__(self, path: Path, thing: Any):
        self.path = path
        self.strong: Any = None
        self.weak: Any = None
        try:
            self.weak = weakref.ref(thing)
        except TypeError:  # an object without room for weak references
            self.strong = thing

    def holds(self, function: Any, leaves: list[Any]) -> bool:
        now = self.path.read(function, leaves)
        return now is (self.strong if self.weak is None else self.weak())


class GuardSet(dict[tuple, Any]):
    """The guards of one trace, by a key that says what each is about; the first one stays."""

    def __init__(self, recorder: ActiveRecorder, state: State):
        self.recorder = recorder
        self.state = state

    def add(self, key: tuple, guard: CaptureGuard) -> None:
        """The program holds while ``guard`` does."""
        if not self.recorder.closed:
            self.setdefault(key, guard)

    def add_value(self, path: Path, expected: Any) -> None:
        """The program holds while what is read at ``path`` has this value."""
        if not self.recorder.closed:
            self.setdefault(path.key(), ValueGuard(path, fingerprint(expected)))

    def add_contents(self, key: tuple, path: Path, value: Any) -> None:
        """The program holds while everything in the value at ``path`` is as it was."""
        if not self.recorder.closed:
            self.setdefault(key, self.initial(path, value, True))

    def initial(self, path: Path, value: Any, deep: bool) -> ValueGuard:
        """A guard on what a value was before the function wrote to it."""
        with self.state.rolled_back():
            return ValueGuard(path, contents(value) if deep else fingerprint(value), deep)


def view_of(array: Any, steps: tuple[ViewStep, ...]) -> Any:
    for step in steps:
        array = step.values(array)
    return array
