"""What an op's result looks like, from the specs of its operands alone.

>>> infer(op_named("add"), POSITIONAL[2], (array_spec((4, 1), "f4"), array_spec((3,), "f8")))
(f64[4,3],)
>>> infer(op_named("sum"), Params((HOLES[0],), {"axis": 0}), (array_spec((4, 2), "f4"),))
(f32[2],)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.graph.node import Hole, Params
from tracer.graph.op import Op
from tracer.graph.spec import WEAK_SPECS, ArraySpec, Shape, array_spec
from tracer.ops import registry
from tracer.ops.elementwise import infer_elementwise
from tracer.ops.indexing import DATA_DEPENDENT, infer_by_values, infer_indexing
from tracer.ops.infer_by_probe import probe, types_of, with_shapes
from tracer.ops.reduction import CONTRACTIONS, gufunc, reduction, solve
from tracer.ops.shape import SHAPES

Specs = tuple[ArraySpec, ...]
FORMULAS: dict[str, Callable[[Params, Specs], tuple[Shape, ...] | None]] = {
    **CONTRACTIONS,
    **SHAPES,
    "linalg.solve": solve,
}
BY_SCHEMA: dict[str, Callable[[Op, Params, Specs, str], Specs]] = {
    "elementwise": infer_elementwise,
    "indexing": infer_indexing,
}

_KNOWN: dict[tuple, Specs] = {}
LIMIT = 20_000


def infer(op: Op, params: Params, specs: Specs, spelling: str = "") -> Specs:
    """The specs of the outputs of ``op`` called with ``params`` on operands with ``specs``.

    Raises what NumPy raises for such operands.
    """
    key = (op, _fast_key(op, params, specs), specs, spelling == "operator")
    found = _KNOWN.get(key)
    if found is None:
        if len(_KNOWN) > LIMIT:
            _KNOWN.clear()
        found = _KNOWN[key] = _infer(op, params, specs, spelling)
    return found


def _fast_key(op: Op, params: Params, specs: Specs) -> tuple:
    """The params' key, without what can't change the result's spec: numbers of an elementwise
    call count only by type, the place of an element not at all."""
    if op is registry.GETITEM:
        return _index_key(params, specs[0].shape)
    if op is registry.SETITEM or op is registry.SCATTER_ADD:
        return ()
    if op.schema.kind != "elementwise" or params.kwargs or op.name == "pow":
        return params.key()
    key: list = []
    for argument in params.args:
        kind = type(argument)
        if kind is Hole:
            key.append(argument.slot)
        elif kind in WEAK_SPECS:
            key.append(kind)
        else:
            return params.key()
    return tuple(key)


def _index_key(params: Params, shape: Shape) -> tuple:
    """One key for all elements that lie inside the array."""
    index = params.args[1]
    items = index if type(index) is tuple else (index,)
    if len(items) > len(shape):
        return params.key()
    for item, size in zip(items, shape, strict=False):
        if type(item) is not int or type(size) is not int or not -size <= item < size:
            return params.key()
    return ("element", len(items))


def _infer(op: Op, params: Params, specs: Specs, spelling: str) -> Specs:
    if op.infer is not None:
        return op.infer(params, *specs)
    if op in STRUCTURAL_SPECS:
        return STRUCTURAL_SPECS[op](params, specs)
    shapes = _shapes(op, params, specs)
    if shapes is not None:
        return with_shapes(types_of(op, params, specs, spelling), shapes)
    if op.name == "reshape" and _is_whole(params.args[1]):  # NumPy refuses any other size
        specs = tuple([array_spec(spec.seen_shape, spec.dtype) for spec in specs])
    if op.name in DATA_DEPENDENT or (op.name == "where" and len(params.args) == 1):
        return infer_by_values(op, params, specs, spelling)
    return BY_SCHEMA.get(op.schema.kind, probe)(op, params, specs, spelling)


def _is_whole(shape: Any) -> bool:
    """Whether a shape leaves no size open."""
    sizes = shape if type(shape) is tuple else (shape,)
    return all([type(size) is int and size >= 0 for size in sizes])


def _shapes(op: Op, params: Params, specs: Specs) -> tuple[Shape, ...] | None:
    """Shapes of the results by a formula, or None where NumPy is to be asked."""
    formula = FORMULAS.get(op.name)
    if formula is not None:
        return formula(params, specs)
    if op.schema.kind == "reduction":
        return reduction(params, specs)
    if op.schema.kind == "gufunc":
        return gufunc(params, specs, op.schema.signature)
    return None


def _first(params: Params, specs: Specs) -> Specs:
    """A write gives a new version of the whole."""
    return (array_spec(specs[0].shape, specs[0].dtype),)


def _second(params: Params, specs: Specs) -> Specs:
    """A value in the shape of another."""
    return (array_spec(specs[1].shape, specs[0].dtype),)


def _zeros(params: Params, specs: Specs) -> Specs:
    dtype = params.kwargs.get("dtype") or np.dtype(np.float64)
    return (array_spec(specs[0].shape, np.dtype(dtype)),)


def _size(params: Params, specs: Specs) -> Specs:
    return (WEAK_SPECS[int],)


def _truth(params: Params, specs: Specs) -> Specs:
    return (WEAK_SPECS[bool],)


STRUCTURAL_SPECS: dict[Op, Callable[[Params, Specs], Specs]] = {
    registry.SETITEM: _first,
    registry.SCATTER_ADD: _first,
    registry.SUM_TO: _second,
    registry.BROADCAST_LIKE: _second,
    registry.RESHAPE_LIKE: _second,
    registry.ZEROS_OF: _zeros,
    registry.SIZE_OF: _size,
    registry.SAME_SIZE: _truth,
    registry.TEXT_IS: _truth,
}
