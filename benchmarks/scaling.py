"""Cost per op of tracing, differentiating and compiling, at 1k, 10k and 100k ops.

$ python -m benchmarks.scaling [1000 10000 100000]

Each size runs in a process of its own, so that peak memory is its own: how much the process grew at
most, by ``ru_maxrss``. What it pays once is not counted: a small chain goes through the same calls
before, which imports what they need and reads this file. CPython's compiler is counted: it needs
about a hundred times the length of the text that it is given at a time.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

SIZES = (1_000, 10_000, 100_000)


def measure(size: int) -> dict[str, float]:
    """Seconds and bytes for a chain of that many ops on four numbers."""
    import numpy as np

    from tracer import trace, value_and_grad

    def chain_of(ops):
        def chain(x):
            for _ in range(ops // 4):
                x = np.sin(x) * 0.5 + x * 0.25
            return np.sum(x)

        return chain

    x, small, chain = np.linspace(0.1, 1.0, 4), chain_of(40), chain_of(size)
    trace(small).graph(x, mode="forward")
    value_and_grad(small)(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    graph = trace(chain).graph(x, mode="forward")
    traced = time.perf_counter()
    both = value_and_grad(chain)
    both(x)
    first = time.perf_counter()
    both(x)
    again = time.perf_counter()
    plain_start = time.perf_counter()
    chain(x)
    plain = time.perf_counter() - plain_start
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    ops = len(graph.order)
    return {
        "ops": ops,
        "trace": traced - start,
        "first call": first - traced,
        "later call": again - first,
        "plain": plain,
        "bytes per op": peak / ops,
    }


def main(sizes: list[int]) -> int:
    print("| ops | trace µs/op | first call µs/op | later call µs/op | plain µs/op | peak B/op |")
    print("|---:|---:|---:|---:|---:|---:|")
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.scaling", "--one", str(size)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        row = json.loads(done.stdout)
        parts = ("trace", "first call", "later call", "plain")
        cells = [f"{row[part] / row['ops'] * 1e6:.1f}" for part in parts]
        print(f"| {row['ops']:,} | " + " | ".join(cells) + f" | {row['bytes per op']:,.0f} |")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
        sys.exit(0)
    sys.exit(main([int(text) for text in sys.argv[1:]] or list(SIZES)))
