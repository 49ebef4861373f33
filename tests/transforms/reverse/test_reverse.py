"""Reverse mode as a whole: structure of joint graphs, lazy cotangents, records, errors, speed."""

import numpy as np
import pytest
from scipy import special

from tests.rules.harness import build, check, reals
from tracer.errors import MissingRule
from tracer.graph.calcgraph import CalcGraph, Guard
from tracer.graph.check import check as check_graph
from tracer.graph.evaluate import GuardMiss, evaluate
from tracer.graph.origin import Origin
from tracer.ops import registry
from tracer.ops.builder import apply
from tracer.rules.declare import Parameters
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse


def names(graph):
    return [node.op.name for node in graph.order]


def network(x, w, b):
    hidden = np.tanh(x @ w + b)
    hidden.node.name = "hidden"
    return np.mean(hidden**2)


NETWORK = reals(4, 3), reals(3, 2, seed=1), reals(2, seed=2)


# -- structure ----------------------------------------------------------------------------------
def test_joint_graph():
    graph = build(network, *NETWORK)
    joint = reverse(graph, [1, 2])
    check_graph(joint)
    assert joint.roles == {"value": 1, "gradient": 2}
    assert [node.name for node in joint.inputs] == ["x", "y", "z", "g_out"]
    assert [node.name for node in joint.outputs] == ["", "g_y", "g_z"]
    assert any(node.name == "g_hidden" for node in joint.order)
    assert set(graph.order) <= set(joint.order)
    check(network, *NETWORK)


def test_only_active_operands_are_visited():
    graph = build(lambda x, y: np.sum(np.floor(x) * y), reals(3), reals(3))
    assert evaluate(reverse(graph, [0], "ones"), [reals(3), reals(3)])[1].tolist() == [0, 0, 0]
    joint = reverse(build(network, *NETWORK), [2])
    assert names(joint).count("matmul") == 1


def test_nothing_is_computed_that_is_not_returned():
    joint = reverse(build(lambda x, y: np.sum(np.hypot(x, y)), reals(3), reals(3)), [0])
    ends = {*joint.outputs}
    for node in reversed(joint.order):
        assert node in ends or node.op is registry.INPUT
        ends.update(node.inputs)


def test_no_needless_broadcasts():
    joint = reverse(build(lambda x: np.mean((x - 1.0) ** 2), reals(4, 3)), [0], "ones")
    assert not {"broadcast_to", "full", "zeros"} & set(names(joint))
    joint = reverse(build(lambda x, b: np.sum(x + b), reals(4, 3), reals(3)), [1], "ones")
    assert np.array_equal(evaluate(joint, [reals(4, 3), reals(3)])[1], [4, 4, 4])
    assert names(joint).count("sum") == 1


def test_gradients_are_owned():
    x = reals(3)
    graph = build(lambda x, y: (np.sum(x * y), x), x, x)
    for seed in (np.ones(3), np.zeros(3)):
        _, _, g_x, g_y = evaluate(reverse(graph, [0, 1]), [x, x, 1.0, seed])
        assert not np.shares_memory(g_x, x) and not np.shares_memory(g_y, x)
        assert g_x.flags.writeable and g_y.flags.writeable
    joint = reverse(build(lambda x, y: np.sum((x + y) ** 2), x, x), [0, 1], "ones")
    _, g_x, g_y = evaluate(joint, [x, x])
    assert not np.shares_memory(g_x, g_y)
    joint = reverse(build(lambda x: np.sum(x), x), [0], "ones")
    assert evaluate(joint, [x])[1].flags.writeable


def test_guards_and_effects_are_kept():
    graph = build(lambda x: np.sum(x * 2), reals(3))
    flag = Guard(build(lambda x: x > 0, np.float64(1)).order[-1], True)
    order = [*graph.order, *flag.node.inputs, flag.node]
    guarded = CalcGraph([*graph.inputs, *flag.node.inputs], order, graph.outputs, [flag])
    for changed in (reverse(guarded, [0]), forward(guarded, [0])):
        assert changed.guards == guarded.guards
    with pytest.raises(GuardMiss):
        evaluate(reverse(guarded, [0], "ones"), [reals(3), np.float64(-1)])


def test_several_outputs_have_seeds():
    def two(x):
        return np.sum(x), np.argmax(x), x * x

    joint = reverse(build(two, reals(3)), [0])
    assert [node.name for node in joint.inputs] == ["x", "g_out0", "g_out2"]
    assert joint.roles == {"value": 3, "gradient": 1}
    check(two, reals(3))


def test_origins_are_the_forward_ones():
    graph = build(lambda x: np.sum(np.sin(x)), reals(3))
    origin = Origin("f.py", 3, 0, 9, "np.sin(x)", "y = np.sin(x)", 3, "f")
    graph.order[1].origin = origin
    joint = reverse(graph, [0])
    assert [n.op.name for n in joint.order if n.origin is origin] == ["sin", "cos", "multiply"]


# -- sparse and lazy cotangents -----------------------------------------------------------------
def test_lookups_share_one_buffer():
    joint = reverse(build(lambda x: x[0] * x[1] + x[2], reals(3)), [0])
    assert names(joint).count("zeros") == 1
    assert names(joint).count("setitem") == 3
    check(lambda x: x[0] * x[1] + x[0] * x[-3], reals(3))
    check(lambda x: x[1:] * x[:-1] + np.sum(x[::2] * x[0]), reals(4))
    check(lambda x: np.sum(x) * x[1] * x[0], reals(4))


def filled(count):
    def fill(x):
        out = x.builder.emit(registry.op_of(np.zeros), (count,))
        for k in range(count):
            out = apply(registry.SETITEM, out, np.sin(x[k]) * x[k - 1], k)
        return out

    return fill


def test_filling_reads_the_cotangent_directly():
    joint = reverse(build(filled(5), reals(5)), [0])
    backward = names(joint)[1 + len(build(filled(5), reals(5)).order) :]
    assert backward.count("setitem") == 5 and backward.count("zeros") == 1
    check(filled(5), reals(5))


def test_recurrence_in_a_buffer():
    def recur(x):
        out = np.copy(x)
        for k in range(1, 5):
            out = apply(registry.SETITEM, out, np.sin(out[k - 1]) + x[k], k)
        return out[4] * out[2]

    check(recur, reals(5))


@pytest.mark.parametrize(
    "indices",
    [(0, slice(0, 2)), (slice(1, 3), slice(0, 2)), (slice(0, 4, 2), slice(1, 4, 2)), (-1, 3)],
)
def test_overlapping_writes(indices):
    def write(x, y):
        first, second = indices
        one = apply(registry.SETITEM, x, np.sin(y[first]), first)
        two = apply(registry.SETITEM, one, np.cos(one[second] * y[second]), second)
        return two * x[0] + one

    check(write, reals(4), reals(4, seed=1))


def test_writes_with_arrays_and_broadcasting():
    places = np.array([0, 2, 0])
    check(lambda x, v: apply(registry.SETITEM, x, v * 2, np.array([2, 0])), reals(3), reals(2))
    check(lambda x, v: apply(registry.SETITEM, x, v, slice(0, 2)), reals(3, 2), reals(2))
    check(lambda x, v: apply(registry.SCATTER_ADD, x, v, places), reals(3), reals(3, seed=1))
    check(lambda x: x[places] * x[:, None][1], reals(3))


def test_written_places_may_be_many():
    def write(x, v):
        return np.sum(apply(registry.SETITEM, x, v, slice(0, 2)))

    for value in (np.float64(2), reals(1), reals(1, 1, 1)):
        check(write, reals(3), value)
    check(lambda x, v: write(x[:, None], v), reals(3), reals(1, 1))


def test_lookups_of_different_elements_need_no_addition():
    def picked(x, labels):
        rows = x.builder.emit(registry.op_of(np.arange), (3,))
        return -np.mean(x[rows, labels])

    def repeated(x, labels):
        return np.sum(x[labels, labels])

    labels = np.array([1, 0, 0])
    for function, op in ((picked, "setitem"), (repeated, "scatter_add")):
        joint = reverse(build(function, reals(3, 2), labels), [0])
        assert op in names(joint) and "broadcast_to" not in names(joint)
        check(function, reals(3, 2), labels)


def test_grid_writes():
    def grid(x):
        out = x.builder.emit(registry.op_of(np.zeros), ((2, 3),))
        for i in range(2):
            for j in range(3):
                out = apply(registry.SETITEM, out, x[i] * x[j], (i, j))
        out = apply(registry.SETITEM, out, x[0] ** 3, (slice(None), 1))
        return out

    check(grid, reals(3))


# -- records ------------------------------------------------------------------------------------
def formulas(function, *arguments, wrt=(0, 1)):
    joint = reverse(build(function, *arguments), wrt)
    return {
        (r.node.op.name, r.slot): "".join([text for text, _ in r.formula]) for r in joint.records
    }


def test_formulas():
    found = formulas(network, *NETWORK, wrt=(0, 1, 2))
    assert found["matmul", 0] == "ḡ · yᵀ"
    assert found["matmul", 1] == "xᵀ · ḡ"
    assert found["tanh", 0] == "ḡ ⊙ (1 - hidden²)"
    assert found["add", 0] == "ḡ"
    assert found["add", 1] == "Σ₀ ḡ"
    found = formulas(lambda x, y: np.where(x > 0, np.exp(x) / y, y), reals(3), reals(3))
    assert found["exp", 0] == "ḡ ⊙ exps ⊙ [x > 0]"
    assert formulas(lambda x, y: x[0] * y, reals(3), reals(3))["getitem", 0] == "scatter ḡ"


def test_records_have_specs_and_nodes():
    joint = reverse(build(network, *NETWORK), [0, 1, 2])
    order = set(joint.order)
    for record in joint.records:
        assert record.result == record.node.inputs[record.slot].spec
        assert record.cotangent == record.node.spec
        assert set(record.backward) <= order
    product = next(r for r in joint.records if r.node.op.name == "matmul" and r.slot == 0)
    assert [str(spec) for text, spec in product.formula if spec] == ["f64[4,2]", "f64[2,3]"]
    assert [node.op.name for node in product.backward] == ["transpose", "matmul"]


# -- errors -------------------------------------------------------------------------------------
def test_missing_rule_says_where():
    graph = build(lambda x: apply(special.ellip_harm, 2.0, 8.0, 1, 1, x), reals(3))
    graph.order[-1].origin = Origin("f.py", 3, 4, 9, "harm(x)", "y = harm(x)", 3, "f")
    with pytest.raises(MissingRule, match="ellipsoidal") as caught:
        reverse(graph, [0])
    assert "f.py" in str(caught.value) and "^^^^" in str(caught.value)
    with pytest.raises(MissingRule):
        forward(graph, [0])


def test_unknown_arguments_are_refused():
    assert Parameters(lambda ct, x, axis=None: ct, 1).refused([0], {"where": 1}) == "where"
    assert Parameters(lambda ct, x, **rest: ct, 1).refused([0], {"where": 1}) == ""


# -- sizes --------------------------------------------------------------------------------------
def test_long_chains_make_linear_graphs():
    def chain(x):
        for _ in range(2500):
            x = np.sin(x) * 1.5
        return np.sum(x)

    graph = build(chain, reals(3))
    joint = reverse(graph, [0])
    assert len(joint.order) < 3 * len(graph.order)


def test_many_writes_make_linear_graphs():
    graph = build(filled(1000), reals(1000))
    joint = reverse(graph, [0])
    assert len(joint.order) < 4 * len(graph.order)
