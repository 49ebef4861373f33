"""scipy.special: loaded when a traced function first uses it.

>>> elementwise(special.expit, lambda x, out: out * (1 - out))

Formulas are those of the NIST Digital Library of Mathematical Functions (DLMF), whose sections
the comments name.
"""

import numpy as np
from scipy import special

from tracer.rules.declare import elementwise, no_rule, pullback, zero_gradient
from tracer.rules.helpers import sum_to

TWO_OVER_ROOT_PI = 2 / np.sqrt(np.pi)
ROOT_TWO_PI = np.sqrt(2 * np.pi)
# scipy.special.zeta and others are Python functions around these ufuncs.
ZETA = getattr(special._ufuncs, "_zeta", special.zeta)



def in_the_argument(function, slope):
    """A rule for the second operand alone: the derivative by the order has no closed form."""

    @pullback(function, operand=1)
    def _(ct, order, x):
        return sum_to(ct * slope(order, x), x)


# Logistic family.
elementwise(special.expit, lambda x, out: out * (1 - out))
elementwise(special.logit, lambda x: 1 / (x * (1 - x)))
elementwise(special.log_expit, lambda x: special.expit(-x))
elementwise(special.log1p, lambda x: 1 / (1 + x))
elementwise(special.expm1, lambda x, out: out + 1)
elementwise(special.exp2, lambda x, out: np.log(2) * out)
elementwise(special.exp10, lambda x, out: np.log(10) * out)
elementwise(special.cbrt, lambda x, out: out / (3 * x))

# Gamma and beta (DLMF 5).
elementwise(special.gamma, lambda x, out: out * special.digamma(x))
elementwise(special.gammaln, lambda x: special.digamma(x))
elementwise(special.loggamma, lambda x: special.digamma(x))
elementwise(special.rgamma, lambda x, out: -out * special.digamma(x))
elementwise(special.digamma, lambda x: ZETA(2.0, x))
elementwise(
    special.beta,
    lambda a, b, out: out * (special.digamma(a) - special.digamma(a + b)),
    lambda a, b, out: out * (special.digamma(b) - special.digamma(a + b)),
)
elementwise(
    special.betaln,
    lambda a, b: special.digamma(a) - special.digamma(a + b),
    lambda a, b: special.digamma(b) - special.digamma(a + b),
)
in_the_argument(ZETA, lambda x, q: -x * ZETA(x + 1, q))
in_the_argument(special.zeta, lambda x, q: -x * ZETA(x + 1, q))

# Error functions (DLMF 7).
elementwise(special.erf, lambda x: TWO_OVER_ROOT_PI * np.exp(-(x**2)))
elementwise(special.erfc, lambda x: -TWO_OVER_ROOT_PI * np.exp(-(x**2)))
elementwise(special.erfcx, lambda x, out: 2 * x * out - TWO_OVER_ROOT_PI)
elementwise(special.erfi, lambda x: TWO_OVER_ROOT_PI * np.exp(x**2))
elementwise(special.dawsn, lambda x, out: 1 - 2 * x * out)
elementwise(special.erfinv, lambda x, out: np.exp(out**2) / TWO_OVER_ROOT_PI)
elementwise(special.erfcinv, lambda x, out: -np.exp(out**2) / TWO_OVER_ROOT_PI)
elementwise(special.ndtr, lambda x: np.exp(-(x**2) / 2) / ROOT_TWO_PI)
elementwise(special.ndtri, lambda p, out: ROOT_TWO_PI * np.exp(out**2 / 2))
elementwise(special.log_ndtr, lambda x, out: np.exp(-(x**2) / 2 - out) / ROOT_TWO_PI)

# Information theory.
elementwise(special.xlogy, lambda x, y: np.log(y), lambda x, y: x / y)
elementwise(special.xlog1py, lambda x, y: np.log1p(y), lambda x, y: x / (1 + y))
elementwise(special.entr, lambda x: -np.log(x) - 1)
elementwise(special.rel_entr, lambda x, y: np.log(x / y) + 1, lambda x, y: -x / y)
elementwise(special.kl_div, lambda x, y: np.log(x / y), lambda x, y: 1 - x / y)

# Bessel functions in the argument (DLMF 10.6, 10.29).
elementwise(special.j0, lambda x: -special.j1(x))
elementwise(special.y0, lambda x: -special.y1(x))
elementwise(special.i0, lambda x: special.i1(x))
elementwise(special.k0, lambda x: -special.k1(x))
in_the_argument(special.jv, lambda v, x: (special.jv(v - 1, x) - special.jv(v + 1, x)) / 2)
in_the_argument(special.yv, lambda v, x: (special.yv(v - 1, x) - special.yv(v + 1, x)) / 2)
in_the_argument(special.iv, lambda v, x: (special.iv(v - 1, x) + special.iv(v + 1, x)) / 2)
in_the_argument(special.kv, lambda v, x: -(special.kv(v - 1, x) + special.kv(v + 1, x)) / 2)
elementwise(special.j1, lambda x: (special.j0(x) - special.jv(2.0, x)) / 2)
elementwise(special.y1, lambda x: (special.y0(x) - special.yv(2.0, x)) / 2)
elementwise(special.i1, lambda x: (special.i0(x) + special.iv(2.0, x)) / 2)
elementwise(special.k1, lambda x: -(special.k0(x) + special.kv(2.0, x)) / 2)

# Exponential integrals (DLMF 6).
elementwise(special.exp1, lambda x: -np.exp(-x) / x)
elementwise(special.expi, lambda x: np.exp(x) / x)
elementwise(special.spence, lambda x: np.log(x) / (1 - x))
elementwise(special.lambertw, lambda x, out: out / (x * (1 + out)))

zero_gradient(special.round, because="piecewise constant")
no_rule(special.mathieu_a, because="its derivative has no closed form")
