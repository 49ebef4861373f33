"""What a program writes to objects, containers and variables outside of it, in every call."""

import collections
import copy
import gc
import threading
import types
import weakref

import numpy as np
import pytest

from tests.recording.agreement import same
from tracer import errors, grad, jvp, trace, value_and_grad, vjp

X = np.array([0.5, 1.5, -2.0])
COUNT, LAST, MODE = 0, None, "first"
TABLE, LOG = {"w": 1.0, "n": 2}, [1.0, 2.0]
SETTINGS = types.ModuleType("settings_that_are_written")
SETTINGS.rate = 1.0


class Model:
    made = 0

    def __init__(self):
        self.calls, self.total, self.cache, self.log, self.table = 0, 0.0, None, [], {}
        self.w, self.recent, self.seen, self._scale = np.ones(3), collections.deque(), False, 1.0
        self.last_three = collections.deque(maxlen=3)
        self.groups_of = collections.defaultdict(list)

    @property
    def scale(self):
        return self._scale

    @scale.setter
    def scale(self, value):
        self._scale = value * SETTINGS.rate

    def counts(self, x):
        self.calls += 1
        return x * self.calls

    def counts_by_assignment(self, x):
        self.calls = self.calls + 1
        return x * self.calls

    def counts_after_reading(self, x):
        y = x / (1 + self.calls)
        self.calls += 1
        return y

    def counts_unread(self, x):
        self.calls += 1
        return x * 2

    def adds_up(self, x):
        self.total += x.sum()
        return x * self.total

    def caches(self, x):
        self.cache = np.tanh(x)
        return self.cache * 2

    def caches_a_tree(self, x):
        self.cache = {"h": x * 2, "rows": [x.sum(), 1], "both": (x[0], "text")}
        return self.cache["h"] * self.cache["rows"][0]

    def keeps_what_it_was_given(self, x):
        self.cache, self.total = x, self.w
        return x * 2

    def logs(self, x):
        self.log.append(x.sum())
        return x * len(self.log) + self.log[-1]

    def logs_several(self, x):
        self.log += [1.0, x[0]]
        self.log.extend(v for v in x)
        return x

    def keeps_the_last(self, x):
        self.last_three.append(x[0])
        self.recent.append(1)
        return x

    def fills_a_table(self, x):
        self.table["h"] = x * 2
        self.table.update(n=len(self.table), s=x.sum())
        self.table.setdefault("first", x[0])
        self.table["count"] = self.table.get("count", 0) + 1
        return self.table["h"] + self.table["first"]

    def groups(self, x):
        self.groups_of["all"].append(x[0])
        self.groups_of[int(x[0] > 1)].append(1)
        return x * len(self.groups_of)

    def rewrites_a_list(self, x):
        self.log[:] = [x[0], 2.0]
        self.log.sort(key=lambda v: 0)
        return x * self.log[0]

    def remembers(self, x, n=3):
        if n not in self.table:
            self.table[n] = x * 2
        return self.table[n] + x

    def puts_into_what_is_new(self, x):
        self.cache = np.zeros(3)
        self.cache[1] = x[0]
        self.table = {"rows": []}
        self.table["rows"].append(x[1])
        return self.cache + self.table["rows"][0]

    def learns(self, x):
        self.w = self.w - 0.1 * x
        return x * self.w

    def first_call_only(self, x):
        if not self.seen:
            self.seen = True
            self.w = x.mean() * self.w
        return x * self.w

    def every_third(self, x):
        self.calls += 1
        if self.calls % 3 == 0:
            self.total = self.total + x.max()
        return x + self.total

    def by_a_property(self, x):
        self.scale = x.sum()
        return x * self.scale

    def by_setattr(self, x):
        setattr(self, "cache", x * 3)  # noqa: B010 - how it is written is what is tested
        object.__setattr__(self, "calls", 7)
        self.__dict__["total"] = x[1]
        return x * self.total

    def deletes(self, x):
        self.extra = x * 2
        y = self.extra
        del self.extra
        return y

    def of_the_class(self, x):
        type(self).made += 1
        return x * self.made

    def in_a_helper(self, x):
        note(self, x * 2)
        return x * self.calls

    def in_a_loop(self, x):
        for value in x:
            self.total = self.total + value
            self.calls += 1
        return x * self.total

    def puts_the_same(self, x):
        self.cache, self.calls = None, 0
        return x

    def unpacks(self, x):
        self.total, (self.cache, *self.log) = x.sum(), (x[0], 1, 2)
        for self.calls in range(3):
            pass
        return x * self.calls


def note(model, value):
    model.cache = value
    model.calls += 2


METHODS = [name for name, held in vars(Model).items() if isinstance(held, types.FunctionType)]
METHODS = [name for name in METHODS if not name.startswith("__")]


def state(model):
    """What a model holds, as a tree."""
    held = {
        key: list(v) if isinstance(v, collections.deque) else v for key, v in vars(model).items()
    }
    return held | {"made": type(model).made}


@pytest.fixture(autouse=True)
def as_before():
    yield
    restore()


def calls(make, name, run, expected, others=()):
    """Five calls of a method of a model and of its twin leave both alike."""
    one, other = make(), make()
    for turn in range(5):
        x = X * (turn + 1) if turn != 3 else X[::-1] - 4.0
        made = Model.made
        want = expected(getattr(one, name), x)
        after, Model.made = state(one), made
        got = run(other, x)
        same(got, want, f"call {turn}")
        same(state(other), after, f"state after call {turn}")
        for change in others:
            change(one), change(other)


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_methods_leave_what_plain_code_leaves(name, check):
    known = {}

    def run(model, x):
        traced = known.setdefault(id(model), trace(getattr(model, name), check=check))
        return traced(x)

    calls(Model, name, run, lambda method, x: method(x))


@pytest.mark.parametrize("name", METHODS)
def test_objects_that_are_arguments(name):
    traced = trace(lambda model, x: getattr(model, name)(x))
    calls(Model, name, traced, lambda method, x: method(x))
    models = [Model() for _ in range(4)]
    for model in models:  # each call another one
        twin = Model()
        made = Model.made
        want = getattr(twin, name)(X)
        Model.made = made
        same(traced(model, X), want)
        same(state(model), state(twin) | {"made": Model.made})


@pytest.mark.parametrize("name", METHODS)
def test_state_that_is_changed_between_calls(name):
    def change(model):
        model.calls += 10
        model.total = 2.5
        model.w = model.w * 2
        model.log.append(9.0)

    traced = trace(lambda model, x: getattr(model, name)(x))
    calls(Model, name, traced, lambda method, x: method(x), [change])


@pytest.mark.parametrize("name", METHODS)
def test_derivatives_write_as_the_function_does(name):
    def slope(function, x):
        columns, made = [], Model.made
        for place in np.eye(3) * 1e-6:
            ends = []
            for sign in (1, -1):
                Model.made = made
                ends.append(np.sum(copy.deepcopy(function)(x + sign * place)))
            columns.append((ends[0] - ends[1]) / 2e-6)
        Model.made = made
        function(x)
        return np.array(columns)

    one, other = Model(), Model()
    ways = [
        lambda f, x: grad(f)(x),
        lambda f, x: value_and_grad(f)(x)[1],
        lambda f, x: vjp(f, x)[1](1.0)[0],
        lambda f, x: np.array([jvp(f, (x,), (row,))[1] for row in np.eye(3)[:1]]),
    ]
    for way in ways:
        made = Model.made
        expected = slope(getattr(one, name), X)
        after, Model.made = state(one), made
        method = getattr(other, name)
        got = way(lambda x, method=method: method(x).sum(), X)
        np.testing.assert_allclose(got, expected[: len(got)], rtol=1e-5, atol=1e-6)
        same(state(other), after)


# -- functions ------------------------------------------------------------------------------------
def counts(x):
    global COUNT, LAST
    COUNT += 1
    LAST = x * COUNT
    return LAST + 1


def sets_a_mode(x):
    global MODE
    MODE = "second"
    return x


def writes_items(x):
    TABLE["w"] = x * TABLE["w"]
    TABLE["n"] += 1
    LOG[0] = x.sum()
    LOG[-1] += 1.0
    return TABLE["w"] * TABLE["n"] + LOG[0]


def takes_away(x):
    value = TABLE.pop("extra", 1.0)
    TABLE["extra"] = x[0]
    LOG.insert(0, x[1])
    LOG.pop()
    return x * value


def writes_a_module(x):
    SETTINGS.rate = SETTINGS.rate * 2
    return x * SETTINGS.rate


def swaps(x):
    LOG[0], LOG[1] = LOG[1], LOG[0]
    return x * LOG[0]


FUNCTIONS = [counts, sets_a_mode, writes_items, takes_away, writes_a_module, swaps]


def variables():
    return {
        "count": COUNT,
        "last": LAST,
        "mode": MODE,
        "table": dict(TABLE),
        "log": list(LOG),
        "rate": SETTINGS.rate,
    }


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("check", [False, True])
def test_variables_and_containers(function, check):
    def runs(call):
        found = []
        for turn in range(5):
            found.append((call(X * (turn + 1)), copy.deepcopy(variables())))
        return found

    expected = runs(function)
    restore()
    same(runs(trace(function, check=check)), expected)


def restore():
    global COUNT, LAST, MODE
    COUNT, LAST, MODE, Model.made = 0, None, "first", 0
    TABLE.clear()
    TABLE.update(w=1.0, n=2)
    LOG[:] = [1.0, 2.0]
    SETTINGS.rate = 1.0


def test_what_was_there_already_is_written_again():
    global MODE
    traced = trace(sets_a_mode)
    MODE = "second"
    traced(X)
    MODE = "third"
    traced(X)
    assert MODE == "second"
    o = types.SimpleNamespace(n=3)

    def f(x, o):
        o.n = 3
        return x

    traced = trace(f)
    for before in (3, 5, "text", None):
        o.n = before
        traced(X, o)
        assert o.n == 3


def test_closures():
    def make():
        count, last = 0, None

        def f(x):
            nonlocal count, last
            count += 1
            last = x * count
            return last

        return f, lambda: (count, last)

    (one, seen), (other, seen_too) = make(), make()
    traced = trace(other)
    for turn in range(4):
        same(traced(X * turn), one(X * turn))
        same(seen_too(), seen())


def test_two_objects_that_may_be_one():
    def f(a, b, x):
        a.n = x
        b.n = 2 * x
        a.n = a.n + b.n
        return a.n - b.n

    traced = trace(f)
    a, b, c, d = [types.SimpleNamespace(n=0.0) for _ in range(4)]
    for one, other in ((0, 1), (0, 0), (1, 0), (0, 1), (1, 1)):
        same(traced((a, b)[one], (a, b)[other], 1.5), f((c, d)[one], (c, d)[other], 1.5))
        same((a.n, b.n), (c.n, d.n))


def test_exceptions_leave_what_plain_code_leaves():
    def f(x, o):
        o.n += 1
        o.last = x * 2
        if o.n > 2:
            raise ValueError("enough")
        o.done = x
        return x

    traced = trace(f)
    one, other = types.SimpleNamespace(n=0), types.SimpleNamespace(n=0)
    for turn in range(5):
        for function, thing in ((f, one), (traced, other)):
            try:
                function(X * turn, thing)
            except ValueError:
                pass
        same(vars(other), vars(one))
        assert (turn > 1) == (other.n > 2)


def test_each_thread_has_its_own_object():
    traced, failures = trace(lambda model, x: model.logs(model.counts(x))), []

    def work(number):
        try:
            mine, twin = Model(), Model()
            for turn in range(20):
                x = X * (number + turn)
                same(traced(mine, x), twin.logs(twin.counts(x)))
                same(state(mine), state(twin))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]


def test_threads_that_share_an_object_lose_no_call():
    model = Model()
    traced = trace(model.counts_unread)
    traced(X), traced(X)

    def work():
        for _ in range(100):
            traced(X)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.calls == 402


@pytest.mark.parametrize("name", ["counts", "counts_by_assignment", "counts_after_reading"])
def test_counters_need_no_new_traces(name):
    model = Model()
    traced, twin = trace(getattr(model, name)), Model()
    for _ in range(30):
        same(traced(X), getattr(twin, name)(X))
        same(state(model), state(twin))
    assert type(model.calls) is int
    assert sum(map(len, traced.cache.entries.values())) <= 2


def test_counters_whose_type_is_asked():
    def f(x, o):
        o.n = o.n + 1
        kind = 1 if type(o.n) is int and isinstance(o.n, int) else 2
        return x * kind * (10 if o.n == 3 else 1), [*range(o.n)], f"{o.n}", {o.n: x}

    traced, o, twin = trace(f), types.SimpleNamespace(n=0), types.SimpleNamespace(n=0)
    for turn in range(5):
        same(traced(X * turn, o), f(X * turn, twin))
        same(o.n, twin.n)


def test_no_object_is_kept_alive():
    traced = trace(lambda model, x: model.caches(model.counts(x)))
    model = Model()
    traced(model, X)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
    assert traced(Model(), X) is not None


def test_a_traced_function_in_a_traced_function():
    inner = trace(lambda model, x: model.counts(x))
    outer = trace(lambda model, x: inner(model, x) + inner(model, 2 * x))
    model, twin = Model(), Model()
    for turn in range(4):
        same(outer(model, X * turn), twin.counts(X * turn) + twin.counts(2 * X * turn))
        same(state(model), state(twin))


def test_a_derivative_in_a_traced_function_is_right_or_loud():
    def program(model, x):
        return grad(lambda v: model.caches(v).sum())(x)

    model = Model()
    try:
        got = trace(program)(model, X)
    except errors.CaptureMutationError:
        assert model.cache is None
        return
    np.testing.assert_allclose(got, 2 / np.cosh(X) ** 2)
    np.testing.assert_allclose(model.cache, np.tanh(X))


@pytest.mark.parametrize("write", [lambda seen, x: seen.add(x.sum()), lambda seen, x: seen.add(1)])
def test_sets_are_loud_and_left_alone(write):
    seen = {0}

    def f(x):
        write(seen, x)
        return x

    with pytest.raises((errors.TracerError, TypeError)):
        trace(f)(X)
    assert seen == {0}


def test_functions_that_are_put_outside_are_loud():
    holder = types.SimpleNamespace(later=None)

    def f(x):
        holder.later = lambda: x + 1
        return x

    with pytest.raises(errors.CaptureMutationError):
        trace(f)(X)
    assert holder.later is None
