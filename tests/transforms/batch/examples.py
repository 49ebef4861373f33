"""Examples for the tests of vmap, and the comparison with the plain function called in a loop."""

import numpy as np

from tracer import vmap
from tracer.trees import flatten

DRAW = np.random.default_rng(3)
V = DRAW.normal(size=(3, 4))  # three vectors
W = DRAW.normal(size=(3, 4))
M = DRAW.normal(size=(3, 4, 5))  # three matrices
T = DRAW.normal(size=(3, 2, 4, 5))
S = DRAW.normal(size=(3, 4, 4)) + 4 * np.eye(4)
P = S @ np.swapaxes(S, 1, 2)
N = DRAW.normal(size=3)  # three numbers
I = DRAW.integers(0, 4, size=(3, 6))
J = DRAW.integers(0, 4, size=3)
Z = V + 1j * W
MASK = V > 0
B = DRAW.normal(size=(4, 5))  # shared
C = DRAW.normal(size=4)


def expected(f, args, in_axes=0):
    """What vmap has to give: the plain function's results, stacked."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    size = next(a.shape[k] for a, k in zip(args, axes) if k is not None)
    rows = []
    for number in range(size):
        given = [a if k is None else np.moveaxis(a, k, 0)[number] for a, k in zip(args, axes)]
        given = [a.copy("K") if isinstance(a, np.ndarray) else a for a in given]
        rows.append(flatten(f(*given)))
    return [np.stack(column) for column in zip(*[leaves for leaves, _ in rows])]


def agree(f, *args, in_axes=0, tolerance=1e-12):
    found = flatten(vmap(f, in_axes)(*args))[0]
    for got, want in zip(found, expected(f, args, in_axes), strict=True):
        assert isinstance(got, np.ndarray)
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
