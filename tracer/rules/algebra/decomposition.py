"""Derivatives of linear algebra: inverses, solutions, determinants, eigenvalues.

Formulas: M. Giles, Collected matrix derivative results (2008). Stacks of matrices work as single
ones do.

>>> pullback(np.linalg.solve): b -> solve(a.T, ct), a -> -outer(g_b, out)
>>> pullback(np.linalg.inv): ct -> -out.T @ ct @ out.T
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.spec import array_spec
from tracer.ops import registry
from tracer.rules.algebra.products import column, ndim, row, swap
from tracer.rules.declare import ZERO, composed, pullback
from tracer.rules.helpers import reshape_like, shape_of, sum_to
from tracer.rules.joining import spread
from tracer.rules.reductions.reduction import conj, product_of_others


def is_complex(x: Any) -> bool:
    return np.issubdtype(x.dtype, np.complexfloating)


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conj(swap(x))


def times_matrix(ct: Any, matrix: Any) -> Any:
    """A scalar, or one per matrix of a stack, times the matrix."""
    return ct * matrix if ndim(ct) == 0 else np.expand_dims(ct, (-2, -1)) * matrix


def of_first_columns(ct: Any, whole: Any, count: int) -> Any:
    """The cotangent of the first columns of a unitary matrix that all of them amount to.

    The others, ``rest``, stay orthogonal to those: they move by ``-first @ (d first)^H @ rest``.
    """
    if ct is ZERO:
        return ZERO
    first, rest = whole[..., :count], whole[..., count:]
    return ct[..., :count] - conj(rest @ swap(ct[..., count:]) @ first)


# -- inverse, solve, determinant ----------------------------------------------------------------
@pullback(np.linalg.inv)
def _(ct, a, out=None):
    turned = swap(out)
    return -(turned @ ct @ turned)


@pullback(np.linalg.solve, (0, 1))
def _(ct, a, b, out=None):
    if ndim(b) == 1:
        if ndim(a) == 2:
            inner = np.linalg.solve(a.T, ct)
            return -np.outer(inner, out), inner
        inner = np.linalg.solve(swap(a), column(ct))
        return -(inner @ row(out)), sum_to(inner[..., 0], b)
    inner = np.linalg.solve(swap(a), ct)
    return sum_to(-(inner @ swap(out)), a), sum_to(inner, b)


@pullback(np.linalg.det, math="ḡ · det(A) A⁻ᵀ")
def _(ct, a, out=None):
    return times_matrix(ct, cofactors(a))


def cofactors(a: Any) -> Any:
    """The matrix of cofactors, from the singular values: right for singular matrices too."""
    u, s, vh = np.linalg.svd(a)
    others = product_of_others(s)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return times_matrix(sign, conj(u) * row(others) @ conj(vh))


@pullback(np.linalg.slogdet)
def _(cts, a, out=None):
    # For a real matrix the sign is constant; a complex sign turns with the imaginary part.
    ct_sign, ct_log = cts
    inverse = swap(np.linalg.inv(a))
    grad = ZERO
    if ct_log is not ZERO:
        grad = times_matrix(ct_log, inverse)
    if ct_sign is not ZERO and is_complex(a):
        sign = out[0]
        turn = times_matrix(1j * np.imag(ct_sign * sign) + 0j, inverse)
        grad = turn if grad is ZERO else grad + turn
    return grad


@pullback(np.linalg.matrix_power)
def _(ct, a, n):
    if n == 0:
        return ct * 0.0
    if n < 0:
        inverse = np.linalg.inv(a)
        turned = swap(inverse)
        return -(turned @ _power_slope(ct, inverse, -n) @ turned)
    return _power_slope(ct, a, n)


def _power_slope(ct: Any, a: Any, n: int) -> Any:
    """The sum of ``a.T^k @ ct @ a.T^(n-1-k)``, by Horner's scheme."""
    turned = swap(a)
    left, grad = ct, ct
    for _ in range(n - 1):
        left = turned @ left
        grad = grad @ turned + left
    return grad


@pullback(np.linalg.multi_dot)
def _(ct, arrays):
    found, given = [], arrays
    arrays = [_as_array(x, ct) for x in arrays]
    for k, x in enumerate(arrays):
        grad = ct
        if k:
            left = np.linalg.multi_dot(list(arrays[:k])) if k > 1 else arrays[0]
            grad = _undo_left(grad, left, scalar=ndim(arrays[0]) == 1)
        if k < len(arrays) - 1:
            rest = list(arrays[k + 1 :])
            right = np.linalg.multi_dot(rest) if len(rest) > 1 else rest[0]
            grad = _undo_right(grad, right, x)
        found.append(spread(reshape_like(grad, x), given[k]))
    return found


def _as_array(x: Any, like: Any) -> Any:
    """A factor given as nested lists, as the array that NumPy makes of them."""
    if not isinstance(x, (list, tuple)):
        return x
    return like.builder.emit(registry.op_of(np.array), (x,))


def _undo_left(ct: Any, left: Any, scalar: bool) -> Any:
    """From the cotangent of ``left @ y`` to that of ``y``."""
    if ndim(left) == 1:
        return np.expand_dims(left, -1) * ct if ndim(ct) else left * ct
    return left.T @ ct


def _undo_right(ct: Any, right: Any, x: Any) -> Any:
    if ndim(right) == 1:
        return np.expand_dims(ct, -1) * right if ndim(ct) == ndim(x) - 1 else ct * right
    if ndim(ct) == 1 and ndim(x) == 1:
        return right @ ct
    return ct @ right.T


# -- factors ------------------------------------------------------------------------------------
def half_below(x: Any) -> Any:
    """The lower triangle with half the diagonal."""
    return np.tril(x) - 0.5 * (np.eye(shape_of(x)[-1], dtype=x.dtype) * x)


@pullback(np.linalg.cholesky, math="sym(L⁻ᵀ Φ(Lᵀ ḡ) L⁻¹)")
def _(ct, a, upper=False, out=None):
    lower = adjoint(out) if upper else out
    ct = swap(ct) if upper else conj(ct)
    inner = half_below(adjoint(lower) @ np.tril(ct))
    turned = np.linalg.inv(adjoint(lower))
    grad = turned @ inner @ adjoint(turned)
    grad = 0.5 * (grad + adjoint(grad))
    return _onto_triangle(conj(grad), "U" if upper else "L")


def _gaps(w: Any, other: Any) -> Any:
    """1 / (w_j - w_i), 0 on the diagonal."""
    unit = np.eye(shape_of(w)[-1], dtype=w.dtype)
    return (1.0 - unit) / (row(other) - column(w) + unit)


@pullback(np.linalg.eigh, math="V (Λ̄ + F ⊙ Vᵀ V̄) Vᵀ")
def _(cts, a, UPLO="L", out=None):
    return eigh_cotangent(*cts, *out, UPLO)


def eigh_cotangent(ct_w: Any, ct_v: Any, w: Any, v: Any, uplo: str) -> Any:
    """The cotangent of a symmetric matrix from those of its eigenvalues and eigenvectors."""
    vh = adjoint(v)
    # Giles writes cotangents conjugated; so do we until the last line.
    inner: Any = None
    if ct_v is not ZERO:
        inner = (vh @ conj(ct_v)) * _gaps(w, w)
    if ct_w is not ZERO:
        part = np.eye(shape_of(w)[-1], dtype=w.dtype) * column(ct_w)
        inner = part if inner is None else inner + part
    return _onto_triangle(conj(v @ inner @ vh), uplo)


def _onto_triangle(grad: Any, uplo: str) -> Any:
    """The function reads one triangle only and takes the other for its mirror image."""
    whole = grad + adjoint(grad)
    unit = np.eye(shape_of(grad)[-1], dtype=grad.dtype.type(0).real.dtype)
    keep = np.tril if uplo == "L" else np.triu
    half = keep(whole, -1 if uplo == "L" else 1)
    return half + unit * np.real(grad) if is_complex(grad) else half + unit * grad


@pullback(np.linalg.eigvalsh, math="V diag(ḡ) Vᵀ")
def _(ct, a, UPLO="L"):
    _, v = np.linalg.eigh(a, UPLO)
    return _onto_triangle(conj(v * row(ct) @ adjoint(v)), UPLO)


@pullback(np.linalg.eig)
def _(cts, a, out=None):
    w, v = out
    ct_w, ct_v = cts
    inner: Any = None
    if ct_v is not ZERO:
        # NumPy scales each eigenvector to length 1; what changes only its length has no effect.
        g = conj(ct_v)
        v_h = adjoint(v)
        unit = np.eye(shape_of(w)[-1], dtype=w.dtype)
        along = unit * np.real(v_h @ g)
        inner = _conj_gaps(w) * (v_h @ g - (v_h @ v) @ along)
    if ct_w is not ZERO:
        part = np.eye(shape_of(w)[-1]) * column(conj(ct_w))
        inner = part if inner is None else inner + part
    v_h = adjoint(v)
    grad = np.linalg.solve(v_h, inner @ v_h)
    return conj(grad)


def _conj_gaps(w: Any) -> Any:
    unit = np.eye(shape_of(w)[-1])
    w = conj(w)
    return (1.0 - unit) / (row(w) - column(w) + unit)


@pullback(np.linalg.eigvals, math="V⁻ᵀ diag(ḡ) Vᵀ")
def _(ct, a, out=None):
    # Whether the eigenvalues are complex depends on the data, and so it does for the vectors.
    specs = (out.spec, array_spec(a.shape, out.dtype))
    _, v = a.builder.emit(registry.op_of(np.linalg.eig), (a,), specs=specs)
    turned = swap(v)
    return np.linalg.solve(turned, column(ct) * turned)


# -- least squares and tensor equations ---------------------------------------------------------
@pullback(np.linalg.lstsq, (0, 1))
def _(cts, a, b, rcond=None, out=None):
    vector = ndim(b) == 1
    x, b = (column(out[0]), column(b)) if vector else (out[0], b)
    residual = b - a @ x
    g_a: Any = ZERO
    g_b: Any = ZERO
    if cts[0] is not ZERO:
        ct = column(cts[0]) if vector else cts[0]
        g_a, g_b = _lstsq_solution(ct, a, x, residual)
    if cts[1] is not ZERO and shape_of(cts[1]) != (0,):
        scaled = 2.0 * cts[1] * conj(residual)  # by x it does not move: it is a minimum in x
        g_a = _plus(g_a, -(scaled @ x.T))
        g_b = _plus(g_b, scaled)
    if cts[3] is not ZERO:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        g_a = _plus(g_a, conj(u) * row(cts[3]) @ conj(vh))
    return g_a, g_b[:, 0] if vector and g_b is not ZERO else g_b


def _plus(total: Any, term: Any) -> Any:
    return term if total is ZERO else total + term


def _lstsq_solution(ct: Any, a: Any, x: Any, residual: Any) -> tuple[Any, Any]:
    """x = pinv(a) @ b, for a rank that does not change (Golub and Pereyra 1973)."""
    p, g = np.linalg.pinv(a), conj(ct)
    p_h = adjoint(p)
    right = p_h @ g
    grad = residual @ (adjoint(g) @ p @ p_h) - right @ adjoint(x)
    grad = grad + (p_h @ x) @ adjoint(g - adjoint(a) @ right)  # zero if no column is superfluous
    return conj(grad), conj(right)


def _as_matrix(a: Any, split: int) -> Any:
    shape = shape_of(a)
    rows = math.prod(shape[:split])
    return np.reshape(a, (rows, math.prod(shape[split:])))


@composed(np.linalg.tensorsolve)
def _(a, b, axes=None):
    count = ndim(a)
    if axes is not None:
        moved = [int(axis) % count for axis in axes]
        a = np.transpose(a, [axis for axis in range(count) if axis not in moved] + moved)
    shape = shape_of(a)[-(count - ndim(b)) :]
    return np.reshape(np.linalg.solve(_as_matrix(a, ndim(b)), np.ravel(b)), shape)


@pullback(np.linalg.tensorinv)
def _(ct, a, ind=2, out=None):
    inverse = _as_matrix(out, ndim(a) - ind).T
    return reshape_like(-(inverse @ _as_matrix(ct, ndim(a) - ind) @ inverse), a)
