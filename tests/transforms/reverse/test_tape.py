"""Gradients past the cap, from the values that a trace has left: those of the compiled program."""

import gc
import math
import queue
import tracemalloc
import warnings

import numpy as np
import pytest

from tracer import (
    custom_vjp,
    errors,
    grad,
    jvp,
    settings,
    stop_gradient,
    trace,
    value_and_grad,
    vjp,
)
from tracer.function.specialization import Specialization
from tracer.transforms.reverse.tape import Tape

SCALE, WEIGHTS = 1.5, np.array([0.5, -1.0, 2.0])
MATRIX = np.array([[2.0, 0.5, 0.1], [0.5, 3.0, 0.2], [0.1, 0.2, 4.0]])


@pytest.fixture
def taped(monkeypatch):
    """Which calls were ended by a tape: True, or False where it was not to be had."""
    found = []
    from_trace_values = Specialization.from_trace_values

    def noted(self, *args):
        result = from_trace_values(self, *args)
        if self.interpreted:
            found.append(result is not None)
        return result

    monkeypatch.setattr(Specialization, "from_trace_values", noted)
    return found


def past_the_cap(f, *arguments, of=value_and_grad, **options):
    """``of(f)(*arguments)`` where another branch has taken the only place."""

    def branching(taken, *rest):
        return np.sum(rest[0]) * 0.0 if taken < 0 else f(*rest)

    with settings.using(max_branches=1):
        call = of(trace(branching), **options)
        call(-1.0, *arguments)
        return call(1.0, *arguments)


# -- programs -------------------------------------------------------------------------------------
def element_writes(x):
    y = np.zeros(3)
    y[0] = x[1] * 2
    y[1] = x[0] + y[0] ** 2
    y[-1] = x[2] * y[1]
    y[0] = y[0] * y[2]
    return np.sum(y**2)


def recurrence(x):
    y = np.zeros(8)
    y[0] = x[0]
    for i in range(1, 8):
        y[i] = x[1] * y[i - 1] - 0.1 * x[2] * y[i - 1] ** 2
    return y[-1]


def slice_writes(x):
    y = np.ones((3, 3)) * x
    y[0] = x**2
    y[1:, ::2] = 3 * y[:2, 1:]
    y[:, None, 1] = y[:, :1] * x[1]
    y[..., 0] = x[2]
    return np.sum(y * y)


def broadcast_writes(x):
    y = np.zeros((2, 3))
    y[:] = x
    y[1:2] = x[None] * 2
    y[:, 1] = x[0]
    return np.sum(y**3)


def swapped(x):
    y = x * 2
    y[0], y[1] = y[1], y[0]
    y[:2] = y[1::-1].copy()
    return np.sum(y * WEIGHTS)


def written_views(x):
    y = x * 1.0
    view = y[1:]
    view *= x[0]
    y += y[::-1].copy()
    view[0] = y[0] * 2
    return np.sum(y * y) + view[1]


def masks_and_lists(x):
    y = x * 2
    y[x > 1.0] = x[0]
    y[[0, 0, 2]] = x * 3
    y[np.array([1])] += x[:1]
    return np.sum(y[[0, 0, 1]] ** 2) + np.sum(y[y > 2.9])


def at_methods(x):
    y = x * 1.0
    np.add.at(y, [0, 0, 1], x)
    np.fill_diagonal(MATRIX.copy(), 0.0)
    return np.sum(y**2)


def list_building(x):
    rows, last = [], x
    for _ in range(4):
        last = last * WEIGHTS + np.sin(last)
        rows.append(last)
    return np.sum(np.stack(rows) ** 2) + np.sum(np.array([x[0], rows[1][2] ** 2]))


def joining(x):
    y = np.concatenate([x[1:], x[:1] * 2])
    return np.sum(np.vstack([x, y]) @ np.column_stack([y, x])) + np.hstack([x, y])[4]


def captures(x):
    return np.sum(x * WEIGHTS + SCALE * x**2) + x @ MATRIX @ x


def pieces_and_wholes(x):
    y = x * x
    total = y[0] + y[0] * y[1]
    y2 = y + 1
    return total + np.sum(y2[1:] * y[:2]) + np.sum(y2)


def several_outputs(x):
    values, vectors = np.linalg.eigh(MATRIX + np.outer(x, x))
    left, right = np.split(np.concatenate([x, x * 2]), 2)
    return values[0] + np.sum(vectors[:, 0] ** 4) + np.sum(left * right) + np.modf(x * 1.1)[0][0]


def masked_roots(x):
    y = x - 1.0
    safe = np.where(y > 0, np.sqrt(np.abs(y)), 0.0)
    return np.sum(safe) + np.sum(np.maximum(y, 0.0) ** 2) + np.sum(np.clip(y, -0.4, 0.4))


def hidden_poles(x):
    y = x - 1.5
    total = np.where(y > 0, np.log(np.where(y > 0, y, 1.0)), y * y)
    total = total + np.where(y == 0, x, np.sin(y) / np.where(y == 0, 1.0, y) * y[0])
    with np.errstate(all="ignore"):
        return np.sum(np.where(y == 0, 1.0, np.sqrt(np.abs(y)) * x) * total)


def chosen_many_times(x):
    for scale in (0.5, -0.5, 0.25):
        x = np.where(x > 1.0, x * scale, np.where(x < 0.6, 2.0, x[::-1] + x[0]))
    return np.sum(x * np.where(x[0] > 0, x, 0)) + np.where(x[0] > 5, x[1], x[2])


def solved(x):
    return np.sum(np.linalg.solve(MATRIX + np.diag(x), x)) + np.linalg.slogdet(MATRIX * x[0])[1]


def softmax(x):
    shifted = x - np.max(x)
    p = np.exp(shifted) / np.sum(np.exp(shifted))
    return np.log(p[0]) + np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x)


def complex_steps(x):
    z = (x + 1j * x[::-1]) ** 2
    z.real[0] = x[1]
    z[1] = z[0] * np.conj(z[2])
    return np.sum(np.abs(z) ** 2) + np.angle(z[2])


def mutable_sizes(x):
    picked = x[x > 1.0]
    total = 0.0
    for value in picked:
        total = total + value**2
    return total + np.sum(picked * picked)


def caught(x):
    try:
        return np.linalg.inv(np.zeros((3, 3)) * x)[0, 0]
    except np.linalg.LinAlgError:
        return np.sum(x**3)


def zero_dimensional(x):
    total = np.zeros(())
    total[...] = x[0] * x[1]
    total += np.sum(x)
    return total * total[()]


def whole_numbers(x):
    count = np.zeros(3, dtype=int)
    count[1] = 2
    return np.sum(x * count + x ** count[1]) + x[count[1]]


def scalars(x):
    a, b = float(x[0]), x[1].item()
    while abs(a - b) > 1e-6:
        a, b = (a + b) / 2, (a * b) ** 0.5
    return a


def stopped(x):
    return np.sum(x * stop_gradient(x) ** 2)


def inner_gradient(x):
    return np.sum(grad(lambda y: np.sum(np.sin(y) * x))(x * 2))


def nothing_to_do(x):
    return np.sum(np.floor(x + 0.1)) + 0.0


EVERY = [
    element_writes,
    recurrence,
    slice_writes,
    broadcast_writes,
    swapped,
    written_views,
    masks_and_lists,
    at_methods,
    list_building,
    joining,
    captures,
    pieces_and_wholes,
    several_outputs,
    masked_roots,
    solved,
    softmax,
    complex_steps,
    mutable_sizes,
    caught,
    zero_dimensional,
    whole_numbers,
    scalars,
    stopped,
    inner_gradient,
    nothing_to_do,
]


@pytest.mark.parametrize("f", EVERY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_values_and_gradients_are_those_of_the_program(f, dtype, taped):
    x = np.array([1.5, 0.75, 2.25], dtype)
    if dtype is np.longdouble and f in (several_outputs, solved, caught):
        pytest.skip("NumPy has no linear algebra in this precision")
    value, slope = value_and_grad(f)(x)
    other, gradient = past_the_cap(f, x, argnums=1)
    assert taped == [True]
    assert type(other) is type(value) and other == value == f(x)
    assert gradient.dtype == slope.dtype and gradient.shape == slope.shape
    tolerance = 200 * np.finfo(dtype).eps
    np.testing.assert_allclose(gradient, slope, tolerance, tolerance * np.max(np.abs(slope)))


@pytest.mark.parametrize("f", [f for f in EVERY if f is not stopped], ids=lambda f: f.__name__)
def test_gradients_are_slopes(f):
    x = np.array([1.5, 0.75, 2.25])
    _, gradient = past_the_cap(f, x, argnums=1)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-6
        central = (f(x + step) - f(x - step)) / 2e-6
        assert gradient[place] == pytest.approx(central, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("f", [element_writes, list_building, pieces_and_wholes, softmax, joining])
def test_second_derivatives(f):
    x = np.array([1.5, 0.75, 2.25])

    def of_slopes(x):
        return np.sum(grad(f)(x) * WEIGHTS)

    _, twice = past_the_cap(of_slopes, x, argnums=1)
    np.testing.assert_allclose(twice, grad(of_slopes)(x), rtol=1e-12)
    slopes = past_the_cap(f, x, of=grad, argnums=1)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-6
        central = (grad(f)(x + step) - grad(f)(x - step)) @ WEIGHTS / 2e-6
        assert twice[place] == pytest.approx(central, rel=1e-5, abs=1e-8)
    np.testing.assert_allclose(slopes, grad(f)(x), rtol=1e-13)


@pytest.mark.parametrize("f", EVERY, ids=lambda f: f.__name__)
def test_plain_calls_give_what_the_trace_has_computed(f, taped):
    x = np.array([1.5, 0.75, 2.25])
    found = past_the_cap(f, x, of=trace)
    assert taped == [True] and found == f(x) and type(found) is type(f(x))


def test_pushforwards_and_pullbacks_past_the_cap():
    x, t = np.array([1.5, 0.75, 2.25]), np.array([1.0, -2.0, 0.5])
    for f in (element_writes, list_building, captures):

        def branching(taken, x, f=f):
            return np.sum(x) * 0.0 if taken < 0 else f(x)

        traced = trace(branching)
        with settings.using(max_branches=1):
            traced(-1.0, x)
            value, moved = jvp(traced, (1.0, x), (0.0, t))
            other, pullback = vjp(traced, 1.0, x)
        assert value == other == f(x)
        assert moved == pytest.approx(grad(f)(x) @ t)
        for _ in range(2):
            np.testing.assert_allclose(pullback(2.0)[1], 2 * grad(f)(x), rtol=1e-12)


# -- arguments and results ------------------------------------------------------------------------
def test_several_arguments_and_structures(taped):
    def f(p, q):
        return np.sum(p["w"] * q[0]) + q[1] ** 2, p["w"] * 2

    p, q = {"w": np.array([1.0, 2.0]), "unused": np.ones(2)}, (np.array([3.0, 4.0]), 0.5)
    with settings.using(max_branches=1):
        slopes = value_and_grad(
            lambda s, p, q: f(p, q) if s > 0 else (0.0 * q[1], q), argnums=(1, 2), has_aux=True
        )
        slopes(-1.0, p, q)
        (value, aux), (of_p, of_q) = slopes(1.0, p, q)
    assert value == f(p, q)[0] and taped == [True]
    np.testing.assert_array_equal(aux, [2.0, 4.0])
    np.testing.assert_array_equal(of_p["w"], q[0])
    np.testing.assert_array_equal(of_p["unused"], [0.0, 0.0])
    np.testing.assert_array_equal(of_q[0], p["w"])
    assert type(of_q[1]) is np.float64 and of_q[1] == 1.0


def test_gradients_are_memory_of_their_own():
    x, y = np.ones(3), np.array([1.0, 2.0, 3.0])
    _, (of_x, of_y) = past_the_cap(lambda x, y: np.sum(x * y), x, y, argnums=(1, 2))
    assert not np.shares_memory(of_x, y) and not np.shares_memory(of_y, x)
    _, (of_x, of_y) = past_the_cap(lambda x, y: np.sum((x + y) ** 2), x, y, argnums=(1, 2))
    assert not np.shares_memory(of_x, of_y) and of_x.flags.writeable and of_y.flags.writeable


def test_results_are_views_where_those_of_numpy_are():
    x = np.arange(6.0).reshape(2, 3)

    def f(taken, x):
        return (x, x, x) if taken < 0 else (x.T, x[1], x * 2)

    with settings.using(max_branches=1):
        traced = trace(f)
        traced(-1.0, x)
        whole = traced(1.0, x)
    assert np.shares_memory(whole[0], x) and np.shares_memory(whole[1], x)
    assert not np.shares_memory(whole[2], x)
    np.testing.assert_array_equal(whole[0], x.T)


def test_arguments_are_written_back():
    def f(taken, x):
        if taken < 0:
            return np.sum(x)
        x[0] = x[1] * taken
        x[1:] += 1.0
        return np.sum(x**2)

    with settings.using(max_branches=1):
        traced = trace(f)
        traced(-1.0, np.ones(3))
        for taken in (2.0, 3.0):
            x, plain = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])
            assert traced(taken, x) == f(taken, plain)
            np.testing.assert_array_equal(x, plain)


# -- random numbers -------------------------------------------------------------------------------
def walk(x, rng):
    y, steps = x * 1.0, 0
    while np.sum(y) < 6.0 and steps < 50:
        proposed = y + 0.3 * np.abs(rng.normal(size=3)) * x
        if rng.random() < 0.8:
            y = proposed
        steps += 1
    return np.sum(y**2)


def test_random_draws_are_those_of_numpy(taped):
    x = np.array([0.5, 0.25, 0.75])
    with settings.using(max_branches=1):
        slope = value_and_grad(walk)
        for seed in range(6):
            ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
            value, gradient = slope(x, ours)
            assert value == walk(x, theirs)
            assert ours.bit_generator.state == theirs.bit_generator.state
            step = 1e-6 * np.array([1.0, 0.0, 0.0])
            high, low = [walk(x + s, np.random.default_rng(seed)) for s in (step, -step)]
            assert gradient[0] == pytest.approx((high - low) / 2e-6, rel=1e-5)
    assert any(taped)


def test_draws_that_were_written_over_are_drawn_once(taped):
    def f(taken, x):
        noise = np.random.normal(size=3)
        scaled = noise * x
        noise[0] = 0.0
        return np.sum(scaled) if taken < 0 else np.sum(scaled * 2)

    x = np.ones(3)
    with settings.using(max_branches=1):
        slope = value_and_grad(f, 1)
        slope(-1.0, x)
        np.random.seed(3)
        value, gradient = slope(1.0, x)
        after = np.random.random()
    np.random.seed(3)
    assert value == f(1.0, x) and after == np.random.random()
    np.random.seed(3)
    np.testing.assert_array_equal(gradient, 2 * np.random.normal(size=3))
    assert False in taped


# -- what else a call does ------------------------------------------------------------------------
def test_warnings_are_those_of_one_call():
    def f(x):
        return np.sum(np.log(x) * 2)

    x = np.array([0.0, 1.0, 2.0])
    with warnings.catch_warnings(record=True) as plain:
        warnings.simplefilter("always")
        f(x)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        past_the_cap(f, x, of=trace)
    assert [str(w.message) for w in found] == [str(w.message) for w in plain]
    assert found[0].filename == __file__ and found[0].lineno == plain[0].lineno


def test_warnings_of_pullbacks_name_the_user_s_line():
    def f(x):
        return np.sum(np.sqrt(x))

    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        _, gradient = past_the_cap(f, np.array([0.0, 4.0]), argnums=1)
    np.testing.assert_array_equal(gradient, [np.inf, 0.25])
    assert len(found) == 1 and found[0].filename == __file__
    assert found[0].lineno == f.__code__.co_firstlineno + 1


def test_error_states_hold_in_pullbacks(taped):
    def f(x):
        with np.errstate(divide="ignore"):
            return np.sum(np.sqrt(x))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, gradient = past_the_cap(f, np.array([0.0, 4.0]), argnums=1)
    np.testing.assert_array_equal(gradient, [np.inf, 0.25])
    assert taped == [True]


def test_a_missing_rule_is_told_with_the_user_s_line():
    def f(x):
        return math.nextafter(x[0], 9.0) * 2

    with pytest.raises(errors.MissingRule, match="nextafter") as caught:
        past_the_cap(f, np.ones(2), argnums=1)
    assert "math.nextafter(x[0], 9.0)" in str(caught.value)


def test_custom_rules_go_by_the_joint_graph(taped):
    @custom_vjp
    def doubled(x):
        return x * 2

    doubled.defvjp(lambda x: (x * 2, None), lambda _, g: (g * 7,))
    _, gradient = past_the_cap(lambda x: np.sum(doubled(x)), np.ones(2), argnums=1)
    np.testing.assert_array_equal(gradient, [7.0, 7.0])
    assert taped == [False]


def test_checked_gradients_are_those_of_the_tape(taped):
    def f(x):
        total = 0.0
        while total < x[0]:
            total = total + x[1]
        return total * np.sum(x)

    with settings.using(max_branches=1):
        traced = trace(check=True)(f)
        for k in range(1, 6):
            x = np.array([k + 0.5, 1.0, 2.0])
            value, gradient = value_and_grad(traced)(x)
            assert value == f(x)
            total = (k + 1) * x[1]
            np.testing.assert_allclose(gradient, [total, (k + 1) * np.sum(x) + total, total])
    assert taped == [True, False] * 4  # and once more by the interpreter


def test_memory_does_not_grow():
    def f(x):
        y, k = x * 1.0, 0
        while np.sum(y * y) > 1.0:
            y[k % 3] = y[k % 3] * 0.8 - 0.1 * y[(k + 1) % 3]
            k += 1
        return np.sum(np.stack([y, x]) ** 2)

    inputs = np.random.default_rng(0)
    with settings.using(max_branches=1):
        slope = value_and_grad(f)
        for _ in range(30):
            slope(inputs.uniform(1.0, 9.0, 3))
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(40):
            slope(inputs.uniform(1.0, 9.0, 3))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    assert grown < 200_000


def test_long_chains_need_no_recursion():
    def f(x):
        y = np.zeros(2)
        for _ in range(3000):
            y[0] = y[0] + x[0]
        return y[0] if x[1] > 0 else y[1]

    with settings.using(max_branches=1):
        slope = grad(f)
        slope(np.array([1.0, -1.0]))
        np.testing.assert_array_equal(slope(np.array([1.0, 1.0])), [3000.0, 0.0])


def test_a_tape_runs_on_any_graph_with_values():
    graph = trace(lambda x: np.sum(x**2)).graph(np.ones(2), mode="forward")
    x = np.array([1.0, 2.0])
    tape = Tape(graph, {graph.inputs[0]: x})
    (gradient,) = tape.gradients([0], [(graph.outputs[0], np.float64(1.0))])
    np.testing.assert_array_equal(gradient, 2 * x)


# -- check=True ------------------------------------------------------------------------------------
def drawn(x):
    return np.sum(x * x * np.random.default_rng(3).normal(size=3))


@pytest.mark.parametrize("f", [*EVERY, drawn], ids=lambda f: f.__name__)
def test_checked_calls_are_served_alike(f, taped):
    x, other = np.array([1.5, 0.75, 2.25]), np.array([1.5, 0.75, 2.25])
    expected = past_the_cap(f, x, argnums=1)
    with settings.using(check=True):
        found = past_the_cap(f, other, argnums=1)
    assert taped[0] and found[0] == expected[0] and np.all(x == other)
    assert np.all(found[1] == expected[1])


def test_the_check_is_of_the_gradient_that_is_served(monkeypatch):
    gradients = Tape.gradients
    monkeypatch.setattr(
        Tape, "gradients", lambda self, *args: [g * 1.001 for g in gradients(self, *args)]
    )
    with settings.using(check=True), pytest.raises(errors.CheckFailed, match="gradient"):
        past_the_cap(softmax, np.array([1.5, 0.75, 2.25]), argnums=1)


def test_an_array_of_an_earlier_trace_is_no_argument():
    way = queue.SimpleQueue()  # nobody looks into it

    def keeping(x):
        way.put(x * 2)
        return np.sum(x)

    trace(keeping)(np.ones(3))
    with pytest.raises(errors.LeakError):
        past_the_cap(lambda x: np.sum(x * x), way.get(), argnums=1)
