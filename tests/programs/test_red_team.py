"""Programs that nobody planned for: what they read from outside changes between calls.

>>> follows(lambda x: x * float(gain), [lambda: gain.__dict__.update(k=2.0)])
"""

import collections
import functools
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from tracer import grad, jvp, trace

X = np.array([0.3, 0.7, 1.1])


def slope(function, x):
    """Central differences of the sum of a function of a vector, one entry at a time."""
    h = 1e-6
    sums = [np.sum(function(x + h * e)) - np.sum(function(x - h * e)) for e in np.eye(x.size)]
    return np.array(sums) / (2 * h)


def follows(function, changes, x=X):
    """The traced function is the plain one after every change; so is a gradient made before."""
    traced = trace(function)
    gradient = grad(lambda y: np.sum(function(y)))
    for change in (lambda: None, *changes):
        change()
        expected = function(x)
        got = traced(x)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(trace(function)(x), expected)
        np.testing.assert_allclose(gradient(x), slope(function, x), rtol=1e-6, atol=1e-8)


class Gain:
    """Every protocol by which Python asks an object."""

    def __init__(self, k):
        self.k = k

    def __float__(self):
        return float(self.k)

    def __iter__(self):
        return iter([self.k, self.k + 1])


class Row:
    """A sequence of three numbers by its length and items alone."""

    def __init__(self, k):
        self.k = k

    def __len__(self):
        return 3

    def __getitem__(self, i):
        if i >= 3:
            raise IndexError
        return self.k * i


class Converted:
    """What NumPy makes an array of."""

    def __init__(self, k):
        self.k = k

    def __array__(self, dtype=None, copy=None):
        return np.array([self.k] * 3)


def put(owner, **values):
    return lambda: owner.__dict__.update(values)


def _unpacked(row):
    def program(x):
        local = row
        first, *others = local
        return x * others[0] + others[1] - first

    return program


def _delegated(row):
    def program(x):
        def items():
            yield from row

        return x * sum(items())

    return program


ASKED = {
    "float": (Gain, lambda o: lambda x: x * float(o)),
    "star display": (Gain, lambda o: lambda x: np.stack([x * k for k in [*o]])),
    "unpacking of a local": (Row, _unpacked),
    "yield from": (Row, _delegated),
    "reversed": (Row, lambda o: lambda x: sum(i * x * v for i, v in enumerate(reversed(o)))),
    "accumulate": (Row, lambda o: lambda x: x * list(itertools.accumulate(o))[-1]),
    "chain": (Row, lambda o: lambda x: x * sum(itertools.chain(o, o))),
    "deque": (Row, lambda o: lambda x: x * collections.deque(o)[1]),
    "reduce": (Row, lambda o: lambda x: x * functools.reduce(max, o)),
    "sequence operand": (Row, lambda o: lambda x: x + o),
    "sequence in a list": (Row, lambda o: lambda x: np.concatenate([x, o])),
    "asarray": (Converted, lambda o: lambda x: np.asarray(o) * x),
    "array operand": (Converted, lambda o: lambda x: x * o),
    "array to a ufunc": (Converted, lambda o: lambda x: np.multiply(x, o)),
    "array to a function": (Converted, lambda o: lambda x: x * np.sum(o)),
}


@pytest.mark.parametrize("kind, make", ASKED.values(), ids=ASKED)
def test_objects_asked_by_a_protocol(kind, make):
    owner = kind(1.0)
    follows(make(owner), [put(owner, k=2.0), put(owner, k=-3.0), put(owner, k=2)])


def test_forward_mode_beside_a_sequence_object():
    row = Row(2.0)
    _, tangent = jvp(lambda x: np.concatenate([x, row]), (X,), (X + 1,))
    np.testing.assert_array_equal(tangent, [*(X + 1), 0, 0, 0])


def test_attributes_of_functions():
    def helper(x):
        return x * helper.gain

    helper.gain = 4.0
    follows(helper, [put(helper, gain=5.0), put(helper, gain=6)])
    follows(lambda x: helper.gain * x, [put(helper, gain=7.0)])


def test_classes_of_objects_made_inside():
    class Layer:
        rate, act = 2.0, staticmethod(np.sin)

        def run(self, x):
            return self.act(x) * self.rate

        @property
        def twice(self):
            return self.rate * 2

        @classmethod
        def make(cls):
            return cls()

    class Deep(Layer):
        def run(self, x):
            return super().run(x) + super().rate + super().twice

    follows(
        lambda x: Deep().run(x) + Layer.make().twice * x,
        [
            lambda: setattr(Layer, "rate", 3.0),
            lambda: setattr(Deep, "rate", 4.0),
            lambda: setattr(Layer, "act", staticmethod(np.cos)),
            lambda: setattr(Layer, "twice", property(lambda self: 7.0)),
            lambda: setattr(Layer, "run", lambda self, x: x * 9),
            lambda: setattr(Layer, "make", classmethod(lambda cls: Deep())),
        ],
    )
    layer = Layer()
    follows(lambda x: x * type(layer).rate, [lambda: setattr(Layer, "rate", 13.0)])


def test_attributes_given_by_user_code():
    table = {"v": 1.0}

    class Scaled:
        def __init__(self, k):
            self.k = k

        def __get__(self, owner, kind=None):
            return self.k * table["v"]

    class Owner:
        entry = Scaled(2.0)

        def __getattr__(self, name):
            if name == "dynamic":
                return table["v"]
            raise AttributeError(name)

    follows(
        lambda x: x * Owner().entry + Owner().dynamic,
        [lambda: table.update(v=5.0), lambda: setattr(Owner.__dict__["entry"], "k", 9.0)],
    )


def test_classes_defined_inside_may_count():
    def program(x):
        class Cell:
            made = 0

            def __init__(self, value):
                Cell.made += 1
                self.value = value * Cell.made

        return sum([Cell(v).value for v in x])

    traced = trace(program)
    for _ in range(3):
        assert traced(X) == program(X)
    assert traced.explain().count("retraced") == 0


def test_methods_of_collections():
    counter, table = collections.Counter("aab"), collections.UserDict(a=1.0, b=2.0)
    follows(lambda x: x * counter.most_common(1)[0][1], [lambda: counter.update(a=3)])
    follows(lambda x: x * sum(table.values()), [lambda: table.update(a=3.0)])


def test_arrays_of_objects():
    held = np.empty(2, object)
    held[0], held[1] = 1.0, np.ones(3)
    follows(
        lambda x: x * held[0] + held[1],
        [lambda: held.__setitem__(0, 3.0), lambda: held[1].__setitem__(0, 5.0)],
    )


def test_sets_count_by_type():
    config = SimpleNamespace(kinds={1})
    follows(
        lambda x: x * 2 if any(type(k) is float for k in config.kinds) else x,
        [put(config, kinds={1.0}), put(config, kinds={True})],
    )


SIZED = {
    "slice": lambda x, k: x[:k],
    "slice between": lambda x, k: x[2:k],
    "slice from": lambda x, k: x[k:],
    "slice backward": lambda x, k: x[k::-1],
    "slice step": lambda x, k: x[::k],
    "slice window": lambda x, k: x[k - 1 : k + 1],
    "slice of axes": lambda x, k: np.outer(x, x)[None, :k, ..., k:],
    "slice beside a list": lambda x, k: np.outer(x, x)[[0, 1], :k],
    "slice beside a mask": lambda x, k: np.outer(x, x)[x > 0.5, :k],
    "delete": lambda x, k: np.delete(x, slice(k, None)),
    "zeros": lambda x, k: np.zeros(k) + x[0],
    "ones": lambda x, k: np.ones((k, 2)) * x[0],
    "eye": lambda x, k: np.eye(k) * x[0],
    "tri": lambda x, k: np.tri(k) * x[0],
    "indices": lambda x, k: np.indices((k, 2)) * x[0],
    "windows": lambda x, k: np.lib.stride_tricks.sliding_window_view(x, k),
    "triu_indices": lambda x, k: x[np.triu_indices(k)[0]],
}


@pytest.mark.parametrize("kind", [int, np.int64, np.array], ids=["int", "int64", "array"])
@pytest.mark.parametrize("sized", SIZED.values(), ids=SIZED)
def test_sizes_that_an_argument_decides_are_read(sized, kind):
    def program(x, k):
        made = sized(x, k)
        return np.sum(made * np.arange(made.size).reshape(np.shape(made)))

    x = np.arange(1.0, 6.0) / 3
    traced, gradient = trace(program), grad(program)
    for k in (3, 1, 2, 3):
        number = kind(k)
        assert traced(x, number) == program(x, number)
        np.testing.assert_allclose(
            gradient(x, number), slope(lambda y: program(y, number), x), rtol=1e-6, atol=1e-8
        )


def test_lists_repeated_by_an_integer_of_numpys():
    traced = trace(lambda x, k: np.array([x[0]] * k + k * [x[1]]))
    for k in (1, 3, 2):
        np.testing.assert_array_equal(traced(X, np.int64(k)), [X[0]] * k + [X[1]] * k)


def test_sizes_by_a_captured_number():
    size = np.array(2)
    follows(
        lambda x: x[:size] * np.arange(len(x[:size])) + x[: len(x[:size])],
        [lambda: size.__setitem__((), 1), lambda: size.__setitem__((), 3)],
    )


def test_defaults_replaced_in_place():
    def program(x, *, power=2, scale=(1.0, 2.0)):
        return x**power * scale[0] + scale[1]

    traced = trace(program)
    for power in (3, 2.5, 4):
        program.__kwdefaults__["power"] = power
        np.testing.assert_array_equal(traced(X), program(X))
    for number in range(5):
        program.__kwdefaults__ = {"power": 2, "scale": (float(number), 1.0)}
        np.testing.assert_array_equal(traced(X), program(X))


def test_decorators_inside_run_seen():
    def remembered(function):
        results = {}

        @functools.wraps(function)
        def wrapper(n, x):
            if n not in results:
                results[n] = function(n, x)
            return results[n]

        return wrapper

    def program(x):
        @remembered
        def series(n, x):
            return x if n < 2 else series(n - 1, x) + series(n - 2, x) * 0.5

        return series(6, x)

    follows(program, [])


def test_classes_of_functions_without_source():
    names = {"np": np, "__name__": "made"}
    exec(
        "class Layer:\n    rate = 2.0\n    def run(self, x): return x * self.rate\n"
        "def program(x): return Layer().run(x)",
        names,
    )
    layer = names["Layer"]
    follows(
        names["program"],
        [lambda: setattr(layer, "rate", 9.0), lambda: setattr(layer, "run", lambda self, x: x)],
    )
