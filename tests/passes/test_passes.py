"""What every pass must keep: names, origins, guards, effects, roles, records, regions, aliases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer import grad
from tracer.graph.calcgraph import CalcGraph, Effect, Guard, PullbackRecord
from tracer.graph.check import check
from tracer.graph.evaluate import evaluate
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.op import Op, Schema
from tracer.graph.origin import Origin
from tracer.graph.spec import Dim, array_spec, scalar_spec, spec_of
from tracer.ops import registry
from tracer.ops.builder import Builder, apply
from tracer.ops.infer import infer
from tracer.ops.registry import op_named
from tracer.passes.drop_unused import drop_unused
from tracer.passes.fold_constants import fold_constants
from tracer.passes.pipeline import PIPELINE, optimise
from tracer.passes.share_common import share_common
from tracer.passes.simplify import simplify

F8 = np.dtype("f8")
DRAW = Op(
    "draw",
    Schema("opaque"),
    lambda stream: stream.normal(),
    effects=frozenset({"rng"}),
    infer=lambda params, *specs: (scalar_spec(F8),),
)


def place(line: int) -> Origin:
    return Origin("model.py", line, 0, 1, "x", "x", line, "f")


def start(*shapes):
    builder = Builder()
    return builder, *[builder.input(array_spec(s, F8), f"x{n}") for n, s in enumerate(shapes)]


def graph_of(builder, *outputs, **rest):
    nodes = builder.nodes
    firsts = [n for n in nodes if n.op is registry.INPUT]
    return CalcGraph(firsts, nodes, [o.node for o in outputs], **rest)


def run(graph, *steps, numerics="exact"):
    check(graph, infer=infer)
    if not steps:
        return optimise(graph, numerics, watch=lambda g, name: check(g, after=name, infer=infer))
    for step in steps:
        graph = check(step(graph), after=step.__name__, infer=infer)
    return graph


def names(graph):
    return [node.op.name for node in graph.order]


def test_nothing_to_do_gives_the_same_object():
    builder, x = start((3,))
    graph = graph_of(builder, np.sum(np.tanh(x)))
    assert optimise(graph) is graph and optimise(graph, "fast") is graph
    names = ["fold_constants", "simplify", "share_common", "drop_unused", "prune_regions"]
    assert [step.__name__ for step in PIPELINE] == names
    with pytest.raises(ValueError):
        optimise(graph, "sloppy")


def test_names_and_origins_survive():
    builder, x = start((3,))
    builder.origin = place(1)
    first = np.tanh(x)
    builder.origin = place(2)
    second = np.tanh(x)
    second.node.name = "hidden"
    renamed = first * 1
    renamed.node.name = "again"
    graph = run(graph_of(builder, np.sum(first * second), np.sum(renamed)))
    (tanh,) = [n for n in graph.order if n.op.name == "tanh"]
    assert tanh.name == "again" and tanh.origin.line == 1
    assert {also.line for also in tanh.origin.also} == {2}
    assert graph.inputs[0] is x.node


def test_rewritten_nodes_keep_the_users_name():
    builder, x, y = start((3,), (3,))
    builder.origin = place(7)
    total = x + -y
    total.node.name = "error"
    graph = run(graph_of(builder, np.sum(total), roles={"gradient": 1}), numerics="fast")
    assert names(graph) == ["input", "input", "subtract", "sum"]
    assert graph.order[2].name == "error" and graph.order[2].origin.line == 7


def test_never_shared():
    builder, x = start((3,))
    stream = builder.input(scalar_spec(F8), "stream")
    draws = [builder.emit(DRAW, (stream,), specs=(scalar_spec(F8),)) for _ in range(2)]
    builder.context = (("divide", "ignore"),)
    quiet = 1 / x
    builder.context = None
    loud = 1 / x
    buffers = [builder.emit(op_named("zeros"), (3,)) for _ in range(2)]
    graph = run(
        graph_of(builder, np.sum(draws[0] * draws[1] * quiet * loud * buffers[0] * buffers[1]))
    )
    assert [names(graph).count(n) for n in ("draw", "divide", "zeros")] == [2, 2, 2]


def test_results_stay_separate_arrays():
    """Two equal results, and a copy of an argument, are fresh arrays as plain NumPy makes them."""
    builder, x = start((3,))
    graph = graph_of(builder, np.sin(x), np.sin(x), x * 1, (x * 1)[1:], np.sum(np.sin(x)))
    new = run(graph)
    argument = np.ones(3)
    results = evaluate(new, [argument])[:4]
    for number, one in enumerate(results):
        assert not np.shares_memory(one, argument)
        assert not any(np.shares_memory(one, two) for two in results[:number])
    assert names(new).count("sin") == 2


def test_dims_are_not_merged():
    builder, x = start((3,))
    for _ in range(2):
        dim = Dim("nonzero", 2)
        builder.emit(op_named("flatnonzero"), (x,), specs=(array_spec((dim,), np.dtype("i8")),))
    found = [builder.symbol(n) for n in builder.nodes[1:]]
    graph = share_common(graph_of(builder, *[np.sum(f) for f in found]))
    assert names(graph).count("flatnonzero") == 2


def test_guards_effects_and_roles_follow():
    builder, x = start((3,))
    truth = np.sum(x) > 0
    doubled = np.sum(x) > 0
    written = x * 1 + 0.5
    unused = np.exp(x)
    inverse = np.linalg.inv(np.reshape(np.tile(x, 3), (3, 3)))
    guards = [Guard(truth.node, True, "equals", place(3)), Guard(doubled.node, True)]
    graph = graph_of(
        builder,
        np.sum(x),
        guards=guards,
        effects=[Effect("write", x.node, written.node)],
        roles={"aux": 1, "value": 0},
    )
    new = run(graph)
    assert new.guards[0].node is new.guards[1].node and new.guards[0].origin.line == 3
    assert new.effects[0].target is x.node and new.effects[0].value in new.order
    assert new.roles == {"aux": 1, "value": 0}
    assert "exp" not in names(new) and "linalg.inv" in names(new)  # what raises goes on raising
    assert unused.node in graph.order and inverse.node in graph.order


def test_must_raise_nodes_stay_as_they_are():
    builder = Builder()
    one = builder.emit(op_named("linspace"), (0.0, 1.0, 4))
    ill = one[0] / one[0]
    graph = graph_of(builder, np.sum(one), guards=[Guard(ill.node, FloatingPointError, "raises")])
    assert "divide" in names(run(graph))


def test_folding():
    builder, x = start((4,))
    steps = builder.emit(op_named("arange"), (4,))
    large = builder.emit(op_named("arange"), (5000,))
    captured = builder.constant(np.ones(4), "w")
    scale = np.sqrt(builder.constant(np.float64(2.0)) * 8.0)
    rows = [
        x * (steps * 2),
        x * scale,
        x * (captured * 2.0),
        (large * 2)[0],
        x / apply(registry.SIZE_OF, x, 0),
    ]
    new = run(graph_of(builder, *map(np.sum, rows)))
    assert "sqrt" not in names(new) and "size_of" not in names(new)
    assert names(new).count("arange") == 1  # the large one stays code, the small one is a constant
    literals = {n.params.args for n in new.order if n.op.name in ("multiply", "divide")}
    assert (HOLES[0], 4.0) in literals and (HOLES[0], 4) in literals
    assert any(n.inputs and n.inputs[0] is captured.node for n in new.order)  # never folded
    with np.errstate(all="ignore"):
        assert evaluate(new, [np.ones(4)])[:2] == [12.0, 16.0]


def test_folding_leaves_warnings_and_results_alone():
    builder = Builder()
    zero = builder.constant(np.float64(0.0))
    steps = builder.emit(op_named("arange"), (4,))
    new = run(graph_of(builder, 1.0 / zero, steps * 2))
    assert "divide" in names(new) and "multiply" in names(new)


def test_regions_are_optimised():
    inner, a = start((3,))
    body = graph_of(inner, np.sum(np.tanh(a * 1) * np.tanh(a)))
    builder, x = start((3,))
    call = Node(registry.CALL, (x.node,), Params((HOLES[0],)), (scalar_spec(F8),), regions=(body,))
    twice = call.replace()
    builder.nodes += [call, twice]
    new = run(graph_of(builder, builder.symbol(call) + builder.symbol(twice)))
    (only,) = [n for n in new.order if n.op is registry.CALL]
    assert names(only.regions[0]) == ["input", "tanh", "multiply", "sum"]
    assert only.regions[0].inputs == body.inputs
    argument = np.arange(3.0)
    assert evaluate(new, [argument]) == [2 * np.sum(np.tanh(argument) ** 2)]


def test_calls_that_draw_are_kept():
    inner = Builder()
    stream = inner.input(scalar_spec(F8), "stream")
    drawn = inner.emit(DRAW, (stream,), specs=(scalar_spec(F8),))
    body = graph_of(inner, drawn)
    builder = Builder()
    given = builder.input(scalar_spec(F8), "stream")
    calls = [
        Node(registry.CALL, (given.node,), Params((HOLES[0],)), (scalar_spec(F8),), regions=(body,))
        for _ in "123"
    ]
    builder.nodes += calls
    new = run(graph_of(builder, builder.symbol(calls[0]) + builder.symbol(calls[1])))
    assert names(new).count("call") == 3


def test_records_follow():
    builder, x, w = start((3,), (3,))
    one, two = np.tanh(x), np.tanh(x)
    kept, gone = one * w, (x * 1) * w
    back = [np.cos(x) * w, np.cos(x) * one]
    spec = x.spec
    records = [
        PullbackRecord(
            one.node, 0, (("ḡ", spec),), spec, spec, (back[0].node.inputs[0], back[0].node)
        ),
        PullbackRecord(
            two.node, 0, (("ḡ", spec),), spec, spec, (back[1].node.inputs[0], back[1].node)
        ),
        PullbackRecord(kept.node, 1, (), spec, spec, (back[1].node,)),
        PullbackRecord(gone.node.inputs[0], 0, (), spec, spec, ()),
    ]
    graph = graph_of(
        builder,
        np.sum(kept),
        np.sum(gone),
        np.sum(two),
        *map(np.sum, back),
        records=records,
        roles={"value": 3, "gradient": 2},
    )
    new = run(graph)
    assert len(new.records) == 2
    united, other = new.records
    assert united.node.op.name == "tanh" and [n.op.name for n in united.backward] == [
        "cos",
        "multiply",
        "multiply",
    ]
    assert other.node.op.name == "multiply" and other.slot == 1


def test_errstate_stops_rewrites():
    builder, x = start((3,))
    builder.context = (("invalid", "raise"),)
    inner = -x
    builder.context = None
    new = run(graph_of(builder, np.sum(-inner)))
    assert names(new).count("negative") == 2


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_random_programs_keep_their_bits(data):
    builder, x, row = start((2, 3), (3,))
    values = [x, row]
    literal = st.sampled_from([0, 1, -1, 2, 1.0, -0.0, 0.5])
    for _ in range(data.draw(st.integers(1, 10))):
        one = data.draw(st.sampled_from(values))
        other = data.draw(st.sampled_from(values) | literal)
        kind = data.draw(st.sampled_from("+-*nTbrs"))
        if kind in "+-*":
            try:
                made = one + other if kind == "+" else one - other if kind == "-" else one * other
            except ValueError:
                continue
        elif kind == "b":
            made = np.broadcast_to(one, (2, *one.shape))
        else:
            made = (
                {
                    "n": lambda: -one,
                    "T": lambda: one.T,
                    "r": lambda: np.reshape(one, (1, *one.shape)),
                    "s": lambda: np.sum(one, axis=0),
                }[kind]()
                if one.ndim
                else -one
            )
        if made.ndim < 4:
            values.append(made)
    graph = graph_of(builder, *values[-3:])
    arguments = [np.array([[0.0, -0.0, 1.5], [2.0, -3.0, np.inf]]), np.array([-0.0, 1.0, -2.5])]
    new = run(graph)
    with np.errstate(all="ignore"):
        before, after = evaluate(graph, arguments), evaluate(new, arguments)
        fast = evaluate(
            run(graph.replace(roles={"gradient": len(graph.outputs)}), numerics="fast"), arguments
        )
    for a, b, c in zip(before, after, fast, strict=True):
        assert type(a) is type(b) is type(c) and a.dtype == b.dtype == c.dtype
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
        np.testing.assert_allclose(a, c)


def test_a_long_chain_shrinks():
    builder, x = start((4,))
    h = x
    for _ in range(5_000):
        h = np.tanh(h * 1.0) * np.broadcast_to(x[0], (4,))
    graph = graph_of(builder, h)
    new = optimise(graph, "fast")
    assert len(new.order) < len(graph.order) - 5_000


def test_each_pass_is_pure():
    builder, x = start((3,))
    graph = graph_of(builder, np.sum((x * 1) + (x * 1)), np.exp(x) * np.sqrt(builder.constant(4.0)))
    text = str(graph)
    for step in PIPELINE:
        step(graph)
        assert str(graph) == text
    assert spec_of(2.0) and drop_unused(graph) and fold_constants(graph) and simplify(graph)


@pytest.mark.parametrize("keepdims", [False, True])
def test_row_sums_of_one_number_in_each_row(keepdims):
    def gradient(logits, labels):
        picked = lambda z: (
            -np.mean((z - np.log(np.exp(z).sum(axis=1, keepdims=True)))[np.arange(4), labels])
        )
        return grad(picked)(logits)

    logits, labels = np.arange(12.0).reshape(4, 3) / 7, np.array([0, 2, 2, 1])
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wanted = (chances - np.eye(3)[labels]) / 4
    np.testing.assert_allclose(gradient(logits, labels), wanted, rtol=1e-12)

    def twice(x, rows, columns):  # rows that are hit twice or not at all are summed
        out = np.zeros((4, 3))
        out[rows, columns] = x
        return np.sum(np.sum(out, axis=1, keepdims=keepdims) ** 2)

    x = np.array([1.0, 2.0, 3.0, 4.0])
    for rows in (np.arange(4), np.array([0, 0, 1, 3])):
        expected = [
            (twice(x + h, rows, labels) - twice(x - h, rows, labels)) / 2e-6
            for h in 1e-6 * np.eye(4)
        ]
        ours = grad(lambda x, rows=rows: twice(x, rows, labels))(x)
        np.testing.assert_allclose(ours, expected, atol=1e-6)
