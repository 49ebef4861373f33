"""scipy.special's wave functions: Mathieu's and the spheroidal ones (DLMF 28, 30).

>>> outputs(special.mathieu_modcem1, 2, slopes)

SciPy gives each with its slope; the slope of the slope is the differential equation's word.
"""

import math

import numpy as np
from scipy import special

from tracer.rules.declare import Missing, elementwise
from tracer.rules.scipy.special_helpers import missing, outputs

DEGREE = math.pi / 180
WHOLE = "an order, a whole number"
CURVATURE = "the parameter {}: the derivative by it has no closed form"

# Characteristic values.
for _f in (special.mathieu_a, special.mathieu_b):
    elementwise(_f, Missing(WHOLE), Missing(CURVATURE.format("q")))
for _f in (special.pro_cv, special.obl_cv):
    elementwise(_f, Missing(WHOLE), Missing(WHOLE), Missing(CURVATURE.format("c")))


# Mathieu's functions (DLMF 28.2.1, 28.20.1); the angle is in degrees, the slope is not.
def _angular(characteristic):
    def slopes(m, q, x, out):
        bend = 2 * q * special.cosdg(2 * x) - characteristic(m, q)
        return DEGREE * out[1], DEGREE * bend * out[0]

    return slopes


def _modified(characteristic):
    def slopes(m, q, x, out):
        return out[1], (characteristic(m, q) - 2 * q * np.cosh(2 * x)) * out[0]

    return slopes


for _name, _slopes in {
    "mathieu_cem": _angular(special.mathieu_a),
    "mathieu_sem": _angular(special.mathieu_b),
    "mathieu_modcem1": _modified(special.mathieu_a),
    "mathieu_modcem2": _modified(special.mathieu_a),
    "mathieu_modsem1": _modified(special.mathieu_b),
    "mathieu_modsem2": _modified(special.mathieu_b),
}.items():
    _f = getattr(special, _name)
    missing(_f, 0, WHOLE)
    missing(_f, 1, CURVATURE.format("q"))
    outputs(_f, 2, _slopes)


# Spheroidal functions: prolate angular and radial ones solve one equation (DLMF 30.2.1), the
# oblate ones that with -c² for c², the radial ones of these at ix (DLMF 30.11).
def prolate(m, n, c, cv, x, out):
    room = 1 - x**2
    return (2 * x * out[1] - (cv - (c * x) ** 2 - m**2 / room) * out[0]) / room


def oblate_angular(m, n, c, cv, x, out):
    room = 1 - x**2
    return (2 * x * out[1] - (cv + (c * x) ** 2 - m**2 / room) * out[0]) / room


def oblate_radial(m, n, c, cv, x, out):
    room = 1 + x**2
    return (-2 * x * out[1] + (cv - (c * x) ** 2 - m**2 / room) * out[0]) / room


def spheroidal(name, characteristic, bend):
    """The function, and its form that takes the characteristic value."""
    plain, given = getattr(special, name), getattr(special, f"{name}_cv")
    for function in (plain, given):
        missing(function, 0, WHOLE)
        missing(function, 1, WHOLE)
        missing(function, 2, CURVATURE.format("c"))
    missing(given, 3, CURVATURE.format("cv"))
    outputs(
        plain, 3, lambda m, n, c, x, out: (out[1], bend(m, n, c, characteristic(m, n, c), x, out))
    )
    outputs(given, 4, lambda m, n, c, cv, x, out: (out[1], bend(m, n, c, cv, x, out)))


for _name in ("pro_ang1", "pro_rad1", "pro_rad2"):
    spheroidal(_name, special.pro_cv, prolate)
spheroidal("obl_ang1", special.obl_cv, oblate_angular)
spheroidal("obl_rad1", special.obl_cv, oblate_radial)
for _f, _count in ((special.obl_rad2, 4), (special.obl_rad2_cv, 5)):
    for _operand in range(_count):
        missing(_f, _operand, "its argument: SciPy's values and slopes of it disagree")
