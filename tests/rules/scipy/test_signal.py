"""scipy.signal, scipy.fft and scipy.integrate: values are SciPy's own, derivatives differences."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy import fft, integrate, signal

from tracer import grad, hvp, jvp, trace
from tracer.errors import LeakError, MissingRule

RANDOM = np.random.default_rng(8)
X, K, EVEN = RANDOM.normal(size=9), RANDOM.normal(size=4), RANDOM.normal(size=6)
IMAGE, KERNEL = RANDOM.normal(size=(5, 6)), RANDOM.normal(size=(2, 3))
TIMES = np.cumsum(RANDOM.uniform(0.2, 1, size=9))
Z, W = X[:6] + 1j * EVEN, K + 1j * K[::-1]


def both(f, mode):
    return lambda a, b: f(a, b, mode)


CALLS = {
    f"{f.__name__} {mode} {k}": (both(f, mode), *pair)
    for f in (signal.convolve, signal.fftconvolve, signal.correlate, signal.oaconvolve)
    for mode in ("full", "same", "valid")
    for k, pair in enumerate([(X, K), (IMAGE, KERNEL), (X, EVEN), (K, X), (Z, W)])
}
CALLS |= {
    "direct": (lambda a, b: signal.convolve(a, b, method="direct"), X, K),
    "lfilter": (lambda b, a, x: signal.lfilter(b, a, x), K, np.array([1.3, 0.4, -0.2]), X),
    "lfilter axis": (
        lambda b, a, x: signal.lfilter(b, a, x, axis=0),
        K,
        np.array([1.3, 0.4, -0.2]),
        IMAGE,
    ),
    "dct": (lambda x: fft.dct(x), X),
    "dct 1": (lambda x: fft.dct(x, type=1), X),
    "dct ortho": (lambda x: fft.dct(x, norm="ortho", axis=0), IMAGE),
    "idct": (lambda x: fft.idct(x, 3), X),
    "dst padded": (lambda x: fft.dst(x, n=12), X),
    "idst": (lambda x: fft.idst(x, type=4), X),
    "fft": (lambda x: np.abs(fft.fft(x, norm="ortho")), X),
    "rfft": (lambda x: np.abs(fft.rfft(x, n=12)), X),
    "irfft": (lambda z: fft.irfft(z), Z),
    "fft2": (lambda x: np.abs(fft.fft2(x)), IMAGE),
    "rfftn": (lambda x: np.abs(fft.rfftn(x)), IMAGE),
    "ifftn": (lambda z: np.abs(fft.ifftn(z, axes=(0,), overwrite_x=True)), Z),
    "hfft": (lambda z: fft.hfft(z), Z),
    "fftshift": (lambda x: fft.ifftshift(fft.fftshift(x) * x), X),
    "trapezoid": (lambda y, x: integrate.trapezoid(y, x), X, TIMES),
    "trapezoid dx": (lambda y: integrate.trapezoid(y, dx=0.3, axis=0), IMAGE),
    "cumulative": (lambda y, x: integrate.cumulative_trapezoid(y, x, initial=0), X, TIMES),
    "cumulative axis": (lambda y: integrate.cumulative_trapezoid(y, dx=2.0, axis=0), IMAGE),
    "simpson": (lambda y: integrate.simpson(y, x=TIMES), X),
    "simpson even": (lambda y: integrate.simpson(y, dx=0.3), IMAGE),
    "simpson axis": (lambda y: integrate.simpson(y, axis=0), IMAGE),
}


def weigh(result):
    weights = np.cos(1.7 * np.arange(np.size(result))).reshape(np.shape(result)) + 0.2
    result = result * weights
    return np.sum(np.real(result)) + 0.6 * np.sum(np.imag(result))


def slope(function, step=1e-4):
    values = [function(k * step) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)


def paired(gradient, direction):
    """A gradient by a complex number holds the slopes along both axes, the second negated."""
    return np.sum(np.real(gradient * direction))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_derivatives(call):
    function, *primals = call
    random = np.random.default_rng(5)
    directions = [
        random.normal(size=p.shape) + (1j * random.normal(size=p.shape) if p.dtype == "c16" else 0)
        for p in primals
    ]
    every = tuple(range(len(primals)))

    def total(*arguments):
        return weigh(function(*arguments))

    def moved(f, h):
        return f(*[p + h * d for p, d in zip(primals, directions, strict=True)])

    def along(*arguments):
        gradients = grad(total, argnums=every)(*arguments)
        return sum(paired(g, d) for g, d in zip(gradients, directions, strict=True))

    expected = slope(lambda h: moved(total, h))
    assert along(*primals) == pytest.approx(expected, rel=1e-7)
    pushed = jvp(total, tuple(primals), tuple(directions))[1]
    assert pushed == pytest.approx(expected, rel=1e-7)
    if all(p.dtype == "f8" for p in primals):
        bend = slope(lambda h: moved(along, h))
        products = hvp(total, tuple(primals), tuple(directions))
        products = products if isinstance(products, tuple) else (products,)
        twice = sum(paired(p, d) for p, d in zip(products, directions, strict=True))
        assert twice == pytest.approx(bend, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_are_scipys_own(call, dtype):
    function, *primals = call
    primals = [
        p.astype("c8" if dtype == "f4" else "c16") if p.dtype.kind == "c" else p.astype(dtype)
        for p in primals
    ]
    expected, found = function(*[p.copy() for p in primals]), trace(function)(*primals)
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


RATE = 1.7  # read by the right side itself


def swing(y, t, k, c):
    return [-k * y[0] * RATE + y[1] * c[0], k * y[1] - y[0] * np.sin(t)]


def turned(t, y):
    return np.array([-y[0] * y[1], y[0] - 1.0])


TIGHT = {"rtol": 1e-11, "atol": 1e-11}
GRID = np.linspace(0, 1, 5)
ODES = {
    "parameters": (
        lambda y0, k, c: integrate.odeint(swing, y0, GRID, args=(k, c), **TIGHT),
        np.array([0.4, 1.2]),
        np.float64(0.5),
        np.array([0.3]),
    ),
    "time first": (
        lambda y0: integrate.odeint(turned, y0, GRID, tfirst=True, **TIGHT),
        np.array([0.4, 1.2]),
    ),
    "one number": (
        lambda y0: integrate.odeint(lambda y, t: -y * t, y0, GRID, **TIGHT),
        np.array([0.7]),
    ),
}


@pytest.mark.parametrize("call", ODES.values(), ids=ODES)
def test_differential_equations(call):
    function, *primals = call
    assert np.array_equal(trace(function)(*primals), function(*primals))
    every = tuple(range(len(primals)))
    random = np.random.default_rng(5)
    directions = [random.normal(size=np.shape(p))[()] for p in primals]

    def total(*arguments):
        return weigh(function(*arguments) ** 2)

    def moved(f, h):
        return f(*[p + h * d for p, d in zip(primals, directions, strict=True)])

    def along(*arguments):
        gradients = grad(total, argnums=every)(*arguments)
        return sum(np.sum(g * d) for g, d in zip(gradients, directions, strict=True))

    expected = slope(lambda h: moved(total, h), 1e-3)
    assert along(*primals) == pytest.approx(expected, rel=1e-6)
    assert jvp(total, tuple(primals), tuple(directions))[1] == pytest.approx(expected, rel=1e-6)
    with pytest.raises(MissingRule, match="second time"):
        hvp(total, tuple(primals), tuple(directions))


def test_a_right_side_is_read_again_on_every_call(monkeypatch):
    """Its globals, and which function it is, although all have one signature."""
    start = np.array([0.4, 1.2])

    def of(function):
        return grad(lambda y: np.sum(integrate.odeint(function, y, GRID, tfirst=True, **TIGHT)))

    def steady(t, y):
        return -RATE * y

    first, second = of(steady)(start), of(turned)(start)
    assert not np.allclose(first, second)
    np.testing.assert_allclose(first, np.sum(np.exp(-1.7 * GRID)), rtol=1e-6)
    monkeypatch.setitem(globals(), "RATE", 0.3)
    np.testing.assert_allclose(of(steady)(start), np.sum(np.exp(-0.3 * GRID)), rtol=1e-6)


def test_differential_equations_say_what_they_need():
    start = np.array([0.4, 1.2])
    with pytest.raises(LeakError, match="from outside"):
        grad(lambda k: np.sum(integrate.odeint(lambda y, t: -k * y, start, GRID)))(0.5)
    with pytest.raises(MissingRule, match="times"):
        grad(lambda t: np.sum(integrate.odeint(turned, start, t, tfirst=True)))(GRID)


def test_what_calls_a_function_is_refused():
    with pytest.raises(MissingRule, match="scipy.integrate.quad"):
        grad(lambda x: integrate.quad(np.sin, 0.0, x)[0])(1.0)
    with pytest.raises(MissingRule, match="operand"):
        grad(lambda x: integrate.simpson(X, x=x))(TIMES)


def test_filters_given_as_lists():
    """Lists of numbers have no derivative; numbers among them may be traced."""
    slope = grad(lambda x: np.sum(signal.lfilter([1.0], [1.0, 0.5], x)))(np.ones(3))
    np.testing.assert_allclose(slope, [0.75, 0.5, 1.0])

    def f(x):
        return np.sum(signal.lfilter([1.0, x[1]], [1.0, x[0]], x))

    start, step = np.array([0.5, 1.5, 2.5]), 1e-6
    numeric = [(f(start + step * e) - f(start - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(grad(f)(start), numeric, rtol=1e-8)
