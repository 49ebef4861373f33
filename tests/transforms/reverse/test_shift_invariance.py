"""Shifts that cancel get no cotangent, and the gradients are the same as without them."""

import numpy as np
import pytest

from tracer import grad, jvp

X = np.random.default_rng(0).normal(size=(4, 5))
PICK = np.random.default_rng(1).normal(size=(4, 5))


def log_softmax(x):
    s = x - x.max(axis=1, keepdims=True)
    return np.sum(PICK * (s - np.log(np.exp(s).sum(axis=1, keepdims=True))))


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return np.sum(PICK * (e / e.sum(axis=1, keepdims=True)))


def logsumexp(x):
    m = x.max(axis=0, keepdims=True)
    return np.sum(PICK[0] * (np.log(np.sum(np.exp(x - m), axis=0, keepdims=True)) + m))


def shift_that_counts(x):
    m = x.max(axis=1, keepdims=True)
    s = x - m
    return np.sum(PICK * np.exp(s)) + np.sum(np.log(np.exp(s).sum(axis=1)))


def other_axis(x):
    s = x - x.max(axis=0, keepdims=True)
    return np.sum(PICK * (s - np.log(np.exp(s).sum(axis=1, keepdims=True))))


def shift_is_used_again(x):
    m = x.max(axis=1, keepdims=True)
    s = x - m
    return np.sum(PICK * (s - np.log(np.exp(s).sum(axis=1, keepdims=True)))) + np.sum(m**2)


PROGRAMS = [log_softmax, softmax, logsumexp, shift_that_counts, other_axis, shift_is_used_again]


@pytest.mark.parametrize("program", PROGRAMS)
def test_gradient_is_the_central_difference(program):
    direction = np.random.default_rng(2).normal(size=X.shape)
    step = 1e-6
    expected = (program(X + step * direction) - program(X - step * direction)) / (2 * step)
    assert np.vdot(grad(program)(X), direction) == pytest.approx(expected, rel=1e-7, abs=1e-8)
    assert jvp(program, (X,), (direction,))[1] == pytest.approx(expected, rel=1e-7, abs=1e-8)


@pytest.mark.parametrize("program", PROGRAMS[:3])
def test_the_maximum_is_not_differentiated(program):
    from tracer import trace

    records = trace(program).graph(X).records
    assert not [record for record in records if record.node.op.name == "max"]


@pytest.mark.parametrize("program", PROGRAMS[3:])
def test_a_shift_that_counts_is_differentiated(program):
    from tracer import trace

    records = trace(program).graph(X).records
    assert [record for record in records if record.node.op.name == "max"]
