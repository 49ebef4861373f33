"""How long ``import tracer`` takes beside ``import numpy``; medians of fresh processes.

$ python -m benchmarks.import_time
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

STATEMENTS = {
    "import numpy": "import numpy",
    "import tracer": "import numpy, tracer",
    "from tracer import grad": "import numpy; from tracer import grad",
    "first gradient": "import numpy; from tracer import grad; grad(lambda x: x * x)(1.0)",
    "import autograd": "import autograd",
    "import jax": "import jax",
}


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> int:
    bare = statistics.median([seconds("pass") for _ in range(9)])
    times: dict[str, list[float]] = {}
    for _ in range(9):
        for name, statement in STATEMENTS.items():
            try:
                times.setdefault(name, []).append(seconds(statement) - bare)
            except subprocess.CalledProcessError:  # a competitor that is not installed
                continue
    numpy = statistics.median(times["import numpy"])
    print("| statement | ms | ÷ numpy |\n|---|---:|---:|")
    for name, row in times.items():
        median = statistics.median(row)
        print(f"| `{name}` | {median * 1e3:.0f} | {median / numpy:.2f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
