"""Classes that people write: operators, inheritance, descriptors, data classes, a tape."""

import contextlib
import dataclasses
import functools
import typing

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient
from tracer import grad

X = np.array([0.4, 0.9, -0.3])


# -- classes ------------------------------------------------------------------------------------------
class Vector:
    """A value type with operators."""

    __slots__ = ("a", "b")

    def __init__(self, a, b):
        self.a, self.b = a, b

    def __add__(self, other):
        return Vector(self.a + other.a, self.b + other.b)

    def __mul__(self, by):
        return Vector(self.a * by, self.b * by)

    __rmul__ = __mul__

    def __matmul__(self, other):
        return self.a * other.a + self.b * other.b

    def __neg__(self):
        return self * -1

    def __getitem__(self, k):
        return (self.a, self.b)[k]

    def __len__(self):
        return 2

    def __iter__(self):
        return iter((self.a, self.b))

    def __abs__(self):
        return np.sqrt(self @ self)

    def __eq__(self, other):
        return bool(self.a == other.a) and bool(self.b == other.b)

    def __bool__(self):
        return bool(self.a != 0)

    def __contains__(self, item):
        return item == 7

    def __call__(self, t):
        return self.a + t * self.b


def operators_of_classes(x):
    u, v = Vector(x[0], x[1]), Vector(x[2], 2.0)
    w = 2.0 * (u + v) * x[0] + -u
    return w @ u, abs(w), list(w), len(w) * w[0], w(x), u == v, bool(u), 7 in u


class Dual:
    """Forward-mode numbers: an operator-overloading library inside of the function."""

    def __init__(self, value, slope=0.0):
        self.value, self.slope = value, slope

    def __mul__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)

    def __add__(self, other):
        other = other if isinstance(other, Dual) else Dual(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    __rmul__, __radd__ = __mul__, __add__


def dual_numbers(x):
    d = Dual(x[0], 1.0)
    r = 3 * d * d + d * x[1] + 1
    return r.value, r.slope


class Base:
    factor = 2.0
    registry: typing.ClassVar = {}

    def __init__(self, w):
        self.w = w

    def __init_subclass__(cls):
        Base.registry[cls.__name__] = cls

    def forward(self, x):
        return self.activate(x * self.w) * self.factor

    def activate(self, x):
        return x

    @classmethod
    def made(cls, w):
        return cls(w * cls.factor)

    @staticmethod
    def square(x):
        return x**2

    @property
    def norm(self):
        return np.sqrt(np.sum(self.w**2))

    @functools.cached_property
    def doubled(self):
        return self.w * 2

    @norm.setter
    def norm(self, value):
        self.w = self.w / self.norm * value

    def __call__(self, x):
        return self.forward(x)


class Tanh(Base):
    factor = 3.0

    def activate(self, x):
        return np.tanh(super().activate(x))


def inheritance(x):
    layer = Tanh.made(x)
    layer.norm = 2.0
    made = Base.registry["Tanh"](x[0])
    return (
        layer(x),
        Base(x).square(x),
        layer.doubled + layer.doubled,
        layer.norm,
        made.forward(x),
        Base(2.0)(x),
    )


@dataclasses.dataclass
class Point:
    a: typing.Any
    b: typing.Any = 2.0
    more: list = dataclasses.field(default_factory=list)

    def length(self):
        return np.hypot(self.a, self.b)


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    w: typing.Any
    shift: float = 0.5

    def apply(self, x):
        return self.w * x + self.shift

    def with_(self, **changes):
        return dataclasses.replace(self, **changes)


@dataclasses.dataclass(order=True)
class Scored:
    score: typing.Any
    name: str = dataclasses.field(compare=False, default="")

    def __post_init__(self):
        self.score = self.score * 2


class Pair(typing.NamedTuple):
    left: typing.Any
    right: typing.Any = 1.0

    @property
    def product(self):
        return self.left * self.right


def data_classes(x):
    p = Point(x[0], more=[x[1]])
    p.b += x[2]
    p.more.append(p.length())
    f = Fixed(x).with_(shift=x[1])
    best = max(Scored(v, str(i)) for i, v in enumerate(x))
    return p, f.apply(2.0), best.score, best.name, dataclasses.asdict(Point(x[0], 1.0))["a"] * 1


def named_tuples(x):
    p = Pair(x, right=x[0])
    a, b = p
    return p._replace(left=a * b), p.product, Pair(1.0), p._asdict()["left"] * 2, p[0] + p.right


class Own:
    """Attributes by __setattr__, __getattr__ and __dict__, as attrs-like libraries make them."""

    def __init__(self, **values):
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __getattr__(self, name):
        if name.startswith("double_"):
            return 2 * getattr(self, name[7:])
        raise AttributeError(name)

    def __setattr__(self, name, value):
        raise AttributeError("frozen")


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner=None):
        return self if instance is None else getattr(instance, self.name) * 2

    def __set__(self, instance, value):
        setattr(instance, self.name, value + 1)


class Described:
    value = Descriptor()


def attributes_by_hand(x):
    o = Own(w=x, k=2)
    d = Described()
    d.value = x[0]
    with contextlib.suppress(AttributeError):
        o.w = 3.0
    return (
        o.double_w * o.k,
        d.value,
        vars(o)["w"] * 1,
        hasattr(o, "nothing"),
        getattr(o, "nothing", x[1]),
    )


def callable_objects(x):
    class Adder:
        def __init__(self, by):
            self.by, self.calls = by, 0

        def __call__(self, v):
            self.calls += 1
            return v + self.by * self.calls

    add = Adder(x[0])
    return add(x), add(x), list(map(add, x))


def simple_network(x):
    class Dense:
        def __init__(self, w, b):
            self.w, self.b = w, b

        def __call__(self, v):
            return np.tanh(self.w @ v + self.b)

    class Sequential:
        def __init__(self, *layers):
            self.layers = layers

        def __call__(self, v):
            for layer in self.layers:
                v = layer(v)
            return v

    net = Sequential(Dense(np.outer(x, x), x), Dense(np.eye(3) * x[0], 0.1))
    return net(x)


class Tape:
    """A tiny reverse-mode library, run inside the traced function."""

    def __init__(self, value, parents=()):
        self.value, self.parents, self.grad = value, parents, 0.0

    def __mul__(self, other):
        return Tape(self.value * other.value, [(self, other.value), (other, self.value)])

    def sin(self):
        return Tape(np.sin(self.value), [(self, np.cos(self.value))])

    def backward(self, seed=1.0):
        self.grad = self.grad + seed
        for parent, slope in self.parents:
            parent.backward(seed * slope)


def tape_inside(x):
    a, b = Tape(x[0]), Tape(x[1])
    y = (a * b).sin() * a
    y.backward()
    return a.grad, b.grad, y.value


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


def test_trees_with_own_classes_in_and_out():
    def program(point, fixed, pair):
        return Point(point.a * fixed.w, pair.left, [fixed.shift]), pair._replace(right=point.b * 2)

    calls = [(Point(X, 1.0), Fixed(X * k), Pair(X, 2.0 * k)) for k in (1.0, 2.0)]
    agree(program, calls)
    g = grad(lambda p, f: np.sum(f.apply(p.a) * p.b), (0, 1))(Point(X, 2.0), Fixed(X))
    np.testing.assert_allclose(g[0].a, 2 * X)
    np.testing.assert_allclose(g[1].w, 2 * X)
    assert isinstance(g[1], Fixed) and isinstance(g[0], Point)
