"""Arrays made from a shape or from the shape of another: their values depend on no operand.

>>> zero_gradient(np.zeros_like, because="the values of the operand are not read")
"""

from __future__ import annotations

import numpy as np

from tracer.ops import registry
from tracer.rules.declare import pullback, zero_gradient
from tracer.rules.helpers import sum_to

zero_gradient(
    np.zeros_like, np.ones_like, np.empty_like, registry.ZEROS_OF, registry.SIZE_OF,
    registry.SAME_SIZE, np.shape, np.ndim, np.size,
    because="the values of the operand are not read",
)  # fmt: skip
zero_gradient(
    np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri, np.indices,
    because="made from sizes alone",
)  # fmt: skip


@pullback(np.full, 1)
def _(ct, shape, fill_value, dtype=None):
    return sum_to(ct, fill_value)


@pullback(np.full_like, 1)
def _(ct, a, fill_value, dtype=None, shape=None):
    return sum_to(ct, fill_value)


@pullback(np.linspace, (0, 1))
def _(ct, start, stop, num=50, endpoint=True, dtype=None, axis=0):
    steps = num - 1 if endpoint else num
    weight = np.arange(num) / max(steps, 1)
    ct = np.moveaxis(ct, axis, -1) if axis not in (-1, ct.ndim - 1) else ct
    return sum_to(np.sum(ct * (1 - weight), axis=-1), start), sum_to(ct @ weight, stop)
