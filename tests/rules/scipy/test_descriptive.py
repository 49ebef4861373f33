"""scipy.stats: what describes a sample, against differences of SciPy itself."""

import numpy as np
import pytest

stats = pytest.importorskip("scipy.stats")

from tracer import grad, hvp, jvp, trace  # noqa: E402

A = np.random.default_rng(2).uniform(0.3, 2, size=(6, 4))
W = np.random.default_rng(3).uniform(0.3, 2, size=(6, 4))
CALLS = {
    "gmean": lambda a: stats.gmean(a),
    "gmean of all": lambda a: stats.gmean(a, axis=None),
    "gmean weighted": lambda a: stats.gmean(a, axis=1, weights=W),
    "hmean": lambda a: stats.hmean(a, axis=1, keepdims=True),
    "hmean weighted": lambda a: stats.hmean(a, weights=W),
    "zscore": lambda a: stats.zscore(a),
    "zscore ddof": lambda a: stats.zscore(a, axis=1, ddof=1),
    "sem": lambda a: stats.sem(a),
    "sem of all": lambda a: stats.sem(a, axis=None),
    "variation": lambda a: stats.variation(a, axis=1, ddof=1),
    "entropy": lambda a: stats.entropy(a),
    "entropy base": lambda a: stats.entropy(a, base=2, axis=1),
    "relative entropy": lambda a: stats.entropy(a, a**2 + W),
    "skew": lambda a: stats.skew(a),
    "skew unbiased": lambda a: stats.skew(a, axis=1, bias=False),
    "kurtosis": lambda a: stats.kurtosis(a),
    "kurtosis unbiased": lambda a: stats.kurtosis(a, bias=False, fisher=False),
}


def slope(function, step=1e-4):
    values = [function(k * step) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_and_derivatives(call):
    expected, found = call(A), trace(call)(A)
    assert type(found) is type(expected)
    assert np.array_equal(found, expected)
    direction = np.random.default_rng(4).normal(size=A.shape)

    def total(a):
        return np.sum(call(a) * np.cos(np.arange(np.size(expected))).reshape(np.shape(expected)))

    moved = slope(lambda h: total(A + h * direction))
    assert np.sum(grad(total)(A) * direction) == pytest.approx(moved, rel=1e-7)
    assert jvp(total, (A,), (direction,))[1] == pytest.approx(moved, rel=1e-7)
    bend = slope(lambda h: np.sum(grad(total)(A + h * direction) * direction))
    product = hvp(total, (A,), (direction,))
    assert np.sum(product * direction) == pytest.approx(bend, rel=1e-6)
