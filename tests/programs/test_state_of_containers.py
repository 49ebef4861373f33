"""Containers and iterators that change between calls: each change is seen by the next call."""

import collections
import functools
import types

import numpy as np
import pytest

from tests.programs.changes import Cases, X, changes_are_seen

case = Cases()


@case
def deques():
    q = collections.deque([1.0, 2.0])
    return (
        lambda x: sum(v * x for v in q) + q[0] * len(q),
        [
            lambda: q.append(3.0),
            lambda: q.__setitem__(0, 9.0),
            lambda: q.rotate(),
            lambda: q.popleft(),
        ],
    )


@case
def counters():
    c = collections.Counter(a=2)
    return (
        lambda x: x * c["a"] + c["missing"] + sum(c.values()),
        [lambda: c.update(a=1), lambda: c.update(missing=4)],
    )


@case
def default_and_ordered_dicts():
    d, o = collections.defaultdict(float, a=1.0), collections.OrderedDict(a=1.0, b=2.0)
    return (
        lambda x: x * d["a"] + [v for v in o.values()][0] + list(o)[0].count("a") + dict(o)["b"],
        [
            lambda: d.__setitem__("a", 3.0),
            lambda: o.move_to_end("a"),
            lambda: o.__setitem__("b", 8.0),
        ],
    )


@case
def chain_maps():
    base, own = {"a": 1.0}, {}
    m = collections.ChainMap(own, base)
    return lambda x: x * m["a"], [
        lambda: base.__setitem__("a", 2.0),
        lambda: own.__setitem__("a", 5.0),
    ]


@case
def mapping_proxies():
    table = {"a": 1.0, "b": 2.0}
    proxy = types.MappingProxyType(table)
    return (
        lambda x: x * proxy["a"] + sum(proxy.values()) + len(proxy),
        [lambda: table.__setitem__("a", 4.0), lambda: table.__setitem__("c", 1.0)],
    )


@case
def sets():
    s = {1, 2}
    return lambda x: sum(v * x for v in s) + len(s) + (3 in s), [
        lambda: s.add(3),
        lambda: s.discard(1),
    ]


@case
def ranges_and_tuples():
    box = types.SimpleNamespace(r=range(3), t=(1.0, (2.0, 3)))
    return (
        lambda x: sum(x * k for k in box.r) + box.t[1][0] * x + box.t[1][1],
        [lambda: setattr(box, "r", range(1, 3)), lambda: setattr(box, "t", (1.0, (5.0, 4)))],
    )


@case
def key_errors_caught():
    table, items = {}, [1.0]

    def program(x):
        try:
            y = x * table["k"]
        except KeyError:
            y = x
        try:
            return y + items[1]
        except IndexError:
            return y

    return program, [
        lambda: table.__setitem__("k", 2.0),
        lambda: items.append(5.0),
        lambda: table.clear(),
    ]


@case
def dictionary_queries():
    table = {"a": 1.0}
    return (
        lambda x: (
            x * table.get("b", 2.0)
            + ("c" in table)
            + len(table)
            + sum(len(k) for k in table)
            + table.setdefault("a", 9.0)
        ),
        [
            lambda: table.__setitem__("b", 5.0),
            lambda: table.__setitem__("c", 1.0),
            lambda: table.__setitem__("long", 0.0),
        ],
    )


@case
def list_queries():
    items = [3.0, 1.0]
    return (
        lambda x: (
            x * items[-1]
            + len(items)
            + sum(items)
            + max(items)
            + items.index(max(items))
            + sorted(items)[0]
            + items[::-1][0]
            + (2.0 in items)
            + (items == [3.0, 1.0])
        ),
        [
            lambda: items.append(2.0),
            lambda: items.__setitem__(0, 0.5),
            lambda: items.reverse(),
            lambda: items.clear() or items.append(7.0),
        ],
    )


@case
def nested_containers():
    tree = {"layers": [{"w": X.copy(), "act": "tanh"}, {"w": 2 * X, "act": "sin"}]}

    def program(x):
        for layer in tree["layers"]:
            x = getattr(np, layer["act"])(layer["w"] * x)
        return x

    return program, [
        lambda: tree["layers"][1].__setitem__("act", "cos"),
        lambda: tree["layers"][0]["w"].__setitem__(0, 3.0),
        lambda: tree["layers"].append({"w": 0.5, "act": "exp"}),
        lambda: tree["layers"].pop(0),
    ]


@case
def enumerated_and_zipped():
    ws, names = [1.0, 2.0], ["a", "b"]

    def program(x):
        total = 0.0
        for i, (w, name) in enumerate(zip(ws, names)):
            total = total + x * w * (i + 1) + len(name)
        for w in reversed(ws):
            total = total * w
        first, *_ = ws
        a, b = names[0], [*ws][-1]
        return total + first + len(a) * b

    return program, [
        lambda: ws.__setitem__(1, 5.0),
        lambda: names.__setitem__(0, "long"),
        lambda: ws.__setitem__(0, 0.5),
    ]


@case
def mapped_and_filtered():
    ws = [1.0, -2.0, 3.0]
    return (
        lambda x: (
            sum(map(lambda w: w * x, ws))
            + len(list(filter(lambda w: w > 0, ws)))
            + functools.reduce(lambda a, b: a * b, ws)
            + sum([w**2 for w in ws if w > 0])
            + any(w > 4 for w in ws)
        ),
        [lambda: ws.__setitem__(0, 5.0), lambda: ws.__setitem__(1, 2.0), lambda: ws.append(0.5)],
    )


@case
def star_arguments():
    args, kwargs = [2.0, 3.0], {"c": 1.0}

    def f(x, a, b, c=0.0, n=1):
        return x * a + b * c * n

    return (
        lambda x: f(x, *args, **kwargs) + max(*args),
        [
            lambda: args.__setitem__(0, 5.0),
            lambda: kwargs.__setitem__("c", 4.0),
            lambda: kwargs.__setitem__("n", 3),
        ],
    )


@case
def starred_displays():
    items, table = [1.0, 2.0], {"a": 3.0}

    def program(x):
        both = [*items, 5.0]
        merged = {**table, "b": 1.0}
        return x * both[0] + merged["a"] + len(both) + len(merged) + len({*items})

    return program, [
        lambda: items.__setitem__(0, 4.0),
        lambda: table.__setitem__("a", 7.0),
        lambda: items.append(1.0),
    ]


@case
def iterators_kept_outside():
    class Schedule:
        def __init__(self):
            self.t = 0

        def rate(self):
            return 0.5 / (1 + self.t)

    s = Schedule()
    return lambda x: x * s.rate(), [lambda: setattr(s, "t", 1), lambda: setattr(s, "t", 2)]


@case
def generators_of_outside_values():
    ws = [1.0, 2.0]

    def each():
        for w in ws:
            yield w * 2
        yield from ws

    return lambda x: sum(x * w for w in each()), [
        lambda: ws.append(3.0),
        lambda: ws.__setitem__(0, 5.0),
    ]


@case
def user_list_and_dict_types():
    class Weights(list):
        pass

    class Table(dict):
        pass

    w, t = Weights([1.0, 2.0]), Table(a=1.0)
    return (
        lambda x: sum(v * x for v in w) + w[0] + t["a"] + sum(t.values()) + len(w),
        [
            lambda: w.__setitem__(0, 4.0),
            lambda: w.append(1.0),
            lambda: t.__setitem__("a", 6.0),
            lambda: t.__setitem__("b", 6.0),
        ],
    )


@case
def memoryviews_and_array_module():
    import array

    a = array.array("d", [1.0, 2.0, 3.0])
    return lambda x: x * a[0] + np.asarray(a), [lambda: a.__setitem__(0, 5.0)]


@pytest.mark.parametrize("make", case, ids=lambda f: f.__name__)
def test_changes_are_seen(make):
    changes_are_seen(make)
