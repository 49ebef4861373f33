"""prune_regions: loops and branches compute and take only what is needed.

>>> prune_regions(graph)      # a row that nobody reads is not kept, an operand not handed in
"""

from __future__ import annotations

from collections.abc import Iterable

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop, cond_params, loop_parts
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.rebuild import Rebuild
from tracer.passes.drop_unused import needed_nodes

Pruned = tuple[Node, dict[int, int]]  # the node, and where its outputs went


def prune_regions(graph: CalcGraph) -> CalcGraph:
    """The graph with shorter loops and branches; what may raise in them stays."""
    if not any(node.regions for node in graph.order):
        return graph
    work = Rebuild(graph, prune_regions)
    used = _used_outputs(graph)
    places: dict[Node, dict[int, int]] = {}
    for node in graph.order:
        source = node.inputs[0] if node.op.name == "item" else None
        if source is not None and source in places:
            _take_item(work, node, places[source])
            continue
        prune = PRUNERS.get(node.op.name)
        new = work.current(node)
        if prune is not None:
            pruned, numbers = prune(new, used.get(node, set()))
            if pruned is not new:
                if len(node.specs) > 1:
                    places[node] = numbers
                new = pruned
        work.put(node, new)
    return work.finish()


def _take_item(work: Rebuild, item: Node, numbers: dict[int, int]) -> None:
    owner = work.moved[item.inputs[0]]
    if len(owner.specs) == 1:
        work.merge(item, owner)
        return
    params = Params((HOLES[0], numbers[item.params.args[1]]))
    work.put(item, item.replace(inputs=(owner,), params=params))


def _used_outputs(graph: CalcGraph) -> dict[Node, set[int]]:
    """Which outputs of a loop or branch anybody reads."""
    used: dict[Node, set[int]] = {}
    for node in graph.order:
        if node.op.name == "item":
            used.setdefault(node.inputs[0], set()).add(node.params.args[1])
        elif node.op.name in PRUNERS and len(node.specs) == 1:
            used[node] = {0}
    return used


def _needed(region: CalcGraph, ends: Iterable[Node]) -> set[Node]:
    """What the ends of a region are made from, and what acts by itself."""
    return needed_nodes(region.replace(inputs=(), outputs=ends, roles={}))


def _without(region: CalcGraph, inputs: list[Node], outputs: list[Node]) -> CalcGraph:
    """The region with fewer inputs and outputs."""
    kept = _needed(region, outputs) - set(region.inputs)
    order = [*inputs, *[node for node in region.order if node in kept]]
    roles = {"value": len(outputs)}
    if len(region.roles) > 1:
        values = set(region.outputs[: region.roles.get("value", 0)])
        count = sum(node in values for node in outputs)
        roles = {"value": count, "residual": len(outputs) - count}
    elif "gradient" in region.roles:
        roles = {"gradient": len(outputs)}
    return region.replace(inputs=inputs, order=order, outputs=outputs, roles=roles)


# -- loops ----------------------------------------------------------------------------------------
def _prune_loop(node: Node, used: set[int]) -> Pruned:
    loop = Loop(node)
    constants, carried = len(loop.constants), len(loop.carry)
    inputs, outputs = loop.body.inputs, loop.body.outputs
    rows = [k for k in range(carried, len(outputs)) if k in used]
    asked = set()
    if loop.condition is not None:
        places = {n: k for k, n in enumerate(loop.condition.inputs)}
        wanted = _needed(loop.condition, loop.condition.outputs)
        asked = {place for n, place in places.items() if n in wanted}
    carry = {k for k in range(carried) if k in used or k + 1 + constants in asked}
    while True:
        ends = [outputs[k] for k in (*sorted(carry), *rows)]
        read = _needed(loop.body, ends)
        more = {k for k in range(carried) if inputs[1 + constants + k] in read} - carry
        if not more:
            break
        carry |= more
    kept = sorted(carry)
    fixed = [k for k in range(constants) if inputs[1 + k] in read or k + 1 in asked]
    first = 1 + constants + carried
    along = [k for k in range(len(loop.sequences)) if inputs[first + k] in read]
    if not kept and not rows:
        return node, {}
    if (len(fixed), len(kept), len(along)) == (constants, carried, len(loop.sequences)) and (
        len(rows) == len(outputs) - carried
    ):
        return node, {}
    taken = [inputs[0], *[inputs[1 + k] for k in fixed], *[inputs[1 + constants + k] for k in kept]]
    regions = [_without(loop.body, [*taken, *[inputs[first + k] for k in along]], ends)]
    if loop.condition is not None:
        mine = loop.condition.inputs
        given = [mine[0], *[mine[1 + k] for k in fixed], *[mine[1 + constants + k] for k in kept]]
        regions.append(_without(loop.condition, given, list(loop.condition.outputs)))
    operands, params = loop_parts(
        [loop.constants[k] for k in fixed],
        [loop.carry[k] for k in kept],
        [loop.sequences[k] for k in along],
        loop.start,
        loop.stop,
        loop.reverse,
    )
    numbers = {k: place for place, k in enumerate((*kept, *rows))}
    specs = tuple([node.specs[k] for k in numbers])
    new = node.replace(inputs=operands, params=params, specs=specs, regions=tuple(regions))
    return new, numbers


# -- branches -------------------------------------------------------------------------------------
def _prune_cond(node: Node, used: set[int]) -> Pruned:
    kept = sorted(used)
    ends = [[region.outputs[k] for k in kept] for region in node.regions]
    read = [_needed(r, e) for r, e in zip(node.regions, ends, strict=True)]
    pairs = list(zip(node.regions, read, strict=True))
    taken = [
        k
        for k in range(len(node.inputs) - 1)
        if any(region.inputs[k] in found for region, found in pairs)
    ]
    if not kept or (len(kept), len(taken)) == (len(node.specs), len(node.inputs) - 1):
        return node, {}
    regions = [
        _without(region, [region.inputs[k] for k in taken], list(end))
        for region, end in zip(node.regions, ends, strict=True)
    ]
    new = node.replace(
        inputs=(node.inputs[0], *[node.inputs[1 + k] for k in taken]),
        params=cond_params(len(taken)),
        specs=tuple([node.specs[k] for k in kept]),
        regions=tuple(regions),
    )
    return new, {k: place for place, k in enumerate(kept)}


PRUNERS = {"loop": _prune_loop, "cond": _prune_cond}
