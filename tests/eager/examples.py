"""Arrays, and gradients by differences, for tests of the eager Tensor."""

import numpy as np

from tracer import Tensor

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 2))
V = RNG.normal(size=4)
POSITIVE = RNG.uniform(0.5, 2.0, size=4)


def numeric(program, values, step=1e-6):
    """Central differences of a program of plain arrays, one gradient per argument."""
    found = []
    for k, value in enumerate(values):
        gradient = np.zeros(value.shape)
        for i in np.ndindex(value.shape):
            ends = []
            for sign in (1, -1):
                moved = [np.array(v) for v in values]
                moved[k][i] += sign * step
                ends.append(float(program(*moved)))
            gradient[i] = (ends[0] - ends[1]) / (2 * step)
        found.append(gradient)
    return found


def check(program, *values):
    """Values as plain NumPy's to the last bit, gradients as central differences."""
    tensors = [Tensor(value, name=f"x{k}") for k, value in enumerate(values)]
    result = program(*tensors)
    assert isinstance(result, Tensor)
    assert np.asarray(result)[()] == program(*[np.array(v) for v in values])
    result.backward()
    for tensor, expected in zip(tensors, numeric(program, values), strict=True):
        np.testing.assert_allclose(tensor.grad, expected, rtol=1e-5, atol=1e-7)
        assert tensor.grad.shape == tensor.shape
        assert tensor.grad.dtype == tensor.dtype
