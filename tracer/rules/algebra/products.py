"""Derivatives of products: the cotangent times the other factor, transposed.

>>> multilinear(np.matmul): a -> ct @ b.T, b -> a.T @ ct
>>> multilinear(np.einsum): the same subscripts with the operand and the result exchanged
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer.ops.builder import Symbol
from tracer.ops.reduction import einsum_terms, tensordot_axes
from tracer.rules.declare import composed, linear, multilinear, pullback
from tracer.rules.helpers import reshape_like, shape_of, sum_to
from tracer.rules.reductions.reduction import conj


def ndim(x: Any) -> int:
    return len(shape_of(x))


def swap(x: Any) -> Any:
    """The transpose of a matrix, or of each of a stack of them."""
    return x.T if ndim(x) == 2 else np.swapaxes(x, -1, -2)


def column(x: Any) -> Any:
    """A vector, or each of a stack of them, as a matrix of one column."""
    return np.expand_dims(x, -1)


def row(x: Any) -> Any:
    """A vector, or each of a stack of them, as a matrix of one row."""
    return np.expand_dims(x, -2)


# -- matmul -------------------------------------------------------------------------------------
def matmul_left(ct: Any, a: Any, b: Any) -> Any:
    """The cotangent of ``a`` in ``a @ b``."""
    if ndim(a) == 1 and ndim(b) == 1:
        return ct * b
    if ndim(b) == 1:
        return column(ct) * b if ndim(a) > 2 else np.outer(ct, b)
    if ndim(a) == 1:
        if ndim(b) == 2:
            return b @ ct
        return sum_to((b @ column(ct))[..., 0], a)
    return sum_to(ct @ swap(b), a)


def matmul_right(ct: Any, a: Any, b: Any) -> Any:
    """The cotangent of ``b`` in ``a @ b``."""
    if ndim(a) == 1 and ndim(b) == 1:
        return ct * a
    if ndim(a) == 1:
        return column(a) * row(ct) if ndim(b) > 2 else np.outer(a, ct)
    if ndim(b) == 1:
        if ndim(a) == 2:
            return a.T @ ct
        return sum_to((swap(a) @ column(ct))[..., 0], b)
    return sum_to(swap(a) @ ct, b)


def on_axes(side: int, plain: Callable[..., Any], *cores: int) -> Callable[..., Any]:
    """The transpose in one operand of a gufunc that may be told its axes.

    ``cores`` are the numbers of core axes of both operands and of the result.
    """

    def transpose(
        ct, a, b, axes=None, axis=None, keepdims=False, dtype=None, casting=None, order=None
    ):
        if axis is not None:
            axes = [axis, axis, axis] if keepdims else [axis, axis]
        if axes is None:
            ct = ct[..., 0] if keepdims else ct
            return plain(ct, a, b)
        places = [(at,) if isinstance(at, int) else tuple(at) for at in axes]
        places += [()] * (3 - len(places))
        if keepdims and places[2]:
            ct, places[2] = np.squeeze(ct, places[2]), ()
        moved = [_to_core(x, at) for x, at in zip((a, b, ct), places)]
        grad = plain(moved[2], moved[0], moved[1])
        last = tuple(range(-cores[side], 0))
        return grad if places[side] == last else np.moveaxis(grad, last, places[side])

    return transpose


def _to_core(x: Any, places: tuple[int, ...]) -> Any:
    last = tuple(range(-len(places), 0))
    return x if places == last else np.moveaxis(x, places, last)


multilinear(np.matmul, on_axes(0, matmul_left, 2, 2, 2), on_axes(1, matmul_right, 2, 2, 2))


def _dot_left(ct, a, b):
    if not ndim(a) or not ndim(b):
        return sum_to(ct * b, a)
    if ndim(a) <= 2 and ndim(b) <= 2:
        return matmul_left(ct, a, b)
    free = list(range(ndim(a) - 1, ndim(ct)))
    others = [axis for axis in range(ndim(b)) if axis != max(ndim(b) - 2, 0)]
    return np.tensordot(ct, b, axes=(free, others))


def _dot_right(ct, a, b):
    if not ndim(a) or not ndim(b):
        return sum_to(ct * a, b)
    if ndim(a) <= 2 and ndim(b) <= 2:
        return matmul_right(ct, a, b)
    lead = list(range(ndim(a) - 1))
    grad = np.tensordot(a, ct, axes=(lead, lead))
    return np.moveaxis(grad, 0, max(ndim(b) - 2, 0)) if ndim(b) > 1 else grad


multilinear(np.dot, _dot_left, _dot_right)


def _inner_left(ct, a, b):
    if not ndim(a) or not ndim(b):
        return sum_to(ct * b, a)
    if ndim(a) == 1 and ndim(b) == 1:
        return ct * b
    free = list(range(ndim(a) - 1, ndim(ct)))
    return np.tensordot(ct, b, axes=(free, list(range(ndim(b) - 1))))


def _inner_right(ct, a, b):
    if not ndim(a) or not ndim(b):
        return sum_to(ct * a, b)
    if ndim(a) == 1 and ndim(b) == 1:
        return ct * a
    lead = list(range(ndim(a) - 1))
    return np.tensordot(ct, a, axes=(lead, lead))


multilinear(np.inner, _inner_left, _inner_right)
multilinear(
    np.outer,
    lambda ct, a, b: reshape_like(ct @ np.ravel(b), a),
    lambda ct, a, b: reshape_like(np.ravel(a) @ ct, b),
)
if np.linalg.outer is not np.outer:
    multilinear(np.linalg.outer, lambda ct, a, b: ct @ b, lambda ct, a, b: a @ ct)


@pullback(np.vdot, (0, 1))
def _(ct, a, b):
    return conj(ct * reshape_like(b, a)), ct * reshape_like(conj(a), b)


pullback(np.vecdot, 0)(on_axes(0, lambda ct, a, b: sum_to(conj(column(ct) * b), a), 1, 1, 0))
pullback(np.vecdot, 1)(on_axes(1, lambda ct, a, b: sum_to(column(ct) * conj(a), b), 1, 1, 0))


def _of_vector(ct: Any, matrix: Any, vector: Any) -> Any:
    return sum_to((swap(matrix) @ column(ct))[..., 0], vector)


if hasattr(np, "matvec"):
    multilinear(
        np.matvec,
        on_axes(0, lambda ct, a, b: sum_to(column(ct) * row(b), a), 2, 1, 1),
        on_axes(1, lambda ct, a, b: _of_vector(ct, a, b), 2, 1, 1),
    )
    pullback(np.vecmat, 0)(
        on_axes(0, lambda ct, a, b: sum_to(conj((b @ column(ct))[..., 0]), a), 1, 2, 1)
    )
    pullback(np.vecmat, 1)(
        on_axes(1, lambda ct, a, b: sum_to(column(conj(a)) * row(ct), b), 1, 2, 1)
    )


# -- tensordot, kron, trace, cross --------------------------------------------------------------
def _free(x: Any, axes: list[int]) -> list[int]:
    return [axis for axis in range(ndim(x)) if axis not in axes]


def _tensordot_left(ct, a, b, axes=2):
    left, right = tensordot_axes(axes, ndim(a), ndim(b))
    kept = _free(a, left)
    grad = np.tensordot(ct, b, axes=(list(range(len(kept), ndim(ct))), _free(b, right)))
    # What is left of b are its contracted axes, in its own order.
    partner = [left[right.index(axis)] for axis in sorted(right)]
    return _ordered(grad, kept + partner)


def _tensordot_right(ct, a, b, axes=2):
    left, right = tensordot_axes(axes, ndim(a), ndim(b))
    kept = _free(a, left)
    grad = np.tensordot(a, ct, axes=(kept, list(range(len(kept)))))
    partner = [right[left.index(axis)] for axis in sorted(left)]
    return _ordered(grad, partner + _free(b, right))


def _ordered(grad: Any, axes: list[int]) -> Any:
    """The axes of ``grad`` are ``axes`` of the operand: put them in order."""
    if axes == sorted(axes):
        return grad
    return np.transpose(grad, tuple(sorted(range(len(axes)), key=axes.__getitem__)))


multilinear(np.tensordot, _tensordot_left, _tensordot_right)


def _kron_parts(ct: Any, a: Any, b: Any) -> tuple[Any, Any, Any, tuple, tuple]:
    """``ct`` with the axes of both factors apart, and the factors shaped to broadcast with it."""
    count = max(ndim(a), ndim(b))
    left = (1,) * (count - ndim(a)) + tuple(shape_of(a))
    right = (1,) * (count - ndim(b)) + tuple(shape_of(b))
    apart = np.reshape(ct, [size for pair in zip(left, right) for size in pair])
    spread_a = np.reshape(a, [size for n in left for size in (n, 1)])
    spread_b = np.reshape(b, [size for n in right for size in (1, n)])
    return apart, spread_a, spread_b, tuple(range(0, 2 * count, 2)), tuple(range(1, 2 * count, 2))


def _kron_left(ct, a, b):
    apart, _, spread, _, odd = _kron_parts(ct, a, b)
    return reshape_like(np.sum(apart * spread, axis=odd), a)


def _kron_right(ct, a, b):
    apart, spread, _, even, _ = _kron_parts(ct, a, b)
    return reshape_like(np.sum(apart * spread, axis=even), b)


multilinear(np.kron, _kron_left, _kron_right)


def _trace(ct, x, offset=0, axis1=0, axis2=1, dtype=None):
    shape = shape_of(x)
    axis1, axis2 = axis1 % len(shape), axis2 % len(shape)
    # eye with the same offset has ones exactly where the trace looked.
    if axis1 > axis2:
        unit = np.eye(shape[axis2], shape[axis1], -offset, dtype=x.dtype)
    else:
        unit = np.eye(shape[axis1], shape[axis2], offset, dtype=x.dtype)
    if len(shape) == 2:
        return ct * unit
    low, high = sorted((axis1, axis2))
    sizes = [shape[at] if at in (low, high) else 1 for at in range(len(shape))]
    return np.expand_dims(ct, (low, high)) * np.reshape(unit, sizes)


linear(np.trace, _trace)


def _cross_axes(axisa: int, axisb: int, axisc: int, axis: Any) -> tuple[int, int, int]:
    return (axisa, axisb, axisc) if axis is None else (axis, axis, axis)


def _cross_rows(ct: Any, a: Any, b: Any, axes: tuple[int, int, int]) -> list[Any]:
    """All with their vectors last and of length 3; of plane ones the product is the third."""
    left, right = _to_last(a, axes[0]), _to_last(b, axes[1])
    flat = shape_of(left)[-1] == 2 and shape_of(right)[-1] == 2
    ct = _widened(np.expand_dims(ct, -1), (2, 0)) if flat else _to_last(ct, axes[2])
    return [ct, *[_widened(x, (0, 1)) if shape_of(x)[-1] == 2 else x for x in (left, right)]]


def _widened(x: Any, width: tuple[int, int]) -> Any:
    return np.pad(x, [(0, 0)] * (ndim(x) - 1) + [width])


def _to_last(x: Any, axis: int) -> Any:
    return x if axis % ndim(x) == ndim(x) - 1 else np.moveaxis(x, axis, -1)


def _narrowed(grad: Any, x: Any, like: Any, axis: int) -> Any:
    """The gradient of a row in the axes and with the length of the operand."""
    grad = sum_to(grad, like)
    grad = grad[..., :2] if shape_of(x)[axis] == 2 else grad
    return grad if axis % ndim(x) == ndim(x) - 1 else np.moveaxis(grad, -1, axis)


def _cross_left(ct, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    axes = _cross_axes(axisa, axisb, axisc, axis)
    ct, left, right = _cross_rows(ct, a, b, axes)
    return _narrowed(np.cross(right, ct), a, left, axes[0])


def _cross_right(ct, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    axes = _cross_axes(axisa, axisb, axisc, axis)
    ct, left, right = _cross_rows(ct, a, b, axes)
    return _narrowed(np.cross(ct, left), b, right, axes[1])


multilinear(np.cross, _cross_left, _cross_right)
if np.linalg.cross is not np.cross:
    multilinear(
        np.linalg.cross,
        lambda ct, a, b, axis=-1: _cross_left(ct, a, b, axis=axis),
        lambda ct, a, b, axis=-1: _cross_right(ct, a, b, axis=axis),
    )


# -- einsum -------------------------------------------------------------------------------------
def einsum_slot(
    ct, slot, subscripts, *operands, optimize=False, dtype=None, casting=None, order=None
):
    """The cotangent of one operand: its subscripts and the result's change places."""
    terms, result = einsum_terms(subscripts, [ndim(x) for x in operands])
    arrays = [k for k, x in enumerate(operands) if isinstance(x, (Symbol, np.ndarray))]
    mine = arrays[slot]
    target, x = terms[mine], operands[mine]
    factors = [(result, ct)] + [
        (term, other) for k, (term, other) in enumerate(zip(terms, operands)) if k != mine
    ]
    wanted, factors = _without_repeats(target, shape_of(x), factors)
    known = "".join(term for term, _ in factors)
    kept = "".join(letter for letter in wanted if letter in known)
    text = ",".join(term for term, _ in factors) + "->" + kept
    options = {} if optimize is False else {"optimize": optimize}
    lone = len(factors) == 1 and text == f"{kept}->{kept}"
    grad = ct if lone else np.einsum(text, *[value for _, value in factors], **options)
    missing = tuple([at for at, letter in enumerate(wanted) if letter not in known])
    grad = np.expand_dims(grad, missing) if missing else grad
    stretched = tuple(
        [
            at
            for at, (have, want) in enumerate(zip(shape_of(grad), shape_of(x)))
            if want == 1 and have != 1
        ]
    )
    return np.sum(grad, axis=stretched, keepdims=True) if stretched else grad


def _without_repeats(target: str, shape: tuple, factors: list) -> tuple[str, list]:
    """An operand read on its diagonal (``ii``) gets its cotangent there, by a unit matrix."""
    used = target + "".join(term for term, _ in factors)
    spare = (c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in used)
    letters: list[str] = []
    for at, letter in enumerate(target):
        if letter in letters:
            fresh = next(spare)
            factors = [*factors, (letter + fresh, np.eye(shape[at]))]
            letter = fresh
        letters.append(letter)
    return "".join(letters), factors


multilinear(np.einsum, each=einsum_slot)


@composed(np.linalg.tensorsolve)
def _(a, b, axes=None):
    """A system of equations with the axes of both sides in a row."""
    order = list(range(ndim(a)))
    for axis in axes or ():
        order.append(order.pop(order.index(axis % ndim(a))))
    a = np.transpose(a, tuple(order)) if axes else a
    count = ndim(b)
    rows, shape = shape_of(a)[:count], shape_of(a)[count:]
    matrix = np.reshape(a, (math.prod(rows), math.prod(shape)))
    return np.reshape(np.linalg.solve(matrix, np.ravel(b)), shape)
