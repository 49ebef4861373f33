"""``out=`` of another dtype and ``where=``: NumPy's bits, NumPy's warnings, and the gradient."""

import itertools
import warnings

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient
from tracer import errors, grad, hessian, trace, value_and_grad

KINDS = [np.float16, np.float32, np.float64, np.longdouble, np.complex128, np.int64]
STATISTICS = [
    np.mean,
    np.var,
    np.std,
    np.nanmean,
    np.nanvar,
    np.nanstd,
    np.ptp,
    np.sum,
    np.prod,
    np.nansum,
    np.max,
    np.min,
    np.median,
]


def outcome(function, *args):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return function(*args)
        except (TypeError, ValueError) as error:
            return TypeError if isinstance(error, TypeError) else ValueError


@pytest.mark.parametrize("given", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("statistic", STATISTICS, ids=lambda function: function.__name__)
def test_statistics_into_an_array_of_another_dtype(statistic, given):
    rng = np.random.default_rng(7)
    values = (rng.normal(size=(3, 11)) * 3).astype(given)
    if given is np.complex128:
        values = values + 1j * rng.normal(size=(3, 11))
    for kind, axis in itertools.product(KINDS, (None, 0, 1)):

        def into(x, kind=kind, axis=axis):
            out = np.zeros([3, 11][axis ^ 1] if axis is not None else (), kind)
            statistic(x, axis=axis, out=out)
            return out

        expected, found = outcome(into, values), outcome(trace(into), values)
        if isinstance(expected, type):
            assert found is expected, kind
            continue
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_array_equal(found, expected, err_msg=f"{kind} {axis}")


@pytest.mark.parametrize("statistic", STATISTICS[:7], ids=lambda function: function.__name__)
def test_gradients_through_a_wider_out(statistic):
    x = np.array([0.1, 0.9, 0.3, -0.7])

    def into(x):
        out = np.zeros((), np.longdouble)
        statistic(x, out=out)
        return (out**2).astype(float)

    step = 1e-6
    change = [(into(x + step * e) - into(x - step * e)) / (2 * step) for e in np.eye(4)]
    np.testing.assert_allclose(grad(into)(x), change, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    "options", [{"ddof": 1}, {"axis": 1, "keepdims": True}, {"where": np.eye(3, 4) < 1}], ids=repr
)
def test_variances_with_options(options):
    x = np.random.default_rng(3).normal(size=(3, 4))

    def into(x, statistic):
        out = np.zeros((3, 1) if "axis" in options else (), np.longdouble)
        statistic(x, out=out, **options)
        return out

    for statistic in (np.var, np.std, np.nanvar, np.nanstd):
        np.testing.assert_array_equal(trace(into)(x, statistic), into(x, statistic))


X = np.array([1.5, 2.5, -3.0, 0.0])
MASKED = {
    "sqrt": (lambda x, r: np.sqrt(x, out=r, where=x > 0), lambda x: np.sqrt(x)),
    "log": (lambda x, r: np.log(x, out=r, where=x > 0), lambda x: np.log(x)),
    "divide": (lambda x, r: np.divide(2.0, x, out=r, where=x > 0), lambda x: 2 / x),
    "power": (lambda x, r: np.power(x, -0.5, out=r, where=x > 0), lambda x: x**-0.5),
    "arccosh": (lambda x, r: np.arccosh(x, out=r, where=x > 0), lambda x: np.arccosh(x)),
    "floor_divide": (lambda x, r: np.floor_divide(9, x, out=r, where=x > 0), lambda x: 9 // x),
    "reciprocal": (lambda x, r: np.reciprocal(x, out=r, where=x > 0), lambda x: 1 / x),
}


@pytest.mark.parametrize("kind", [np.float32, np.float64], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", MASKED)
def test_masked_ufuncs_keep_the_old_values_and_warn_of_nothing(name, kind):
    masked, plain = MASKED[name]

    def into(x):
        out = x * 7
        masked(x, out)
        return out

    def loss(x):
        return np.sum(into(x) * x)

    def chosen(x):
        x = x[x > 0]
        return np.sum(plain(x) * x)

    x = X.astype(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected, found = into(x), trace(into)(x)
        value, gradient = value_and_grad(loss)(x)
        second = hessian(loss)(x)
    assert found.dtype == expected.dtype and value == loss(x)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(gradient[:2], grad(chosen)(x)[:2], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(gradient[2:], 14 * x[2:], rtol=1e-6)
    np.testing.assert_allclose(np.diag(second)[2:], [14, 14], rtol=1e-6)


def test_where_it_looks_it_warns_as_numpy_does():
    def into(x):
        out = np.zeros(4)
        np.sqrt(x, out=out, where=x < 0)
        return out

    with pytest.warns(RuntimeWarning, match="invalid value encountered in sqrt"):
        trace(into)(X)


PARTS = {
    "row": lambda x: x[0],
    "column": lambda x: x[:, 0],
    "second row": lambda x: x[1],
    "diagonal": lambda x: x.diagonal(),
    "first row": lambda x: x[:1],
    "rows": lambda x: x[:2],
    "first column": lambda x: x[:, :1],
    "laid flat": lambda x: x.ravel("K"),
    "backwards": lambda x: x[::-1, 0],
    "one": lambda x: x[0, :1],
    "corner": lambda x: x[:1, :1],
    "transposed": lambda x: x.T,
    "with a new axis": lambda x: x[None],
}


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("part", PARTS)
def test_running_sums_over_their_own_operand(part, order):
    rng = np.random.default_rng(1)
    values = np.array(rng.normal(size=(3, 3)) * 4, order=order)
    for run, axis in itertools.product((np.cumsum, np.cumprod), (0, 1, -1, None)):

        def program(x, run=run, axis=axis):
            run(PARTS[part](x), axis=axis, out=x)
            return x * 2

        for x in (values, np.asarray(values, order="K").astype(np.int16), values + 1j * values):
            agree(program, [(x,)])
    if part in ("row", "first row"):
        agree_gradient(lambda x: program_on_a_copy(x, PARTS[part]), np.ascontiguousarray(values))


def program_on_a_copy(x, part):
    x = x.copy()
    np.cumsum(part(x), axis=-1, out=x)
    return x**2


def test_running_sums_that_overlap_in_the_same_shape():
    def program(x):
        np.cumsum(x[:-1], axis=0, out=x[1:])
        np.add.accumulate(x[:, 1:], axis=1, out=x[:, :-1])
        np.cumprod(x, out=x.reshape(-1))
        np.maximum.accumulate(x[::-1], out=x)
        return x

    x = np.random.default_rng(2).normal(size=(4, 3))
    agree(program, [(x,), (-x,)])
    agree_gradient(lambda x: program(x.copy()), x)


def test_running_maxima_into_another_shape_are_refused():
    def program(x):
        np.maximum.accumulate(x[0], out=x)
        return x

    with pytest.raises(errors.LeakError, match="of another shape"):
        trace(program)(np.ones((3, 3)))
