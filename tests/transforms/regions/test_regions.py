"""Loops and branches: values to the bit, both modes against differences, to second order.

Every program runs as plain Python outside a trace; that is what the traced one is compared with.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.transforms.regions.region_programs import PROGRAMS, Program, masked_in_loop
from tracer import (
    cond,
    fori_loop,
    grad,
    hessian,
    jacobian,
    jvp,
    scan,
    stop_gradient,
    trace,
    value_and_grad,
    vjp,
    while_loop,
)
from tracer.errors import BranchMismatch, CarryMismatch
from tracer.graph.check import check
from tracer.graph.reader import read_graph
from tracer.graph.text import table_of
from tracer.ops.infer import infer
from tracer.ops.registry import op_named
from tracer.passes.pipeline import optimise
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse

EACH = pytest.mark.parametrize("program", PROGRAMS, ids=[p.function.__name__ for p in PROGRAMS])


def same(one, other):
    """Equal to the bit, in value, shape and dtype."""
    one, other = np.asarray(one), np.asarray(other)
    return (
        one.dtype == other.dtype and one.shape == other.shape and (one.tobytes() == other.tobytes())
    )


def scalar(program: Program):
    """The program's value as one number of its first argument."""

    def of(x):
        out = program.function(x, *program.rest)
        parts = out if isinstance(out, tuple) else (out,)
        return sum([np.sum(part * part) for part in parts])

    return of


def slope(function, x, direction, h=1e-6):
    return (function(x + h * direction) - function(x - h * direction)) / (2 * h)


def directions(x, count=2):
    generator = np.random.default_rng(5)
    return [generator.normal(size=np.shape(x)) for _ in range(count)]


@EACH
def test_value_is_that_of_plain_python(program):
    plain = program.function(program.x, *program.rest)
    traced = trace(program.function)
    for _ in range(2):
        found = traced(program.x, *program.rest)
        if isinstance(plain, tuple):
            assert all(same(a, b) for a, b in zip(found, plain, strict=True))
        else:
            assert same(found, plain)


@EACH
def test_gradient(program):
    function = scalar(program)
    value, gradient = value_and_grad(function)(program.x)
    assert value == function(program.x)
    assert np.shape(gradient) == np.shape(program.x)
    for direction in directions(program.x):
        expected = slope(function, program.x, direction)
        assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-5, abs=1e-7)


@EACH
def test_tangent(program):
    function = scalar(program)
    for direction in directions(program.x):
        value, tangent = jvp(function, (program.x,), (direction,))
        assert value == function(program.x)
        assert tangent == pytest.approx(slope(function, program.x, direction), rel=1e-5, abs=1e-7)


@EACH
def test_second_order(program):
    function = scalar(program)
    over = hessian(function)(program.x)
    twice = jacobian(grad(function), mode="reverse")(program.x)
    np.testing.assert_allclose(over, twice, rtol=1e-8, atol=1e-9)
    for direction in directions(program.x, 1):
        expected = slope(grad(function), program.x, direction, 1e-5)
        found = np.tensordot(over, direction, np.ndim(program.x))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@EACH
def test_pullback_twice_and_after_the_inputs_change(program):
    x = np.array(program.x)
    function = scalar(program)
    _, pullback = vjp(function, x)
    first = pullback(1.0)[0]
    x += 100.0
    assert same(pullback(1.0)[0], first)


@EACH
def test_graphs_hold_their_invariants(program):
    traced = trace(scalar(program))
    graph = traced.graph(program.x, mode="forward")
    known = None if program.function is masked_in_loop else infer  # which can't count a mask
    check(graph, infer=known)
    for made in (reverse(graph, [0], "ones"), forward(graph, [0])):
        check(made, infer=known)
        optimise(made, "fast", lambda g, name: check(g, after=name, infer=known))
        text = "\n".join([line.partition(" #")[0].rstrip() for line in str(made).splitlines()])
        again = read_graph(text, op_named, table_of(made))
        assert str(again).rstrip() == text


@EACH
def test_there_is_a_region(program):
    graph = trace(program.function).graph(program.x, *program.rest, mode="forward")
    names = {node.op.name for node in graph.order}
    assert bool(names & {"loop", "cond"}) is program.stays


# -- results are the caller's own -----------------------------------------------------------------
def test_no_iteration_gives_a_copy():
    x = np.ones(3)
    for function in (
        trace(lambda x: fori_loop(0, 0, lambda i, v: v * 2, x)),
        trace(lambda x: while_loop(lambda v: v.sum() < 0, lambda v: v * 2, x)),
        lambda x: fori_loop(0, 0, lambda i, v: v * 2, x),
    ):
        out = function(x)
        assert same(out, x) and not np.shares_memory(out, x)


def test_the_first_carry_is_not_written_to():
    def body(i, out):
        out[i] = 7.0
        return out

    x = np.zeros(3)
    for function in (lambda x: fori_loop(0, 3, body, x), trace(lambda x: fori_loop(0, 3, body, x))):
        assert np.all(function(x) == 7.0) and np.all(x == 0.0)


def test_rows_keep_what_they_were():
    def step(carry, _):
        carry[0] += 1.0
        return carry, carry

    for function in (lambda x: scan(step, x, None, 3), trace(lambda x: scan(step, x, None, 3))):
        _, rows = function(np.zeros(2))
        assert rows[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_scan_of_nothing():
    def both(xs):
        return scan(lambda c, x: (c + x, (c, x * 2)), 0.5, xs)

    xs = np.zeros((0,), np.float32)
    carry, (first, second) = trace(both)(xs)
    assert carry == 0.5 and first.shape == second.shape == (0,)
    plain = both(xs)
    assert plain[1][1].dtype == second.dtype == np.float32
    assert same(grad(lambda x: scan(lambda c, e: (c + e, c), x, np.zeros(0))[0])(2.0), 1.0)


def test_reverse_scan_keeps_the_order():
    xs = np.arange(4.0)
    for function in (scan, trace(lambda f, c, xs, **k: scan(f, c, xs, **k), static=())):
        carry, rows = function(lambda c, x: (c + x, c), 0.0, xs, reverse=True)
        assert carry == 6.0 and rows.tolist() == [6.0, 5.0, 3.0, 0.0]


# -- kinds of numbers -----------------------------------------------------------------------------
@pytest.mark.parametrize("init", [0, 0.0, np.float32(0), np.zeros(()), 1j])
def test_a_carry_becomes_what_the_body_makes_of_it(init):
    x = np.arange(3, dtype=np.float32)

    def total(x):
        return scan(lambda c, e: (c + e, c * e), init, x)

    found, plain = trace(total)(x), total(x)
    assert same(found[0], plain[0])
    np.testing.assert_array_equal(found[1], plain[1])


def test_an_integer_carry_has_no_gradient_but_counts():
    def f(x):
        count, y = while_loop(lambda s: s[1] < 10.0, lambda s: (s[0] + 1, s[1] * x), (0, x))
        return y * count

    assert trace(f)(2.0) == f(2.0) == 16.0 * 3
    assert grad(f)(2.0) == pytest.approx(3 * 4 * 2.0**3)


# -- captured values ------------------------------------------------------------------------------
def test_captured_arrays_are_read_on_every_call():
    scale = {"w": np.array([1.0, 2.0])}

    @trace
    def f(x):
        return fori_loop(0, 3, lambda i, v: v * scale["w"], x).sum()

    x = np.ones(2)
    assert f(x) == 9.0
    scale["w"] = np.array([2.0, 2.0])
    assert f(x) == 16.0
    assert grad(f)(x).tolist() == [8.0, 8.0]


def test_the_gradient_of_what_a_body_captures():
    def f(w, x):
        return fori_loop(0, 4, lambda i, v: np.tanh(w @ v) + w[0], x).sum()

    w, x = np.random.default_rng(0).normal(size=(2, 2)), np.ones(2)
    direction = np.random.default_rng(1).normal(size=(2, 2))
    expected = slope(lambda w: f(w, x), w, direction)
    assert np.sum(grad(f)(w, x) * direction) == pytest.approx(expected)


def test_a_loop_in_a_gradient_in_a_loop():
    def descend(x):
        def energy(v):
            return fori_loop(0, 2, lambda i, u: np.sin(u) * v, v).sum()

        return fori_loop(0, 3, lambda i, v: v - 0.1 * grad(energy)(v), x)

    x = np.array([0.3, 0.8])
    assert np.allclose(trace(descend)(x), descend(x), rtol=1e-14)
    direction = np.array([1.0, -0.5])
    found = np.sum(grad(lambda x: descend(x).sum())(x) * direction)
    assert found == pytest.approx(slope(lambda x: descend(x).sum(), x, direction), rel=1e-6)


def test_stopped_gradients_in_a_body():
    def f(x):
        return fori_loop(0, 3, lambda i, v: v * stop_gradient(x), x)

    assert trace(f)(2.0) == 16.0 and grad(f)(2.0) == 8.0


def test_work_on_captured_values_is_done_once():
    def f(w, x):
        return fori_loop(0, 4, lambda i, v: np.tanh(np.exp(w) @ v) + w.sum(), x).sum()

    w, x = np.random.default_rng(0).normal(size=(2, 2)), np.ones(2)
    graph = trace(f).graph(w, x, mode="forward")
    loop = next(node for node in graph.order if node.op.name == "loop")
    assert "exp" in {node.op.name for node in graph.order}
    assert {node.op.name for node in loop.regions[0].order} == {"input", "matmul", "tanh", "add"}
    assert trace(f)(w, x) == f(w, x)
    direction = np.random.default_rng(1).normal(size=(2, 2))
    expected = slope(lambda w: f(w, x), w, direction)
    assert np.sum(grad(f)(w, x) * direction) == pytest.approx(expected)
    never = trace(lambda w, x: fori_loop(0, 0, lambda i, v: np.linalg.inv(w) @ v, x))
    assert never(np.zeros((2, 2)), x).tolist() == [1.0, 1.0]


# -- unrolled where a region can't be -------------------------------------------------------------
def test_a_body_that_branches_in_python_is_unrolled():
    def f(x):
        def body(i, v):
            if v.sum() > 2.0:
                return v * 0.5
            return v * x

        return fori_loop(0, 4, body, x)

    traced = trace(f)
    for x in (np.array([1.0, 2.0]), np.array([0.1, 0.2]), np.array([3.0, 1.0])):
        assert same(traced(x), f(x))
        direction = np.array([0.3, -1.0])
        found = np.sum(grad(lambda v: f(v).sum())(x) * direction)
        assert found == pytest.approx(slope(lambda v: f(v).sum(), x, direction), rel=1e-6)


def test_a_body_that_writes_outside_is_unrolled():
    def f(x):
        out = np.zeros(3)

        def body(i, v):
            out[i] = v
            return v * x

        last = fori_loop(0, 3, body, x)
        return out.sum() + last

    assert trace(f)(2.0) == f(2.0)
    assert grad(f)(2.0) == pytest.approx(1 + 4 + 12 + 32)


def test_what_an_unrolled_body_captures_is_read_on_every_call():
    scale = {"w": np.array([1.0, 2.0]), "limit": 3.0}

    @trace
    def f(x):
        def body(i, v):
            return v * scale["w"] if v.sum() < scale["limit"] else v * 0.5

        return fori_loop(0, 3, body, x)

    for w in ([1.0, 2.0], [2.0, 3.0], [0.1, 0.1]):
        scale["w"] = np.array(w)
        assert same(f(np.ones(2)), f.__wrapped__(np.ones(2)))


def test_random_draws_in_bodies_are_those_of_the_stream():
    def loop(x, generator):
        return fori_loop(0, 3, lambda i, v: v * generator.normal(size=3), x)

    def rows(x, generator):
        return scan(lambda c, e: (c + generator.uniform(), c * e), 0.0, x)[1]

    def branch(x, generator):
        return cond(x.sum() > 0, lambda v: v * generator.normal(), lambda v: v, x)

    x = np.array([1.0, 2.0, -0.5])
    for function in (loop, rows, branch):
        traced = trace(function)
        one, other = np.random.default_rng(1), np.random.default_rng(1)
        for sign in (1, -1, 1, 1):
            assert same(traced(sign * x, one), function(sign * x, other))
        assert one.bit_generator.state == other.bit_generator.state


def test_a_branch_that_cannot_run_is_not_needed():
    def f(x):
        return cond(x.sum() > 0, lambda v: v[0], lambda v: v[5], x)

    assert trace(f)(np.ones(2)) == 1.0
    assert grad(f)(np.ones(2)).tolist() == [1.0, 0.0]


# -- errors ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("run", [lambda f: f, trace])
@pytest.mark.parametrize(
    "body", [lambda i, v: np.append(v, 1.0), lambda i, v: (v, v), lambda i, v: v.astype(complex)]
)
def test_a_carry_that_changes(run, body):
    function = run(lambda x: fori_loop(0, 3, body, x))
    with pytest.raises(CarryMismatch, match="before an iteration and .* after it") as caught:
        function(np.ones(2))
    assert "test_regions.py" in str(caught.value) and "Fix:" in str(caught.value)


def test_branches_that_differ():
    @trace
    def shapes(x):
        return cond(x.sum() > 0, lambda v: v, lambda v: v.sum(), x)

    @trace
    def structures(x):
        return cond(x.sum() > 0, lambda v: (v, v), lambda v: v, x)

    for function in (shapes, structures):
        with pytest.raises(BranchMismatch, match="one branch returns .* the other"):
            function(np.ones(2))


def test_scan_asks_for_one_length():
    with pytest.raises(ValueError, match="different lengths"):
        scan(lambda c, x: (c, c), 0.0, (np.ones(2), np.ones(3)))
    with pytest.raises(ValueError, match="xs or length"):
        scan(lambda c, x: (c, c), 0.0, None)
    with pytest.raises(TypeError, match="carry, y"):
        scan(lambda c, x: c, 0.0, np.ones(2))
