"""``check=True``: what it compares, when, and that user code has its effects once per call."""

import itertools
import time
import types

import numpy as np
import pytest

from tracer import errors, grad, settings, trace, value_and_grad

X = np.array([0.5, 1.5, 2.5])


def run(function, calls, *arguments):
    """The number of the first call that fails, and its error."""
    for number in range(1, calls + 1):
        try:
            function(*arguments)
        except errors.CheckFailed as error:
            return number, str(error)
    return 0, ""


def test_values_that_tracing_sees_once():
    counter = itertools.count()
    number, text = run(trace(check=True)(lambda x: x * time.perf_counter()), 3, X)
    assert number == 2 and "the time (perf_counter)" in text and "instead of" in text
    number, text = run(trace(check=True)(lambda x: x + next(counter)), 3, X)
    assert number == 2 and "iterator" in text


def test_files(tmp_path):
    path = tmp_path / "scale.txt"

    def program(x):
        return x * float(open(path).read())

    path.write_text("2.0")
    traced = trace(check=True)(program)
    np.testing.assert_array_equal(traced(X), 2 * X)
    np.testing.assert_array_equal(traced(X), 2 * X)
    path.write_text("3.0")
    number, text = run(traced, 6, X)
    assert number == 2 and "a file (open)" in text  # the fourth call of the program


def test_text_made_a_number_is_found_without_being_asked():
    def program(x):
        return x * float(f"{x[0]:.6f}")

    try:
        traced = trace(program)
        np.testing.assert_array_equal(traced(X), program(X))
        got = traced(2 * X)
    except errors.TracerError:
        return
    np.testing.assert_array_equal(got, program(2 * X))


def test_shapes_dtypes_and_structure():
    made = [np.zeros(2), np.zeros(3), np.zeros(2, np.float32), [np.zeros(2)]]
    for other in made[1:]:
        results = itertools.chain([made[0]], itertools.repeat(other))
        number, _ = run(trace(check=True)(lambda x, source=results: (x, next(source))), 8, X)
        assert number > 1


def test_gradients_are_compared():
    clock = itertools.count(1)

    def slope_only(x):  # the value is 0 whatever the clock says, the slope is not
        return np.sum((x - 1.0) * next(clock)) * 1.0

    function = value_and_grad(trace(check=True)(slope_only))
    number, text = run(function, 3, np.ones(3))
    assert number == 2 and "[1]" in text


def test_right_gradients_pass():
    @trace(check=True)
    def loss(w, x):
        hidden = np.tanh(x * w)
        if hidden.sum() > 0.5:
            hidden = hidden**2
        return np.mean(hidden)

    for scale in (0.1, 1.0, 2.0) * 6:
        value, slope = value_and_grad(loss)(X * scale, X)
        plain = loss.__wrapped__
        np.testing.assert_allclose(value, plain(X * scale, X), rtol=1e-12)
        numeric = [
            (plain(X * scale + e, X) - plain(X * scale - e, X)) / 2e-6 for e in np.eye(3) * 1e-6
        ]
        np.testing.assert_allclose(slope, numeric, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(grad(loss)(X * scale, X), slope)


def test_effects_happen_at_most_once_per_call(capsys):
    lines = []
    sink = types.SimpleNamespace(write=lines.append)

    @trace(check=True)
    def program(x):
        print("called")
        sink.write("called")
        return np.sum(x * 2)

    for number in range(1, 9):
        program(X)
        assert capsys.readouterr().out.count("called") == (number in (1, 2, 4, 8))
    for _ in range(8):
        before = capsys.readouterr().out.count("called")
        value_and_grad(program)(X)
        assert before + capsys.readouterr().out.count("called") <= 1


def test_arguments_are_written_once():
    @trace(check=True)
    def program(x, table):
        x += 1
        table["n"][0] += x[1]
        return x

    for _ in range(9):
        x, table = X.copy(), {"n": np.zeros(2)}
        result = program(x, table)
        assert result is x
        np.testing.assert_array_equal(x, X + 1)
        assert table["n"][0] == X[1] + 1


def test_random_state_moves_on_once():
    def program(x, rng):
        return x + rng.normal(size=3) + np.random.rand(3)

    np.random.seed(1)
    rng = np.random.default_rng(0)
    expected = [program(X, rng) for _ in range(9)]
    np.random.seed(1)
    rng = np.random.default_rng(0)
    traced = trace(check=True)(program)
    for plain in expected:
        np.testing.assert_array_equal(traced(X, rng), plain)


def test_branches_and_errors_pass_through():
    @trace(check=True)
    def program(x):
        if x[0] > 1:
            raise ValueError("too much")
        return np.linalg.inv(np.diag(x)) if x[1] > 0 else x

    for _ in range(5):
        np.testing.assert_array_equal(program(X), np.diag(1 / X))
        np.testing.assert_array_equal(program(-X), -X)
        with pytest.raises(ValueError, match="too much"):
            program(X + 1)
        with pytest.raises(np.linalg.LinAlgError):
            program(X * [0, 1, 1])


def test_the_setting_checks_everything():
    with settings.using(check=True):
        number, _ = run(trace(lambda x: x * time.perf_counter()), 3, X)
        assert number == 2
    number, _ = run(trace(lambda x: x * time.perf_counter()), 3, X)
    assert number == 0


def test_not_a_number_is_equal_to_itself():
    traced = trace(check=True)(lambda x: (np.log(x), x / 0.0, -x * 0.0))
    with np.errstate(all="ignore"):
        for _ in range(5):
            traced(np.array([-1.0, 0.0, np.nan]))
