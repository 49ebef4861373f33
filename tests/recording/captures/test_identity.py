"""``is``, ``id``, membership and shared memory are answered for what the caller has passed."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pytest

from tracer import errors, grad, trace, vmap

W = np.array([1.0, 2.0, 4.0])
V = W


def yes(x: Any, answer: bool) -> Any:
    return x.sum() if answer else -x.sum()


QUESTIONS = {
    "is": lambda x, y: yes(x, x is y),
    "is not": lambda x, y: yes(x, x is not y),
    "operator.is_": lambda x, y: yes(x, operator.is_(x, y)),
    "operator.is_not": lambda x, y: yes(x, operator.is_not(x, y)),
    "id": lambda x, y: yes(x, id(x) == id(y)),
    "set of ids": lambda x, y: x.sum() * len({id(x), id(y)}),
    "any": lambda x, y: yes(x, any(x is other for other in [y])),
    "in a list": lambda x, y: yes(x, x in [y] if x is y else False),
    "captured": lambda x, y: yes(x, x is W),
    "a name of the captured": lambda x, y: yes(x, V is W) + yes(y, y is V),
    "captured in a list": lambda x, y: yes(x, any(x is other for other in [W, y])),
    "shares memory": lambda x, y: yes(x, np.shares_memory(x, y)),
    "may share memory": lambda x, y: yes(x, np.may_share_memory(x, y)),
    "a view shares": lambda x, y: yes(x, np.shares_memory(x[1:], y)),
    "views share": lambda x, y: yes(x, np.shares_memory(x[:1], y[1:])),
    "views may share": lambda x, y: yes(x, np.may_share_memory(x[::2], y[1:2])),
    "shares with captured": lambda x, y: yes(x, np.shares_memory(x, W)),
    "own view": lambda x, y: yes(x, np.shares_memory(x, x[1:]) and x[:] is not x),
    "asarray": lambda x, y: yes(x, np.asarray(x) is x and x.copy() is not x),
    "a helper": lambda x, y: helper(x, y) + helper(x, x),
    "default": lambda x, y: yes(x, (lambda a, b=W: a is b)(y)),
}


def helper(a: Any, b: Any) -> Any:
    return (a * b).sum() if a is b else (a - b).sum()


def pairs() -> list[tuple[Any, Any]]:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 7.0])
    return [(a, a), (a, b), (a, a[:]), (a, a[::-1]), (W, W), (b, W), (W, a), (b, b), (a, b)]


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("order", [1, -1])
def test_answers_are_those_of_plain_code(name, order):
    plain = QUESTIONS[name]
    traced = trace(plain)
    for x, y in pairs()[::order]:
        assert traced(x, y) == plain(x, y)


@pytest.mark.parametrize("name", ["is", "id", "shares memory", "a helper"])
def test_derivatives_take_the_way_that_plain_code_takes(name):
    plain = QUESTIONS[name]
    gradient = grad(plain)
    for x, y in pairs()[:3]:
        step = 1e-6 * np.eye(3)
        # x alone is moved: the question is asked of the arrays that were passed
        sign = np.sign(plain(x, y))
        found = gradient(x, y)
        if name == "a helper":
            expected = (y if x is y else 1.0) + 2 * x
            assert np.allclose(found, expected)
        else:
            assert np.allclose(found, sign * np.ones(3)), step


def test_numbers_passed_twice():
    def f(a, b):
        return a * 2 if a is b else a * 3

    traced, number = trace(f), 1.5
    for args in [(number, number), (number, float("1.5")), (number, number), (2.5, 1.5)]:
        assert traced(*args) == f(*args)


def test_not_a_number_itself():
    def f(x):
        return 0.0 if x is np.nan else x * 2

    traced = trace(f)
    for x in (np.nan, 1.0, np.nan, float("nan"), 2.0):
        assert np.array_equal(traced(x), f(x), equal_nan=True)


def test_inner_traces_know_what_was_passed_to_the_outer_one():
    def inner(a, b):
        return (a * a).sum() if a is b else (a * b).sum() * 3

    def outer(x, y):
        return grad(inner)(x, y).sum() + grad(inner)(x, x).sum() + inner(x, y)

    traced, a, b = trace(outer), np.array([1.0, 2.0]), np.array([3.0, 5.0])
    for x, y in [(a, a), (a, b), (b, b), (a, a)]:
        assert np.isclose(traced(x, y), outer(x, y))


def test_views_passed_to_inner_traces():
    def inner(a, b):
        return (a * b).sum() if np.shares_memory(a, b) else (a - b).sum()

    def outer(x, y):
        return grad(inner)(x[1:], x[:-1]).sum() + grad(inner)(x[1:], y[1:]).sum()

    traced, a, b = trace(outer), np.arange(4.0), np.arange(4.0) + 3
    for x, y in [(a, b), (b, b), (a, a), (a, b)]:
        assert np.isclose(traced(x, y), outer(x, y))


def test_a_batch():
    found = vmap(lambda x: yes(x, x is x))(np.arange(6.0).reshape(2, 3))
    assert found.tolist() == [3.0, 12.0]


def test_the_base_of_a_view_is_not_at_hand():
    assert trace(lambda x: yes(x, x.base is None))(np.ones(3)) == 3.0
    assert trace(lambda x: yes(x, (x + 1).base is None))(np.ones(3)) == 3.0
    with pytest.raises(errors.LeakError, match="base of a traced view"):
        trace(lambda x: yes(x, x[1:].base is x))(np.ones(3))
    whole = np.ones(3)
    with pytest.raises(errors.LeakError, match="base of a traced view"):
        trace(lambda x: yes(x, x.base is None))(whole[1:])


def test_an_array_of_its_own_and_then_a_view():
    traced = trace(lambda x: yes(x, x.base is None))
    assert traced(np.ones(3)) == 3.0
    with pytest.raises(errors.LeakError, match="base of a traced view"):
        traced(np.ones(4)[1:])


# -- objects that count by their identity -------------------------------------------------------
class Plain:
    """Without an ``__eq__``."""


@dataclass
class Settings:
    rate: float = 1.0


class Color(Enum):
    RED = 1
    BLUE = 2


ONE, TWO = object(), Plain()
MODE: Any = ONE
TABLE = {ONE: 1.0, TWO: 2.0}
ROW = [ONE, TWO]
HOLDER = Plain()
DEFAULT = Settings()
SETTINGS = DEFAULT

MODES = {
    "is": lambda x: yes(x, MODE is ONE),
    "is not": lambda x: yes(x, MODE is not TWO),
    "==": lambda x: yes(x, MODE == ONE),
    "!=": lambda x: yes(x, MODE != ONE),
    "item": lambda x: x.sum() * TABLE[MODE],
    "get": lambda x: x.sum() * TABLE.get(MODE, 0.0),
    "in a slice": lambda x: yes(x, MODE in ROW[:1]),
    "in a table": lambda x: yes(x, MODE in TABLE),
    "index": lambda x: x.sum() * ROW.index(MODE),
    "count": lambda x: x.sum() * [ONE, ONE, TWO].count(MODE),
    "set": lambda x: x.sum() * len({MODE, ONE}),
    "set of a list": lambda x: x.sum() * len(set([MODE, ONE])),  # noqa: C405
    "dict": lambda x: x.sum() * len({MODE: 1, ONE: 2}),
    "id": lambda x: yes(x, id(MODE) == id(ONE)),
    "hash": lambda x: yes(x, hash(MODE) == hash(ONE)),
    "attribute": lambda x: yes(x, HOLDER.mode is ONE),
    "operator": lambda x: yes(x, operator.is_(MODE, ONE) or operator.eq(MODE, TWO)),
    "index of": lambda x: x.sum() * operator.indexOf(ROW, MODE),
}


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("modes", [(ONE, TWO, ONE), (TWO, ONE, TWO)], ids=["one", "two"])
def test_marks_that_stand_for_something(name, modes, monkeypatch):
    plain = MODES[name]
    traced = trace(plain)
    for mode in modes:
        monkeypatch.setitem(globals(), "MODE", mode)
        HOLDER.mode = mode
        assert traced(np.ones(3)) == plain(np.ones(3))


def test_marks_as_arguments():
    def f(x, mode):
        return x.sum() * TABLE[mode] if mode is not TWO else -x.sum()

    traced = trace(f)
    for mode in (ONE, TWO, ONE):
        assert traced(np.ones(3), mode) == f(np.ones(3), mode)


def test_what_stands_under_a_mark_is_read_again(monkeypatch):
    traced = trace(MODES["item"])
    assert traced(np.ones(3)) == 3.0
    monkeypatch.setitem(TABLE, ONE, 5.0)
    assert traced(np.ones(3)) == 15.0


def test_equal_settings_are_not_the_same_settings(monkeypatch):
    traced = trace(lambda x: yes(x, SETTINGS is DEFAULT))
    for settings in (DEFAULT, Settings(), DEFAULT):
        monkeypatch.setitem(globals(), "SETTINGS", settings)
        assert traced(np.ones(3)) == (3.0 if settings is DEFAULT else -3.0)


@pytest.mark.parametrize("kind", [Settings, dict, list])
def test_containers_among_the_arguments_are_built_anew(kind):
    """Which one was passed is not known; that it is itself, and no other type, is."""
    held = kind()
    assert trace(lambda x, c: yes(x, c is c and c is not x))(np.ones(3), held) == 3.0
    with pytest.raises(errors.LeakError, match="compared by identity"):
        trace(lambda x, c: yes(x, c is held))(np.ones(3), held)
    with pytest.raises(errors.LeakError, match="compared by identity"):
        trace(lambda x, c, d: yes(x, c is d))(np.ones(3), held, held)
    with pytest.raises(errors.LeakError, match="compared by identity"):
        trace(lambda x, c: yes(x, id(c) in {id(held)}))(np.ones(3), held)


def test_colors():
    def f(x, color):
        return x.sum() if color is Color.RED else -x.sum()

    traced = trace(f)
    for color in (Color.RED, Color.BLUE, Color.RED):
        assert traced(np.ones(3), color) == f(np.ones(3), color)


def test_objects_that_nobody_compares_share_a_program():
    class Model:
        def __init__(self, rate):
            self.rate = rate

    traced = trace(lambda x, model: x.sum() * model.rate)
    for rate in (1.0, 2.0, 3.0):
        assert traced(np.ones(3), Model(rate)) == 3 * rate
    assert traced.explain().count("program") <= 2


def test_a_lost_object_is_not_kept_alive_by_a_program():
    import gc
    import weakref

    def f(x, mark):
        return yes(x, mark is HOLDER)

    traced, mark = trace(f), Plain()
    traced(np.ones(3), mark)
    lost = weakref.ref(mark)
    del mark
    gc.collect()
    assert lost() is None


def test_without_source_one_array_passed_twice_is_refused():
    space: dict[str, Any] = {}
    exec("def f(x, y): return x.sum() if x is y else -x.sum()", space)
    traced, a, b = trace(space["f"]), np.ones(3), np.arange(3.0)
    assert traced(a, b) == -3.0
    with pytest.raises(errors.LeakError, match="compares by identity"):
        traced(a, a)
    assert traced(b, a) == -3.0
