"""Derivatives of composed functions: the rule writes them with others, whose derivatives are used.

>>> @composed(np.ediff1d)
... def _(ary, to_end=None, to_begin=None):
...     return np.diff(np.ravel(ary))

The graph keeps the function's own node. Only where its derivative is asked for, the definition's
nodes are appended, and pulled back or pushed forward as if the user had written them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracer.graph.node import Node
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO, Rule
from tracer.transforms.bodies import Contribution, output_symbol
from tracer.transforms.forward.pushforward import push, pushforward_of
from tracer.transforms.reverse.activity import active_nodes
from tracer.transforms.reverse.cotangents import cast, combine, densify, full_shape
from tracer.transforms.reverse.pullback import pullback_of
from tracer.transforms.reverse.sweep import sweep_by_rules


def written_out(
    builder: Builder, node: Node, rule: Rule, args: Any, kwargs: Any
) -> tuple[list[Node], list[Any]]:
    """The definition's nodes, appended, and its results, one per output of ``node``."""
    assert rule.definition is not None
    if rule.definition.parameters.wants_out:
        outputs = [output_symbol(builder, node, k) for k in range(len(node.specs))]
        kwargs = {**kwargs, "out": tuple(outputs) if len(outputs) > 1 else outputs[0]}
    mark = len(builder.nodes)
    result = rule.definition.function(*args, **kwargs)
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    return builder.nodes[mark:], results


@pullback_of("composed")
def pull_back_composed(
    builder: Builder, node: Node, rule: Rule, ct: Any, args: Any, kwargs: Any, active: Any
) -> Iterator[Contribution]:
    """Contributions to the operands, through the definition."""
    origin, context = builder.origin, builder.context
    chain, results = written_out(builder, node, rule, args, kwargs)
    cts = ct if type(ct) is list else [full_shape(builder, ct, node)]
    seeds: dict[Node, list] = {}
    for result, given in zip(results, cts, strict=True):
        if type(result) is Symbol and given is not ZERO:
            seeds.setdefault(result.node, []).append(cast(given, result.spec))
    leaves = frozenset([operand for operand in node.inputs if operand in active])
    sweep_by_rules(builder, chain, seeds, leaves)
    builder.origin, builder.context = origin, context
    for slot, operand in enumerate(node.inputs):
        if operand in leaves and operand in seeds:
            yield slot, combine(builder, operand, seeds.pop(operand))


@pushforward_of("composed")
def push_composed(
    builder: Builder, node: Node, rule: Rule, args: Any, kwargs: Any, tangents: dict[Node, Any]
) -> Any:
    """The tangent of each output, through the definition; a tuple for several."""
    origin, context = builder.origin, builder.context
    chain, results = written_out(builder, node, rule, args, kwargs)
    moving = {o: tangents[o] for o in node.inputs if tangents.get(o, ZERO) is not ZERO}
    local = dict(moving)
    push(builder, chain, active_nodes(chain, moving), local)
    builder.origin, builder.context = origin, context
    found = tuple([_tangent(builder, result, local) for result in results])
    return found[0] if len(node.specs) == 1 else found


def _tangent(builder: Builder, result: Any, tangents: dict[Node, Any]) -> Any:
    value = tangents.get(result.node, ZERO) if type(result) is Symbol else ZERO
    return value if value is ZERO else densify(builder, value, result.node)
