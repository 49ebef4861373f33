"""Long runs: memory stays bounded, caches forget, nothing of a call is kept alive.

``HYPOTHESIS_PROFILE=nightly`` makes the run 100,000 calls over 200 signatures from 8 threads.
"""

import functools
import gc
import linecache
import os
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

from tracer import grad, hvp, jacobian, settings, trace, value_and_grad, vjp, vmap
from tracer.function.cache import shared_cache

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
CALLS = 100_000 if NIGHTLY else 5_000
SIGNATURES = 200 if NIGHTLY else 40
THREADS = 8
X = np.array([0.5, 1.5, 2.5])


def resident():
    """Bytes of memory that this process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def model(x, w):
    hidden = np.tanh(x * w)
    if np.sum(hidden) > 0:
        hidden = hidden * 2
    out = np.zeros_like(x)
    out[0] = hidden.sum()
    return np.sum(out * x) + np.mean(hidden**2)


def slope(x, w):
    hidden = np.tanh(x * w)
    factor = 2.0 if np.sum(hidden) > 0 else 1.0
    d = (1 - hidden**2) * w * factor
    own = np.zeros_like(x)
    own[0] = hidden.sum() * factor
    return own + x[0] * d + 2 * hidden * factor * d / x.size


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="memory is read from /proc")
def test_many_calls_of_many_signatures_from_many_threads():
    f, differentiate = trace(model), value_and_grad(model)
    failures, sizes = [], []

    def work(number, count):
        rng = np.random.default_rng(number)
        try:
            for _ in range(count):
                x = rng.normal(size=int(rng.integers(1, SIGNATURES + 1)))
                w = float(rng.normal())
                assert f(x, w) == model(x, w)
                value, gradient = differentiate(x, w)
                assert np.isclose(value, model(x, w), rtol=1e-12)
                np.testing.assert_allclose(gradient, slope(x, w), rtol=1e-9, atol=1e-12)
        except BaseException as error:
            failures.append(error)

    for _ in range(4):  # the first quarter warms up
        count = CALLS // 4 // THREADS // 2
        threads = [threading.Thread(target=work, args=(n, count)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures[0]
        gc.collect()
        sizes.append(resident())
    limit = settings.current().cache_size
    assert len(f.cache.entries) <= limit and len(f.cache.flat) <= limit + 1
    # Once all signatures are known (or go in turn), what is held does not grow with calls.
    assert sizes[-1] - sizes[-2] < 12e6, [size // 1_000_000 for size in sizes]


def test_caches_forget_the_least_recently_used():
    with settings.using(cache_size=5):
        f = trace(lambda x: np.sum(x**2))
        for size in range(1, 30):
            assert f(np.ones(size)) == size
        assert len(f.cache.entries) <= 5 and len(f.cache.flat) <= 6
        assert f(np.ones(1)) == 1


def test_branches_are_bounded():
    with settings.using(max_branches=4):
        f = trace(lambda x: x * int(x[0]))
        for number in range(30):
            x = np.array([float(number), 1.0])
            np.testing.assert_array_equal(f(x), x * number)
        assert max(len(leaves) for leaves in f.cache.entries.values()) <= 5


def made_anew(number):
    """A closure of its own for each number."""
    offset = np.full(3, float(number))

    def f(x):
        return np.sum(x * offset)

    return f


def test_closures_share_programs_and_are_collected():
    first = weakref.ref(function := made_anew(0))
    assert grad(function)(X).tolist() == [0.0] * 3
    del function
    for number in range(1, 50):
        assert trace(made_anew(number))(X) == np.sum(X * number)
        assert grad(made_anew(number))(X).tolist() == [float(number)] * 3
    gc.collect()
    assert first() is None or len(shared_cache(made_anew(1), ()).entries) <= 4


class Kept(np.ndarray):
    """Can be watched by a weak reference, as every array can."""


@pytest.mark.parametrize("way", ["trace", "grad", "value_and_grad", "vjp", "failing", "write"])
def test_arguments_are_not_kept_alive(way):
    def plain(x):
        if way == "write":
            x[0] = 2.0
        if way == "failing" and np.sum(x) > 1:
            raise ValueError("no")
        return np.sum(np.sin(x) * x)

    call = {"grad": grad(plain), "value_and_grad": value_and_grad(plain)}.get(way, trace(plain))
    watched = []
    for _ in range(4):
        x = np.linspace(1.0, 2.0, 5)
        watched.append(weakref.ref(x))
        if way == "vjp":
            vjp(plain, x)[1](1.0)
        elif way == "failing":
            with pytest.raises(ValueError):
                call(x)
        else:
            call(x)
        del x
    gc.collect()
    assert [reference() for reference in watched] == [None] * 4


def test_captured_arrays_are_not_kept_alive():
    holder = {"w": np.arange(3.0)}
    watched = weakref.ref(holder["w"])
    f = trace(lambda x: np.sum(x * holder["w"]))
    assert f(X) == np.sum(X * np.arange(3.0))
    holder["w"] = np.ones(3)
    assert f(X) == np.sum(X)
    gc.collect()
    assert watched() is None


def test_results_own_their_memory():
    f = trace(lambda x: (x * 2, np.sum(x)))
    held = [f(X)[0] for _ in range(5)]
    for one in held:
        one[0] = -1.0
    np.testing.assert_array_equal(f(X)[0], X * 2)


def test_little_is_left_of_functions_that_are_gone(monkeypatch):
    """Graphs and programs of functions made anew go in turn."""
    monkeypatch.setattr("tracer.function.cache.CACHES_LIMIT", 5)

    def made():
        scope = {"np": np}
        exec("def f(x):\n    return np.sum(np.tanh(x) * 3)", scope)
        return scope["f"]

    watched = []
    for _ in range(20):
        f = trace(made())
        f(X)
        watched.append(weakref.ref(f.cache.latest().trace.graph))
        del f
    gc.collect()
    alive = sum(reference() is not None for reference in watched)
    assert alive <= 6


def test_text_of_forgotten_programs_is_forgotten():
    """``linecache`` shows the text of programs in tracebacks; it must not keep them alive."""

    def known():
        gc.collect()
        return {name for name in linecache.cache if name.startswith("calcgraph-generated/")}

    before = known()
    with settings.using(cache_size=3):
        f, differentiate = trace(lambda x: np.sum(x**3)), value_and_grad(lambda x: np.sum(x**3))
        for size in range(1, 30):
            f(np.ones(size)), differentiate(np.ones(size))
        assert 0 < len(known() - before) <= 16


def positive_median(x):
    return np.sum(np.median(x[x > 0]))


@pytest.mark.parametrize("function", [model, positive_median], ids=["any size", "sizes read"])
def test_signatures_that_were_dropped_leave_nothing(function):
    count = 10_000 if NIGHTLY else 400
    differentiate = grad(function)
    rest = (0.5,) if function is model else ()

    def calls(start, stop):
        for size in range(start, stop):
            differentiate(np.ones(size), *rest)
        gc.collect()

    with settings.using(cache_size=4):
        calls(1, count // 4)
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        calls(count // 4, count)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    # A program takes 30 kB and more. What is left are specs of shapes, up to a limit.
    assert grown < min(6_000 * count, 15_000_000), grown


def test_functions_that_hold_data_are_not_kept():
    def loss(w, batch):
        return np.sum(w * batch) ** 2

    class Model:
        def __init__(self, batch):
            self.batch = batch

        def __call__(self, w):
            return loss(w, self.batch)

        def method(self, w):
            return loss(w, self.batch)

    made = {
        "closure": lambda batch: lambda w: loss(w, batch),
        "default": lambda batch: lambda w, batch=batch: loss(w, batch),
        "partial": lambda batch: functools.partial(loss, batch=batch),
        "method": lambda batch: Model(batch).method,
        "object": Model,
    }
    uses = {
        "trace": lambda f: trace(f)(X),
        "grad": lambda f: grad(f)(X),
        "vjp": lambda f: vjp(f, X)[1](1.0),
        "hvp": lambda f: hvp(f, (X,), (X,)),
        "jacobian": lambda f: jacobian(f)(X),
        "vmap": lambda f: vmap(f)(np.ones((2, 3))),
    }
    for kind, make in made.items():
        for name, use in uses.items():
            if (kind, name) == ("default", "vmap"):
                continue  # a value of the program, which is one of a limited number
            left = []
            for _ in range(4):  # the first may stay with its program
                batch = np.ones(3)
                use(make(batch))
                left.append(weakref.ref(batch))
                del batch
            gc.collect()
            assert sum([batch() is not None for batch in left]) <= 1, (kind, name)


def test_arrays_are_free_when_their_owner_lets_go_of_them():
    """Not only when garbage is collected: a trace and its Tensors hold each other."""
    captured = [np.ones(3)]
    functions = [trace(lambda x, d: (x * d["w"]).sum()), grad(lambda x, d: (x * d["w"]).sum())]
    functions.append(value_and_grad(lambda x, d: (x * d["w"] * captured[0]).sum()))
    gc.disable()
    try:
        for function in functions:
            x, w = np.ones(3), np.ones(3)
            owned = [weakref.ref(array) for array in (x, w)]
            function(x, {"w": w})
            del x, w
            assert [ref() for ref in owned] == [None, None]
        owned = [weakref.ref(captured.pop())]
        assert owned[0]() is None
    finally:
        gc.enable()
