"""Entropy of streams made without a seed: one draw of it serves all attempts at a call.

A call tries its programs one after the other until the guards of one hold. Would each attempt seed
``np.random.default_rng()`` anew, then the branch that is tried first would be taken too often.

>>> @one_call
... def attempts():
...     first = repeatable(np.random.PCG64)()
...     rewind()
...     return repeatable(np.random.PCG64)().state == first.state
>>> attempts()
True
"""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


class Entropy:
    """What the streams made in one call were seeded with, in the order they were made."""

    __slots__ = ("position", "values")

    def __init__(self) -> None:
        self.values: list[int] = []
        self.position = 0

    def following(self) -> int:
        """The number for the stream that is made next in this attempt."""
        if self.position == len(self.values):
            self.values.append(secrets.randbits(128))  # as many as NumPy takes
        self.position += 1
        return self.values[self.position - 1]


CALL: ContextVar[Entropy | None] = ContextVar("tracer_entropy", default=None)


def one_call(function: Callable[P, R]) -> Callable[P, R]:
    """All attempts that a call of the function makes are at the same call."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        outer = CALL.get()
        try:
            CALL.set(Entropy())
            return function(*args, **kwargs)
        finally:
            CALL.set(outer)

    return call


def rewind() -> None:
    """The next attempt begins."""
    call = CALL.get()
    if call is not None:
        call.position = 0


@contextmanager
def replayed() -> Iterator[None]:
    """Streams made in here are made once more after it: a trace is recorded in another one."""
    call = CALL.get()
    place = 0 if call is None else call.position
    yield
    if call is not None:
        call.position = place


def repeatable(maker: Any) -> Callable[..., Any]:
    """A maker of streams, or of seeds, that gives the same stream in each attempt at a call."""

    @functools.wraps(maker, updated=())
    def make(*args: Any, **kwargs: Any) -> Any:
        call = CALL.get()
        given = [*args, *kwargs.values()]
        if call is None or len(given) > 1 or any(value is not None for value in given):
            return maker(*args, **kwargs)
        number = call.following()
        if maker is np.random.SeedSequence:
            return maker(number)
        if maker is np.random.RandomState:
            return maker(np.random.MT19937(np.random.SeedSequence(number)))
        return maker(np.random.SeedSequence(number))

    return make


# What makes a stream, by name, and what stands for it in programs.
MAKERS: dict[str, Any] = {
    name: getattr(np.random, name)
    for name in "default_rng Generator RandomState SeedSequence PCG64 PCG64DXSM MT19937 Philox "
    "SFC64".split()
    if hasattr(np.random, name)
}
REPEATABLE = {
    name: maker if name == "Generator" else repeatable(maker) for name, maker in MAKERS.items()
}


@functools.cache
def repeatable_numpy() -> ModuleType:
    """NumPy's namespace for programs that make streams: its makers repeat themselves."""
    numpy, chapter = ModuleType("numpy"), ModuleType("numpy.random")
    vars(numpy).update(vars(np) | {"random": chapter})
    vars(chapter).update(vars(np.random) | REPEATABLE)
    return numpy
