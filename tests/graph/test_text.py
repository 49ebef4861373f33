"""The printed form of a graph reads back to an equal graph, whatever is in it."""

from __future__ import annotations

import math
import operator
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.errors import GraphError
from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.check import check
from tracer.graph.node import HOLES, Node, Params, Ref
from tracer.graph.op import Op, Schema
from tracer.graph.origin import Origin
from tracer.graph.reader import read_graph
from tracer.graph.spec import ArraySpec, Dim, array_spec, scalar_spec, spec_of
from tracer.graph.text import print_graph, table_of
from tracer.ops import registry
from tracer.ops.builder import Builder
from tracer.ops.registry import op_named

F8 = np.dtype("f8")
COND = Op("cond", Schema("region"), operator.call)


def find(name: str) -> Op:
    return COND if name == "cond" else op_named(name)


def same(graph: CalcGraph) -> CalcGraph:
    """The graph read back, after comparing all that is promised to survive."""
    check(graph)
    text = print_graph(graph)
    again = check(read_graph(text, find, table_of(graph)))
    assert print_graph(again) == re.sub(r" +# \w+\.py:\d+$", "", text, flags=re.MULTILINE)
    if "dim ?" not in text:
        assert again.key() == graph.key()
    assert (again.title, again.roles) == (graph.title, graph.roles)
    for one, two in zip(graph.order, again.order, strict=True):
        assert (one.op, one.name, one.spelling, one.context) == (
            two.op,
            two.name,
            two.spelling,
            two.context,
        )
    return again


def inputs(*specs: ArraySpec) -> list[Node]:
    return [Node(registry.INPUT, (), Params(), (s,), None, f"x{n}") for n, s in enumerate(specs)]


def test_reads_like_a_program():
    builder = Builder()
    x, w = (
        builder.input(array_spec(shape, F8), name) for shape, name in (((4, 3), "x"), ((3, 2), "w"))
    )
    builder.origin = Origin(
        "/home/me/model.py", 12, 0, 5, "x @ w", "hidden = np.tanh(x @ w)", 12, "f"
    )
    hidden = np.tanh(x @ w)
    hidden.node.name = "hidden"
    graph = CalcGraph([x.node, w.node], builder.nodes, [hidden.node], title="f(x, w)")
    assert str(graph) == (
        "graph 'f(x, w)'\n"
        "%0 x: f64[4,3] = input()\n"
        "%1 w: f64[3,2] = input()\n"
        "%2: f64[4,2] = matmul(%0, %1) as operator                    # model.py:12\n"
        "%3 hidden: f64[4,2] = tanh(%2)                               # model.py:12\n"
        "return value %3\n"
    )
    same(graph)


LITERALS = [
    None,
    True,
    3,
    -7,
    10**40,
    0.1,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    1e-300,
    2 - 0.0j,
    complex(math.nan, -0.0),
    "a # 'b' \"c\"\n",
    b"\x00'",
    Ellipsis,
    np.float32(0.1),
    np.float64(-0.0),
    np.float16(0.1),
    np.int8(-3),
    np.uint64(2**64 - 1),
    np.bool_(False),
    np.complex64(1 - 2j),
    np.longdouble("0.1"),
    np.float64("nan"),
    np.dtype("f4"),
    np.dtype(">i2"),
    np.dtype("U3"),
    float,
    int,
    bool,
    np.float32,
    np.bool_,
    (),
    (1,),
    [1, (2.0,)],
    {"a": 1, "b": [None]},
    slice(None, -1, 2),
    (slice(0, 2), None, Ellipsis),
]


@pytest.mark.parametrize("value", LITERALS, ids=repr)
def test_arguments_keep_their_bits(value):
    (x,) = inputs(array_spec((3,), F8))
    node = Node(op_named("clip"), (x,), Params((HOLES[0], value), {"option": value}), x.specs)
    again = same(CalcGraph([x], [x, node], [node]))
    assert again.order[1].params.key() == node.params.key()


def test_constants_and_callables_are_references():
    (x,) = inputs(array_spec((3,), F8))
    first, second = np.arange(3.0), np.arange(3.0)
    nodes = [
        Node(registry.CONSTANT, (), Params((Ref(a, "w"),)), (spec_of(a),)) for a in (first, second)
    ]
    node = Node(
        op_named("piecewise"),
        (x, *nodes),
        Params((HOLES[0], [HOLES[1], HOLES[2]], [np.sin, Ref(np.cos)])),
        x.specs,
    )
    graph = CalcGraph([x], [x, *nodes, node], [node])
    table = table_of(graph)
    assert table["w"] is first and table["w_2"] is second and table["sin"] is np.sin
    same(graph)
    with pytest.raises(GraphError, match="no constant"):
        read_graph(print_graph(graph), find, {})


def test_unusual_templates():
    x, y = inputs(array_spec((3,), F8), array_spec((3,), F8))
    turned = Node(op_named("where"), (x, y), Params((HOLES[1], HOLES[0], HOLES[1])), x.specs)
    nested = Node(
        op_named("block"), (x, y), Params(([[HOLES[0], HOLES[1]], [HOLES[1], 0]],)), x.specs
    )
    with pytest.raises(GraphError, match="holes"):
        check(CalcGraph([x, y], [x, y, turned.replace(params=Params((HOLES[1],)))], []))
    same(CalcGraph([x, y], [x, y, turned, nested], [turned, nested], title="it's"))


def test_everything_at_once():
    """Regions, several outputs, guards, effects, Dims, streams, contexts and roles."""
    n = Dim("x[x > 0] axis 0", 2)
    stream = ArraySpec((), np.dtype(object), "object")
    x, rng = inputs(array_spec((3, 3), F8), stream)
    positive = Node(
        registry.GETITEM, (x,), Params((HOLES[0], 0)), (array_spec((n,), F8),), None, "positive"
    )
    size = Node(registry.SIZE_OF, (positive,), Params((HOLES[0], 0)), (spec_of(2),))
    pair = Node(op_named("linalg.eigh"), (x,), Params((HOLES[0],)), (array_spec((3,), F8), x.spec))
    vectors = Node(registry.ITEM, (pair,), Params((HOLES[0], 1)), (x.spec,), None, 'params["v"]')
    (a,) = inputs(x.spec)
    inner = Node(op_named("tanh"), (a,), Params((HOLES[0],)), (a.spec,), None, "t")
    region = CalcGraph([a], [a, inner], [inner], title="body(a)")
    other = CalcGraph([a], [a], [a])
    call = Node(registry.CALL, (vectors,), Params((HOLES[0],)), (x.spec,), regions=(region,))
    truth = Node(op_named("all"), (x,), Params((HOLES[0],)), (scalar_spec(bool),))
    choice = Node(COND, (truth, call), Params(), (x.spec,), regions=(region, other))
    quiet = Node(
        op_named("divide"),
        (x, choice),
        Params(HOLES[:2]),
        (x.spec,),
        None,
        "",
        "operator",
        (("divide", "ignore"), ("over", "raise")),
    )
    same_rows = Node(
        op_named("broadcast_to"), (positive,), Params((HOLES[0], (4, n))), (array_spec((4, n), F8),)
    )
    order = [x, rng, positive, size, pair, vectors, call, truth, choice, quiet, same_rows]
    graph = CalcGraph(
        [x, rng],
        order,
        [quiet, same_rows, x],
        [Guard(size, 2), Guard(pair, np.linalg.LinAlgError, "raises"), Guard(x, None, "dtype")],
        [Effect("write", x, quiet), Effect("rng", rng, size)],
        (),
        "f(x, rng)",
        {"value": 2, "aux": 0, "gradient": 1},
    )
    again = same(graph)
    assert again.order[2].shape[0] is again.order[-1].shape[1] is again.order[-1].params.args[1][1]
    assert again.guards[1].outcome is np.linalg.LinAlgError
    text = str(graph)
    assert (
        "    %1 t: f64[3,3] = tanh(%0)\n" in text
        and "return value %9, %10; aux; gradient %0\n" in text
    )


@pytest.mark.parametrize(
    "text, says",
    [
        ("%0: f64[3] = input()", "end comes too early"),
        ("%0: f64[3] = tanh(%1)\nreturn", "no node %1"),
        ("%0: f64[3] = os.system('ls')\nreturn", "unknown op"),
        ("%0: f64[3] = tanh(__import__('os'))\nreturn", "unknown word"),
        ("%0: f64[3] = tanh(1 + 1)\nreturn", "cannot read"),
        ("%0: f65[3] = input()\nreturn", "unknown dtype"),
        ("%0: f64[?0] = input()\nreturn", "no dim"),
        ("return\n%0: f64[3] = input()", "follows"),
    ],
)
def test_bad_text_is_refused(text, says):
    with pytest.raises(GraphError, match=says):
        read_graph(text, find)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_graphs_round_trip(data):
    builder = Builder()
    values = [builder.input(array_spec((2, 2), F8), "x"), builder.input(scalar_spec(F8), "s")]
    first = list(builder.nodes)
    literal = st.sampled_from([2, 0.5, -0.0, np.float32(3), math.inf])
    for _ in range(data.draw(st.integers(1, 8))):
        name = data.draw(st.sampled_from(["add", "multiply", "tanh", "sum", "getitem", "clip"]))
        x = data.draw(st.sampled_from(values))
        if name in ("add", "multiply"):
            y = data.draw(st.sampled_from(values) | literal)
            made = builder.emit(
                op_named(name), (x, y), None, data.draw(st.sampled_from(["", "operator"]))
            )
        elif name == "getitem":
            made = x[data.draw(st.sampled_from([None, Ellipsis, (Ellipsis, None)]))]
        elif name == "clip":
            made = np.clip(x, data.draw(literal), 10)
        else:
            made = getattr(np, name)(x)
        made.node.name = data.draw(st.sampled_from(["", "a", "größe", "not a name", "lambda"]))
        values.append(made)
    guards = [Guard(values[-1].node, data.draw(literal))]
    same(CalcGraph(first, builder.nodes, [values[-1].node], guards))
