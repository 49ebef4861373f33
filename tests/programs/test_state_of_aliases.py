"""Two ways that lead to one object, until one of them leads to another: each is followed anew."""

import pytest

from tests.programs.changes import Cases, X, changes_are_seen

case = Cases()
LEFT = RIGHT = CFG = SAME = None


@case
def two_ways_to_one_object_that_part():
    class Part:
        def __init__(self, k):
            self.k = k

    class Whole:
        first = Part(2.0)

    whole = Whole()
    whole.second = whole.first
    rows = [whole.first, [3.0], {"k": X}]
    rows += [rows[1], rows[2]]
    method = inner = lambda x: x * whole.second.k

    def program(x):
        parts = x * whole.first.k + x * whole.second.k + x * rows[0].k
        parts = parts + x * rows[1][0] + x * rows[3][0] + rows[2]["k"] * rows[4]["k"]
        return parts + inner(x) + method(x)

    def another_function():
        nonlocal inner
        k = 7.0
        inner = lambda x: x * k

    return program, [
        lambda: setattr(whole, "second", Part(5.0)),
        lambda: setattr(whole.second, "k", 6.0),
        lambda: rows.__setitem__(0, Part(X)),
        lambda: rows.__setitem__(3, [4.0]),
        lambda: rows.__setitem__(4, {"k": X + 1.0}),
        another_function,
        lambda: setattr(whole, "second", whole.first),
        lambda: setattr(whole.first, "k", 9.0),
    ]


@case
def two_globals_that_are_one_object():
    class Part:
        k = 1.0

    globals().update(LEFT=Part(), CFG={"scale": 2.0})
    globals().update(RIGHT=LEFT, SAME=CFG)

    def program(x):
        return x * LEFT.k + x * RIGHT.k + x * CFG["scale"] + x * SAME["scale"]

    def another():
        globals()["RIGHT"] = part = Part()
        part.k = 4.0

    return program, [
        another,
        lambda: globals().update(SAME={"scale": 8.0}),
        lambda: globals().update(LEFT=RIGHT),
    ]


@pytest.mark.parametrize("make", case, ids=lambda f: f.__name__)
def test_changes_are_seen(make):
    changes_are_seen(make)
