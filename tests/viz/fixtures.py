"""Small joint graphs made by hand, so that pictures are tested without tracing."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np

from tracer.graph.calcgraph import CalcGraph, PullbackRecord
from tracer.graph.origin import Origin, Scope
from tracer.graph.spec import array_spec
from tracer.ops.builder import Builder

SVG = "{http://www.w3.org/2000/svg}"


def spec(*shape: int):
    return array_spec(shape, np.dtype(np.float64))


def origin(line: int, scope: Scope | None = None) -> Origin:
    return Origin("model.py", line, 0, 5, "", "", line, "loss", scope)


def matmul_graph(weight: str = "B", title: str = "loss(A, B)") -> CalcGraph:
    """sum(tanh(A @ B)) with its gradient with respect to B."""
    builder = Builder()
    a, b = builder.input(spec(4, 3), "A"), builder.input(spec(3, 2), weight)
    builder.origin = origin(3)
    product = a @ b
    builder.origin = origin(4)
    out = np.tanh(product)
    builder.origin = origin(5)
    loss = np.sum(out)
    ones = np.ones((4, 2))
    slope = builder.constant(ones) * (1.0 - out**2)
    contribution = a.T @ slope
    records = [
        PullbackRecord(loss.node, 0, (("ḡ", spec()),), spec(), spec(4, 2)),
        PullbackRecord(
            out.node,
            0,
            (("ḡ", spec(4, 2)), (" ⊙ ", None), ("(1 - out²)", spec(4, 2))),
            spec(4, 2),
            spec(4, 2),
            (builder.nodes[-5], slope.node),
        ),
        PullbackRecord(
            product.node,
            1,
            (("Aᵀ", spec(3, 4)), (" · ", None), ("ḡ", spec(4, 2))),
            spec(4, 2),
            spec(3, 2),
            (contribution.node.inputs[0], contribution.node),
        ),
    ]
    return CalcGraph(
        (a.node, b.node),
        builder.nodes,
        (loss.node, contribution.node),
        records=records,
        title=title,
        roles={"value": 1, "gradient": 1},
    )


def chain_graph(steps: int, scoped: bool = False) -> CalcGraph:
    """A loop of ``h = tanh(h * w)``, one scope per step if ``scoped``; forward only."""
    builder = Builder()
    h, w = builder.input(spec(3), "h"), builder.input(spec(3), "w")
    outer = Scope("loop", "model.py", 1)
    first, weight = h, w
    for step in range(steps):
        inner = Scope("cell", "model.py", 8, outer, f"cells[{step}]") if scoped else outer
        builder.origin = origin(9, inner)
        h = np.tanh(h * w)
        h.node.name = "h"
    return CalcGraph((first.node, weight.node), builder.nodes, (h.node,), title="loop(h, w)")


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)
