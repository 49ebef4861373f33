"""State outside of a function that changes between calls: each change is seen by the next call."""

import functools
import math
import os
import types

import numpy as np
import pytest

from tests.programs.changes import Cases, X, changes_are_seen
from tests.recording.agreement import same
from tracer import errors, trace

case = Cases()


K, WEIGHTS, OPTIONS, STEPS = 2.0, np.array([1.0, 2.0, 3.0]), {"a": 1.0, "n": 2}, [1.0, 2.0]
HELPER = lambda x: x * 2
MODULE = types.ModuleType("settings_of_a_program")


@case
def cached_helpers():
    state = types.SimpleNamespace(w=2.0)

    @functools.lru_cache(maxsize=None)
    def weights(n):
        return np.arange(n) * state.w

    return lambda x: weights(3) * x, []


@case
def globals_of_the_module():
    def program(x):
        return x * K + WEIGHTS * OPTIONS["a"] ** OPTIONS["n"] + STEPS[0] + HELPER(x)

    def set_global(name, value):
        return lambda: globals().__setitem__(name, value)

    old = dict(K=K, WEIGHTS=WEIGHTS, OPTIONS=dict(OPTIONS), STEPS=list(STEPS), HELPER=HELPER)
    return program, [
        set_global("K", 3.0),
        set_global("K", 3),
        lambda: WEIGHTS.__setitem__(0, 9.0),
        set_global("WEIGHTS", WEIGHTS * 2),
        lambda: OPTIONS.__setitem__("n", 3),
        lambda: STEPS.__setitem__(0, 4.0),
        set_global("HELPER", lambda x: x * 5),
        set_global("HELPER", np.sin),
        lambda: globals().update(old),
    ]


@case
def attributes_of_modules():
    MODULE.K, MODULE.f, MODULE.table = 2.0, lambda x: x + 1, {"a": [1.0]}
    return (
        lambda x: MODULE.f(x * MODULE.K) + MODULE.table["a"][0],
        [
            lambda: setattr(MODULE, "K", 3.0),
            lambda: setattr(MODULE, "f", np.cos),
            lambda: MODULE.table["a"].__setitem__(0, 5.0),
            lambda: setattr(MODULE, "K", 1),
        ],
    )


@case
def environment_variables():
    def program(x):
        if os.environ.get("CALCGRAPH_TEST_MODE") == "double":
            x = x * 2
        if "CALCGRAPH_TEST_OTHER" in os.environ:
            x = x + 1
        if os.getenv("CALCGRAPH_TEST_THIRD"):
            x = x - 5
        return x * float(os.environ.get("CALCGRAPH_TEST_SCALE", "1"))

    def put(name, value):
        return lambda: os.environ.__setitem__("CALCGRAPH_TEST_" + name, value)

    def remove(name):
        return lambda: os.environ.pop("CALCGRAPH_TEST_" + name)

    return program, [
        put("MODE", "double"),
        put("OTHER", "1"),
        put("THIRD", "x"),
        put("SCALE", "2.5"),
        put("SCALE", "3"),
        remove("MODE"),
        remove("OTHER"),
        remove("THIRD"),
        remove("SCALE"),
    ]


@case
def replaced_defaults():
    def helper(x, by=2.0, *, n=1):
        return x * by**n

    return (
        lambda x: helper(x),
        [
            lambda: setattr(helper, "__defaults__", (3.0,)),
            lambda: setattr(helper, "__kwdefaults__", {"n": 2}),
            lambda: setattr(helper, "__defaults__", (X,)),
        ],
    )


@case
def mutable_defaults():
    table, weights = {"w": 2.0}, np.ones(3)

    def program(x, table=table, weights=weights, steps=[1.0]):  # noqa: B006
        return x * table["w"] * weights + steps[0]

    return program, [
        lambda: table.__setitem__("w", 3.0),
        lambda: weights.__setitem__(0, 5.0),
        lambda: program.__defaults__[2].__setitem__(0, 7.0),
    ]


@case
def scalars_of_many_types():
    box = types.SimpleNamespace(v=2.0)
    return (
        lambda x: x * box.v,
        [
            lambda: setattr(box, "v", 3.0),
            lambda: setattr(box, "v", 3),
            lambda: setattr(box, "v", np.float32(2)),
            lambda: setattr(box, "v", np.int64(2)),
            lambda: setattr(box, "v", np.int8(3)),
            lambda: setattr(box, "v", True),
            lambda: setattr(box, "v", 2j),
            lambda: setattr(box, "v", np.array(5.0)),
            lambda: setattr(box, "v", X.astype(np.float32)),
            lambda: setattr(box, "v", np.ones((2, 3))),
            lambda: setattr(box, "v", math.inf),
            lambda: setattr(box, "v", -0.0),
        ],
    )


@case
def closures_rebound():
    k, w, f = 2.0, X, np.sin

    def change(number):
        def inner():
            nonlocal k, w, f
            k, w, f = [
                (3.0, X, np.sin),
                (3, X * 2, np.sin),
                (3, X * 2, np.cos),
                (1j, X, lambda v: v),
            ][number]

        return inner

    return lambda x: f(x) * k + w, [change(i) for i in range(4)]


@case
def captured_arrays_written_in_place():
    w = np.zeros((2, 3))
    view = w[1]
    return lambda x: w @ x + view.sum(), [
        lambda: w.fill(1.0),
        lambda: view.__imul__(3.0),
        lambda: w.T.__setitem__(0, 8.0),
    ]


@case
def strings_and_formats():
    box = types.SimpleNamespace(name="sin", spec="{:.1f}")
    return (
        lambda x: (
            getattr(np, f"{box.name}")(x) + len(box.name.upper()) + float(box.spec.format(2.55))
        ),
        [lambda: setattr(box, "name", "arctan"), lambda: setattr(box, "spec", "{:.2f}")],
    )


@case
def partials_kept_outside():
    box = types.SimpleNamespace(f=functools.partial(np.multiply, 2.0))
    return lambda x: box.f(x), [
        lambda: setattr(box, "f", functools.partial(np.multiply, 3.0)),
        lambda: setattr(box, "f", functools.partial(np.add, X)),
    ]


@case
def global_statement_in_helper():
    def program(x):
        global K
        return x * K

    return program, [
        lambda: globals().__setitem__("K", 7.0),
        lambda: globals().__setitem__("K", 2.0),
    ]


@case
def constructors_that_read_globals():
    box = types.SimpleNamespace(k=2.0)

    class Layer:
        def __init__(self, by):
            self.w = box.k * by

        @property
        def scaled(self):
            return self.w * box.k

        def __mul__(self, x):
            return x * self.w + box.k

        def __len__(self):
            return int(box.k)

        def __iter__(self):
            yield box.k
            yield self.w

        def __call__(self, x):
            return x - box.k

    class Special(Layer):
        def __init__(self):
            super().__init__(3.0)
            self.more = K

    def program(x):
        layer, special = Layer(1.5), Special()
        total = layer * x + special(x) + layer.scaled + special.more
        for part in layer:
            total = total + part
        return total * len(special) + sum(layer)

    return program, [lambda: setattr(box, "k", 3.0), lambda: setattr(box, "k", 1)]


@case
def context_managers_of_the_library():
    import contextlib

    box = types.SimpleNamespace(k=2.0)

    @contextlib.contextmanager
    def scaling(by):
        yield box.k * by

    def program(x):
        with scaling(3.0) as s:
            return x * s

    return program, [lambda: setattr(box, "k", 3.0)]


@case
def decorated_helpers():
    box = types.SimpleNamespace(k=2.0)

    def twice(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs) * 2 + box.k

        return inner

    @twice
    @functools.lru_cache(maxsize=None)
    def table(n):
        return np.arange(float(n))

    @functools.singledispatch
    def scale(x):
        return x * box.k

    return lambda x: table(3) * x + scale(x), [
        lambda: setattr(box, "k", 3.0),
        lambda: setattr(box, "k", X),
    ]


@case
def callbacks_of_builtins_and_the_library():
    box = types.SimpleNamespace(k=2.0, order=1)

    class Key:
        def __call__(self, v):
            return v * box.order

    key = Key()
    return (
        lambda x: (
            np.array(sorted(x, key=key)) * x
            + sum(map(lambda v: v * box.k, x))
            + functools.reduce(lambda a, b: a + b * box.k, x)
            + np.apply_along_axis(lambda r: r * box.k, 0, x)
        ),
        [lambda: setattr(box, "order", -1), lambda: setattr(box, "k", 3.0)],
    )


@case
def star_imports_and_aliases_of_modules():
    import math as m

    inner = types.ModuleType("inner_module")
    inner.k, MODULE.inner = 2.0, inner
    return (
        lambda x: x * MODULE.inner.k + m.pi + getattr(MODULE.inner, "k") + vars(MODULE)["inner"].k,
        [
            lambda: setattr(inner, "k", 3.0),
            lambda: setattr(MODULE, "inner", types.SimpleNamespace(k=4.0)),
        ],
    )


@case
def chained_comparisons_and_walrus():
    box = types.SimpleNamespace(low=0.0, high=2.0)
    return (
        lambda x: (
            x * 2 if box.low <= 1.0 < box.high else (x if (top := box.high) > 0.5 else x + top)
        ),
        [
            lambda: setattr(box, "high", 1.0),
            lambda: setattr(box, "high", 0.25),
            lambda: setattr(box, "low", 5.0),
        ],
    )


@case
def annotations_and_defaults_of_inner_functions():
    box = types.SimpleNamespace(k=2.0)

    def program(x):
        def inner(v, by=box.k, *, shift: float = K):
            return v * by + shift

        return inner(x) + (lambda v, by=box.k: v * by)(x)

    return program, [
        lambda: setattr(box, "k", 3.0),
        lambda: globals().__setitem__("K", 9.0),
        lambda: globals().__setitem__("K", 2.0),
    ]


@case
def numpy_error_state_and_print_options():
    return lambda x: x / np.where(x > 0, 1.0, 2.0), [lambda: None]


@pytest.mark.parametrize("make", case, ids=lambda f: f.__name__)
def test_changes_are_seen(make):
    changes_are_seen(make)


def test_numbers_that_change_are_inputs_of_one_program():
    class Model:
        names = ("a", "b")

        def __init__(self):
            self.w, self.table, self.rows = np.ones(3), {"k": 1.0}, [2.0, {"v": X.copy()}]

        def __call__(self, x):
            assert isinstance(self, Model) and type(self) is Model and callable(self)
            total = x * self.w + self.table["k"]
            for row in self.rows:
                total = total * (row["v"] if isinstance(row, dict) else row)
            for name, value in self.table.items():
                total = total + len(name) * value
            return total if self.names else x

        def __mul__(self, x):
            return self(x) * self.w

    model = Model()
    helper = functools.partial(lambda m, x: m(x), model)

    def program(x):
        return model * x + helper(x) + functools.partial(model)(x) + max(model.rows[0], 0.0)

    traced = trace(program)
    for k in range(5):
        model.w = model.w + k
        model.table["k"] = 1.5 * k
        model.rows[0], model.rows[1]["v"] = 2.0 + k, X * k
        same(traced(X), program(X))
    assert traced.explain().count("nodes,") == 1


# -- code without source ------------------------------------------------------------------------------
SOURCELESS = {
    "global": (
        "def program(x):\n    return x * K + f(x)",
        dict(K=2.0, f=np.sin),
        dict(K=3.0, f=np.cos),
    ),
    "attribute": (
        "def program(x):\n    return x * o.w + o.inner.n",
        dict(o=types.SimpleNamespace(w=1.0, inner=types.SimpleNamespace(n=2))),
        None,
    ),
    "item": ("def program(x):\n    return x * t['w'] + u[0]", dict(t={"w": 1.0}, u=[2.0]), None),
    "method": (
        "class M:\n    w = 2.0\n    def f(self, x):\n        return x * self.w\nm = M()\ndef program(x):\n    return m.f(x)",
        {},
        None,
    ),
    "closure": (
        "def make():\n    o = {'w': 2.0}\n    def program(x):\n        return x * o['w']\n    program.o = o\n    return program\nprogram = make()",
        {},
        None,
    ),
}


@pytest.mark.parametrize("name", SOURCELESS)
def test_code_without_source(name):
    text, given, other = SOURCELESS[name]
    space = dict(given, np=np)
    exec(compile(text, "<made up>", "exec"), space)
    program = space["program"]
    traced = trace(program)
    same(traced(X), program(X))
    changes = {
        "global": lambda: space.update(other),
        "attribute": lambda: (setattr(space["o"], "w", 5.0), setattr(space["o"].inner, "n", 7)),
        "item": lambda: (space["t"].update(w=4.0), space["u"].__setitem__(0, 9.0)),
        "method": lambda: setattr(space["m"], "w", 6.0),
        "closure": lambda: program.o.update(w=8.0),
    }
    changes[name]()
    try:
        got = traced(X)
    except errors.TracerError:
        return
    same(got, program(X))
