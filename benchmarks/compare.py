"""Value and gradient: this package, NumPy by hand and HIPS autograd, interleaved in one process.

$ python -m benchmarks.compare [--seconds 2] [--json]

Times are medians; ratios are to the hand-written gradient. Results are compared before timing.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workloads import WORKLOADS, Workload
from tracer import trees, value_and_grad


def competitors(work: Workload) -> dict[str, Callable[[], Any]]:
    arguments = work.arguments
    ours = value_and_grad(lambda *args: work.function(np, *args))
    found = {"by hand": lambda: work.by_hand(*arguments), "calcgraph": lambda: ours(*arguments)}
    try:
        import autograd
        import autograd.numpy as anp
    except ImportError:
        return found
    theirs = autograd.value_and_grad(lambda *args: work.function(anp, *args))
    return found | {"autograd": lambda: theirs(*arguments)}


def agree(calls: dict[str, Callable[[], Any]]) -> None:
    truth = trees.flatten(calls["by hand"]())[0]
    for name, call in calls.items():
        for one, other in zip(trees.flatten(call())[0], truth, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=name)


def medians(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in calls}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times["by hand"]) < 5:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(row) for name, row in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="per workload")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    for name, work in WORKLOADS.items():
        calls = competitors(work)
        agree(calls)
        results[name] = medians(calls, options.seconds)
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        return 0
    names = list(next(iter(results.values())))
    ratios = " | ".join([f"{name} ÷ by hand" for name in names[1:]])
    print(f"| value and gradient | by hand | {ratios} |")
    print("|---|" + "---:|" * len(names))
    for name, row in results.items():
        hand = row["by hand"]
        cells = [f"{hand * 1e6:.0f} µs", *[f"{row[other] / hand:.2f}" for other in names[1:]]]
        print(f"| {name} | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
