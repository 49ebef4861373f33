"""Derivatives of products: the cotangent times the other factor, transposed.

>>> multilinear(np.matmul): a -> ct @ b.T, b -> a.T @ ct
>>> multilinear(np.einsum): the same subscripts with the operand and the result exchanged
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.builder import Symbol
from tracer.ops.reduction import einsum_terms, tensordot_axes
from tracer.rules.declare import linear, multilinear, pullback
from tracer.rules.helpers import reshape_like, shape_of, sum_to
from tracer.rules.joining import refusal
from tracer.rules.reduction import conj


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


multilinear(np.matmul, matmul_left, matmul_right)


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


@pullback(np.vecdot, (0, 1))
def _(ct, a, b):
    ct = column(ct)
    return sum_to(conj(ct * b), a), sum_to(ct * conj(a), b)


if hasattr(np, "matvec"):
    multilinear(
        np.matvec,
        lambda ct, a, b: sum_to(column(ct) * row(b), a),
        lambda ct, a, b: sum_to((swap(a) @ column(ct))[..., 0], b),
    )

    @pullback(np.vecmat, (0, 1))
    def _(ct, a, b):
        left = conj((b @ column(ct))[..., 0])
        return sum_to(left, a), sum_to(column(conj(a)) * row(ct), b)


def _outer_left(factor: Any):
    """The transpose of an outer table ``f(a[..., None], b)`` in ``a``."""

    def transpose(ct, a, b):
        ct = factor(ct, a, b)
        last = tuple(range(ndim(a), ndim(a) + ndim(b)))
        return np.sum(ct, axis=last) if last else ct

    return transpose


def _outer_right(factor: Any):
    def transpose(ct, a, b):
        ct = factor(ct, a, b)
        return np.sum(ct, axis=tuple(range(ndim(a)))) if ndim(a) else ct

    return transpose


def beside(a: Any, b: Any) -> Any:
    """``a`` with an axis of length 1 for each axis of ``b``."""
    return np.expand_dims(a, tuple(range(ndim(a), ndim(a) + ndim(b)))) if ndim(b) else a


OUTER = {
    np.add: (lambda ct, a, b: ct, lambda ct, a, b: ct),
    np.subtract: (lambda ct, a, b: ct, lambda ct, a, b: -ct),
    np.multiply: (lambda ct, a, b: ct * b, lambda ct, a, b: ct * beside(a, b)),
    np.divide: (lambda ct, a, b: ct / b, lambda ct, a, b: -ct * beside(a, b) / b**2),
}
for _ufunc, (_left, _right) in OUTER.items():
    pullback(_ufunc.outer, 0)(_outer_left(_left))
    pullback(_ufunc.outer, 1)(_outer_right(_right))


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


def _cross_rows(a, b, axes):
    last = [_to_last(x, at) for x, at in zip((a, b), axes)]
    if any(shape_of(x)[-1] != 3 for x in last):
        raise refusal(a, "np.cross has a derivative rule only for vectors of length 3.")
    return last


def _to_last(x: Any, axis: int) -> Any:
    return x if axis % ndim(x) == ndim(x) - 1 else np.moveaxis(x, axis, -1)


def _cross_left(ct, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    axes = _cross_axes(axisa, axisb, axisc, axis)
    left, right = _cross_rows(a, b, axes)
    grad = sum_to(np.cross(right, _to_last(ct, axes[2])), left)
    return grad if left is a else np.moveaxis(grad, -1, axes[0])


def _cross_right(ct, a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    axes = _cross_axes(axisa, axisb, axisc, axis)
    left, right = _cross_rows(a, b, axes)
    grad = sum_to(np.cross(_to_last(ct, axes[2]), left), right)
    return grad if right is b else np.moveaxis(grad, -1, axes[1])


multilinear(np.cross, _cross_left, _cross_right)
if np.linalg.cross is not np.cross:
    multilinear(
        np.linalg.cross,
        lambda ct, a, b, axis=-1: _cross_left(ct, a, b, axis=axis),
        lambda ct, a, b, axis=-1: _cross_right(ct, a, b, axis=axis),
    )


# -- einsum -------------------------------------------------------------------------------------
def einsum_slot(ct, slot, subscripts, *operands, optimize=False, dtype=None, casting=None):
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
    stretched = tuple([
        at for at, (have, want) in enumerate(zip(shape_of(grad), shape_of(x)))
        if want == 1 and have != 1
    ])  # fmt: skip
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
