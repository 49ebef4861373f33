"""A matrix in every layout that NumPy knows, for programs that write in place."""

import numpy as np

X = np.array([[0.31, 0.72, 0.15, 0.47], [0.94, 0.42, 0.67, 0.11], [0.55, 0.08, 0.81, 0.26]])
INPUTS = {
    "C order": X,
    "Fortran order": np.asfortranarray(X),
    "negative strides": X[::-1, ::-1],
    "strided": np.repeat(X, 2, axis=1)[:, ::2],
    "float32": X.astype(np.float32),
    "other values": X[::-1] * 0.9 + 0.03,
}


def programs_of(space):
    """The programs that a test file defines."""
    own = [v for v in space.values() if getattr(v, "__module__", "") == space["__name__"]]
    return [v for v in own if not v.__name__.startswith("test_")]
