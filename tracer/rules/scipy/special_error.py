"""scipy.special's error functions, exponential, sine and Fresnel integrals (DLMF 6, 7).

>>> elementwise(special.erf, lambda x: TWO_OVER_ROOT_PI * np.exp(-(x**2)))
"""

import cmath
import math

import numpy as np
from scipy import special

from tracer.ops.builder import Symbol
from tracer.rules.declare import Missing, elementwise
from tracer.rules.scipy.special_helpers import is_complex, outputs

ROOT_PI = math.sqrt(math.pi)
TWO_OVER_ROOT_PI = 2 / ROOT_PI
ROOT_TWO_PI = math.sqrt(2 * math.pi)

# Error functions (DLMF 7.2, 7.10).
elementwise(special.erf, lambda x: TWO_OVER_ROOT_PI * np.exp(-(x**2)))
elementwise(special.erfc, lambda x: -TWO_OVER_ROOT_PI * np.exp(-(x**2)))
elementwise(special.erfcx, lambda x, out: 2 * x * out - TWO_OVER_ROOT_PI)
elementwise(special.erfi, lambda x: TWO_OVER_ROOT_PI * np.exp(x**2))
elementwise(special.dawsn, lambda x, out: 1 - 2 * x * out)
elementwise(special.wofz, lambda z, out: TWO_OVER_ROOT_PI * 1j - 2 * z * out)
elementwise(special.erfinv, lambda x, out: np.exp(out**2) / TWO_OVER_ROOT_PI)
elementwise(special.erfcinv, lambda x, out: -np.exp(out**2) / TWO_OVER_ROOT_PI)

# The normal distribution (DLMF 7.18).
elementwise(special.ndtr, lambda x: np.exp(-(x**2) / 2) / ROOT_TWO_PI)
elementwise(special.ndtri, lambda p, out: ROOT_TWO_PI * np.exp(out**2 / 2))
elementwise(special.log_ndtr, lambda x, out: np.exp(-(x**2) / 2 - out) / ROOT_TWO_PI)
elementwise(special.ndtri_exp, lambda y, out: ROOT_TWO_PI * np.exp(y + out**2 / 2))
elementwise(
    special.owens_t,
    lambda h, a: np.exp(-(h**2) / 2) * special.erf(a * h / math.sqrt(2)) / (-2 * ROOT_TWO_PI),
    lambda h, a: np.exp(-(h**2) * (1 + a**2) / 2) / (2 * math.pi * (1 + a**2)),
)


# Voigt's profile is the real part of w(z) at z = (x + iγ) / (σ√2) over σ√(2π) (DLMF 7.19).
def _faddeeva(x, sigma, gamma):
    """z, and w'(z) by DLMF 7.10.2."""
    z = (x + 1j * gamma) / (math.sqrt(2) * sigma)
    return z, TWO_OVER_ROOT_PI * 1j - 2 * z * special.wofz(z)


elementwise(
    special.voigt_profile,
    lambda x, s, g: np.real(_faddeeva(x, s, g)[1]) / (2 * ROOT_PI * s**2),
    lambda x, s, g, out: (
        -out / s - np.real(np.multiply(*_faddeeva(x, s, g))) / (ROOT_TWO_PI * s**2)
    ),
    lambda x, s, g: -np.imag(_faddeeva(x, s, g)[1]) / (2 * ROOT_PI * s**2),
)

# Fresnel integrals (DLMF 7.2.7); the modified ones are F± and K± of Zhang and Jin.
HALF_PI = math.pi / 2
outputs(special.fresnel, 0, lambda x, out: (np.sin(HALF_PI * x**2), np.cos(HALF_PI * x**2)))
for _function, _sign in ((special.modfresnelp, 1j), (special.modfresnelm, -1j)):
    outputs(
        _function,
        0,
        lambda x, out, i=_sign: (
            -np.exp(i * x**2),
            -2 * i * x * out[1] - cmath.exp(-i * math.pi / 4) / ROOT_PI,
        ),
    )

# Exponential, sine and cosine integrals (DLMF 6.2).
elementwise(special.exp1, lambda x: -np.exp(-x) / x)
elementwise(special.expi, lambda x: np.exp(x) / x)


def expn_slope(n, x):
    """DLMF 8.19.13, and for E₀(x) = exp(-x) / x directly."""
    first = -np.exp(-x) * (1 + 1 / x) / x
    if not isinstance(n, Symbol):
        return first if n == 0 else -special.expn(n - 1, x)
    return np.where(n == 0, first, -special.expn(np.maximum(n, 1) - 1, x))


elementwise(special.expn, Missing("the order n, a whole number"), expn_slope)


def _sinh_over(x):
    """sinh(x) / x, without a hole at zero where SciPy can."""
    return np.sinh(x) / x if is_complex(x) else (special.exprel(x) + special.exprel(-x)) / 2


outputs(special.sici, 0, lambda x, out: (np.sinc(x / math.pi), np.cos(x) / x))
outputs(special.shichi, 0, lambda x, out: (_sinh_over(x), np.cosh(x) / x))
