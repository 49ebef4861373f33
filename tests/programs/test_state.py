"""State outside of a function that changes between calls: each change is seen by the next call.

A case is a function that returns a program and the changes to be made, one before each call.
"""

import collections
import dataclasses
import enum
import functools
import math
import os
import types

import numpy as np
import pytest

from tests.recording.agreement import agree, same
from tracer import errors, grad, trace, value_and_grad

X = np.array([0.5, 1.5, -2.5])
CASES = []
K, WEIGHTS, OPTIONS, STEPS = 2.0, np.array([1.0, 2.0, 3.0]), {"a": 1.0, "n": 2}, [1.0, 2.0]
HELPER = lambda x: x * 2
MODULE = types.ModuleType("settings_of_a_program")


def case(function):
    CASES.append(function)
    return function


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
def deques():
    q = collections.deque([1.0, 2.0])
    return (
        lambda x: sum(v * x for v in q) + q[0] * len(q),
        [
            lambda: q.append(3.0),
            lambda: q.__setitem__(0, 9.0),
            lambda: q.rotate(),
            lambda: q.popleft(),
        ],
    )


@case
def counters():
    c = collections.Counter(a=2)
    return (
        lambda x: x * c["a"] + c["missing"] + sum(c.values()),
        [lambda: c.update(a=1), lambda: c.update(missing=4)],
    )


@case
def default_and_ordered_dicts():
    d, o = collections.defaultdict(float, a=1.0), collections.OrderedDict(a=1.0, b=2.0)
    return (
        lambda x: x * d["a"] + [v for v in o.values()][0] + list(o)[0].count("a") + dict(o)["b"],
        [
            lambda: d.__setitem__("a", 3.0),
            lambda: o.move_to_end("a"),
            lambda: o.__setitem__("b", 8.0),
        ],
    )


@case
def chain_maps():
    base, own = {"a": 1.0}, {}
    m = collections.ChainMap(own, base)
    return lambda x: x * m["a"], [
        lambda: base.__setitem__("a", 2.0),
        lambda: own.__setitem__("a", 5.0),
    ]


@case
def mapping_proxies():
    table = {"a": 1.0, "b": 2.0}
    proxy = types.MappingProxyType(table)
    return (
        lambda x: x * proxy["a"] + sum(proxy.values()) + len(proxy),
        [lambda: table.__setitem__("a", 4.0), lambda: table.__setitem__("c", 1.0)],
    )


@case
def sets():
    s = {1, 2}
    return lambda x: sum(v * x for v in s) + len(s) + (3 in s), [
        lambda: s.add(3),
        lambda: s.discard(1),
    ]


@case
def ranges_and_tuples():
    box = types.SimpleNamespace(r=range(3), t=(1.0, (2.0, 3)))
    return (
        lambda x: sum(x * k for k in box.r) + box.t[1][0] * x + box.t[1][1],
        [lambda: setattr(box, "r", range(1, 3)), lambda: setattr(box, "t", (1.0, (5.0, 4)))],
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
def key_errors_caught():
    table, items = {}, [1.0]

    def program(x):
        try:
            y = x * table["k"]
        except KeyError:
            y = x
        try:
            return y + items[1]
        except IndexError:
            return y

    return program, [
        lambda: table.__setitem__("k", 2.0),
        lambda: items.append(5.0),
        lambda: table.clear(),
    ]


@case
def dictionary_queries():
    table = {"a": 1.0}
    return (
        lambda x: (
            x * table.get("b", 2.0)
            + ("c" in table)
            + len(table)
            + sum(len(k) for k in table)
            + table.setdefault("a", 9.0)
        ),
        [
            lambda: table.__setitem__("b", 5.0),
            lambda: table.__setitem__("c", 1.0),
            lambda: table.__setitem__("long", 0.0),
        ],
    )


@case
def list_queries():
    items = [3.0, 1.0]
    return (
        lambda x: (
            x * items[-1]
            + len(items)
            + sum(items)
            + max(items)
            + items.index(max(items))
            + sorted(items)[0]
            + items[::-1][0]
            + (2.0 in items)
            + (items == [3.0, 1.0])
        ),
        [
            lambda: items.append(2.0),
            lambda: items.__setitem__(0, 0.5),
            lambda: items.reverse(),
            lambda: items.clear() or items.append(7.0),
        ],
    )


@case
def nested_containers():
    tree = {"layers": [{"w": X.copy(), "act": "tanh"}, {"w": 2 * X, "act": "sin"}]}

    def program(x):
        for layer in tree["layers"]:
            x = getattr(np, layer["act"])(layer["w"] * x)
        return x

    return program, [
        lambda: tree["layers"][1].__setitem__("act", "cos"),
        lambda: tree["layers"][0]["w"].__setitem__(0, 3.0),
        lambda: tree["layers"].append({"w": 0.5, "act": "exp"}),
        lambda: tree["layers"].pop(0),
    ]


@case
def enumerated_and_zipped():
    ws, names = [1.0, 2.0], ["a", "b"]

    def program(x):
        total = 0.0
        for i, (w, name) in enumerate(zip(ws, names)):
            total = total + x * w * (i + 1) + len(name)
        for w in reversed(ws):
            total = total * w
        first, *_ = ws
        a, b = names[0], [*ws][-1]
        return total + first + len(a) * b

    return program, [
        lambda: ws.__setitem__(1, 5.0),
        lambda: names.__setitem__(0, "long"),
        lambda: ws.__setitem__(0, 0.5),
    ]


@case
def mapped_and_filtered():
    ws = [1.0, -2.0, 3.0]
    return (
        lambda x: (
            sum(map(lambda w: w * x, ws))
            + len(list(filter(lambda w: w > 0, ws)))
            + functools.reduce(lambda a, b: a * b, ws)
            + sum([w**2 for w in ws if w > 0])
            + any(w > 4 for w in ws)
        ),
        [lambda: ws.__setitem__(0, 5.0), lambda: ws.__setitem__(1, 2.0), lambda: ws.append(0.5)],
    )


@case
def star_arguments():
    args, kwargs = [2.0, 3.0], {"c": 1.0}

    def f(x, a, b, c=0.0, n=1):
        return x * a + b * c * n

    return (
        lambda x: f(x, *args, **kwargs) + max(*args),
        [
            lambda: args.__setitem__(0, 5.0),
            lambda: kwargs.__setitem__("c", 4.0),
            lambda: kwargs.__setitem__("n", 3),
        ],
    )


@case
def starred_displays():
    items, table = [1.0, 2.0], {"a": 3.0}

    def program(x):
        both = [*items, 5.0]
        merged = {**table, "b": 1.0}
        return x * both[0] + merged["a"] + len(both) + len(merged) + len({*items})

    return program, [
        lambda: items.__setitem__(0, 4.0),
        lambda: table.__setitem__("a", 7.0),
        lambda: items.append(1.0),
    ]


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
        set_global("K", 3.0), set_global("K", 3), lambda: WEIGHTS.__setitem__(0, 9.0),
        set_global("WEIGHTS", WEIGHTS * 2), lambda: OPTIONS.__setitem__("n", 3),
        lambda: STEPS.__setitem__(0, 4.0), set_global("HELPER", lambda x: x * 5), set_global("HELPER", np.sin),
        lambda: globals().update(old),
    ]  # fmt: skip


@case
def attributes_of_modules():
    MODULE.K, MODULE.f, MODULE.table = 2.0, lambda x: x + 1, {"a": [1.0]}
    return (
        lambda x: MODULE.f(x * MODULE.K) + MODULE.table["a"][0],
        [
            lambda: setattr(MODULE, "K", 3.0), lambda: setattr(MODULE, "f", np.cos),
            lambda: MODULE.table["a"].__setitem__(0, 5.0), lambda: setattr(MODULE, "K", 1),
        ],
    )  # fmt: skip


@case
def class_attributes():
    class Config:
        scale = 2.0
        kind = "sin"

    class Derived(Config):
        pass

    d = Derived()
    return (
        lambda x: getattr(np, d.kind)(x * d.scale) + Derived.scale + type(d).scale + d.__class__.scale,
        [
            lambda: setattr(Config, "scale", 3.0), lambda: setattr(d, "scale", 4.0),
            lambda: setattr(Derived, "kind", "cos"), lambda: setattr(Derived, "scale", 7.0),
        ],
    )  # fmt: skip


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
        put("MODE", "double"), put("OTHER", "1"), put("THIRD", "x"), put("SCALE", "2.5"),
        put("SCALE", "3"), remove("MODE"), remove("OTHER"), remove("THIRD"), remove("SCALE"),
    ]  # fmt: skip


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
            lambda: setattr(Model, "f", lambda self, x: x * 3), lambda: setattr(m, "f", lambda x: x * 4),
            lambda: setattr(m, "f", np.sin), lambda: setattr(helper, "__code__", (lambda x: x - 7).__code__),
        ],
    )  # fmt: skip


@case
def replaced_defaults():
    def helper(x, by=2.0, *, n=1):
        return x * by**n

    return (
        lambda x: helper(x),
        [
            lambda: setattr(helper, "__defaults__", (3.0,)), lambda: setattr(helper, "__kwdefaults__", {"n": 2}),
            lambda: setattr(helper, "__defaults__", (X,)),
        ],
    )  # fmt: skip


@case
def mutable_defaults():
    table, weights = {"w": 2.0}, np.ones(3)

    def program(x, table=table, weights=weights, steps=[1.0]):  # noqa: B006
        return x * table["w"] * weights + steps[0]

    return program, [
        lambda: table.__setitem__("w", 3.0), lambda: weights.__setitem__(0, 5.0),
        lambda: program.__defaults__[2].__setitem__(0, 7.0),
    ]  # fmt: skip


@case
def scalars_of_many_types():
    box = types.SimpleNamespace(v=2.0)
    return (
        lambda x: x * box.v,
        [
            lambda: setattr(box, "v", 3.0), lambda: setattr(box, "v", 3), lambda: setattr(box, "v", np.float32(2)),
            lambda: setattr(box, "v", np.int64(2)), lambda: setattr(box, "v", np.int8(3)), lambda: setattr(box, "v", True),
            lambda: setattr(box, "v", 2j), lambda: setattr(box, "v", np.array(5.0)), lambda: setattr(box, "v", X.astype(np.float32)),
            lambda: setattr(box, "v", np.ones((2, 3))), lambda: setattr(box, "v", math.inf), lambda: setattr(box, "v", -0.0),
        ],
    )  # fmt: skip


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
def strings_and_formats():
    box = types.SimpleNamespace(name="sin", spec="{:.1f}")
    return (
        lambda x: (
            getattr(np, f"{box.name}")(x) + len(box.name.upper()) + float(box.spec.format(2.55))
        ),
        [lambda: setattr(box, "name", "arctan"), lambda: setattr(box, "spec", "{:.2f}")],
    )


@case
def iterators_kept_outside():
    class Schedule:
        def __init__(self):
            self.t = 0

        def rate(self):
            return 0.5 / (1 + self.t)

    s = Schedule()
    return lambda x: x * s.rate(), [lambda: setattr(s, "t", 1), lambda: setattr(s, "t", 2)]


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
def partials_kept_outside():
    box = types.SimpleNamespace(f=functools.partial(np.multiply, 2.0))
    return lambda x: box.f(x), [
        lambda: setattr(box, "f", functools.partial(np.multiply, 3.0)),
        lambda: setattr(box, "f", functools.partial(np.add, X)),
    ]


@case
def generators_of_outside_values():
    ws = [1.0, 2.0]

    def each():
        for w in ws:
            yield w * 2
        yield from ws

    return lambda x: sum(x * w for w in each()), [
        lambda: ws.append(3.0),
        lambda: ws.__setitem__(0, 5.0),
    ]


@case
def user_list_and_dict_types():
    class Weights(list):
        pass

    class Table(dict):
        pass

    w, t = Weights([1.0, 2.0]), Table(a=1.0)
    return (
        lambda x: sum(v * x for v in w) + w[0] + t["a"] + sum(t.values()) + len(w),
        [
            lambda: w.__setitem__(0, 4.0),
            lambda: w.append(1.0),
            lambda: t.__setitem__("a", 6.0),
            lambda: t.__setitem__("b", 6.0),
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
def memoryviews_and_array_module():
    import array

    a = array.array("d", [1.0, 2.0, 3.0])
    return lambda x: x * a[0] + np.asarray(a), [lambda: a.__setitem__(0, 5.0)]


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
        lambda: STEPS.__setitem__(0, 3.0), lambda: STEPS.__setitem__(1, 1.0),
        lambda: globals().__setitem__("K", 5.0),
        lambda: (STEPS.__setitem__(slice(None), old), globals().__setitem__("K", 2.0)),
    ]  # fmt: skip


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


@pytest.mark.parametrize("make", CASES, ids=lambda f: f.__name__)
def test_changes_are_seen(make):
    program, changes = make()
    traced = trace(program)
    slope = value_and_grad(lambda x: np.sum(np.real(program(x))))
    for number, change in enumerate([lambda: None, *changes, lambda: None]):
        change()
        with np.errstate(all="ignore"):
            same(traced(X), program(X), f"after change {number}")
            value, gradient = slope(X)
            np.testing.assert_allclose(value, np.sum(np.real(program(X))), rtol=1e-12)
            step = 1e-30 if number < 0 else 1e-6
            for i in range(3):
                e = np.zeros(3)
                e[i] = step
                numeric = (np.sum(np.real(program(X + e))) - np.sum(np.real(program(X - e)))) / 2e-6
                if math.isfinite(numeric):
                    np.testing.assert_allclose(gradient[i], numeric, rtol=1e-5, atol=1e-6)


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
    "global": ("def program(x):\n    return x * K + f(x)", dict(K=2.0, f=np.sin), dict(K=3.0, f=np.cos)),
    "attribute": ("def program(x):\n    return x * o.w + o.inner.n", dict(o=types.SimpleNamespace(w=1.0, inner=types.SimpleNamespace(n=2))), None),
    "item": ("def program(x):\n    return x * t['w'] + u[0]", dict(t={"w": 1.0}, u=[2.0]), None),
    "method": ("class M:\n    w = 2.0\n    def f(self, x):\n        return x * self.w\nm = M()\ndef program(x):\n    return m.f(x)", {}, None),
    "closure": ("def make():\n    o = {'w': 2.0}\n    def program(x):\n        return x * o['w']\n    program.o = o\n    return program\nprogram = make()", {}, None),
}  # fmt: skip


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


# -- results that alias what they came from -----------------------------------------------------------
KEPT = np.arange(3.0)
ALIASES = {
    "itself": lambda x: x, "slice": lambda x: x[1:], "transposed": lambda x: x.T, "twice": lambda x: (x, x),
    "reshape": lambda x: x.reshape(3, 1), "copy": lambda x: x.copy(), "product": lambda x: x * 1,
    "plus zero": lambda x: x + 0, "in a dict": lambda x: {"a": x, "b": [x[::-1]]}, "captured": lambda x: KEPT,
    "captured view": lambda x: KEPT[1:], "asarray": lambda x: np.asarray(x), "array": lambda x: np.array(x),
    "real": lambda x: x.real, "positive": lambda x: +x, "astype": lambda x: x.astype(float),
    "astype without copy": lambda x: x.astype(float, copy=False), "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(), "squeeze": lambda x: np.squeeze(x), "broadcast": lambda x: np.broadcast_to(x, (2, 3)),
    "diagonal": lambda x: np.diag(x), "split": lambda x: np.split(x, 3), "ascontiguous": lambda x: np.ascontiguousarray(x),
    "made twice": lambda x: (lambda y: (y, y[1:]))(x * 2), "argument and view": lambda x: (x, x[1:]),
    "conj": lambda x: x.conj(), "where": lambda x: np.where(True, x, x), "maybe": lambda x: x if x[0] > 0 else x * 2,
    "atleast": lambda x: np.atleast_1d(x), "expand": lambda x: np.expand_dims(x, 0), "sorted": lambda x: np.sort(x),
}  # fmt: skip


@pytest.mark.parametrize("name", ALIASES)
def test_results_share_memory_as_in_numpy(name):
    from tracer import trees

    program = ALIASES[name]
    traced = trace(program)
    for _ in range(3):
        a, b = X.copy(), X.copy()
        got, expected = trees.flatten(traced(a))[0], trees.flatten(program(b))[0]
        for left, right in zip(got, expected, strict=True):
            same(left, right)
            assert left is a or right is not b
            assert left is KEPT or right is not KEPT
            assert np.shares_memory(left, a) == np.shares_memory(right, b)
            assert np.shares_memory(left, KEPT) == np.shares_memory(right, KEPT)
            assert left.flags.writeable == right.flags.writeable
        for i in range(len(got)):
            for j in range(i):
                assert np.shares_memory(got[i], got[j]) == np.shares_memory(
                    expected[i], expected[j]
                )
                assert got[i] is got[j] or expected[i] is not expected[j]


def test_fresh_results_are_fresh_on_every_call():
    traced = trace(lambda x: (np.ones(3), np.zeros(2), x * 2, np.array([1.0, 2.0]), np.arange(3)))
    first = traced(X)
    for part in first:
        part[...] = 9
    same(traced(X), (np.ones(3), np.zeros(2), X * 2, np.array([1.0, 2.0]), np.arange(3)))


# -- arguments that are written to ---------------------------------------------------------------------
def test_arguments_are_written_back():
    def program(x, y, table, rows):
        x += y
        y[1:] = x[:-1]
        table["w"][0] *= 2
        rows[1][:] = 7.0
        x[x > 1] = 0.0
        table["w"].sort()
        return x, x.sum(), table["w"]

    calls = [
        (X.copy() * k, X.copy(), {"w": X + k}, [X.copy(), X.copy()]) for k in (1.0, 2.0, -1.0)
    ]  # fmt: skip
    agree(program, calls)


def test_written_arguments_are_returned_as_themselves():
    def program(x, y):
        x += 1
        y.T[0] = x[0]
        return x, x[1:], y.T, y[0], x * 1

    traced = trace(program)
    for _ in range(3):
        x, y = X.copy(), np.zeros((2, 3))
        results, expected = traced(x, y), program(X.copy(), np.zeros((2, 3)))
        same(results, expected)
        assert results[0] is x
        shared = [np.shares_memory(result, source) for result in results for source in (x, y)]
        assert shared == [True, False, True, False, False, True, False, True, False, False]
        results[1][0] = 9.0
        assert x[1] == 9.0


def test_lists_and_dicts_of_arguments_are_changed():
    """What a plain function does to the containers it is given happens, or is an error."""

    def program(x, rows):
        rows.append(x * 2)
        return sum(rows)

    def replaces(x, table):
        table["w"] = table["w"] * x
        return table["w"]

    for function, given in [(program, [X]), (replaces, {"w": X})]:
        agree(function, [(X, given), (2 * X, given)])
        with pytest.raises(errors.ArgumentWrite, match="copy"):
            grad(lambda x, given, function=function: function(x, given).sum())(X, given)


def test_objects_as_arguments_are_changed():
    class Box:
        last = 1.0

    def program(x, box):
        box.last = x.sum()
        return x * 2

    box = Box()
    traced = trace(program)
    for _ in range(2):
        same(traced(X, box), X * 2)
    try:
        assert box.last + 1 == X.sum() + 1
    except errors.TracerError:  # the array of a trace that is over
        pass


def test_gradient_of_what_writes_to_its_argument_is_an_error():
    def program(x):
        x *= 2
        return x.sum()

    with pytest.raises(errors.ArgumentWrite):
        grad(program)(X.copy())
    x = X.copy()
    assert trace(program)(x) == 2 * X.sum()
    same(x, 2 * X)


def test_captured_arrays_are_not_written_to():
    total = np.zeros(3)

    def program(x):
        total[:] += x
        return x

    with pytest.raises(errors.CaptureMutationError, match="total"):
        trace(program)(X)
    assert not total.any()
