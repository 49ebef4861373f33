"""How programs are put together: closures, classes, generators, decorators, nested derivatives."""

import contextlib
import dataclasses
import functools
import typing

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient, same
from tracer import grad, hessian, jacobian, trace, value_and_grad

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
    v for v in list(globals().values())
    if getattr(v, "__module__", "") == __name__ and not isinstance(v, type)
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(X,), (X[::-1],), (np.array([0.2, -0.6, 0.5]),), (X.astype(np.float32),)])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)


# -- derivatives inside of functions --------------------------------------------------------------------
def numeric_gradient(function, x, h=1e-6):
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = h
        out[i] = (function(x + e) - function(x - e)) / (2 * h)
    return out


def energy(q, k=2.0):
    return k * np.sum(q**2) / 2 + np.sum(np.sin(q[1:] * q[:-1]))


def hamiltonian_step(q, p, dt=0.1):
    p = p - dt * grad(energy)(q)
    return q + dt * p, p


def test_gradient_inside_a_loop():
    def end(q):
        p = np.zeros_like(q)
        for _ in range(4):
            q, p = hamiltonian_step(q, p)
        return np.sum(q * p) + np.sum(p)

    same(trace(end)(X), end(X))
    np.testing.assert_allclose(grad(end)(X), numeric_gradient(end, X), rtol=1e-6)
    np.testing.assert_allclose(trace(grad(end))(X), grad(end)(X))


def test_gradient_descent_as_a_function():
    def tuned(rate):
        w = X.copy()
        for _ in range(5):
            value, slope = value_and_grad(energy)(w)
            w = w - rate * slope
        return energy(w)

    numeric = (tuned(0.1 + 1e-6) - tuned(0.1 - 1e-6)) / 2e-6
    np.testing.assert_allclose(grad(tuned)(0.1), numeric, rtol=1e-6)


def test_second_derivatives_agree():
    h = hessian(energy)(X)
    rows = np.array([grad(lambda q: grad(energy)(q)[i])(X) for i in range(3)])
    np.testing.assert_allclose(h, rows)
    np.testing.assert_allclose(h, jacobian(grad(energy))(X))
    step = np.array([numeric_gradient(lambda q: grad(energy)(q)[i], X) for i in range(3)])
    np.testing.assert_allclose(h, step, atol=1e-6)


def test_derivatives_of_derivatives_with_closures():
    def outer(a):
        def inner(b):
            return np.sin(a * b) * b

        def middle(c):
            return grad(inner)(c) * a

        return grad(middle)(0.7) + grad(lambda b: inner(b) ** 2)(a)

    h = 1e-6
    np.testing.assert_allclose(
        grad(outer)(0.4), (outer(0.4 + h) - outer(0.4 - h)) / (2 * h), rtol=1e-7
    )
    np.testing.assert_allclose(
        grad(grad(outer))(0.4), (grad(outer)(0.4 + h) - grad(outer)(0.4 - h)) / (2 * h), rtol=1e-7
    )


def test_perturbation_confusion():
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert grad(lambda x: x * grad(lambda y: x * y)(2.0))(3.0) == 6.0


def test_sixth_derivative():
    f = np.sin
    for _ in range(6):
        f = grad(f)
    np.testing.assert_allclose(f(0.3), -np.sin(0.3))


def test_gradients_with_branches_and_writes_inside():
    def inner(w, t):
        out = np.zeros(3)
        for i in range(3):
            out[i] = w[i] ** 2 * t if w[i] > 0 else -w[i]
        return out.sum()

    def outer(t):
        return np.sum(grad(inner)(X, t) ** 2)

    h = 1e-6
    np.testing.assert_allclose(
        grad(outer)(1.5), (outer(1.5 + h) - outer(1.5 - h)) / (2 * h), rtol=1e-7
    )


class Model:
    def __init__(self, w):
        self.w = w

    @trace
    def loss(self, x):
        return np.sum((self.w * x - 1) ** 2)

    def slope(self, x):
        return grad(self.loss)(x)

    def train(self, x):
        self.w = self.w - 0.1 * grad(lambda w: np.sum((w * x - 1) ** 2))(self.w)
        return self.w


def test_models_that_differentiate_themselves():
    model = Model(X.copy())
    for _ in range(3):
        expected = 2 * model.w * (model.w * X - 1)
        np.testing.assert_allclose(model.slope(X), expected)
        np.testing.assert_allclose(grad(model.loss)(X), expected)
        before = model.w
        np.testing.assert_allclose(model.train(X), before - 0.2 * X * (before * X - 1))


def test_trees_with_own_classes_in_and_out():
    def program(point, fixed, pair):
        return Point(point.a * fixed.w, pair.left, [fixed.shift]), pair._replace(right=point.b * 2)

    calls = [(Point(X, 1.0), Fixed(X * k), Pair(X, 2.0 * k)) for k in (1.0, 2.0)]
    agree(program, calls)
    g = grad(lambda p, f: np.sum(f.apply(p.a) * p.b), (0, 1))(Point(X, 2.0), Fixed(X))
    np.testing.assert_allclose(g[0].a, 2 * X)
    np.testing.assert_allclose(g[1].w, 2 * X)
    assert isinstance(g[1], Fixed) and isinstance(g[0], Point)
