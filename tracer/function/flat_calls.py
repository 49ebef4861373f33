"""Calls of plain arrays, floats and dicts of them: straight to the program of the last such call.

>>> serve(function, "forward", (w, x))          # the result, or MISSED

Imported with the package, and on the way of each call: it imports little, and asks little.
"""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from tracer import settings
from tracer.python.attributes import Traced
from tracer.recording.tensor.active import ACTIVE

MISSED: Any = object()  # no result


def serve(function: Traced, what: Any, args: tuple) -> Any:
    """The result of the program that ran the last call like this one; MISSED if there is none.

    ``what`` it computes is in the key: the function, or its gradient with respect to what.
    """
    if ACTIVE.get() is not None:
        return MISSED
    key = flat_key(what, args)
    if key is None:
        return MISSED
    entry = function.cache.flat.get(key)
    if entry is None:
        return MISSED
    _, chosen, gather, run, finish = entry
    check = function.check
    if chosen is not settings.current() or (chosen.check if check is None else check):
        return MISSED
    inputs = args if gather is None else gather(function.__tracer_function__, flat_leaves(args))
    if inputs is None:
        return MISSED
    try:
        return finish(run(*inputs))
    except Exception:  # another branch, or an error that user code may catch
        return MISSED


def flat_key(what: Any, args: tuple) -> tuple | None:
    """The key of the usual call: plain arrays, floats and dicts of them; None for others."""
    key = [what]
    add = key.append
    for value in args:
        kind = type(value)
        if kind is ndarray and value.flags.carray:
            add(value.shape)
            add(value.dtype)
        elif kind is float:
            add(kind)
        elif kind is not dict or not _add_dict(value, key):
            return None
    return tuple(key)


def _add_dict(table: dict[Any, Any], key: list[Any]) -> bool:
    """Add what of a dict selects a program, if its names are texts and its values plain."""
    add = key.append
    add(tuple(table))
    for name, value in table.items():
        kind = type(value)
        if type(name) is not str:
            return False
        if kind is ndarray and value.flags.carray:
            add(value.shape)
            add(value.dtype)
        elif kind is float:
            add(kind)
        else:
            return False
    return True


def flat_leaves(args: tuple) -> list[Any]:
    """The leaves of such a call."""
    leaves: list[Any] = []
    for value in args:
        if type(value) is dict:
            leaves += value.values()
        else:
            leaves.append(value)
    return leaves


def leaves_alone(function: Any, leaves: list[Any]) -> list[Any]:
    """The inputs of a program that reads nothing else."""
    return leaves
