"""Functions whose derivative is zero wherever it exists, each with the reason.

>>> zero_gradient(np.floor, np.ceil, because="piecewise constant")
"""

from __future__ import annotations

import numpy as np

from tracer.ops import registry
from tracer.rules.declare import ZERO, no_rule, pullback, zero_gradient
from tracer.rules.helpers import sum_to

zero_gradient(np.floor, np.ceil, np.trunc, np.rint, np.round, np.fix, because="piecewise constant")
zero_gradient(
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.equal,
    np.not_equal,
    np.isclose,
    np.allclose,
    np.array_equal,
    np.array_equiv,
    np.isnan,
    np.isinf,
    np.isfinite,
    np.isneginf,
    np.isposinf,
    np.isreal,
    np.iscomplex,
    np.isrealobj,
    np.iscomplexobj,
    np.logical_and,
    np.logical_or,
    np.logical_not,
    np.logical_xor,
    np.any,
    np.all,
    np.isin,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.invert,
    np.left_shift,
    np.right_shift,
    np.isnat,
    because="a truth value",
)
zero_gradient(
    np.argmax,
    np.argmin,
    np.nanargmax,
    np.nanargmin,
    np.argsort,
    np.argpartition,
    np.argwhere,
    np.nonzero,
    np.flatnonzero,
    np.count_nonzero,
    np.searchsorted,
    np.digitize,
    np.lexsort,
    np.ravel_multi_index,
    np.unravel_index,
    np.result_type,
    *([np.bitwise_count] if hasattr(np, "bitwise_count") else []),
    because="counts and positions are integers",
)
zero_gradient(  # gone since NumPy 2.4
    *[getattr(np, name) for name in ("in1d",) if hasattr(np, name)], because="a truth value"
)
zero_gradient(np.spacing, because="a property of the floating-point grid")
zero_gradient(registry.STOP_GRADIENT, because="the user said so")
zero_gradient(np.gcd, np.lcm, because="a function of integers")
no_rule(
    np.busday_count,
    np.busday_offset,
    np.is_busday,
    np.datetime_as_string,
    because="dates are not numbers",
)


# -- counts with weights and results in two parts ---------------------------------------------
@pullback(np.bincount, "weights")
def _(ct, x, weights=None, minlength=0):
    return ct[x]


@pullback(np.bincount, 1)
def _(ct, x, weights, minlength=0):
    return ct[x]


@pullback(np.modf)
def _(cts, x):
    return cts[0]


@pullback(np.frexp)
def _(cts, x, *, out):
    return ZERO if cts[0] is ZERO else np.ldexp(cts[0], -out[1])


@pullback(np.divmod, (0, 1))
def _(cts, x, y, *, out):
    ct = cts[1]
    return (ZERO, ZERO) if ct is ZERO else (sum_to(ct, x), sum_to(-(ct * out[0]), y))
