"""Random loops and branches: programs, interpreter, both modes and differences agree."""

from __future__ import annotations

import numpy as np
import pytest

from tests.transforms.regions.random_regions import Program
from tracer import grad, jvp, trace, value_and_grad, vjp
from tracer.graph.evaluate import evaluate
from tracer.transforms.reverse.joint_graph import reverse

SEEDS = range(60)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.filterwarnings("ignore")
def test_all_ways_agree(seed):
    program = Program(seed)
    generator = np.random.default_rng(seed)
    x, direction = generator.normal(size=(2, 3)) * 0.8
    before = x.copy()
    plain = program(x)
    traced = trace(program)
    assert traced(x) == plain and np.array_equal(x, before)
    value, gradient = value_and_grad(program)(x)
    assert value == plain
    joint = reverse(traced.graph(x, mode="forward"), [0], "ones")
    np.testing.assert_allclose(gradient, evaluate(joint, [x])[1], rtol=1e-9, atol=1e-11)
    tangent = jvp(program, (x,), (direction,))[1]
    assert tangent == pytest.approx(gradient @ direction, rel=1e-8, abs=1e-10)
    _, pullback = vjp(program, x)
    for _ in range(2):
        np.testing.assert_allclose(pullback(1.0)[0], gradient, rtol=1e-9, atol=1e-11)
    h = 1e-6
    slope = (program(x + h * direction) - program(x - h * direction)) / (2 * h)
    assert tangent == pytest.approx(slope, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("seed", [3, 11, 29, 38])
@pytest.mark.filterwarnings("ignore")
def test_second_order(seed):
    program = Program(seed)
    x, direction = np.random.default_rng(seed).normal(size=(2, 3)) * 0.5
    found = jvp(grad(program), (x,), (direction,))[1]
    h = 1e-5
    slope = (grad(program)(x + h * direction) - grad(program)(x - h * direction)) / (2 * h)
    np.testing.assert_allclose(found, slope, rtol=1e-3, atol=1e-3 * (1 + abs(slope).max()))
