"""Derivatives of what takes elements out, puts some in or repeats them: a lookup by place.

The places are found by letting the function work on the numbers 0, 1, 2 … instead.

>>> composed(np.insert): np.concatenate([arr, values])[np.insert(np.arange(n), obj, ...)]
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.node import Ref
from tracer.ops import registry
from tracer.ops.builder import Symbol
from tracer.rules.declare import composed
from tracer.rules.helpers import shape_of
from tracer.rules.joining import tree_shape


def constant_value(value: Any) -> Any:
    """A constant as the array that it is; other values as they are."""
    if isinstance(value, Symbol) and value.node.op is registry.CONSTANT:
        held = value.node.params.args[0]
        return held.value if isinstance(held, Ref) else held
    return value


def counted(x: Any, start: int = 0) -> np.ndarray:
    """The numbers from ``start`` in the shape of ``x``."""
    shape = tree_shape(x)
    return np.arange(start, start + math.prod(shape)).reshape(shape)


def flat(x: Any) -> Any:
    """All elements of an array or of a list, in a row."""
    return np.ravel(x) if len(shape_of(x)) != 1 else x


@composed(np.insert)
def _(arr, obj, values, axis=None):
    arr, values = (x if hasattr(x, "dtype") else np.asarray(x) for x in (arr, values))
    count = math.prod(shape_of(arr))
    places = np.insert(counted(arr), constant_value(obj), counted(values, count), axis)
    every = np.concatenate([np.ravel(arr), np.ravel(values)])
    return every[places]


@composed(np.delete)
def _(arr, obj, axis=None):
    if axis is None:
        row = flat(arr)
        return row[np.delete(np.arange(shape_of(row)[0]), constant_value(obj))]
    axis = axis % len(shape_of(arr))
    kept = np.delete(np.arange(shape_of(arr)[axis]), constant_value(obj))
    return arr[(*(slice(None),) * axis, kept)] if axis else arr[kept]


@composed(np.resize)
def _(a, new_shape):
    places = np.resize(counted(a), new_shape)
    if not math.prod(shape_of(a)):
        return np.zeros(places.shape)
    return np.ravel(a)[places] if len(shape_of(a)) else np.broadcast_to(a, places.shape)
