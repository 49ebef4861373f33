"""Shapes of reductions, gufuncs and contractions: which axes go, which stay, which are joined.

>>> reduced_shape((4, 3, 2), axis=(0, -1))
(3,)
>>> core_shapes("(n?,k),(k,m?)->(n?,m?)", [(5, 4, 3), (3,)])
((5, 4),)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tracer.graph.node import Hole, Params
from tracer.graph.spec import ArraySpec, Shape
from tracer.ops.broadcasting import broadcast_shapes

Specs = tuple[ArraySpec, ...]
Shapes = tuple[Shape, ...]


def reduced_shape(shape: Shape, axis: Any = None, keepdims: bool = False) -> Shape:
    """The shape that is left of ``shape`` after a reduction over ``axis``."""
    if axis is None or not shape:  # NumPy takes axis 0 of a number for no axis
        gone = set(range(len(shape)))
    else:
        gone = set(np.lib.array_utils.normalize_axis_tuple(axis, len(shape)))
    if keepdims:
        return tuple([1 if at in gone else size for at, size in enumerate(shape)])
    return tuple([size for at, size in enumerate(shape) if at not in gone])


def shape_of(argument: Any, specs: Specs) -> Shape | None:
    """The shape of an argument of the template; None for what only NumPy can say."""
    if type(argument) is Hole:
        return specs[argument.slot].shape
    return () if type(argument) in (int, float, complex, bool) else None


def reduction(params: Params, specs: Specs) -> Shapes | None:
    shape = shape_of(params.args[0], specs) if len(params.args) == 1 else None
    kwargs = params.kwargs
    if shape is None or isinstance(kwargs.get("where"), (list, tuple)):
        return None  # a mask given as a list has a shape that NumPy must see
    return (reduced_shape(shape, kwargs.get("axis"), bool(kwargs.get("keepdims"))),)


# -- gufuncs ------------------------------------------------------------------------------------
@lru_cache(maxsize=256)
def parse_signature(signature: str) -> tuple[list[list[str]], list[list[str]]]:
    """Core dimension names of the operands and of the results."""
    inputs, outputs = signature.replace(" ", "").split("->")
    return _groups(inputs), _groups(outputs)


def _groups(text: str) -> list[list[str]]:
    return [[n for n in group.split(",") if n] for group in re.findall(r"\(([^)]*)\)", text)]


def core_shapes(signature: str, shapes: Sequence[Shape]) -> Shapes:
    """Shapes of a gufunc's results: the loop axes broadcast, the core axes by name."""
    inputs, outputs = parse_signature(signature)
    sizes: dict[str, Any] = {}
    absent: set[str] = set()
    loops: list[Shape] = []
    for shape, names in zip(shapes, inputs, strict=True):
        present = list(names)
        while len(present) > len(shape):  # a core axis marked "?" may be missing
            optional = [name for name in present if name.endswith("?")]
            if not optional:
                raise ValueError(f"{shape} has too few axes for the core dimensions {signature}")
            present.remove(optional[0])
            absent.add(optional[0])
        split = len(shape) - len(present)
        loops.append(shape[:split])
        for name, size in zip(present, shape[split:], strict=True):
            known = sizes.setdefault(name, size)
            if known is not size and type(known) is int and type(size) is int and known != size:
                raise ValueError(f"sizes {known} and {size} of core dimension {name} differ")
    loop, _ = broadcast_shapes(loops)
    return tuple([loop + tuple([sizes[n] for n in names if n not in absent]) for names in outputs])


def gufunc(params: Params, specs: Specs, signature: str) -> Shapes | None:
    shapes = [shape_of(argument, specs) for argument in params.args]
    if params.kwargs.keys() - {"dtype", "casting", "order", "subok"} or None in shapes:
        return None
    if len(shapes) != len(parse_signature(signature)[0]):
        return None
    return core_shapes(signature, [shape for shape in shapes if shape is not None])


def solve(params: Params, specs: Specs) -> Shapes | None:
    shapes = [shape_of(argument, specs) for argument in params.args]
    if len(shapes) != 2 or None in shapes or params.kwargs:
        return None
    one = len(shapes[1]) == 1
    signature = "(m,m),(m)->(m)" if one else "(m,m),(m,n)->(m,n)"
    return core_shapes(signature, [shape for shape in shapes if shape is not None])


# -- contractions -------------------------------------------------------------------------------
def pair(params: Params, specs: Specs) -> tuple[Shape, Shape] | None:
    """The shapes of the two operands of a product."""
    if len(params.args) != 2:
        return None
    left, right = (shape_of(argument, specs) for argument in params.args)
    return None if left is None or right is None else (left, right)


def dot(params: Params, specs: Specs) -> Shapes | None:
    shapes = pair(params, specs)
    if shapes is None:
        return None
    left, right = shapes
    if not left or not right:
        return (left + right,)
    return (left[:-1] + (right[:-2] + right[-1:] if len(right) > 1 else ()),)


def inner(params: Params, specs: Specs) -> Shapes | None:
    shapes = pair(params, specs)
    if shapes is None:
        return None
    left, right = shapes
    return (left + right,) if not left or not right else (left[:-1] + right[:-1],)


def outer(params: Params, specs: Specs) -> Shapes | None:
    shapes = pair(params, specs)
    if shapes is None or any(len(shape) != 1 for shape in shapes):
        return None
    return (shapes[0] + shapes[1],)


def vdot(params: Params, specs: Specs) -> Shapes:
    return ((),)


def tensordot(params: Params, specs: Specs) -> Shapes | None:
    shapes = pair(params, specs)
    if shapes is None or params.kwargs.keys() - {"axes"}:
        return None
    left, right = shapes
    left_axes, right_axes = tensordot_axes(params.kwargs.get("axes", 2), len(left), len(right))
    return (
        tuple([size for at, size in enumerate(left) if at not in left_axes])
        + tuple([size for at, size in enumerate(right) if at not in right_axes]),
    )


def tensordot_axes(axes: Any, left: int, right: int) -> tuple[list[int], list[int]]:
    """The contracted axes of both operands, none negative."""
    if isinstance(axes, (int, np.integer)):
        return list(range(left - int(axes), left)), list(range(int(axes)))
    first, second = axes
    first = [first] if isinstance(first, (int, np.integer)) else list(first)
    second = [second] if isinstance(second, (int, np.integer)) else list(second)
    return [int(a) % left for a in first], [int(a) % right for a in second]


def einsum(params: Params, specs: Specs) -> Shapes | None:
    if not params.args or not isinstance(params.args[0], str):
        return None
    shapes = [shape_of(argument, specs) for argument in params.args[1:]]
    if None in shapes:
        return None
    known = [shape for shape in shapes if shape is not None]
    terms, result = einsum_terms(params.args[0], [len(shape) for shape in known])
    sizes: dict[str, Any] = {}
    for term, shape in zip(terms, known, strict=True):
        own: dict[str, Any] = {}
        for letter, size in zip(term, shape, strict=True):
            own[letter] = own.get(letter) or size  # NumPy takes no heed of a 0 on a diagonal
        for letter, size in own.items():
            if sizes.get(letter, 1) == 1:
                sizes[letter] = size
    return (tuple([sizes[letter] for letter in result]),)


def einsum_terms(subscripts: str, ndims: Sequence[int]) -> tuple[list[str], str]:
    """Subscripts with every ellipsis spelled out (by capital letters unused elsewhere) and the
    result written down."""
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    spare = [c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBA" if c not in text]
    counts = [
        n - len(t.replace("...", "")) if "..." in t else 0
        for t, n in zip(terms, ndims, strict=True)
    ]
    most = max(counts, default=0)
    dots = "".join(spare[:most])
    full = [t.replace("...", dots[most - c :]) for t, c in zip(terms, counts, strict=True)]
    if arrow:
        return full, result.replace("...", dots)
    letters = "".join(full)
    once = sorted({c for c in letters if letters.count(c) == 1 and c not in dots})
    return full, dots + "".join(once)


def trace(params: Params, specs: Specs) -> Shapes | None:
    shape = shape_of(params.args[0], specs)
    if shape is None:
        return None
    axes = (params.kwargs.get("axis1", 0), params.kwargs.get("axis2", 1))
    return (reduced_shape(shape, axes),)


def tensorsolve(params: Params, specs: Specs) -> Shapes | None:
    shapes = pair(params, specs)
    return None if shapes is None or params.kwargs else (shapes[0][len(shapes[1]) :],)


def tensorinv(params: Params, specs: Specs) -> Shapes | None:
    shape, ind = shape_of(params.args[0], specs), params.kwargs.get("ind", 2)
    return None if shape is None else (shape[ind:] + shape[:ind],)


CONTRACTIONS = {
    "dot": dot,
    "inner": inner,
    "outer": outer,
    "vdot": vdot,
    "tensordot": tensordot,
    "einsum": einsum,
    "trace": trace,
    "linalg.tensorsolve": tensorsolve,
    "linalg.tensorinv": tensorinv,
}
