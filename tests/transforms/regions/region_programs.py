"""Programs with loops and branches, each with arguments, for the tests of all stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer import cond, fori_loop, scan, while_loop

NUMBERS = np.random.default_rng(0)
W = NUMBERS.normal(size=(3, 3))
X = np.array([0.3, 0.5, -0.2])
XS = NUMBERS.normal(size=(4, 3))


@dataclass(frozen=True)
class Program:
    """A function, the argument that is varied, the others, and whether a region stays."""

    function: Callable[..., Any]
    x: Any
    rest: tuple = ()
    stays: bool = True


def recurrent(x):
    return fori_loop(0, 5, lambda i, h: np.tanh(W @ h) + 0.1 * i, x)


def weights(w):
    return fori_loop(0, 5, lambda i, h: np.tanh(w @ h), X)


def from_two(x):
    return fori_loop(2, 6, lambda i, v: v * x / i, x)


def smoothing(x, xs):
    def step(level, value):
        level = 0.5 * level + value * x
        return level, {"sum": np.sin(level).sum(), "level": level}

    last, rows = scan(step, x, xs)
    return last, rows["sum"], rows["level"]


def of_the_sequence(xs, x):
    return scan(lambda c, e: (np.cos(c) * e, c * e), x, xs, reverse=True)


def two_sequences(xs, x):
    def step(carry, both):
        a, b = both
        return carry + a * b, carry * b

    return scan(step, x, (xs, np.sin(xs)))


def index_alone(x):
    return scan(lambda c, _: (c * x, c), x, None, 4)


def doubling(x):
    def body(state):
        count, y = state
        return count + 1, y * 2 + np.sin(y)

    count, y = while_loop(lambda s: np.sum(s[1] ** 2) < 100, body, (0, x))
    return count * y


def newton(a):
    def body(state):
        x, _ = state
        after = 0.5 * (x + a / x)
        return after, np.abs(after - x)

    root, _ = while_loop(lambda s: s[1] > 1e-12, body, (1.0, 1.0))
    return root


def hailstones(x):
    return while_loop(lambda v: v < 0, lambda v: v * x, x)


def taken(x):
    return cond(x.sum() > 0, lambda v: np.sin(v) * W[0], lambda v: v * 3.0, x)


def not_taken(x):
    return cond(x.sum() < 0, lambda v: np.sqrt(v), lambda v: (v * x) ** 2, x)


def several_results(x):
    a, b = cond(x[0] > 0, lambda v: (v.sum(), v * 2), lambda v: (v[0], v * 3), x)
    return a * b


def branch_in_loop(x):
    def body(i, s):
        s = fori_loop(0, i, lambda j, t: np.sin(t) * x + j, s)
        return cond(s.sum() > 0.1, lambda u: u * 2, lambda u: np.cos(u), s)

    return fori_loop(0, 3, body, x)


def while_in_scan(x, xs):
    def step(c, e):
        c = while_loop(lambda s: (s**2).sum() > 0.3, lambda s: s * 0.7 + 0.01 * e, c + e)
        return c, c.sum()

    return scan(step, x, xs, reverse=True)


def loop_in_branch(x):
    return cond(
        x.sum() > 0,
        lambda v: fori_loop(0, 3, lambda i, u: u * np.sin(v), v),
        lambda v: scan(lambda c, e: (c * e, c), v[0], v)[1],
        x,
    )


def fibonacci(x):
    def body(i, pair):
        a, b = pair
        return b, a + b * x

    a, b = fori_loop(0, 10, body, (x, 0.5 * x))
    return a * b


def filled(x):
    def body(i, out):
        out[i] = np.sin(x[i]) * out[i - 1]
        return out

    return fori_loop(0, 3, body, np.ones(4))


def filled_and_kept(x):
    def step(out, i):
        out[1:] = out[:-1] * x[0]
        out[0] += np.cos(out[1])
        return out, out * 2

    return scan(step, x, np.arange(3))


def matrix_in_place(x):
    def body(i, state):
        m, v = state
        m[i, :] += v * m[0, i]
        return m, m @ v

    return fori_loop(0, 3, body, (np.outer(x, x), x))


def swapped(x):
    def body(i, pair):
        a, b = pair
        a[i] = b[i] * 2.0
        return b, a

    return fori_loop(0, 3, body, (np.zeros(3), x))


def unchanged(x):
    return fori_loop(0, 3, lambda i, s: (s[0], s[1] * s[0], s[0]), (x, x, x))


def forgotten(x):
    return fori_loop(0, 3, lambda i, s: (np.ones(3), s[0] * s[1] * x), (x, x))


def tree_carry(x):
    def body(i, state):
        return {"a": [state["b"], state["a"][1] * 2], "b": state["a"][0] + x}

    out = fori_loop(0, 4, body, {"a": [x, 1.5], "b": np.cos(x)})
    return out["a"][0], out["b"] * out["a"][1]


def traced_bounds(x, n):
    return fori_loop(n - 2, n, lambda i, v: v * x + i, x)


def dynamic_in_scan(x, n):
    def step(c, k):
        return fori_loop(0, k, lambda i, v: np.sin(v) * x, c), c.sum()

    return scan(step, x, np.arange(n.size))


def masked_in_loop(x):
    return fori_loop(0, 3, lambda i, v: v * (1.0 + np.sum(v[v > 0])), x)


def single(x):
    return fori_loop(0, 3, lambda i, v: v * 1.1 + np.sin(v), x)


def matrix_powers(w):
    return scan(lambda m, _: (m @ w, np.trace(m)), np.eye(3), None, 4)


def sorted_in_loop(x):
    return fori_loop(0, 3, lambda i, v: np.sort(v * x)[::-1] + np.cumsum(v), x)


PROGRAMS = [
    Program(recurrent, X),
    Program(weights, W),
    Program(from_two, X),
    Program(smoothing, X, (XS,)),
    Program(of_the_sequence, XS, (X,)),
    Program(two_sequences, XS, (X,)),
    Program(index_alone, X),
    Program(doubling, X),
    Program(newton, 2.5),
    Program(hailstones, -0.5),
    Program(taken, X),
    Program(taken, -X),
    Program(not_taken, X),
    Program(several_results, X),
    Program(branch_in_loop, X),
    Program(while_in_scan, X, (XS,)),
    Program(while_in_scan, -X, (XS / 3,)),
    Program(loop_in_branch, X),
    Program(loop_in_branch, -X),
    Program(fibonacci, 1.2),
    Program(filled, X),
    Program(filled_and_kept, X),
    Program(matrix_in_place, X),
    Program(swapped, X),
    Program(unchanged, X),
    Program(forgotten, X),
    Program(tree_carry, X),
    Program(traced_bounds, X, (np.int64(4),)),
    Program(dynamic_in_scan, X, (np.zeros(3),)),
    Program(masked_in_loop, X),
    Program(single, 0.7),
    Program(matrix_powers, W),
    Program(sorted_in_loop, X),
]
