"""Functions of scipy.special that are no ufuncs; the others are in `special_points`."""

import numpy as np
import pytest

from tests.rules.table import each, positive, reals, row

pytest.importorskip("scipy.special")

A = reals(2, 3)
AXES, KEEP = each(None, 0, (0, 1)), each(False, True)

ROWS = [
    row("special.logsumexp", A, axis=AXES, keepdims=KEEP).but(dtypes="f"),
    row(
        "special.logsumexp",
        lambda x, b: __import__("scipy").special.logsumexp(x, b=b),
        A,
        positive(3),
    ),
    row("special.softmax", A, axis=AXES).but(dtypes="f"),
    row("special.log_softmax", A, axis=AXES).but(dtypes="f"),
    row("special.sinc", A),
    row("special.sinc", np.array([0.0, 0.5])),
    row("special.lambertw", positive(3)),
]
