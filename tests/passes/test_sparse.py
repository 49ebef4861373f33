"""Numbers written into zeros: an index that may reach an element twice is never a plain write."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tracer import grad, trace
from tracer.graph.node import Params
from tracer.graph.reach import is_monotonic
from tracer.ops import registry
from tracer.ops.builder import Builder

BOUNDS = [-3, -1, 0, 1, 4]


def numbers_of_arange():
    yield from [(stop,) for stop in BOUNDS]
    yield from itertools.product(BOUNDS, BOUNDS)
    yield from itertools.product(BOUNDS, BOUNDS, [-2, -1, 1, 3])


@pytest.mark.parametrize("numbers", list(numbers_of_arange()), ids=str)
def test_what_counts_meets_no_element_twice(numbers):
    node = Builder().emit(registry.op_of(np.arange), numbers).node
    places = np.arange(*numbers)
    for size in range(1, 6):
        inside = places[(places >= -size) & (places < size)]
        if len(inside) == len(places) and is_monotonic(node):
            assert len(set(inside % size)) == len(places)


def test_arange_is_known_to_count():
    node = Builder().emit(registry.op_of(np.arange), (0, 5)).node
    assert is_monotonic(node)
    assert not is_monotonic(node.replace(params=Params((0, 5), {"dtype": np.dtype("i8")})))


ROWS = np.array([0, 1, 1])
CASES = {
    "both sides of zero": ((3,), lambda x: x[np.arange(-3, 3)], 6),
    "downwards through zero": ((4,), lambda x: x[np.arange(3, -3, -1)], 6),
    "one row for all columns": ((2, 2), lambda x: x[np.arange(1), ROWS], 3),
    "one of each row": ((3, 2), lambda x: x[np.arange(3), ROWS], 3),
    "negative": ((3,), lambda x: x[np.arange(-3, 0)], 3),
    "the same element": ((3,), lambda x: x[ROWS], 3),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("way", ["+", "-", "from", "alone"])
def test_gradient_of_a_lookup_beside_other_terms(name, way):
    shape, pick, count = CASES[name]
    x = np.random.default_rng(0).normal(size=shape)
    weights = np.arange(1.0, count + 1)
    ways = {
        "+": lambda x: np.sum(pick(x) * weights) + np.sum(x**2),
        "-": lambda x: np.sum(x**2) - np.sum(pick(x) * weights),
        "from": lambda x: np.sum(pick(x) * weights) - np.sum(x**2),
        "alone": lambda x: np.sum(pick(x) * weights),
    }
    loss = ways[way]
    found = grad(loss)(x)
    assert np.array_equal(found, grad(trace(loss))(x))
    for place in np.ndindex(shape):
        step = np.zeros(shape)
        step[place] = 1e-6
        slope = (loss(x + step) - loss(x - step)) / 2e-6
        assert abs(slope - found[place]) < 1e-6


def test_labels_are_taken_from_the_softmax():
    """The zeros of the cotangent are never made: the probabilities take the few numbers up."""

    def loss(logits, labels):
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -log_probs[np.arange(len(labels)), labels].mean()

    logits, labels = np.random.default_rng(1).normal(size=(4, 3)), np.array([0, 2, 1, 1])
    source = trace(loss).source(logits, labels)
    assert "np.zeros" not in source and "np.full" not in source
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        grad(loss)(logits, labels), (probs - np.eye(3)[labels]) / 4, rtol=1e-12
    )


@pytest.mark.parametrize("axis", [0, 1])
def test_zeros_that_are_broadcast_take_up_nothing(axis):
    """The first column is not the first row."""

    def loss(x):
        return np.sum(x**2) + 3 * x.sum(axis=axis)[0] - x.mean(axis=axis)[1:].sum()

    x = np.random.default_rng(0).normal(size=(3, 3))
    wanted = np.broadcast_to([3.0, -1 / 3, -1 / 3], (3, 3))
    wanted = 2 * x + (wanted if axis == 0 else wanted.T)
    np.testing.assert_allclose(grad(loss)(x), wanted, rtol=1e-12)
