"""The pullback of a branch: a branch, whose predicate chooses whose gradients are computed.

>>> list(pull_back_cond(builder, branch, ct, active))
[(1, Symbol(<f64[3] = cond(%0, %1, %2)>))]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import cond_params
from tracer.graph.node import Node
from tracer.ops import registry
from tracer.ops.builder import Builder
from tracer.rules.declare import ZERO
from tracer.transforms.bodies import Contribution, gradients_only
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.forward.pushforward import pushforward_of
from tracer.transforms.regions.scalars import (
    cotangent_of,
    plain_spec,
    plain_tangents,
    tangent_of,
    unpacked,
    with_plain_outputs,
)
from tracer.transforms.reverse.cotangents import cast
from tracer.transforms.reverse.joint_graph import reverse
from tracer.transforms.reverse.pullback import pullback_of


@pullback_of(registry.COND)
def pull_back_cond(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """Contributions of a branch: the gradients of the body that was taken."""
    slots = [s for s, operand in enumerate(node.inputs) if s and operand in active]
    several = ct if type(ct) is list else [ct]
    inexact = [k for k, spec in enumerate(node.specs) if spec.is_inexact]
    cts = [cotangent_of(builder, node, several, k) for k in inexact]
    regions = []
    for region in node.regions:
        graph = gradients_only(reverse(region, [slot - 1 for slot in slots], "input"))
        graph = _with_scalar_seeds(graph, len(region.inputs))
        graph = graph.replace(outputs=[_unnamed(n, region) for n in graph.outputs])
        regions.append(with_plain_outputs(graph))
    inputs = (*node.inputs, *[symbol.node for symbol in cts])
    specs = tuple([plain_spec(node.inputs[slot].specs[0]) for slot in slots])
    params = cond_params(len(inputs) - 1)
    made = Node(registry.COND, inputs, params, specs, node.origin, regions=tuple(regions))
    results = builder.unpack(builder.append(made))
    results = results if type(results) is tuple else (results,)
    for slot, value in zip(slots, results, strict=True):
        yield slot, cast(value, node.inputs[slot].specs[0])


def _with_scalar_seeds(graph: CalcGraph, count: int) -> CalcGraph:
    """The graph with NumPy scalars for cotangents of 0-d arrays."""
    for seed in graph.inputs[count:]:
        seed.specs = (plain_spec(seed.specs[0]),)
    return graph


def _unnamed(gradient: Node, body: CalcGraph) -> Node:
    """A gradient without a name of its own: the branch's result has it."""
    if gradient.name.startswith("g_") and gradient.inputs and gradient not in set(body.order):
        gradient.name = ""
    return gradient


@pushforward_of(registry.COND)
def push_cond(builder: Builder, node: Node, tangents: dict[Node, Any]) -> Any:
    """Tangents of a branch's outputs, one per output."""
    slots = [s for s, o in enumerate(node.inputs) if s and tangents.get(o, ZERO) is not ZERO]
    moved_operands = [tangent_of(builder, node.inputs[s], tangents).node for s in slots]
    regions = []
    for region in node.regions:
        both = forward(region, [slot - 1 for slot in slots])
        both = plain_tangents(both, len(region.inputs))
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
    results = unpacked(builder, made)
    builder.plans[node] = (made, {k: k for k in range(len(node.specs))})
    left = iter(results[len(node.specs) :])
    back = [next(left) if spec.is_inexact else ZERO for spec in node.specs]
    return back[0] if len(back) == 1 else tuple(back)
