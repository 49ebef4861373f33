"""Asking NumPy itself: an op is run once on stand-ins that cost no memory.

>>> probe(op_of(np.mean), Params((HOLES[0],)), (array_spec((4, 2), np.float32),))
(scalar f32,)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.graph.node import Params
from tracer.graph.op import Op
from tracer.graph.spec import ArraySpec, Dim, Shape, array_spec, spec_of

ONES = {"b": True, "i": 1, "u": 1, "f": 1.0, "c": 1 + 0j}


def stand_in(spec: ArraySpec, shape: tuple[int, ...] | None = None, eye: bool = False) -> Any:
    """A value with the dtype and kind of ``spec``: ones, held in one element.

    ``eye`` makes matrices the identity instead, for functions that refuse singular ones.
    """
    if spec.kind == "weak":
        return ONES[spec.dtype.kind]
    if spec.kind == "scalar":
        return spec.dtype.type(1)
    shape = spec.seen_shape if shape is None else shape
    if eye and len(shape) >= 2:
        return np.broadcast_to(np.eye(*shape[-2:], dtype=spec.dtype), shape)
    if not shape:
        return np.ones((), spec.dtype)
    return np.broadcast_to(np.ones((), spec.dtype), shape)


def run(op: Op, params: Params, operands: list[Any], spelling: str = "") -> tuple[ArraySpec, ...]:
    """The specs of what NumPy makes of ``operands``; its own exception if it refuses them."""
    function = op.operator if spelling == "operator" and op.operator is not None else op.evaluate
    args, kwargs = params.fill(operands)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*args, **kwargs)
    if isinstance(result, (tuple, list)):
        return tuple([spec_of(item) for item in result])
    return (spec_of(result),)


def probe(
    op: Op,
    params: Params,
    specs: tuple[ArraySpec, ...],
    spelling: str = "",
    fill: Callable[[int, ArraySpec, tuple[int, ...] | None], Any] | None = None,
) -> tuple[ArraySpec, ...]:
    """The specs of the outputs, by running the op on stand-ins of the operands' own shapes.

    Sizes that follow a run-time size are found by running it a second time with other sizes.
    ``fill(slot, spec, shape)`` makes the stand-ins where ones do not serve.
    """
    eye = op.name.startswith(("linalg.", "scipy.linalg.", "scipy.stats.multivariate_"))
    make = fill or (lambda slot, spec, shape: stand_in(spec, shape, eye))
    first = run(op, params, [make(k, spec, None) for k, spec in enumerate(specs)], spelling)
    dims = {size: None for spec in specs for size in spec.shape if isinstance(size, Dim)}
    if not dims:
        return first
    other = {dim: dim.seen + 3 + 7 * number for number, dim in enumerate(dims)}
    shapes = [
        tuple([other[size] if isinstance(size, Dim) else size for size in spec.shape])
        for spec in specs
    ]
    moved = [make(k, spec, shapes[k]) for k, spec in enumerate(specs)]
    second = run(op, params, moved, spelling)
    return tuple([_with_dims(a, b, other, op) for a, b in zip(first, second, strict=True)])


_TYPES: dict[tuple, tuple[ArraySpec, ...]] = {}
LIMIT = 20_000


def types_of(
    op: Op, params: Params, specs: tuple[ArraySpec, ...], spelling: str = ""
) -> tuple[ArraySpec, ...]:
    """Specs right in dtype, kind and number of axes, by a run on operands with every size 1.

    Cached by what dtypes depend on: the call, and each operand's dtype, kind and axis count.
    """
    # einsum picks other routes for sizes of 1, with results of another kind.
    most = 2 if op.name == "einsum" else 1
    shapes = [tuple([min(size, most) for size in spec.seen_shape]) for spec in specs]
    shapes = shapes if most > 1 else [(1,) * len(spec.shape) for spec in specs]
    kinds = tuple([(s.dtype, s.kind, shape) for s, shape in zip(specs, shapes, strict=True)])
    key = (op, spelling == "operator", params.key(), kinds)
    found = _TYPES.get(key)
    if found is None:
        if len(_TYPES) > LIMIT:
            _TYPES.clear()
        operands = [stand_in(spec, shape) for spec, shape in zip(specs, shapes, strict=True)]
        found = _TYPES[key] = run(op, params, operands, spelling)
    return found


def with_shapes(types: tuple[ArraySpec, ...], shapes: Sequence[Shape]) -> tuple[ArraySpec, ...]:
    """Specs of ``types`` with other sizes; what has no axes keeps its kind."""
    return tuple(
        [
            array_spec(tuple(shape), spec.dtype) if shape else spec
            for spec, shape in zip(types, shapes, strict=True)
        ]
    )


def _with_dims(first: ArraySpec, second: ArraySpec, other: dict[Dim, int], op: Op) -> ArraySpec:
    sizes: list[Any] = []
    for axis, (seen, moved) in enumerate(zip(first.shape, second.shape, strict=True)):
        same = [dim for dim, size in other.items() if dim.seen == seen and size == moved]
        if seen == moved:
            sizes.append(seen)
        else:
            sizes.append(same[0] if same else Dim(f"{op.name} axis {axis}", seen))
    return first.with_shape(tuple(sizes))
