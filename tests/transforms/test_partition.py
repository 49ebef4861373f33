"""Partition: the two programs together give what the joint graph gives, with a sensible cut."""

import numpy as np
import pytest

from tests.rules.harness import build, reals
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.check import check as check_graph
from tracer.graph.evaluate import evaluate
from tracer.graph.node import Node, Params
from tracer.graph.op import RNG, STRUCTURAL, Op
from tracer.graph.spec import Dim, array_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, apply
from tracer.transforms.partition import partition
from tracer.transforms.reverse.joint_graph import reverse


def split(function, *arguments, wrt=None):
    """Partition a function's joint graph and assert that nothing changed."""
    graph = build(function, *arguments)
    moving = [k for k, node in enumerate(graph.inputs) if node.spec.is_inexact]
    joint = reverse(graph, moving if wrt is None else wrt)
    parts = partition(joint)
    check_graph(parts.forward)
    check_graph(parts.backward)
    seeds = [np.ones(out.shape) for out in graph.outputs if out.spec.is_inexact]
    seeds = [seed if seed.ndim else np.float64(1.0) for seed in seeds]
    expected = evaluate(joint, [*arguments, *seeds])
    forward = evaluate(parts.forward, arguments)
    count = parts.forward.roles["value"]
    gradients = evaluate(parts.backward, [*forward[count:], *seeds])
    for got, wanted in zip([*forward[:count], *gradients], expected, strict=True):
        assert np.array_equal(got, wanted)
    assert tuple(parts.stand_ins.values()) == parts.residuals
    return parts


def network(x, w, b):
    hidden = np.tanh(x @ w + b)
    hidden.node.name = "hidden"
    return np.mean(hidden**2)


def test_network():
    parts = split(network, reals(4, 3), reals(3, 2), reals(2))
    assert [node.name for node in parts.residuals] == ["hidden", "x", "y"]
    assert parts.forward.roles == {"value": 1, "residual": 3}
    assert parts.backward.roles == {"gradient": 3}
    assert [node.name for node in parts.backward.inputs] == ["hidden", "x", "y", "g_out"]
    assert [node.name for node in parts.backward.outputs] == ["g_x", "g_y", "g_z"]
    assert all(copy in parts.backward.order for copy in parts.copies)


def test_views_and_constants_are_made_again():
    def views(x):
        rows = np.transpose(x)[1:]
        return np.sum(rows * rows * np.array([1.0, 2.0, 3.0]))

    parts = split(views, reals(3, 4))
    assert [node.op.name for node in parts.residuals] == ["input"]


def test_a_gradient_may_be_a_forward_value():
    split(lambda x, y: np.sum(x * y), reals(3), reals(3))
    split(lambda x: np.sum(x), reals(3))
    split(lambda x, y: (x, np.sum(np.exp(x))), reals(3), reals(3))


def test_unused_inputs_stay_inputs():
    parts = split(lambda x, y: np.sum(x), reals(3), reals(3))
    assert len(parts.forward.inputs) == 2


def test_seed_constant():
    graph = build(lambda x: np.sum(np.exp(x)), reals(3))
    parts = partition(reverse(graph, [0], "ones"))
    value, saved = evaluate(parts.forward, [reals(3)])
    assert np.array_equal(evaluate(parts.backward, [saved])[0], np.exp(reals(3)))
    assert np.isclose(value, np.exp(reals(3)).sum())


def test_impure_values_are_saved():
    draws = iter(range(1, 10))
    draw = Op("test_draw", STRUCTURAL, lambda: np.full(3, float(next(draws))), effects=RNG)
    builder = Builder()
    x = builder.input(array_spec((3,), np.float64), "x")
    noise = builder.symbol(
        builder.append(Node(draw, (), Params(), (array_spec((3,), np.float64),)))
    )
    out = np.sum(np.exp(np.reshape(noise, (3, 1))) * x)
    joint = reverse(CalcGraph([x.node], builder.nodes, [out.node]), [0])
    parts = partition(joint)
    assert not any(node.op is draw for node in parts.backward.order)
    assert any(node.op is draw for node in parts.forward.order)


def test_shape_only_operands_are_not_saved():
    size = Dim("n", 3)
    builder = Builder()
    x = builder.input(array_spec((size,), np.float64), "x")
    y = np.exp(x)
    joint = reverse(CalcGraph([x.node], builder.nodes, [np.sum(y * 2).node]), [0])
    parts = partition(joint)
    assert len(parts.residuals) == 1
    value, saved = evaluate(parts.forward, [reals(5)])
    assert np.allclose(evaluate(parts.backward, [saved, 1.0])[0], 2 * np.exp(reals(5)))


@pytest.mark.parametrize("keep", [True, False])
def test_multiple_outputs(keep):
    def several(x):
        fraction, whole = np.modf(x)
        return np.sum(fraction**2) + (np.sum(whole) if keep else 0.0)

    split(several, reals(4))


def test_buffers():
    def fill(x):
        out = x.builder.emit(registry.op_of(np.zeros), (3,))
        for k in range(3):
            out = apply(registry.SETITEM, out, np.sin(x[k]) * x[k - 1], k)
        return out

    split(fill, reals(3))
