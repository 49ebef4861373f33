"""Graphs that the code generation tests share: a classifier, a branch, and random programs."""

from __future__ import annotations

import random

import numpy as np

from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.origin import Origin
from tracer.ops import registry
from tracer.ops.builder import Builder, apply, array_spec

FLOAT = np.dtype(float)
DIGITS = """hidden = np.tanh(x @ params["w1"] + params["b1"])
logits = hidden @ params["w2"] + params["b2"]
shifted = logits - logits.max(axis=1, keepdims=True)
log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
return -log_probs[np.arange(len(labels)), labels].mean()""".split("\n")


def statement(builder: Builder, file: str, line: int, text: str) -> None:
    builder.origin = Origin(file, line, 0, 1, "", text, line, "loss")


def method(name: str, x, **kwargs):
    return x.builder.emit(registry.op_named(name), (x,), kwargs, "method")


def named(name: str, symbol):
    symbol.node.name = name
    return symbol


def digits() -> tuple[CalcGraph, list[np.ndarray]]:
    """The network of the first example, and arguments for it."""
    b = Builder()
    shapes = {"b1": (32,), "b2": (10,), "w1": (64, 32), "w2": (32, 10), "x": (128, 64)}
    b1, b2, w1, w2, x = [b.input(array_spec(s, FLOAT), name) for name, s in shapes.items()]
    labels = b.input(array_spec((128,), np.dtype(np.int64)), "labels")
    statement(b, "digits.py", 10, DIGITS[0])
    hidden = named("hidden", np.tanh(x @ w1 + b1))
    statement(b, "digits.py", 11, DIGITS[1])
    logits = named("logits", hidden @ w2 + b2)
    statement(b, "digits.py", 12, DIGITS[2])
    shifted = named("shifted", logits - method("max", logits, axis=1, keepdims=True))
    statement(b, "digits.py", 13, DIGITS[3])
    total = method("sum", np.exp(shifted), axis=1, keepdims=True)
    log_probs = named("log_probs", shifted - np.log(total))
    statement(b, "digits.py", 14, DIGITS[4])
    rows = b.emit(registry.op_named("arange"), (128,))
    loss = -method("mean", log_probs[rows, labels])
    inputs = [s.node for s in (b1, b2, w1, w2, x, labels)]
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(node.shape) for node in inputs[:5]]
    graph = CalcGraph(inputs, b.nodes, [loss.node], title="loss(params, x, labels)")
    return graph, [*values, rng.integers(0, 10, 128)]


def robust(outcome: bool) -> CalcGraph:
    """One side of the branch of the third example."""
    b = Builder()
    r = b.input(array_spec((8,), FLOAT), "r")
    statement(b, "robust.py", 4, "if np.abs(r).max() > 1.0:")
    above = method("max", np.abs(r)) > 1.0
    guard = Guard(above.node, outcome, "equals", b.origin)
    if outcome:
        statement(b, "robust.py", 5, "return np.sum(2 * np.abs(r) - 1)")
        loss = np.sum(2 * np.abs(r) - 1)
    else:
        statement(b, "robust.py", 6, "return np.sum(r**2)")
        loss = np.sum(r**2)
    return CalcGraph([r.node], b.nodes, [loss.node], [guard], title="loss(r)")


def random_graph(seed: int) -> CalcGraph:
    """Arithmetic, views, writes, guards and write-backs in any order."""
    rng = random.Random(seed)
    b = Builder()
    ends = [
        b.input(array_spec(s, FLOAT), n) for n, s in (("x", (4, 3)), ("y", (4, 3)), ("v", (3,)))
    ]
    rows = b.constant(np.array([0, 2, 0]))
    pool, guards = list(ends), []
    for step in range(rng.randint(3, 40)):
        statement(b, "m.py", step // 4, f"statement {step // 4}")
        b.context = (("divide", "ignore"),) if rng.random() < 0.1 else None
        p = rng.choice(pool[-8:] + ends)
        others = [o for o in pool if o.shape == p.shape]
        where = rng.choice([0, slice(1, None), slice(None, None, 2), -1, rows])
        moves = [
            lambda p=p, o=others: p + rng.choice(o),
            lambda p=p, o=others: p - rng.choice(o),
            lambda p=p, o=others: p * rng.choice([2.0, -1.5, *o[-2:]]),
            lambda p=p: -p,
            lambda p=p: np.tanh(p),
            lambda p=p: p**2,
            lambda p=p: np.sum(p, axis=0),
            lambda p=p: p.T,
            lambda p=p: p[1:],
            lambda p=p: p[::-1],
            lambda p=p: p[0],
            lambda p=p: np.reshape(p, (-1,)),
            lambda p=p: apply(registry.BROADCAST_LIKE, np.sum(p), p),
            lambda p=p, w=where: _written(b, rng, p, w),
            lambda p=p, w=where: _written(b, rng, p, w),
            lambda p=p, w=where: _written(b, rng, p, w),
            lambda p=p: np.sum(p) > 0.0,
        ]
        move = rng.choice(moves)
        if not p.shape or (move in moves[7:16] and p.shape[0] < 3):
            continue
        made = move()
        if made.dtype == bool:
            guards.append(Guard(made.node, rng.random() < 0.7))
            continue
        if rng.random() < 0.25 and not made.node.name:
            made.node.name = rng.choice(["a", "h", "out", "sum", "np", "lambda"])
        pool.append(made)
    outputs = [s.node for s in rng.sample(pool, min(len(pool), 3))]
    values = [s.node for s in pool if s.shape == (4, 3)]
    effects = [Effect("write", ends[0].node, rng.choice(values))] if rng.random() < 0.3 else []
    return CalcGraph([s.node for s in ends], b.nodes, outputs, guards, effects)


def _written(b: Builder, rng: random.Random, p, where):
    part = p[where]
    value = rng.choice([1.0, -2.0, part, np.tanh(part), p[::-1][where]])
    return b.emit(rng.choice([registry.SETITEM, registry.SCATTER_ADD]), (p, value, where))
