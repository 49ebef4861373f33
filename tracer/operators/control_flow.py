"""Loops and branches that stay loops and branches: cond, while_loop, fori_loop, scan.

>>> fori_loop(0, 10, lambda i, x: np.cos(x), 1.0)
np.float64(0.7442...)
>>> scan(lambda total, x: (total + x, total), 0.0, np.arange(3.0))
(np.float64(3.0), array([0., 0., 1.]))

They have JAX's signatures. On plain values they run as the Python they stand for, on arrays of
their own: a body that writes into its arguments changes nobody else's. In a trace the body is
recorded once; what it captures becomes an operand of one ``loop`` or ``cond`` node. A body that
can't be recorded alone, since it asks ``if`` of a traced value, say, is run as Python there, too:
it is unrolled.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer import trees
from tracer.eager.state import EagerArray
from tracer.errors import CarryMismatch
from tracer.graph.spec import spec_of
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.regions import loop
from tracer.recording.regions.cond import record_cond
from tracer.recording.source.frames import user_frame
from tracer.recording.source.locator import Locator
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.tensor.tensor import TracedTensor


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any):
    """``true_fn(*operands)`` if ``pred`` holds, else ``false_fn(*operands)``.

    Parameters
    ----------
    pred : bool, or array of one number
    true_fn, false_fn : callable
        Both make results of one structure, with equal shapes and dtypes.
    *operands : trees of arrays and numbers

    Returns
    -------
    The result of the branch that was taken.

    Raises
    ------
    BranchMismatch
        In a trace, if the results of the branches differ in structure, shape or dtype.
    """
    recorder = ACTIVE.get()
    if recorder is not None and isinstance(pred, TracedTensor) and not pred._known:
        found = record_cond(recorder, pred, true_fn, false_fn, operands)
        if found is not None:
            return found[0]
    true_fn, false_fn = _instrumented(recorder, true_fn), _instrumented(recorder, false_fn)
    operands = _private(operands)
    return true_fn(*operands) if pred else false_fn(*operands)


def while_loop(cond_fn: Callable[[Any], Any], body_fn: Callable[[Any], Any], init: Any) -> Any:
    """Repeat ``value = body_fn(value)`` while ``cond_fn(value)`` holds, from ``init`` on.

    Parameters
    ----------
    cond_fn : callable
        ``value -> bool``
    body_fn : callable
        ``value -> value`` with structure, shapes and dtypes of ``init``.
    init : tree of arrays and numbers

    Returns
    -------
    The last value. Both modes of differentiation work: reverse mode keeps what each iteration
    made.

    Raises
    ------
    CarryMismatch
        If the value changes its structure, a shape or a dtype.
    """
    recorder = ACTIVE.get()
    if recorder is not None:
        found = loop.record_while(recorder, cond_fn, body_fn, init)
        if found is not None:
            return found[0]
    cond_fn, body_fn = _instrumented(recorder, cond_fn), _instrumented(recorder, body_fn)
    value = _private(init)
    while cond_fn(value):
        value = _checked_carry("while_loop", value, body_fn(value))
    return value


def fori_loop(lower: Any, upper: Any, body_fn: Callable[[Any, Any], Any], init: Any) -> Any:
    """``for i in range(lower, upper): value = body_fn(i, value)``, from ``init`` on.

    Parameters
    ----------
    lower, upper : int, or traced integers
    body_fn : callable
        ``(i, value) -> value`` with structure, shapes and dtypes of ``init``.
    init : tree of arrays and numbers

    Returns
    -------
    The last value.

    Raises
    ------
    CarryMismatch
        If the value changes its structure, a shape or a dtype.
    """
    recorder = ACTIVE.get()
    if recorder is not None:
        found = loop.record_for(recorder, lower, upper, body_fn, init)
        if found is not None:
            return found[0]
    body_fn = _instrumented(recorder, body_fn)
    value = _private(init)
    for i in range(operator.index(lower), operator.index(upper)):
        value = _checked_carry("fori_loop", value, body_fn(i, value))
    return value


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A loop over the leading axis of ``xs`` that carries a value along and stacks another.

    Parameters
    ----------
    f : callable
        ``(carry, x) -> (carry, y)``
    init : tree of arrays and numbers
        The first carry.
    xs : tree of arrays of shape (n, …), or None
    length : int, optional
        n, needed if ``xs`` is None.
    reverse : bool
        Whether to go from the last element to the first; ``ys`` keeps the order of ``xs``.

    Returns
    -------
    carry : like ``init``
    ys : tree of arrays of shape (n, …)

    Raises
    ------
    CarryMismatch
        If the carry changes its structure, a shape or a dtype.
    ValueError
        If the lengths differ, or none is given.
    """
    count = _length(xs, length)
    recorder = ACTIVE.get()
    if recorder is not None:
        found = loop.record_scan(recorder, f, init, xs, count, bool(reverse))
        if found is not None:
            return found[0]
    return _run_scan(_instrumented(recorder, f), init, xs, count, bool(reverse))


def _instrumented(recorder: Recorder | None, function: Any) -> Any:
    """In a trace a function that is unrolled tells of what it captures, as others do."""
    if recorder is None or recorder.captures is None:
        return function
    return recorder.captures.instrumented(function)


# -- as plain Python ------------------------------------------------------------------------------
def _run_scan(f: Any, init: Any, xs: Any, count: int, reverse: bool) -> tuple[Any, Any]:
    leaves, structure = trees.flatten(xs)
    carry, rows, made = _private(init), [], None
    for i in reversed(range(count)) if reverse else range(count):
        x = trees.unflatten(structure, [_copied(leaf[i]) for leaf in leaves])
        after, y = _pair(f(carry, x))
        carry = _checked_carry("scan", carry, after)
        values, made = trees.flatten(y)
        rows.append([_copied(value) for value in values])
    if made is None:
        made, empty = _empty_rows(f, init, leaves, structure)
        return carry, trees.unflatten(made, empty)
    rows = rows[::-1] if reverse else rows
    return carry, trees.unflatten(made, [_stacked(row) for row in zip(*rows, strict=True)])


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise TypeError(f"the function of scan returns (carry, y), not {type(result).__name__}")
    return result[0], result[1]


def _stacked(row: Any) -> Any:
    if np.ndim(row[0]):
        return np.stack(row)
    # The first carry may be a Python number, which adapts to what it becomes.
    strong = [value.dtype for value in row if isinstance(value, (np.ndarray, np.generic))]
    return np.array(row, functools.reduce(np.promote_types, strong)) if strong else np.array(row)


def _empty_rows(f: Any, init: Any, leaves: list[Any], structure: Any) -> tuple[Any, list[Any]]:
    """The structure of the rows of a scan over nothing, found by one call on zeros."""
    zeros = [np.zeros(np.shape(leaf)[1:], leaf.dtype)[()] for leaf in leaves]
    with np.errstate(all="ignore"):
        _, y = _pair(f(_private(init), trees.unflatten(structure, zeros)))
    values, made = trees.flatten(y)
    return made, [np.zeros((0, *np.shape(v)), np.asarray(v).dtype) for v in values]


def _length(xs: Any, length: int | None) -> int:
    found = None if length is None else operator.index(length)
    for leaf in trees.flatten(xs)[0]:
        if not np.ndim(leaf):
            raise ValueError("scan goes along the leading axis of xs, which a number has not")
        size = np.shape(leaf)[0]
        if found is not None and size != found:
            raise ValueError(f"scan got arrays of different lengths: {found} and {size}")
        found = size
    if found is None:
        raise ValueError("scan needs xs or length")
    return found


def _private(tree: Any) -> Any:
    """The tree on arrays of the loop's own: a body that writes into its carry changes no other."""
    return trees.map(_copied, tree)


def _copied(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) and np.ndim(leaf) else leaf


def _checked_carry(name: str, before: Any, after: Any) -> Any:
    """What a body returned, if it fits what it was given.

    Raises
    ------
    CarryMismatch
    """
    old, structure = trees.flatten(before)
    new, found = trees.flatten(after)
    if structure != found:
        raise mismatch(name, str(structure), str(found))
    for one, other, path in zip(old, new, trees.paths(before, "carry"), strict=True):
        if not _same_type(one, other):
            raise mismatch(name, described(one), described(other), path)
    return after


def _same_type(one: Any, other: Any) -> bool:
    """Whether shapes and dtypes agree; a Python number adapts to its partner."""
    if not (isinstance(one, NUMBERS) and isinstance(other, NUMBERS)):
        return True
    if np.shape(one) != np.shape(other):
        return False
    weak = type(one) in WEAK or type(other) in WEAK
    return weak or getattr(one, "dtype", None) == getattr(other, "dtype", None)


WEAK = (bool, int, float, complex)
NUMBERS = (np.ndarray, np.generic, *WEAK)


def described(value: Any) -> str:
    plain = getattr(value, "_value", value) if isinstance(value, TracedTensor) else value
    plain = np.asarray(plain) if isinstance(plain, EagerArray) else plain
    return repr(spec_of(plain)) if isinstance(plain, NUMBERS) else type(plain).__name__


def mismatch(name: str, before: str, after: str, path: str = "the carry") -> CarryMismatch:
    """The error for a carry that changes."""
    place = Locator("").locate(user_frame())
    return CarryMismatch(
        f"{name}: {path} is {before} before an iteration and {after} after it.",
        place.origin if place is not None else None,
        "return what has the shape and dtype of init, or give init that dtype: x.astype(float)",
    )
