"""Forward mode through loops and branches: values and tangents go through one node.

>>> push_loop(builder, loop, tangents)          # builder.plans[loop] is the node that does both
Symbol(<f64[3] = item(%0, 1)>)

The node for the values alone is then no longer needed: ``with_joint_nodes`` drops it.
"""

from __future__ import annotations

from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop, loop_parts, stacked_spec
from tracer.graph.node import Node, Params
from tracer.ops import registry
from tracer.ops.builder import Builder
from tracer.rules.declare import ZERO
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.forward.pushforward import pushforward_of
from tracer.transforms.regions.scalars import plain_tangents, tangent_of, unpacked
from tracer.transforms.reverse.loop_residuals import iterations, moving_inputs


@pushforward_of(registry.LOOP)
def push_loop(builder: Builder, node: Node, tangents: dict[Node, Any]) -> Any:
    """Tangents of a loop's outputs, one per output."""
    loop = Loop(node)
    moving = [o for o in node.inputs if tangents.get(o, ZERO) is not ZERO]
    wrt = moving_inputs(loop, moving)
    first, second = 1 + len(loop.constants), 1 + len(loop.constants) + len(loop.carry)
    body = plain_tangents(forward(loop.body, wrt), len(loop.body.inputs))
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
        tangent = [tangent_of(builder, node.inputs[k - 1], tangents) for k in numbers]
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
    results = unpacked(builder, made)
    builder.plans[node] = (made, places)
    back: list[Any] = [ZERO] * len(node.specs)
    for place, (k, _) in enumerate(carry):
        back[k] = results[carried + place]
    for place, (k, _) in enumerate(rows):
        back[k] = results[both + old_rows + place]
    return back[0] if len(back) == 1 else tuple(back)


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
