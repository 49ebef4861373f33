"""What reaches the user when something goes wrong: the user's frames, and each warning once."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import traceback
import warnings

import numpy as np
import pytest

import tracer
from tracer import errors, grad, jacobian, jvp, trace, value_and_grad, vjp

HERE = __file__
OWN = os.path.dirname(tracer.__file__)


def helper(x):
    return np.linalg.cholesky(x)  # the line that fails


def raises_value_error(x):
    y = x * 2
    return helper(y)


def frames_of(error):
    return traceback.extract_tb(error.__traceback__)


def user_frames(error):
    return [(f.name, f.line) for f in frames_of(error) if f.filename == HERE]


def caught(function, *arguments):
    with pytest.raises(Exception) as info:
        function(*arguments)
    return info.value


BAD = -np.eye(2)


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: trace(f)(x),
        lambda f, x: grad(lambda v: np.sum(f(v)))(x),
        lambda f, x: value_and_grad(lambda v: np.sum(f(v)))(x),
        lambda f, x: vjp(f, x),
        lambda f, x: jvp(f, (x,), (x,)),
        lambda f, x: jacobian(f)(x),
        lambda f, x: trace(f).source(x),
        lambda f, x: trace(f).graph(x),
    ],
)
def test_the_user_s_frames_alone(call):
    error = caught(call, raises_value_error, BAD)
    plain = caught(raises_value_error, BAD)
    assert type(error) is type(plain) and error.args == plain.args
    own = [f for f in frames_of(error) if f.filename.startswith(OWN + os.sep)]
    assert len(own) <= 1, own  # the public function that was called
    names = [name for name, _ in user_frames(error)]
    assert names[-2:] == ["raises_value_error", "helper"]
    assert user_frames(error)[-1][1] == "return np.linalg.cholesky(x)  # the line that fails"


def test_the_second_call_shows_the_same_frames():
    traced = trace(raises_value_error)
    traced(np.eye(2))
    error = caught(traced, BAD)
    assert isinstance(error, np.linalg.LinAlgError)
    assert [name for name, _ in user_frames(error)][-2:] == ["raises_value_error", "helper"]
    assert error.__context__ is None and error.__cause__ is None


class Custom(Exception):
    pass


def test_exceptions_keep_identity_and_cause():
    raised = Custom("mine")

    def f(x):
        try:
            {}["missing"]
        except KeyError as error:
            raise raised from error
        return x

    error = caught(trace(f), 1.0)
    assert error is raised
    assert isinstance(error.__cause__, KeyError)
    assert [f.filename for f in traceback.extract_tb(error.__cause__.__traceback__)] == [HERE]

    def attribute(x):
        return x.nothing

    assert caught(trace(attribute), np.ones(2)).name == "nothing"


def test_errors_of_the_tracer_point_at_the_expression():
    def f(x):
        y = x + 1
        return np.sum(y) * struct.pack("d", y[0])[0]

    error = caught(trace(f), np.ones(2))
    assert isinstance(error, errors.TracerError)
    text = str(error)
    assert 'struct.pack("d", y[0])' in text and "^^^" in text and "Fix:" in text
    assert [name for name, _ in user_frames(error)][-1] == "f"


def test_numpy_s_shape_errors_are_value_errors_at_the_line():
    def f(x):
        return x @ np.ones((5, 2))

    error = caught(trace(f), np.ones(3))
    assert isinstance(error, ValueError)
    assert user_frames(error)[-1][1] == "return x @ np.ones((5, 2))"
    cause = error.__cause__
    assert cause is None or not [
        f for f in traceback.extract_tb(cause.__traceback__) if f.filename.startswith(OWN + os.sep)
    ]


def test_the_full_traceback_on_demand(monkeypatch):
    monkeypatch.setenv("TRACER_FULL_TRACEBACK", "1")
    error = caught(trace(raises_value_error), BAD)
    assert len([f for f in frames_of(error) if f.filename.startswith(OWN + os.sep)]) > 3


# -- warnings ----------------------------------------------------------------------------------
def warned(function, *arguments, action="always"):
    """Messages, categories and lines of the warnings of one call."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter(action)
        function(*arguments)
    return [(str(w.message), w.category, w.filename, w.lineno) for w in found]


def logarithm(x):
    y = x + 1.0
    z = np.log(x)
    return np.sum(z * y)


def quotient(x):
    return np.sum(1.0 / x)


def overflow(x):
    return x[0] * 1e300 * np.float64(1e300)


def square_root(x):
    root = np.sqrt(x - 3.0)
    return root.sum()


@pytest.mark.parametrize("f", [logarithm, quotient, overflow, square_root])
def test_each_warning_once_at_the_user_s_line(f):
    x = np.array([0.0, 2.0]) if f is not overflow else np.array([1e300, 1.0])
    expected = warned(f, x)
    traced = trace(f)
    assert expected
    for _ in range(3):  # as it is traced, and as a program
        assert warned(traced, x) == expected
    calm = trace(f)
    calm(np.array([4.0, 5.0]))
    assert warned(calm, x) == expected


def test_once_per_place_by_default():
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        traced = trace(logarithm)
        for _ in range(3):
            traced(np.array([0.0, 1.0]))
        logarithm(np.array([0.0, 1.0]))  # the same place: it has been said
    assert len(found) == 1


def test_errstate_is_respected():
    def quiet(x):
        with np.errstate(divide="ignore"):
            y = np.log(x)
        return np.sum(y) + np.sum(np.log(x))

    expected = warned(quiet, np.zeros(2))
    traced = trace(quiet)
    for _ in range(2):
        assert warned(traced, np.zeros(2)) == expected
    with np.errstate(all="ignore"):
        assert warned(trace(logarithm), np.zeros(2)) == []
        assert warned(traced, np.zeros(2)) == []
    with np.errstate(divide="raise"):
        for _ in range(2):
            with pytest.raises(FloatingPointError):
                trace(logarithm)(np.zeros(2))
    seen = []
    with np.errstate(divide="call", call=lambda kind, flag: seen.append(kind)):
        trace(logarithm)(np.zeros(2))
    assert seen == ["divide by zero"]


def test_filters_inside_are_respected():
    def quiet(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = np.log(x)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "divide by zero", RuntimeWarning)
            y = y + np.log(x)
        return np.sum(y) + np.sum(np.sqrt(x - 1.0))

    expected = warned(quiet, np.zeros(2))
    assert len(expected) == 1
    traced = trace(quiet)
    for _ in range(3):
        assert warned(traced, np.zeros(2)) == expected


def test_warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        traced = trace(logarithm)
        for _ in range(2):
            with pytest.raises(RuntimeWarning, match="divide by zero encountered in log"):
                traced(np.zeros(2))
        assert traced(np.ones(2)) == logarithm(np.ones(2))

    def guarded(x):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                return np.log(x)
            except RuntimeWarning:
                return x - 1.0

    traced = trace(guarded)
    for x in (np.zeros(2), np.ones(2), np.zeros(2), np.ones(2)):
        np.testing.assert_array_equal(traced(x), guarded(x))


def test_warnings_of_numpy_s_python_code_come_once():
    def mean(x):
        return np.mean(x)

    for _ in range(2):
        found = warned(trace(mean), np.zeros(0))
        expected = warned(mean, np.zeros(0))
        assert [w[:2] for w in found] == [w[:2] for w in expected]


def test_the_user_s_own_warnings():
    def f(x):
        warnings.warn("mine", UserWarning, stacklevel=1)
        return x * 2

    found = warned(trace(f), 1.0)
    assert found == warned(f, 1.0)


def test_warnings_before_an_exception():
    def f(x):
        y = np.log(x)
        if y[0] < 0:
            raise Custom
        return y

    def attempt(function):
        with pytest.raises(Custom):
            function(np.zeros(1))

    assert warned(attempt, trace(f)) == warned(attempt, f)


def test_in_a_script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        "import numpy as np\nfrom tracer import grad\n\n\ndef f(x):\n    return np.log(x) * x\n\n\n"
        "print(grad(f)(0.0))\nprint(grad(f)('a'))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(OWN)}
    run = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, env=environment, check=False
    )
    assert run.stderr.count("divide by zero encountered in log") == 1
    assert f"{path}:6: RuntimeWarning" in run.stderr
    assert run.stderr.count(f'File "{OWN}') <= 1
