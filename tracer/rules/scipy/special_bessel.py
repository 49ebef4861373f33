"""scipy.special's Bessel, Airy, Kelvin and Struve functions (DLMF 9, 10, 11).

>>> bessel(special.jv, lambda v, z: (special.jv(v - 1.0, z) - special.jv(v + 1.0, z)) / 2)

By the order no derivative is closed, so orders say so. They are lowered by 1.0, not by 1: an
unsigned order would wrap around.
"""

import math

import numpy as np
from scipy import special

from tracer.rules.declare import Missing, elementwise
from tracer.rules.scipy.special_helpers import (
    COMPLEX,
    applied,
    at_least_zero,
    by_argument,
    is_complex,
    missing,
    outputs,
)

ORDER = "the order: the derivative by it has no closed form"


def bessel(function, slope):
    by_argument(slope, ORDER)(function)


def unscaled(slope):
    """The slope of a function scaled by exp of a real part, which is analytic on no complex set."""

    def rule(v, z, out):
        return COMPLEX if is_complex(z) else slope(v, z, out)

    return rule


# Bessel functions (DLMF 10.6.1, 10.29.1).
for _name in ("jv", "yv", "hankel1", "hankel2"):
    _f = getattr(special, _name)
    bessel(_f, lambda v, z, f=_f: (f(v - 1.0, z) - f(v + 1.0, z)) / 2)
bessel(special.iv, lambda v, z: (special.iv(v - 1.0, z) + special.iv(v + 1.0, z)) / 2)
for _f in (special.kv, special.kn):
    bessel(_f, lambda v, z, f=_f: -(f(v - 1.0, z) + f(v + 1.0, z)) / 2)
bessel(special.yn, lambda v, z: (special.yn(v - 1.0, z) - special.yn(v + 1.0, z)) / 2)

# Their scaled forms; those of hankel and kv by an analytic factor.
for _f in (special.jve, special.yve):
    bessel(_f, unscaled(lambda v, z, out, f=_f: (f(v - 1.0, z) - f(v + 1.0, z)) / 2))
bessel(
    special.ive,
    unscaled(
        lambda v, z, out: (special.ive(v - 1.0, z) + special.ive(v + 1.0, z)) / 2 - np.sign(z) * out
    ),
)
bessel(special.kve, lambda v, z, out: out - (special.kve(v - 1.0, z) + special.kve(v + 1.0, z)) / 2)
for _f, _i in ((special.hankel1e, 1j), (special.hankel2e, -1j)):
    bessel(_f, lambda v, z, out, f=_f, i=_i: (f(v - 1.0, z) - f(v + 1.0, z)) / 2 - i * out)

# Orders 0 and 1.
elementwise(special.j0, lambda x: -special.j1(x))
elementwise(special.y0, lambda x: -special.y1(x))
elementwise(special.i0, lambda x: special.i1(x))
elementwise(special.k0, lambda x: -special.k1(x))
elementwise(special.j1, lambda x: (special.j0(x) - special.jv(2.0, x)) / 2)
elementwise(special.y1, lambda x: (special.y0(x) - special.yv(2.0, x)) / 2)
elementwise(special.i1, lambda x: (special.i0(x) + special.iv(2.0, x)) / 2)
elementwise(special.k1, lambda x: -(special.k0(x) + special.kv(2.0, x)) / 2)
elementwise(special.i0e, lambda x, out: special.i1e(x) - np.sign(x) * out)
elementwise(
    special.i1e, lambda x, out: (special.i0e(x) + special.ive(2.0, x)) / 2 - np.sign(x) * out
)
elementwise(special.k0e, lambda x, out: out - special.k1e(x))
elementwise(special.k1e, lambda x, out: out - (special.k0e(x) + special.kve(2.0, x)) / 2)

# Derivatives of any order n: the next one.
for _name in ("jvp", "yvp", "ivp", "kvp", "h1vp", "h2vp"):
    _f = applied(getattr(special, _name))
    elementwise(
        getattr(special, _name),
        lambda v, z, n=1: Missing(ORDER),
        lambda v, z, n=1, f=_f: f(v, z, n + 1),
    )


# Spherical ones (DLMF 10.51.2, 10.51.5): (2n+1) f' = ±n f(n-1) ∓ (n+1) f(n+1).
def spherical(function, below, above):
    call = applied(function)

    def slope(n, z, derivative=False):
        if not derivative:
            return call(n, z, derivative=True)
        lower = call(at_least_zero(n - 1), z, derivative=True)
        upper = call(n + 1, z, derivative=True)
        return (below * n * lower + above * (n + 1) * upper) / (2 * n + 1)

    elementwise(function, lambda n, z, derivative=False: Missing(ORDER), slope)


spherical(special.spherical_jn, 1, -1)
spherical(special.spherical_yn, 1, -1)
spherical(special.spherical_in, 1, 1)
spherical(special.spherical_kn, -1, -1)

# Integrals of Bessel and Struve functions: the integrand (from x on, with a minus sign).
outputs(special.itj0y0, 0, lambda x, out: (special.j0(x), special.y0(x)))
outputs(special.iti0k0, 0, lambda x, out: (special.i0(x), special.k0(x)))
outputs(special.it2j0y0, 0, lambda x, out: ((1 - special.j0(x)) / x, -special.y0(x) / x))
outputs(special.it2i0k0, 0, lambda x, out: ((special.i0(x) - 1) / x, -special.k0(x) / x))
elementwise(special.itstruve0, lambda x: special.struve(0.0, x))
elementwise(special.it2struve0, lambda x: -special.struve(0.0, x) / x)
elementwise(special.itmodstruve0, lambda x: special.modstruve(0.0, x))
elementwise(  # the integral of x^λ J_ν(2ax) from 0 to 1, once by parts
    special.besselpoly,
    lambda a, lmbda, nu, out: (special.jv(nu, 2 * a) - (lmbda + 1) * out) / a,
    Missing("the power lmb: the derivative by it has no closed form"),
    Missing(ORDER),
)


# Struve functions (DLMF 11.4.26, 11.4.28).
def _struve_constant(v, x):
    return (x / 2) ** (v + 0.0) * special.rgamma(v + 1.5) / math.sqrt(math.pi)


bessel(
    special.struve,
    lambda v, x: (
        (special.struve(v - 1.0, x) - special.struve(v + 1.0, x) + _struve_constant(v, x)) / 2
    ),
)
bessel(
    special.modstruve,
    lambda v, x: (
        (special.modstruve(v - 1.0, x) + special.modstruve(v + 1.0, x) + _struve_constant(v, x)) / 2
    ),
)


# Kelvin functions (DLMF 10.61.3): w = ber + i bei and ker + i kei solve w'' + w'/x = i w.
def kelvin(real, imag, real_slope, imag_slope):
    elementwise(real, lambda x: real_slope(x))
    elementwise(imag, lambda x: imag_slope(x))
    elementwise(real_slope, lambda x, out: -imag(x) - out / x)
    elementwise(imag_slope, lambda x, out: real(x) - out / x)


kelvin(special.ber, special.bei, special.berp, special.beip)
kelvin(special.ker, special.kei, special.kerp, special.keip)
outputs(
    special.kelvin,
    0,
    lambda x, out: (out[2], out[3], 1j * out[0] - out[2] / x, 1j * out[1] - out[3] / x),
)

# Airy functions (DLMF 9.2.1); the scaled ones carry exp(±2/3 z^(3/2)).
outputs(special.airy, 0, lambda z, out: (out[1], z * out[0], out[3], z * out[2]))


def airye_slopes(z, out):
    if is_complex(z):
        root = np.sqrt(z)
        return (out[1] + root * out[0], z * out[0] + root * out[1], COMPLEX, COMPLEX)
    root = np.sqrt(np.maximum(z, 0))
    return (
        out[1] + root * out[0],
        z * out[0] + root * out[1],
        out[3] - root * out[2],
        z * out[2] - root * out[3],
    )


outputs(special.airye, 0, airye_slopes)


def itairy_slopes(x, out):
    ahead, behind = special.airy(x), special.airy(-x)
    return ahead[0], ahead[2], behind[0], behind[2]


outputs(special.itairy, 0, itairy_slopes)

# Wright's generalised Bessel function (DLMF 10.46.1, term by term).
_PARAMETERS = [f"the parameter {name}: it has no closed form" for name in "ab"]
by_argument(lambda a, b, x: special.wright_bessel(a, a + b, x), *_PARAMETERS)(special.wright_bessel)
by_argument(
    lambda a, b, x, out: np.exp(special.log_wright_bessel(a, a + b, x) - out), *_PARAMETERS
)(special.log_wright_bessel)

# Parabolic cylinder functions with their slopes (DLMF 12.2.2, 12.2.3 for W).
for _f in (special.pbdv, special.pbvv):
    missing(_f, 0, ORDER)
    outputs(_f, 1, lambda v, x, out: (out[1], (x**2 / 4 - v - 0.5) * out[0]))
missing(special.pbwa, 0, "the parameter a: it has no closed form")
outputs(special.pbwa, 1, lambda a, x, out: (out[1], (a - x**2 / 4) * out[0]))
