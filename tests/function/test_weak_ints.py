"""Python ints that vary: one program where the int is calculated with, one each where it is read."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from tracer import errors, fori_loop, grad, trace, value_and_grad

X = np.array([0.3, 0.5, -0.2, 0.0, 1.5, 2.5])


@pytest.fixture
def traced(caplog):
    """How often something has been traced."""
    caplog.set_level(logging.INFO, logger="tracer")

    def count():
        return sum(record.getMessage().startswith("traced ") for record in caplog.records)

    return count


def while_positive(x, n):
    while n > 0:
        x, n = x * 1.1, n - 1
    return x


CALCULATES = {
    "times": lambda x, n: x * n,
    "plus": lambda x, n: x.astype(np.float32) + n,
    "power": lambda x, n: x**n,
    "integer power": lambda x, n: np.arange(4) ** n,
    "root": lambda x, n: x * np.sqrt(n + 7),
    "element": lambda x, n: x[n],
    "several": lambda x, n: (x * n, n, n + 1),
    "bias": lambda x, n: x / (1 - 0.9 ** (n + 6)),
    "loop": lambda x, n: fori_loop(0, n + 5, lambda i, v: v * 1.1 + i, x),
}
READS = {
    "zeros": lambda x, n: np.zeros(n + 5) + x[0],
    "range": lambda x, n: sum([x * i for i in range(n)], x),
    "slice": lambda x, n: x[:n],
    "list": lambda x, n: len([x] * n) * x,
    "tuple": lambda x, n: np.zeros((2,) * abs(n)),
    "axis": lambda x, n: np.ones((2, 3, 4)).sum(axis=n % 3) * x[0],
    "key": lambda x, n: x * {k: k + 0.5 for k in range(-9, 9)}[n],
    "name": lambda x, n: x * {f"w{k}": k + 0.5 for k in range(-9, 9)}[f"w{n}"],
    "text": lambda x, n: x * float(str(n)),
    "member": lambda x, n: x * 2 if n in {3, 5} else x,
    "factorial": lambda x, n: x * math.factorial(abs(n)),
    "condition": lambda x, n: x * 2 if n > 3 else x,
    "parity": lambda x, n: x * 2 if n % 2 else x,
    "while": while_positive,
    "type": lambda x, n: x * 2 if type(n) is int else x,
    "is instance": lambda x, n: x * 2 if isinstance(n, int) else x,
    "choice": lambda x, n: [x, x * 2, x * 3][n % 3],
    "linspace": lambda x, n: np.linspace(0, x[4], n + 5),
    "reshape": lambda x, n: np.arange(60.0).reshape(abs(n) or 1, -1) * x[0],
    "roll": lambda x, n: np.roll(x, n),
    "matrix power": lambda x, n: np.linalg.matrix_power(np.eye(2) * (x[0] + 1), n),
    "divided": lambda x, n: x * divmod(n, 2)[0],
    "bits": lambda x, n: x * n.bit_length(),
}
EVERY = CALCULATES | READS


def outcome(function, *args):
    try:
        return function(*args)
    except Exception as error:
        return type(error).__mro__[-3 if isinstance(error, errors.TracerError) else 0]


def same(one, other):
    if isinstance(one, (tuple, list)):
        return type(one) is type(other) and all(map(same, one, other))
    if isinstance(one, type) or isinstance(other, type):
        return isinstance(one, type) and isinstance(other, type)
    if isinstance(one, int):
        return type(one) is type(other) and one == other
    one, other = np.asarray(one), np.asarray(other)
    return one.dtype == other.dtype and one.shape == other.shape and np.array_equal(one, other)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.filterwarnings("ignore")
def test_every_value_gives_what_plain_python_gives(name):
    plain = EVERY[name]
    function = trace(plain)
    for n in (3, 4, 2, 5, 3, 4, 1, 0, -2, 3):
        assert same(outcome(function, X, n), outcome(plain, X, n)), n


@pytest.mark.parametrize("name", CALCULATES)
@pytest.mark.filterwarnings("ignore")
def test_two_programs_are_enough_to_calculate_with_it(name, traced):
    function = trace(CALCULATES[name])
    for n in range(6):
        function(X, n)
    assert traced() <= 2  # programs may be there already: they are shared by equal functions
    assert "n varies" in function.explain()


def test_what_reads_it_is_told():
    function = trace(lambda x, n: np.stack([x * k for k in range(n)]))
    for n in (3, 4, 5, 3):
        assert np.array_equal(function(X, n), X * np.arange(n)[:, None])
    assert "n is read: each value has its own program" in function.explain()


def test_gradients_follow_the_value(traced):
    def loss(x, n):
        return np.sum(x**n) * n

    for n in (2, 3, 4, 1, 5):
        value, gradient = value_and_grad(loss)(X, n)
        assert value == loss(X, n)
        np.testing.assert_allclose(gradient, n * n * X ** (n - 1), rtol=1e-12)
    assert traced() == 2
    with pytest.raises(errors.IntegerArgument):
        grad(loss, argnums=1)(X, 6)


def test_ints_in_trees_and_keywords_vary_too(traced):
    @trace
    def f(config, x, *, power=2):
        return x**power * config["scale"] + config["shift"]

    for k in range(6):
        config = {"scale": k, "shift": 1}
        assert np.array_equal(f(config, X, power=k), X**k * k + 1)
    assert traced() == 2


def test_bools_and_static_arguments_stay_parts_of_the_program(traced):
    @trace
    def flagged(x, flag):
        return x * 2 if flag else x

    for flag in (True, False, True, False):
        assert np.array_equal(flagged(X, flag), X * 2 if flag else X)
    assert traced() == 2

    @trace(static=("n",))
    def scaled(x, n):
        return x * n

    for n in (1, 2, 3):
        assert np.array_equal(scaled(X, n), X * n)
    assert traced() == 5


def test_numbers_beyond_64_bits():
    f = trace(lambda x, n: x * n)
    for n in (1, 2, 2**70, 3, -(2**70)):
        assert np.array_equal(f(X, n), X * n)


def test_true_is_not_one(traced):
    f = trace(lambda x, n: x * n)
    for n in (1, 2, True, 1.0):
        found, plain = f(X, n), X * n
        assert found.dtype == plain.dtype and np.array_equal(found, plain)


def test_a_function_that_draws_keeps_its_stream():
    def noisy(x, n, generator):
        return x * n + generator.normal(size=6)

    function = trace(noisy)
    one, other = np.random.default_rng(0), np.random.default_rng(0)
    for n in (1, 2, 3, 2):
        assert np.array_equal(function(X, n, one), noisy(X, n, other))


def test_a_function_that_writes_to_its_argument():
    def write(x, n):
        x[0] = n
        return x.sum()

    function = trace(write)
    for n in (1, 2, 3, 4):
        one, other = X.copy(), X.copy()
        assert function(one, n) == write(other, n)
        assert np.array_equal(one, other)


def test_what_is_remembered_of_ints_is_bounded():
    from tracer import settings

    function = trace(lambda x, n: x * n)
    with settings.using(cache_size=4):
        for size in range(1, 12):
            for n in (1, 2, 3):
                function(np.ones(size), n)
        assert len(function.cache.ints) <= 4 and len(function.cache.entries) <= 4
