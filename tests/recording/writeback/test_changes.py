"""What a function changes of dicts, lists and dataclasses that it is given, the caller sees."""

import array
import copy
import dataclasses
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple

import numpy as np
import pytest

from tests.recording.agreement import agree, same
from tracer import checkpoint, errors, grad, jacobian, jvp, trace, value_and_grad, vjp

X = np.array([0.5, -1.0, 2.0])
W = np.arange(3.0) + 1
OPTIONS = {"k": W}
Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class State:
    x: object
    steps: int = 0

    def step(self, g):
        self.x = self.x - g
        self.steps = self.steps + 1
        return self


@dataclasses.dataclass(slots=True)
class Slots:
    x: object
    history: list


def update(params, grads):
    for name in params:
        params[name] = params[name] - 0.5 * grads[name]
    return params["w"].sum()


def descend(params, grads, rate):
    for name in params:
        params[name] -= rate * grads[name]
    return params


def grow(rows, x):
    rows.append(x * 2)
    rows[0] = x
    return rows


def nest(table, x):
    table["new"] = {"a": [x + 1, "text"], "b": (x, None)}
    del table["old"]
    table["rows"].append(table["new"])
    return table["new"], x


def swap(table, x):
    table["a"], table["b"] = table["b"], table["a"]
    x[0] = 5
    table["view"] = x[1:]
    return x


def reorder(table, x):
    table["rows"].pop()
    table["rows"].insert(0, x)
    table["rows"].reverse()
    return table.setdefault("k", x.sum())


def branch(table, x):
    if x.sum() > 0:
        table["up"] = x
    else:
        table["down"] = -x
    table["m"] *= 2


def advance(state, x):
    return state.step(x).step(x).x


def slots(state, x):
    state.history.append(x)
    state.x = state.x + 1
    return state


def move(table, x):
    table.move_to_end("a")
    table["z"] = table["a"] * x
    return table


def collect(table, x):
    table["q"].append(x)
    return table["q"]


def refill(rows, x):
    rows.clear()
    rows += [x, x.tolist(), x[0].item(), 3, True, None, np.float32(2)]
    del rows[1:2]
    return len(rows)


def in_tuples(pair, x):
    pair.left["k"] = x
    pair.right.append(pair.left)
    return pair


def in_a_helper(table, x):
    def put(inner):
        inner["n"] = x * 2
        return inner["n"].sum()

    return put(table) + table["n"][0]


@trace
def traced_helper(table, x):
    table["n"] = x * 3


def in_a_traced_helper(table, x):
    traced_helper(table, x)
    return table["n"]


def in_a_checkpoint(table, x):
    def put(table, x):
        table["k"] = x * 2
        return x.sum()

    return checkpoint(put)(table, x), table


def back_again(table, x):
    kept = table.pop("w")
    table["w"] = kept
    return x + kept


def moments(state, g):
    state["t"] += 1
    state["m"] *= 0.9
    state["m"] += 0.1 * g
    state["p"] = state["p"] - state["m"] / (1 - 0.9 ** state["t"])
    return state


PROGRAMS = {
    update: [({"w": X, "b": 1.0}, {"w": X, "b": 2.0}), ({"w": -X, "b": 3.0}, {"w": X, "b": 2.0})],
    descend: [({"w": X, "b": 1.0, "q": np.float32(2)}, {"w": X, "b": 2.0, "q": 1.0}, 0.1)],
    grow: [([X], X + 1), ([X, X], X + 1)],
    nest: [({"old": 1, "rows": []}, X), ({"rows": [X], "old": X}, X)],
    swap: [({"a": X, "b": X + 2}, X)],
    reorder: [({"rows": [1, X]}, X), ({"rows": [1, X], "k": 2}, X)],
    branch: [({"m": X}, X), ({"m": X}, -X)],
    advance: [(State(X, 3), X), (State(X, 4), X), (State(X, 5), X)],
    slots: [(Slots(X, []), X), (Slots(X, [X]), X)],
    move: [(OrderedDict(a=X, b=X + 1), X)],
    collect: [(defaultdict(list), X), (defaultdict(list, q=[X]), X)],
    refill: [([1, 2, 3], X), ([1.0, X], X)],
    in_tuples: [(Pair({}, []), X)],
    in_a_helper: [({}, X)],
    in_a_traced_helper: [({}, X)],
    in_a_checkpoint: [({}, X)],
    back_again: [({"w": X}, X), ({"w": X, "v": X}, X)],
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_containers_end_as_in_plain_code(program):
    traced = agree(program, PROGRAMS[program])
    agree(program, PROGRAMS[program], trace(check=True)(program))
    traced.cache.entries.clear()
    agree(program, PROGRAMS[program][::-1])


def test_states_that_go_through_many_calls_have_few_programs():
    own, other = {"t": 0, "m": X * 0, "p": X * 0}, {"t": 0, "m": X * 0, "p": X * 0}
    traced = trace(moments)
    momentum = own["m"]
    for k in range(10):
        assert traced(own, X * k) is own
        moments(other, X * k)
    same(own, other)
    assert own["m"] is momentum and len(traced.cache.entries) == 2


def test_what_is_put_somewhere_is_the_object_that_plain_code_puts_there():
    def program(table, x):
        fresh = np.zeros(3)
        fresh[1] = x[1]
        rows = [x]
        table.update(fresh=fresh, rows=rows, again=rows, view=fresh[1:], w=W, sin=np.sin)
        table["options"], table["f"], table["kind"] = OPTIONS, in_a_helper, float
        table["first"], table["second"] = table["second"], table["first"]
        table["inner"]["itself"] = table["inner"]
        return rows

    for call in (program, trace(program)):
        first, second, inner, x = X.copy(), X.copy(), {}, X.copy()
        table = {"first": first, "second": second, "inner": inner}
        rows = call(table, x)
        assert rows is table["rows"] is table["again"] and rows[0] is x
        assert table["w"] is W and table["options"] is OPTIONS and table["f"] is in_a_helper
        assert table["sin"] is np.sin and table["kind"] is float
        assert table["first"] is second and table["second"] is first
        assert np.shares_memory(table["view"], table["fresh"])
        assert inner["itself"] is inner is table["inner"]


def test_views_of_arguments_that_are_put_somewhere_stay_views():
    def program(table):
        view = table["a"][1:]
        table["view"] = view
        view *= 2
        table["a"] = table["a"] + 1
        return view

    for call in (program, trace(program)):
        a = X.copy()
        table = {"a": a}
        result = call(table)
        assert result is table["view"] and np.shares_memory(table["view"], a)
        same(a, np.array([0.5, -2.0, 4.0]))
        same(table["a"], a + 1)


def test_what_was_taken_out_is_changed_too():
    def program(table, x):
        inner = table.pop("inner")
        inner["z"] = x * 2

    for call in (program, trace(program)):
        inner = {"z": 1}
        table = {"inner": inner}
        call(table, X)
        assert table == {} and inner["z"].tolist() == (X * 2).tolist()


def test_mutable_defaults_keep_what_is_put_into_them():
    def plain(x, seen=[]):  # noqa: B006 - that is what is tested
        seen.append(x.sum())
        return len(seen), seen[-1]

    def other(x, seen=[]):  # noqa: B006
        seen.append(x.sum())
        return len(seen), seen[-1]

    traced = trace(other)
    for k in range(3):
        same(traced(X * k), plain(X * k))
    same(other.__defaults__, plain.__defaults__)


def test_one_container_at_two_places():
    def program(one, other):
        one["a"] = one["a"] + 1
        return other["a"].sum()

    for traced in (program, trace(program)):
        for _ in range(2):
            shared, first, second = {"a": X}, {"a": X}, {"a": X}
            assert traced(shared, shared) == X.sum() + 3
            assert traced(first, second) == X.sum()
            same(first["a"], X + 1)


def test_a_branch_that_is_missed_has_changed_nothing():
    def program(rows, x):
        rows.append(x)
        if x[0] > 0:
            rows.append(x * 2)
        return len(rows)

    traced = trace(program)
    for x in (X, -X, X, -X):
        own, other = [], []
        assert traced(own, x) == program(other, x)
        same(own, other)


def test_random_draws_into_a_dict():
    def program(table, x):
        table["noise"] = np.random.normal(size=3) * x
        return table

    traced = trace(program)
    for seed in (0, 1):
        np.random.seed(seed)
        expected = program({}, X)
        np.random.seed(seed)
        same(traced({}, X), expected)


TRANSFORMS = {
    "grad": lambda f: grad(f)({"w": X}),
    "value_and_grad": lambda f: value_and_grad(f)({"w": X}),
    "vjp": lambda f: vjp(f, {"w": X}),
    "jvp": lambda f: jvp(f, ({"w": X},), ({"w": X},)),
    "jacobian": lambda f: jacobian(f)({"w": X}),
    "source": lambda f: trace(f).source({"w": X}),
    "inside": lambda f: trace(lambda p: grad(f)(p))({"w": X}),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_what_changes_its_containers_has_no_derivative(name):
    def program(params):
        params["w"] = params["w"] * 2
        return params["w"].sum()

    with pytest.raises(errors.ArgumentWrite, match=r"params = dict\(params\)"):
        TRANSFORMS[name](program)


class Table(dict):
    pass


class Rows(list):
    pass


def append(rows, x):
    rows.append(3)
    return x * 2


def put(table, x):
    table["a"] = 3
    return x * 2


OTHERS = [
    (append, deque([1])),
    (append, UserList([1])),
    (append, Rows([1])),
    (append, bytearray(b"1")),
    (append, array.array("d", [1.0])),
    (put, UserDict(b=1)),
    (put, Table(b=1)),
    (put, Counter("a")),
    (lambda given, x: given.add(3), {1}),
]


@pytest.mark.parametrize(
    ("program", "given"), OTHERS, ids=[type(given).__name__ for _, given in OTHERS]
)
def test_other_containers_are_put_back_and_refused(program, given):
    before = copy.deepcopy(given)
    traced = trace(program)
    for _ in range(2):
        with pytest.raises(errors.CaptureMutationError, match=type(given).__name__):
            traced(given, X)
        assert given == before and len(given) == len(before)


def test_what_would_be_the_same_in_all_calls_is_refused():
    class Box:
        pass

    def objects(table, x):
        table["box"] = Box()

    def functions(table, x):
        table["f"] = lambda: x

    def texts(table, x):
        table["text"] = f"{x[0]:.1f}"

    def keys(table, x):
        table[f"{x[0]:.1f}"] = x

    for program in (objects, functions, texts, keys):
        table = {}
        with pytest.raises(errors.CaptureMutationError):
            trace(program)(table, X)
        assert table == {}

    def attributes(state, x):
        state.more = x

    with pytest.raises(errors.CaptureMutationError, match="no field"):
        trace(attributes)(State(X), X)
