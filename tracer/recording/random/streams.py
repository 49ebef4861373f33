"""Random streams: their states, the private copies of a trace, and programs that draw from them.

>>> states = states_of([rng])
>>> rng.normal()
>>> put_back(states)  # as if nothing had been drawn
"""

from __future__ import annotations

import _random
import ctypes
import os
import random
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.calcgraph import CalcGraph
from tracer.ops import registry
from tracer.ops.random import MADE_BY
from tracer.ops.seeds import rewind
from tracer.recording.tensor.active import leak

GLOBAL = np.random.mtrand._rand  # what np.random.normal and its like draw from
STREAMS = (np.random.Generator, np.random.RandomState)


class Streams:
    """The streams of one trace and their private copies."""

    def __init__(self) -> None:
        self.copies: dict[int, tuple[Any, Any]] = {}  # of bit generators
        self.real: dict[int, tuple[Any, Any, Any]] = {}  # stream, its copy, the state it had
        self.traced: dict[int, Any] = {}  # their stand-ins
        self.lost = False  # an inner trace drew and then failed: its draws are in no program
        self.unseen = _watched() if threading.active_count() == 1 else []
        self.process = os.getpid()

    def private(self, stream: Any) -> Any:
        """The copy that tracing draws from; two streams over one bit generator stay so."""
        known = self.real.get(id(stream))
        if known is not None:
            return known[1]
        refuse_stream(stream)
        bits = _bits(stream)
        found = self.copies.get(id(bits))
        if found is None:
            copied = type(bits)()
            copied.state = bits.state
            found = self.copies[id(bits)] = (bits, copied)
        copy = type(stream)(found[1])
        state = _state(stream)
        if isinstance(stream, np.random.RandomState):
            copy.set_state(state)
        self.real[id(stream)] = (stream, copy, state)
        return copy

    def commit(self) -> None:
        """After an exception of the user's: the streams stand where plain NumPy left them."""
        for stream, copy, was in self.real.values():
            if not _same_state(_state(copy), was):
                _put_state(stream, _state(copy))

    def drew(self) -> bool:
        return any(not _same_state(_state(copy), was) for _, copy, was in self.real.values())

    def refuse_unseen(self) -> None:
        """Raise if a stream moved although only its copy should have.

        Raises
        ------
        LeakError
            If random numbers were drawn by code that tracing can't see into.
        """
        if self.lost:
            raise leak(
                "Random numbers were drawn by an inner function that then raised an exception.",
                "draw them before the call that may fail",
            )
        if threading.active_count() > 1 or os.getpid() != self.process:
            return  # others draw; the child of a fork has seeded `random` anew
        moved = [s for s, _, was in self.real.values() if not _same_state(_state(s), was)]
        if moved or any(not _same_state(state(), was) for state, was in self.unseen):
            raise leak(
                "Random numbers were drawn by code that tracing can't see into.",
                "draw them outside and pass them as an argument",
            )


def _watched() -> list[tuple[Callable[[], Any], Any]]:
    """The streams that code may draw from without being handed one."""
    readers: list[Callable[[], Any]] = [_global_state, _python_state]
    return [(reader, reader()) for reader in readers]


PYTHONS = random.getstate.__self__  # type: ignore[attr-defined]
IN_MEMORY = sys.implementation.name == "cpython"
HEAD, SIZE = object.__basicsize__, _random.Random.__basicsize__  # of the object: its state follows


def _python_state() -> Any:
    """The state of the random module's stream: the memory that it is kept in, where that is known.

    To take it apart into 625 numbers would take longer than to trace a small function.
    """
    if IN_MEMORY and type(PYTHONS) is random.Random:
        return ctypes.string_at(id(PYTHONS) + HEAD, SIZE - HEAD), vars(PYTHONS)["gauss_next"]
    return random.getstate()


_SEEN: list[tuple[bytes, Any]] = []  # the global stream's memory, and the state that it means
WORDS = 4 * 624 + 4  # bytes of an MT19937: its key and its position


def _global_state() -> Any:
    """The state of NumPy's global stream; taken apart only where its memory has changed.

    What is left over of a pair of Gaussian numbers stands elsewhere: with one, it is not known.
    """
    bits = GLOBAL._bit_generator
    if type(bits) is not np.random.MT19937:
        return _state(GLOBAL)
    memory = ctypes.string_at(bits.ctypes.state_address, WORDS)
    if _SEEN and _SEEN[-1][0] == memory:
        return _SEEN[-1][1]
    state = _state(GLOBAL)
    if not state["has_gauss"]:
        _SEEN[:] = [(memory, state)]
    return state


def _bits(stream: Any) -> Any:
    if isinstance(stream, np.random.Generator):
        return stream.bit_generator
    return stream._bit_generator


def refuse_stream(stream: Any) -> None:
    """Raise for streams whose draws or state can't be followed.

    Raises
    ------
    UnsupportedType
        For subclasses, and for a RandomState over another bit generator than MT19937.
    """
    strange = type(stream) not in STREAMS
    if not strange and type(stream) is np.random.RandomState:
        strange = type(stream._bit_generator) is not np.random.MT19937
    if strange:
        raise errors.UnsupportedType(
            f"A {type(stream).__name__} of this kind can't be traced.",
            None,
            "use np.random.default_rng, or a RandomState made from a seed",
        )


def _state(stream: Any) -> Any:
    if isinstance(stream, np.random.RandomState):
        return stream.get_state(legacy=False)
    return stream.bit_generator.state


def _put_state(stream: Any, state: Any) -> None:
    if isinstance(stream, np.random.RandomState):
        stream.set_state(state)
    else:
        stream.bit_generator.state = state


def _same_state(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same_state(one[k], other[k]) for k in one)
    if isinstance(one, np.ndarray):
        return bool(one.tobytes() == other.tobytes())
    return bool(one == other)


# -- programs that draw ----------------------------------------------------------------------
def streams_of(graph: CalcGraph, inputs: Iterable[Any]) -> list[Any]:
    """The real streams that a graph draws from, given its inputs."""
    found = [value for value in inputs if isinstance(value, STREAMS)]
    return found + _fixed_streams(graph)


def _fixed_streams(graph: CalcGraph) -> list[Any]:
    """Streams among the graph's constants, those of its regions too."""
    found = []
    for node in graph.order:
        if node.op is registry.CONSTANT and node.specs[0].kind == "object":
            found.append(node.params.args[0].value)
        for region in node.regions:
            found += _fixed_streams(region)
    return found


def draws(graph: CalcGraph) -> bool:
    """Whether a program of the graph advances a stream."""
    return any("rng" in node.op.effects or any(map(draws, node.regions)) for node in graph.order)


def makes(graph: CalcGraph) -> bool:
    """Whether a program of the graph makes streams, maybe without a seed."""
    return any(
        [
            node.op in MADE_BY or (node.regions and any(map(makes, node.regions)))
            for node in graph.order
        ]
    )


def states_of(streams: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Each stream with its state."""
    return [(stream, _state(stream)) for stream in streams if isinstance(stream, STREAMS)]


def put_back(states: Iterable[tuple[Any, Any]]) -> None:
    """Undo all draws since `states_of`."""
    for stream, state in states:
        _put_state(stream, state)


def moved(states: Iterable[tuple[Any, Any]]) -> list[Any]:
    """The streams that have another state than they had."""
    return [stream for stream, state in states if not _same_state(_state(stream), state)]


def transactional(run: Callable[..., Any], graph: CalcGraph) -> Callable[..., Any]:
    """A program that puts its streams back where it does not come to its end."""
    if not draws(graph):
        return run
    fixed = _fixed_streams(graph)

    def careful(*inputs: Any) -> Any:
        rewind()
        states = states_of([*inputs, *fixed])
        try:
            return run(*inputs)
        except BaseException:
            put_back(states)
            raise

    return careful
