"""Reductions and running sums, in both modes and to second order."""

import numpy as np
import pytest

from tests.rules.agreement import agree, complexes, reals

MASK = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0]], bool)
A, T, Z = reals(4, 3, seed=1), reals(2, 3, 4, seed=2), complexes(4, 3, seed=3)
ZEROS = A.copy()
ZEROS[1, 1] = ZEROS[2, 1] = ZEROS[0, 0] = 0.0


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
@pytest.mark.parametrize(
    "function", [np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.var, np.std, np.ptp]
)
def test_axes(function, axis, keepdims):
    agree(lambda x: function(x, axis=axis, keepdims=keepdims), A)


CASES = {
    "three axes": (lambda x: np.prod(x, axis=(0, 2)), T),
    "no axis at all": (lambda x: np.sum(x, axis=()), A),
    "sum where": (lambda x: np.sum(x, axis=1, where=MASK), A),
    "mean where": (lambda x: np.mean(x, axis=1, where=MASK), A),
    "prod where initial": (lambda x: np.prod(x, axis=1, where=MASK, initial=2.0), A),
    "max where initial": (lambda x: np.max(x, axis=1, where=MASK, initial=-9.0), A),
    "max under its initial value": (lambda x: np.max(x, axis=1, initial=9.0), A),
    "var where": (lambda x: np.var(x, axis=1, where=MASK[:, ::-1] | MASK), A),
    "var ddof": (lambda x: np.var(x, axis=1, ddof=1), A),
    "var correction": (lambda x: np.var(x, axis=1, correction=1), A),
    "std ddof": (lambda x: np.std(x, axis=(0, 2), ddof=1), T),
    "prod with zeros": (lambda x: np.prod(x, axis=0), ZEROS),
    "add.reduce": (lambda x: np.add.reduce(x), A),
    "cumsum flat": (lambda x: np.cumsum(x), A),
    "cumsum of a vector": (lambda x: np.cumsum(x), A[0]),
    "cumsum": (lambda x: np.cumsum(x, axis=1), A),
    "add.accumulate": (lambda x: np.add.accumulate(x), A),
    "cumprod flat": (lambda x: np.cumprod(x), A),
    "cumprod": (lambda x: np.cumprod(x, axis=0), A),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, axis=1), A),
    "minimum.accumulate": (lambda x: np.minimum.accumulate(x), A[0]),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1, include_initial=True), A),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, axis=1, include_initial=True), A),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name])


@pytest.mark.parametrize("function", [np.sum, np.mean, np.prod, np.var, np.std])
def test_complex(function):
    agree(lambda x: function(x, axis=1), Z, order=1)


def test_cumprod_with_zeros():
    agree(lambda x: np.cumprod(x, axis=0), ZEROS, order=1)


def gradient(function, x):
    from tests.rules.agreement import build
    from tracer.graph.evaluate import evaluate
    from tracer.transforms.reverse.joint_graph import reverse

    return evaluate(reverse(build(function, x), [0], seed="ones"), [x])[-1]


def test_ties_share_evenly():
    x = np.array([1.0, 3.0, 3.0, 2.0])
    assert gradient(np.max, x).tolist() == [0.0, 0.5, 0.5, 0.0]


def test_std_of_equal_numbers_has_slope_zero():
    assert gradient(np.std, np.ones(3)).tolist() == [0.0, 0.0, 0.0]


def test_single_precision_stays():
    x = A.astype(np.float32)
    for function in (np.sum, np.mean, np.max, np.std, np.ptp, np.linalg.norm):
        assert gradient(function, x).dtype == np.float32
