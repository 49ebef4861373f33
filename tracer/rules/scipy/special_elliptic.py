"""scipy.special's elliptic integrals and functions (DLMF 19, 22).

>>> elementwise(special.ellipk, lambda m: special.elliprd(0.0, 1.0, 1 - m) / 6)

Legendre's integrals are written by Carlson's (DLMF 19.25), whose derivatives have no holes where
m or φ vanish; those of R_F by 19.18.1, of the others by the relations at the end of 19.18.
"""

import math

import numpy as np
from scipy import special

from tracer.rules.declare import elementwise
from tracer.rules.scipy.special_helpers import is_complex, outputs

rf, rd, rc = special.elliprf, special.elliprd, special.elliprc

# Complete integrals (DLMF 19.25.1).
elementwise(special.ellipk, lambda m: rd(0.0, 1.0, 1 - m) / 6)
elementwise(special.ellipkm1, lambda p: -rd(0.0, 1.0, p) / 6)
elementwise(special.ellipe, lambda m: -rd(0.0, 1 - m, 1.0) / 6)


# Incomplete ones (DLMF 19.25.5, 19.25.9), each half turn of φ adding a complete one.
def _reduced(phi):
    turns = np.round(phi / math.pi)
    angle = phi - turns * math.pi
    return turns, np.sin(angle), np.cos(angle)


def first_by_m(phi, m):
    """∂F(φ|m)/∂m."""
    turns, sine, cosine = _reduced(phi)
    incomplete = sine**3 * rd(cosine**2, 1.0, 1 - m * sine**2)
    return (incomplete + 2 * turns * rd(0.0, 1.0, 1 - m)) / 6


def second_by_m(phi, m):
    """∂E(φ|m)/∂m."""
    turns, sine, cosine = _reduced(phi)
    incomplete = sine**3 * rd(cosine**2, 1 - m * sine**2, 1.0)
    return -(incomplete + 2 * turns * rd(0.0, 1 - m, 1.0)) / 6


elementwise(special.ellipkinc, lambda phi, m: 1 / np.sqrt(1 - m * np.sin(phi) ** 2), first_by_m)
elementwise(special.ellipeinc, lambda phi, m: np.sqrt(1 - m * np.sin(phi) ** 2), second_by_m)

# Jacobi's functions sn, cn, dn and the amplitude (DLMF 22.13.1, 22.16.1).
outputs(
    special.ellipj,
    0,
    lambda u, m, out: (out[1] * out[2], -out[0] * out[2], -m * out[0] * out[1], out[2]),
)


def ellipj_by_m(u, m, out):
    """Where u = F(φ|m) stands still, φ moves by -dn ∂F/∂m."""
    sn, cn, dn, phi = out
    turn = -dn * first_by_m(phi, m)
    return cn * turn, -sn * turn, -(sn**2 + 2 * m * sn * cn * turn) / (2 * dn), turn


outputs(special.ellipj, 1, ellipj_by_m)


# Carlson's symmetric integrals. R_F (DLMF 19.18.1):
elementwise(
    rf,
    lambda x, y, z: -rd(y, z, x) / 6,
    lambda x, y, z: -rd(x, z, y) / 6,
    lambda x, y, z: -rd(x, y, z) / 6,
)


# R_C(x, y) = R_F(x, y, y); for y < 0, where R_D is not defined, by homogeneity.
def _rc_by_x(x, y, out):
    apart = (out - 1 / np.sqrt(x)) / (2 * (y - x))
    if is_complex(x, y):
        return apart
    return np.where(y > 0, -rd(np.abs(y), np.abs(y), x) / 6, apart)


def _rc_by_y(x, y, out):
    apart = (np.sqrt(x) / y - out) / (2 * (y - x))
    if is_complex(x, y):
        return apart
    return np.where(y > 0, -rd(x, np.abs(y), np.abs(y)) / 3, apart)


elementwise(rc, _rc_by_x, _rc_by_y)


def _times(x, slope):
    """``x * slope``, which is 0 at a literal zero, where the slope itself is infinite."""
    return 0.0 if type(x) in (int, float) and x == 0 else x * slope(x)


def _rd_by(x, y, z, out):
    """∂R_D(x, y, z)/∂x, from R_F's two mixed derivatives (Euler and Poisson); where x = z by the
    integral's own recurrence, and where all are equal by homogeneity."""
    gap = np.where(x == z, 1.0, z - x)
    side = np.where(x == y, 1.0, y - x)
    beside = np.where(
        x == y, -0.3 * out / np.where(x == 0, 1.0, x), 0.375 * (out - np.sqrt(y) / z**2) / side
    )
    return np.where(x == z, beside, (out - rd(y, z, x)) / (2 * gap))


def _rd_by_z(x, y, z, out):
    """Of degree -3/2 in all three together."""
    others = _times(x, lambda x: _rd_by(x, y, z, out)) + _times(y, lambda y: _rd_by(y, x, z, out))
    return -(1.5 * out + others) / z


elementwise(
    rd,
    lambda x, y, z, out: _rd_by(x, y, z, out),
    lambda x, y, z, out: _rd_by(y, x, z, out),
    _rd_by_z,
)

# R_G: by its sum rule and homogeneity.
elementwise(
    special.elliprg,
    lambda x, y, z: (3 * rf(x, y, z) - x * rd(y, z, x)) / 12,
    lambda x, y, z: (3 * rf(x, y, z) - y * rd(x, z, y)) / 12,
    lambda x, y, z: (3 * rf(x, y, z) - z * rd(x, y, z)) / 12,
)


# R_J: by partial fractions, and of degree -3/2 in all four.
def _rj_by(x, y, z, p, out):
    return (out - rd(y, z, x)) / (2 * (p - x))


def _rj_by_p(x, y, z, p, out):
    others = (
        _times(x, lambda x: _rj_by(x, y, z, p, out))
        + _times(y, lambda y: _rj_by(y, x, z, p, out))
        + _times(z, lambda z: _rj_by(z, x, y, p, out))
    )
    return -(1.5 * out + others) / p


elementwise(
    special.elliprj,
    lambda x, y, z, p, out: _rj_by(x, y, z, p, out),
    lambda x, y, z, p, out: _rj_by(y, x, z, p, out),
    lambda x, y, z, p, out: _rj_by(z, x, y, p, out),
    _rj_by_p,
)
