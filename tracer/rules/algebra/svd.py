"""Derivatives of singular values and vectors, and of what is made of them.

Formulas: J. Townsend, Differentiating the singular value decomposition (2016). Singular vectors
that span only a null space are free to turn in it: they move as little as they can.

>>> pullback(np.linalg.svdvals): ct -> u * ct @ vh
>>> composed(np.linalg.cond): s[0] / s[-1]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.rules.algebra.decomposition import adjoint, eigh_cotangent, is_complex, of_first_columns
from tracer.rules.algebra.products import column, row, swap
from tracer.rules.declare import ZERO, composed, pullback
from tracer.rules.helpers import shape_of
from tracer.rules.reductions.reduction import conj


@pullback(np.linalg.svd)
def _(cts, a, full_matrices=True, compute_uv=True, hermitian=False, out=None):
    if not compute_uv:
        u, _, vh = np.linalg.svd(a, full_matrices=False, hermitian=hermitian)
        if hermitian:
            return eigh_cotangent(cts * _signs(u, vh), ZERO, cts, u, "L")
        return conj(u) * row(cts) @ conj(vh)
    if hermitian:
        return _hermitian(cts, *out)
    m, n = shape_of(a)[-2:]
    u, s, vh = out
    if full_matrices and m > n:
        cts = (of_first_columns(cts[0], u, n), *cts[1:])
        u = u[..., :n]
    elif full_matrices and n > m:
        turned = ZERO if cts[2] is ZERO else swap(cts[2])
        turned = of_first_columns(turned, swap(vh), m)
        cts = (*cts[:2], turned if turned is ZERO else swap(turned))
        vh = vh[..., :m, :]
    return _svd_cotangent(cts, u, s, vh)


def _signs(u: Any, vh: Any) -> Any:
    """The signs of the eigenvalues of a symmetric matrix, from its singular vectors."""
    return np.sign(np.real(np.sum(u * swap(vh), axis=-2)))


def _hermitian(cts: Any, u: Any, s: Any, vh: Any) -> Any:
    """Of a symmetric matrix u holds eigenvectors, and vh their adjoint with the signs."""
    ct_u, ct_s, ct_vh = cts
    signs = _signs(u, vh)
    if ct_vh is not ZERO:
        turned = conj(swap(ct_vh * column(signs)))
        ct_u = turned if ct_u is ZERO else ct_u + turned
    ct_w = ZERO if ct_s is ZERO else ct_s * signs
    return eigh_cotangent(ct_w, ct_u, s * signs, u, "L")


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
    # Both are zero for a square matrix of full rank; which rank it has, is known at run time.
    return conj(grad + left @ turned @ (p @ p_h) + (p_h @ p) @ turned @ right)


@composed(np.linalg.cond)
def _(x, p=None):
    if p is None or p in (2, -2):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    inverse = np.linalg.inv(x)
    left, right = (np.linalg.norm(value, ord=p, axis=(-2, -1)) for value in (x, inverse))
    return left * right
