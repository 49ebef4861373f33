"""What a person sees in generated code: names, shapes, constants and imports as one would write."""

import re
import subprocess
import sys

import numpy as np
import pytest

from tracer import grad, trace, value_and_grad


def backward_of(function, *arguments, argnums=0):
    """The statements of the backward function, without comments."""
    source = trace(function).source(*arguments, argnums=argnums)
    body = source.split("def backward(")[1].split("\n\n")[0].split("\n")
    return [line.partition("# ")[0].strip() for line in body if "=" in line.partition("# ")[0]]


def slope(function, argument, direction, h=1e-6):
    return (function(argument + h * direction) - function(argument - h * direction)) / (2 * h)


@pytest.mark.parametrize(
    ("function", "shape", "statement"),
    [
        (lambda b: np.sum(np.ones((2, 3)) * b[:, None]), (2,), "sum(axis=1)"),
        (lambda b: np.sum(np.sin(np.ones((3, 2)) - b[None, :])), (2,), "sum(axis=0)"),
        (lambda b: np.sum(np.cos(np.ones((4, 2, 3)) * b[..., None])), (2,), "sum(axis=(0, 2))"),
        (lambda b: np.sum(np.sin(b)[:] ** 2), (2,), "np.cos"),
    ],
)
def test_an_axis_that_is_put_in_needs_no_buffer(function, shape, statement):
    point = np.linspace(0.5, 1.0, shape[0])
    lines = " ".join(backward_of(function, point))
    assert statement in lines and "zeros" not in lines and "keepdims" not in lines
    direction = np.array([0.3, -0.7])
    assert grad(function)(point) @ direction == pytest.approx(slope(function, point, direction))


def test_a_diagonal_is_spread_by_diag():
    def f(a, b):
        return np.sum(np.diag(a) ** 2) + np.sum(np.diagonal(b, 1) ** 3)

    a, b = np.arange(9.0).reshape(3, 3), np.arange(16.0).reshape(4, 4)
    lines = " ".join(backward_of(f, a, b, argnums=(0, 1)))
    assert lines.count("np.diag(") == 2 and "add.at" not in lines
    g_a, g_b = grad(f, argnums=(0, 1))(a, b)
    assert np.array_equal(g_a, np.diag(2 * np.diag(a)))
    assert np.array_equal(g_b, np.diag(3 * np.diagonal(b, 1) ** 2, 1))
    flipped = grad(lambda b: np.sum(np.diagonal(b, 1, 1, 0) ** 3))(b)
    assert np.array_equal(flipped, np.diag(3 * np.diagonal(b, 1, 1, 0) ** 2, -1))


def test_stacks_of_matrices_are_not_swapped_twice():
    def scores(q, k):
        return np.sum(np.sin(q @ k.swapaxes(-1, -2)))

    q, k = np.ones((2, 3, 4)) / 4, np.ones((2, 5, 4)) / 3
    lines = backward_of(scores, q, k, argnums=(0, 1))
    assert all(line.count("swapaxes") <= 1 for line in lines), lines
    step = np.arange(40.0).reshape(2, 5, 4)
    expected = slope(lambda k: scores(q, k), k, step)
    assert np.sum(grad(scores, argnums=1)(q, k) * step) == pytest.approx(expected)


def test_cotangents_are_called_like_their_values():
    """The gradient of ``w_2`` is ``g_w_2``, whichever is computed first."""

    def mlp(layers, x):
        for layer in layers:
            x = np.tanh(x @ layer["w"] + layer["b"])
        return x.sum()

    layers = [{"w": np.ones((3, 3)), "b": np.ones(3)} for _ in range(3)]
    source = trace(mlp).source(layers, np.ones(3))
    assert "return g_w, g_b, g_w_2, g_b_2, g_w_3, g_b_3" in source
    assert "g_x_3 = w_3 @" in source or re.search(r"g_x_3 = .*w_3", source)


def test_elements_have_the_users_names():
    @trace
    def f(p, xs):
        length, scale = np.exp(p)
        for x in xs:
            scale = scale * length + x
        for a, b in [(p, p)]:
            scale = scale * a[0] + b[1]
        return scale

    source = f.source(np.ones(2), np.ones(2))
    for line in ("length = exps[0]", "scale = exps[1]", "x = xs[0]", "x_2 = xs[1]"):
        assert line in source
    assert not re.search(r"\bpart\b = exps", source)


def test_arrays_of_rules_are_written_as_the_call_that_makes_them():
    @trace
    def f(a):
        return np.linalg.cholesky(a).sum() + np.trace(a)

    source = f.source(np.eye(20) * 2.0)
    assert "np.eye(20)" in source
    assert "CONSTANTS" not in source and "table" not in source


def test_methods_stay_methods():
    source = trace(lambda x: x.mean() + np.sum(x) + x[1:].sum(axis=0)[0]).source(np.ones((3, 2)))
    assert "x.mean() + np.sum(x) + x[1:].sum(axis=0)[0]" in source


def test_a_guard_that_misses_says_the_whole_condition(tmp_path):
    @trace
    def f(x):
        while np.abs(x * x - 2.0) > 1e-10:
            x = x - (x * x - 2.0) / (2 * x)
        return x

    source = f.source(1.5)
    assert "while np.abs(x * x - 2.0) > 1e-10:" in re.findall(r'Error\("(.*)"\)', source)[0]


def test_saved_modules_pass_ruff_as_it_comes(tmp_path):
    """With imports of functions, helpers, constants from outside, and checks."""
    from numpy.lib.stride_tricks import sliding_window_view

    weights = np.linspace(0.0, 1.0, 60)

    def windows(kernel, x):
        return np.sum(sliding_window_view(x, 3) @ kernel)

    def rosenbrock(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    def weighted(x):
        return np.sum(weights * x) + np.linalg.slogdet(np.outer(x, x) + np.eye(60))[1]

    for function, arguments in (
        (windows, (np.ones(3), np.arange(9.0))),
        (rosenbrock, (np.ones(5),)),
        (weighted, (np.ones(60),)),
    ):
        trace(function).save(tmp_path / f"{function.__name__}.py", *arguments)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--select=E4,E7,E9,F,I,W,PLC0414",
            "--line-length=100",
            tmp_path,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    text = (tmp_path / "rosenbrock.py").read_text()
    assert "-= (" not in text and "\n\n\n\n" not in text


def test_the_line_of_each_step_of_a_loop():
    """Nodes of one expression, computed several times, have the lines that compute them."""

    @trace
    def f(x, w):
        for _ in range(3):
            x = np.tanh(x @ w)
        return np.sum(x)

    arguments = np.ones(3), np.eye(3)
    lines = f.graph(*arguments).graph["lines"]
    source = f.source(*arguments).split("\n")
    steps = [node for node in lines if node.op.name == "tanh"]
    assert [source[lines[n][0] - 1].strip().split(" = ")[0] for n in steps] == ["x_2", "x_3", "x_4"]
    pulled = [lines[node][1] for node in steps]
    assert pulled == sorted(pulled, reverse=True) and len(set(pulled)) == 3


def test_values_are_those_of_the_traced_function():
    """All rewrites above leave the gradient as it is."""

    def f(w, x):
        a, b = w[:, None] * x, x[None] - w[:, None]
        return np.mean((a.swapaxes(0, 1) @ b) ** 2) + np.sum(np.diag(b @ a.T))

    w, x = np.linspace(0.1, 0.4, 4), np.linspace(-1.0, 1.0, 6)
    value, gradient = value_and_grad(f)(w, x)
    step = np.array([1.0, -2.0, 0.5, 0.25])
    assert value == f(w, x)
    assert gradient @ step == pytest.approx(slope(lambda w: f(w, x), w, step), rel=1e-6)
