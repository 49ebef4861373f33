"""What a guard knows an object by: never its address, where another one may come to lie."""

import functools
import gc
import sys
from types import CodeType

import numpy as np
import pytest

from tracer import trace
from tracer.recording.captures.fingerprints import SameObject, fingerprint


def with_default(default):
    def function(x, given=default):
        return x

    return function


ZERO = np.zeros(2)
MAKERS = {
    "function": lambda: eval("lambda x: x"),
    "class": lambda: type("Model", (), {}),
    "array as a default": lambda: with_default(np.ones(3)),
    "list as a default": lambda: with_default([1.0]),
    "method": lambda: [].append,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_an_object_that_is_lost_equals_no_other(make):
    known = fingerprint(make())
    for _ in range(100):
        gc.collect(0)
        assert fingerprint(make()) != known


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_an_object_equals_itself(make):
    value = make()
    assert fingerprint(value) == fingerprint(value)


def test_a_method_made_anew_at_each_access_is_the_same():
    rows = []
    assert SameObject(rows.append) == SameObject(rows.append)
    assert SameObject(rows.append) != SameObject(rows.extend)


def forget_code():
    """Empty the caches that hold code objects, as long runs do when these are full."""
    for name, module in list(sys.modules.items()):
        if not name.startswith("tracer"):
            continue
        for value in list(vars(module).values()):
            if isinstance(value, dict) and any(
                isinstance(row, tuple) and any(isinstance(part, CodeType) for part in row)
                for row in list(value.values())
            ):
                value.clear()
    for value in gc.get_objects():
        if type(value) is functools._lru_cache_wrapper:
            if (value.__module__ or "").startswith("tracer"):
                value.cache_clear()
    gc.collect()


def test_a_function_at_the_address_of_a_lost_one_is_another_one():
    def outer(inner):
        return trace(lambda x: inner(x))

    def made(factor):
        scope = {}
        exec(f"def inner(x):\n    return x * {factor}.0\n", scope)
        return scope["inner"]

    x = np.ones(3)
    for factor in range(2, 30):
        assert outer(made(factor))(x).tolist() == [float(factor)] * 3
        forget_code()


def test_code_and_defaults_that_are_replaced_are_seen_by_the_next_call():
    def helper(x, by=2.0, shift=ZERO):
        return x * by + shift

    def inner(x, by=3.0, shift=ZERO):
        return x - by

    traced = trace(lambda x: helper(x))
    x = np.ones(2)
    for _ in range(3):
        assert traced(x).tolist() == [2.0, 2.0]
    helper.__defaults__ = (4.0, np.ones(2))
    for _ in range(3):
        assert traced(x).tolist() == [5.0, 5.0]
    helper.__code__ = inner.__code__
    for _ in range(3):
        assert traced(x).tolist() == [-3.0, -3.0]
    helper.__kwdefaults__, helper.__defaults__ = {}, (0.5, 0.0)
    assert traced(x).tolist() == [0.5, 0.5]


def test_what_a_default_closes_over_is_seen_by_the_next_call():
    factor = 2.0

    def scale(x):
        return x * factor

    def helper(x, scale=scale):
        return scale(x)

    traced = trace(lambda x: helper(x))
    for value in (2.0, 2.0, 3.0, 3.0, 4.0):
        factor = value
        assert traced(np.ones(1)).item() == value
