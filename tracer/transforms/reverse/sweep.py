"""Reverse mode: from a forward graph to the joint graph that also computes cotangents.

>>> joint = reverse(graph, wrt=graph.inputs, seed="input")
>>> joint.roles
{'value': 1, 'gradient': 2}
>>> [node.name for node in joint.outputs]
['loss', 'g_w', 'g_x']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.reach import needed
from tracer.graph.spec import array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.ops.memory import viewed
from tracer.rules.declare import ZERO
from tracer.rules.helpers import broadcast_like, is_static, zeros_like
from tracer.transforms.bodies import Contribution
from tracer.transforms.reverse.activity import active_nodes
from tracer.transforms.reverse.cotangents import SCATTERED, cast, combine, densify
from tracer.transforms.reverse.pullback import pull_back
from tracer.transforms.reverse.pullback_cache import pull_back_cached
from tracer.transforms.reverse.records import Records
from tracer.transforms.reverse.shift_invariance import inert_shifts

ITEM, SETITEM = registry.ITEM, registry.SETITEM


def differentiate(
    graph: CalcGraph,
    plans: dict[Node, Any],
    leaves: Sequence[Node],
    seed: str,
    recorded: bool = True,
) -> CalcGraph:
    """``reverse`` of a graph whose loops keep what their ``plans`` need."""
    builder = Builder(graph.order)
    builder.plans = plans
    records = Records(builder, graph.order) if recorded else None
    active = active_nodes(graph.order, leaves) - inert_shifts(graph)
    cotangents: dict[Node, Any] = {}
    seeds = _seed(builder, graph, seed, cotangents)
    own = frozenset([*graph.order, *seeds])

    def pull(node: Node, ct: Any) -> Iterable[Contribution]:
        name_cotangent(ct, node, own)
        if records is not None:
            return records.record(node, ct, pull_back(builder, node, ct, active))
        cached = pull_back_cached(builder, node, ct, active)
        return pull_back(builder, node, ct, active) if cached is None else cached

    order = [node for node in graph.order if node.op is not registry.INPUT]
    sweep(builder, order, active, cotangents, pull)
    gradients = [result_of(builder, leaf, cotangents.get(leaf)) for leaf in leaves]
    gradients = _unshared(gradients, own)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        name_cotangent(gradient, leaf, own)
    return _assemble(graph, builder, seeds, gradients, records)


def _seed(
    builder: Builder, graph: CalcGraph, seed: str, cotangents: dict[Node, list]
) -> list[Node]:
    """Give each inexact output its cotangent; the new inputs."""
    seeds = []
    for number, output in enumerate(graph.outputs):
        spec = output.specs[0]
        if not spec.is_inexact:
            continue
        if seed == "ones":
            symbol = builder.constant(spec.dtype.type(1.0))
        else:
            name = output.name or ("out" if len(graph.outputs) == 1 else f"out{number}")
            plain = array_spec(spec.shape, spec.dtype)
            kind = plain if spec.kind == "array" else scalar_spec(spec.dtype)
            symbol = builder.input(kind, f"g_{name}")
            seeds.append(symbol.node)
        cotangents.setdefault(output, []).append(symbol)
    return seeds


def sweep(
    builder: Builder | None,
    order: Sequence[Node],
    active: set[Node],
    cotangents: dict[Node, Any],
    pull: Callable[[Node, Any], Iterable[Contribution]],
) -> None:
    """Walk the nodes backwards and ``pull`` each cotangent through its node.

    ``cotangents`` maps a node to the contributions that it has so far; in the end those of nodes
    before ``order`` are left. They are Symbols of ``builder``, or values where there is none.
    """
    for node in reversed(order):
        contributions = cotangents.pop(node, None)
        if contributions is None or node not in active:
            continue
        if builder is not None:
            builder.origin, builder.context = node.origin, node.context
        ct = contributions
        if len(node.specs) == 1:
            several = len(contributions) > 1
            ct = combine(builder, node, contributions) if several else contributions[0]
            if node.op is ITEM:
                _enter_output(builder, cotangents, node, ct)
                continue
            if type(ct) in SCATTERED and node.op is not SETITEM:
                ct = densify(builder, ct, node)
        for slot, contribution in pull(node, ct):
            cotangents.setdefault(node.inputs[slot], []).append(contribution)
    if builder is not None:
        builder.origin = builder.context = None


def sweep_by_rules(
    builder: Builder,
    order: Sequence[Node],
    cotangents: dict[Node, Any],
    leaves: Iterable[Node],
) -> None:
    """``sweep`` of nodes that a rule has appended, down to ``leaves``."""
    active = active_nodes(order, leaves)

    def pull(node: Node, ct: Any) -> Iterator[Contribution]:
        name_cotangent(ct, node)
        return pull_back(builder, node, ct, active)

    sweep(builder, order, active, cotangents, pull)


def name_cotangent(ct: Any, node: Node, own: frozenset[Node] = frozenset()) -> None:
    """Hint that the node that makes the cotangent of ``hidden`` be called ``g_hidden``."""
    if node.name and type(ct) is Symbol and not ct.node.name and ct.node not in own:
        ct.node.name = f"g_{node.name}"


def _enter_output(
    builder: Builder | None, cotangents: dict[Node, Any], item: Node, ct: Any
) -> None:
    """Enter the cotangent of one output among those of the node that has several."""
    parent, number = item.inputs[0], item.params.args[1]
    several = cotangents.setdefault(parent, [ZERO] * len(parent.specs))
    value = densify(builder, ct, item)
    several[number] = value if several[number] is ZERO else several[number] + value


# -- results ------------------------------------------------------------------------------------
def result_of(builder: Builder, leaf: Node, contributions: Any) -> Symbol:
    """The gradient of an input, with its shape and dtype."""
    spec, like = leaf.specs[0], Symbol(builder, leaf)
    if contributions is None:
        return _filled(builder, like, 0.0)
    value = densify(builder, combine(builder, leaf, contributions), leaf)
    value = cast(value, spec)
    if value.spec.kind == "weak":
        value = value.astype(spec.dtype)
    if value.shape == spec.shape:
        return value if spec.kind == "array" or value.spec.kind != "array" else value[()]
    if not is_static(spec.shape, value.shape):
        return np.copy(broadcast_like(value, like))
    return _filled(builder, like, value)


def _filled(builder: Builder, like: Symbol, value: Any) -> Symbol:
    """An array of its own with one value, or with a small one repeated."""
    spec = like.spec
    if type(value) is float:
        if spec.kind != "array":
            return builder.constant(spec.dtype.type(value))
        return zeros_like(like)
    if value.shape == ():
        return builder.emit(registry.op_of(np.full), (spec.shape, value), {})
    return np.copy(np.broadcast_to(value, spec.shape))


def _unshared(gradients: list[Symbol], own: frozenset[Node]) -> list[Symbol]:
    """Copy a gradient that is memory of the caller's, of the program's, or of another gradient."""
    seen: set[Node] = set()
    result = []
    for gradient in gradients:
        base = gradient.node
        while not _is_result(base) and (operand := viewed(base)) is not None:
            base = operand
        if gradient.spec.kind == "array" and gradient.shape != () and (base in own or base in seen):
            gradient = np.copy(gradient)
            base = gradient.node
        seen.add(base)
        result.append(gradient)
    return result


def _is_result(node: Node) -> bool:
    """Whether a node is a value of a loop or branch, which shares memory with no other."""
    return node.op is ITEM and node.inputs[0].op in (registry.LOOP, registry.COND)


def _assemble(
    graph: CalcGraph,
    builder: Builder,
    seeds: list[Node],
    gradients: list[Symbol],
    records: Records | None,
) -> CalcGraph:
    """The joint graph, without what no gradient needs."""
    ends = [symbol.node for symbol in gradients]
    first = len(graph.order)
    kept = needed(builder.nodes[first:], ends)
    inputs = (*graph.inputs, *seeds)
    own = frozenset(inputs)
    backward = [node for node in builder.nodes[first:] if node in kept and node not in own]
    order = [*inputs, *[node for node in graph.order if node not in own], *backward]
    return graph.replace(
        inputs=inputs,
        order=order,
        outputs=(*graph.outputs, *ends),
        records=records.finish(frozenset(order)) if records is not None else (),
        roles={"value": len(graph.outputs), "gradient": len(ends)},
    )
