"""Forward mode through loops and branches: values and tangents go through one node.

>>> push_loop(builder, loop, tangents)          # builder.plans[loop] is the node that does both
Symbol(<f64[3] = item(%0, 1)>)

The node for the values alone is then no longer needed: ``with_joint_nodes`` drops it.
"""

from __future__ import annotations

from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop, cond_params, loop_parts, stacked_spec
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.spec import scalar_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.rules.helpers import broadcast_like
from tracer.transforms.bodies import zero
from tracer.transforms.regions.cond import with_plain_outputs
from tracer.transforms.regions.loop_pullback import fitted, plain_spec
from tracer.transforms.reverse.cotangents import cast
from tracer.transforms.reverse.loop_residuals import iterations, moved, moving_inputs

Joint = tuple[Node, dict[int, int]]  # the node, and where the outputs of the old one are in it


def push_loop(builder: Builder, node: Node, tangents: dict[Node, Any]) -> Any:
    """Tangents of a loop's outputs, one per output."""
    from tracer.transforms.forward.pushforward import forward

    loop = Loop(node)
    moving = [o for o in node.inputs if tangents.get(o, ZERO) is not ZERO]
    wrt = moving_inputs(loop, moving)
    first, second = 1 + len(loop.constants), 1 + len(loop.constants) + len(loop.carry)
    body = _plain_tangents(forward(loop.body, wrt), len(loop.body.inputs))
    index, *own = loop.body.inputs
    moved_inputs = dict(zip(wrt, body.inputs[len(loop.body.inputs) :], strict=True))
    parts = [(1, first), (first, second), (second, len(loop.body.inputs))]
    inputs = [index]
    operands: list[list[Node]] = []
    behind: list[tuple[int, list[Node]]] = []
    for start, end in parts:
        numbers = [k for k in wrt if start <= k < end]
        behind.append((end, [moved_inputs[k] for k in numbers]))
        inputs += [*own[start - 1 : end - 1], *behind[-1][1]]
        tangent = [_tangent(builder, node.inputs[k - 1], tangents) for k in numbers]
        operands.append([*node.inputs[start - 1 : end - 1], *[t.node for t in tangent]])
    inexact = [k for k, n in enumerate(loop.body.outputs) if n.specs[0].is_inexact]
    found = dict(zip(inexact, body.outputs[len(loop.body.outputs) :], strict=True))
    carried = len(loop.carry)
    carry = [(k, found[k]) for k in range(carried) if first + k in wrt]
    rows = [(k, found[k]) for k in inexact if k >= carried]
    outputs = [
        *body.outputs[:carried],
        *[n for _, n in carry],
        *body.outputs[carried : len(loop.body.outputs)],
        *[n for _, n in rows],
    ]
    body = body.replace(
        inputs=inputs,
        outputs=outputs,
        roles={"value": len(outputs)},
        order=[*inputs, *[n for n in body.order if n.op is not registry.INPUT]],
    )
    regions = [body]
    if loop.condition is not None:
        regions.append(_wider(loop.condition, behind[:2]))
    constants, firsts, sequences = operands
    together, params = loop_parts(constants, firsts, sequences, loop.start, loop.stop, loop.reverse)
    length = iterations(loop)
    both = carried + len(carry)
    specs = [n.specs[0] for n in outputs[:both]]
    specs += [stacked_spec(n.specs[0], length) for n in outputs[both:]]
    old_rows = len(loop.body.outputs) - carried
    places = {k: k if k < carried else k + len(carry) for k in range(len(node.specs))}
    made = node.replace(
        inputs=together, params=params, specs=tuple(specs), regions=tuple(regions), name=""
    )
    results = _unpacked(builder, made)
    builder.plans[node] = (made, places)
    back: list[Any] = [ZERO] * len(node.specs)
    for place, (k, _) in enumerate(carry):
        back[k] = results[carried + place]
    for place, (k, _) in enumerate(rows):
        back[k] = results[both + old_rows + place]
    return back[0] if len(back) == 1 else tuple(back)


def _plain_tangents(graph: CalcGraph, count: int) -> CalcGraph:
    """Tangents as arrays and NumPy scalars: neither 0-d arrays nor Python numbers."""
    for node in graph.inputs[count:]:
        spec = node.specs[0]
        node.specs = (spec if spec.shape else scalar_spec(spec.dtype),)
    values = graph.roles["value"]
    tail = graph.replace(outputs=graph.outputs[values:], roles={"tangent": graph.roles["tangent"]})
    tail = with_plain_outputs(tail)
    return tail.replace(outputs=(*graph.outputs[:values], *tail.outputs), roles=graph.roles)


def _tangent(builder: Builder, operand: Node, tangents: dict[Node, Any]) -> Symbol:
    """The full tangent of an operand, zero where it does not move."""
    like, tangent = Symbol(builder, operand), tangents.get(operand, ZERO)
    if tangent is ZERO:
        return fitted(zero(builder, like))
    plain = plain_spec(operand.specs[0])
    return fitted(cast(broadcast_like(tangent, like), plain), plain)


def _wider(condition: CalcGraph, tangents: list[tuple[int, list[Node]]]) -> CalcGraph:
    """A condition that also takes, and does not read, tangents behind its inputs so far."""
    taken: list[Node] = []
    start = 0
    for end, nodes in tangents:
        taken += condition.inputs[start:end]
        taken += [Node(registry.INPUT, (), Params(), n.specs, None, n.name) for n in nodes]
        start = end
    rest = [n for n in condition.order if n.op is not registry.INPUT]
    return condition.replace(inputs=taken, order=[*taken, *rest])


def push_cond(builder: Builder, node: Node, tangents: dict[Node, Any]) -> Any:
    """Tangents of a branch's outputs, one per output."""
    from tracer.transforms.forward.pushforward import forward

    slots = [s for s, o in enumerate(node.inputs) if s and tangents.get(o, ZERO) is not ZERO]
    moved_operands = [_tangent(builder, node.inputs[s], tangents).node for s in slots]
    regions = []
    for region in node.regions:
        both = forward(region, [slot - 1 for slot in slots])
        both = _plain_tangents(both, len(region.inputs))
        regions.append(both.replace(roles={"value": len(both.outputs)}))
    inputs = (*node.inputs, *moved_operands)
    specs = tuple([output.specs[0] for output in regions[0].outputs])
    made = node.replace(
        inputs=inputs,
        params=cond_params(len(inputs) - 1),
        specs=specs,
        regions=tuple(regions),
        name="",
    )
    results = _unpacked(builder, made)
    builder.plans[node] = (made, {k: k for k in range(len(node.specs))})
    left = iter(results[len(node.specs) :])
    back = [next(left) if spec.is_inexact else ZERO for spec in node.specs]
    return back[0] if len(back) == 1 else tuple(back)


def _unpacked(builder: Builder, node: Node) -> tuple[Symbol, ...]:
    found = builder.unpack(builder.append(node))
    return found if type(found) is tuple else (found,)


def with_joint_nodes(graph: CalcGraph, joint: dict[Node, Joint]) -> CalcGraph:
    """The graph with values taken from the nodes that also make tangents."""
    if not joint:
        return graph
    listed = set(graph.order)
    joint = {old: pair for old, pair in joint.items() if pair[0] in listed}
    here: dict[Node, Node] = {}
    firsts = {made: old for old, (made, _) in joint.items() if len(old.specs) == 1}
    order: list[Node] = []
    for node in graph.order:
        if node in joint:
            continue
        if node.op is registry.ITEM and node.inputs[0] in joint:
            made, places = joint[node.inputs[0]]
            params = Params((HOLES[0], places[node.params.args[1]]))
            here[node] = node.replace(inputs=(here.get(made, made),), params=params)
            order.append(here[node])
            continue
        inputs = tuple([here.get(operand, operand) for operand in node.inputs])
        new = node if inputs == node.inputs else node.replace(inputs=inputs)
        if new is not node:
            here[node] = new
        order.append(new)
        if node in firsts:
            old = firsts[node]
            params = Params((HOLES[0], 0))
            item = Node(registry.ITEM, (new,), params, old.specs, old.origin, old.name)
            here[old] = item
            order.append(item)
    return moved(graph, order, here)
