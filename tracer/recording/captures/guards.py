"""What must hold for a program to serve a call: guards on values, types and identity."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracer.recording.captures.fingerprints import contents, fingerprint
from tracer.recording.captures.paths import MISSING, Path
from tracer.recording.tensor.views import ViewStep


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
    """A condition on two paths: ``test`` of what they lead to, or of views, has this outcome."""

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
    """A condition that one path still leads to the very same object.

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


def view_of(array: Any, steps: tuple[ViewStep, ...]) -> Any:
    for step in steps:
        array = step.values(array)
    return array
