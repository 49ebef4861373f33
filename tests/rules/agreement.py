"""Checks one call's derivatives: both modes against each other and against central differences.

>>> agree(lambda x: np.sum(x, axis=1), reals(4, 3))
"""

from __future__ import annotations

import warnings

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.check import check
from tracer.graph.evaluate import evaluate
from tracer.graph.spec import spec_of
from tracer.ops.builder import Builder
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse

STEP = 1e-5


def reals(*shape, seed=0):
    """Normally distributed numbers."""
    return np.random.default_rng(seed).normal(size=shape)


def complexes(*shape, seed=0):
    return reals(*shape, seed=seed) + 1j * reals(*shape, seed=seed + 1)


def like(spec, random):
    """Random numbers for a spec: a tangent or a cotangent."""
    values = random.normal(size=spec.seen_shape)
    if spec.dtype.kind == "c":
        values = values + 1j * random.normal(size=spec.seen_shape)
    values = np.asarray(values, spec.dtype)
    return spec.dtype.type(values) if spec.kind == "scalar" else values


def build(function, *arrays) -> CalcGraph:
    """The graph of ``function``, with what it gives for these arrays as specs."""
    builder = Builder()
    inputs = [builder.input(spec_of(a), f"x{k}") for k, a in enumerate(arrays)]
    result = function(*inputs)
    results = result if isinstance(result, (tuple, list)) else (result,)
    return CalcGraph([x.node for x in inputs], builder.nodes, [y.node for y in results])


def agree(function, *arrays, order=2, tolerance=1e-5):
    """Assert that specs, reverse mode, forward mode and differences agree, to ``order``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        graph = build(function, *arrays)
        for output, value in zip(graph.outputs, evaluate(graph, list(arrays))):
            assert spec_of(value) == output.spec
        _agree(graph, list(arrays), order, tolerance)


def _agree(graph, arrays, order, tolerance):
    random = np.random.default_rng(7)
    wrt = [k for k, node in enumerate(graph.inputs) if node.spec.is_inexact]
    joint = check(reverse(graph, wrt))
    push = forward(graph, wrt)
    check(push)
    tangents = [like(graph.inputs[k].spec, random) for k in wrt]
    ends = [node for node in graph.outputs if node.spec.is_inexact]
    cts = [like(node.spec, random) for node in ends]
    pulled = evaluate(joint, arrays + cts)[len(graph.outputs) :]
    pushed = evaluate(push, arrays + tangents)[len(graph.outputs) :]
    for k, gradient in zip(wrt, pulled):
        assert spec_of(gradient).shape == graph.inputs[k].shape
        assert gradient.dtype == graph.inputs[k].dtype
    backward = sum(_inner(g, t) for g, t in zip(pulled, tangents))
    onward = sum(_inner(c, t) for c, t in zip(cts, pushed))
    moved = [
        [a + sign * STEP * tangents[wrt.index(k)] if k in wrt else a for k, a in enumerate(arrays)]
        for sign in (1, -1)
    ]
    high, low = (
        [v for v, node in zip(evaluate(graph, m), graph.outputs) if node.spec.is_inexact]
        for m in moved
    )
    numeric = sum(_inner(c, (a - b) / (2 * STEP)) for c, a, b in zip(cts, high, low))
    scale = 1 + abs(numeric)
    assert abs(backward - numeric) < tolerance * scale * 10, ("reverse", backward, numeric)
    assert abs(onward - numeric) < tolerance * scale * 10, ("forward", onward, numeric)
    if order > 1:
        count = len(graph.outputs)
        second = joint.replace(outputs=joint.outputs[count:], records=(), roles=None)
        _agree(second, arrays + cts, order - 1, tolerance * 10)


def _inner(a, b):
    return float(np.real(np.sum(np.asarray(a) * np.asarray(b))))
