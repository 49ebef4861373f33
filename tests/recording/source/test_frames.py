"""The stack is read in one module: positions that it counts on are those of the code as it is."""

import ast
import logging
import struct
from pathlib import Path

import numpy as np
import pytest

import tracer
from tracer import grad, settings, trace
from tracer.graph.evaluate import run_node
from tracer.recording.source import frames
from tracer.transforms.reverse.tape import run_steps


def line_of(node):
    return node.origin.line if node.origin else None


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2.0,
        lambda x: 2.0 - x,
        lambda x: x[1:],
        lambda x: x[0] * x[1],
        lambda x: np.sin(x) + np.add(x, x),
        lambda x: np.sum(x, axis=0),
        lambda x: x.sum() if x[0] > 0 else x.mean(),
        lambda x: np.where(x > 0, x, -x),
    ],
    ids=["operator", "reflected", "slice", "items", "ufuncs", "keyword", "branch", "where"],
)
def test_every_op_is_at_the_user_s_line(function):
    """A wrapper more or less on the way to the locator would give another frame, or none."""
    graph = trace(function).graph(np.array([1.0, 2.0, 3.0]), mode="forward")
    lines = {
        line_of(node) for node in graph.order if node.op.name not in ("input", "constant", "item")
    }
    assert lines == {function.__code__.co_firstlineno}


def test_interpreters_are_told_by_their_code_and_hold_the_node_in_their_first_argument():
    assert {run_node.__code__, run_steps.__code__} <= set(frames.INTERPRETERS)
    for code, name in frames.INTERPRETERS.items():
        assert code.co_varnames[0] == name and code.co_argcount


def test_a_warning_past_the_compiled_programs_is_at_the_user_s_line():
    def loss(x):
        while x[0] < 100.0:
            x = x * 2.0
        return np.log(x[1] - x[1]) + x[0]

    traced = trace(loss)
    with settings.using(max_branches=1):
        traced(np.array([200.0, 2.0]))
        with pytest.warns(RuntimeWarning, match="divide by zero") as found:
            traced(np.array([1.0, 2.0]))
    line = loss.__code__.co_firstlineno + 3
    assert {(warning.filename, warning.lineno) for warning in found} == {(__file__, line)}


def test_logging_prints_a_traced_number_and_float_of_it_is_refused(caplog):
    def logged(x):
        logging.getLogger("model").warning("loss %.2f", x[0])
        return x[0] * 2.0

    assert grad(lambda x: logged(x))(np.array([1.5, 2.0])).tolist() == [2.0, 0.0]
    assert caplog.messages[0] == "loss 1.50"
    with pytest.raises(tracer.errors.LeakError):
        grad(lambda x: np.sum(x) * struct.unpack("d", struct.pack("d", x[0]))[0])(np.ones(2))


def test_few_modules_walk_the_stack():
    """Whose code calls is asked in these alone; depths are counted in one of them."""
    root = Path(tracer.__file__).parent
    using = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("_getframe", "f_back"):
                using.add(path.relative_to(root).as_posix())
    assert using == {
        "eager/libraries.py",  # whether SciPy calls
        "passes/rewrite.py",  # the line that a rewrite is written in
        "python/tracebacks.py",  # the caller, for warnings
        "recording/hooks/namespaces.py",  # whether a library calls
        "recording/recorder/errstate.py",  # which node an interpreter runs
        "recording/source/frames.py",
        "recording/source/locator.py",  # where the user's code is
    }
