"""scipy.special's gamma, beta and zeta functions and their incomplete forms (DLMF 5, 8, 25).

>>> elementwise(special.gammaln, lambda x: special.digamma(x))

The incomplete functions have a closed derivative by their argument: the density of the gamma and
of the beta distribution. By their parameters they have none.
"""

import numpy as np
from scipy import special

from tracer.rules.declare import Missing, elementwise, zero_gradient
from tracer.rules.scipy.special_helpers import applied, by_argument, is_complex

# special.zeta is a Python function around this ufunc.
ZETA = getattr(special._ufuncs, "_zeta", None) or applied(special.zeta)
polygamma = applied(special.polygamma)
PARAMETER = "the parameter {}: it has no closed form"
SHAPE_A, SHAPE_B = Missing(PARAMETER.format("a")), Missing(PARAMETER.format("b"))


def digamma_slope(x):
    """DLMF 25.11.12: the derivative of ψ is ζ(2, x)."""
    return (
        Missing("a complex argument: SciPy has no complex trigamma")
        if is_complex(x)
        else (ZETA(2.0, x))
    )


def rgamma_slope(x, out):
    """Left of zero by reflection (DLMF 5.5.3), which has no poles there."""
    slope = -out * special.digamma(x)
    if is_complex(x):
        return slope
    angle = np.pi * x
    reflected = np.cos(angle) - special.digamma(1 - x) * np.sin(angle) / np.pi
    return np.where(x > 0, slope, special.gamma(1 - x) * reflected)


# Gamma (DLMF 5.2.2, 5.15.1).
elementwise(special.gamma, lambda x, out: out * special.digamma(x))
elementwise(special.gammaln, lambda x: special.digamma(x))
elementwise(special.loggamma, lambda x: special.digamma(x))
elementwise(special.rgamma, rgamma_slope)
for _digamma in {special.digamma, special.psi}:
    elementwise(_digamma, digamma_slope)
by_argument(lambda n, x: polygamma(n + 1, x), "the order n, a whole number")(special.polygamma)
zero_gradient(special.gammasgn, because="piecewise constant")


def factorial_slope(n, exact=False, extend="zero", out=None):
    """n! is Γ(n + 1); extended by zero, it is flat left of 0."""
    slope = out * special.digamma(n + 1.0)
    return np.where(n < 0, 0.0, slope) if extend == "zero" else slope


elementwise(special.factorial, factorial_slope)


def multigammaln_slope(a, d):
    """The sum over the factors of DLMF 35.3.4."""
    return sum([special.digamma(a - j / 2) for j in range(1, int(d))], start=special.digamma(a))


elementwise(special.multigammaln, multigammaln_slope, lambda a, d: Missing("the dimension d"))

# Ratios of gammas (DLMF 5.2.4, 5.12, 1.2.1).
elementwise(
    special.poch,
    lambda z, m, out: out * (special.digamma(z + m) - special.digamma(z)),
    lambda z, m, out: out * special.digamma(z + m),
)
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
elementwise(
    special.binom,
    lambda n, k, out: out * (special.digamma(n + 1) - special.digamma(n - k + 1)),
    lambda n, k, out: out * (special.digamma(n - k + 1) - special.digamma(k + 1)),
)
elementwise(
    special.comb,
    lambda N, k, repetition=False, out=None: _comb(N, k, out, repetition)[0],
    lambda N, k, repetition=False, out=None: _comb(N, k, out, repetition)[1],
)


def _comb(n, k, out, repetition):
    """With repetition there are n + k - 1 to choose from."""
    top = n + k - 1 if repetition else n
    by_top = out * (special.digamma(top + 1) - special.digamma(top - k + 1))
    by_k = out * (special.digamma(top - k + 1) - special.digamma(k + 1))
    return by_top, (by_k + by_top if repetition else by_k)


elementwise(
    special.perm,
    lambda N, k, out: out * (special.digamma(N + 1) - special.digamma(N - k + 1)),
    lambda N, k, out: out * special.digamma(N - k + 1),
)

# Zeta (DLMF 25.11.17).
elementwise(
    special.zeta,
    lambda x, q=None: Missing("the exponent x: SciPy has no derivative of zeta by it"),
    lambda x, q=None: -x * ZETA(x + 1.0, q),
)
if isinstance(ZETA, np.ufunc):
    elementwise(
        ZETA,
        lambda x, q: Missing("the exponent x: SciPy has no derivative of zeta by it"),
        lambda x, q: -x * ZETA(x + 1.0, q),
    )
elementwise(special.zetac, Missing("its argument: SciPy has no derivative of zeta by it"))


# Incomplete gamma and beta functions (DLMF 8.8.13, 8.17.20).
def gamma_density(a, x):
    return np.exp(special.xlogy(a - 1, x) - x - special.gammaln(a))


def beta_density(a, b, x):
    powers = special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x)
    return np.exp(powers - special.betaln(a, b))


elementwise(special.gammainc, SHAPE_A, lambda a, x: gamma_density(a, x))
elementwise(special.gammaincc, SHAPE_A, lambda a, x: -gamma_density(a, x))
elementwise(special.gammaincinv, SHAPE_A, lambda a, y, out: 1 / gamma_density(a, out))
elementwise(special.gammainccinv, SHAPE_A, lambda a, y, out: -1 / gamma_density(a, out))
elementwise(special.betainc, SHAPE_A, SHAPE_B, lambda a, b, x: beta_density(a, b, x))
elementwise(special.betaincc, SHAPE_A, SHAPE_B, lambda a, b, x: -beta_density(a, b, x))
elementwise(special.betaincinv, SHAPE_A, SHAPE_B, lambda a, b, y, out: 1 / beta_density(a, b, out))
elementwise(
    special.betainccinv, SHAPE_A, SHAPE_B, lambda a, b, y, out: -1 / beta_density(a, b, out)
)
