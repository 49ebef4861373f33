"""Workloads: each a plain function, its arguments, and its gradient as an expert writes it.

>>> WORKLOADS["rosenbrock_1000"].by_hand(x)
(value, gradient)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """``function(np, *args)`` is the value; the namespace is a parameter for HIPS autograd."""

    function: Callable[..., Any]
    by_hand: Callable[..., Any]
    arguments: tuple[Any, ...]


def digits_loss(np, params, x, labels):
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    logits = hidden @ params["w2"] + params["b2"]
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(log_probs[np.arange(len(labels)), labels])


def digits_by_hand(params, x, labels):
    rows, count = np.arange(len(labels)), len(labels)
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    logits = hidden @ params["w2"] + params["b2"]
    shifted = logits - logits.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    value = -(shifted[rows, labels] - np.log(sums)[:, 0]).mean()
    exps /= sums
    exps[rows, labels] -= 1.0
    exps /= count
    g_pre = (exps @ params["w2"].T) * (1.0 - hidden**2)
    return value, {
        "w1": x.T @ g_pre,
        "b1": g_pre.sum(axis=0),
        "w2": hidden.T @ exps,
        "b2": exps.sum(axis=0),
    }


def logistic_loss(np, w, x, y):
    margin = y * (x @ w)
    return np.mean(np.log1p(np.exp(-margin)))


def logistic_by_hand(w, x, y):
    e = np.exp(-y * (x @ w))
    return np.log1p(e).mean(), x.T @ (-y * e / (1.0 + e) / len(y))


def rosenbrock(np, x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_by_hand(x):
    left, error = x[:-1], x[1:] - x[:-1] ** 2
    rest = 1.0 - left
    gradient = np.zeros_like(x)
    gradient[:-1] = -400.0 * left * error - 2.0 * rest
    gradient[1:] += 200.0 * error
    return 100.0 * error @ error + rest @ rest, gradient


def _workloads() -> dict[str, Workload]:
    draw = np.random.default_rng(0)
    params = {
        "w1": draw.normal(size=(64, 32)) / 8,
        "b1": np.zeros(32),
        "w2": draw.normal(size=(32, 10)) / 6,
        "b2": np.zeros(10),
    }
    x, labels = draw.random((1347, 64)), draw.integers(0, 10, 1347)
    wide = draw.normal(size=(20_000, 50))
    signs = np.sign(wide @ draw.normal(size=50))
    return {
        "digits 1347x64": Workload(digits_loss, digits_by_hand, (params, x, labels)),
        "digits 128x64": Workload(digits_loss, digits_by_hand, (params, x[:128], labels[:128])),
        "logistic 20000x50": Workload(
            logistic_loss, logistic_by_hand, (draw.normal(size=50) / 9, wide, signs)
        ),
        "rosenbrock 1000": Workload(rosenbrock, rosenbrock_by_hand, (draw.normal(size=1000),)),
        "rosenbrock 100000": Workload(rosenbrock, rosenbrock_by_hand, (draw.normal(size=10**5),)),
    }


WORKLOADS = _workloads()
