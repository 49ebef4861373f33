"""Attributes and methods that change between calls: each change is seen by the next call."""

import dataclasses
import enum
import types

import numpy as np
import pytest

from tests.programs.changes import Cases, X, changes_are_seen

case = Cases()
K, STEPS = 2.0, [1.0, 2.0]


@case
def operator_methods():
    class Offset:
        by = 1.0

        def __add__(self, x):
            return x + self.by

        def __radd__(self, x):
            return x + self.by

        def __rmul__(self, x):
            return self.by * x

        def __neg__(self):
            return -self.by

    o = Offset()
    return lambda x: o + (x + 1) + (-o) * (2.0 * o), [
        lambda: setattr(o, "by", 2.0),
        lambda: setattr(o, "by", X),
    ]


@case
def length_method():
    class Sized:
        n = 2

        def __len__(self):
            return self.n

    s = Sized()
    return lambda x: x * len(s), [lambda: setattr(s, "n", 3), lambda: setattr(s, "n", 5)]


@case
def truth_method():
    class Flag:
        on = True

        def __bool__(self):
            return self.on

    f = Flag()
    return lambda x: x * 2 if f else x, [
        lambda: setattr(f, "on", False),
        lambda: setattr(f, "on", True),
    ]


@case
def truth_by_negation_and_operators():
    class Flag:
        on = True

        def __bool__(self):
            return self.on

    f = Flag()

    def program(x):
        y = x * 2 if not f else x
        return (f and y) if (f or y is None) else y * 3

    return program, [lambda: setattr(f, "on", False), lambda: setattr(f, "on", True)]


@case
def iteration_method():
    class Many:
        values = (1.0, 2.0)

        def __iter__(self):
            return iter(self.values)

    m = Many()
    return (
        lambda x: sum(v * x for v in m) + list(m)[0] + max(m),
        [lambda: setattr(m, "values", (1.0, 5.0)), lambda: setattr(m, "values", (1.0, 5.0, 9.0))],
    )


@case
def containment_method():
    class Members:
        names = ("a",)

        def __contains__(self, name):
            return name in self.names

    m = Members()
    return lambda x: x if "b" in m else x * 2, [lambda: setattr(m, "names", ("a", "b"))]


@case
def equality_method():
    class Version:
        number = 1

        def __eq__(self, other):
            return self.number == other

        def __lt__(self, other):
            return self.number < other

    v = Version()
    return lambda x: (x if v == 1 else x * 2) + (v < 3), [
        lambda: setattr(v, "number", 2),
        lambda: setattr(v, "number", 4),
    ]


@case
def call_method():
    class Scale:
        by = 2.0

        def __call__(self, x):
            return x * self.by

    s = Scale()
    return lambda x: s(x), [
        lambda: setattr(s, "by", 3.0),
        lambda: setattr(s, "by", 3),
        lambda: setattr(s, "by", X),
    ]


@case
def getitem_method():
    class Table:
        data = [1.0, 2.0]

        def __getitem__(self, k):
            return self.data[k]

    t = Table()
    return lambda x: x * t[1], [
        lambda: t.data.__setitem__(1, 7.0),
        lambda: setattr(t, "data", [0, 4.0]),
    ]


@case
def getattr_method():
    class Dynamic:
        def __init__(self):
            self.inner = {"w": 2.0}

        def __getattr__(self, name):
            try:
                return self.inner[name]
            except KeyError:
                raise AttributeError(name)

    d = Dynamic()
    return lambda x: x * d.w, [
        lambda: d.inner.__setitem__("w", 3.0),
        lambda: d.inner.__setitem__("w", X),
    ]


@case
def conversion_methods():
    class Number:
        value = 2

        def __float__(self):
            return float(self.value)

        def __int__(self):
            return self.value

        def __index__(self):
            return self.value

        def __str__(self):
            return str(self.value)

    n = Number()
    return (
        lambda x: x[: int(n)] * float(n) + len(range(n)) + len(str(n)),
        [lambda: setattr(n, "value", 1), lambda: setattr(n, "value", 3)],
    )


@case
def context_manager_methods():
    class Scope:
        by = 2.0

        def __enter__(self):
            return self.by

        def __exit__(self, *_):
            return False

    s = Scope()

    def program(x):
        with s as by:
            return x * by

    return program, [lambda: setattr(s, "by", 3.0)]


@case
def property_methods():
    class Model:
        def __init__(self):
            self.w = 2.0

        @property
        def doubled(self):
            return self.w * 2

        @classmethod
        def shift(cls, x):
            return x + cls.offset

        @staticmethod
        def square(x):
            return x**2 * K

    Model.offset = 1.0
    m = Model()
    return (
        lambda x: m.doubled * x + m.shift(x) + Model.shift(x) + m.square(x),
        [lambda: setattr(m, "w", 5.0), lambda: setattr(Model, "offset", 4.0)],
    )


@case
def vars_of_an_object():
    o = types.SimpleNamespace(a=1.0, n=2)
    return (
        lambda x: x * vars(o)["a"] + o.__dict__["n"] + sum(vars(o).values()),
        [lambda: setattr(o, "a", 2.0), lambda: setattr(o, "n", 5), lambda: setattr(o, "b", 1.0)],
    )


@case
def has_and_get_attribute():
    o = types.SimpleNamespace()
    return (
        lambda x: (x * 2 if hasattr(o, "w") else x) + getattr(o, "shift", 0.0) + getattr(o, "n", 1),
        [
            lambda: setattr(o, "w", 1),
            lambda: setattr(o, "shift", 3.0),
            lambda: setattr(o, "n", 4),
            lambda: delattr(o, "w"),
        ],
    )


@case
def attribute_errors_caught():
    o = types.SimpleNamespace()

    def program(x):
        try:
            return x * o.w
        except AttributeError:
            return x

    return program, [lambda: setattr(o, "w", 3.0), lambda: delattr(o, "w")]


@case
def class_attributes():
    class Config:
        scale = 2.0
        kind = "sin"

    class Derived(Config):
        pass

    d = Derived()
    return (
        lambda x: (
            getattr(np, d.kind)(x * d.scale) + Derived.scale + type(d).scale + d.__class__.scale
        ),
        [
            lambda: setattr(Config, "scale", 3.0),
            lambda: setattr(d, "scale", 4.0),
            lambda: setattr(Derived, "kind", "cos"),
            lambda: setattr(Derived, "scale", 7.0),
        ],
    )


@case
def replaced_methods_and_code():
    class Model:
        def f(self, x):
            return x * 2

        def g(self, x):
            return self.f(x)

    m = Model()

    def helper(x):
        return x + 1

    return (
        lambda x: m.g(x) + helper(x),
        [
            lambda: setattr(Model, "f", lambda self, x: x * 3),
            lambda: setattr(m, "f", lambda x: x * 4),
            lambda: setattr(m, "f", np.sin),
            lambda: setattr(helper, "__code__", (lambda x: x - 7).__code__),
        ],
    )


@case
def data_classes_and_enums():
    class Mode(enum.Enum):
        A = 1
        B = 2

    @dataclasses.dataclass
    class Config:
        mode: Mode = Mode.A
        rate: float = 0.5
        sizes: list = dataclasses.field(default_factory=lambda: [1, 2])

    c = Config()
    return (
        lambda x: (
            (x if c.mode is Mode.A else -x) * c.rate
            + sum(c.sizes)
            + dataclasses.replace(c, rate=c.rate * 2).rate
            + dataclasses.asdict(c)["rate"]
        ),
        [
            lambda: setattr(c, "mode", Mode.B),
            lambda: setattr(c, "rate", 2.0),
            lambda: c.sizes.append(4),
        ],
    )


@case
def bound_methods_as_values():
    class Model:
        def __init__(self, w):
            self.w = w

        def f(self, x):
            return x * self.w

    box = types.SimpleNamespace(f=Model(2.0).f, fs=[Model(1.0).f, Model(3.0).f])
    return (
        lambda x: box.f(x) + sum(f(x) for f in box.fs),
        [
            lambda: setattr(box, "f", Model(5.0).f),
            lambda: setattr(box.fs[0].__self__, "w", 7.0),
            lambda: box.fs.pop(),
        ],
    )


@case
def slots_and_private_names():
    class Slotted:
        __slots__ = ("__hidden", "w")

        def __init__(self):
            self.w, self.__hidden = 1.0, 2.0

        def set(self, value):
            self.__hidden = value

        def f(self, x):
            return x * self.w + self.__hidden

    s = Slotted()
    return lambda x: s.f(x), [lambda: s.set(5.0), lambda: setattr(s, "w", 4.0)]


@case
def objects_made_by_the_program_and_read_later():
    class Accumulator:
        def __init__(self):
            self.items = []

        def __iadd__(self, value):
            self.items.append(value * STEPS[0])
            return self

        def __getitem__(self, k):
            return self.items[k] + K

        def __contains__(self, k):
            return k < STEPS[1]

        def __enter__(self):
            return self.items[0] * K

        def __exit__(self, *exception):
            return None

        def __neg__(self):
            return -self.items[0] * STEPS[0]

        def __lt__(self, other):
            return STEPS[0] < other

        def __bool__(self):
            return STEPS[0] > 1.5

    def program(x):
        a = Accumulator()
        a += x
        a += x**2
        total = a[0] + a[1] + (-a) + (1.5 in a) + (a < 2.0)
        with a as first:
            total = total + first
        return total * 2 if a else total

    old = list(STEPS)
    return program, [
        lambda: STEPS.__setitem__(0, 3.0),
        lambda: STEPS.__setitem__(1, 1.0),
        lambda: globals().__setitem__("K", 5.0),
        lambda: (STEPS.__setitem__(slice(None), old), globals().__setitem__("K", 2.0)),
    ]


@pytest.mark.parametrize("make", case, ids=lambda f: f.__name__)
def test_changes_are_seen(make):
    changes_are_seen(make)
