"""Derivatives of the QR decomposition, in every mode.

Formulas: S. F. Walter and L. Lehmann, Algorithmic differentiation of linear algebra functions
(2013). Columns of a complete q beyond those of the matrix move as little as they can.

>>> pullback(np.linalg.qr): ct_q, ct_r -> (q @ lower(...) + ct_q) @ inv(r).T
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.rules.algebra.decomposition import adjoint, is_complex, of_first_columns
from tracer.rules.algebra.products import column, row, swap
from tracer.rules.declare import ZERO, composed, pullback
from tracer.rules.helpers import shape_of
from tracer.rules.reductions.reduction import conj


@pullback(np.linalg.qr)
def _(cts, a, mode="reduced", out=None):
    m, n = shape_of(a)[-2:]
    if mode == "r":
        q, r = np.linalg.qr(a)
        return _factors(ZERO, cts, a, q, r)
    q, r = out
    ct_q, ct_r = cts
    if mode == "complete" and m > n:
        ct_q = of_first_columns(ct_q, q, n)
        q, r = q[..., :n], r[..., :n, :]
        ct_r = ZERO if ct_r is ZERO else ct_r[..., :n, :]
    return _factors(ct_q, ct_r, a, q, r)


def _factors(ct_q: Any, ct_r: Any, a: Any, q: Any, r: Any) -> Any:
    m, n = shape_of(a)[-2:]
    if m >= n:
        return _qr_tall(ct_q, ct_r, q, r)
    # A wide matrix: its left square part has the tall rule, the rest follows from q.
    left = r[..., :, :m]
    rest = ZERO if ct_r is ZERO else ct_r[..., :, m:]
    ct_left = ZERO if ct_r is ZERO else ct_r[..., :, :m]
    if rest is ZERO:
        first = _qr_tall(ct_q, ct_left, q, left)
        return np.concatenate([first, np.zeros_like(a[..., :, m:])], axis=-1)
    through = conj(a[..., :, m:] @ swap(rest))  # r_right = adjoint(q) @ a_right
    first = _qr_tall(through if ct_q is ZERO else ct_q + through, ct_left, q, left)
    return np.concatenate([first, conj(q) @ rest], axis=-1)


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


# -- reflections --------------------------------------------------------------------------------
@composed(np.linalg.qr, when=lambda a, mode="reduced": mode == "raw")
def _(a, mode="reduced"):
    """LAPACK's own: one Householder reflection after the other, and their factors tau."""
    m, n = shape_of(a)[-2:]
    columns, factors, rest = [], [], a
    for k in range(min(m, n)):
        done, rest = rest[..., :k, :], rest[..., k:, :]
        diagonal, tau, vector = _reflection(rest[..., :, 0], last=k == m - 1)
        columns.append(np.concatenate([done[..., :, 0], diagonal, vector[..., 1:]], axis=-1))
        factors.append(tau)
        others, turned = rest[..., :, 1:], row(conj(vector))
        others = others - column(conj(tau) * vector) @ (turned @ others)
        rest = np.concatenate([done[..., :, 1:], others], axis=-2)
    columns += [rest[..., :, k] for k in range(n - min(m, n))]
    return np.stack(columns, axis=-2), np.concatenate(factors, axis=-1)


def _reflection(x: Any, last: bool) -> tuple[Any, Any, Any]:
    """What is left of a column, the factor, and the vector that it is reflected by."""
    first, below = x[..., :1], x[..., 1:]
    if last and not is_complex(x):
        return first, np.zeros_like(first), np.ones_like(first)
    size = np.sqrt(np.sum(np.real(x * conj(x)), axis=-1, keepdims=True))
    beta = np.where(np.real(first) >= 0.0, -size, size)
    vector = np.concatenate([np.ones_like(first), below / (first - beta)], axis=-1)
    return beta.astype(x.dtype), (beta - first) / beta, vector
