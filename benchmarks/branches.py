"""Calls whose branches differ every time: a trace, interpreted, against HIPS autograd.

$ python -m benchmarks.branches [--seconds 2] [--json]

With ``max_branches=1`` one program is kept and nearly no call is served by it: each one traces
the function and runs its joint graph node by node, as it happens past the cap. Times are medians
of CPU time, interleaved; ratios are to autograd, which traces on each call, too.
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


PROGRAMS: dict[str, tuple[Callable[..., Any], Callable[[float], Any]]] = {
    "newton": (newton, lambda t: 10.0 ** (8.0 * t - 2.0)),
    "bisection": (bisection, lambda t: 1.0 + t),
    "golden section": (golden_section, lambda t: 1.5 + t),
    "adaptive ODE steps": (adaptive_steps, lambda t: np.array([0.5 + t, 0.3])),
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
