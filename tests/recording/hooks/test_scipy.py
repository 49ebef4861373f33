"""SciPy while a trace is open: which names record, that they are put back, and what is written."""

import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("scipy")

import scipy.fft
import scipy.integrate
import scipy.signal
import scipy.special
from scipy import linalg, special, stats
from scipy.special import polygamma
from scipy.special import softmax as as_shares

from tracer import Tensor, grad, trace, value_and_grad, vmap

X = np.array([0.4, 1.2, 0.9])
LOG_DENSITY = stats.norm.logpdf  # bound before any trace
HOME = {"density": stats.norm.logpdf, "shares": special.softmax}
LOCAL_IMPORT = """
def f(x):
    from scipy.special import softmax
    import scipy.linalg
    return scipy.linalg.norm(softmax(x)) + scipy.linalg.expm(x[:, None] * x).sum()
"""


def namespaces():
    owners = [special, linalg, stats, scipy.signal, scipy.fft, scipy.integrate]
    owners += [stats.rv_continuous, stats.rv_discrete, stats._distn_infrastructure.rv_generic]
    owners += [type(stats.multivariate_normal), type(stats.multivariate_normal(np.zeros(2)))]
    return [dict(vars(owner)) for owner in owners]


WAYS = {
    "module": lambda x: special.polygamma(1, x),
    "package": lambda x: scipy.special.polygamma(1, x),
    "from": lambda x: polygamma(1, x),
    "as": lambda x: as_shares(x) * x,
    "bound method": lambda x: LOG_DENSITY(x, scale=x),
    "in a dict": lambda x: HOME["density"](x) * HOME["shares"](x),
    "as an argument": lambda x, f=polygamma: f(2, x),
    "by getattr": lambda x: getattr(special, "softmax")(x),
    "mapped": lambda x: np.stack(list(map(special.softmax, [x, x * x]))),
    "a frozen one": lambda x: stats.gamma(a=2.0, scale=x).logpdf(1.5),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_ways_to_a_function(way):
    assert np.array_equal(trace(way)(X), way(X))
    direction = np.array([1.0, -0.5, 2.0])

    def total(x):
        return np.sum(way(x) * way(x))

    expected = (total(X + 1e-5 * direction) - total(X - 1e-5 * direction)) / 2e-5
    assert np.dot(grad(total)(X), direction) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    "function",
    [special.softmax, special.gammaln, stats.norm.logpdf, linalg.norm],
    ids=["softmax", "gammaln", "logpdf", "norm"],
)
def test_a_function_of_scipys_is_traced_itself(function):
    assert np.array_equal(trace(function)(X), function(X))
    slopes = grad(lambda x: np.sum(function(x)))(X)
    assert np.array_equal(grad(trace(lambda x: np.sum(function(x))))(X), slopes)
    assert np.all(np.isfinite(slopes))


def test_names_are_put_back_exactly():
    before = namespaces()
    for way in WAYS.values():
        grad(lambda x, f=way: np.sum(f(x)))(X)
    with pytest.raises(ZeroDivisionError):
        trace(lambda x: special.softmax(x) / (1 // 0))(X)
    assert namespaces() == before


def test_objects_of_scipys_are_told_apart():
    """They share a type, and what they hold is read by no code of the user's."""
    from scipy.interpolate import CubicSpline

    for height in (1.0, 2.0, 3.0):
        curve = CubicSpline(np.arange(4.0), height * np.arange(4.0) ** 2)
        prior = stats.norm(height, 1.0)
        gradient = grad(lambda x: x * curve(1.5) + prior.logpdf(x))(0.5)
        assert gradient == pytest.approx(float(curve(1.5)) + height - 0.5)


def test_plain_scipy_beside_a_trace():
    """Another thread calls SciPy while a trace is open, and sees plain SciPy."""
    inside, done, seen = threading.Event(), threading.Event(), []

    def other():
        inside.wait(10)
        seen.append(special.softmax(X))
        seen.append(stats.norm.logpdf(X))
        done.set()

    def f(x):
        inside.set()
        assert done.wait(10)
        return special.softmax(x)

    thread = threading.Thread(target=other)
    thread.start()
    trace(f)(X)
    thread.join()
    assert all(type(value) is np.ndarray for value in seen)
    assert np.array_equal(seen[0], special.softmax(X))


def test_two_threads_trace_at_once():
    before, results = namespaces(), {}

    def work(k):
        def f(x):
            return np.sum(stats.norm.logpdf(x, k) * special.softmax(x))

        results[k] = [grad(f)(X + k) for _ in range(3)][-1]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(4):
        f = lambda x, k=k: np.sum(stats.norm.logpdf(x, k) * special.softmax(x))
        np.testing.assert_array_equal(results[k], grad(f)(X + k))
    assert namespaces() == before


def test_scipy_is_imported_only_where_it_is_called(tmp_path):
    def without(x):
        return np.sum(np.sin(x))

    def with_it(x, y):
        return np.sum(special.gammaln(x)) + np.sum(stats.t.logpdf(y, 3.0, scale=x))

    assert "import scipy" not in trace(without).source(X)
    assert "from scipy" not in trace(without).source(X).replace("from test_scipy", "")
    source = trace(with_it).source(X, X)
    assert "from scipy import special\n" in source
    assert "import scipy.stats\n" in source
    assert "scipy.linalg" not in source
    path = tmp_path / "saved_module.py"
    trace(with_it).save(path, X, X)
    value, gradient = value_and_grad(with_it)(X, X)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import numpy as np, saved_module\n"
        "x = np.array([0.4, 1.2, 0.9]); v, g = saved_module.value_and_grad(x, x)\n"
        "assert 'tracer' not in sys.modules\n"
        "print(repr(float(v)), [float(n).hex() for n in g])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == f"{float(value)!r} {[float(n).hex() for n in gradient]}"


def test_importing_tracer_and_tracing_numpy_leave_scipy_alone():
    script = (
        "import sys, numpy as np, tracer\n"
        "tracer.grad(lambda x: np.sum(np.sin(x)))(np.ones(2))\n"
        "assert not any(name.split('.')[0] == 'scipy' for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_scipy_imported_while_the_function_runs(tmp_path):
    """Its first import, inside of a trace."""
    path = tmp_path / "late.py"
    path.write_text(LOCAL_IMPORT)
    script = (
        "import sys, numpy as np, tracer; sys.path.insert(0, sys.argv[1])\n"
        "from late import f\n"
        "x = np.array([0.4, 1.2, 0.9])\n"
        "g = tracer.grad(f)(x)\n"
        "d = [(f(x + h) - f(x - h)) / 2e-5 for h in 1e-5 * np.eye(3)]\n"
        "np.testing.assert_allclose(g, d, rtol=1e-6)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)


def test_batches():
    rows = np.stack([X, 2 * X])
    for function in (
        lambda x: special.softmax(x),
        lambda x: special.polygamma(1, x) + special.jv(0.5, x),
        lambda x: stats.norm.logpdf(x, 0.3),
    ):
        expected = np.stack([function(row) for row in rows])
        np.testing.assert_allclose(vmap(function)(rows), expected, rtol=1e-14)


def test_ufuncs_of_scipy_on_eager_tensors():
    t = Tensor(X)
    loss = special.gammaln(t).sum()
    loss.backward()
    np.testing.assert_allclose(t.grad, special.digamma(X), rtol=1e-15)
