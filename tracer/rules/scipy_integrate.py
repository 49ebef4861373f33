"""scipy.integrate: integrals of samples, linear in the samples.

>>> @composed(integrate.trapezoid)
... def _(y, x=None, dx=1.0, axis=-1): return np.trapezoid(y, x, dx, axis)
"""

from typing import Any

import numpy as np
from scipy import integrate

from tracer.rules.declare import composed, no_rule, pullback
from tracer.rules.helpers import shape_of
from tracer.rules.products import ndim
from tracer.rules.special_helpers import applied


@composed(integrate.trapezoid)
def _(y, x=None, dx=1.0, axis=-1):
    return np.trapezoid(y, x, dx, axis)


@composed(integrate.cumulative_trapezoid)
def _(y, x=None, dx=1.0, axis=-1, initial=None):
    y = np.moveaxis(y, axis, -1)
    steps: Any = dx
    if x is not None:
        steps = np.diff(x) if ndim(x) == 1 else np.diff(np.moveaxis(x, axis, -1))
    areas = np.cumsum(steps * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
    if initial is not None:
        areas = np.concatenate((0 * y[..., :1], areas), axis=-1)
    return np.moveaxis(areas, -1, axis)


@pullback(integrate.simpson)
def _(ct, y, x=None, dx=1.0, axis=-1):
    """What the unit samples integrate to are the weights; by ``x`` there is no rule."""
    unit = np.eye(shape_of(y)[axis])
    given = {"dx": dx} if x is None else {"x": x}
    weights = applied(integrate.simpson)(unit, axis=0, **given)
    return np.moveaxis(np.expand_dims(ct, -1) * weights, -1, axis)


no_rule(
    integrate.odeint, integrate.solve_ivp, integrate.quad, integrate.dblquad, integrate.tplquad,
    integrate.nquad, integrate.solve_bvp,
    because="it calls a function that is not traced",
)  # fmt: skip
