"""Pullbacks that are known from before: for a call that is run once, rules run once per kind.

>>> contributions = pull_back_again(builder, node, ct, active)    # None: to be done at length
>>> recipe = recipe_for(node, ct.spec, active)                    # the same, to run on values

A loop that is traced a hundred times over meets the same few ops on the same few specs. What a
rule makes of one of them is kept as a recipe: the nodes that it appends, with numbers for their
operands. The rule has then run on inputs that nothing is known of, so that rewrites which look
at what made an operand are left out: the numbers mean the same, and may differ in the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.errors import TracerError
from tracer.graph.node import Hole, Node, Params
from tracer.graph.op import Op
from tracer.graph.reach import needed
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import rule_for
from tracer.transforms.reverse.cotangents import QUIET, Masked
from tracer.transforms.reverse.pullback import PULLBACKS, pull_back

LIMIT = 5_000
NUMBERS = frozenset({int, float, bool})
HUSHED = tuple(sorted(QUIET))  # the context of steps whose bad values a mask drops


@dataclass(frozen=True, slots=True, eq=False)
class PullbackStep:
    """One node to append; ``sources`` number the operands, the output, the cotangent, the steps."""

    op: Op
    params: Params
    specs: tuple[ArraySpec, ...]
    spelling: str
    sources: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MaskKey:
    """What hides parts of a cotangent: (condition, keep) for each mask, and whether it is loud.

    A condition is the spec of one that is given, or the number of what a recipe finds.
    """

    masks: tuple[tuple[Any, bool], ...]
    loud: bool


@dataclass(frozen=True, slots=True, eq=False)
class CachedPullback:
    """The nodes of one pullback, and which of all numbers go to which slot.

    Attributes
    ----------
    steps : tuple of Step
    contributions : tuple of (slot, number, spec, Veil or None)
    is_plain : bool
        Whether no contribution is masked, and no step has a context of its own.
    kept : tuple
        What the key names by identity: as long as it lives no other takes its place.
    reads : tuple of int
        The numbers of operands, or of the output, whose values are read.
    calls : tuple of (function, sources)
        The steps as they are run on values.
    """

    steps: tuple[PullbackStep, ...]
    contributions: tuple[tuple[int, int, ArraySpec, MaskKey | None], ...]
    is_plain: bool
    kept: tuple[Any, ...]
    reads: tuple[int, ...]
    calls: tuple[tuple[Callable[..., Any], tuple[int, ...]], ...]


_RECIPES: dict[tuple, CachedPullback | None] = {}


def pull_back_again(
    builder: Builder, node: Node, ct: Any, active: Any
) -> list[tuple[int, Any]] | None:
    """Contributions to the active operands of ``node``; None where no recipe can be had."""
    if type(ct) is not Symbol:
        return None
    recipe = recipe_for(node, ct.node.specs[0], active)
    if recipe is None or not recipe.is_plain:
        return None
    values = [*node.inputs, node, ct.node]
    origin, context, nodes = builder.origin, builder.context, builder.nodes
    for step in recipe.steps:
        operands = tuple([values[number] for number in step.sources])
        made = Node(step.op, operands, step.params, step.specs, origin, "", step.spelling, context)
        nodes.append(made)
        values.append(made)
    return [(slot, Symbol(builder, values[number])) for slot, number, *_ in recipe.contributions]


def recipe_for(
    node: Node, ct: ArraySpec, active: Any, veil: MaskKey | None = None
) -> CachedPullback | None:
    """How a cotangent like ``ct`` is pulled back through ``node``; None if it is no plain steps.

    Of a cotangent behind a veil, the conditions are operands that follow its value.
    """
    op, inputs, known = node.op, node.inputs, node.specs
    if len(known) != 1 or op in PULLBACKS or node.regions:
        return None
    call = _call_key(node.params)
    rule = rule_for(op)
    if call is None or rule is None:
        return None
    declared = rule.pulls[-1] if rule.pulls else rule.definition  # a new declaration is another
    key: tuple[Any, ...]
    if len(inputs) == 2:
        left, right = inputs
        key = (
            rule,
            declared,
            node.spelling,
            call,
            id(ct),
            id(known[0]),
            left in active,
            right in active,
            id(left.specs[0]),
            id(right.specs[0]),
        )
    else:
        wanted = tuple([operand in active for operand in inputs])
        specs = [id(operand.specs[0]) for operand in inputs]
        key = (rule, declared, node.spelling, call, id(ct), id(known[0]), wanted, *specs)
    if veil is not None:
        key = (key, veil.loud, *[(id(spec), keep) for spec, keep in veil.masks])
    recipe = _RECIPES.get(key, False)
    if recipe is False:
        if len(_RECIPES) > LIMIT:
            _RECIPES.clear()
        wanted = tuple([operand in active for operand in inputs])
        recipe = _RECIPES[key] = _recipe(node, ct, wanted, veil)
    return recipe or None


def _call_key(params: Params) -> tuple | None:
    """What the template of a call means; None where equal keys could mean different bits."""
    if params._flat:
        return ()
    if params.kwargs:
        return params.key()
    key: list[Any] = []
    for argument in params.args:
        kind = type(argument)
        if kind is Hole:
            key.append(argument)
        elif kind in NUMBERS:
            if kind is float and (argument == 0 or argument != argument):
                return None  # -0.0 is 0.0, and nan is never found again
            key.append(kind)
            key.append(argument)
        else:
            return params.key()
    return tuple(key)


def _recipe(
    node: Node, ct: ArraySpec, wanted: tuple[bool, ...], veil: MaskKey | None
) -> CachedPullback | None:
    """The rule run on inputs with the same specs; None if what it gives is not plain nodes."""
    hidden = [spec for spec, _ in veil.masks] if veil is not None else []
    specs = (*[operand.specs[0] for operand in node.inputs], node.specs[0], ct, *hidden)
    if not all([spec.is_static for spec in specs]) or any(
        [operand.op is registry.CONSTANT for operand in node.inputs]
    ):
        return None
    builder = Builder()
    count = len(node.inputs)
    symbols = [builder.input(spec) for place, spec in enumerate(specs) if place != count]
    operands, cotangent, conditions = symbols[:count], symbols[count], symbols[count + 1 :]
    given_ct: Any = cotangent
    if veil is not None:
        keeps = [keep for _, keep in veil.masks]
        given_ct = Masked(cotangent, tuple(zip(conditions, keeps, strict=True)), veil.loud)
    stand_in = node.replace(inputs=tuple([symbol.node for symbol in operands]), context=None)
    active = {symbol.node for symbol, flag in zip(operands, wanted, strict=True) if flag}
    given = [symbol.node for symbol in symbols]
    given.insert(count, stand_in)
    first = len(builder.nodes)
    try:
        found = list(pull_back(builder, stand_in, given_ct, active))
    except TracerError:  # told of the node itself, with the user's line
        return None
    made = builder.nodes[first:]
    if not all([type(value) in (Symbol, Masked) for _, value in found]) or any(
        [step.context not in (None, HUSHED) or step.regions or len(step.specs) > 1 for step in made]
    ):
        return None
    return _numbered(given, made, found, (node.params, *specs), count + 1)


def _numbered(
    given: list[Node],
    made: list[Node],
    found: list[tuple[int, Any]],
    kept: tuple[Any, ...],
    operands: int,
) -> CachedPullback:
    """The nodes that a contribution depends on, in order, with numbers for operands."""
    ends: list[Node] = []
    for _, value in found:
        masked = type(value) is Masked
        ends.append(value.value.node if masked else value.node)
        ends += [condition.node for condition, _ in value.masks] if masked else ()
    wanted = needed(made, ends)
    numbers = {node: number for number, node in enumerate(given)}
    steps, calls = [], []
    is_plain = all([type(value) is Symbol for _, value in found])
    for node in made:
        if node in wanted:
            sources = tuple([numbers[operand] for operand in node.inputs])
            numbers[node] = len(numbers)
            step = PullbackStep(node.op, node.params, node.specs, node.spelling, sources)
            steps.append(step)
            call = _function_of(step)
            is_plain = is_plain and node.context is None
            calls.append((call if node.context is None else _hushed(call), sources))
    contributions = []
    for slot, value in found:
        veil = None
        if type(value) is Masked:
            masks = tuple([(numbers[condition.node], keep) for condition, keep in value.masks])
            veil, value = MaskKey(masks, value.loud), value.value
        contributions.append((slot, numbers[value.node], value.node.specs[0], veil))
    reads = tuple([number for number, node in enumerate(given[:operands]) if node in wanted])
    return CachedPullback(tuple(steps), tuple(contributions), is_plain, kept, reads, tuple(calls))


def _hushed(call: Callable[..., Any]) -> Callable[..., Any]:
    """Without warnings of values that a mask will drop."""

    def quietly(*operands: Any) -> Any:
        with np.errstate(**dict(QUIET)):
            return call(*operands)

    return quietly


def _function_of(step: PullbackStep) -> Callable[..., Any]:
    """A function of a step's operands alone."""
    function = step.op.evaluate
    if step.spelling == "operator" and step.op.operator is not None:
        function = step.op.operator
    params = step.params
    if params._flat:
        return function
    if len(params.args) == 2 and not params.kwargs:
        left, right = params.args
        if type(left) is Hole and type(right) in NUMBERS:
            return lambda operand: function(operand, right)
        if type(left) in NUMBERS and type(right) is Hole:
            return lambda operand: function(left, operand)

    def call(*operands: Any) -> Any:
        args, kwargs = params.fill(operands)
        return function(*args, **kwargs)

    return call
