"""Bodies of nodes with regions: a call of one, or its nodes in the place of the call.

>>> emit_call(builder, body, operands)
(Symbol(<f64[3] = item(%0, 0)>), Symbol(<f64[3] = item(%0, 1)>))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import HOLES, Node, Params, hole
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.helpers import zeros_like

Contribution = tuple[int, Any]


def emit_call(builder: Builder, body: CalcGraph, operands: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """Append a call of ``body``; one Symbol per output."""
    specs = tuple([output.specs[0] for output in body.outputs])
    params = Params([hole(slot) for slot in range(len(operands))])
    inputs = tuple([symbol.node for symbol in operands])
    node = Node(registry.CALL, inputs, params, specs, builder.origin, regions=(body,))
    made = builder.unpack(builder.append(node))
    return made if type(made) is tuple else (made,)


def inline(builder: Builder, body: CalcGraph, operands: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """Append the nodes of ``body`` with its inputs replaced; one Symbol per output."""
    here = {i: symbol.node for i, symbol in zip(body.inputs, operands, strict=True)}
    for node in body.order:
        if node not in here:
            inputs = tuple([here[operand] for operand in node.inputs])
            here[node] = builder.append(node.replace(inputs=inputs))
    return tuple([Symbol(builder, here[output]) for output in body.outputs])


def output_symbol(builder: Builder, node: Node, number: int) -> Symbol:
    """The Symbol of one output of a node."""
    if len(node.specs) == 1:
        return Symbol(builder, node)
    item = Node(registry.ITEM, (node,), Params((HOLES[0], number)), (node.specs[number],))
    return Symbol(builder, builder.append(item))


def zero(builder: Builder, like: Symbol) -> Symbol:
    """The zero of a value: a number or an array."""
    if like.shape == ():
        return builder.constant(like.dtype.type(0))
    return zeros_like(like)


def gradients_only(joint: CalcGraph) -> CalcGraph:
    """A joint graph whose outputs are its gradients alone."""
    count = joint.roles["gradient"]
    ends = joint.outputs[len(joint.outputs) - count :]
    return joint.replace(outputs=ends, roles={"gradient": count}, records=())
