"""One node's pullback: from the cotangent of its output to contributions to its operands'.

>>> list(pull_back(builder, node, ct, active))
[(0, Symbol(<f64[4,3] = matmul(%0, %1)>)), (1, Symbol(<f64[3,2] = matmul(%0, %1)>))]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from tracer.errors import MissingRule
from tracer.graph.node import Hole, Node, map_structure
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.ops.memory import MOVES
from tracer.rules.declare import EVERY, ZERO, By, Mask, Missing, Pull, Rule, is_composed, rule_for
from tracer.transforms.bodies import Contribution
from tracer.transforms.reverse.cotangents import (
    LOUD,
    QUIET,
    Masked,
    cast,
    densify,
    full_shape,
    reduce_to,
)

F = TypeVar("F", bound=Callable[..., Any])
DIVIDE, MULTIPLY = registry.op_of(np.divide), registry.op_of(np.multiply)
ARANGE, ZEROS = registry.op_of(np.arange), registry.op_of(np.zeros)
# Of ops that need more than a rule, and of composed rules; each enters where it is defined.
PULLBACKS: dict[Any, Callable[..., Iterator[Contribution]]] = {}
FIX = "give it one with tracer.custom_vjp, or wrap the call in tracer.stop_gradient(...)."


def pullback_of(*ops: Any) -> Callable[[F], F]:
    """Enter a function as the pullback of these ops."""

    def enter(function: F) -> F:
        PULLBACKS.update(dict.fromkeys(ops, function))
        return function

    return enter


def missing(node: Node, detail: str = "") -> MissingRule:
    """The error for a node whose derivative is not known."""
    rule = rule_for(node.op)
    called = node.op.printed or node.op.symbol or node.op.name
    reason = f": {rule.because}" if rule is not None and rule.because else ""
    text = detail or f"has no derivative rule{reason}"
    return MissingRule(f"{called} {text}.", node.origin, FIX)


def refuse_missing(node: Node, partial: Any) -> None:
    """Raise where a rule has said that there is no derivative by the operand in question.

    Raises
    ------
    MissingRule
        With the rule's reason.
    """
    if type(partial) is Missing:
        raise missing(node, f"has no derivative with respect to {partial.because}")


def refuse_arguments(node: Node, pull: Pull, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Raise where a call has an argument that its rule does not know.

    Raises
    ------
    MissingRule
        With the argument's name.
    """
    refused = pull.refused(args, kwargs)
    if refused:
        raise missing(node, f"has a derivative rule, but not with its argument {refused!r}")


def required_rule(node: Node) -> Rule:
    """The rule of a node that is active.

    Raises
    ------
    MissingRule
        If there is none.
    """
    rule = rule_for(node.op)
    if rule is None or rule.kind == "missing":
        raise missing(node)
    return rule


def symbols_of(builder: Builder, node: Node) -> tuple[Sequence[Any], dict[str, Any]]:
    """The node's arguments with Symbols in place of its operands."""
    return node.params.fill([Symbol(builder, operand) for operand in node.inputs])


def slots_of(node: Node, operand: Any) -> Any:
    """The structure of Holes in the place of an operand of a rule."""
    if operand == EVERY:
        return tuple([Hole(slot) for slot in range(len(node.inputs))])
    if type(operand) is int:
        return node.params.args[operand] if operand < len(node.params.args) else None
    return node.params.kwargs.get(operand)


def pull_back(
    builder: Builder, node: Node, ct: Any, active: set[Node] | frozenset[Node]
) -> Iterator[Contribution]:
    """Contributions ``(slot, cotangent)`` to the active operands of ``node``.

    ``ct`` is the cotangent of its output, or a list of them (``ZERO`` for unused ones).
    """
    own = PULLBACKS.get(node.op)
    if own is not None:
        yield from own(builder, node, ct, active)
        return
    rule = required_rule(node)
    if rule.kind == "zero":
        return
    args, kwargs = symbols_of(builder, node)
    if is_composed(rule, args, kwargs):
        refuse_arguments(node, rule.definition, args, kwargs)
        whole = _densified(builder, node, ct)
        yield from PULLBACKS["composed"](builder, node, rule, whole, args, kwargs, active)
        return
    covered: set[int] = set()
    if rule.kind != "elementwise":
        ct = _densified(builder, node, ct)
    for pull in rule.pulls:
        wanted = _wanted(node, pull, active)
        if not wanted:
            continue
        covered |= wanted
        refuse_arguments(node, pull, args, kwargs)
        for slot, value in _run(builder, node, pull, ct, args, kwargs, wanted):
            if value is not ZERO and value is not None:
                yield slot, value
    for slot, operand in enumerate(node.inputs):
        if operand in active and slot not in covered and slot not in shape_only(node):
            raise missing(node, f"has no derivative with respect to operand {slot}")


def shape_only(node: Node) -> tuple[int, ...]:
    """The operands of which only the shape is read: they pass no derivative on."""
    return registry.SHAPE_ONLY_SLOTS.get(node.op.name, ())


def _wanted(node: Node, pull: Pull, active: Any) -> set[int]:
    """The slots of a pull's operands that are active."""
    inputs = node.inputs
    if pull.operands == EVERY:
        return {slot for slot, operand in enumerate(inputs) if operand in active}
    found: set[int] = set()
    for operand in pull.operands:
        holes = slots_of(node, operand)
        if type(holes) is Hole:
            if inputs[holes.slot] in active:
                found.add(holes.slot)
        elif type(holes) in (list, tuple):
            found |= {h.slot for h in _flat(holes) if type(h) is Hole and inputs[h.slot] in active}
    return found


def _flat(tree: Any) -> list[Any]:
    """The leaves of a structure, in the order of ``map_structure``."""
    found: list[Any] = []
    map_structure(found.append, tree)
    return found


def _run(
    builder: Builder, node: Node, pull: Pull, ct: Any, args: Any, kwargs: Any, wanted: set[int]
) -> Iterator[Contribution]:
    out = Symbol(builder, node) if len(node.specs) == 1 else _outputs(builder, node, pull)
    if pull.partial:
        yield from _run_partials(builder, node, pull, ct, args, kwargs, out, wanted)
        return
    if type(ct) is Symbol and ct.shape == () and node.shape != () and _moves_elements(node):
        for slot in sorted(wanted):
            yield slot, cast(ct, node.inputs[slot].specs[0])
        return
    if type(ct) is list:
        whole: Any = tuple([_full_output(builder, c, node, k) for k, c in enumerate(ct)])
    elif node.op is registry.GETITEM and ct.shape == ():
        whole = ct  # one number for all places: assignment broadcasts it
    else:
        whole = full_shape(builder, ct, node)
    if pull.operands == EVERY and not pull.several:
        for slot in sorted(wanted):
            value = pull.function(whole, slot, *args, **kwargs)
            yield slot, _received(value, node.inputs[slot])
        return
    result = pull(whole, args, kwargs, out)
    holes = [slots_of(node, operand) for operand in pull.operands]
    if pull.operands == EVERY:
        holes = list(slots_of(node, EVERY))
    values = result if pull.several else (result,)
    for place, value in zip(holes, values, strict=True):
        if type(place) is Hole:
            if place.slot in wanted:
                refuse_missing(node, value)
                yield place.slot, _received(value, node.inputs[place.slot])
        elif place is not None and value is not ZERO and value is not None:
            leaves, parts = _flat(place), _leaves(value)
            if not any(type(leaf) is Hole for leaf in leaves):  # a list of numbers
                continue
            if len(parts) != len(leaves):  # one for each array, none for numbers between them
                leaves = [leaf for leaf in leaves if type(leaf) is Hole]
            for leaf, part in zip(leaves, parts, strict=True):
                if type(leaf) is Hole and leaf.slot in wanted:
                    refuse_missing(node, part)
                    yield leaf.slot, _received(part, node.inputs[leaf.slot])


def _moves_elements(node: Node) -> bool:
    if node.op.name == "sum":
        return not ("where" in node.params.kwargs or "initial" in node.params.kwargs)
    return node.op.name in MOVES


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _outputs(builder: Builder, node: Node, pull: Pull) -> Any:
    """Symbols of the outputs of a node that has several, if the rule asks for them."""
    return builder.unpack(node) if pull.parameters.wants_out else None


def _densified(builder: Builder, node: Node, ct: Any) -> Any:
    if type(ct) is list:
        return [c if c is ZERO else densify(builder, c, node) for c in ct]
    return densify(builder, ct, node)


def _full_output(builder: Builder, ct: Any, node: Node, output: int) -> Any:
    """One of several cotangents in its full shape."""
    shape = node.specs[output].shape
    if ct is ZERO or ct.shape == shape:
        return ct
    return np.broadcast_to(ct, shape)


def _received(value: Any, operand: Node) -> Any:
    """What a rule returned, with the operand's dtype and without a needless broadcast on top."""
    if value is ZERO or value is None:
        return ZERO
    if type(value) is Symbol and value.node.op.is_broadcast:
        value = Symbol(value.builder, value.node.inputs[0])
    return cast(value, operand.specs[0])


# -- elementwise --------------------------------------------------------------------------------
def _run_partials(
    builder: Builder,
    node: Node,
    pull: Pull,
    ct: Any,
    args: Any,
    kwargs: Any,
    out: Any,
    wanted: set[int],
) -> Iterator[Contribution]:
    if type(ct) is list:
        raise missing(node)
    value, masks, loud = (ct.value, ct.masks, ct.loud) if type(ct) is Masked else (ct, (), False)
    if kwargs and type(kwargs.get("where")) is Symbol:
        masks = (*masks, (kwargs["where"], True))
    mark = len(builder.nodes)
    partials = pull(None, args, kwargs, out)
    partials = partials if type(partials) is tuple else (partials,)
    for operand, partial in zip(pull.operands, partials, strict=True):
        hole = slots_of(node, operand)
        if type(hole) is not Hole or hole.slot not in wanted:
            continue
        refuse_missing(node, partial)
        target = Symbol(builder, node.inputs[hole.slot])
        if type(partial) is Mask:
            scaled, mine = value, (*masks, (partial.condition, partial.keep))
        else:
            scaled, mine = scale(builder, value, partial, mark), masks
        if scaled is ZERO:
            continue
        if mine:
            loud = _silence(builder, mark, loud) if masks else False
            scaled = Masked(scaled, mine, loud)
            if target.shape == node.shape:
                yield hole.slot, cast(scaled, target.spec)
                continue
            scaled = scaled.apply()
        reduced = reduce_to(scaled, out, target)
        yield hole.slot, cast(reduced, target.spec)


def _silence(builder: Builder, mark: int, loud: bool) -> bool:
    """Silence warnings of new nodes whose values a mask will drop where they are bad."""
    fresh = builder.nodes[mark:]
    loud = loud or any(node.op.name in LOUD for node in fresh)
    if loud:
        quiet = tuple(sorted({**dict(builder.context or ()), **dict(QUIET)}.items()))
        for place in range(mark, len(builder.nodes)):
            builder.nodes[place].context = quiet
    return loud


def scale(builder: Builder, ct: Any, partial: Any, mark: int = 0) -> Any:
    """``ct * partial``, in the form that a person would write."""
    if type(partial) is By:
        return partial.function(ct)
    if partial is None or type(partial) is not Symbol:
        if partial is None or partial == 0:
            return ZERO
        if partial == 1:
            return ct
        return -ct if partial == -1 else ct * partial
    node = partial.node
    args = node.params.args
    if len(args) == 2 and type(args[0]) in (int, float) and len(node.inputs) == 1:
        other = Symbol(builder, node.inputs[0])
        if node.op is DIVIDE:
            scaled = scale(builder, ct, args[0])
            return scaled if scaled is ZERO else scaled / other
        if node.op is MULTIPLY and ct.ndim < other.ndim:
            return ct * args[0] * other
    return ct * partial


# -- ops that the engine knows ------------------------------------------------------------------
@pullback_of(registry.ITEM)
def _pull_item(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    raise AssertionError("items are joined by the sweep")


@pullback_of(registry.ASTYPE)
def _pull_cast(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    yield 0, cast(densify(builder, ct, node), node.inputs[0].specs[0])
