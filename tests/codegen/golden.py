"""The golden programs: what is generated today for the targets of generated code.

python -m tests.codegen.golden        # writes tests/golden anew; explain the change
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.codegen.graphs import digits, robust
from tests.codegen.programs import filled_buffer, rnn
from tracer import trace
from tracer.codegen.readable.branches import write_branches
from tracer.codegen.readable.module import header, write_module
from tracer.codegen.readable.wrapper import Arguments
from tracer.passes.pipeline import optimise
from tracer.transforms.partition import partition
from tracer.transforms.reverse.joint_graph import reverse

FOLDER = Path(__file__).parents[1] / "golden"
WEIGHTS = ("b1", "b2", "w1", "w2")


def digits_module():
    """What `write_module` takes for the classifier, its joint graph, and arguments for it."""
    graph, arguments = digits()
    joint = optimise(reverse(graph, [0, 1, 2, 3], "input"), numerics="fast")
    head = header(
        "loss(params, x, labels)",
        "params",
        "digits.py:8",
        "params {b1: f64[32], b2: f64[10], w1: f64[64,32], w2: f64[32,10]}, "
        "x: f64[128,64], labels: i64[128]",
    )
    paths = [*[f"params['{name}']" for name in WEIGHTS], "x", "labels"]
    gradients = {name: number for number, name in enumerate(WEIGHTS)}
    shape = Arguments(("params", "x", "labels"), paths, gradients)
    return (head, joint, partition(joint), shape), joint, arguments


def robust_source() -> str:
    leaves = [optimise(reverse(robust(o), [0], "ones"), numerics="fast") for o in (True, False)]
    return write_branches(
        header("loss(r)", "r", "robust.py:3", "r: f64[8]"), leaves, "value_and_grad"
    )


def rnn_arguments():
    draw = np.random.default_rng(0)
    params = {"w_h": draw.normal(size=(3, 3)), "w_x": draw.normal(size=(2, 3)), "b": np.ones(3)}
    return params, draw.normal(size=(5, 2)), draw.normal(size=3)


SOURCES = {
    "digits": lambda: write_module(*digits_module()[0]),
    "robust": robust_source,
    "filled_buffer": lambda: trace(filled_buffer.path).source(np.ones(6)),
    "rnn": lambda: trace(rnn.loss).source(*rnn_arguments()),
}

if __name__ == "__main__":
    for name, source in SOURCES.items():
        (FOLDER / f"{name}.py").write_text(source(), encoding="utf-8")
