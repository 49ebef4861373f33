"""What a function reads from outside is read anew on every call, wherever it is kept."""

import enum
import functools
import types

import numpy as np

from tests.recording.agreement import agree, same
from tracer import grad, trace

X = np.array([0.5, 1.5, -2.5])


class Kind(enum.Enum):
    DOUBLE = 1
    SAME = 2


class Scaled:
    def __init__(self, by, way):
        self.by = by
        self.way = way

    def apply(self, x):
        return x * self.by if self.way == "times" else x + self.by


class Net:
    def __init__(self):
        self.layers = [{"w": np.eye(3) * (i + 1), "b": 0.5 * i} for i in range(2)]

    def __call__(self, x):
        for layer in self.layers:
            x = np.tanh(layer["w"] @ x + layer["b"])
        return x


def test_objects_as_arguments():
    objects = [Scaled(1.0, "times"), Scaled(2.0, "times"), Scaled(2.0, "plus"), Scaled(X, "times")]
    agree(lambda x, o: o.apply(x), [(X, o) for o in objects])
    agree(lambda x, k: x * 2 if k is Kind.DOUBLE else x, [(X, Kind.DOUBLE), (X, Kind.SAME)])


def test_functions_as_arguments():
    f = trace(lambda x, function: function(x))
    for _ in range(3):
        for by in (2.0, 3.0):
            same(f(X, functools.partial(np.multiply, by)), X * by)
            same(f(X, lambda v: v * by), X * by)
            same(f(X, (lambda by: lambda v: v * by)(by)), X * by)
            same(f(X, Scaled(by, "times").apply), X * by)


def test_layers_in_lists_of_dicts():
    net = Net()
    f = trace(net)
    for change in (
        lambda: None,
        lambda: net.layers[0]["w"].__setitem__((0, 1), 0.5),
        lambda: net.layers[1].__setitem__("b", 1.5),
        lambda: net.layers.append({"w": np.eye(3), "b": 1.0}),
        lambda: net.layers.__setitem__(0, {"w": np.zeros((3, 3)), "b": 3.0}),
    ):
        change()
        same(f(X), net(X))


def test_containers_iterated_and_handed_on():
    arrays, table = [np.ones(3), np.ones(3) * 2], {"a": 1.0, "b": 2.0}

    def program(x):
        summed = sum(w * x for w in arrays)
        scaled = {key: value * x for key, value in table.items()}
        return summed, scaled, max(table.values()) * x, np.stack(arrays)[0] + table.get("c", 0.0)

    f = trace(program)
    for change in (
        lambda: None,
        lambda: arrays[0].__setitem__(1, 7.0),
        lambda: table.__setitem__("a", 5.0),
        lambda: arrays.append(X),
        lambda: table.__setitem__("c", 9.0),
        lambda: arrays.__setitem__(1, X * 3),
    ):
        change()
        same(f(X), program(X))


def test_indices_from_outside():
    index = [0, 1]
    program = lambda x: x[index] * 1
    f = trace(program)
    same(f(X), program(X))
    index[1] = 2
    same(f(X), program(X))
    for index in (  # noqa: B007 - the program reads it
        np.array([1, 1]),
        slice(0, 2),
        slice(0, 1),
        (2,),
        1,
        np.array([True, False, True]),
    ):
        same(f(X), program(X))


def test_attributes_of_namespaces():
    options = types.SimpleNamespace(a=1.0, b=[1, 2.0], kind=np.dtype(np.float32))

    def program(x):
        return (x * options.a + options.b[1] + getattr(options, "a")).astype(options.kind)

    f = trace(program)
    for name, value in (("a", 2.0), ("b", [0, 5.0]), ("kind", np.dtype(float)), ("a", X)):
        same(f(X), program(X))
        setattr(options, name, value)
        same(f(X), program(X))


def test_inner_functions_see_what_changes():
    power = 2

    def program(x):
        def inner(y):
            return np.abs(y) ** power

        return inner(x)

    f = trace(program)
    for power in (2, 3, 2.5, np.float32(2)):  # noqa: B007 - the program reads it
        same(f(X), program(X))


def test_rebound_methods_and_other_containers_are_noticed():
    import collections

    class Model:
        def scale(self, x):
            return x * 2

    class Table:
        k = 2.0

        def __getitem__(self, index):
            return self.k * index

    model, table, queue = Model(), Table(), collections.deque([1.0])

    def program(x):
        return model.scale(x) * table[2] + queue[0]

    f = trace(program)
    same(f(X), program(X))
    Model.scale = lambda self, x: x * 3
    same(f(X), program(X))
    table.k = 6.0
    same(f(X), program(X))
    queue[0] = 5.0
    same(f(X), program(X))


def test_library_functions_in_closures():
    def make(function, **keywords):
        return lambda x: function(x, **keywords)

    functions = [np.sum, np.mean, np.linalg.norm, np.tanh, functools.partial(np.sum, keepdims=True)]
    for function in functions * 2:
        plain = make(function)
        same(trace(plain)(X), plain(X))


def test_functions_as_defaults_of_a_captured_function():
    def times(factor):
        return lambda x: x * factor

    def make(function):
        return lambda x, f=function: f(x)

    functions = [times(2.0), times(5.0), np.sin, lambda x: x - 1]
    for function in functions * 2:
        plain = make(function)
        same(trace(lambda x, plain=plain: plain(x))(X), plain(X))
        same(_through_closure(plain)(X), plain(X))


def _through_closure(plain):
    return trace(lambda x: plain(x))


def test_gradients_of_one_function_by_other_arguments_are_told_apart():
    def waves(x, y):
        return np.sin(np.sin(x) + 3 * np.sin(y))

    def at_two(function):
        return trace(lambda x: function(x, 2.0))(1.0)

    for argnums in (0, 1):
        partial = grad(waves, argnums)
        assert at_two(partial) == partial(1.0, 2.0)


def test_keywords_in_closures():
    def make(**keywords):
        return lambda x: np.sum(x, **keywords)

    x = np.arange(24.0).reshape(2, 3, 4)
    for axis in ((0, 2), (2, 1), 0, (0, 1), None):
        plain = make(axis=axis)
        same(trace(plain)(x), plain(x))


def test_lists_inside_of_what_is_handed_on_count():
    x = np.ones((2, 3, 4))

    def by_keyword(options):
        return trace(lambda x: np.transpose(x, **options))(x).shape

    def starred(rest):
        return trace(lambda x: np.transpose(x, *rest))(x).shape

    assert by_keyword({"axes": [0, 1, 2]}) == (2, 3, 4)
    assert by_keyword({"axes": [2, 0, 1]}) == (4, 2, 3)
    assert starred([[0, 1, 2]]) == (2, 3, 4)
    assert starred([[2, 0, 1]]) == (4, 2, 3)


def test_arrays_in_lists_inside_of_what_is_handed_on_are_read_anew():
    def joined(rest, x):
        return trace(lambda x: np.concatenate(*rest) * x)(x)

    np.testing.assert_array_equal(joined([[np.ones(1), np.ones(1)]], 2.0), [2, 2])
    np.testing.assert_array_equal(joined([[np.ones(1), np.zeros(1)]], 2.0), [2, 0])
