"""Ways in which code reads from outside that are no plain loads: tables, text of code, C code.

A case is a function of ``x`` and what is changed between its calls.
"""

import bisect
import collections
import contextvars
import heapq
import sys
import types

import numpy as np
import pytest

from tracer import errors, grad, trace

scale, weights = 2.0, np.array([1.0, 2.0, 3.0])
X = np.array([0.5, -1.0, 2.0])
HERE = sys.modules[__name__]
CHOSEN = contextvars.ContextVar("CHOSEN", default=1.5)
TABLE = {"a": 1.0, "b": 2.0}
SCALES = {2.0: 10.0, 3.0: 20.0}
Pair = collections.namedtuple("Pair", "first second")
pair = Pair(1.0, np.array([1.0, 2.0, 3.0]))


class Number:
    """Compared, added, hashed, iterated over with what a global says."""

    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return self.value * (scale - 2.5) < other.value * (scale - 2.5)

    def __gt__(self, other):
        return self.value * (scale - 2.5) > other.value * (scale - 2.5)

    def __eq__(self, other):
        return scale == 2

    def __hash__(self):
        return int(scale)

    def __radd__(self, other):
        return self.value * scale + other

    def __iter__(self):
        return iter([self.value, scale])


def with_attribute(x):
    return x * with_attribute.factor


with_attribute.factor = 2.0


def in_a_list_that_is_sorted(x):
    numbers = [Number(1.0), Number(2.0), Number(0.0)]
    numbers.sort()
    return x * numbers[0].value + sorted([Number(3.0), Number(4.0)])[0].value


CASES = {
    "globals": lambda x: x * globals()["scale"] + globals().get("weights"),
    "dict_of_module": lambda x: x * HERE.__dict__["scale"] + vars(HERE)["weights"],
    "eval": lambda x: eval("x * scale") + eval("v + weights", {"v": 1.0, "weights": weights}),
    "context": lambda x: x * CHOSEN.get(),
    "one_entry": lambda x: x * TABLE.get("a") + TABLE.get("c", 5.0),
    "attribute_of_a_function": lambda x: with_attribute(x) + getattr(with_attribute, "other", 1.0),
    "a_float_as_key": lambda x: x * SCALES[scale] + (scale in SCALES) + hash(scale) * 0.5,
    "namedtuple": lambda x: x * pair.first + pair._asdict()["second"] + pair._replace(first=0)[1],
    "extremes": lambda x: (
        x * max(Number(1.0), Number(2.0)).value + min(Number(5.0), Number(3.0)).value
    ),
    "extreme_by_key": lambda x: x * max(1.0, 2.0, key=lambda v: v * (2.5 - scale)),
    "sorted": in_a_list_that_is_sorted,
    "heap": lambda x: x * heapq.nsmallest(1, [Number(1.0), Number(2.0)])[0].value,
    "bisect": lambda x: x * bisect.bisect([Number(1.0), Number(2.0)], Number(1.5)),
    "sum": lambda x: x * sum([Number(1.0), Number(2.0)]),
    "hashed": lambda x: x * ([Number(1.0)].count(Number(3.0)) + (Number(1.0) in [Number(2.0)])),
    "iterated": lambda x: x * dict([Number("a")])["a"] + list(Number(1.0))[1],
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_is_read_again(name, monkeypatch):
    program = CASES[name]
    traced, slope = trace(program), grad(lambda x: program(x).sum())

    def agree():
        for _ in range(2):
            np.testing.assert_array_equal(traced(X), program(X))
        wanted = program(X + 0.5).sum() - program(X - 0.5).sum()
        assert slope(X).sum() == pytest.approx(wanted)

    agree()
    monkeypatch.setitem(globals(), "scale", 3.0)
    agree()
    monkeypatch.setitem(globals(), "weights", np.array([7.0, 7.0, 8.0]))
    agree()
    monkeypatch.setitem(globals(), "pair", Pair(4.0, np.array([2.0, 2.0, 2.0])))
    monkeypatch.setattr(with_attribute, "factor", 5.0)
    monkeypatch.setitem(TABLE, "a", 9.0)
    agree()
    monkeypatch.setitem(TABLE, "c", 8.0)
    monkeypatch.setattr(with_attribute, "other", 6.0, raising=False)
    token = CHOSEN.set(4.0)
    agree()
    CHOSEN.reset(token)
    agree()


def test_an_entry_that_is_not_read_does_not_count():
    traced = trace(CASES["one_entry"])
    traced(X)
    TABLE["b"] += 1.0
    traced(X)
    assert traced.explain().count("traced") <= 1 or "2 traces" not in traced.explain()


@pytest.mark.parametrize("made", [float, np.float64, np.float32, np.asarray])
def test_a_number_is_no_array(made):
    def program(x):
        number = np.sum(x) * 2
        if isinstance(number, np.ndarray) or isinstance(x, np.ndarray):
            return x * 3
        return number * 2, isinstance(x, (float, np.generic)), isinstance(number, np.floating)

    got, wanted = trace(program)(made(2.5)), program(made(2.5))
    assert got == wanted and type(got) is type(wanted)


def test_a_condition_as_key():
    def program(x):
        groups = collections.defaultdict(list)
        for value in x:
            groups[value > 0].append(value)
        return {bool(key): sum(values) for key, values in groups.items()}

    for x in (X, -X, np.abs(X)):
        assert trace(program)(x) == program(x)


def test_objects_with_length_are_compared_by_their_own_methods():
    class Vector:
        def __init__(self, items):
            self.items = items

        def __iter__(self):
            return iter(self.items)

        def __gt__(self, other):
            return np.sum(self.items) > np.sum(other.items)

        def __lt__(self, other):
            return np.sum(self.items) < np.sum(other.items)

    def program(x):
        return max(Vector(x), Vector(-x)).items + min(Vector(x), Vector(2 * x)).items

    traced = trace(program)
    for x in (X, -X):
        np.testing.assert_array_equal(traced(x), program(x))


def test_exec_reads_the_globals_it_names():
    def program(x):
        inner = {"x": x}
        exec("y = x * scale", globals(), inner)
        return inner["y"]

    np.testing.assert_array_equal(trace(program)(X), program(X))


def test_a_thread_that_swallows_the_leak_is_loud():
    import threading

    def program(x):
        results = [0.0, 0.0]

        def work(number):
            results[number] = x[number] * 2

        threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(threading, "excepthook", lambda args: None)
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return np.array(results)

    with pytest.raises(errors.LeakError, match="another thread"):
        trace(program)(X)


def test_classes_of_the_main_module_count_too(monkeypatch):
    """Methods that a library wrote for a class of a script, as namedtuple does."""
    monkeypatch.setattr(Pair, "__module__", "__main__")
    assert isinstance(Pair._replace, types.FunctionType)
    traced = trace(lambda x: x * pair._asdict()["first"])
    np.testing.assert_array_equal(traced(X), X)
    monkeypatch.setitem(globals(), "pair", Pair(4.0, 0.0))
    np.testing.assert_array_equal(traced(X), X * 4.0)


def test_a_function_without_source_knows_classes(monkeypatch):
    """``python -c`` and ``exec``: a class that is asked for stays a class."""
    text = (
        "class Model:\n"
        "    def __init__(self, value):\n        self.value = value\n"
        "    def run(self, x):\n        return x * self.value * scale\n"
        "def program(x):\n"
        "    model = Model(x)\n"
        "    return model.run(x) if isinstance(model, Model) else x\n"
    )
    table = {"scale": 2.0}
    exec(text, table)
    traced = trace(table["program"])
    np.testing.assert_array_equal(traced(X), X * X * 2.0)
    table["scale"] = 3.0
    np.testing.assert_array_equal(traced(X), X * X * 3.0)
