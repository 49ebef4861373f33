"""custom_vjp, custom_jvp, stop_gradient, calls: graphs carry them, lowering removes them."""

import numpy as np
import pytest

from tests.rules.harness import build, check, reals
from tracer import grad, hessian, hvp, jacobian, jvp, trace, value_and_grad, vmap
from tracer.errors import MissingRule, UserShapeError
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.evaluate import evaluate
from tracer.operators.custom import custom_jvp, custom_vjp, stop_gradient
from tracer.ops import registry
from tracer.ops.builder import Builder
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.session import recording
from tracer.transforms.bodies import emit_call
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.regions.lower import lower
from tracer.transforms.reverse.joint_graph import reverse


def record(function, *arguments):
    recorder = Recorder("f")
    traced = [recorder.argument(np.copy(a), name) for a, name in zip(arguments, "xyz")]
    with recording(recorder):
        return recorder.graph([function(*traced)])


def gradients(function, *arguments):
    joint = reverse(record(function, *arguments), list(range(len(arguments))), "ones")
    low = lower(joint)
    assert not any(node.regions for node in low.order)
    results = evaluate(joint, list(arguments))
    for a, b in zip(results, evaluate(low, list(arguments)), strict=True):
        assert np.array_equal(a, b)
    return results[1:]


def make_tripled():
    @custom_vjp
    def scaled(x, y):
        return np.sin(x) * y

    def fwd(x, y):
        return scaled(x, y), (x, y, "static")

    def bwd(saved, ct):
        x, y, word = saved
        assert word == "static"
        return 3 * ct * np.cos(x) * y, ct * np.sin(x)

    scaled.defvjp(fwd, bwd)
    return scaled


def test_outside_a_trace_it_is_the_function():
    scaled = make_tripled()
    assert scaled(1.0, y=2.0) == np.sin(1.0) * 2.0
    assert scaled.__name__ == "scaled"
    assert stop_gradient(2.0) == 2.0


def test_custom_vjp():
    scaled, x, y = make_tripled(), reals(3), reals(3, seed=1)
    g_x, g_y = gradients(lambda x, y: np.sum(scaled(x, y) * x), x, y)
    assert np.allclose(g_x, 3 * x * np.cos(x) * y + np.sin(x) * y)
    assert np.allclose(g_y, np.sin(x) * x)


def test_custom_vjp_is_differentiable():
    scaled, x = make_tripled(), reals(3)
    graph = record(lambda x: np.sum(scaled(x, x * 1.0)), x)
    joint = reverse(graph, [0], "ones")
    again = joint.replace(outputs=joint.outputs[1:], roles=None, records=())
    second = evaluate(reverse(again, [0]), [x, np.ones(3)])[1]
    assert np.isfinite(second).all() and not np.allclose(second, 0)


def test_custom_vjp_has_no_forward_mode():
    scaled = make_tripled()
    graph = record(lambda x: np.sum(scaled(x, 2.0)), reals(3))
    with pytest.raises(MissingRule, match="custom_jvp"):
        forward(graph, [0])


def test_trees_none_and_captures():
    @custom_vjp
    def weighted(params, n):
        return {"value": params["w"] * n}

    def run(x, y):
        scale = y * 2
        weighted.defvjp(
            lambda params, n: (weighted(params, n), None),
            lambda saved, ct: ({"w": ct["value"] * scale}, None),
        )
        return np.sum(weighted({"w": x}, 5.0)["value"])

    x, y = reals(3), reals(3, seed=1)
    g_x, g_y = gradients(run, x, y)
    assert np.allclose(g_x, 2 * y) and np.allclose(g_y, 0)


def test_nondiff_argnums():
    @lambda fn: custom_vjp(fn, nondiff_argnums=(0,))
    def apply(function, x):
        return function(x)

    apply.defvjp(lambda f, x: (f(x), x), lambda f, x, ct: (ct * 7,))
    assert gradients(lambda x: np.sum(apply(np.sin, x)), reals(3))[0].tolist() == [7, 7, 7]


def test_clear_errors():
    @custom_vjp
    def nothing(x):
        return x * 2

    with pytest.raises(MissingRule, match="without a rule"):
        record(nothing, reals(3))
    nothing.defvjp(lambda x: (x * 2, None), lambda saved, ct: ct)
    with pytest.raises(UserShapeError, match="tuple of 1"):
        record(nothing, reals(3))
    nothing.defvjp(lambda x: (x * 2, None), lambda saved, ct: (ct[:2],))
    with pytest.raises(UserShapeError, match="shape"):
        record(nothing, reals(3))


def test_custom_jvp_serves_both_modes():
    @custom_jvp
    def wave(x, y):
        return np.sin(x) * y

    @wave.defjvp
    def _(primals, tangents):
        (x, y), (t_x, t_y) = primals, tangents
        return wave(x, y), 2 * t_x * np.cos(x) * y + t_y * np.sin(x)

    x, y = reals(3), reals(3, seed=1)
    g_x, g_y = gradients(lambda x, y: np.sum(wave(x, y)), x, y)
    assert np.allclose(g_x, 2 * np.cos(x) * y) and np.allclose(g_y, np.sin(x))
    jvp = forward(record(lambda x, y: wave(x, y) * 1.0, x, y), [0])
    tangent = evaluate(jvp, [x, y, np.ones(3)])[1]
    assert np.allclose(tangent, 2 * np.cos(x) * y)


def test_defjvps():
    @custom_jvp
    def product(x, y):
        return x * y

    product.defjvps(lambda t, out, x, y: 5 * t * y, None)
    g_x, g_y = gradients(lambda x, y: np.sum(product(x, y)), reals(3), reals(3, seed=1))
    assert np.allclose(g_x, 5 * reals(3, seed=1)) and np.allclose(g_y, 0)


def test_stop_gradient():
    x = reals(3)
    (g_x,) = gradients(lambda x: np.sum(stop_gradient([x * 2])[0] * x), x)
    assert np.allclose(g_x, 2 * x)


# -- calls --------------------------------------------------------------------------------------
def called(body, *arguments):
    """A function of Symbols that calls ``body`` as a region."""
    graph = build(body, *arguments)
    return lambda *symbols: emit_call(symbols[0].builder, graph, symbols)


def test_calls_have_both_modes():
    body = called(lambda x, y: (np.sin(x) * y, np.sum(x)), reals(3), reals(3))

    def outer(x, y):
        one, total = body(x, y)
        return one * total

    check(outer, reals(3), reals(3, seed=1))
    check(lambda x, y: body(x, y)[0], reals(3), reals(3, seed=1))


def test_nested_calls_are_lowered():
    inner = called(lambda x: np.exp(x), reals(3))
    outer = called(lambda x: inner(x)[0] * x, reals(3))
    graph = build(lambda x: outer(x)[0] + 1.0, reals(3))
    low = lower(reverse(graph, [0]))
    assert registry.CALL not in [node.op for node in low.order]
    got = evaluate(low, [reals(3), np.ones(3)])
    assert np.allclose(got[1], np.exp(reals(3)) * (1 + reals(3)))
    assert lower(low) is low


def test_builder_and_graph_stay_apart():
    builder = Builder()
    x = builder.input(build(lambda x: x, reals(3)).inputs[0].spec, "x")
    graph = CalcGraph([x.node], builder.nodes, [np.sin(x).node])
    assert lower(graph) is graph


@pytest.mark.parametrize("kind", ["defjvp", "defjvps", "defvjp"])
def test_what_a_function_and_its_rule_read_from_outside_is_followed(kind):
    class Model:
        gain = 2.0

    model, mode = Model(), ["plain"]

    def values(x):
        return x * model.gain * (1 if mode[0] == "plain" else 2)

    def slope():
        return 10 * model.gain * (1 if model.gain < 3 else 100)

    one = (custom_vjp if kind == "defvjp" else custom_jvp)(values)
    if kind == "defvjp":
        one.defvjp(lambda x: (one(x), None), lambda residuals, ct: (ct * slope(),))
    elif kind == "defjvp":
        one.defjvp(lambda primals, tangents: (one(*primals), tangents[0] * slope()))
    else:
        one.defjvps(lambda tangent, out, x: tangent * slope())
    value, gradient = trace(lambda x: one(x)), grad(lambda x: one(x))
    assert (value(1.0), gradient(1.0)) == (2.0, 20.0)
    model.gain = 2.5
    assert (value(1.0), gradient(1.0)) == (2.5, 25.0)
    model.gain = 4.0
    assert (value(1.0), gradient(1.0)) == (4.0, 4000.0)
    mode[0] = "doubled"
    assert value(1.0) == 8.0


@pytest.mark.parametrize("kind", ["defjvps", "defvjp"])
@pytest.mark.parametrize("numbers", [(2.0, 3.0), (2, 3), (np.ones(2), np.zeros(2))])
def test_functions_with_one_code_do_not_share_what_they_captured(kind, numbers):
    def made(k):
        one = (custom_vjp if kind == "defvjp" else custom_jvp)(lambda x: np.sum(x * k))
        if kind == "defvjp":
            one.defvjp(lambda x: (one(x), None), lambda residuals, ct: (ct * k * 10,))
        else:
            one.defjvps(lambda tangent, out, x: np.sum(tangent * k * 10))
        return value_and_grad(lambda x: one(x))

    x = np.ones(2)
    for k in numbers:
        value, gradient = made(k)(x)
        assert value == np.sum(x * k)
        np.testing.assert_array_equal(gradient, 10 * k * x)


def test_defaults_are_arguments_of_the_rule():
    @custom_vjp
    def power(x, n=2):
        return x**n

    power.defvjp(
        lambda x, n: (power(x, n), (x, n)),
        lambda residuals, ct: (ct * 10 * residuals[1] * residuals[0] ** (residuals[1] - 1), None),
    )
    for call in (lambda x: power(x), lambda x: power(x=x), lambda x: power(x, 2)):
        assert value_and_grad(call)(3.0) == (9.0, 60.0)
    assert value_and_grad(lambda x: power(x, n=3))(3.0) == (27.0, 270.0)


# -- second derivatives through a rule of the user's -----------------------------------------------
@custom_vjp
def wave(x):
    return np.sin(x) * x


wave.defvjp(lambda x: (wave(x), x), lambda x, ct: (ct * (np.cos(x) * x + np.sin(x)),))


def by_the_rule(x):
    return np.sum(wave(x) ** 2) * x[0]


def by_numpy(x):
    return np.sum((np.sin(x) * x) ** 2) * x[0]


def rows_of_grad(f):
    return lambda x: np.stack([grad(lambda y: grad(f)(y)[k])(x) for k in range(len(x))])


@pytest.mark.parametrize(
    "second",
    [
        hessian,
        rows_of_grad,
        lambda f: jacobian(grad(f)),
        lambda f: jacobian(grad(f), mode="reverse"),
        lambda f: trace(lambda x: hessian(f)(x)),
        lambda f: lambda x: vmap(hessian(f))(x[None])[0],
    ],
    ids=["hessian", "grad", "jacobian", "reverse", "in trace", "vmap"],
)
def test_second_derivatives_differentiate_the_backward_function(second):
    x = np.array([0.3, 0.7, 1.2])
    np.testing.assert_allclose(second(by_the_rule)(x), hessian(by_numpy)(x), rtol=1e-12)


def test_third_derivatives_too():
    x = np.array([0.3, 0.7, 1.2])
    third = jacobian(hessian(by_numpy))(x)
    np.testing.assert_allclose(jacobian(rows_of_grad(by_the_rule))(x), third, rtol=1e-12)


def test_rows_of_a_hessian_are_derivatives_of_gradients_where_a_rule_is_not_a_true_one():
    @custom_vjp
    def skewed(x):
        return x

    skewed.defvjp(lambda x: (x, x), lambda x, ct: (ct * np.array([1.0, x[0], x[0] * x[1]]),))
    x = np.array([2.0, 3.0, 5.0])
    wanted = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [3.0, 2.0, 0.0]]
    np.testing.assert_allclose(hessian(lambda x: np.sum(skewed(x)))(x), wanted)


def test_the_jacobian_takes_the_mode_that_passes():
    x = np.array([0.3, 0.7])
    both = jacobian(lambda x: np.concatenate([wave(x), wave(x), x]))(x)  # more rows than columns
    slope = np.diag(np.cos(x) * x + np.sin(x))
    np.testing.assert_allclose(both, np.concatenate([slope, slope, np.eye(2)]))


@pytest.mark.parametrize(
    "forward_mode",
    [
        lambda x: jvp(wave, (x,), (x,)),
        lambda x: hvp(by_the_rule, (x,), (x,)),
        lambda x: jacobian(wave, mode="forward")(x),
    ],
)
def test_forward_mode_says_what_to_do(forward_mode):
    with pytest.raises(MissingRule, match="wave has a custom VJP and no JVP") as caught:
        forward_mode(np.array([0.3, 0.7]))
    assert "custom_jvp" in str(caught.value) and "hessian" in str(caught.value)
