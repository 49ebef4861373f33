"""scipy.special's orthogonal polynomials and Legendre functions, by their argument (DLMF 14, 18.9).

>>> polynomial(special.eval_chebyt, lambda n, x: n * special.eval_chebyu(n - 1, x))

The derivative of a family is one degree lower, of a neighbouring family, so that it has no holes
at the ends of the interval. Degrees are whole numbers or have no closed derivative.
"""

from typing import Any

import numpy as np
from scipy import special

from tracer.rules.declare import ZERO, Missing, elementwise, pullback
from tracer.rules.helpers import sum_to
from tracer.rules.scipy.special_helpers import applied, at_least_zero, by_argument, lowered

DEGREE = "the degree: the derivative by it has no closed form"
PARAMETER = "a parameter of the family: it has no closed form"


def polynomial(function, slope, parameters=0):
    """``slope(n, *parameters, x)``."""
    by_argument(slope, DEGREE, *[PARAMETER] * parameters)(function)


# DLMF 18.9.19 with P = C^(1/2) and U = C^(1); 18.9.21; C(x) = 2 T(x/2) and S(x) = U(x/2).
gegenbauer = special.eval_gegenbauer
polynomial(special.eval_legendre, lambda n, x: lowered(lambda k: gegenbauer(k, 1.5, x), n))
polynomial(special.eval_chebyt, lambda n, x: n * special.eval_chebyu(n - 1, x))
polynomial(special.eval_chebyu, lambda n, x: lowered(lambda k: 2 * gegenbauer(k, 2.0, x), n))
polynomial(special.eval_chebyc, lambda n, x: n * special.eval_chebys(n - 1, x))
polynomial(special.eval_chebys, lambda n, x: lowered(lambda k: gegenbauer(k, 2.0, x / 2), n))
polynomial(
    gegenbauer, lambda n, alpha, x: lowered(lambda k: 2 * alpha * gegenbauer(k, alpha + 1, x), n), 1
)
polynomial(  # DLMF 18.9.15
    special.eval_jacobi,
    lambda n, alpha, beta, x: lowered(
        lambda k: (k + alpha + beta + 2) / 2 * special.eval_jacobi(k, alpha + 1, beta + 1, x), n
    ),
    2,
)

# The same on [0, 1], at 2x - 1.
polynomial(
    special.eval_sh_legendre, lambda n, x: lowered(lambda k: 2 * gegenbauer(k, 1.5, 2 * x - 1), n)
)
polynomial(special.eval_sh_chebyt, lambda n, x: 2 * n * special.eval_sh_chebyu(n - 1, x))
polynomial(
    special.eval_sh_chebyu, lambda n, x: lowered(lambda k: 4 * gegenbauer(k, 2.0, 2 * x - 1), n)
)
polynomial(
    special.eval_sh_jacobi,
    lambda n, p, q, x: lowered(lambda k: (k + 1) * special.eval_sh_jacobi(k, p + 2, q + 1, x), n),
    2,
)

# DLMF 18.9.23, 18.9.25, 18.9.27.
laguerre = special.eval_genlaguerre
polynomial(special.eval_laguerre, lambda n, x: lowered(lambda k: -laguerre(k, 1.0, x), n))
polynomial(laguerre, lambda n, alpha, x: lowered(lambda k: -laguerre(k, alpha + 1, x), n), 1)
elementwise(
    special.assoc_laguerre,
    lambda x, n, k=0.0: lowered(lambda j: -laguerre(j, k + 1, x), n),
    lambda x, n, k=0.0: Missing(DEGREE),
    lambda x, n, k=0.0: Missing(PARAMETER),
)
polynomial(special.eval_hermite, lambda n, x: 2 * n * special.eval_hermite(at_least_zero(n - 1), x))
polynomial(
    special.eval_hermitenorm, lambda n, x: n * special.eval_hermitenorm(at_least_zero(n - 1), x)
)

# Legendre functions (DLMF 14.10.5).
elementwise(
    special.lpmv,
    Missing("the order m, a whole number"),
    Missing(DEGREE),
    lambda m, v, x, out: ((m - v - 1) * special.lpmv(m, v + 1, x) + (v + 1) * x * out) / (1 - x**2),
)


def seconds(m, n, z, value, slope):
    """Legendre's equation (DLMF 14.2.2), solved for the second derivative."""
    room = 1 - z**2
    return (2 * z * slope - (n * (n + 1) - m**2 / room) * value) / room


@pullback(special.lqn, operand=1)
def _(cts, n, z, *, out):
    degrees = np.arange(out[0].shape[0])
    return _of_both(cts, out[1], seconds(0, degrees, z, *out))


@pullback(special.lqmn, operand=2)
def _(cts, m, n, z, *, out):
    orders, degrees = np.ogrid[: out[0].shape[0], : out[0].shape[1]]
    return _of_both(cts, out[1], seconds(orders, degrees, z, *out))


def _of_both(cts: tuple, first: Any, second: Any) -> Any:
    """A function and its slope, both of one scalar."""
    terms = [ct * s for ct, s in zip(cts, (first, second), strict=True) if ct is not ZERO]
    return np.sum(sum(terms[1:], start=terms[0]))


# Functions that give their own derivatives, stacked in front: the next ones are asked for.
def stacked(function: Any, operand: int, lead: int) -> None:
    """``function(..., diff_n=k)`` has axis 0 of length k + 1, then ``lead`` of degrees, orders."""
    call = applied(function)

    @pullback(function, operand=operand)
    def _(ct: Any, *args: Any, diff_n: int = 0, **kwargs: Any) -> Any:
        if diff_n >= 2:
            return Missing("its argument: SciPy gives two derivatives and no third")
        slopes = call(*args, diff_n=diff_n + 1, **kwargs)[1:]
        return sum_to(np.sum(ct * slopes, axis=tuple(range(1 + lead))), args[operand])


stacked(special.legendre_p, 1, 0)
stacked(special.legendre_p_all, 1, 1)
stacked(special.assoc_legendre_p, 2, 0)
stacked(special.assoc_legendre_p_all, 2, 2)
stacked(special.sph_legendre_p, 2, 0)
stacked(special.sph_legendre_p_all, 2, 2)


# Spherical harmonics of θ (colatitude) and φ come with their gradient and Hessian (DLMF 14.30).
def harmonic(function: Any, angle: int, lead: int) -> None:
    """``angle`` 0 is θ, 1 is φ; ``lead`` axes of degrees and orders stand before the points'."""
    call = applied(function)

    @pullback(function, operand=2 + angle)
    def _(ct: Any, *args: Any, diff_n: int = 0) -> Any:
        if diff_n >= 2:
            return Missing("its argument: SciPy gives two derivatives and no third")
        found = call(*args, diff_n=diff_n + 1)
        cts = (ct,) if diff_n == 0 else ct
        terms = [cts[0] * found[1][..., angle]] if cts[0] is not ZERO else []
        if diff_n and cts[1] is not ZERO:
            terms.append(np.sum(cts[1] * found[2][..., angle, :], axis=-1))
        total = sum(terms[1:], start=terms[0])
        total = np.sum(total, axis=tuple(range(lead))) if lead else total
        return sum_to(total, args[2 + angle])


for _f, _lead in ((special.sph_harm_y, 0), (special.sph_harm_y_all, 2)):
    harmonic(_f, 0, _lead)
    harmonic(_f, 1, _lead)
