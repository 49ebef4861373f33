"""Python's own machinery inside of traced functions: classes, operators, comprehensions."""

import copy
import enum
import functools
import itertools
import operator

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient


def attrs_like(x):
    class Meta(type):
        def __new__(m, n, b, d):
            c = super().__new__(m, n, b, d)
            c.tag = len(n)
            return c

    class A(metaclass=Meta):
        def __init__(self, v):
            self.v = v

        def f(self):
            return self.v * self.tag

    return A(x).f()


def abc_classes(x):
    import abc

    class B(abc.ABC):
        @abc.abstractmethod
        def f(self, v): ...
        def g(self, v):
            return self.f(v) + 1

    class C(B):
        def f(self, v):
            return v * 2

    return C().g(x)


def enums(x):
    class K(enum.IntEnum):
        A = 0
        B = 2

    class S(enum.Enum):
        LIN = "lin"

        def apply(self, v):
            return v * 3

    return x[K.B] * x + S.LIN.apply(x)


def generic_alias(x):
    from typing import Generic, TypeVar

    T = TypeVar("T")

    class Box(Generic[T]):
        def __init__(self, v):
            self.v = v

        def map(self, f):
            return Box(f(self.v))

    return Box[int](x).map(np.sin).map(lambda v: v * 2).v


def copying(x):
    class Holder:
        pass

    o = Holder()
    o.w = x
    o.l = [x, 1]
    c = copy.copy(o)
    d = copy.deepcopy({"a": x, "b": [x]})
    d["a"][0] = 9
    return c.w * 2, d["a"], d["b"][0], copy.copy(x) * 1


def operators_module(x):
    return (
        operator.add(x, 1),
        operator.mul(x, x),
        operator.itemgetter(1)(x),
        functools.reduce(operator.mul, [x, x, 2.0]),
        operator.attrgetter("T")(x) * 1,
        operator.matmul(x, x),
        operator.neg(x),
        operator.iadd(x.copy(), x),
    )


def total_ordering(x):
    @functools.total_ordering
    class V:
        def __init__(s, v):
            s.v = v

        def __lt__(s, o):
            return bool(s.v < o.v)

        def __eq__(s, o):
            return bool(s.v == o.v)

    vs = sorted([V(v) for v in x])
    return np.array([v.v for v in vs]), max(vs).v, (vs[0] >= vs[1])


def partialmethods(x):
    class A:
        def s(self, v, k):
            return v * k

        d = functools.partialmethod(s, k=2.0)

    return A().d(x)


def cached_props(x):
    class A:
        def __init__(s, w):
            s.w = w
            s.n = 0

        @functools.cached_property
        def inv(s):
            s.n += 1
            return 1 / s.w

    a = A(x)
    return a.inv * a.inv, a.n


def slots_inherit(x):
    class A:
        __slots__ = ("a",)

        def __init__(s, a):
            s.a = a

    class B(A):
        __slots__ = ("b",)

        def __init__(s, a, b):
            super().__init__(a)
            s.b = b

        def __repr__(s):
            return f"B({s.a})"

    b = B(x, 2)
    return b.a * b.b, len(repr(b)) > 0


def multiple_inh(x):
    class A:
        def f(s, v):
            return v + 1

    class B(A):
        def f(s, v):
            return super().f(v) * 2

    class C(A):
        def f(s, v):
            return super().f(v) * 3

    class D(B, C):
        pass

    return D().f(x)


def getattr_setattr(x):
    class A:
        pass

    a = A()
    a.__setattr__("w", x)
    a.__dict__["k"] = x * 2
    return getattr(a, "w") * a.k, {k: v * 1 for k, v in vars(a).items()}


def closures_counter(x):
    def make():
        n = 0

        def step(v):
            nonlocal n
            n += 1
            return v * n

        return step

    s = make()
    return s(x) + s(x) + s(x)


def gen_expr_nested(x):
    return (
        sum(a * b for i, a in enumerate(x) for j, b in enumerate(x) if i < j),
        max(v * 2 for v in x),
        min((v for v in x), key=lambda v: -v),
    )


def dict_comp(x):
    return {f"k{i}": v for i, v in enumerate(x) if v > 0.2}


def zip_longest(x):
    return (
        [a * b for a, b in itertools.zip_longest(x, x[:2], fillvalue=1.0)],
        list(itertools.islice(x, 2)),
        [a + b for a, b in itertools.pairwise(x)],
    )


def string_ops(x):
    name = "+".join(["a", "b"])
    return {name: x * len(name.split("+")), "n": name.upper()}


def try_else(x):
    try:
        y = x[10]
    except IndexError as e:
        y = x[0] * len(str(e))
    else:
        y = 0
    return y * x


def exc_groups(x):
    try:
        try:
            raise KeyError("a")
        except KeyError as e:
            raise ValueError(float(x[0])) from e
    except ValueError as e:
        return e.args[0] * x


def starred_assign(x):
    a, *b = x
    *c, d = b
    (e, f), g = (a, d), c
    return a * d, np.array(b), e + f + sum(g)


def lambda_default_mutable(x):
    f = lambda v, acc=[]: (acc.append(v), sum(acc))[1]
    f(x)
    return f(x * 2)


def while_else(x):
    i = 0
    while i < len(x):
        if x[i] > 0.9:
            break
        i += 1
    else:
        return x * i
    return -x


PROGRAMS = [v for v in list(globals().values()) if getattr(v, "__module__", "") == __name__]
X = np.array([0.31, 0.72, 0.15, 0.47])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(X,), (X[::-1] * 0.9,), (X.astype(np.float32),)])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    agree_gradient(program, X)
