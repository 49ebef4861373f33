"""Constants are called what the user called them; what is computed again stands where it is read."""

from __future__ import annotations

import numpy as np
import pytest

from tracer import trace, value_and_grad, vjp


def pairs(p):
    i, j = np.triu_indices(4, 1)
    return np.sum((p[i] - p[j]) ** 2)


def filled(p):
    rows, cols = np.tril_indices(3)
    m = np.zeros((3, 3))
    m[rows, cols] = p
    return np.sum(m @ m.T)


def called(p):
    near, far = np.triu_indices(3)
    return np.sum(np.take(p, near) * far)


def hidden(p):
    p_2, other = np.triu_indices(3)
    return np.sum(p[p_2] * p[other])


@pytest.mark.parametrize(
    ("function", "size", "names"),
    [
        (pairs, 4, "i j"),
        (filled, 6, "rows cols"),
        (called, 3, "near far"),
        (hidden, 3, "p_2 other"),
    ],
)
def test_constants_have_the_user_s_names(function, size, names):
    argument = np.linspace(0.5, 2.0, size)
    source = trace(function).source(argument, argnums=0)
    assert "table" not in source
    for name in names.split():
        assert f"\n{name} = np." in source
    scope: dict = {}
    exec(source, scope)
    value, gradient = scope["value_and_grad"](argument)
    expected, slope = value_and_grad(function)(argument)
    assert value == expected == function(argument)
    np.testing.assert_array_equal(gradient, slope)


def views(xs, w):
    x, y, z = xs[0], xs[1], xs[2]
    a = np.sin(x * y)
    b = np.exp(-z * a) * w
    return np.sum(np.tanh(b + x) * y)


def test_views_are_taken_again_right_before_their_reader():
    draw = np.random.default_rng(0)
    source = trace(views).source(draw.normal(size=(3, 5)), draw.normal(size=5), argnums=(0, 1))
    lines = source.partition("def backward")[2].split("\n")
    for name, view in (("x", "xs[0]"), ("y", "xs[1]")):
        (place,) = [n for n, line in enumerate(lines) if line.startswith(f"    {name} = {view} ")]
        readers = [line.partition("=")[2] for line in lines[place + 1 : place + 3]]
        assert any(f" {name} " in reader for reader in readers)


def test_a_long_chain_of_views_is_computed_again():
    def turned(x):
        for _ in range(300):
            x = x[:, ::-1].T
        return x**2

    x = np.arange(1.0, 7.0).reshape(2, 3)
    out, pullback = vjp(turned, x)
    (slope,) = pullback(np.ones_like(out))
    np.testing.assert_array_equal(slope, 2 * x)
