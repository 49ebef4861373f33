"""Types, flags, names and code in texts are what they are in plain code."""

from __future__ import annotations

import numbers
import sys
from typing import Any

import numpy as np
import pytest

from tracer import errors, grad, trace

SCALE = 2.0
WEIGHTS = np.array([1.0, 2.0, 3.0])


def yes(x: Any, answer: bool) -> Any:
    return x.sum() if answer else -x.sum()


def match_type(x):
    match x.sum():
        case float():
            return x.sum()
        case _:
            return -x.sum()


ASKED = {
    "class of an array": lambda x: yes(x, x.__class__ is np.ndarray),
    "name of the class": lambda x: x.sum() * len(x.__class__.__name__),
    "type of a number": lambda x: yes(x, type(x.sum()) is np.float64),
    "a number is no array": lambda x: yes(x, isinstance(x.sum(), np.ndarray)),
    "a number is a float": lambda x: yes(x, isinstance(x.sum(), float)),
    "one of several": lambda x: yes(x, isinstance(x[0], (int, np.ndarray))),
    "a union": lambda x: yes(x, isinstance(x, list | np.ndarray)),
    "an abstract class": lambda x: yes(x, isinstance(x[0], numbers.Real)),
    "a Python float": lambda x: yes(x, isinstance(x.tolist()[0], np.generic)),
    "a class in a match": match_type,
    "owns its memory": lambda x: yes(x, x.flags.owndata),
    "owns its memory, by name": lambda x: yes(x, x.flags["OWNDATA"]),
    "a view owns nothing": lambda x: yes(x, x[1:].flags.owndata or x.T.flags.owndata),
    "writeable": lambda x: yes(x, x.flags.writeable),
    "names": lambda x: x.sum() * len(dir(x)),
    "size": lambda x: x.sum() * sys.getsizeof(x),
    "text": lambda x: x.sum() * len(repr(x)) * len(f"{x!r:>40}{[x]}"),
    "locals": lambda x: x.sum() * len(locals()) * len(vars()) * len(dir()),
    "eval": lambda x: eval("x.sum() * 2"),
    "eval of outer names": lambda x: eval("(x * WEIGHTS).sum() * SCALE"),
    "eval over globals": lambda x: x.sum() * eval("SCALE + 1", globals()),
    "eval over a table": lambda x: eval("y.sum()", {"y": x}),
    "eval of a lambda": lambda x: eval("(lambda u: u * SCALE)(x)").sum(),
}


@pytest.mark.parametrize("name", ASKED)
def test_answers_are_those_of_plain_code(name):
    plain = ASKED[name]
    traced = trace(plain)
    read_only = np.ones(3)
    read_only.flags.writeable = False
    for x in (np.ones(3), np.arange(4.0)[1:], np.ones(6)[::2], read_only, np.ones(3)):
        assert traced(x) == plain(x)


def test_code_in_a_text_is_differentiated():
    assert np.array_equal(grad(ASKED["eval of outer names"])(np.ones(3)), WEIGHTS * SCALE)


def test_what_code_in_a_text_reads_counts(monkeypatch):
    traced = [trace(ASKED[name]) for name in ("eval of outer names", "eval over globals")]
    for scale in (2.0, 5.0, 2.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        assert [f(np.ones(3)) for f in traced] == [6 * scale, 3 * (scale + 1)]


def test_statements_in_a_text():
    def f(x):
        made: dict[str, Any] = {}
        exec("y = x.sum() * 3", {"x": x}, made)
        return made["y"]

    assert trace(f)(np.ones(3)) == 9.0


def test_references_are_not_counted():
    with pytest.raises(errors.LeakError, match="references"):
        trace(lambda x: x.sum() * sys.getrefcount(x))(np.ones(3))
