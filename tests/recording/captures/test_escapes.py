"""State outside of a traced function: right in every call, or an error, and never a stale number.

What plain NumPy gives in five calls in a row is what the traced function must give, or it raises.
"""

import collections
import queue
import types

import numpy as np
import pytest

from tracer import errors, grad, trace

X = np.array([0.5, 1.5, 2.5])
BOX = types.SimpleNamespace()
TABLE = {}
ITEMS = []
COUNT = 0
TOTAL = 0.0
LAST = None
W = np.ones(3)


def reset():
    global COUNT, TOTAL, LAST, W
    COUNT, TOTAL, LAST, W = 0, 0.0, None, np.ones(3)
    BOX.__dict__.update(n=0, f=1.0, w=np.ones(3), items=[], inner=types.SimpleNamespace(n=0))
    TABLE.clear()
    TABLE.update(n=0, f=1.0, w=np.ones(3))
    ITEMS.clear()


@pytest.fixture(autouse=True)
def fresh():
    reset()
    yield
    reset()


def counted(x):
    global COUNT
    COUNT += 1
    return x * COUNT


def counted_by_assignment(x):
    global COUNT
    COUNT = COUNT + 1
    return x * COUNT


def counted_before(x):
    global COUNT
    y = x * COUNT
    COUNT += 1
    return y


def first_call_only(x):
    global COUNT
    if COUNT == 0:
        COUNT = 1
        return x * 100
    return x


def totalled(x):
    global TOTAL
    TOTAL += 1.5
    return x * TOTAL


def totalled_values(x):
    global TOTAL
    TOTAL = TOTAL + x.sum()
    return x * TOTAL


def attribute(x):
    BOX.n += 1
    return x * BOX.n


def decayed(x):
    y = x * BOX.f
    BOX.f *= 0.5
    return y


def deep_attribute(x):
    BOX.inner.n += 1
    return x * BOX.inner.n


def attribute_array(x):
    BOX.w += 1
    return x * BOX.w


def attribute_rebound(x):
    BOX.w = BOX.w + 1
    return x * BOX.w


def rebound_between_reads(x):
    y = x * BOX.w
    BOX.w = np.full(3, 7.0)
    return y + BOX.w


def float_rebound_between_reads(x):
    y = x * BOX.f
    BOX.f = 9.0
    return y + BOX.f


def item(x):
    TABLE["n"] += 1
    return x * TABLE["n"]


def item_float(x):
    TABLE["f"] *= 2.0
    return x * TABLE["f"]


def item_array(x):
    TABLE["w"] += 1
    return x * TABLE["w"]


def item_element(x):
    TABLE["w"][0] += 1
    return x * TABLE["w"]


def global_array(x):
    global W
    W += 1
    return x * W


def global_element(x):
    W[0] = 5.0
    return x * W


def appended(x):
    ITEMS.append(x[0])
    return x * len(ITEMS)


def appended_number(x):
    ITEMS.append(1.0)
    return x * sum(ITEMS)


def extended(x):
    BOX.items.extend([1, 2])
    return x * len(BOX.items)


def popped(x):
    ITEMS.append(3)
    return x * ITEMS.pop()


def keyed(x):
    TABLE[str(len(TABLE))] = 1.0
    return x * len(TABLE)


def remembered(x):
    global LAST
    before = x if LAST is None else LAST
    LAST = x
    return x + before


def remembered_copy(x):
    global LAST
    before = 0.0 if LAST is None else LAST
    LAST = x.sum()
    return x + before


def default(x, seen=[]):  # noqa: B006 - that is what is tested
    seen.append(1)
    return x * len(seen)


def closure():
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * n

    return f


def closure_with_a_list():
    kept = []

    def f(x):
        kept.append(x)
        return x * len(kept)

    return f


def closure_of_an_average():
    average = 0.0

    def f(x):
        nonlocal average
        average = 0.9 * average + 0.1 * np.sum(x)
        return x - average

    return f


class Model:
    def __init__(self):
        self.steps, self.scale, self.history, self.w = 0, 1.0, [], np.ones(3)

    def counts(self, x):
        self.steps += 1
        return x * self.steps

    def scales(self, x):
        self.scale *= 1.5
        return x * self.scale

    def keeps(self, x):
        self.history.append(float(len(self.history)))
        return x * self.history[-1]

    def learns(self, x):
        self.w -= 0.1 * x
        return x * self.w

    def learns_anew(self, x):
        self.w = self.w - 0.1 * x
        return x * self.w


MAKERS = {
    f.__name__: (lambda f=f: f)
    for f in (
        counted,
        counted_by_assignment,
        counted_before,
        first_call_only,
        totalled,
        totalled_values,
        attribute,
        decayed,
        deep_attribute,
        attribute_array,
        attribute_rebound,
        rebound_between_reads,
        float_rebound_between_reads,
        item,
        item_float,
        item_array,
        item_element,
        global_array,
        global_element,
        appended,
        appended_number,
        extended,
        popped,
        keyed,
        remembered,
        remembered_copy,
        default,
    )
} | {
    "closure": closure,
    "closure with a list": closure_with_a_list,
    "average": closure_of_an_average,
    **{
        f"Model.{name}": (lambda name=name: getattr(Model(), name))
        for name in ("counts", "scales", "keeps", "learns", "learns_anew")
    },
}


def outcome(function, x):
    try:
        return function(x), None
    except Exception as error:
        return None, error


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("ahead", [0, 2])
def test_state_is_right_or_loud(name, ahead):
    """Also if plain calls came before, or between the traced ones."""
    plain = MAKERS[name]()
    for turn in range(ahead):
        plain(X + turn)
    expected = [np.copy(plain(X + turn)) for turn in range(5)]
    reset()
    if default.__defaults__:
        default.__defaults__[0].clear()
    own = MAKERS[name]()
    for turn in range(ahead):
        own(X + turn)
    traced = trace(own)
    for turn in range(5):
        got, error = outcome(traced, X + turn)
        if error is not None:
            assert isinstance(error, errors.TracerError), error
            return
        np.testing.assert_array_equal(got, expected[turn], f"call {turn}")


@pytest.mark.parametrize("name", MAKERS)
def test_gradients_with_state_are_right_or_loud(name):
    plain = MAKERS[name]()
    step = 1e-6
    both = []
    for sign in (1, -1):
        reset()
        default.__defaults__[0].clear()
        both.append(np.sum(MAKERS[name]()(X + sign * step * np.array([1.0, 2.0, -1.0]))))
    reset()
    default.__defaults__[0].clear()
    slope, error = outcome(grad(lambda x: np.sum(plain(x))), X)
    if error is None:
        assert np.isclose(slope @ [1.0, 2.0, -1.0], (both[0] - both[1]) / (2 * step), rtol=1e-4)
    else:
        assert isinstance(error, errors.TracerError), error


def test_a_counter_that_nobody_reads_counts_calls():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x * 2

    traced = trace(f)
    for _ in range(3):
        np.testing.assert_array_equal(traced(X), X * 2)
    assert calls == 3


def test_the_error_names_what_was_changed():
    seen, row = set(), collections.UserList()
    for function, name in (
        (lambda x: seen.add(1) or x, "seen"),
        (lambda x: row.append(1) or x, "row"),
    ):
        with pytest.raises(errors.CaptureMutationError, match=name):
            trace(function)(X)
        assert not seen and not row


@pytest.fixture(scope="module")
def kept():
    """Tensors that left the trace through a queue, which nobody looks into."""
    way = queue.SimpleQueue()

    def f(x):
        kept = types.SimpleNamespace()
        kept.array, kept.scalar, kept.pair = x * 2, x[0], (x, [x.sum()])
        kept.later = lambda: x + 1
        kept.pieces = (v * 2 for v in x)
        kept.iterator = iter(x)
        way.put(kept)
        return x

    trace(f)(X)  # the one call that runs it
    return way.get()


USES = {
    "arithmetic": lambda k: k.array + 1,
    "plain first": lambda k: np.ones(3) * k.array,
    "ufunc": lambda k: np.sin(k.array),
    "function": lambda k: np.sum(k.array),
    "method": lambda k: k.array.sum(),
    "index": lambda k: k.array[0],
    "write": lambda k: k.array.__setitem__(0, 1.0),
    "into plain": lambda k: np.zeros(3).__setitem__(slice(None), k.array),
    "asarray": lambda k: np.asarray(k.array) + 1,
    "float": lambda k: float(k.scalar),
    "bool": lambda k: bool(k.scalar),
    "int": lambda k: int(k.scalar),
    "compare": lambda k: k.scalar > 0,
    "iterate": lambda k: list(k.array),
    "concatenate": lambda k: np.concatenate([X, k.array]),
    "in a list": lambda k: np.array([k.scalar, 1.0]) + 1,
    "in a pair": lambda k: k.pair[1][0] * 2,
    "closure": lambda k: k.later(),
    "generator": lambda k: list(k.pieces),
    "iterator": lambda k: list(k.iterator),
    "traced": lambda k: trace(lambda x: x + k.array)(X),
    "gradient": lambda k: grad(lambda x: np.sum(x * k.array))(X),
    "argument": lambda k: trace(np.sin)(k.array),
    "shape": lambda k: k.array.reshape(3, 1),
    "item": lambda k: k.scalar.item() + 1,
    "bytes": lambda k: k.array.tobytes(),
    "copy": lambda k: k.array.copy() + 1,
    "sorted": lambda k: sorted(k.array),
    "max": lambda k: max(k.array),
    "hash": lambda k: {k.scalar: 1},
}


@pytest.mark.parametrize("name", USES)
def test_what_escaped_raises_when_it_is_used(name, kept):
    assert "0.5" in repr(kept.scalar)
    with pytest.raises((errors.LeakError, TypeError, ValueError)) as caught:
        USES[name](kept)
    through_numpy = ("hash", "asarray", "in a list", "into plain")
    assert isinstance(caught.value, errors.LeakError) or name in through_numpy, caught.value
