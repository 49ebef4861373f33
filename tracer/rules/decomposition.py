"""Derivatives of linear algebra: inverses, solutions, determinants and factors.

Formulas: M. Giles, Collected matrix derivative results (2008); S. F. Walter and L. Lehmann (2013)
for QR. Stacks of matrices work as single ones do.

>>> pullback(np.linalg.solve): b -> solve(a.T, ct), a -> -outer(g_b, out)
>>> pullback(np.linalg.inv): ct -> -out.T @ ct @ out.T
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.rules.declare import ZERO, pullback
from tracer.rules.helpers import reshape_like, shape_of, sum_to
from tracer.rules.joining import refusal, spread
from tracer.rules.products import column, ndim, row, swap
from tracer.rules.reduction import conj, product_of_others


def is_complex(x: Any) -> bool:
    return np.issubdtype(x.dtype, np.complexfloating)


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conj(swap(x))


def times_matrix(ct: Any, matrix: Any) -> Any:
    """A scalar, or one per matrix of a stack, times the matrix."""
    return ct * matrix if ndim(ct) == 0 else np.expand_dims(ct, (-2, -1)) * matrix


# -- inverse, solve, determinant ----------------------------------------------------------------
@pullback(np.linalg.inv)
def _(ct, a, out=None):
    turned = swap(out)
    return -(turned @ ct @ turned)


def _solve_right(ct, a, b):
    turned = swap(a)
    if ndim(b) == 1 and ndim(a) > 2:
        return sum_to(np.linalg.solve(turned, column(ct))[..., 0], b)
    return sum_to(np.linalg.solve(turned, ct), b)


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


@pullback(np.linalg.det)
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
    found = []
    for k, x in enumerate(arrays):
        grad = ct
        if k:
            left = np.linalg.multi_dot(list(arrays[:k])) if k > 1 else arrays[0]
            grad = _undo_left(grad, left, scalar=ndim(arrays[0]) == 1)
        if k < len(arrays) - 1:
            rest = list(arrays[k + 1 :])
            right = np.linalg.multi_dot(rest) if len(rest) > 1 else rest[0]
            grad = _undo_right(grad, right, x)
        found.append(spread(reshape_like(grad, x), x))
    return found


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


@pullback(np.linalg.cholesky)
def _(ct, a, upper=False, out=None):
    lower = adjoint(out) if upper else out
    ct = swap(ct) if upper else conj(ct)
    inner = half_below(adjoint(lower) @ np.tril(ct))
    turned = np.linalg.inv(adjoint(lower))
    grad = turned @ inner @ adjoint(turned)
    grad = 0.5 * (grad + adjoint(grad))
    return conj(grad) if is_complex(a) else grad


def _gaps(w: Any, other: Any) -> Any:
    """1 / (w_j - w_i), 0 on the diagonal."""
    unit = np.eye(shape_of(w)[-1], dtype=w.dtype)
    return (1.0 - unit) / (row(other) - column(w) + unit)


@pullback(np.linalg.eigh)
def _(cts, a, UPLO="L", out=None):
    w, v = out
    ct_w, ct_v = cts
    vh = adjoint(v)
    # Giles writes cotangents conjugated; so do we until the last line.
    inner: Any = None
    if ct_v is not ZERO:
        inner = (vh @ conj(ct_v)) * _gaps(w, w)
    if ct_w is not ZERO:
        part = np.eye(shape_of(w)[-1], dtype=w.dtype) * column(ct_w)
        inner = part if inner is None else inner + part
    grad = conj(v @ inner @ vh)
    return _onto_triangle(grad, UPLO)


def _onto_triangle(grad: Any, uplo: str) -> Any:
    """The function reads one triangle only and takes the other for its mirror image."""
    whole = grad + adjoint(grad)
    unit = np.eye(shape_of(grad)[-1], dtype=grad.dtype.type(0).real.dtype)
    keep = np.tril if uplo == "L" else np.triu
    half = keep(whole, -1 if uplo == "L" else 1)
    return half + unit * np.real(grad) if is_complex(grad) else half + unit * grad


@pullback(np.linalg.eigvalsh)
def _(ct, a, UPLO="L"):
    _, v = np.linalg.eigh(a, UPLO)
    return _onto_triangle(conj(v * row(ct) @ adjoint(v)), UPLO)


@pullback(np.linalg.svd)
def _(cts, a, full_matrices=True, compute_uv=True, hermitian=False, out=None):
    if hermitian:
        raise refusal(a, "np.linalg.svd(hermitian=True) has no derivative rule.")
    if not compute_uv:
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return conj(u) * row(cts) @ conj(vh)
    m, n = shape_of(a)[-2:]
    if full_matrices and m != n and (cts[0] is not ZERO or cts[2] is not ZERO):
        raise refusal(a, "np.linalg.svd has a derivative rule for the vectors of a matrix that "
                      "is not square only with full_matrices=False.")  # fmt: skip
    u, s, vh = np.linalg.svd(a, full_matrices=False) if full_matrices and m != n else out
    return _svd_cotangent(cts, u, s, vh)


def _svd_cotangent(cts: Any, u: Any, s: Any, vh: Any) -> Any:
    """Townsend (2016), Differentiating the singular value decomposition, transposed."""
    ct_u, ct_s, ct_vh = cts
    uh, v = adjoint(u), adjoint(vh)
    m, k, n = shape_of(u)[-2], shape_of(s)[-1], shape_of(vh)[-1]
    unit = np.eye(k, dtype=s.dtype)
    inner: Any = 0.0
    gaps = (1.0 - unit) / (row(s**2) - column(s**2) + unit)
    if ct_s is not ZERO:
        inner = unit * column(ct_s)
    outside: Any = None
    if ct_u is not ZERO:
        g = conj(ct_u)
        skew = gaps * (uh @ g)
        inner = inner + (skew + adjoint(skew)) * row(s)
        if is_complex(u):
            spin = unit * (uh @ g)
            inner = inner + 0.5 * (spin - adjoint(spin)) / row(s)
        if m > k:
            outside = ((g - u @ (uh @ g)) / row(s)) @ vh
    if ct_vh is not ZERO:
        g = swap(ct_vh)
        skew = gaps * (vh @ g)
        inner = inner + column(s) * (skew + adjoint(skew))
        if n > k:
            extra = u @ ((adjoint(g) - (adjoint(g) @ v) @ vh) / column(s))
            outside = extra if outside is None else outside + extra
    grad = u @ inner @ vh
    return conj(grad if outside is None else grad + outside)


@pullback(np.linalg.svdvals)
def _(ct, x):
    u, _, vh = np.linalg.svd(x, full_matrices=False)
    return conj(u) * row(ct) @ conj(vh)


@pullback(np.linalg.qr)
def _(cts, a, mode="reduced", out=None):
    m, n = shape_of(a)[-2:]
    if mode == "r" or (mode == "complete" and m > n) or mode == "raw":
        raise refusal(a, f"np.linalg.qr(mode={mode!r}) has no derivative rule.")
    q, r = out
    ct_q, ct_r = cts
    if m >= n:
        return _qr_tall(ct_q, ct_r, q, r)
    # A wide matrix: its left square part has the tall rule, the rest follows from q.
    left = r[..., :, :m]
    rest = ZERO if ct_r is ZERO else ct_r[..., :, m:]
    ct_left = ZERO if ct_r is ZERO else ct_r[..., :, :m]
    if rest is ZERO:
        first = _qr_tall(ct_q, ct_left, q, left)
        return np.concatenate([first, np.zeros_like(a[..., :, m:])], axis=-1)
    through = a[..., :, m:] @ swap(rest)  # r_right = q.T @ a_right
    first = _qr_tall(through if ct_q is ZERO else ct_q + through, ct_left, q, left)
    return np.concatenate([first, q @ rest], axis=-1)


def _qr_tall(ct_q: Any, ct_r: Any, q: Any, r: Any) -> Any:
    inner: Any = None
    if ct_r is not ZERO:
        inner = r @ adjoint(conj(ct_r))
    if ct_q is not ZERO:
        part = adjoint(conj(ct_q)) @ q
        inner = -part if inner is None else inner - part
    low = np.tril(inner, -1)
    whole = low + adjoint(low) + np.eye(shape_of(r)[-1], dtype=q.dtype) * np.real(inner)
    grad = q @ whole
    grad = grad if ct_q is ZERO else grad + conj(ct_q)
    return conj(swap(np.linalg.solve(conj(r) if is_complex(r) else r, swap(grad))))


@pullback(np.linalg.pinv)
def _(ct, a, rcond=None, hermitian=False, rtol=None, out=None):
    # Golub and Pereyra (1973), for a rank that does not change.
    g, p = conj(ct), out
    p_h = adjoint(p)
    m, n = shape_of(a)[-2:]
    turned = adjoint(g)
    grad = -(p_h @ g @ p_h)
    left = np.eye(m, dtype=a.dtype) - a @ p
    right = np.eye(n, dtype=a.dtype) - p @ a
    grad = grad + left @ turned @ (p @ p_h) if m > n else grad
    grad = grad + (p_h @ p) @ turned @ right if n > m else grad
    return conj(grad)


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


@pullback(np.linalg.eigvals)
def _(ct, a):
    _, v = np.linalg.eig(a)
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
    rows, columns = shape_of(a)
    if columns > rows:
        grad = grad + (p_h @ x) @ adjoint(g - adjoint(a) @ right)
    return conj(grad), conj(right)


def _as_matrix(a: Any, split: int) -> Any:
    shape = shape_of(a)
    rows = math.prod(shape[:split])
    return np.reshape(a, (rows, math.prod(shape[split:])))


@pullback(np.linalg.tensorsolve, (0, 1))
def _(ct, a, b, axes=None, out=None):
    if axes is not None:
        raise refusal(a, "np.linalg.tensorsolve(axes=...) has no derivative rule.")
    matrix = _as_matrix(a, ndim(b))
    inner = np.linalg.solve(matrix.T, np.ravel(ct))
    return reshape_like(-np.outer(inner, np.ravel(out)), a), reshape_like(inner, b)


@pullback(np.linalg.tensorinv)
def _(ct, a, ind=2, out=None):
    inverse = _as_matrix(out, ndim(a) - ind).T
    return reshape_like(-(inverse @ _as_matrix(ct, ndim(a) - ind) @ inverse), a)
