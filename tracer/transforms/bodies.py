"""Derivatives of nodes with regions: calls of a body, and marks of the user's own derivatives.

A ``custom`` node passes on results that were computed beside it; its region is the derivative:
cotangents of the operands from residuals and cotangents, or tangents from operands and tangents.

>>> list(pull_back_call(builder, call, ct, active))
[(0, Symbol(<f64[3] = item(%0, 0)>)), (1, Symbol(<f64[3] = item(%0, 1)>))]
>>> lower(graph)                # neither calls nor marks: what code is written from
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from tracer.errors import MissingRule
from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.node import HOLES, Node, Params, hole
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.rules.helpers import broadcast_like, zeros_like
from tracer.transforms.reverse.cotangents import cast, settled

Contribution = tuple[int, Any]
CONTROL = (registry.LOOP, registry.COND)
# Marks a call whose derivative computes the body again, instead of keeping what is in it.
RECOMPUTED = "recomputed"


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


def cotangents_of(builder: Builder, node: Node, ct: Any) -> list[Symbol]:
    """One full cotangent for each inexact output."""
    several = ct if type(ct) is list else [settled(builder, ct, node)]
    found = []
    for number, spec in enumerate(node.specs):
        if spec.is_inexact:
            like, value = output_symbol(builder, node, number), several[number]
            if value is ZERO:
                found.append(zero(builder, like))
            else:
                found.append(cast(broadcast_like(value, like), spec))
    return found


def gradients_only(joint: CalcGraph) -> CalcGraph:
    """A joint graph whose outputs are its gradients alone."""
    count = joint.roles["gradient"]
    ends = joint.outputs[len(joint.outputs) - count :]
    return joint.replace(outputs=ends, roles={"gradient": count}, records=())


def pull_back_call(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """Contributions of a call: a call of its body's gradients, which computes the body again."""
    from tracer.transforms.reverse.sweep import reverse

    slots = [slot for slot, operand in enumerate(node.inputs) if operand in active]
    gradients = gradients_only(reverse(node.regions[0], slots))
    operands = [Symbol(builder, operand) for operand in node.inputs]
    cts = cotangents_of(builder, node, ct)
    if RECOMPUTED in node.params.kwargs:
        operands = [builder.emit(registry.RECOMPUTE, (operand,)) for operand in operands]
    results = emit_call(builder, gradients, [*operands, *cts])
    for slot, value in zip(slots, results, strict=True):
        yield slot, cast(value, node.inputs[slot].specs[0])


# -- the user's own derivatives -----------------------------------------------------------------
class Parts:
    """The inputs of a ``custom`` node by their role.

    ``residuals`` go into a VJP region before the cotangents, ``extras`` (what the region's
    function captured) after them; a JVP region takes operands, tangents, extras.
    """

    def __init__(self, node: Node):
        told = node.params.kwargs
        first, results = told["operands"], told["outputs"]
        last = len(node.inputs) - told["extras"]
        self.mode: str = told["rule"]
        self.name: str = told["name"]
        self.operands = node.inputs[:first]
        self.residuals = node.inputs[first + results : last]
        self.extras = node.inputs[last:]
        self.inexact = [k for k, operand in enumerate(self.operands) if operand.specs[0].is_inexact]


def pull_back_custom(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """Contributions by the user's VJP, or by the transpose of the user's JVP."""
    parts = Parts(node)
    cts = cotangents_of(builder, node, ct)
    extras = [Symbol(builder, extra) for extra in parts.extras]
    if parts.mode == "vjp":
        saved = [Symbol(builder, residual) for residual in parts.residuals]
        results = inline(builder, node.regions[0], [*saved, *cts, *extras])
    else:
        from tracer.transforms.reverse.sweep import reverse

        operands = [Symbol(builder, operand) for operand in parts.operands]
        count = len(operands)
        moving = [count + k for k in range(len(parts.inexact))]
        gradients = gradients_only(reverse(node.regions[0], moving))
        # The region is linear in the tangents: their values don't matter.
        zeros = [zero(builder, operands[slot]) for slot in parts.inexact]
        results = inline(builder, gradients, [*operands, *zeros, *extras, *cts])
    for slot, value in zip(parts.inexact, results, strict=True):
        if value.node.name.startswith("g_t_"):  # named after the region's tangent
            value.node.name = ""
        if node.inputs[slot] in active:
            yield slot, cast(value, node.inputs[slot].specs[0])


def push_custom(builder: Builder, node: Node, moved: Sequence[Any]) -> list[Symbol]:
    """Tangents of the inexact outputs by the user's JVP; ``moved`` are the inputs' tangents."""
    parts = Parts(node)
    if parts.mode == "vjp":
        raise MissingRule(
            f"{parts.name} has a custom VJP and no JVP: forward mode can't pass it.",
            node.origin,
            "use custom_jvp, which serves both modes, or reverse mode: grad, vjp or hessian.",
        )
    operands = [Symbol(builder, operand) for operand in parts.operands]
    tangents = [
        zero(builder, operands[slot]) if moved[slot] is ZERO else moved[slot]
        for slot in parts.inexact
    ]
    extras = [Symbol(builder, extra) for extra in parts.extras]
    return list(inline(builder, node.regions[0], [*operands, *tangents, *extras]))


def without_recompute(graph: CalcGraph) -> CalcGraph:
    """The graph without the marks that kept what is computed again apart, after all passes."""
    here: dict[Node, Node] = {}
    order = []
    for node in graph.order:
        inputs = tuple([here.get(operand, operand) for operand in node.inputs])
        if node.op is registry.RECOMPUTE:
            here[node] = inputs[0]
            continue
        if inputs != node.inputs:
            here[node] = node = node.replace(inputs=inputs)
        order.append(node)
    return _moved(graph, order, here) if here else graph


def _moved(graph: CalcGraph, order: list[Node], here: dict[Node, Node]) -> CalcGraph:
    """The graph in another order, whose nodes went where ``here`` says."""

    def at(node: Node) -> Node:
        return here.get(node, node)

    known = set(order)
    return graph.replace(
        order=order,
        outputs=[at(node) for node in graph.outputs],
        guards=[Guard(at(g.node), g.outcome, g.kind, g.origin) for g in graph.guards],
        effects=[Effect(e.kind, at(e.target), at(e.value)) for e in graph.effects],
        records=[
            replace(record, node=at(record.node), backward=tuple([at(n) for n in record.backward]))
            for record in graph.records
            if record.node.op is not registry.RECOMPUTE and at(record.node) in known
        ],
    )


# -- lowering -----------------------------------------------------------------------------------
def lower(graph: CalcGraph) -> CalcGraph:
    """The graph without calls, custom marks and gradient stops, for writing code.

    To be run when nothing is to be differentiated any more.
    """
    marked = (*CONTROL, registry.CALL, registry.CUSTOM, registry.STOP_GRADIENT)
    if not any(node.op in marked for node in graph.order):
        return graph
    builder = Builder()
    here: dict[Node, Node] = {}
    several: dict[Node, list[Node]] = {}
    for node in graph.order:
        inputs = tuple([here[operand] if operand in here else operand for operand in node.inputs])
        found: list[Node] | None = None
        if node.op is registry.ITEM and node.inputs[0] in several:
            here[node] = several[node.inputs[0]][node.params.args[1]]
            continue
        if node.op is registry.CALL:
            body = lower(node.regions[0])
            operands = [Symbol(builder, operand) for operand in inputs]
            found = [symbol.node for symbol in inline(builder, body, operands)]
        elif node.op is registry.CUSTOM:
            first = node.params.kwargs["operands"]
            found = list(inputs[first : first + len(node.specs)])
        elif node.op is registry.STOP_GRADIENT:
            found = [inputs[0]]
        if found is None:
            new = node if inputs == node.inputs else node.replace(inputs=inputs)
            if node.op in CONTROL:
                new = new.replace(regions=tuple([lower(region) for region in node.regions]))
            here[node] = builder.append(new)
        elif len(node.specs) > 1:
            several[node] = found
        else:
            here[node] = found[0]
    return graph.replace(
        order=builder.nodes,
        outputs=[here[node] for node in graph.outputs],
        guards=[Guard(here[g.node], g.outcome, g.kind, g.origin) for g in graph.guards],
        effects=[Effect(e.kind, here[e.target], here[e.value]) for e in graph.effects],
        records=[
            replace(
                record,
                node=here[record.node],
                backward=tuple([here[node] for node in record.backward if node in here]),
            )
            for record in graph.records
            if record.node in here and here[record.node].op is record.node.op
        ],
    )
