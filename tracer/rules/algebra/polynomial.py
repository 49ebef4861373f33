"""Derivatives of polynomials, and arrays with places taken out or put in.

>>> pullback(np.polyval): x -> ct times the polynomial's own derivative
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.builder import Symbol
from tracer.rules.declare import composed, pullback
from tracer.rules.helpers import shape_of, sum_to
from tracer.rules.places import constant_value


# -- values -------------------------------------------------------------------------------------
def coefficients(p: Any) -> Any:
    """The coefficients, highest power first, of an array, a list or a ``poly1d``."""
    p = constant_value(p)
    p = getattr(p, "coeffs", p)
    return p if isinstance(p, Symbol) else np.atleast_1d(np.asarray(p))


def dropped_zeros(p: Any, length: int) -> Any:
    """The last ``length`` coefficients: NumPy drops leading zeros."""
    return p if shape_of(p)[0] == length else p[shape_of(p)[0] - length :]


@pullback(np.polyval, 0)
def _(ct, p, x):
    p = coefficients(p)
    count = shape_of(p)[0]
    return np.stack(
        [sum_to(ct * x ** (count - 1 - k) if k < count - 1 else ct, p[k]) for k in range(count)]
    )


@pullback(np.polyval, 1)
def _(ct, p, x):
    return sum_to(ct * np.polyval(derived(coefficients(p)), x), x)


def derived(p: Any) -> Any:
    """The coefficients of the derivative."""
    degree = shape_of(p)[0] - 1
    powers = np.arange(degree, 0, -1).reshape(-1, *[1] * (len(shape_of(p)) - 1))
    return p[:-1] * powers if degree > 0 else p[:1] * 0.0


@composed(np.vander)
def _(x, N=None, increasing=False):
    count = shape_of(x)[0] if N is None else int(N)
    if not count:
        return np.zeros((shape_of(x)[0], 0))
    powers = range(count) if increasing else range(count - 1, -1, -1)
    return np.stack([x**k if k else np.ones_like(x) for k in powers], axis=-1)


# -- arithmetic ---------------------------------------------------------------------------------
@composed(np.polyadd)
def _(a1, a2, *, out):
    return _aligned(np.add, a1, a2, out)


@composed(np.polysub)
def _(a1, a2, *, out):
    return _aligned(np.subtract, a1, a2, out)


def _aligned(operation: Any, a1: Any, a2: Any, out: Any) -> Any:
    a1, a2 = coefficients(a1), coefficients(a2)
    a1, a2 = (np.atleast_1d(a) if not len(shape_of(a)) else a for a in (a1, a2))
    size = max(shape_of(a1)[0], shape_of(a2)[0])
    a1, a2 = (np.concatenate([np.zeros(size - shape_of(a)[0]), a]) for a in (a1, a2))
    return operation(a1, a2)


@composed(np.polymul)
def _(a1, a2, *, out):
    a1, a2 = (np.ravel(coefficients(a)) for a in (a1, a2))
    return dropped_zeros(np.convolve(a1, a2), shape_of(out)[0])


@composed(np.polydiv)
def _(u, v, *, out):
    """Long division, one coefficient of the quotient after the other."""
    u, v = (np.ravel(coefficients(a)) for a in (u, v))
    degree, length = shape_of(v)[0] - 1, shape_of(u)[0]
    rest, quotient = [u[k] for k in range(length)], []
    for k in range(length - degree):
        quotient.append(rest[k] / v[0])
        for j in range(degree + 1):
            rest[k + j] = rest[k + j] - quotient[-1] * v[j]
    last = rest[length - shape_of(out[1])[0] :]
    return np.stack(quotient) if quotient else 0.0, np.stack(last)


@composed(np.polyder)
def _(p, m=1):
    p = coefficients(p)
    for _ in range(int(m)):
        if shape_of(p)[0] < 2:
            return np.zeros(0)
        p = derived(p)
    return p


@composed(np.polyint)
def _(p, m=1, k=None):
    p = coefficients(p)
    for step in range(int(m)):
        constant = _entry(k, step)
        tail = np.reshape(constant, (1,)) if hasattr(constant, "dtype") else [float(constant)]
        p = np.concatenate([p / np.arange(shape_of(p)[0], 0, -1), tail])
    return p


def _entry(k: Any, step: int) -> Any:
    """The integration constant of one step: ``k`` is one for all, or one for each."""
    if k is None:
        return 0.0
    if isinstance(k, (list, tuple)):
        return k[step if len(k) > 1 else 0]
    return k if not len(shape_of(k)) else k[step if shape_of(k)[0] > 1 else 0]


# -- roots --------------------------------------------------------------------------------------
@pullback(np.roots)
def _(ct, p, *, out):
    """A root moves by ``-r**k / p'(r)`` with the coefficient of ``x**k``."""
    count = shape_of(p)[0]
    slope = np.polyval(derived(p), out)
    moves = np.stack([out**k if k else np.ones_like(out) for k in range(count - 1, -1, -1)])
    return -(moves @ (ct / slope))


@composed(np.poly)
def _(seq_of_zeros, *, out):
    """One factor after the other; of a matrix those of its eigenvalues."""
    zeros = seq_of_zeros
    if len(shape_of(zeros)) == 2:
        # Complex from the start: whether eigenvalues of real matrices are depends on their values.
        zeros = np.linalg.eigvals(zeros.astype(np.result_type(zeros.dtype, np.complex64)))
    zeros = np.atleast_1d(zeros)
    p = np.ones(1)
    for k in range(shape_of(zeros)[0]):
        p = np.concatenate([p, [0.0]]) - zeros[k] * np.concatenate([[0.0], p])
    if not isinstance(p, np.ndarray) and p.dtype.kind == "c" and out.dtype.kind != "c":
        return np.real(p)
    return p


# -- least squares ------------------------------------------------------------------------------
@composed(np.polyfit)
def _(x, y, deg, rcond=None, full=False, w=None, cov=False):
    x, y = (a if isinstance(a, Symbol) else np.asarray(a, float) for a in (x, y))
    left, right = np.vander(x, int(deg) + 1), y
    if w is not None:
        w = w if isinstance(w, Symbol) else np.asarray(w, float)
        left = left * np.expand_dims(w, 1)
        right = right * (w if len(shape_of(y)) == 1 else np.expand_dims(w, 1))
    inverse = np.linalg.inv(left.T @ left)
    found = np.linalg.pinv(left) @ right
    if full:
        rest = np.sum((right - left @ found) ** 2, axis=0)
        return found, np.reshape(rest, (-1,)), 0, _singular(left), 0.0
    if not cov:
        return found
    if cov == "unscaled":
        return found, inverse
    scale = np.sum((right - left @ found) ** 2, axis=0) / (shape_of(x)[0] - int(deg) - 1)
    inverse = inverse if len(shape_of(y)) == 1 else np.expand_dims(inverse, -1)
    return found, inverse * scale


def _singular(left: Any) -> Any:
    """Singular values of the columns, each scaled to length 1."""
    return np.linalg.svdvals(left / np.sqrt(np.sum(left * left, axis=0)))
