"""TracedFunction: static arguments, checked calls, copies, the cache and its fast path."""

import copy
import functools
import inspect
import logging
import pickle
import time

import numpy as np
import pytest

from tracer import errors, grad, settings, trace, value_and_grad

X = np.array([0.5, 1.5, -2.5])


@trace
def module_level(x, scale=2.0):
    """Scaled."""
    return x * scale


def programs(f):
    return f.explain().count(" nodes, ")


def test_static_numbers_have_their_own_programs():
    class Seen:
        kind = None

    @trace(static=("p", "flag"))
    def f(x, p, flag):
        Seen.kind = type(p)
        return x**p if flag else x

    for p in (2.0, 3.0, np.float64(2), np.array(2.0), 2, -0.0, 0.0):
        np.testing.assert_array_equal(f(X, p, True), X**p)
        np.testing.assert_array_equal(f(X, flag=True, p=p), X**p)
        assert Seen.kind is type(p)
    assert programs(f) == 7
    f(X, 2.0, True)
    assert programs(f) == 7


def test_static_floats_decide_branches_without_guards():
    @trace(static="rate")
    def f(x, rate):
        return x * 2 if rate > 0.5 else x

    np.testing.assert_array_equal(f(X, 0.7), X * 2)
    np.testing.assert_array_equal(f(X, 0.2), X)
    assert " 0 guards" in f.explain() and programs(f) == 2
    with pytest.raises(errors.ArgnumsError):
        grad(f, argnums=1)(1.0, 0.7)
    with pytest.raises(errors.ArgnumsError):
        trace(static="nothing")(lambda x: x)(X)


def test_check_finds_what_is_seen_only_once():
    @trace(check=True)
    def f(x):
        return x * time.perf_counter()

    with pytest.raises(errors.CheckFailed) as caught:
        for _ in range(4):
            f(X)
    assert "instead of" in str(caught.value)

    def loss(x):
        return np.sum(x) * time.perf_counter()

    with settings.using(check=True):
        value_and_grad(loss)(X)
        with pytest.raises(errors.CheckFailed, match="perf_counter"):
            value_and_grad(loss)(X)


def test_check_compares_on_calls_1_2_4_8(monkeypatch):
    from tracer.function import self_check

    calls, compared = [], []
    compare = self_check.compare

    def counted(*args, **kwargs):
        compared.append(len(calls))
        return compare(*args, **kwargs)

    monkeypatch.setattr(self_check, "compare", counted)
    f = trace(check=True)(lambda x: x * 2)
    for _ in range(9):
        calls.append(X)
        f(X)
    assert compared == [1, 2, 4, 8]


def test_check_passes_and_leaves_arguments_written_once():
    @trace(check=True)
    def f(x, table):
        x += 1
        table["a"][0] = x[1]
        return x * 2, x.max(), None, "text"

    for _ in range(5):
        x, table = X.copy(), {"a": np.zeros(2)}
        f(x, table)
        np.testing.assert_array_equal(x, X + 1)
        assert table["a"][0] == X[1] + 1


def test_copies_and_pickles():
    for other in (
        pickle.loads(pickle.dumps(module_level)),
        copy.copy(module_level),
        copy.deepcopy(module_level),
        copy.deepcopy({"f": module_level})["f"],
    ):
        np.testing.assert_array_equal(other(X), X * 2)
        assert other.__name__ == "module_level" and type(other) is type(module_level)


def test_it_looks_like_the_function():
    assert module_level.__doc__ == "Scaled." and module_level.__wrapped__ is not None
    assert list(inspect.signature(module_level).parameters) == ["x", "scale"]
    assert "module_level" in repr(module_level)
    assert inspect.signature(grad(module_level)).parameters.keys() == {"x", "scale"}


def test_wrong_arguments_raise_as_in_python():
    for call in (
        lambda: module_level(),
        lambda: module_level(X, 1, 2),
        lambda: module_level(X, z=1),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        trace(3)
    with pytest.raises(TypeError):
        grad(3)


def test_programs_are_found_again():
    @trace
    def f(x):
        return x * 2 + np.ones(np.shape(x))

    for _ in range(3):
        f(X), f(X.astype(np.float32)), f(X[:2]), f(2.0), f(np.float64(2)), f(2), f(3)
    assert programs(f) == 7


def test_the_cache_is_bounded():
    @trace
    def f(x):
        return x + 1

    with settings.using(cache_size=3):
        for size in range(1, 8):
            np.testing.assert_array_equal(f(np.ones(size)), np.full(size, 2.0))
        assert programs(f) <= 3
        for size in range(1, 8):
            np.testing.assert_array_equal(f(np.ones(size)), np.full(size, 2.0))


def test_many_branches_stay_right():
    @trace
    def f(x):
        for k in range(8):
            if x[k] > 0:
                x = x * 1.5 + k
        return x

    generator = np.random.default_rng(0)
    with settings.using(max_branches=4):
        for _ in range(30):
            x = generator.normal(size=8)
            np.testing.assert_array_equal(f(x), f.__tracer_function__(x))


def test_fast_calls_follow_branches_captures_and_layouts():
    bias = np.ones(3)

    @trace
    def f(x, y):
        return x + bias if x[0] > 0 else y * 2

    for _ in range(3):
        for sign in (1, -1):
            np.testing.assert_array_equal(f(X * sign, X), f.__tracer_function__(X * sign, X))
        bias[0] += 1
    bias = np.zeros(3, np.float32)
    np.testing.assert_array_equal(f(X, X), X)
    bias = 2.5
    np.testing.assert_array_equal(f(X, X), X + 2.5)
    assert f(X, 2.0)[0] == 3.0 and f(-X, 2.0) == 4.0


def test_two_closures_of_one_code_do_not_mix():
    def make(scale, default):
        def inner(x, y=default):
            return x * scale + (0 if y is None else y)

        return trace(inner)

    for _ in range(2):
        for scale, default in ((1.0, None), (2.0, 3.0), (np.ones(3), X), (3, 1)):
            f = make(scale, default)
            np.testing.assert_array_equal(f(X), X * scale + (0 if default is None else default))
            np.testing.assert_array_equal(f(X, 1.0), X * scale + 1.0)


def test_retraces_are_logged(caplog):
    @trace
    def f(x):
        return x if x[0] > 0 else -x

    with caplog.at_level(logging.INFO, "tracer"):
        f(X), f(-X), f(X[:1])
    text = caplog.text
    assert "first call" in text and "another branch" in text and "new signature" in text


def test_a_known_call_goes_straight_to_its_program(monkeypatch):
    from tracer.function import run

    @trace
    def f(a, b, c):
        return a + b + c

    f(X, X, X)
    monkeypatch.setattr(run, "dispatch", None)  # the way of calls that are not known yet
    np.testing.assert_array_equal(f(X, X, X), 3 * X)
    with pytest.raises(TypeError):
        f(X, X, X.astype(np.float32))


def test_source_and_graph_take_the_same_arguments():
    assert "def " in module_level.source(X, scale=3.0)
    assert module_level.graph(X, mode="forward").inputs
    assert "scale" in module_level.source(1.0, argnums="scale")
    with pytest.raises(errors.UnknownOption, match=r"form is 'readable', not 'none'"):
        module_level.source(X, form="none")
    with pytest.raises(ValueError):
        module_level.graph(X, mode="none")


@pytest.mark.parametrize("backend", ["jax", "", 0, np])
def test_a_backend_that_is_not_there_is_refused_where_it_is_named(backend):
    with pytest.raises(errors.UnknownOption, match=r"backend is 'numpy', not") as found:
        trace(backend=backend)
    assert "trace(backend=backend)" in str(found.value)
    with pytest.raises(errors.UnknownOption):
        trace(np.sin, backend=backend)
    for known in (None, "numpy"):
        assert trace(np.sin, backend=known)(1.0) == np.sin(1.0)
        assert trace(backend=known)(np.sin)(1.0) == np.sin(1.0)


def test_one_number_in_an_array_has_a_gradient():
    value, gradient = value_and_grad(lambda x: np.sum(x**2, keepdims=True))(np.full((2, 2), 3.0))
    np.testing.assert_array_equal(value, [[36.0]])
    np.testing.assert_array_equal(gradient, np.full((2, 2), 6.0))


def test_a_decorated_traced_function_is_the_decorator_s():
    @trace
    def squares(x):
        return np.sum(x**2)

    def doubled(function):
        @functools.wraps(function)
        def wrapper(x):
            return 2 * function(x)

        return wrapper

    ones = np.ones(2)
    assert trace(doubled(squares))(ones) == 4
    np.testing.assert_array_equal(grad(doubled(squares))(ones), [4, 4])
    np.testing.assert_array_equal(trace(doubled(grad(squares)))(ones), [4, 4])
