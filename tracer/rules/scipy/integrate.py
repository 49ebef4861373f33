"""scipy.integrate: integrals of samples, linear in the samples.

>>> @composed(integrate.trapezoid)
... def _(y, x=None, dx=1.0, axis=-1): return np.trapezoid(y, x, dx, axis)
"""

from typing import Any

import numpy as np
from scipy import integrate

from tracer.python.late_bound import LATE_BOUND
from tracer.rules.algebra.products import ndim
from tracer.rules.declare import ZERO, Missing, composed, no_rule, pullback
from tracer.rules.helpers import shape_of
from tracer.rules.scipy.special_helpers import applied


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


class Sensitivity:
    """The right side of an ODE together with how its solution moves with start and parameters.

    The state is y, then the matrix ∂y/∂(y₀, parameters), row by row, which solves the linearised
    equation S' = (∂f/∂y) S + ∂f/∂parameters (Hairer, Nørsett and Wanner, I.14).
    """

    def __init__(self, function: Any, size: int, moving: tuple[int, ...], tfirst: bool):
        self.function, self.size, self.moving, self.tfirst = function, size, moving, tfirst
        self.__name__ = "sensitivity"

    def slopes(self, given: tuple) -> list[Any]:
        """By the state and by each moving parameter, one row for each equation."""
        moving = (int(self.tfirst), *[k + 2 for k in self.moving])
        found = LATE_BOUND["jacobian"](self.function, moving)(*given)  # differentiated as it runs
        if isinstance(found[0], (tuple, list)):  # of a list of numbers: one for each of them
            found = [np.array(column) for column in zip(*found, strict=True)]
        return [np.reshape(part, (self.size, -1)) for part in found]

    def __call__(self, state: Any, t: Any, *args: Any) -> Any:
        n = self.size
        y, moved = state[:n], state[n:].reshape(n, -1)
        given = (t, y, *args) if self.tfirst else (y, t, *args)
        by_state, *by_parameters = self.slopes(given)
        change = by_state @ moved
        if by_parameters:
            change[:, n:] += np.concatenate(by_parameters, axis=1)
        return np.concatenate((np.ravel(self.function(*given)), change.ravel()))


@pullback(integrate.odeint, (1, "args"))
def _(ct, func, y0, t, args=(), tfirst=False, rtol=None, atol=None, mxstep=0, hmax=0.0):
    """By forward sensitivities, in one integration; by the times there is no rule."""
    if isinstance(func, Sensitivity):
        twice = Missing("its start a second time: the sensitivities of odeint have no rule")
        return twice, [twice] * len(args)
    n = shape_of(y0)[0] if ndim(y0) else 1
    moving = tuple([k for k, a in enumerate(args) if _moves(a)])
    sizes = [int(np.prod(shape_of(args[k]), dtype=int)) for k in moving]
    start = np.eye(n, n + sum(sizes)).ravel()
    given = {"rtol": rtol, "atol": atol, "mxstep": mxstep or None, "hmax": hmax or None}
    options = {name: value for name, value in given.items() if value is not None}
    options |= {"args": tuple(args)} if args else {}
    function = Sensitivity(func, n, moving, tfirst)
    whole = np.concatenate((np.reshape(y0, (n,)), start))
    path = applied(integrate.odeint)(function, whole, t, **options)
    slopes = np.reshape(path[:, n:], (-1, n, n + sum(sizes)))
    total = np.einsum("tn,tnk->k", ct, slopes)
    by_args, at = [ZERO] * len(args), n
    for k, size in zip(moving, sizes, strict=True):
        by_args[k] = np.reshape(total[at : at + size], shape_of(args[k]))
        at += size
    return np.reshape(total[:n], shape_of(y0)), by_args


@pullback(integrate.odeint, 2)
def _(ct, func, y0, t, **kwargs):
    return Missing("the times: use the right side at the solution")


def _moves(argument: Any) -> bool:
    return getattr(argument, "dtype", np.dtype(bool)).kind == "f"


no_rule(
    integrate.solve_ivp,
    integrate.quad,
    integrate.dblquad,
    integrate.tplquad,
    integrate.nquad,
    integrate.solve_bvp,
    because="it calls a function that is not traced",
)
