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
