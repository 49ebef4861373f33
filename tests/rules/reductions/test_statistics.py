"""Order statistics, weighted means, differences and convolutions."""

import numpy as np
import pytest

from tests.rules.agreement import agree, complexes, reals

A, v, w, T = reals(4, 3, seed=1), reals(5, seed=2), reals(3, seed=3), reals(2, 3, 4, seed=4)
HOLES = A.copy()
HOLES[0, 1] = HOLES[2, 2] = np.nan
SKIPPING = [np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanvar, np.nanstd]


def without_nan(function):
    """A function of the numbers alone, so that nothing is compared at nan."""
    from tracer.ops import registry
    from tracer.ops.builder import apply

    def call(x):
        holes = apply(registry.SETITEM, x, np.nan, np.isnan(HOLES))
        return function(holes)

    return call


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("function", SKIPPING)
def test_what_skips_nan(function, axis):
    agree(without_nan(lambda x: function(x, axis=axis)), A, order=1)
    agree(without_nan(lambda x: function(x, axis=axis, keepdims=True)), A, order=1)


CASES = {
    "median": (np.median, v),
    "median even": (lambda x: np.median(x, axis=0), A),
    "median of all": (lambda x: np.median(x, keepdims=True), A),
    "median of two axes": (lambda x: np.median(x, axis=(0, 2)), T),
    "quantile": (lambda x: np.quantile(x, 0.3, axis=1), A),
    "quantiles": (lambda x: np.quantile(x, [0.1, 0.5, 1.0]), v),
    "percentile": (lambda x: np.percentile(x, 30, axis=0, keepdims=True), A),
    "quantile lower": (lambda x: np.quantile(x, 0.3, method="lower"), v),
    "quantile midpoint": (lambda x: np.quantile(x, 0.3, method="midpoint"), v),
    "average": (lambda x: np.average(x, axis=1), A),
    "average weighted": (lambda x, u: np.average(x, axis=1, weights=u), A, np.abs(w)),
    "average weighted all": (lambda x, u: np.average(x, weights=u), A, np.abs(A) + 1),
    "diff": (np.diff, A),
    "diff twice": (lambda x: np.diff(x, n=2, axis=0), A),
    "gradient": (np.gradient, v),
    "gradient with a step": (lambda x: np.gradient(x, 0.5, axis=1), A),
    "gradient of an axis": (lambda x: np.gradient(x, axis=0), A),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.5), A),
    "trapezoid at": (lambda x: np.trapezoid(x, np.array([0.0, 1.0, 3.0, 4.0]), axis=0), A),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("function", [np.convolve, np.correlate])
def test_convolutions(function, mode):
    for a, b in ((v, w), (v, reals(4)), (w, v), (complexes(5), complexes(2))):
        agree(lambda x, y: function(x, y, mode=mode), a, b)
