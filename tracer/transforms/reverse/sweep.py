"""Reverse mode: from a forward graph to the joint graph that also computes cotangents.

>>> joint = reverse(graph, wrt=graph.inputs, seed="input")
>>> joint.roles
{'value': 1, 'gradient': 2}
>>> [node.name for node in joint.outputs]
['loss', 'g_w', 'g_x']
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.op import Op
from tracer.graph.reach import needed
from tracer.graph.spec import array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.ops.memory import viewed
from tracer.rules.declare import ZERO, Sparse, rule_for
from tracer.rules.helpers import broadcast_like, is_static, zeros_like
from tracer.transforms.reverse.accumulator import Accumulator
from tracer.transforms.reverse.cotangents import Cotangent, cast, combine, settled
from tracer.transforms.reverse.loop_residuals import Plan
from tracer.transforms.reverse.pullback import missing, pull_back
from tracer.transforms.reverse.pullback_cache import pull_back_again
from tracer.transforms.reverse.records import Records
from tracer.transforms.reverse.shift_invariance import inert_shifts


def differentiate(
    graph: CalcGraph,
    plans: dict[Node, Plan],
    leaves: Sequence[Node],
    seed: str,
    recorded: bool = True,
) -> CalcGraph:
    """``reverse`` of a graph whose loops keep what their ``plans`` need."""
    builder = Builder(graph.order)
    builder.plans = plans
    records = Records(builder, graph.order) if recorded else None
    active = active_nodes(graph.order, leaves) - inert_shifts(graph)
    cotangents: dict[Node, list[Cotangent]] = {}
    seeds = _seed(builder, graph, seed, cotangents)
    own = frozenset([*graph.order, *seeds])
    sweep(builder, graph.order, active, cotangents, frozenset(leaves), records, own, not recorded)
    gradients = [result_of(builder, leaf, cotangents.get(leaf)) for leaf in leaves]
    gradients = _unshared(gradients, own)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        name_cotangent(gradient, leaf, own)
    return _assemble(graph, builder, seeds, gradients, records)


def active_nodes(order: Iterable[Node], leaves: Iterable[Node]) -> set[Node]:
    """The inexact nodes that depend on ``leaves``: a gradient can flow through them."""
    active = {leaf for leaf in leaves if leaf.specs[0].is_inexact}
    flat: dict[Op, bool] = {}  # whether a derivative is zero everywhere
    for node in order:
        inputs = node.inputs
        if inputs and node not in active:
            for operand in inputs:
                if operand in active:
                    specs = node.specs
                    if specs[0].dtype.kind in "fc" or (
                        len(specs) > 1 and any([spec.dtype.kind in "fc" for spec in specs])
                    ):
                        zero = flat.get(node.op)
                        if zero is None:
                            rule = rule_for(node.op)
                            zero = flat[node.op] = rule is not None and rule.kind == "zero"
                        if not zero:
                            active.add(node)
                    elif not node.op.is_pure or any(s.dtype.kind not in "biu" for s in node.specs):
                        # Of random integers, text and objects zero would be wrong.
                        raise missing(node)
                    break
    return active


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
    builder: Builder,
    order: Sequence[Node],
    active: set[Node],
    cotangents: dict[Node, Any],
    leaves: frozenset[Node],
    records: Records | None = None,
    own: frozenset[Node] = frozenset(),
    once: bool = False,
) -> None:
    """Walk the nodes backwards and pull each cotangent through the node's rule.

    ``cotangents`` maps a node to the contributions that it has so far; in the end only those of
    ``leaves`` are left. Nodes in ``own`` keep their names. ``once`` says that the result is run
    once: pullbacks may be those known from before.
    """
    for node in reversed(order):
        if node not in active or node in leaves:
            continue
        contributions = cotangents.pop(node, None)
        if contributions is None:
            continue
        builder.origin, builder.context = node.origin, node.context
        if node.op is registry.ITEM:
            _join(builder, cotangents, node, combine(builder, node, contributions))
            continue
        ct = contributions
        if len(node.specs) == 1:
            ct = combine(builder, node, contributions)
            if type(ct) in (Sparse, Accumulator) and node.op is not registry.SETITEM:
                ct = settled(builder, ct, node)
            name_cotangent(ct, node, own)
        if records is not None:
            records.begin(node, ct)
        known: Any = pull_back_again(builder, node, ct, active) if once else None
        if known is None:
            known = pull_back(builder, node, ct, active)
        for slot, contribution in known:
            if records is not None:
                records.add(slot, contribution)
            cotangents.setdefault(node.inputs[slot], []).append(contribution)
    builder.origin = builder.context = None


def name_cotangent(ct: Any, node: Node, own: frozenset[Node]) -> Any:
    """Hint that the node that makes the cotangent of ``hidden`` be called ``g_hidden``."""
    if node.name and type(ct) is Symbol and not ct.node.name and ct.node not in own:
        ct.node.name = f"g_{node.name}"
    return ct


def _join(builder: Builder, cotangents: dict[Node, Any], item: Node, ct: Cotangent) -> None:
    """Enter the cotangent of one output among those of the node that has several."""
    parent, number = item.inputs[0], item.params.args[1]
    several = cotangents.setdefault(parent, [ZERO] * len(parent.specs))
    value = settled(builder, ct, item)
    several[number] = value if several[number] is ZERO else several[number] + value


# -- results ------------------------------------------------------------------------------------
def result_of(builder: Builder, leaf: Node, contributions: Any) -> Symbol:
    """The gradient of an input, with its shape and dtype."""
    spec, like = leaf.specs[0], Symbol(builder, leaf)
    if contributions is None:
        return _full(builder, like, 0.0)
    value = settled(builder, combine(builder, leaf, contributions), leaf)
    value = cast(value, spec)
    if value.spec.kind == "weak":
        value = value.astype(spec.dtype)
    if value.shape == spec.shape:
        return value if spec.kind == "array" or value.spec.kind != "array" else value[()]
    if not is_static(spec.shape, value.shape):
        return np.copy(broadcast_like(value, like))
    return _full(builder, like, value)


def _full(builder: Builder, like: Symbol, value: Any) -> Symbol:
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
    return node.op is registry.ITEM and node.inputs[0].op in (registry.LOOP, registry.COND)


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
