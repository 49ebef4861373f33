"""scipy.special's elementary functions: logistic, powers, degrees, information, log-sum-exp.

>>> elementwise(special.log_expit, lambda x: special.expit(-x))

A Box-Cox transform is log(x) · exprel(λ log x) (exprel(u) = (exp(u) - 1) / u = M(1, 2, u), DLMF
13.6.1), whose slope M(2, 3, u) / 2 has no hole at zero; the same form serves its inverse.
"""

import math

import numpy as np
from scipy import special

from tracer.rules.declare import ZERO, Missing, elementwise, pullback, zero_gradient
from tracer.rules.helpers import restore_axes, sum_to
from tracer.rules.scipy.special_helpers import applied

DEGREE = math.pi / 180
logsumexp, softmax = applied(special.logsumexp), applied(special.softmax)


def exprel_slope(u):
    """The derivative of (exp(u) - 1) / u."""
    return special.hyp1f1(2.0, 3.0, u) / 2


def log1p_slope(u):
    """The derivative of log(1 + u) / u = F(1, 1; 2; -u), DLMF 15.4.1."""
    return -special.hyp2f1(2.0, 2.0, 3.0, -u) / 2


# Logistic family.
elementwise(special.expit, lambda x, out: out * (1 - out))
elementwise(special.logit, lambda x: 1 / (x * (1 - x)))
elementwise(special.log_expit, lambda x: special.expit(-x))
elementwise(special.softplus, lambda x: special.expit(x))

# Exponentials, powers and roots.
elementwise(special.log1p, lambda x: 1 / (1 + x))
elementwise(special.expm1, lambda x, out: out + 1)
elementwise(special.exp2, lambda x, out: math.log(2) * out)
elementwise(special.exp10, lambda x, out: math.log(10) * out)
elementwise(special.exprel, exprel_slope)
elementwise(special.cbrt, lambda x, out: 1 / (3 * out**2))
elementwise(special.cosm1, lambda x: -np.sin(x))
elementwise(special.powm1, lambda x, y: y * x ** (y - 1), lambda x, y: special.xlogy(x**y, x))
elementwise(
    special.boxcox,
    lambda x, lmbda: x ** (lmbda - 1),
    lambda x, lmbda: np.log(x) ** 2 * exprel_slope(lmbda * np.log(x)),
)
elementwise(
    special.boxcox1p,
    lambda x, lmbda: (1 + x) ** (lmbda - 1),
    lambda x, lmbda: np.log1p(x) ** 2 * exprel_slope(lmbda * np.log1p(x)),
)
elementwise(
    special.inv_boxcox,
    lambda y, lmbda, out: out / (1 + lmbda * y),
    lambda y, lmbda, out: out * y**2 * log1p_slope(lmbda * y),
)
elementwise(
    special.inv_boxcox1p,
    lambda y, lmbda, out: (out + 1) / (1 + lmbda * y),
    lambda y, lmbda, out: (out + 1) * y**2 * log1p_slope(lmbda * y),
)

# Degrees.
elementwise(special.sindg, lambda x: DEGREE * special.cosdg(x))
elementwise(special.cosdg, lambda x: -DEGREE * special.sindg(x))
elementwise(special.tandg, lambda x, out: DEGREE * (1 + out**2))
elementwise(special.cotdg, lambda x, out: -DEGREE * (1 + out**2))
elementwise(
    special.radian,
    lambda d, m, s: DEGREE,
    lambda d, m, s: DEGREE / 60,
    lambda d, m, s: DEGREE / 3600,
)

# Losses.
elementwise(
    special.huber,
    lambda delta, r: np.maximum(np.abs(r) - delta, 0),
    lambda delta, r: np.clip(r, -delta, delta),
)
elementwise(
    special.pseudo_huber,
    lambda delta, r: (
        2 * delta * special.powm1(1 + (r / delta) ** 2, 0.5)
        - r**2 / np.hypot(delta, r) * np.sign(delta)
    ),
    lambda delta, r: r / np.sqrt(1 + (r / delta) ** 2),
)

# Information theory.
elementwise(special.xlogy, lambda x, y: np.log(y), lambda x, y: x / y)
elementwise(special.xlog1py, lambda x, y: np.log1p(y), lambda x, y: x / (1 + y))
elementwise(special.entr, lambda x: -np.log(x) - 1)
elementwise(special.rel_entr, lambda x, y: np.log(x / y) + 1, lambda x, y: -x / y)
elementwise(special.kl_div, lambda x, y: np.log(x / y), lambda x, y: 1 - x / y)

# Lambert's function (DLMF 4.13.4), Wright's omega, the dilogarithm (DLMF 25.12.2).
elementwise(
    special.lambertw,
    lambda z, k=0, out=None: np.exp(-out) / (1 + out),
    lambda z, k=0: Missing("the branch k, a whole number"),
)
elementwise(special.wrightomega, lambda z, out: out / (1 + out))
elementwise(special.spence, lambda z: -special.hyp2f1(1.0, 1.0, 2.0, 1 - z))

# The arithmetic-geometric mean is π / 2 / R_F(0, a², b²) (DLMF 19.22.8), ∂R_F by 19.18.1.
elementwise(
    special.agm,
    lambda a, b, out: out**2 * np.abs(a) * special.elliprd(0.0, b**2, a**2) * (2 / (3 * math.pi)),
    lambda a, b, out: out**2 * np.abs(b) * special.elliprd(0.0, a**2, b**2) * (2 / (3 * math.pi)),
)


def diric_slope(x, n, out):
    """At whole turns numerator and denominator vanish together: there by the power series."""
    half = np.sin(x / 2)
    near = np.abs(half) < 1e-7
    apart = np.where(near, 1.0, half)
    slope = (np.cos(n * x / 2) - out * np.cos(x / 2)) / (2 * apart)
    return np.where(near, out * (1 - n**2) / 6 * half * np.cos(x / 2), slope)


elementwise(special.diric, diric_slope, lambda x, n: Missing("the whole number n"))


# Log-sum-exp and what is made of it.
@pullback(special.softmax)
def _(ct, x, axis=None, *, out):
    weighted = ct * out
    return weighted - out * np.sum(weighted, axis=axis, keepdims=True)


@pullback(special.log_softmax)
def _(ct, x, axis=None, *, out):
    return ct - np.exp(out) * np.sum(ct, axis=axis, keepdims=True)


def _log_sum_weights(ct, a, axis, b, keepdims, return_sign, out):
    """``ct · exp(a) / Σ b exp(a)``."""
    if return_sign:
        (ct, _), (total, sign) = ct, out
        ct = ZERO if ct is ZERO else ct * sign
    else:
        total = out
    if ct is ZERO:
        return ZERO
    full = a if b is None else a + 0 * b
    shared = restore_axes(total, full, axis, keepdims)
    return restore_axes(ct, full, axis, keepdims) * np.exp(a - shared)


@pullback(special.logsumexp)
def _(ct, a, axis=None, b=None, keepdims=False, return_sign=False, *, out):
    weights = _log_sum_weights(ct, a, axis, b, keepdims, return_sign, out)
    if weights is ZERO or b is None:
        return weights
    return sum_to(weights * b, a)


@pullback(special.logsumexp, operand="b")
def _(ct, a, axis=None, b=None, keepdims=False, return_sign=False, *, out):
    weights = _log_sum_weights(ct, a, axis, b, keepdims, return_sign, out)
    return ZERO if weights is ZERO else sum_to(weights, b)


zero_gradient(special.round, because="piecewise constant")
