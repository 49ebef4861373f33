"""Shapes of what joins, creates and rearranges arrays; views are cheap enough to ask NumPy.

>>> concatenate(Params(([HOLES[0], HOLES[1]],)), (f64[2,3], f64[1,3]))
((3, 3),)
"""

from __future__ import annotations

from typing import Any

from tracer.graph.node import Hole, Params
from tracer.graph.spec import ArraySpec, Dim, Shape, Size
from tracer.ops.reduction import shape_of

Specs = tuple[ArraySpec, ...]
Shapes = tuple[Shape, ...]


def same(params: Params, specs: Specs) -> Shapes | None:
    """The shape of the first operand."""
    shape = shape_of(params.args[0], specs)
    return None if shape is None else (shape,)


def same_along_axis(params: Params, specs: Specs) -> Shapes | None:
    """The shape of the first operand, unless ``axis=None`` flattens it (the default)."""
    return None if params.kwargs.get("axis") is None else same(params, specs)


def same_sorted(params: Params, specs: Specs) -> Shapes | None:
    """As above for functions whose default is the last axis."""
    return None if params.kwargs.get("axis", -1) is None else same(params, specs)


def total(sizes: list[Size], label: str) -> Size:
    """The sum of sizes, itself a run-time size if one of them is."""
    if all(type(size) is int for size in sizes):
        return sum(sizes)
    seen = [size.seen if isinstance(size, Dim) else size for size in sizes]
    return Dim(label, sum(seen))


def _list_of_shapes(params: Params, specs: Specs) -> list[Shape] | None:
    parts = params.args[0] if len(params.args) == 1 else None
    if not isinstance(parts, (list, tuple)) or not parts:
        return None
    shapes = [shape_of(part, specs) for part in parts]
    return None if None in shapes else [shape for shape in shapes if shape is not None]


def concatenate(params: Params, specs: Specs) -> Shapes | None:
    shapes = _list_of_shapes(params, specs)
    axis = params.kwargs.get("axis", 0)
    if shapes is None or not isinstance(axis, int):
        return None
    first = shapes[0]
    axis = axis % len(first)
    joint = total([shape[axis] for shape in shapes], f"concatenate axis {axis}")
    return (first[:axis] + (joint,) + first[axis + 1 :],)


def stack(params: Params, specs: Specs) -> Shapes | None:
    shapes = _list_of_shapes(params, specs)
    axis = params.kwargs.get("axis", 0)
    if shapes is None or not isinstance(axis, int):
        return None
    first = shapes[0]
    axis = axis % (len(first) + 1)
    return (first[:axis] + (len(shapes),) + first[axis:],)


def create(params: Params, specs: Specs) -> Shapes | None:
    shape: Any = params.kwargs.get("shape", params.args[0] if params.args else None)
    if isinstance(shape, int):
        return ((shape,),)
    if isinstance(shape, (tuple, list)) and all(isinstance(size, int) for size in shape):
        return (tuple(shape),)
    return None


def create_like(params: Params, specs: Specs) -> Shapes | None:
    return None if "shape" in params.kwargs else same(params, specs)


def pad(params: Params, specs: Specs) -> Shapes | None:
    shape = shape_of(params.args[0], specs)
    widths = pad_widths(params.args[1], len(shape)) if shape and len(params.args) > 1 else None
    if shape is None or widths is None or any(type(size) is not int for size in shape):
        return None
    return (tuple([n + a + b for n, (a, b) in zip(shape, widths, strict=True)]),)


def pad_widths(width: Any, ndim: int) -> list[tuple[int, int]] | None:
    """``np.pad``'s widths, one ``(before, after)`` per axis."""
    if isinstance(width, int):
        return [(width, width)] * ndim
    if isinstance(width, dict):
        pairs = {axis % ndim: pad_widths(item, 1) for axis, item in width.items()}
        return [(pairs.get(axis) or [(0, 0)])[0] for axis in range(ndim)]
    if not isinstance(width, (tuple, list)) or _has_hole(width):
        return None
    if all(isinstance(item, int) for item in width):
        before, after = (width[0], width[0]) if len(width) == 1 else (width[0], width[1])
        return [(before, after)] * ndim
    pairs = [tuple(item) * 2 if len(item) == 1 else tuple(item) for item in width]
    return pairs * ndim if len(pairs) == 1 else pairs


def _has_hole(tree: Any) -> bool:
    if isinstance(tree, (tuple, list)):
        return any(_has_hole(item) for item in tree)
    return type(tree) is Hole


SHAPES = {
    "concatenate": concatenate,
    "stack": stack,
    "pad": pad,
    "cumsum": same_along_axis,
    "cumprod": same_along_axis,
    "sort": same_sorted,
    "argsort": same_sorted,
    "flip": same,
    "flipud": same,
    "fliplr": same,
    "roll": same,
    "copy": same,
    "zeros": create,
    "ones": create,
    "empty": create,
    "full": create,
    "zeros_like": create_like,
    "ones_like": create_like,
    "empty_like": create_like,
    "full_like": create_like,
}
