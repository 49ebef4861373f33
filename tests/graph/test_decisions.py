"""The numbered decisions of the design, one test each: what is expensive to change later."""

from __future__ import annotations

import logging
import subprocess
import sys

import networkx
import numpy as np
import pytest

from tracer import errors, fori_loop, grad, jvp, settings, stop_gradient, trace, value_and_grad, vjp
from tracer.graph.check import check
from tracer.graph.node import Node
from tracer.graph.reader import read_graph
from tracer.graph.spec import Dim
from tracer.graph.text import table_of
from tracer.ops import registry
from tracer.ops.infer import infer
from tracer.passes.pipeline import optimise
from tracer.passes.share_common import share_common
from tracer.rules.declare import rule_for
from tracer.transforms.partition import partition
from tracer.transforms.reverse.joint_graph import reverse

X = np.array([0.5, -1.0, 2.0])


def forward_of(function, *args):
    return trace(function).graph(*args, mode="forward")


def names_of(graph):
    return [node.op.name for node in graph.order]


def test_1_a_graph_is_a_lazy_networkx_digraph():
    graph = forward_of(lambda x: x * x + 1.0, X)
    assert isinstance(graph, networkx.DiGraph) and networkx.is_directed_acyclic_graph(graph)
    product = next(node for node in graph.order if node.op.name == "multiply")
    assert graph.edges[graph.inputs[0], product]["slots"] == (0, 1)
    with pytest.raises(networkx.NetworkXError):
        graph.add_edge(1, 2)
    code = "import sys, tracer; sys.exit('networkx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_2_one_op_for_all_spellings_but_a_power_of_its_own():
    graph = forward_of(lambda x: (x + x, np.add(x, x), x.sum(), np.sum(x), x**2, np.power(x, 2)), X)
    first, second, third, fourth, fifth, sixth = graph.outputs
    assert first.op is second.op and third.op is fourth.op and fifth.op is not sixth.op
    assert (first.spelling, third.spelling) == ("operator", "method")
    assert rule_for(fifth.op) is not rule_for(sixth.op)


def test_3_inference_says_what_numpy_did():
    def many(x):
        y = np.outer(x, x)[1:, ::2].T @ np.ones((2, 4), np.float32)
        z = np.concatenate([y.sum(axis=0, keepdims=True), np.sort(y, axis=1)])
        return np.linalg.svd(z)[1], np.einsum("ij->j", z), z[np.array([0, 1])], z.max(), z > 0

    graph = forward_of(many, X)
    check(graph, infer=infer)
    assert len(graph.order) > 10


def test_4_regions_are_closed_and_go_through_every_stage():
    w = np.arange(9.0).reshape(3, 3) / 10

    def f(x):
        return fori_loop(0, 3, lambda i, v: np.sin(w @ v), x).sum()

    graph = forward_of(f, X)
    loop = next(node for node in graph.order if node.op is registry.LOOP)
    assert {operand.op.name for operand in loop.inputs} == {"input"}
    assert len(loop.regions[0].inputs) == 1 + len(loop.inputs)
    joint = optimise(reverse(graph, [0], "ones"), "fast", lambda g, name: check(g, after=name))
    assert read_graph(str(joint), registry.op_named, table_of(joint)).key() == joint.key()


def test_5_several_outputs_and_templates_with_holes():
    def f(x):
        q, r = np.linalg.qr(np.block([[np.diag(x), np.ones((3, 1))], [np.ones((1, 4))]]))
        return r.sum()

    graph = forward_of(f, X)
    factors = next(node for node in graph.order if node.op.name == "linalg.qr")
    readers = [node for node in graph.order if factors in node.inputs]
    assert len(factors.specs) == 2 and {node.op.name for node in readers} == {"item"}
    block = next(node for node in graph.order if node.op.name == "block")
    assert block.params.slots() == [0, 1, 2] and len(block.inputs) == 3
    step = np.array([1e-6, 0.0, 0.0])
    assert grad(f)(X)[0] == pytest.approx((f(X + step) - f(X - step)) / 2e-6, rel=1e-6)


def test_6_sizes_of_run_time_guard_only_what_reads_them():
    @trace
    def free(x):
        return np.sum(x[x > 0] ** 2)

    @trace
    def read(x):
        positive = x[x > 0]
        return np.sum(positive) / positive.shape[0]

    picked = next(n for n in free.graph(X, mode="forward").order if n.op is registry.GETITEM)
    assert type(picked.shape[0]) is Dim
    assert not free.graph(X, mode="forward").guards
    assert [guard.outcome for guard in read.graph(X, mode="forward").guards] == [2]
    for x in (X, np.ones(3), -np.ones(3)):
        assert grad(free)(x).tolist() == (2 * x * (x > 0)).tolist()
    assert free.explain().count("traced") <= read.explain().count("traced") + 1


def test_7_identity_is_structure_without_names():
    one = forward_of(lambda x: np.sin(x) * 2, X)

    def other(y):
        wave = np.sin(y)
        return wave * 2

    assert one.key() == forward_of(other, X).key()
    assert one.key() != forward_of(lambda x: np.sin(x) * 2.0, X).key()

    def twice(x):
        a = np.exp(x)
        return a + np.exp(x)

    merged = share_common(forward_of(twice, X))
    assert names_of(merged).count("exp") == 1
    assert next(node for node in merged.order if node.op.name == "exp").name == "a"


def test_8_writes_are_values_and_nodes_hold_no_numbers():
    def f(x):
        y = x * 2
        view = y[1:]
        view[0] = 7.0
        return y, view

    graph = forward_of(f, X)
    assert "setitem" in names_of(graph)
    big = np.arange(1e5)
    traced = trace(f)
    kept = traced.graph(big, mode="forward")
    assert not any(
        isinstance(value, np.ndarray)
        for node in kept.order
        for value in (getattr(node, slot) for slot in Node.__slots__[:-1])
    )
    y, view = traced(big)
    assert not np.shares_memory(y, big) and view[0] == y[1] == 7.0
    alike = trace(lambda x: (x[1:], x + 0, x.T))
    for found, plain in zip(alike(big), (big[1:], big + 0, big.T), strict=True):
        assert np.shares_memory(found, big) == np.shares_memory(plain, big)


def test_9_a_miss_has_written_nothing():
    def f(x):
        x[0] = 5.0
        if x.sum() > 10.0:
            x[1] = -1.0
        return x.sum()

    traced, plain = trace(f), f
    for values in ([0.0, 1.0, 2.0], [0.0, 8.0, 9.0], [1.0, 1.0, 1.0]):
        one, other = np.array(values), np.array(values)
        assert traced(one) == plain(other)
        assert one.tolist() == other.tolist()


def test_10_each_outcome_has_a_program_and_past_the_limit_calls_are_interpreted():
    @trace
    def steps(x):
        return x * int(x.sum())

    with settings.using(max_branches=2):
        for k in range(5):
            x = np.array([float(k), 0.5])
            assert steps(x).tolist() == (x * k).tolist()
            assert grad(lambda v: steps(v).sum())(x).tolist() == [k, k]

    @trace
    def branch(x):
        return x * 2 if x.sum() > 0 else x * 3

    assert branch(X).tolist() == (X * 2).tolist() and branch(-X).tolist() == (-X * 3).tolist()
    source = branch.source(X, mode="forward")
    assert "if " in source and "* 2" in source


def traces(caplog):
    """How often a function has been traced."""
    return sum(record.getMessage().startswith("traced ") for record in caplog.records)


def test_11_floats_are_inputs_and_static_values_select_programs(caplog):
    @trace
    def f(x, k, flag):
        return x * k if flag else x

    caplog.set_level(logging.INFO, logger="tracer")
    for k in (1.0, 2.0, 3.0):
        assert f(X, k, True).tolist() == (X * k).tolist()
    assert traces(caplog) == 1
    f(X, 1.0, False)
    f(X.astype(np.float32), 1.0, True)
    f(X, np.float64(1.0), True)
    assert traces(caplog) == 4 and "new signature" in caplog.text

    @trace
    def pair(a, b):
        a[0] = 9.0
        return b.sum()

    a = np.zeros(2)
    assert pair(a, np.zeros(2)) == 0.0 and pair(a, a) == 9.0


def test_12_captures_are_read_by_path_and_caches_are_shared(caplog):
    caplog.set_level(logging.INFO, logger="tracer")
    table = {"scale": np.array([1.0, 2.0, 3.0]), "power": 2}

    def loss(w, batch):
        return np.sum(table["scale"] * w ** table["power"] * batch)

    for k in range(4):
        batch = np.full(3, float(k))
        assert (
            grad(lambda w: loss(w, batch))(X).tolist() == (2 * X * table["scale"] * batch).tolist()
        )
    assert traces(caplog) == 1
    table["power"] = 3
    assert grad(lambda w: loss(w, batch))(X) == pytest.approx(3 * X**2 * table["scale"] * 3.0)
    assert traces(caplog) == 2


@pytest.mark.parametrize(
    "function",
    [np.tanh, np.cumsum, np.linalg.inv, lambda a: np.linalg.eigh(a + a.T)[0], np.sort, np.outer],
    ids=lambda function: function.__name__,
)
def test_13_one_declaration_serves_both_modes(function):
    a = np.array([[2.0, 0.3], [0.1, -1.5]])
    call = (lambda x: function(x, x)) if function is np.outer else function
    generator = np.random.default_rng(0)
    tangent = generator.normal(size=a.shape)
    out, moved = jvp(call, (a,), (tangent,))
    cotangent = generator.normal(size=np.shape(out))
    _, pullback = vjp(call, a)
    assert np.sum(cotangent * moved) == pytest.approx(np.sum(pullback(cotangent)[0] * tangent))


def test_14_residuals_are_the_cut_of_the_joint_graph():
    def f(x, w):
        hidden = np.tanh(w * x)
        return hidden * w

    parts = partition(reverse(forward_of(f, X, X), [0, 1], "input"))
    saved = {node.name or node.op.name for node in parts.residuals}
    assert saved == {"hidden", "x", "w"}
    assert parts.forward.roles == {"value": 1, "residual": 3}
    x = X.copy()
    _, pullback = vjp(f, x, X)
    first = pullback(np.ones(3))
    x[:] = 100.0
    assert all(np.array_equal(a, b) for a, b in zip(first, pullback(np.ones(3)), strict=True))


def test_15_every_pullback_leaves_a_record():
    joint = trace(lambda x, w: np.sum(np.tanh(x @ w))).graph(np.ones((2, 3)), np.ones((3, 2)))
    product = next(record for record in joint.records if record.node.op.name == "matmul")
    assert product.result == product.node.inputs[product.slot].specs[0]
    assert set(product.backward) <= set(joint.order) and product.formula
    names = {record.node.op.name for record in joint.records}
    assert names == {"matmul", "tanh", "sum"}


def test_16_what_a_mask_drops_cannot_spoil_a_gradient():
    x = np.array([4.0, 0.0, -1.0])

    def f(x):
        with np.errstate(invalid="ignore"):
            return np.sum(np.where(x > 0, np.sqrt(x), 0.0))

    assert grad(f)(x).tolist() == [0.25, 0.0, 0.0]


def test_17_values_keep_their_bits_in_every_program():
    def f(x):
        return np.sum((x + 0.1) * 3.0 / 7.0 + np.sum(x) * 1e-9 - x * 0.3)

    values = np.random.default_rng(0).normal(size=1000)
    assert trace(f)(values) == f(values) == value_and_grad(f)(values)[0]
    fast = grad(f)(values)
    with settings.using(numerics="exact"):
        exact = grad(f)(values)
    np.testing.assert_allclose(fast, exact, rtol=1e-14)


def test_18_the_readable_form_runs_and_errstate_is_context():
    @trace
    def f(x):
        with np.errstate(divide="ignore"):
            y = 1.0 / x
        return y + 1.0 / x

    graph = f.graph(X, mode="forward")
    contexts = {node.context is None for node in graph.order if node.op.name == "divide"}
    assert contexts == {True, False}
    source = f.source(X, mode="forward")
    assert 'np.errstate(divide="ignore"' in source
    scope: dict = {}
    exec(source, scope)
    with np.errstate(divide="ignore"):
        assert np.array_equal(scope["forward"](X)[0], f(X))


def test_19_draws_are_those_of_the_same_stream():
    def f(x, generator):
        noise = generator.normal(size=3)
        return x * noise if noise.sum() > 0 else x - generator.uniform(size=3)

    traced = trace(f)
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(6):
        assert np.array_equal(traced(X, one), f(X, other))
    assert one.bit_generator.state == other.bit_generator.state

    import random

    with pytest.raises(errors.TracerError):
        trace(lambda x: x * random.random())(X)


def test_20_what_depends_on_no_input_is_free():
    @trace
    def f(x):
        grid = np.arange(4.0)
        if grid.sum() > 5.0:
            x = x * int(grid[3]) + float(np.sqrt(grid[1]))
        return stop_gradient(x)

    graph = f.graph(X, mode="forward")
    assert not graph.guards and "arange" not in names_of(graph)
    assert f(X).tolist() == (X * 3 + 1.0).tolist()
