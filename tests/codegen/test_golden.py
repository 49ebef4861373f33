"""Golden programs: generated code as files that are read, linted, executed and gradient-checked.

They are what is generated today. After a change that is meant, write them anew with
``python -m tests.codegen.golden``, read the difference, and explain it in the commit.
"""

import runpy
import subprocess
import sys

import numpy as np
import pytest

from tests.codegen.golden import FOLDER, SOURCES, WEIGHTS, digits_module, rnn_arguments
from tests.codegen.programs import filled_buffer, rnn
from tracer import trees
from tracer.graph.evaluate import evaluate


def load(name):
    return runpy.run_path(str(FOLDER / f"{name}.py"))


def assert_gradient(value, point, gradient):
    """Central differences along a random direction in each array of ``point``."""
    draw, h = np.random.default_rng(1), 1e-6
    leaves, structure = trees.flatten(point)
    slopes, _ = trees.flatten(gradient)
    for place, (leaf, slope) in enumerate(zip(leaves, slopes, strict=True)):
        step = draw.normal(size=leaf.shape)
        ahead, behind = [
            value(trees.unflatten(structure, [*leaves[:place], near, *leaves[place + 1 :]]))
            for near in (leaf + h * step, leaf - h * step)
        ]
        assert np.sum(slope * step) == pytest.approx((ahead - behind) / (2 * h), rel=1e-5)


@pytest.mark.parametrize("name", SOURCES)
def test_golden(name):
    made = SOURCES[name]()
    assert (FOLDER / f"{name}.py").read_text(encoding="utf-8") == made, (
        "python -m tests.codegen.golden"
    )
    assert max(map(len, made.split("\n"))) <= 110


def test_golden_programs_are_clean():
    line = [sys.executable, "-m", "ruff", "check", "--isolated", "--ignore=E501", FOLDER]
    subprocess.run(line, check=True)


def test_digits():
    _, joint, arguments = digits_module()
    params, rest = dict(zip(WEIGHTS, arguments, strict=False)), arguments[4:]
    value_and_grad = load("digits")["value_and_grad"]
    value, gradients = value_and_grad(params, *rest)
    results = evaluate(joint, [*arguments, np.float64(1.0)])
    assert value == results[0]
    for mine, other in zip(gradients.values(), results[1:], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert_gradient(lambda params: value_and_grad(params, *rest)[0], params, gradients)


@pytest.mark.parametrize(("size", "loss"), [(2.0, 24.0), (0.5, 2.0)])
def test_robust(size, loss):
    both, r = load("robust")["value_and_grad"], np.full(8, size)
    value, gradient = both(r)
    assert value == loss
    assert_gradient(lambda r: both(r)[0], r, gradient)


def test_filled_buffer():
    program = load("filled_buffer")
    x, g_out = np.random.default_rng(0).normal(size=(2, 6))
    out, residuals = program["forward"](x)
    np.testing.assert_array_equal(out, filled_buffer.path(x))
    g_x = program["backward"](residuals, g_out)
    assert_gradient(lambda x: np.sum(g_out * filled_buffer.path(x)), x, g_x)


def test_rnn():
    params, *rest = rnn_arguments()
    value, gradients = load("rnn")["value_and_grad"](params, *rest)
    assert value == rnn.loss(params, *rest)
    assert_gradient(lambda params: rnn.loss(params, *rest), params, gradients)
