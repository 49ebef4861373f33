"""Which things are one object: ``x is y``, ``id(x)``, ``x in [y]``, ``np.shares_memory(x, y)``.

A Tensor of a trace is never the object that it stands for, and an array passed twice arrives as two
Tensors. Such questions are answered for what the caller has passed, and the answer is a guard
of the program.

>>> identities.same(x, y)  # f(a, a): True, as long as both arguments are one array
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tracer import trees
from tracer.ops.stand_ins import original_of
from tracer.recording.captures.guards import GuardSet, IdentityGuard, RelationGuard, view_of
from tracer.recording.captures.paths import Path
from tracer.recording.tensor.active import leak
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import ViewStep

# Objects of these types are known by their value: no program asks which one it is.
BY_VALUE = frozenset({int, bool, str, bytes, float, complex, type(None), type(...), range})


@dataclass(frozen=True, slots=True)
class Binding:
    """What a Tensor or a stream of the trace stands for, and the way there.

    ``path`` is None for a Tensor of an enclosing trace.
    """

    stand_in: Any
    original: Any
    path: Path | None


@dataclass(frozen=True, slots=True)
class External:
    """Something outside of a trace, the way there, and which view of it was asked for."""

    thing: Any
    path: Path | None
    steps: tuple[ViewStep, ...] = ()


class Identities:
    """What the Tensors of one trace, and of the traces inside it, stand for."""

    def __init__(self, guards: GuardSet):
        self.guards = guards
        self.bindings: dict[int, Binding] = {}
        self.paths: dict[int, tuple[Any, list[Path]]] = {}  # all that lead to an object
        self.arguments: list[Any] = []  # the arguments of the traces, built anew from their leaves

    def bind(self, stand_in: Any, original: Any, path: Path | None) -> Any:
        """Remember what a new input of a trace stands for; returns the input."""
        binding = Binding(stand_in, original, path)
        self.bindings[id(stand_in)] = binding
        if stand_in._buffer is not None:
            self.bindings[id(stand_in._buffer)] = binding
        return stand_in

    def add_path(self, value: Any, path: Path) -> None:
        """Remember one more way to an object."""
        if type(value) not in BY_VALUE:
            self.paths.setdefault(id(value), (value, []))[1].append(path)

    def guard_same(self, value: Any, one: Path, other: Path) -> None:
        """Two ways lead to one object, whose parts are found on the first of them."""
        if type(value) not in BY_VALUE and (first := one.key()) != (second := other.key()):
            self.guards.add(("same", first, second), RelationGuard(one, other, operator.is_, True))

    def origin(self, value: Any) -> External:
        """What a stand-in stands for outside of all traces; other things are their own."""
        path = self._first_path(value)
        while (binding := self.bindings.get(id(value))) is not None:
            value, path = binding.original, binding.path
        return External(value, path)

    # -- what programs ask -------------------------------------------------------------------
    def same(self, left: Any, right: Any) -> bool:
        """``left is right``.

        Raises
        ------
        LeakError
            If one of two containers is an argument: it was built anew for the trace.
        """
        if type(left) is type(right) and left is not right:
            self._refuse_arguments(left, right)
        if not isinstance(left, TracedTensor) and not isinstance(right, TracedTensor):
            self.guard_identity(left)
            self.guard_identity(right)
            return left is right or original_of(left) is original_of(right)
        if left is right:
            return True
        return self._guarded_test(self.origin(left), self.origin(right), operator.is_)

    def id_of(self, thing: Any) -> int:
        """``id(thing)``: the caller's number of what it stands for."""
        origin = self.origin(thing)
        if isinstance(thing, TracedTensor) and origin.path is not None:
            self._guard_path(origin.path, origin.thing)
        else:
            self._refuse_arguments(thing)
            self.guard_identity(thing)
        return id(origin.thing)

    def guard_key(self, key: Any) -> None:
        """``key`` is hashed or compared: an object without an ``__eq__`` counts by its identity."""
        if type(key).__eq__ is object.__eq__:
            self.guard_identity(key)

    def contains(self, item: Any, items: Iterable[Any]) -> bool:
        """``item in items`` of a list: the same object, or an equal one."""
        return any([self.same(item, other) or bool(item == other) for other in items])

    def refuse_duplicates(self, tensor: TracedTensor, others: Iterable[TracedTensor]) -> None:
        """For code that can't be seen to ask ``is``: no other one may be the same object.

        Raises
        ------
        LeakError
            If one array was passed twice.
        """
        for other in others:
            if tensor is not other and self.same(tensor, other):
                raise leak(
                    "A function without source compares by identity, and one array came twice.",
                    "define the function in a file",
                )

    def shares(self, left: Any, right: Any, test: Callable[..., bool]) -> bool:
        """``np.shares_memory(left, right)`` or ``np.may_share_memory(left, right)``.

        Raises
        ------
        LeakError
            If parts of two arguments are compared that may be the same memory.
        """
        first, second = self._base_chain(left), self._base_chain(right)
        nearest = [
            (one, other)
            for one in first
            for other in second
            if _buffer(one.thing) is not None and _buffer(one.thing) is _buffer(other.thing)
        ]
        one, other = nearest[0] if nearest else (first[-1], second[-1])
        if all([len(step.inputs) == 1 for step in (*one.steps, *other.steps)]):
            return self._guarded_test(one, other, test)
        if not self._guarded_test(
            replace(one, steps=()), replace(other, steps=()), np.may_share_memory
        ):
            return False
        raise leak(
            "Parts of two arrays from outside that may share memory were compared.",
            "compare the arrays themselves, or pass one and take both parts of it",
        )

    def refuse_base(self, tensor: TracedTensor) -> None:
        """``tensor.base``: None, for arrays that own their memory.

        Raises
        ------
        LeakError
            For a view: the array that it is a view of is not at hand.
        """
        origin = self.origin(tensor)
        held = getattr(origin.thing, "_value", origin.thing)
        if getattr(held, "base", None) is not None or tensor._steps:
            raise leak(
                "The base of a traced view was read.",
                "np.shares_memory(x, y) tells whether two arrays share memory",
            )
        if origin.path is not None:
            self.guards.add_value(origin.path.then("attr", "base"), None)

    def guard_ownership(self, tensor: TracedTensor) -> None:
        """``tensor.flags`` are read: an argument's memory is its own, or not, as now."""
        origin = self.origin(tensor)
        if origin.path is not None:
            way = origin.path.then("attr", "flags").then("attr", "owndata")
            self.guards.add_value(way, np.asarray(origin.thing).flags.owndata)

    # -- how the answers become guards ---------------------------------------------------
    def _base_chain(self, array: Any) -> list[External]:
        """A Tensor, then what its memory came from, and so on."""
        chain = [External(array, self._first_path(array))]
        while (binding := self.bindings.get(id(_buffer(array)))) is not None:
            steps = (*array._steps, *chain[-1].steps)
            array = binding.original
            chain.append(External(array, binding.path, steps))
        return chain

    def guard_identity(self, thing: Any) -> None:
        """All ways that led to this object must lead to it again."""
        if type(thing) in BY_VALUE or isinstance(thing, (type, TracedTensor)):
            return
        value, paths = self.paths.get(id(thing), (None, ()))
        for path in paths if value is thing else ():
            self._guard_path(path, thing)

    def _guard_path(self, path: Path, thing: Any) -> None:
        self.guards.add(("identity", *path.key()), IdentityGuard(path, thing))

    def _guarded_test(self, one: External, other: External, test: Callable[..., bool]) -> bool:
        things = one.thing, other.thing
        if test is not operator.is_:
            arrays = [np.asarray(getattr(thing, "_value", thing)) for thing in things]
            things = view_of(arrays[0], one.steps), view_of(arrays[1], other.steps)
        outcome = bool(test(*things))
        path, way = [self._readable_path(origin) for origin in (one, other)]
        if path is not None and way is not None:
            key = (test.__name__, path.key(), way.key(), one.steps, other.steps)
            self.guards.add(key, RelationGuard(path, way, test, outcome, one.steps, other.steps))
        return outcome

    def _refuse_arguments(self, *things: Any) -> None:
        for thing in things:
            if not isinstance(thing, TracedTensor) and any(
                [part is thing for tree in self.arguments for part in trees.containers(tree)]
            ):
                raise leak(
                    f"A {type(thing).__name__} that was passed as an argument was compared by "
                    "identity.",
                    "compare what is in it, or pass a flag",
                )

    def _readable_path(self, origin: External) -> Path | None:
        """How to find it again; None for a Tensor of the trace, which no call gives again."""
        if origin.path is None and not isinstance(origin.thing, TracedTensor):
            return Path("globals", origin.thing)
        return origin.path

    def _first_path(self, thing: Any) -> Path | None:
        value, paths = self.paths.get(id(thing), (None, ()))
        return paths[0] if value is thing and paths else None


def _buffer(array: Any) -> Any:
    return array._buffer if isinstance(array, TracedTensor) else None
