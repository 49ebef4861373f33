"""Loops and branches as generated code: it reads like Python, runs, and gives the same numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest

import viz
from tests.transforms.regions.region_programs import PROGRAMS, W, X
from tracer import cond, fori_loop, scan, trace, value_and_grad, while_loop

EACH = pytest.mark.parametrize("program", PROGRAMS, ids=[p.function.__name__ for p in PROGRAMS])


def scalar(program):
    def of(x):
        out = program.function(x, *program.rest)
        parts = out if isinstance(out, tuple) else (out,)
        return sum([np.sum(part * part) for part in parts])

    return of


def statements(source, name):
    """The lines of one function without comments and its last one."""
    body = source.split(f"def {name}(", 1)[1].split("\n\n\n", 1)[0]
    lines = [re.sub(r"\s*#.*", "", line) for line in body.split("\n")[1:]]
    return [line.removeprefix("    ") for line in lines if line.strip()][:-1]


@EACH
def test_the_saved_module_gives_the_same(program, tmp_path):
    function = trace(scalar(program))
    path = tmp_path / "saved.py"
    function.save(path, program.x)
    scope = {"__file__": str(path), "__name__": "saved"}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    value, gradient = scope["value_and_grad"](program.x)
    expected, expected_gradient = value_and_grad(function)(program.x)
    assert value == expected
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-9, atol=1e-12)


@EACH
def test_no_line_is_too_long_and_nothing_is_run_by_a_helper(program):
    source = trace(scalar(program)).source(program.x)
    assert max(map(len, source.split("\n"))) <= 100
    assert "run_loop" not in source and "run_cond" not in source
    compile(source, "source", "exec")


@EACH
def test_the_picture_is_drawn(program):
    function = trace(scalar(program))
    assert "digraph" in viz.to_dot(function.graph(program.x)).source
    assert "digraph" in viz.to_dot(function.graph(program.x, mode="forward")).source


def test_a_loop_reads_as_one():
    def net(x, w):
        y = fori_loop(0, 5, lambda i, h: np.tanh(w @ h), x)
        return y.sum()

    source = trace(net).source(X, W, argnums=(0, 1))
    assert statements(source, "forward") == [
        "y = x",
        "activations = np.empty((5, 3))",
        "hs = np.empty((5, 3))",
        "for i in range(5):",
        "    hs[i] = y",
        "    y = np.tanh(w @ y)",
        "    activations[i] = y",
        "net = y.sum()",
    ]
    assert "    g_x = w.T @ product" in statements(source, "backward")


def test_what_is_written_in_place_stays_in_place():
    @trace
    def fill(x):
        out = np.zeros(3)

        def body(i, out):
            out[i] = np.sin(x[i])
            return out

        out = fori_loop(0, 3, body, out)
        return out

    assert statements(fill.source(X, mode="forward"), "forward") == [
        "out = np.zeros(3)",
        "for i in range(3):",
        "    out[i] = np.sin(x[i])",
    ]


def test_a_pair_is_assigned_at_once():
    @trace
    def fibonacci(a, b):
        def body(i, pair):
            a, b = pair
            return b, a + b

        a, b = fori_loop(0, 10, body, (a, b))
        return a * b

    assert statements(fibonacci.source(1.0, 1.0, mode="forward"), "forward") == [
        "for i in range(10):",
        "    a, b = b, a + b",
        "fibonacci = a * b",
    ]


def test_rows_are_enumerated():
    @trace
    def running(xs):
        last, sums = scan(lambda total, x: (total + x, total * x), 0.0, xs)
        return last + sums

    assert statements(running.source(np.ones(4), mode="forward"), "forward") == [
        "last = np.float64(0.0)",
        "sums = np.empty(4)",
        "for i, x in enumerate(xs):",
        "    sums[i] = last * x",
        "    last = last + x",
        "running = last + sums",
    ]


def test_a_condition_is_asked_in_its_line():
    @trace
    def grow(x):
        y = while_loop(lambda v: v.sum() < 10.0, lambda v: v * 2, x)
        return y

    assert statements(grow.source(X + 1, mode="forward"), "forward") == [
        "y = x.copy()",
        "while y.sum() < 10.0:",
        "    y = y * 2",
    ]


def test_a_branch_reads_as_one():
    @trace
    def clipped(x):
        y = cond(x.max() > 1.0, lambda v: v / v.max(), lambda v: v * 2, x)
        return y

    assert statements(clipped.source(X, mode="forward"), "forward") == [
        "if x.max() > 1.0:",
        "    y = x / x.max()",
        "else:",
        "    y = x * 2",
    ]


def test_nested_loops_count_by_other_names():
    @trace
    def nested(x):
        y = fori_loop(0, 2, lambda i, v: fori_loop(0, 3, lambda i, u: u * x + i, v) + i, x)
        return fori_loop(0, 2, lambda i, v: v * i, y)

    lines = statements(nested.source(X, mode="forward"), "forward")
    heads = [line.strip() for line in lines if "for " in line]
    assert heads == ["for i in range(2):", "for j in range(3):", "for i in range(2):"]
