"""How programs are put together: closures, decorators, generators, context managers, helpers."""

import contextlib
import functools

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient

X = np.array([0.4, 0.9, -0.3])


COUNTER = 0
GAIN = 1.5


# -- functions --------------------------------------------------------------------------------------
def closures(x):
    scale = x[0] * 2

    def scaled(v):
        return v * scale

    def twice(f):
        return lambda v: f(f(v))

    return twice(scaled)(x), twice(twice(np.sin))(x)


def nonlocal_statement(x):
    total, calls = 0.0, 0

    def add(v):
        nonlocal total, calls
        total = total + v
        calls += 1
        return total

    for v in x:
        add(v)
    return total, calls


def global_statement(x):
    global GAIN
    GAIN = 1.5
    return x * GAIN


def recursion(x):
    def tree(lo, hi):
        if hi - lo == 1:
            return x[lo]
        m = (lo + hi) // 2
        return np.tanh(tree(lo, m) * 2 + tree(m, hi))

    return tree(0, len(x))


def mutual_recursion(x):
    def even(n, v):
        return v if n == 0 else odd(n - 1, np.sin(v))

    def odd(n, v):
        return even(n - 1, np.cos(v)) if n else v

    return even(5, x)


def lambdas_on_one_line(x):
    f, g, h = lambda v: v * 2, lambda v: v**2, lambda v, k=3: v + k
    return f(x) + g(x) * h(x)


def lambdas_of_one_code(x):
    return sum(f(x) for f in [lambda v, k=k: v**k for k in range(1, 4)])


def late_binding_lambdas(x):
    return sum(f(x) for f in [lambda v: v * k for k in range(3)])


def star_arguments(x):
    def f(a, /, b, *rest, c=2.0, **more):
        return a * b + sum(rest) * c + sum(more.values())

    return (
        f(x, 1.0, x[0], x[1], c=x[2], d=x, e=4.0),
        f(*list(x)),
        f(**{"b": x}, **{}) if False else f(x, b=2.0),
    )


def mutable_default(x):
    def push(v, seen=[]):  # noqa: B006 - as people write it
        seen.append(v)
        return len(seen) * v

    return push(x[0]) + push(x[1]) + push(x[2])


def decorators(x):
    def halved(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs) / 2

        return inner

    def power(n):
        return lambda function: functools.wraps(function)(lambda v: function(v) ** n)

    @halved
    @power(2)
    def f(v):
        return np.sin(v)

    return f(x)


def partials(x):
    f = functools.partial(lambda a, b, c: a * b - c, x, c=x[1])
    return f(2.0), f(x), functools.partial(np.power, x**2)(2.0), functools.reduce(np.add, [x, x])


def composition(x):
    def compose(*functions):
        return functools.reduce(lambda f, g: lambda v: g(f(v)), functions)

    return compose(np.sin, np.exp, lambda v: v / 2)(x)


def immediately_called(x):
    return (lambda v: (lambda w: w * v)(v + 1))(x)


def currying(x):
    add = lambda a: lambda b: lambda c: a + b * c
    return add(x)(2.0)(x[0])


# -- generators, context managers, comprehensions -----------------------------------------------------
def generators(x):
    def partial_sums(values):
        total = 0.0
        for v in values:
            total = total + v
            yield total

    def delegating(values):
        yield 1.0
        yield from partial_sums(values)
        return None

    return np.array(list(partial_sums(x))), sum(delegating(x)), next(partial_sums(x))


def generator_with_send(x):
    def averager():
        total, n, mean = 0.0, 0, None
        while True:
            v = yield mean
            total, n = total + v, n + 1
            mean = total / n

    g = averager()
    next(g)
    return [g.send(v) for v in x]


def context_managers(x):
    @contextlib.contextmanager
    def scaling(by):
        yield by * 2

    class Scope:
        def __enter__(self):
            return x[0]

        def __exit__(self, *exception):
            return True

    with scaling(x[1]) as s, contextlib.suppress(ValueError):
        y = x * s
    with Scope() as first:
        y = y + first
        raise ValueError
    with contextlib.ExitStack() as stack:
        y = y + stack.enter_context(scaling(1.0))
    return y


def errstates(x):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)


def nested_comprehensions(x):
    table = {i: [a * b for b in x] for i, a in enumerate(x) if i != 1}
    return np.array([v for row in table.values() for v in row]), {k: v[0] for k, v in table.items()}


def exceptions_of_ones_own(x):
    class Stop(Exception):
        def __init__(self, value):
            self.value = value

    def search(v):
        for item in v:
            if item < 0:
                raise Stop(item * 3)
        return v

    try:
        return search(x)
    except Stop as stop:
        return stop.value
    finally:
        pass


def iterators(x):
    class Pairs:
        def __init__(self, values):
            self.values, self.at = values, 0

        def __iter__(self):
            return self

        def __next__(self):
            if self.at + 1 >= len(self.values):
                raise StopIteration
            self.at += 1
            return self.values[self.at - 1] * self.values[self.at]

    return sum(Pairs(x)), [a - b for a, b in zip(x, x[1:])]


def cached_helper(x):
    @functools.lru_cache(maxsize=None)
    def weights(n):
        return np.arange(n) + 0.5

    @functools.cache
    def count(n):
        return n if n < 2 else count(n - 1) + count(n - 2)

    return weights(3) * x + weights(3) * count(7)


def local_import(x):
    import math
    from math import pi as circle

    return x * math.pi + circle + math.sqrt(4.0) + math.floor(2.5)


def assertions_and_annotations(x):
    total: float = 0.0
    assert x.ndim == 1 and len(x) == 3, "shape"
    for value in x:  # type: float
        total += value
    result: "np.ndarray" = x * total
    return result


def deleted_and_shadowed_names(x):
    y = x * 2
    del x
    x = y + 1
    sum = x.sum()
    max = lambda v: v * 3
    return max(sum), [x for x in y], x


def conditional_expressions_and_slices(x):
    n = 2 if len(x) > 2 else 1
    return x[:n], x[slice(None, n)], x[-n:] if n else x, x[:: 1 if n == 2 else -1]


def try_finally(x):
    log = []
    try:
        y = x * 2
        log.append(1)
    finally:
        log.append(2)
    for _ in range(2):
        try:
            continue
        finally:
            log.append(3)
    return y * sum(log)


PROGRAMS = [
    v
    for v in list(globals().values())
    if getattr(v, "__module__", "") == __name__ and not isinstance(v, type)
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(X,), (X[::-1],), (np.array([0.2, -0.6, 0.5]),), (X.astype(np.float32),)])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)
