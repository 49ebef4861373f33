"""What a notebook shows, and what a pickle holds, without the graph importing either's maker."""

import copy
import pickle
import subprocess
import sys

import pytest

from tracer.ops.registry import SETITEM, op_named

SHOWN = """
import numpy as np
from tracer import {name}
shown = {value}
bundle = shown._repr_mimebundle_()
assert bundle["image/svg+xml"].startswith("<?xml") or "<svg" in bundle["image/svg+xml"], bundle
assert bundle["text/plain"] == repr({graph}), bundle
"""


@pytest.mark.parametrize(
    ("name", "value", "graph"),
    [
        ("trace", "trace(np.tanh).graph(1.0)", "shown"),
        ("Tensor", "(Tensor(np.ones(2)) * 2).graph", "shown"),
    ],
)
def test_a_notebook_shows_a_picture_although_nobody_imported_viz(name, value, graph):
    code = SHOWN.format(name=name, value=value, graph=graph)
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("op", [SETITEM, op_named("tanh"), op_named("special.gamma")])
def test_an_op_is_pickled_by_its_name(op):
    assert pickle.loads(pickle.dumps(op)) is op
    assert copy.deepcopy(op) is op
