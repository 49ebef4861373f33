"""Calls whose branches differ every time: a trace and a tape, against HIPS autograd.

$ python -m benchmarks.branches [--seconds 2] [--json]

With ``max_branches=1`` one program is kept and nearly no call is served by it: each one traces
the function and pulls the gradient back through the values of the trace, as it happens past the
cap. Times are medians of CPU time, interleaved; ratios are to autograd, which traces on each call,
too. Where autograd knows no writes to elements, it is given the same program with a list.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import autograd
import autograd.numpy as anp
import numpy as np

import tracer


def newton(np: Any, a: Any) -> Any:
    """The square root by Newton's method, until the residual is small."""
    x = a
    while np.abs(x * x - a) > 1e-12 * a:
        x = 0.5 * (x + a / x)
    return x


def bisection(np: Any, a: Any) -> Any:
    """A root of ``x**3 + a x - 1`` in ``[0, 1]``."""
    low, high = a * 0.0, a * 0.0 + 1.0
    while high - low > 1e-8:
        middle = 0.5 * (low + high)
        if middle**3 + a * middle - 1.0 > 0.0:
            high = middle
        else:
            low = middle
    x = 0.5 * (low + high)
    return x - (x**3 + a * x - 1.0) / (3.0 * x**2 + a)


def golden_section(np: Any, a: Any) -> Any:
    """The smallest value of ``exp(x) - a x`` for ``x`` in ``[0, 2]``."""
    ratio = 0.6180339887498949
    low, high = a * 0.0, a * 0.0 + 2.0
    while high - low > 1e-5:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if np.exp(left) - a * left < np.exp(right) - a * right:
            high = right
        else:
            low = left
    return np.exp(low) - a * low


def adaptive_steps(np: Any, y: Any) -> Any:
    """A swinging pendulum by Heun's method; the step follows the estimated error."""
    time, step = 0.0, y[0] * 0.0 + 0.1
    while time < 2.0:
        slope = np.stack([y[1], -np.sin(y[0])])
        guess = y + step * slope
        ahead = np.stack([guess[1], -np.sin(guess[0])])
        better = y + 0.5 * step * (slope + ahead)
        error = np.sqrt(np.sum((better - guess) ** 2))
        if error < 1e-3:
            time, y = time + step, better
        step = step * (0.9 * np.sqrt(1e-3 / error))
    return np.sum(y * y)


def line_search(np: Any, start: Any) -> Any:
    """Gradient descent on a crooked valley in ``n`` dimensions; each step is halved as needed."""

    def height(x: Any) -> Any:
        return np.sum((1.0 - x[:-1]) ** 2 + 2.0 * (x[1:] - x[:-1] ** 2) ** 2)

    x = start
    for _ in range(12):
        bend = x[1:] - x[:-1] ** 2
        down = np.concatenate([2.0 * (1.0 - x[:-1]) + 8.0 * x[:-1] * bend, 0.0 * x[:1]])
        down = down - np.concatenate([0.0 * x[:1], 4.0 * bend])
        step, before = 0.5, height(x)
        while height(x + step * down) > before - 1e-4 * step * np.sum(down * down):
            step = step * 0.5
        x = x + step * down
    return height(x) + x[0] * x[-1]


def relaxation(np: Any, x: Any) -> Any:
    """Gauss-Seidel sweeps over single elements, until two of them agree; a list is the state."""
    values = [x[i] for i in range(6)]
    change = 1.0
    while change > 1e-3:
        change = 0.0
        for i in range(1, 5):
            new = 0.5 * (values[i - 1] + values[i + 1]) + 0.02 * np.sin(values[i])
            change = max(change, abs(new - values[i]))
            values[i] = new
    return np.sum(np.array(values) ** 2)


def relaxation_in_place(np: Any, x: Any) -> Any:
    """The same with reads and writes of an array's elements, which autograd does not know."""
    if np is anp:
        return relaxation(np, x)
    values = x.copy()
    change = 1.0
    while change > 1e-3:
        change = 0.0
        for i in range(1, 5):
            new = 0.5 * (values[i - 1] + values[i + 1]) + 0.02 * np.sin(values[i])
            change = max(change, abs(new - values[i]))
            values[i] = new
    return np.sum(values**2)


def trajectory(np: Any, x: Any) -> Any:
    """A damped particle on a spring: its way, in a list that is stacked, until it rests."""
    way, speed = [x], 0.3 * x[::-1]
    while np.sum(speed * speed) + np.sum(way[-1] ** 2) > 0.02:
        speed = 0.8 * speed - 0.2 * np.sin(way[-1])
        way.append(way[-1] + speed)
    path = np.stack(way)
    return np.mean(path**2) + np.max(path[:, 0])


def rows_until_small(np: Any, w: Any) -> Any:
    """A small network applied to its own output until that is small: matrices and vectors."""
    x, count = np.ones(16), 0
    total = 0.0
    while np.sum(x * x) > 0.01 and count < 40:
        x = np.tanh(w @ x)
        total = total + np.mean(np.where(x > 0.0, x, 0.1 * x))
        count += 1
    return total


UNEVEN = np.array([0.0, 3.0, -1.0, 2.5, 5.0, 1.0])
PROGRAMS: dict[str, tuple[Callable[..., Any], Callable[[float], Any]]] = {
    "newton": (newton, lambda t: 10.0 ** (8.0 * t - 2.0)),
    "bisection": (bisection, lambda t: 1.0 + t),
    "golden section": (golden_section, lambda t: 1.5 + t),
    "adaptive ODE steps": (adaptive_steps, lambda t: np.array([0.5 + t, 0.3])),
    "line search": (line_search, lambda t: np.linspace(-1.0 - t, 1.5, 20)),
    "list of elements": (relaxation, lambda t: 10.0 ** (3 * t - 1) * UNEVEN),
    "element writes": (relaxation_in_place, lambda t: 10.0 ** (3 * t - 1) * UNEVEN),
    "stacked trajectory": (trajectory, lambda t: np.array([1.0 + t, -0.5, 0.25])),
    "network to rest": (rows_until_small, lambda t: np.eye(16)[::-1] * (0.3 + 0.6 * t) + 0.01),
}


def measured(name: str, seconds: float) -> dict[str, float]:
    """Median times of one program, on arguments that are new in every round."""
    function, argument = PROGRAMS[name]
    ours = tracer.value_and_grad(lambda a: function(np, a))
    theirs = autograd.value_and_grad(lambda a: function(anp, a))
    calls = {"calcgraph": ours, "autograd": theirs}
    times: dict[str, list[float]] = {label: [] for label in calls}
    rounds = np.random.default_rng(0)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times["autograd"]) < 5:
        given = argument(float(rounds.random()))
        results = []
        for label, call in calls.items():
            start = time.thread_time()
            results.append(call(given))
            times[label].append(time.thread_time() - start)
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=name)
    return {label: statistics.median(row) for label, row in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="per program")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    logging.getLogger("tracer").setLevel(logging.ERROR)
    rows = {}
    with tracer.settings.using(max_branches=1):
        for name in PROGRAMS:
            rows[name] = measured(name, options.seconds)
    if options.json:
        json.dump(rows, sys.stdout, indent=1)
        return 0
    print(f"{'program':20} {'calcgraph ms':>12} {'autograd ms':>12} {'ratio':>6}")
    for name, row in rows.items():
        ours, theirs = row["calcgraph"] * 1e3, row["autograd"] * 1e3
        print(f"{name:20} {ours:12.3f} {theirs:12.3f} {ours / theirs:6.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
