"""Inference for indexing and for results whose size depends on values: those sizes are Dims.

>>> infer_indexing(GETITEM, Params((HOLES[0], HOLES[1])), (f64[5], bool[5]), "")
(f64[?5],)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tracer.graph.node import Hole, Params, hole
from tracer.graph.op import Op
from tracer.graph.spec import ArraySpec, Dim, array_spec
from tracer.ops import registry
from tracer.ops.infer_by_probe import probe, stand_in

Specs = tuple[ArraySpec, ...]

# Ops whose result's shape is a matter of the operands' values.
_BY_VALUE = """
argwhere bincount compress delete extract flatnonzero intersect1d ix_ nonzero repeat resize roots
setdiff1d setxor1d tile trim_zeros union1d unique unique_all unique_counts unique_inverse
unique_values arange linspace zeros ones empty full eye identity
"""
END = 2**31 - 1  # as a bound of a slice: beyond every axis
DATA_DEPENDENT = frozenset(_BY_VALUE.split())


def infer_indexing(op: Op, params: Params, specs: Specs, spelling: str) -> Specs:
    """Specs of a lookup: index arrays are taken to hold zeros, which fit every axis."""
    slots = _index_slots(op, params)
    masks = [slot for slot in slots if specs[slot].dtype.kind == "b"]
    bounds = slice_slots(params)
    if not masks and not bounds:
        return _infer(op, params, specs, _Zeros(slots))
    fillers = [_Zeros(slots, bounds, count, last=count > 0) for count in (0, 1, 2)]
    if not masks or any(not specs[slot].shape for slot in masks):
        fillers = fillers[:2]
    elif op is registry.GETITEM:  # masks beside index arrays have as many hits as those are long
        params, specs, fillers = _without_masks(params, specs, set(masks), bounds)
    found = [infer for infer in (_attempt(op, params, specs, fill) for fill in fillers) if infer]
    if not found:
        return _infer(op, params, specs, fillers[0])
    low, high = found[0], found[-1]
    free: dict[Any, Dim] = {}
    return tuple([_free(op, a, b, free) for a, b in zip(low, high, strict=True)])


class _Zeros:
    """Stand-ins for one run: index arrays of zeros, ``count`` of them in place of a mask.

    Masks that stay are all ``count``; bounds of slices are first or ``last`` of their two extremes.
    """

    def __init__(
        self,
        indices: Iterable[int],
        bounds: dict[int, tuple[int, int]] | None = None,
        count: int = 0,
        hits: Iterable[int] = (),
        last: bool = False,
    ):
        self.indices = frozenset(indices)
        self.bounds = bounds or {}
        self.hits = frozenset(hits)
        self.count = count
        self.last = last

    def __call__(self, slot: int, spec: ArraySpec, shape: tuple[int, ...] | None) -> Any:
        if slot in self.bounds:
            return self.bounds[slot][self.last]
        if slot in self.hits:
            return np.zeros(self.count, np.intp)
        if slot not in self.indices:
            return stand_in(spec, shape)
        value = min(self.count, 1) if spec.dtype.kind == "b" else 0
        if spec.kind in ("weak", "scalar"):
            return type(stand_in(spec))(value)
        shape = spec.seen_shape if shape is None else shape
        return np.broadcast_to(spec.dtype.type(value), shape)


def _without_masks(
    params: Params, specs: Specs, masks: set[int], bounds: dict[int, tuple[int, int]]
) -> tuple[Params, Specs, list[_Zeros]]:
    """The lookup with index arrays in place of masks, one for each axis that a mask covers."""
    place = array_spec((1,), np.dtype(np.intp))
    hits = set(masks)
    found: list[ArraySpec] = [place if k in masks else spec for k, spec in enumerate(specs)]
    index = params.args[1]
    items: list[Any] = []
    for item in index if type(index) is tuple else (index,):
        items.append(item)
        if type(item) is Hole and item.slot in masks:
            for _ in range(len(specs[item.slot].shape) - 1):
                items.append(hole(len(found)))
                hits.add(len(found))
                found.append(place)
    slots = Params(tuple(items)).slots()
    empty = any(0 in specs[slot].seen_shape for slot in masks)
    counts = (0, 0) if empty else (1, 2)
    fillers = [_Zeros(slots, bounds, counts[last], hits, bool(last)) for last in (0, 1)]
    return Params((params.args[0], tuple(items))), tuple(found), fillers


def _attempt(op: Op, params: Params, specs: Specs, fill: _Zeros) -> Specs | None:
    """The specs, or None where so many hits do not fit the other indices."""
    try:
        return _infer(op, params, specs, fill)
    except (IndexError, ValueError):
        return None


def _infer(op: Op, params: Params, specs: Specs, fill: _Zeros) -> Specs:
    return probe(op, params, specs, "", fill)


def _index_slots(op: Op, params: Params) -> list[int]:
    """The operands that say where, not what."""
    if op.name == "getitem":
        return Params(params.args[1:]).slots()
    if op.name in ("choose", "extract", "select"):  # the first argument chooses
        return Params(params.args[:1]).slots()
    if op.name in ("take", "take_along_axis", "put_along_axis"):
        return Params(params.args[1:2]).slots()
    return Params(params.args[:1]).slots() if op.name == "compress" else []


def slice_slots(params: Params) -> dict[int, tuple[int, int]]:
    """The operands that bound slices, each with two values between which the length changes."""
    found: dict[int, tuple[int, int]] = {}

    def look(tree: Any) -> None:
        if isinstance(tree, (tuple, list)):
            for item in tree:
                look(item)
        elif isinstance(tree, slice):
            parts = [("start", tree.start), ("stop", tree.stop), ("step", tree.step)]
            free = {name: part.slot for name, part in parts if type(part) is Hole}
            backward = isinstance(tree.step, int) and tree.step < 0
            moving = "start" if "stop" not in free or (backward and "start" in free) else "stop"
            found.update({slot: (0, END if name == moving else 0) for name, slot in free.items()})
            if "step" in free:
                found[free["step"]] = (1, END if len(free) == 1 else 1)

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
            sizes.append(free.setdefault((axis, a, b), Dim(f"{op.name} axis {axis}", seen)))
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
