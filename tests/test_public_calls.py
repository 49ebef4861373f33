"""Public functions called as users write them: bits, layout, gradients, and text that runs.

>>> run_source(lambda x: np.ones(3) @ x, x, mode="forward")["forward"](x)
"""

import runpy

import numpy as np
import pytest

from tracer import grad, jvp, trace

GAPS = np.array([np.nan, 1.0, 2.0, 1.0, np.nan])
OTHER = np.array([1.0, 3.0, 0.0, np.nan, np.nan])
X = np.arange(12.0).reshape(3, 4) / 7 - 0.6
LARGE = np.random.default_rng(3).normal(size=(200, 301))


def run_source(function, *args, **options):
    """The names that the source of a call defines."""
    scope = {}
    exec(trace(function).source(*args, **options), scope)
    return scope


# -- what a NaN in the other operand leaves ------------------------------------------------------
@pytest.mark.parametrize(
    ("ufunc", "left", "right"),
    [(np.fmax, [0, 0, 1, 1], [1, 1, 0, 0]), (np.fmin, [0, 1, 0, 1], [1, 0, 1, 0])],
)
def test_a_skipped_nan_leaves_all_to_the_other(ufunc, left, right):
    a, b = GAPS[:4], OTHER[:4]
    slopes = grad(lambda a, b: np.sum(ufunc(a, b)), argnums=(0, 1))(a, b)
    np.testing.assert_array_equal(slopes, (left, right))
    np.testing.assert_array_equal(jvp(ufunc, (a, b), (np.ones(4), np.zeros(4)))[1], left)
    np.testing.assert_array_equal(jvp(ufunc, (a, b), (np.zeros(4), np.ones(4)))[1], right)


@pytest.mark.parametrize("ufunc", [np.fmax, np.fmin])
def test_a_nan_beside_a_number(ufunc):
    assert grad(lambda x: ufunc(x, 0.5))(np.nan) == 0.0
    assert grad(lambda x: ufunc(x, np.nan))(0.5) == 1.0
    assert grad(lambda x: ufunc(0.5, x))(0.5) == 0.5


# -- layout, of which the bits of a sum are made ---------------------------------------------------
@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.ascontiguousarray(x.T),
        lambda x: np.ascontiguousarray(x[:, ::2], dtype=np.float32),
        lambda x: np.asfortranarray(x),
        lambda x: np.asfortranarray(x.T),
        lambda x: np.require(x.T, requirements="C"),
        lambda x: x.T.astype(np.float64, order="C"),
        lambda x: x.T.astype(np.float64, order="C", copy=False),
        lambda x: x.astype(np.float32, order="F"),
    ],
)
def test_layout_that_was_asked_for(function):
    found, expected = trace(function)(LARGE), function(LARGE)
    assert found.strides == expected.strides and found.dtype == expected.dtype
    for axis in (None, 0, 1):
        total = trace(lambda x, axis=axis: function(x).sum(axis=axis))(LARGE)
        assert np.array_equal(total, expected.sum(axis=axis))
    slopes = grad(lambda x: np.sum(function(x) ** 2))(X)
    np.testing.assert_allclose(slopes, 2 * scattered(function, X), rtol=1e-6)


def scattered(function, x):
    """The values that a selection or a change of order keeps, at their places in ``x``."""
    places = function(np.arange(float(x.size)).reshape(x.shape)).astype(int)
    out = np.zeros(x.size)
    out[places.ravel()] = function(x).ravel()
    return out.reshape(x.shape)


# -- comparisons with what is no number ----------------------------------------------------------
@pytest.mark.parametrize("other", [None, "a", b"a", ..., print, object()])
def test_no_number_equals_anything_else(other):
    for function in (lambda x: x == other, lambda x: x != other, lambda x: other == x):
        found, expected = trace(function)(X), function(X)
        assert type(found) is np.ndarray and found.dtype == expected.dtype
        assert np.array_equal(found, expected)
    assert trace(lambda x: x[x > 0] == other)(X).shape == X[X > 0].shape


def test_ranges_are_arrays_to_operators():
    for function in (
        lambda x: x[0] + range(4),
        lambda x: range(4) * x[0],
        lambda x: x @ range(4),
        lambda x: x[0] == range(4),
    ):
        assert np.array_equal(trace(function)(X), function(X))
    np.testing.assert_array_equal(grad(lambda v: np.sum(v * range(4)))(X[0]), np.arange(4.0))


# -- dtypes ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", [np.longdouble, np.clongdouble])
def test_long_scalars(dtype):
    found, expected = trace(lambda t: dtype(t) + 1)(0.1), dtype(0.1) + 1
    assert type(found) is type(expected) and found == expected
    assert grad(lambda t: np.real(dtype(t) * 3))(0.1) == 3.0


@pytest.mark.parametrize("number", [0.3, 2, np.float32(0.3), np.float64(0.3), [0.3, 0.4, 0.5]])
@pytest.mark.parametrize("ufunc", [np.multiply, np.divide, np.maximum])
def test_numbers_of_ufunc_at_have_their_own_dtype(ufunc, number):
    def changed(v, number):
        v = v.copy()
        ufunc.at(v, [0, 2, 0], number)
        return v

    v = np.full(4, 1.1, np.float32)
    for function in (lambda v: changed(v, number), lambda v: trace(changed)(v, number)):
        found = trace(function)(v)
        assert found.dtype == np.float32 and np.array_equal(found, changed(v, number))
    assert grad(lambda v: changed(v, number).sum())(v).dtype == np.float32


# -- text ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "function",
    [
        lambda x: [1.0, 2.0, 3.0] @ x,
        lambda x: x * np.hanning(4),
        lambda x: x[np.tril_indices(3)],
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1) * 2,
        lambda x: np.polynomial.polynomial.polyval2d(x, x, [[1.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_forward_and_tangent_texts_run(function):
    (found,) = run_source(function, X, mode="forward")["forward"](X)
    assert np.array_equal(found, function(X))
    value, tangent = run_source(function, X, mode="jvp")["jvp"](X, np.ones((3, 4)))
    assert np.array_equal(value, function(X))
    np.testing.assert_allclose(tangent, jvp(function, (X,), (np.ones((3, 4)),))[1])


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (lambda x, b, w: np.sum(x[b] * w[: len(x[b])]), (X[0], X[0] > -0.5, X[1])),
        (lambda x, w: np.sum(np.unique(x) * w), (X[0], X[1])),
        (lambda x: x.astype(np.float32).sum(), (X,)),
        (lambda x: x.astype(float).sum(), (X.astype(np.float32),)),
        (lambda t: np.full(2, t, dtype=np.float32).sum(), (0.3,)),
        (lambda t: np.sum([t, t], dtype=np.longdouble), (0.3,)),
        (lambda *args: np.sum(np.sin(args[0]) * args[1]), (X, X)),
        (lambda k, *args: np.sum(args[0]["a"] * k), (2.0, {"a": X}, X)),
    ],
)
def test_gradient_texts_run(function, args, tmp_path):
    expected = grad(function)(*args)
    value, gradient = run_source(function, *args)["value_and_grad"](*args)
    assert value == function(*args) and np.dtype(type(value)) == np.dtype(type(function(*args)))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)
    trace(function).save(tmp_path / "saved.py", *args)
    saved = runpy.run_path(str(tmp_path / "saved.py"))["value_and_grad"]
    np.testing.assert_allclose(saved(*args)[1], expected, rtol=1e-6)
