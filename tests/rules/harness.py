"""Checks one rule in both modes and to second order, through the reference interpreter.

>>> check(np.tanh, reals(3))
>>> check(np.hypot, reals(4, 1), reals(3), order=2)

Each check compares values with plain NumPy, JVPs with central differences, VJPs with JVPs (the
dot-product test), and asserts shapes and dtypes of every derivative.
"""

from __future__ import annotations

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.check import check as check_graph
from tracer.graph.evaluate import evaluate
from tracer.graph.spec import spec_of
from tracer.ops.builder import Builder
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse

STEPS = {"f": 1e-5, "c": 1e-5}
LOOSE = {np.dtype(np.float16): 3e-2, np.dtype(np.float32): 2e-3, np.dtype(np.complex64): 2e-3}


def reals(*shape, low=-2.0, high=2.0, dtype=np.float64, seed=0):
    """Numbers spread evenly between two bounds, none of them a special point."""
    return np.random.default_rng(seed).uniform(low, high, shape).astype(dtype)


def complexes(*shape, seed=0, dtype=np.complex128):
    return (reals(*shape, seed=seed) + 1j * reals(*shape, seed=seed + 1)).astype(dtype)


def build(function, *arguments) -> CalcGraph:
    """The forward graph of a function of Symbols."""
    builder = Builder()
    names = "xyzuvw"
    inputs = [builder.input(spec_of(a), name) for a, name in zip(arguments, names, strict=False)]
    result = function(*inputs)
    results = result if isinstance(result, (tuple, list)) else (result,)
    return CalcGraph([x.node for x in inputs], builder.nodes, [y.node for y in results])


def random_like(spec, seed):
    """A random value with a spec, for tangents and cotangents."""
    random = np.random.default_rng(seed)
    values = random.normal(size=spec.seen_shape)
    if spec.dtype.kind == "c":
        values = values + 1j * random.normal(size=spec.seen_shape)
    values = np.asarray(values).astype(spec.dtype)
    return values if spec.kind == "array" else values[()]


def inner(a, b):
    """The bilinear product that the transpose is about (no conjugation), real part."""
    return sum(float(np.real(np.sum(np.asarray(p) * np.asarray(q)))) for p, q in zip(a, b))


def check(function, *arguments, order=2, wrt=None, tolerance=None):
    """Assert that a function's derivatives are right at a point, up to ``order``."""
    with np.errstate(all="ignore"):
        graph = build(function, *arguments)
        for output, value in zip(graph.outputs, evaluate(graph, list(arguments)), strict=True):
            assert spec_of(value) == output.spec
        moving = [
            k
            for k, node in enumerate(graph.inputs)
            if node.spec.is_inexact and (wrt is None or k in wrt)
        ]
        _check(graph, list(arguments), moving, order, tolerance)


def _check(graph, arguments, moving, order, tolerance):
    joint, jvp = reverse(graph, moving), forward(graph, moving)
    check_graph(joint)
    check_graph(jvp)
    count = len(graph.outputs)
    inexact = [k for k, output in enumerate(graph.outputs) if output.spec.is_inexact]
    dtypes = [node.dtype for node in (*graph.inputs, *graph.outputs)]
    tolerance = tolerance or max([LOOSE.get(d, 2e-7 if order else 1e-6) for d in dtypes])
    tangents = [random_like(graph.inputs[k].spec, 10 + k) for k in moving]
    cts = [random_like(graph.outputs[k].spec, 20 + k) for k in inexact]

    moved = evaluate(jvp, [*arguments, *tangents])[count:]
    gradients = evaluate(joint, [*arguments, *cts])[count:]
    for k, gradient in zip(moving, gradients, strict=True):
        assert np.shape(gradient) == graph.inputs[k].shape
        assert gradient.dtype == graph.inputs[k].dtype
    for k, tangent in zip(inexact, moved, strict=True):
        assert np.shape(tangent) == graph.outputs[k].shape
        assert tangent.dtype == graph.outputs[k].dtype

    expected = _differences(graph, arguments, moving, tangents)
    for k, tangent in zip(inexact, moved, strict=True):
        scale = 1 + np.max(np.abs(expected[k]), initial=0)
        assert np.max(np.abs(tangent - expected[k]), initial=0) / scale < tolerance, (
            f"JVP {tangent} differs from differences {expected[k]}"
        )
    left, right = inner(moved, cts), inner(tangents, gradients)
    assert abs(left - right) <= tolerance * (1 + abs(left)), f"VJP {right} differs from JVP {left}"

    if order > 1:
        seeds = list(range(len(joint.inputs) - len(inexact), len(joint.inputs)))
        again = joint.replace(outputs=joint.outputs[count:], records=(), roles=None)
        _check(again, [*arguments, *cts], [*moving, *seeds], order - 1, max(tolerance, 1e-6))


def _differences(graph, arguments, moving, tangents):
    """Central differences along the tangents, in double precision."""
    wide = [_wide(a) for a in arguments]
    step = 1e-5

    def shifted(sign):
        points = list(wide)
        for k, tangent in zip(moving, tangents, strict=True):
            points[k] = wide[k] + sign * step * _wide(tangent)
        return [np.asarray(v) for v in _rerun(graph, points)]

    def slope(p, q):
        return (p - q) / (2 * step) if p.dtype.kind in "fc" else p

    return [slope(p, q) for p, q in zip(shifted(+1), shifted(-1), strict=True)]


def _wide(value):
    value = np.asarray(value)
    wide = {"f": np.float64, "c": np.complex128}.get(value.dtype.kind)
    value = value.astype(wide) if wide else value
    return value if value.ndim else value[()]


def _rerun(graph, points):
    """The graph's values in double precision: casts down are left out."""
    order = [node if node.op.name != "astype" else node.replace(op=_WIDE) for node in graph.order]
    here = dict(zip(graph.order, order, strict=True))
    order = []
    for node in graph.order:
        here[node] = new = here[node].replace(inputs=tuple([here[i] for i in node.inputs]))
        order.append(new)
    inputs = [here[node] for node in graph.inputs]
    return evaluate(CalcGraph(inputs, order, [here[node] for node in graph.outputs]), points)


def _stay_wide(x, dtype):
    return _wide(x) if np.dtype(dtype).kind in "fc" else np.asarray(x).astype(dtype)


def _make_wide():
    from dataclasses import replace

    from tracer.ops import registry

    return replace(registry.ASTYPE, evaluate=_stay_wide)


_WIDE = _make_wide()
