"""No question of the package's own reaches a ``__getattr__`` of the user's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.recording.agreement import same
from tracer import grad, trace, vmap

ASKED: list[str] = []


class Table:
    def __init__(self, **entries):
        object.__setattr__(self, "entries", entries)

    def __getattr__(self, name):
        ASKED.append(name)
        return self.entries[name]  # KeyError, where AttributeError is the custom


class Callable(Table):
    def __call__(self, x):
        return (self.k * x * x).sum()


class Method(Table):
    @trace
    def energy(self, x):
        return (self.k * x * x).sum()


class Meta(type):
    def __getattr__(cls, name):
        ASKED.append(name)
        raise KeyError(name)


class OfMeta(metaclass=Meta):
    k = 2.0

    def __init__(self):
        self.j = 1.0

    @trace
    def energy(self, x):
        return (self.k * self.j * x * x).sum()

    def plain(self, x):
        return (self.k * self.j * x * x).sum()


class Everything:
    """Answers every name."""

    k = 2.0

    def __getattr__(self, name):
        ASKED.append(name)
        return self


TABLE, CALLABLE, METHOD, OF_META = Table(k=2.0), Callable(k=2.0), Method(k=2.0), OfMeta()
EVERYTHING, ROW = Everything(), [TABLE]
X, TEN = np.arange(3.0), np.float64(10.0)


def of_global(x):
    return (TABLE.k * x * x).sum()


def of_argument(x, table):
    return (table.k * x * x).sum()


def of_call(x, function):
    return function(x)


def of_global_call(x):
    return CALLABLE(x)


def in_a_list(x):
    return sum(table.k for table in ROW) * (x * x).sum()


def handed_on(x):
    return of_argument(x, TABLE)


def by_name(x):
    return (getattr(TABLE, "k") * x * x).sum()


def of_default(x, table=TABLE):
    return (table.k * x * x).sum()


def of_meta(x):
    return OF_META.plain(x) * OfMeta.k / 2.0


def of_method(x):
    return METHOD.energy(x)


def missing(x):
    try:
        return TABLE.missing * x.sum()
    except KeyError:
        return 2.0 * (x * x).sum()


def of_everything(x):
    return (EVERYTHING.k * x * x).sum()


CALLS = {
    "global": (of_global,),
    "argument": (of_argument, TABLE),
    "call": (of_call, CALLABLE),
    "global call": (of_global_call,),
    "list": (in_a_list,),
    "handed on": (handed_on,),
    "name": (by_name,),
    "default": (of_default,),
    "metaclass": (of_meta,),
    "method": (of_method,),
    "missing": (missing,),
    "everything": (of_everything,),
    "object": (CALLABLE,),
}


@pytest.mark.parametrize("name", CALLS)
def test_getattr_of_the_users_is_asked_for_the_users_names_alone(name):
    function, *more = CALLS[name]
    ASKED.clear()
    traced = trace(function)
    for _ in range(2):
        same(traced(X, *more), TEN)
        same(grad(function)(X, *more), 4.0 * X)
    same(vmap(function, (0, *[None for _ in more]))(np.stack([X, X]), *more), np.full(2, 10.0))
    assert "def " in traced.source(X, *more)
    same(trace(check=True)(function)(X, *more), TEN)
    assert set(ASKED) <= {"k", "missing"}


def test_methods_of_such_objects():
    ASKED.clear()
    for method in (METHOD.energy, OF_META.energy):
        same(method(X), TEN)
        same(grad(method)(X), 4.0 * X)
        assert "def " in method.source(X)
    assert set(ASKED) <= {"k"}
    METHOD.entries["k"] = 3.0
    try:
        same(METHOD.energy(X), np.float64(15.0))
    finally:
        METHOD.entries["k"] = 2.0
