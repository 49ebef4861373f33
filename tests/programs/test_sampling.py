"""Programs that sample: values and gradients are those of plain NumPy with the same generator."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tracer import grad, hessian, trace, value_and_grad

DATA = np.random.default_rng(0).normal(size=(30, 5))
TARGETS = np.random.default_rng(1).normal(size=30)
X = np.random.default_rng(2).normal(size=5)


def variational(w, rng):
    """A negative evidence bound with reparametrised samples."""
    mean, log_scale = w[:2], w[2:4]
    z = mean + np.exp(log_scale) * rng.standard_normal(size=(10, 2))
    divergence = -0.5 * np.sum(1 + 2 * log_scale - mean**2 - np.exp(2 * log_scale))
    return np.mean(np.sum((z - 1.0) ** 2, axis=1)) + divergence


def antithetic(w, rng):
    total = 0.0
    for _ in range(4):
        step = 0.1 * rng.normal(size=w.shape)
        total = total + np.sum((w + step) ** 4) - np.sum((w - step) ** 3)
    return total


def gumbel_softmax(w, rng):
    logits = (w - np.log(-np.log(rng.uniform(size=w.shape)))) / 0.5
    weights = np.exp(logits - logits.max())
    return np.sum((weights / weights.sum()) ** 2)


def epochs(w, rng):
    for _ in range(3):
        order = rng.permutation(30)
        for start in range(0, 30, 10):
            batch = order[start : start + 10]
            rows = DATA[batch]
            w = w - 0.01 * rows.T @ (rows @ w - TARGETS[batch])
    return np.sum((DATA @ w - TARGETS) ** 2)


def hamiltonian(w, rng):
    momentum, place = rng.normal(size=w.shape), w
    for _ in range(5):
        momentum = momentum - 0.05 * place
        place = place + 0.1 * momentum
        momentum = momentum - 0.05 * place
    gain = float(0.5 * np.sum(w**2) - 0.5 * np.sum(place**2))
    return np.sum(place) if rng.random() < math.exp(min(0.0, gain)) else np.sum(w)


def option(w, rng):
    price, step = w[0] + 3.0, 0.01
    for noise in rng.normal(0, math.sqrt(step), size=20):
        price = price + w[1] * price * step + w[2] * price * noise
    return max(price - 1.0, 0.0)


def augmented(w, rng):
    x = w + rng.normal(scale=0.1, size=w.shape)
    if rng.random() < 0.5:
        x = x[::-1]
    keep = rng.binomial(1, 0.7, size=x.shape)
    return np.sum(x * keep * np.arange(5.0) ** 2)


def legacy(w, rng):
    np.random.seed(7)
    shuffled = w * np.random.randn(5)
    np.random.shuffle(shuffled)
    return np.sum(shuffled * np.arange(5.0)) + np.random.choice(w) ** 2


def curvature(w, rng):
    noise = rng.normal(size=5)
    inner = grad(lambda v: np.sum((v + noise) ** 3))(w)
    return np.sum(inner) + np.sum(hessian(lambda v: np.sum((v * noise) ** 3))(w))


PROGRAMS = [
    variational,
    antithetic,
    gumbel_softmax,
    epochs,
    hamiltonian,
    option,
    augmented,
    legacy,
    curvature,
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_sampling_programs(program):
    traced = trace(program)
    differentiate = value_and_grad(program)
    for seed in (3, 4, 5):
        ours, theirs = np.random.default_rng(seed), np.random.default_rng(seed)
        expected = program(X.copy(), theirs)
        got = traced(X.copy(), ours)
        assert type(got) is type(expected) and got == expected
        assert ours.bit_generator.state == theirs.bit_generator.state
        value, gradient = differentiate(X.copy(), np.random.default_rng(seed))
        assert value == expected
        for k, step in enumerate(1e-6 * np.eye(5)):
            ahead = program(X + step, np.random.default_rng(seed))
            behind = program(X - step, np.random.default_rng(seed))
            np.testing.assert_allclose(gradient[k], (ahead - behind) / 2e-6, rtol=1e-5, atol=1e-6)
