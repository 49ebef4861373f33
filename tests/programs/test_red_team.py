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
        [
            lambda: table.update(v=5.0),
            lambda: setattr(Owner.__dict__["entry"], "k", 9.0),
        ],
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
