"""The monitor of a user's function: what its code is rewritten to, and what is called instead."""

import ast
import inspect
import operator
import os
from contextvars import ContextVar

import numpy as np
import pytest

from tracer.recording.captures.captures import Captures
from tracer.recording.captures.paths import MONITOR
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.session import recording
from tracer.recording.watch import callees, rewrite
from tracer.recording.watch.instrument import instrumented
from tracer.recording.watch.monitor import Monitor

RATE = ContextVar("RATE", default=0.5)


class Model:
    def __init__(self, rate):
        self.rate = rate


def rewritten(source):
    body = ast.parse(source).body[0].value
    made = rewrite.Instrumenter("", (lambda: 0).__code__).instrument(body)
    return ast.unparse(made).replace(MONITOR, "monitor")


def test_a_function_becomes_calls_of_its_monitor():
    assert rewritten("lambda x: W * x") == (
        "lambda x: monitor.binary('mul', monitor.name(W, 'W'), x)"
    )
    assert rewritten("lambda m: m.rate") == "lambda m: monitor.attr(m, 'rate')"
    assert rewritten("lambda f, x: f(x)[0]") == (
        "lambda f, x: monitor.item(monitor.callee(f)(monitor.values(x)), 0)"
    )


def test_every_instruction_is_a_method_of_the_monitor():
    names = set()
    for node in ast.walk(ast.parse(inspect.getsource(rewrite))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.args[1:2] if node.func.attr in ("_call", "_truth") else []
            names |= {part.value for part in name if isinstance(part, ast.Constant)}
    assert len(names) > 25 and all(callable(getattr(Monitor, name)) for name in names)


@pytest.mark.parametrize(
    "function, handler",
    [
        (setattr, "writing_builtin"),
        (operator.itemgetter(0), "operator_getter"),
        (os.getcwd, "state_reader"),
        (",".join, "_text_method"),
        (np.ndenumerate, "_replaced"),
        (sorted, "_replaced"),
        (RATE.get, "state_method"),
        (os.environ.get, "state_method"),
        (len, "_library_function"),
        (rewritten, "_replaced"),
        (Model, "_users_class"),
    ],
)
def test_the_first_handler_that_knows_a_callable(function, handler):
    """The order of the handlers is a part of what they mean."""
    recorder = Recorder("f")
    recorder.captures = Captures(recorder)
    recorder.captures.instrument = instrumented
    with recording(recorder):
        monitor = Monitor(recorder.captures, rewritten, None)
        first = next(h for h in callees.HANDLERS if h(monitor, function) is not None)
    assert first.__name__ == handler
