"""check_grads passes what is right and says what differs."""

import numpy as np
import pytest

from tracer import custom_vjp, trace
from tracer.errors import CheckFailed
from tracer.testing import check_grads


def network(params, x, power):
    hidden = np.tanh(x @ params["w"] + params["b"])
    return {"loss": np.mean(hidden**power), "logs": np.log(params["scale"])}


def test_trees_integers_and_both_modes_to_second_order():
    draw = np.random.default_rng(0)
    params = {"w": draw.normal(size=(3, 2)), "b": np.zeros(2), "scale": 1e-3}
    check_grads(network, (params, draw.normal(size=(4, 3)), 2))
    check_grads(trace(network), (params, draw.normal(size=(4, 3)), 2), order=1)


def test_the_function_runs_as_under_grad():
    def scaled(x):
        return float(x) * x * len([entry for entry in np.atleast_1d(x) if entry > 0])

    check_grads(scaled, (0.5,))
    check_grads(trace(scaled), (0.5,))


def test_complex_arguments():
    check_grads(lambda z: np.sum(np.abs(np.exp(z)) ** 2), (np.array([1 + 2j, 0.3 - 1j]),), order=1)


def test_single_precision_is_checked_in_double():
    check_grads(lambda x: np.sin(x) * x, (np.linspace(0.1, 2, 5, dtype=np.float32),), order=1)


def test_complex_step():
    check_grads(lambda x: np.sin(x) * np.exp(x), (np.array([1.0, 2.0]),), method="complex step")


def test_a_wrong_rule_is_named_with_its_element():
    @custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, g: (g * 3 * x**2 * np.array([1.0, 1.001, 1.0]),))
    with pytest.raises(CheckFailed, match=r"with respect to params\['a'\] by vjp .* at \[1\]"):
        check_grads(lambda params: np.sum(cube(params["a"])), ({"a": np.ones(3)},), modes=("vjp",))


def test_a_kink_is_told_from_a_wrong_rule():
    with pytest.raises(CheckFailed, match="kink or a jump"):
        check_grads(lambda x: np.where(x > 1, x, 2 * x), (np.ones(2),), order=1)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: check_grads(np.sin, np.ones(3)), "write \\(x,\\)"),
        (lambda: check_grads(np.sin, (1.0,), modes=("reverse",)), "modes are"),
        (lambda: check_grads(np.sin, (1.0,), method="guess"), "method is"),
        (lambda: check_grads(np.sin, (3,)), "no argument is floating"),
    ],
)
def test_nonsense_is_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()
