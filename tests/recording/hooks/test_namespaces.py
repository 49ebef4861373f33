"""Functions of NumPy's and what stands in for them while a trace is open."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest

from tracer import grad, trace
from tracer.ops.stand_ins import is_stand_in, original_of
from tracer.recording.hooks.namespaces import CALLERS_FOR_USERS, HOOKS
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.session import recording
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.watch.builtin_calls import OpaqueCall

X = np.array([1.0, 2.0, 3.0])


def test_the_original_of_a_stand_in():
    zeros, uniform = np.zeros, np.random.uniform
    assert not is_stand_in(zeros) and original_of(zeros) is zeros
    depth = HOOKS.depth()
    HOOKS.enter()
    try:
        assert np.zeros is not zeros and original_of(np.zeros) is zeros
        assert original_of(np.random.uniform) == uniform
    finally:
        HOOKS.leave(depth)
    assert np.zeros is zeros


@pytest.mark.parametrize("name", ["zeros", "full", "array", "concatenate"])
def test_a_wrapper_that_copies_the_mark_is_the_users_own(name):
    def f(x):
        plain = getattr(np, name)

        @functools.wraps(plain)
        def own(*args, **kwargs):
            return x * 3.0

        return np.sum(own(3) * x)

    assert trace(f)(X) == f(X) == 42.0
    assert grad(f)(X).tolist() == [6.0, 12.0, 18.0]


def test_a_wrapped_function_is_still_called():
    def f(x):
        @functools.wraps(np.zeros)
        def ones(*args):
            return np.zeros(*args) + 1

        out = ones(3)
        out[0] = x[1]
        return np.sum(out * x)

    assert trace(f)(X) == f(X)
    assert grad(f)(X).tolist() == [2.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "module, traced",
    [("model", True), (OpaqueCall.__module__, True), ("scipy.signal._filters", False)]
    + [("numpy.polynomial.chebyshev", True), ("tracer.rules.helpers", False)],
)
def test_what_numpy_creates_is_traced_where_the_caller_may_hand_it_to_the_user(module, traced):
    zeros = eval("lambda n: np.zeros(n)", {"__name__": module, "np": np})
    with recording(Recorder("f")):
        assert (type(zeros(2)) is TracedTensor) is traced


def test_one_module_calls_numpy_in_the_users_place():
    assert CALLERS_FOR_USERS == {OpaqueCall.__module__}


PROGRAM = """
import os, sys, tempfile
sys.path.insert(0, {home!r})
folder = tempfile.mkdtemp()
os.chdir(folder)
os.rmdir(folder)
import numpy as np
from tracer import grad, trace
exec(compile("def f(x):\\n    return np.sum(np.sin(x) * np.ones(2))", "cell 1", "exec"))
assert trace(f)(np.ones(2)) == f(np.ones(2))
print(grad(f)(np.zeros(2)).tolist())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use can't be removed there")
def test_a_working_directory_that_is_gone():
    home = os.path.abspath(os.path.join(__file__, *[os.pardir] * 4))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(home=home)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": home},
    )
    assert done.stdout.strip() == "[1.0, 1.0]", done.stderr
