"""Sums as products with ones: in programs that are run, in derivatives, within rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tracer import grad, settings, trace, value_and_grad, vjp
from tracer.function.traced import as_traced
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.check import check
from tracer.graph.evaluate import evaluate
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder
from tracer.ops.infer import infer
from tracer.passes.sums_by_blas import LARGEST, sums_as_products

SUM = registry.op_of(np.sum)


def sum_graph(spec: ArraySpec, kwargs: dict, roles: dict[str, int]) -> CalcGraph:
    builder = Builder()
    x = builder.input(spec, "x")
    inputs = list(builder.nodes)
    total = builder.emit(SUM, (x,), kwargs)
    return CalcGraph(inputs, builder.nodes, [total.node], roles=roles)


@examples(deadline=None)
@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple),
    dtype=st.sampled_from(["f8", "f4", "f2", "c16", "i8", "g"]),
    axis=st.sampled_from([None, 0, 1, -1, -2, (0,), (1,), (0, 1)]),
    keepdims=st.booleans(),
    order=st.sampled_from("CF"),
)
def test_the_sum_stays_what_it_is(shape, dtype, axis, keepdims, order):
    dtype = np.dtype(dtype)
    values = np.arange(np.prod(shape)).reshape(shape, order=order).astype(dtype) / 8
    values = values.astype(dtype)
    try:
        wanted = np.sum(values, axis=axis, keepdims=keepdims)
    except (IndexError, ValueError):
        return
    spec = ArraySpec(shape, dtype)
    graph = sum_graph(spec, {"axis": axis, "keepdims": keepdims}, {"gradient": 1})
    new = sums_as_products(graph)
    check(new, after="hurry", infer=infer)
    (found,) = evaluate(new, [values])
    assert type(found) is type(wanted) and np.shape(found) == np.shape(wanted)
    assert found.dtype == wanted.dtype and np.array_equal(found, wanted)  # eighths add exactly


@pytest.mark.parametrize("axis", [0, 1])
def test_tables_of_floats_are_multiplied(axis):
    graph = sum_graph(ArraySpec((7, 3), np.dtype("f8")), {"axis": axis}, {"gradient": 1})
    assert [node.op.name for node in sums_as_products(graph).order] == [
        "input",
        "constant",
        "matmul",
    ]


def test_values_keep_their_bits():
    roles = {"value": 1, "gradient": 1}
    graph = sum_graph(ArraySpec((7, 3), np.dtype("f8")), {"axis": 0}, {"gradient": 1})
    graph = graph.replace(outputs=graph.outputs * 2, roles=roles)
    assert sums_as_products(graph) is graph


def test_long_rows_of_short_floats_are_added_in_pairs():
    graph = sum_graph(ArraySpec((2, 5000), np.dtype("f4")), {"axis": 1}, {"gradient": 1})
    assert sums_as_products(graph) is graph


def test_very_many_ones_are_not_kept():
    shape = (LARGEST + 1, 2)
    graph = sums_as_products(
        sum_graph(ArraySpec(shape, np.dtype("f8")), {"axis": 0}, {"gradient": 1})
    )
    assert [node.op.name for node in graph.order] == ["input", "ones", "matmul"]
    assert np.array_equal(evaluate(graph, [np.ones(shape)])[0], [shape[0]] * 2)


def loss(bias, x):
    return np.sum(np.tanh(x + bias) ** 2)


X, BIAS = np.random.default_rng(0).normal(size=(40, 3)), np.array([0.1, -0.2, 0.3])


def program_text(function) -> str:
    (entry,) = function.cache.flat.values()
    return next(iter(entry[0].programs.values())).source


def test_only_what_is_run_has_ones():
    function = as_traced(lambda bias, x: loss(bias, x))
    value, gradient = value_and_grad(function)(BIAS, X)
    assert value == loss(BIAS, X)
    assert "ones @" in program_text(function)
    assert ".sum(axis=0)" in function.source(BIAS, X) and "ones" not in function.source(BIAS, X)
    slopes = [(loss(BIAS + step, X) - loss(BIAS - step, X)) / 2e-6 for step in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-7)


def test_exact_numerics_adds_as_numpy_does():
    function = as_traced(lambda bias, x: loss(bias, x) * 1.0)
    with settings.using(numerics="exact"):
        grad(function)(BIAS, X)
        assert "ones" not in program_text(function)


def test_results_are_the_callers_own():
    """Two calls share no memory, neither with each other nor with the inputs or the ones."""
    both = value_and_grad(trace(loss), argnums=(0, 1))
    before = BIAS.copy(), X.copy()
    first, second = both(BIAS, X)[1], both(BIAS, X)[1]
    arrays = [*first, *second, BIAS, X]
    assert not any(np.may_share_memory(a, b) for a in arrays for b in arrays if a is not b)
    first[0][...] = 0
    assert np.array_equal(both(BIAS, X)[1][0], second[0])
    assert np.array_equal(BIAS, before[0]) and np.array_equal(X, before[1])


def test_a_pullback_may_be_called_twice():
    out, pullback = vjp(lambda bias, x: np.tanh(x + bias), BIAS, X)
    seed = np.cos(X)
    first, second = pullback(seed), pullback(seed)
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other) and not np.may_share_memory(one, other)
    np.testing.assert_allclose(first[0], np.sum(seed * (1 - out**2), axis=0), rtol=1e-13)


def test_infinities_and_nans_are_added_alike():
    def total(bias, x):
        return np.sum((x + bias) * x)

    x = X.copy()
    x[3, 0], x[4, 1], x[5, 2] = np.inf, np.nan, -np.inf
    with np.errstate(all="ignore"):
        found = grad(total)(BIAS, x)
    assert np.array_equal(found, x.sum(axis=0), equal_nan=True)
