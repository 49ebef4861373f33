"""Derivatives of exponentials and logarithms.

>>> elementwise(np.exp, lambda x, out: out)
"""

from __future__ import annotations

import numpy as np

from tracer.rules.declare import elementwise

LOG_2 = float(np.log(2.0))
LOG_10 = float(np.log(10.0))

elementwise(np.exp, lambda x, out: out)
elementwise(np.exp2, lambda x, out: LOG_2 * out)
elementwise(np.expm1, lambda x, out: out + 1)
elementwise(np.log, lambda x: 1 / x)
elementwise(np.log2, lambda x: 1 / (LOG_2 * x))
elementwise(np.log10, lambda x: 1 / (LOG_10 * x))
elementwise(np.log1p, lambda x: 1 / (1 + x))
