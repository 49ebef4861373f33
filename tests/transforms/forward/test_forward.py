"""Forward mode as a whole: structure of JVP graphs, derived pushforwards, agreement with reverse."""

import numpy as np

from tests.rules.harness import build, check, reals
from tracer.graph.check import check as check_graph
from tracer.graph.evaluate import evaluate
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse


def test_structure():
    def network(x, w):
        hidden = np.tanh(x @ w)
        hidden.node.name = "hidden"
        return np.sum(hidden)

    jvp = forward(build(network, reals(4, 3), reals(3, 2)), [1])
    check_graph(jvp)
    assert [node.name for node in jvp.inputs] == ["x", "y", "t_y"]
    assert jvp.roles == {"value": 1, "tangent": 1}
    assert any(node.name == "t_hidden" for node in jvp.order)
    assert [n.op.name for n in jvp.order].count("matmul") == 2


def test_only_inexact_outputs_have_tangents():
    jvp = forward(build(lambda x: (np.argmax(x), x * 2), reals(3)), [0])
    assert jvp.roles == {"value": 2, "tangent": 1}
    assert evaluate(jvp, [reals(3), np.ones(3)])[2].tolist() == [2, 2, 2]


def test_what_does_not_move_has_zero_tangent():
    jvp = forward(build(lambda x, y: (x * 2, np.sum(y)), reals(3), reals(3)), [0])
    assert evaluate(jvp, [reals(3), reals(3), np.ones(3)])[3] == 0


def test_derived_pushforwards():
    check(lambda x: np.linalg.inv(x @ x + np.eye(3) * 4), reals(3, 3))
    check(lambda x: np.cumprod(x), reals(4, low=0.5))
    check(lambda x: np.max(x, axis=0) * np.sort(x[:, 0])[0], reals(3, 2))


def test_small_tangents_are_made_full():
    jvp = forward(build(lambda x, y: x + y, np.float64(1), reals(2, 3)), [0])
    assert evaluate(jvp, [np.float64(1), reals(2, 3), np.float64(5)])[1].tolist() == [[5] * 3] * 2


def test_forward_over_reverse_is_the_hessian():
    graph = build(lambda x: np.sum(np.sin(x) * x[0]), reals(3))
    joint = reverse(graph, [0], "ones")
    gradient = joint.replace(outputs=joint.outputs[1:], roles=None, records=())
    one = evaluate(forward(gradient, [0]), [reals(3), np.eye(3)[1]])[1]
    x = reals(3)
    assert np.allclose(one, [np.cos(x[1]), -np.sin(x[1]) * x[0], 0])
