"""What Python does by itself: operators, truth, iteration, ``with``.

``a + b`` may run the user's ``__add__``, which reads what it likes. Here it runs instrumented.

>>> binary(monitor, "add", o, x)  # type(o).__add__(o, x), seen
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from keyword import iskeyword
from types import GeneratorType
from typing import Any

import numpy as np

from tracer.ops import dunders
from tracer.python.attributes import own
from tracer.recording.captures.captures import CONTAINERS, Captures
from tracer.recording.recorder.fast_path import NO_FAST_PATH, operation
from tracer.recording.tensor.scalar import TracedScalar
from tracer.recording.watch.interface import ActiveMonitor
from tracer.recording.watch.protocols import (
    PLAIN,
    as_array,
    call_special,
    guard_contents,
    items_by_index,
    users_method,
)

# name: (the operator, the method, the method of the right operand)
BINARY = {
    name: (getattr(operator, name + "_" * iskeyword(name)), f"__{name}__", f"__r{name}__")
    for name in dunders.BINARY
}
COMPARISONS = {
    "eq": (operator.eq, "__eq__", "__eq__"),
    "ne": (operator.ne, "__ne__", "__ne__"),
    "lt": (operator.lt, "__lt__", "__gt__"),
    "gt": (operator.gt, "__gt__", "__lt__"),
    "le": (operator.le, "__le__", "__ge__"),
    "ge": (operator.ge, "__ge__", "__le__"),
}
UNARY: dict[str, tuple[Callable[[Any], Any], str]] = {
    "neg": (operator.neg, "__neg__"),
    "pos": (operator.pos, "__pos__"),
    "invert": (operator.invert, "__invert__"),
}


def binary(monitor: ActiveMonitor, name: str, left: Any, right: Any) -> Any:
    """``left + right``."""
    result = operation(name, left, right)
    return _binary(monitor, BINARY, name, left, right) if result is NO_FAST_PATH else result


def compare(monitor: ActiveMonitor, name: str, left: Any, right: Any) -> Any:
    """``left < right``."""
    if type(right) is not TracedScalar:  # a subclass is asked first
        result = operation(name, left, right)
        if result is not NO_FAST_PATH:
            return result
    return _binary(monitor, COMPARISONS, name, left, right)


def unary(monitor: ActiveMonitor, name: str, operand: Any) -> Any:
    """``-operand``."""
    plain, method = UNARY[name]
    answer = call_special(monitor.captures, operand, method)
    return plain(operand) if answer is NotImplemented else answer


def _binary(monitor: ActiveMonitor, table: dict[str, Any], name: str, left: Any, right: Any) -> Any:
    """An operator with two operands: the left one's method, then the right one's reflected one."""
    plain, method, reflected = table[name]
    if type(left) in PLAIN and type(right) in PLAIN:
        return plain(left, right)
    captures = monitor.captures
    if table is COMPARISONS:
        monitor.hashed(left), monitor.hashed(right)
    first = [(left, method, right), (right, reflected, left)]
    if type(right) is not type(left) and isinstance(right, type(left)):
        first.reverse()
    if all([users_method(owner, mine) is None for owner, mine, _ in first]):
        for operand in (left, right):
            guard_contents(captures, operand)
        if isinstance(left, (np.ndarray, np.generic)):
            return plain(left, as_array(captures, right))
        if isinstance(right, (np.ndarray, np.generic)):
            return plain(as_array(captures, left), right)
        return plain(left, right)
    for owner, mine, other in first:
        if users_method(owner, mine) is None:  # a number or an array: it may know the other one
            native = getattr(type(owner), mine, None)
            answer = native(owner, other) if native is not None else NotImplemented
        else:
            answer = call_special(captures, owner, mine, other)
        if answer is not NotImplemented:
            return answer
    return plain(left, right)


def same(monitor: ActiveMonitor, left: Any, right: Any) -> bool:
    """``left is right``."""
    return monitor.captures.identities.same(left, right)


# -- truth ----------------------------------------------------------------------------------------
def truth(monitor: ActiveMonitor, value: Any) -> Any:
    """``if value``: of an object with a ``__bool__`` or ``__len__``, its answer."""
    if type(value) in PLAIN:
        return value
    for name in ("__bool__", "__len__"):
        answer = call_special(monitor.captures, value, name)
        if answer is not NotImplemented:
            return bool(answer)
    if isinstance(value, CONTAINERS):
        monitor.captures.guard_contents(value)
    return value


def operand(monitor: ActiveMonitor, value: Any) -> Any:
    """``value and …``: its truth is noted, the value goes on."""
    truth(monitor, value)
    return value


# -- iteration ------------------------------------------------------------------------------------
def iterated(monitor: ActiveMonitor, value: Any) -> Any:
    """``for item in value``."""
    return _iterable(monitor, monitor.captures.iterated(monitor.values(value)))


def counted(monitor: ActiveMonitor, value: Any) -> Any:
    """``{*value}``: containers by all that is in them, the user's own iterators seen."""
    if isinstance(value, CONTAINERS):
        monitor.captures.guard_contents(value)
        return value
    return _iterable(monitor, value)


def spread(monitor: ActiveMonitor, table: Any) -> Any:
    """``{**table}``."""
    return monitor.captures.iterated(monitor.values(table))


def delegated(monitor: ActiveMonitor, value: Any) -> Any:
    """``yield from value``: a generator is handed on as it is, to be sent to."""
    return value if isinstance(value, GeneratorType) else monitor.iterated(value)


def _iterable(monitor: ActiveMonitor, value: Any) -> Any:
    """What a loop goes through: the user's own iterators run instrumented."""
    if type(value) in PLAIN or isinstance(value, (np.ndarray, Iterator, type)):
        return value
    captures = monitor.captures
    if users_method(value, "__iter__") is not None:
        return _instrumented_iterator(captures, call_special(captures, value, "__iter__"))
    if not hasattr(type(value), "__iter__") and users_method(value, "__getitem__") is not None:
        return items_by_index(captures, value)
    if not isinstance(value, CONTAINERS):
        guard_contents(captures, value)
    return value


def _instrumented_iterator(captures: Captures, iterator: Any) -> Any:
    if users_method(iterator, "__next__") is None:
        return iterator

    def each() -> Iterator[Any]:
        while True:
            try:
                item = call_special(captures, iterator, "__next__")
            except StopIteration:
                return
            yield item

    return each()


# -- with -----------------------------------------------------------------------------------------
class InstrumentedManager:
    """A context manager of the user's whose methods run instrumented."""

    def __init__(self, captures: Captures, manager: Any):
        self.captures = captures
        self.manager = manager

    def __enter__(self) -> Any:
        if users_method(self.manager, "__enter__") is None:
            return self.manager.__enter__()
        return call_special(self.captures, self.manager, "__enter__")

    def __exit__(self, *exception: Any) -> Any:
        if users_method(self.manager, "__exit__") is None:
            return self.manager.__exit__(*exception)
        return call_special(self.captures, self.manager, "__exit__", *exception)


def entered(monitor: ActiveMonitor, manager: Any) -> Any:
    """``with manager``."""
    methods = [users_method(manager, name) for name in ("__enter__", "__exit__")]
    complete = all([own(type(manager), name) for name in ("__enter__", "__exit__")])
    return (
        manager
        if methods == [None, None] or not complete
        else InstrumentedManager(monitor.captures, manager)
    )
