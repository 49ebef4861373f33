"""Inference for indexing and for results whose size depends on values: those sizes are Dims.

>>> infer_indexing(GETITEM, Params((HOLES[0], HOLES[1])), (f64[5], bool[5]), "")
(f64[?5],)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.node import Hole, Params
from tracer.graph.op import Op
from tracer.graph.spec import ArraySpec, Dim
from tracer.ops.probe import probe, stand_in

Specs = tuple[ArraySpec, ...]

# Ops whose result's shape is a matter of the operands' values.
_BY_VALUE = """
argwhere bincount compress delete extract flatnonzero intersect1d ix_ nonzero repeat resize roots
setdiff1d setxor1d tile trim_zeros union1d unique unique_all unique_counts unique_inverse
unique_values arange linspace zeros ones empty full eye identity
"""
DATA_DEPENDENT = frozenset(_BY_VALUE.split())


def infer_indexing(op: Op, params: Params, specs: Specs, spelling: str) -> Specs:
    """Specs of a lookup: index arrays are taken to hold zeros, which fit every axis."""
    masks = [slot for slot in _index_slots(op, params) if specs[slot].dtype.kind == "b"]
    bounds = _slice_slots(params)
    if not masks and not bounds:
        return _infer(op, params, specs, 0, 0, bounds)
    low = _infer(op, params, specs, 0, 0, bounds)
    high = _infer(op, params, specs, 1, 1, bounds)
    free: dict[Any, Dim] = {}
    return tuple([_free(op, a, b, free) for a, b in zip(low, high, strict=True)])


def _infer(op: Op, params: Params, specs: Specs, mask: int, bound: int, bounds: set[int]) -> Specs:
    """What NumPy makes of it when masks are all ``mask`` and slice bounds are ``bound``."""
    indices = _index_slots(op, params)

    def filled(slot: int, spec: ArraySpec, shape: tuple[int, ...] | None) -> Any:
        if slot in bounds:
            return bound
        if slot not in indices:
            return stand_in(spec, shape)
        if spec.kind in ("weak", "scalar"):
            return type(stand_in(spec))(mask if spec.dtype.kind == "b" else 0)
        number = spec.dtype.type(mask if spec.dtype.kind == "b" else 0)
        return np.broadcast_to(number, spec.seen_shape if shape is None else shape)

    return probe(op, params, specs, "", filled)


def _index_slots(op: Op, params: Params) -> list[int]:
    """The operands that say where, not what."""
    if op.name == "getitem":
        return Params(params.args[1:]).slots()
    if op.name in ("choose", "extract", "select"):  # the first argument chooses
        return Params(params.args[:1]).slots()
    if op.name in ("take", "take_along_axis", "put_along_axis"):
        return Params(params.args[1:2]).slots()
    return Params(params.args[:1]).slots() if op.name == "compress" else []


def _slice_slots(params: Params) -> set[int]:
    found: set[int] = set()

    def look(tree: Any) -> None:
        if isinstance(tree, (tuple, list)):
            for item in tree:
                look(item)
        elif isinstance(tree, slice):
            parts = (tree.start, tree.stop, tree.step)
            found.update(part.slot for part in parts if type(part) is Hole)

    look(params.args[1:])
    return found


def _free(op: Op, low: ArraySpec, high: ArraySpec, free: dict[Any, Dim]) -> ArraySpec:
    """A size that the values change is known only at run time.

    Results that change alike have one size: the index arrays of ``np.nonzero``, say.
    """
    sizes: list[Any] = []
    for axis, (a, b) in enumerate(zip(low.shape, high.shape, strict=True)):
        if isinstance(a, Dim) or isinstance(b, Dim) or a != b:
            seen = b.seen if isinstance(b, Dim) else b
            sizes.append(free.setdefault((a, b), Dim(f"{op.name} axis {axis}", seen)))
        else:
            sizes.append(a)
    return high.with_shape(tuple(sizes))


def infer_by_values(op: Op, params: Params, specs: Specs, spelling: str) -> Specs:
    """Specs of a function such as ``np.unique``: run on zeros and on rising numbers."""

    def rising(step: int) -> Any:
        def fill(slot: int, spec: ArraySpec, shape: tuple[int, ...] | None) -> Any:
            if spec.kind in ("weak", "scalar"):
                return type(stand_in(spec))(step)
            shape = spec.seen_shape if shape is None else shape
            numbers = np.arange(math.prod(shape)) * step
            numbers = numbers % 2 if spec.dtype.kind == "b" else numbers
            return numbers.astype(spec.dtype).reshape(shape)

        return fill

    low = probe(op, params, specs, spelling, rising(0))
    high = probe(op, params, specs, spelling, rising(1))
    free: dict[Any, Dim] = {}
    return tuple([_free(op, a, b, free) for a, b in zip(low, high, strict=True)])
