"""Forward mode: the JVP graph, which carries a tangent beside each value.

>>> jvp = forward(graph, wrt=graph.inputs)
>>> jvp.roles
{'value': 1, 'tangent': 1}
>>> [node.name for node in jvp.inputs]
['x', 't_x']
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from tracer.graph.node import Node, Params, map_structure
from tracer.graph.spec import ArraySpec, array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.ops.indexing import DATA_DEPENDENT
from tracer.rules.declare import EVERY, ZERO, Mask, Rule, Sparse, is_composed
from tracer.rules.helpers import broadcast_like, sum_to
from tracer.transforms.bodies import output_symbol, zero
from tracer.transforms.reverse.cotangents import cast, combine, densify, full_shape
from tracer.transforms.reverse.pullback import (
    missing,
    pull_back,
    refuse_arguments,
    refuse_missing,
    required_rule,
    scale,
    shape_only,
    slots_of,
    symbols_of,
)
from tracer.transforms.reverse.sweep import sweep_by_rules

Tangents = dict[Node, Any]
F = TypeVar("F", bound=Callable[..., Any])
# Of ops that need more than a rule, and of composed rules; each enters where it is defined.
PUSHFORWARDS: dict[Any, Callable[..., Any]] = {}


def pushforward_of(*ops: Any) -> Callable[[F], F]:
    """Enter a function as the pushforward of these ops."""

    def enter(function: F) -> F:
        PUSHFORWARDS.update(dict.fromkeys(ops, function))
        return function

    return enter


def push(builder: Builder, order: Sequence[Node], active: set[Node], tangents: Tangents) -> None:
    """Walk the nodes and push each tangent through the node's rule."""
    known = set(builder.nodes)
    for node in order:
        if node not in known:
            builder.append(node)
        if node not in active or node in tangents:
            continue
        if all(tangents.get(operand, ZERO) is ZERO for operand in node.inputs):
            continue
        builder.origin, builder.context = node.origin, node.context
        tangent = push_forward(builder, node, tangents)
        if tangent is ZERO:
            continue
        if type(tangent) is Symbol:
            tangent = cast(tangent, node.specs[0])
            if node.name and not tangent.node.name and tangent.node not in known:
                tangent.node.name = f"t_{node.name}"
        tangents[node] = tangent
    builder.origin = builder.context = None


def push_forward(builder: Builder, node: Node, tangents: Tangents) -> Any:
    """The tangent of a node's output; a tuple for several outputs; maybe small, maybe ``ZERO``."""
    own = PUSHFORWARDS.get(node.op)
    if own is not None:
        return own(builder, node, tangents)
    rule = required_rule(node)
    args, kwargs = symbols_of(builder, node)
    if is_composed(rule, args, kwargs):
        refuse_arguments(node, rule.definition, args, kwargs)
        return PUSHFORWARDS["composed"](builder, node, rule, args, kwargs, tangents)
    if rule.kind == "elementwise" and rule.pushforward is None:
        return _push_elementwise(builder, node, rule, args, kwargs, tangents)
    moved_args, _ = node.params.fill(
        [full_tangent(builder, operand, tangents) for operand in node.inputs]
    )
    if rule.pushforward is not None and not _keyword_moves(node, tangents):
        values = {**kwargs, **({"out": _out(builder, node)} if _names_out(rule) else {})}
        # A literal does not move.
        templates = node.params.args
        pairs = zip(moved_args, templates, strict=True)
        moved = [m if Params((t,)).slots() else ZERO for m, t in pairs]
        return rule.pushforward(moved, *args, **values)
    if rule.kind == "linear":
        return _push_linear(builder, node, rule, args, kwargs, tangents)
    if rule.kind == "multilinear":
        return _push_multilinear(builder, node, tangents)
    return _push_transposed(builder, node, tangents)


def _keyword_moves(node: Node, tangents: Tangents) -> bool:
    """Whether a keyword argument has a tangent: pushforwards are given those of positional ones."""
    slots = Params((), node.params.kwargs).slots()
    return any(tangents.get(node.inputs[slot], ZERO) is not ZERO for slot in slots)


def _names_out(rule: Rule) -> bool:
    assert rule.pushforward is not None
    return "out" in inspect.signature(rule.pushforward).parameters


def _out(builder: Builder, node: Node) -> Any:
    if len(node.specs) == 1:
        return Symbol(builder, node)
    return tuple([output_symbol(builder, node, k) for k in range(len(node.specs))])


def full_tangent(builder: Builder, operand: Node, tangents: Tangents) -> Any:
    """The tangent of an operand in its full shape, or ``ZERO``."""
    tangent = tangents.get(operand, ZERO)
    if tangent is ZERO:
        return ZERO
    return broadcast_like(tangent, Symbol(builder, operand))


def plain_zero_of(builder: Builder, operand: Node) -> Symbol:
    return zero(builder, Symbol(builder, operand))


def _push_elementwise(
    builder: Builder, node: Node, rule: Rule, args: Any, kwargs: Any, tangents: Tangents
) -> Any:
    total: Any = ZERO
    out = Symbol(builder, node)
    covered = {k for pull in rule.pulls for k in pull.operands}
    for k, argument in enumerate(args):
        moves = type(argument) is Symbol and tangents.get(argument.node, ZERO) is not ZERO
        if moves and k not in covered:
            raise missing(node, f"has no derivative with respect to operand {k}")
    for pull in rule.pulls:
        moving = [
            (k, tangents[args[k].node])
            for k in pull.operands
            if k < len(args)
            and type(args[k]) is Symbol
            and tangents.get(args[k].node, ZERO) is not ZERO
        ]
        if not moving:
            continue
        refuse_arguments(node, pull, args, kwargs)
        partials = pull(None, args, kwargs, out)
        partials = partials if type(partials) is tuple else (partials,)
        for k, tangent in moving:
            term = _push_partial(builder, node, tangent, partials[pull.operands.index(k)])
            if term is not ZERO:
                total = term if total is ZERO else total + term
    where = kwargs.get("where") if kwargs else None
    return np.where(where, total, 0.0) if type(where) is Symbol and total is not ZERO else total


def _push_partial(builder: Builder, node: Node, tangent: Symbol, partial: Any) -> Any:
    if type(partial) is Mask:
        chosen = (tangent, 0.0) if partial.keep else (0.0, tangent)
        return np.where(partial.condition, *chosen)
    refuse_missing(node, partial)
    term = scale(builder, tangent, partial)
    return cast(term, node.specs[0])


def _push_linear(
    builder: Builder, node: Node, rule: Rule, args: Any, kwargs: Any, tangents: Tangents
) -> Any:
    """The op itself on the tangents of the operand in which it is linear."""
    operand = rule.operand

    def moved(leaf: Any) -> Any:
        if type(leaf) is not Symbol:
            return np.zeros(np.shape(leaf)) if isinstance(leaf, np.ndarray) else _plain_zero(leaf)
        if leaf.dtype.kind not in "fc":
            return plain_zero_of(builder, leaf.node) if operand != EVERY else leaf
        tangent = full_tangent(builder, leaf.node, tangents)
        return plain_zero_of(builder, leaf.node) if tangent is ZERO else tangent

    if operand == EVERY:
        args = [map_structure(moved, argument) for argument in args]
    elif type(operand) is int:
        args = [map_structure(moved, a) if k == operand else a for k, a in enumerate(args)]
    else:
        kwargs = {k: map_structure(moved, v) if k == operand else v for k, v in kwargs.items()}
    others = [leaf for leaf in node.inputs if tangents.get(leaf, ZERO) is not ZERO]
    _only(node, others, operand)
    return builder.emit(node.op, args, kwargs, node.spelling, specs=_run_time_specs(node, args))


def _run_time_specs(node: Node, args: Any) -> tuple[ArraySpec, ...] | None:
    """The sizes of a result that depend on values: the tangent has the very same."""
    looked_up = node.op is registry.GETITEM or node.op.name in DATA_DEPENDENT
    looked_up = looked_up and len(node.inputs) > 1
    if not looked_up and all([spec.is_static for spec in node.specs]):
        return None
    if not _same_dtypes(node, args):
        return None
    return tuple(
        [
            array_spec(spec.shape, spec.dtype) if spec.kind == "array" else scalar_spec(spec.dtype)
            for spec in node.specs
        ]
    )


def _same_dtypes(node: Node, args: Any) -> bool:
    moved: list[Any] = []
    map_structure(moved.append, args)
    found = [leaf.dtype for leaf in moved if type(leaf) is Symbol and leaf.spec.is_inexact]
    return all([dtype == node.specs[0].dtype for dtype in found])


def _plain_zero(leaf: Any) -> Any:
    is_number = isinstance(leaf, (bool, int, float, complex, np.number, np.bool))
    return type(leaf)(0) if is_number else leaf


def _only(node: Node, moving: list[Node], operand: Any) -> None:
    """Refuse a tangent in an operand in which a linear op is not declared linear."""
    if operand == EVERY:
        return
    slots: list[int] = []
    map_structure(
        lambda leaf: slots.append(leaf.slot) if hasattr(leaf, "slot") else None,
        slots_of(node, operand),
    )
    allowed = {node.inputs[slot] for slot in (*slots, *shape_only(node))}
    if any(operand not in allowed for operand in moving):
        raise missing(node, "has no derivative with respect to one of its operands")


def _push_multilinear(builder: Builder, node: Node, tangents: Tangents) -> Any:
    """The sum of the op with one operand at a time replaced by its tangent."""
    total: Any = ZERO
    own = [Symbol(builder, operand) for operand in node.inputs]
    for slot, operand in enumerate(node.inputs):
        tangent = full_tangent(builder, operand, tangents)
        if tangent is ZERO:
            continue
        args, kwargs = node.params.fill([*own[:slot], tangent, *own[slot + 1 :]])
        term = builder.emit(node.op, args, kwargs, node.spelling)
        total = term if total is ZERO else total + term
    return total


def _push_transposed(builder: Builder, node: Node, tangents: Tangents) -> Any:
    """The transpose, in the cotangent, of the node's pullback; which is linear in it."""
    moving = {o for o in node.inputs if tangents.get(o, ZERO) is not ZERO}
    cts = [
        builder.input(array_spec(spec.shape, spec.dtype)) if spec.is_inexact else ZERO
        for spec in node.specs
    ]
    outputs = _out(builder, node)
    mark = len(builder.nodes)
    active = moving | {node}
    pulled = list(pull_back(builder, node, list(cts) if len(cts) > 1 else cts[0], active))
    seeds: dict[Node, list] = {}
    for slot, contribution in pulled:
        _seed_transpose(builder, node.inputs[slot], contribution, tangents, seeds)
    chain = builder.nodes[mark:]
    sweep_by_rules(builder, chain, seeds, [ct.node for ct in cts if ct is not ZERO])
    results = [_collect(builder, ct, seeds) for ct in cts]
    # Where only the shape of a cotangent is read, the output itself has it.
    outputs = outputs if type(outputs) is tuple else (outputs,)
    like = {ct.node: out.node for ct, out in zip(cts, outputs, strict=True) if ct is not ZERO}
    for made in builder.nodes[mark:]:
        if any(operand in like for operand in made.inputs):
            made.inputs = tuple([like.get(operand, operand) for operand in made.inputs])
    return results[0] if len(results) == 1 else tuple(results)


def _seed_transpose(
    builder: Builder, operand: Node, contribution: Any, tangents: Tangents, seeds: dict
) -> None:
    """The tangent of an operand is the cotangent of the pullback's result for it."""
    tangent = full_tangent(builder, operand, tangents)
    if type(contribution) is Sparse:
        target, value = contribution.value, tangent[contribution.index]
        value = sum_to(value, target)
    else:
        target = full_shape(builder, contribution, operand)
        value = tangent
    seeds.setdefault(target.node, []).append(cast(value, target.spec))


def _collect(builder: Builder, ct: Any, seeds: dict) -> Any:
    if ct is ZERO or ct.node not in seeds:
        return ZERO
    return densify(builder, combine(builder, ct.node, seeds[ct.node]), ct.node)


# -- ops that the engine knows ------------------------------------------------------------------
@pushforward_of(registry.ITEM)
def _push_item(builder: Builder, node: Node, tangents: Tangents) -> Any:
    parent = node.inputs[0]
    several = tangents[parent]
    if type(several) is not Symbol:
        return several[node.params.args[1]]
    if several.node.op is not parent.op:
        return several
    # A tuple of one: the op was applied to tangents, and gave such a tuple again.
    item = Node(registry.ITEM, (several.node,), node.params, several.node.specs)
    return Symbol(builder, builder.append(item))


@pushforward_of(registry.SETITEM, registry.SCATTER_ADD)
def _push_write(builder: Builder, node: Node, tangents: Tangents) -> Any:
    """A write of tangents into the tangent of the base."""
    args, _ = symbols_of(builder, node)
    base, value, index = args
    moved = full_tangent(builder, base.node, tangents)
    moved = plain_zero_of(builder, base.node) if moved is ZERO else moved
    tangent: Any = 0.0
    if type(value) is Symbol:
        tangent = tangents.get(value.node, ZERO)
        tangent = 0.0 if tangent is ZERO else broadcast_like(tangent, value)
    if node.op is registry.SCATTER_ADD and type(tangent) is float:
        return moved
    return builder.emit(node.op, (moved, tangent, index))


@pushforward_of(registry.ASTYPE)
def _push_cast(builder: Builder, node: Node, tangents: Tangents) -> Any:
    return cast(tangents[node.inputs[0]], node.specs[0])


def by_output(node: Node, results: Sequence[Any]) -> Any:
    """One tangent per output from those of the inexact ones."""
    left = iter(results)
    found = [next(left) if spec.is_inexact else ZERO for spec in node.specs]
    return found[0] if len(found) == 1 else tuple(found)
