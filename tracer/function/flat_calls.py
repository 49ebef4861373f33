"""Calls of plain arrays, floats and dicts of them: straight to the program of the last such call.

>>> serve(function, "forward", (w, x))          # the result, or MISSED

Imported with the package, and on the way of each call: it imports little, and asks little.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer import settings
from tracer.python.attributes import Traced
from tracer.recording.tensor.active import ACTIVE

MISSED: Any = object()  # no result
Gather = Callable[[Any, list[Any]], list[Any] | None]


def serve(function: Traced, what: Any, args: tuple) -> Any:
    """The result of the program that ran the last call like this one; MISSED if there is none.

    ``what`` it computes is in the key: the function, or its gradient with respect to what.
    """
    if ACTIVE.get() is not None:
        return MISSED
    flat = flat_call(what, args)
    if flat is None:
        return MISSED
    entry = function.cache.flat.get(flat[0])
    if entry is None:
        return MISSED
    _, chosen, gather, run, finish = entry
    check = function.check
    if chosen is not settings.current() or (chosen.check if check is None else check):
        return MISSED
    inputs = flat[1] if gather is None else gather(function.__tracer_function__, flat[1])
    if inputs is None:
        return MISSED
    try:
        return finish(run(*inputs))
    except Exception:  # another branch, or an error that user code may catch
        return MISSED


def flat_call(what: Any, args: tuple) -> tuple[tuple, list[Any]] | None:
    """Key and leaves of the usual call: plain arrays, floats and dicts of them; None for others."""
    key: list[Any] = [what]
    leaves: list[Any] = []
    for value in args:
        kind = type(value)
        if kind is np.ndarray and value.flags.carray:
            key += (value.shape, value.dtype)
            leaves.append(value)
        elif kind is float:
            key.append(kind)
            leaves.append(value)
        elif kind is not dict or not _flat_dict(value, key, leaves):
            return None
    return tuple(key), leaves


def _flat_dict(value: dict[Any, Any], key: list[Any], leaves: list[Any]) -> bool:
    names = tuple(value)
    key.append(names)
    for name, leaf in value.items():
        kind = type(leaf)
        if type(name) is not str:
            return False
        if kind is np.ndarray and leaf.flags.carray:
            key += (leaf.shape, leaf.dtype)
        elif kind is float:
            key.append(kind)
        else:
            return False
    leaves += value.values()
    return True
