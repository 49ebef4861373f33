"""What is added, replaced or laid out anew between calls: names, imports, methods, closures."""

import operator
import sys
import types

import numpy as np
import pytest

from tests.programs.changes import Cases, X, changes_are_seen
from tests.recording.agreement import same
from tracer import errors, trace

case = Cases()
W = np.arange(12.0).reshape(3, 4)
SCALE = 2.0
MODULE = types.ModuleType("calcgraph_module_of_a_test")
MODULE.W, MODULE.A = 2.0, np.arange(3.0)
sys.modules[MODULE.__name__] = MODULE


def rebind(**names):
    return lambda: globals().update(names)


@case
def imports_inside():
    def program(x):
        import calcgraph_module_of_a_test as module
        from calcgraph_module_of_a_test import A
        from calcgraph_module_of_a_test import W as factor

        try:
            from calcgraph_module_of_a_test import added
        except ImportError:
            added = 1.0
        return x * factor + A * module.W * added

    return program, [
        lambda: setattr(MODULE, "W", 5.0),
        lambda: setattr(MODULE, "A", np.ones(3)),
        lambda: setattr(MODULE, "added", 3.0),
        lambda: delattr(MODULE, "added"),
        lambda: setattr(MODULE, "W", X),
    ]


@case
def modules_that_come_later():
    def program(x):
        try:
            import calcgraph_module_that_comes as later
        except ImportError:
            return x
        return x * later.W

    return program, [
        lambda: sys.modules.__setitem__("calcgraph_module_that_comes", MODULE),
        lambda: sys.modules.pop("calcgraph_module_that_comes"),
    ]


@case
def getters():
    class Thing:
        k = 2.0
        part = types.SimpleNamespace(z=1.0)

        def times(self, x, y=1.0):
            return x * self.k * y

    thing, table, row = Thing(), {"k": 2.0}, [1.0, 2.0, 3.0]
    of_module, several = operator.attrgetter("W"), operator.attrgetter("part.z", "k")
    of_table, of_row = operator.itemgetter("k"), operator.itemgetter(0, 2)
    called = operator.methodcaller("times", X, y=2.0)

    def program(x):
        total = x * of_module(MODULE) * several(thing)[0] * several(thing)[1]
        total = total * of_table(table) * of_row(row)[1] + called(thing)
        total = total + x * sum(map(operator.attrgetter("k"), [thing, thing]))
        return total * min([thing, MODULE], key=operator.attrgetter("__class__.__name__")).k

    MODULE.k = 1.5
    return program, [
        lambda: setattr(MODULE, "W", 3.0),
        lambda: setattr(thing, "k", 4.0),
        lambda: setattr(thing.part, "z", 5.0),
        lambda: table.update(k=6.0),
        lambda: row.__setitem__(2, 7.0),
    ]


@case
def names_that_come_later():
    if len(sys.argv) < 0:
        free = 1.0

    def assign():
        nonlocal free
        free = 4.0

    def helper(x):
        return x * added_later  # noqa: F821

    def program(x):
        try:
            x = helper(x)
        except NameError:
            x = x + 1.0
        try:
            return x * free
        except NameError:
            return x

    return program, [rebind(added_later=5.0), assign, lambda: globals().pop("added_later")]


@case
def layouts_of_captured_arrays():
    def program(x):
        total = x * W.strides[0] + x * W.ravel("K")[1] + x * W.copy("K").strides[0]
        total = total * (2.0 if W.flags.c_contiguous else 1.0)
        total = total * (3.0 if W.flags["F_CONTIGUOUS"] else 1.0)
        return total * (5.0 if W.flags.writeable else 1.0)

    return program, [
        rebind(W=np.asfortranarray(W)),
        rebind(W=np.arange(24.0).reshape(3, 8)[:, ::2]),
        rebind(W=np.arange(12.0).reshape(3, 4)),
        lambda: W.setflags(write=False),
    ]


@case
def parts_of_functions():
    k = 2.0

    def assign():
        nonlocal k
        k = 6.0

    def function(x):
        """Doc."""
        return x * k

    def program(x):
        cell = function.__closure__[0].cell_contents
        return x * cell * function.__globals__["SCALE"] * len(function.__doc__ + function.__name__)

    return program, [
        assign,
        rebind(SCALE=3.0),
        lambda: setattr(function, "__doc__", "Longer."),
        lambda: setattr(function, "__name__", "f"),
    ]


def outcome(function):
    try:
        return function()
    except TypeError:
        return 1.0


def entered(thing):
    with thing as value:
        return value


ASKING = {
    "__add__": (lambda thing, x: thing + x, lambda self, x: x * 2.0),
    "__radd__": (lambda thing, x: x.tolist() and 1.0 + thing, lambda self, x: 3.0),
    "__neg__": (lambda thing, x: -thing, lambda self: 2.0),
    "__bool__": (lambda thing, x: 2.0 if thing else 1.0, lambda self: False),
    "__eq__": (lambda thing, x: 2.0 if thing == 1 else 1.0, lambda self, other: True),
    "__lt__": (lambda thing, x: 2.0 if thing < 1 else 3.0, lambda self, other: True),
    "__len__": (lambda thing, x: len(thing), lambda self: 5),
    "__call__": (lambda thing, x: thing(x), lambda self, x: x * 5.0),
    "__getitem__": (lambda thing, x: thing[0], lambda self, key: 5.0),
    "__iter__": (lambda thing, x: sum(v for v in thing), lambda self: iter([5.0])),
    "__contains__": (lambda thing, x: 2.0 if 3 in thing else 3.0, lambda self, item: True),
    "__float__": (lambda thing, x: float(thing), lambda self: 2.0),
    "__str__": (lambda thing, x: 2.0 if str(thing) == "a" else 3.0, lambda self: "a"),
    "__enter__": (lambda thing, x: entered(thing), lambda self: 2.0),
}


@pytest.mark.parametrize("name", ASKING)
def test_methods_that_a_class_gets_later(name):
    ask, method = ASKING[name]

    class Thing:
        def __exit__(self, *args):
            return None

    thing = Thing()

    def program(x):
        return x * outcome(lambda: ask(thing, x))

    traced = trace(program)
    same(traced(X), program(X))
    setattr(Thing, name, method)
    same(traced(X), program(X))
    delattr(Thing, name)
    same(traced(X), program(X))


@pytest.mark.parametrize("module", [np, pytest.importorskip("math")], ids=lambda m: m.__name__)
def test_names_that_a_library_gets_later(module, monkeypatch):
    def program(x):
        try:
            x = x * module.calcgraph_test
        except AttributeError:
            x = x + 1.0
        return x * getattr(module, "calcgraph_test", 1.0) * hasattr(module, "calcgraph_test")

    traced = trace(program)
    for value in (None, 3.0, 4.0, X):
        if value is not None:
            monkeypatch.setattr(module, "calcgraph_test", value, raising=False)
        same(traced(X), program(X))
    monkeypatch.undo()
    same(traced(X), program(X))


@pytest.mark.parametrize(
    "look",
    [
        lambda: dict(globals()),
        lambda: {**globals()},
        lambda: {key: value for key, value in globals().items() if key == "SCALE"},
    ],
)
def test_all_globals_at_once_are_refused(look):
    with pytest.raises(errors.LeakError, match="names"):
        trace(lambda x: x * look()["SCALE"])(X)


@pytest.mark.parametrize("make", case, ids=lambda f: f.__name__)
def test_changes_are_seen(make):
    changes_are_seen(make)
