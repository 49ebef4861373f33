"""Derivatives of power series in two variables; the other functions of series are traced through.

>>> composed(polyval2d): Horner's scheme in x, then in y
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.ops.builder import Symbol, find_builder
from tracer.rules.declare import composed
from tracer.rules.helpers import shape_of

power_series = np.polynomial.polynomial


def horner(x: Any, c: Any) -> Any:
    """The sum of ``c[k] * x**k``, ``c[k]`` and ``x`` broadcast."""
    total = c[-1]
    for k in range(shape_of(c)[0] - 2, -1, -1):
        total = c[k] + total * x
    return total


def _arrays(*values: Any) -> list[Any]:
    builder = find_builder(values)
    assert builder is not None
    return [v if isinstance(v, Symbol) else builder.constant(np.asarray(v)) for v in values]


def _room(c: Any, count: int) -> Any:
    """``c`` with ``count`` more axes at the end."""
    return np.reshape(c, (*shape_of(c), *(1,) * count)) if count else c


@composed(power_series.polyval2d)
def _(x, y, c):
    x, y, c = _arrays(x, y, c)
    return horner(y, horner(x, _room(c, len(shape_of(x)))))


@composed(power_series.polygrid2d)
def _(x, y, c):
    x, y, c = _arrays(x, y, c)
    inner = horner(x, _room(c, len(shape_of(x))))
    return horner(y, _room(inner, len(shape_of(y))))
