"""The table of rewrites about shapes, views and writes: fewer moves between operations.

>>> SHAPES[0]
<transpose(transpose(x, *p), *q)  →  compose(…)   at shapes.py:226>

A broadcast that feeds an elementwise op is dropped where NumPy's own broadcasting makes it
needless, else moved behind the op; a shape taken from another value is written out where it is
known.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.node import Node
from tracer.graph.spec import Dim
from tracer.passes.algebra import as_literal
from tracer.passes.pattern import has_holes, same_literal, scalar_of
from tracer.passes.rewrite import Make, Rewrite, rewrite


# -- conditions ---------------------------------------------------------------------------------
def is_static(y: Node) -> bool:
    return y.specs[0].is_static


def both_static(x: Node, y: Node) -> bool:
    return x.specs[0].is_static and y.specs[0].is_static


def is_strong(x: Node) -> bool:
    """Not a Python scalar: operators on those are Python's own, with its exceptions."""
    return x.specs[0].kind in ("array", "scalar")


# -- transposes ---------------------------------------------------------------------------------
def permutation(x_ndim: int, p: tuple) -> tuple[int, ...]:
    """The axes of ``np.transpose(x, *p)``, all of them and none negative."""
    if not p or p[0] is None:
        return tuple(reversed(range(x_ndim)))
    return tuple([axis % x_ndim for axis in p[0]])


def transposed(make: Make, x: Node, axes: tuple[int, ...]) -> Node:
    if axes == tuple(range(len(axes))):
        return x
    if axes == tuple(reversed(range(len(axes)))):
        return make("transpose", x, spelling="attribute")
    return make("transpose", x, axes)


def compose(make: Make, x: Node, p: tuple, q: tuple) -> Node:
    first, second = permutation(len(x.shape), p), permutation(len(x.shape), q)
    return transposed(make, x, tuple([first[axis] for axis in second]))


def idle_transpose(make: Make, x: Node, p: tuple) -> Node | None:
    axes = permutation(len(x.shape), p)
    return x if axes == tuple(range(len(axes))) else None


def product_of_transposes(make: Make, x: Node, y: Node, p: tuple) -> Node | None:
    """``(x @ y).T`` as ``y.T @ x.T``, for matrices."""
    if len(x.shape) != 2 or len(y.shape) != 2 or permutation(2, p) != (1, 0):
        return None
    left, right = transposed(make, y, (1, 0)), transposed(make, x, (1, 0))
    return make("matmul", left, right, spelling="operator")


def swaps_last(x: Node, y: Node, a: Any, b: Any) -> bool:
    """Whether axes ``a`` and ``b`` are those of the matrices in two stacks of them."""
    ndim = len(x.shape)
    return ndim == len(y.shape) and ndim > 2 and {a % ndim, b % ndim} == {ndim - 2, ndim - 1}


def swapped_product(make: Make, x: Node, y: Node, a: Any, b: Any) -> Node | None:
    """``swapaxes(x @ y, -1, -2)`` of stacks, where a factor is swapped back by it."""
    if not swaps_last(x, y, a, b) or "swapaxes" not in (x.op.name, y.op.name):
        return None
    left, right = [
        z.inputs[0]
        if z.op.name == "swapaxes" and swaps_last(z, z, *z.params.args[1:])
        else make("swapaxes", z, -1, -2, spelling="method")
        for z in (y, x)
    ]
    return make("matmul", left, right, spelling="operator")


# -- shapes that are known ----------------------------------------------------------------------
def to_static_shape(name: str):
    """``broadcast_like(x, y)`` with the shape of ``y`` written out."""

    def write_out(make: Make, x: Node, y: Node) -> Node:
        return x if x.specs == make.root.specs else make(name, x, y.shape)

    return write_out


def static_zeros(make: Make, x: Node) -> Node:
    dtype = make.root.dtype
    kwargs: dict[str, Any] = {} if dtype == np.float64 else {"dtype": dtype}
    return make("zeros", x.shape, **kwargs)


def static_sum_to(make: Make, x: Node, y: Node) -> Node | None:
    """``sum_to`` as the sum over the axes that broadcasting made."""
    if x.specs == make.root.specs:
        return x
    lead = len(x.shape) - len(y.shape)
    new = tuple(range(lead))
    stretched = tuple(
        [
            axis + lead
            for axis, size in enumerate(y.shape)
            if size == 1 and x.shape[axis + lead] != 1
        ]
    )
    axes = new + stretched
    if not axes or not is_strong(x):
        return None
    axis = axes[0] if len(axes) == 1 else axes
    if not stretched and y.shape:
        return make("sum", x, spelling="method", axis=axis)
    if not new:
        return make("sum", x, spelling="method", axis=axis, keepdims=True)
    return make("reshape", make("sum", x, spelling="method", axis=axis), y.shape)


def sum_without_ones(make: Make, x: Node, a: Any) -> Node:
    """A sum that keeps its axes, reshaped to what it is without them."""
    return make("sum", x, spelling="method", axis=a)


# -- broadcasts ---------------------------------------------------------------------------------
def leading_ones(x: Node, s: Any) -> bool:
    """Whether a reshape to ``s`` only puts 1s in front of the shape of ``x``."""
    inner = s if type(s) is tuple else (s,)
    lead = len(inner) - len(x.shape)
    return lead >= 0 and inner[lead:] == x.shape and all(size == 1 for size in inner[:lead])


def broadcast_of_leading(make: Make, x: Node, s: Any, t: Any) -> Node | None:
    return make("broadcast_to", x, t) if is_strong(x) and leading_ones(x, s) else None


def leading_first(make: Make, elementwise: Node, x: Node, y: Node, s: Any) -> Node | None:
    """An operand without a reshape that broadcasting makes needless."""
    if not is_strong(x) or not leading_ones(x, s):
        return None
    return make.node(elementwise.op, (x, y), {}, elementwise.spelling)


def leading_second(make: Make, elementwise: Node, x: Node, y: Node, s: Any) -> Node | None:
    if not is_strong(x) or not leading_ones(x, s):
        return None
    return make.node(elementwise.op, (y, x), {}, elementwise.spelling)


def both_inside(make: Make, elementwise: Node, x: Node, y: Node, s: Any) -> Node | None:
    """Two equal broadcasts become one, behind the op."""
    if not is_strong(x) or not is_strong(y):
        return None
    return make("broadcast_to", make.node(elementwise.op, (x, y), {}, elementwise.spelling), s)


def sum_of_broadcast(make: Make, x: Node, s: Any, k: dict[str, Any]) -> Node | None:
    """The sum of equal numbers is a product, if only axes are summed that broadcasting made."""
    if not set(k) <= {"axis", "keepdims"}:
        return None
    axis, keepdims = k.get("axis"), bool(k.get("keepdims"))
    outer = s if type(s) is tuple else (s,)
    if not all(type(size) is int for size in (*outer, *x.shape)) or not x.specs[0].is_inexact:
        return None
    axes = range(len(outer)) if axis is None else axis if type(axis) is tuple else (axis,)
    summed = {a % len(outer) for a in axes}
    inner = (1,) * (len(outer) - len(x.shape)) + x.shape
    if any(inner[a] != 1 for a in summed):
        return None
    count = math.prod([outer[a] for a in summed])
    made = x if count == 1 else make("multiply", x, float(count), spelling="operator")
    shape = make.root.shape
    if made.shape == shape:
        return made
    kept = tuple(
        [1 if a in summed else n for a, n in enumerate(inner) if keepdims or a not in summed]
    )
    if made.shape != kept and math.prod(shape) == math.prod(kept):
        return make("reshape", made, shape)
    if made.shape != kept:
        made = make("reshape", made, kept)
    return made if kept == shape else make("broadcast_to", made, shape)


# -- writes and reads ---------------------------------------------------------------------------
def span(part: Any, size: Any) -> tuple[int, int] | None:
    """The range of one axis that a static index reaches, or None if that is not known."""
    if type(size) is not int:
        return None
    if type(part) is int:
        return (part % size, part % size + 1) if -size <= part < size else None
    if type(part) is slice and all(
        type(i) in (int, type(None)) for i in (part.start, part.stop, part.step)
    ):
        reached = range(size)[part]
        return (min(reached), max(reached) + 1) if len(reached) else (0, 0)
    return None


def disjoint(x: Node, i: Any, j: Any) -> bool:
    """Whether two static indices can't reach the same element."""
    if has_holes((i, j)) or any(type(size) is Dim for size in x.shape):
        return False
    first, second = [index if type(index) is tuple else (index,) for index in (i, j)]
    for one, other, size in zip(first, second, x.shape, strict=False):
        a, b = span(one, size), span(other, size)
        if a is None or b is None:
            return False
        if a[1] <= b[0] or b[1] <= a[0]:
            return all(span(p, n) for p, n in zip(first, x.shape, strict=False)) and all(
                span(p, n) for p, n in zip(second, x.shape, strict=False)
            )
    return False


def is_literal_of(x: Node, y: Node) -> bool:
    """Whether ``y`` is a constant number of the dtype of ``x``."""
    return scalar_of(y) is not None and x.dtype == y.dtype


def literal_value(make: Make, x: Node, y: Node, index: Any) -> Node:
    """What is written, as a Python number."""
    return make.node(make.root.op, (x, as_literal(y), index), {})


def filled(make: Make, s: Any, x: Node, k: dict[str, Any]) -> Node:
    """``np.full`` with a number written out, or ``np.ones``."""
    value = as_literal(x)
    if same_literal(1, value):
        dtype: dict[str, Any] = {} if x.dtype == np.float64 else {"dtype": x.dtype}
        return make("ones", s, **dtype)
    return make("full", s, value, **k)


def is_basic(i: Any) -> bool:
    """Whether an index is made of ints and slices alone."""
    return not has_holes(i) and all(
        type(part) in (int, slice) for part in (i if type(i) is tuple else (i,))
    )


SHAPES: tuple[Rewrite, ...] = (
    rewrite("transpose(transpose(x, *p), *q)", to=compose),
    rewrite("transpose(x, *p)", to=idle_transpose),
    rewrite("swapaxes(swapaxes(x, a, b), a, b)", to="x"),
    rewrite("reshape(reshape(x, s), t)", to="reshape(x, t)", when=is_strong),
    rewrite("reshape(x, s)", to="x"),
    rewrite("reshape(sum(x, axis=a, keepdims=True), s)", to=sum_without_ones, single=True),
    rewrite("ravel(reshape(x, s))", to="ravel(x)", when=is_strong),
    rewrite("ravel(x)", to="x"),
    rewrite("squeeze(x, **k)", to="x"),
    rewrite("reshape(ravel(x), t)", to="reshape(x, t)", when=is_strong),
    rewrite("reshape(expand_dims(x, a), t)", to="reshape(x, t)", when=is_strong),
    rewrite("reshape(squeeze(x, **k), t)", to="reshape(x, t)", when=is_strong),
    rewrite("broadcast_to(broadcast_to(x, s), t)", to="broadcast_to(x, t)", when=is_strong),
    rewrite("broadcast_to(reshape(x, s), t)", to=broadcast_of_leading),
    rewrite("broadcast_to(x, s)", to="x"),
    rewrite("sum_to(x, y)", to="x"),
    # -- a shape that is known is written out ---------------------------------------------------
    rewrite("broadcast_like(x, y)", to=to_static_shape("broadcast_to"), when=is_static),
    rewrite("reshape_like(x, y)", to=to_static_shape("reshape"), when=is_static),
    rewrite("sum_to(x, y)", to=static_sum_to, when=both_static),
    rewrite("zeros_of(x, **k)", to=static_zeros, when=lambda x: x.specs[0].is_static),
    # -- broadcasts meet elementwise ops --------------------------------------------------------
    rewrite("elementwise(broadcast_to(x, s), broadcast_to(y, t))", to="elementwise(x, y)"),
    rewrite("elementwise(broadcast_to(x, s), y)", to="elementwise(x, y)"),
    rewrite("elementwise(y, broadcast_to(x, s))", to="elementwise(y, x)"),
    rewrite("elementwise(broadcast_like(x, v), y)", to="elementwise(x, y)"),
    rewrite("elementwise(y, broadcast_like(x, v))", to="elementwise(y, x)"),
    rewrite("elementwise(reshape(x, s), y)", to=leading_first),
    rewrite("elementwise(y, reshape(x, s))", to=leading_second),
    rewrite(
        "elementwise(broadcast_to(x, s), c)",
        to="broadcast_to(elementwise(x, c), s)",
        when=is_strong,
    ),
    rewrite(
        "elementwise(c, broadcast_to(x, s))",
        to="broadcast_to(elementwise(c, x), s)",
        when=is_strong,
    ),
    rewrite(
        "elementwise(broadcast_to(x, s))", to="broadcast_to(elementwise(x), s)", when=is_strong
    ),
    rewrite("elementwise(broadcast_to(x, s), broadcast_to(y, s))", to=both_inside),
    # -- writes and reads -----------------------------------------------------------------------
    rewrite("setitem(x, y, i)[i]", to="y", when=is_basic),
    rewrite("setitem(x, y, i)[j]", to="x[j]", when=disjoint),
    rewrite("setitem(x, c, i)[j]", to="x[j]", when=disjoint),
    rewrite("scatter_add(x, broadcast_to(y, s), index)", to="scatter_add(x, y, index)"),
    rewrite("setitem(x, broadcast_to(y, s), index)", to="setitem(x, y, index)"),
    rewrite("scatter_add(x, y, index)", to=literal_value, when=is_literal_of),
    rewrite("setitem(x, y, index)", to=literal_value, when=is_literal_of),
    rewrite("full(s, x, **k)", to=filled, when=lambda x: scalar_of(x) is not None),
    # -- derivative programs --------------------------------------------------------------------
    rewrite("transpose(x @ y, *p)", to=product_of_transposes, exact=False, single=True),
    rewrite("swapaxes(x @ y, a, b)", to=swapped_product, exact=False, single=True),
    rewrite("reshape(-x, s)", to="-reshape(x, s)", when=is_strong, exact=False, single=True),
    rewrite("sum(broadcast_to(x, s), **k)", to=sum_of_broadcast, exact=False),
    rewrite("sum(reshape(x, s))", to="sum(x)", exact=False),
)
