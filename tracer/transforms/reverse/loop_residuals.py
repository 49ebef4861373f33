"""Loops that keep what their pullbacks need.

Before the sweep, ``with_loop_residuals`` lets every loop that a gradient goes through keep the
residuals of each iteration, stacked, and makes a plan of its pullback, a loop the other way round:

>>> graph, plans = with_loop_residuals(graph, leaves)
>>> plans[loop].saved                # where the backward body finds what it reads
{<h: f64[3] = input()>: ResidualSlot(kind='row', number=1)}
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop, loop_parts, stacked_spec
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.rebuild import moved
from tracer.graph.spec import WEAK_SPECS, Dim, Size
from tracer.ops import registry
from tracer.transforms.bodies import gradients_only
from tracer.transforms.partition import partition
from tracer.transforms.reverse.activity import active_nodes
from tracer.transforms.reverse.sweep import differentiate


@dataclass(frozen=True, slots=True)
class ResidualSlot:
    """Where a loop's pullback finds a value of an iteration.

    ``kind`` is ``"index"``, ``"constant"`` or ``"sequence"`` (with the operand's number), or
    ``"row"`` (with the number of the node's output that has it stacked).
    """

    kind: str
    number: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """How to pull a cotangent back through a loop.

    Attributes
    ----------
    backward : CalcGraph
        The gradients of one iteration, of what was saved and the cotangents.
    saved : dict
        From inputs of ``backward`` to where their value is found.
    seeds : dict
        From the number of a body's output to the input of ``backward`` that is its cotangent.
    wrt : tuple of int
        Numbers of the body's inputs whose gradients are the outputs of ``backward``.
    count : int or None
        Which output of the node is the number of iterations, where a condition ends the loop.
    """

    backward: CalcGraph
    saved: dict[Node, ResidualSlot]
    seeds: dict[int, Node]
    wrt: tuple[int, ...]
    count: int | None


# -- what moves -----------------------------------------------------------------------------------
def moving_inputs(loop: Loop, moving: Iterable[Node]) -> list[int]:
    """Numbers of the body's inputs that depend on ``moving`` operands, in this or a later turn."""
    wanted = set(moving)
    operands = (*loop.constants, *loop.carry, *loop.sequences)
    inputs = loop.body.inputs
    found = {
        k + 1
        for k, operand in enumerate(operands)
        if operand in wanted and operand.specs[0].is_inexact
    }
    first = 1 + len(loop.constants)
    while True:
        active = active_nodes(loop.body.order, [inputs[k] for k in sorted(found)])
        outputs = loop.body.outputs[: len(loop.carry)]
        more = {first + k for k, output in enumerate(outputs) if output in active} - found
        if not more:
            return sorted(found)
        found |= more


# -- exposing residuals ---------------------------------------------------------------------------
def with_loop_residuals(
    graph: CalcGraph, leaves: Sequence[Node]
) -> tuple[CalcGraph, dict[Node, Plan]]:
    """The graph with loops that keep their residuals, and how to pull back through each."""
    if not any(node.op is registry.LOOP for node in graph.order):
        return graph, {}
    active = active_nodes(graph.order, leaves)
    plans: dict[Node, Plan] = {}
    here: dict[Node, Node] = {}
    places: dict[Node, tuple[Node, dict[int, int]]] = {}
    order: list[Node] = []
    for node in graph.order:
        if node.op is registry.ITEM and node.inputs[0] in places:
            owner, numbers = places[node.inputs[0]]
            place = numbers[node.params.args[1]]
            here[node] = node.replace(inputs=(owner,), params=Params((HOLES[0], place)))
            order.append(here[node])
            continue
        inputs = tuple([here.get(operand, operand) for operand in node.inputs])
        new = node if inputs == node.inputs else node.replace(inputs=inputs)
        if node.op is registry.LOOP and node in active:
            moving = [n for n, old in zip(inputs, node.inputs, strict=True) if old in active]
            new, extra, numbers, plan = _exposed(new, moving)
            plans[new] = plan
            order += extra
            places[node] = new, numbers
            order.append(new)
            if len(node.specs) == 1:
                here[node] = _item(new, numbers[0], node.name) if len(new.specs) > 1 else new
                if here[node] is not new:
                    new.name = ""
                    order.append(here[node])
            continue
        if new is not node:
            here[node] = new
        order.append(new)
    return moved(graph, order, here), plans


def _item(node: Node, number: int, name: str = "") -> Node:
    params = Params((HOLES[0], number))
    return Node(registry.ITEM, (node,), params, (node.specs[number],), node.origin, name)


def _exposed(node: Node, moving: list[Node]) -> tuple[Node, list[Node], dict[int, int], Plan]:
    """The loop with residual rows, nodes to stand before it, its outputs' new numbers, the plan."""
    loop = Loop(node)
    wrt = moving_inputs(loop, moving)
    body, backward, sources, seeds = _differentiated(loop.body, wrt)
    carry, rows = body.outputs[: len(loop.carry)], list(body.outputs[len(loop.carry) :])
    first_rows = len(rows)
    counted = loop.condition is not None
    saved: dict[Node, ResidualSlot] = {}
    known = {source: k for k, source in reversed(list(enumerate(body.inputs)))}
    constants, carried = len(loop.constants), len(loop.carry)
    for stand_in, source in sources.items():
        number = known.get(source)
        if number == 0:
            saved[stand_in] = ResidualSlot("index")
        elif number is not None and number <= constants:
            saved[stand_in] = ResidualSlot("constant", number - 1)
        elif number is not None and number > constants + carried:
            saved[stand_in] = ResidualSlot("sequence", number - 1 - constants - carried)
        else:
            if source not in rows:
                rows.append(source)
            saved[stand_in] = ResidualSlot("row", carried + counted + rows.index(source))
    extra: list[Node] = []
    firsts, condition, order = list(loop.carry), loop.condition, list(body.order)
    if counted:
        assert condition is not None
        spec = WEAK_SPECS[int]
        extra.append(Node(registry.CONSTANT, (), Params((0,)), (spec,)))
        firsts.append(extra[0])
        count = Node(registry.INPUT, (), Params(), (spec,), None, "count")
        other = Node(registry.INPUT, (), Params(), (spec,), None, "count")
        add = registry.op_named("add")
        more = Node(add, (body.inputs[0],), Params((HOLES[0], 1)), (spec,), None, "", "operator")
        place = 1 + constants + carried
        inputs = (*body.inputs[:place], count, *body.inputs[place:])
        order = [*inputs, *[n for n in order if n not in set(body.inputs)], more]
        carry = (*carry, more)
        body = body.replace(inputs=inputs)
        taken = (*condition.inputs, other)
        rest = condition.order[len(condition.inputs) :]
        condition = condition.replace(inputs=taken, order=(*taken, *rest))
    listed = set(order)
    order += [row for row in rows if row not in listed]  # items that only the pullback reads
    roles = {"value": len(carry) + first_rows, "residual": len(rows) - first_rows}
    body = body.replace(order=order, outputs=(*carry, *rows), roles=roles)
    inputs, params = loop_parts(
        loop.constants, firsts, loop.sequences, loop.start, loop.stop, loop.reverse
    )
    length = iterations(loop)
    specs = (*[n.specs[0] for n in carry], *[stacked_spec(n.specs[0], length) for n in rows])
    regions = (body,) if condition is None else (body, condition)
    new = node.replace(inputs=inputs, params=params, specs=specs, regions=regions)
    numbers = {k: k + (counted and k >= carried) for k in range(len(node.specs))}
    plan = Plan(backward, saved, seeds, tuple(wrt), carried if counted else None)
    return new, extra, numbers, plan


def iterations(loop: Loop) -> Size:
    """The number of iterations: an int, or the Dim that a stack has."""
    if loop.length is not None:
        return loop.length
    stacks = [*[n.specs[0] for n in loop.sequences], *loop.node.specs[len(loop.carry) :]]
    for spec in stacks:
        return spec.shape[0]
    return Dim("iterations", 1)


def _differentiated(
    body: CalcGraph, wrt: list[int]
) -> tuple[CalcGraph, CalcGraph, dict[Node, Node], dict[int, Node]]:
    """A body whose inner loops keep their residuals, its gradients, and what these need.

    Returns
    -------
    body, backward : CalcGraph
    sources : dict
        From inputs of ``backward`` to the nodes of ``body`` whose value they stand for.
    seeds : dict
        From numbers of outputs of ``body`` to their cotangents, inputs of ``backward``.
    """
    leaves = [body.inputs[k] for k in wrt]
    body, plans = with_loop_residuals(body, leaves)
    active = active_nodes(body.order, leaves)
    numbers = [k for k, n in enumerate(body.outputs) if n in active]
    first: dict[Node, int] = {}
    for k in numbers:
        first.setdefault(body.outputs[k], k)
    ends = [body.outputs[k] for k in numbers]
    joint = differentiate(body.replace(outputs=ends, records=()), plans, leaves, "input")
    seeds = dict(zip(numbers, joint.inputs[len(body.inputs) :], strict=True))
    gradients = [_uncopied(n, body) for n in joint.outputs[len(ends) :]]
    joint = joint.replace(
        outputs=(*body.outputs, *gradients),
        records=(),
        roles={"value": len(body.outputs), "gradient": len(gradients)},
    )
    parts = partition(joint, tuple(seeds.values()))
    if all(n.specs[0].is_static and len(n.specs) == 1 for n in parts.residuals):
        return body, parts.backward, dict(parts.stand_ins), seeds
    alone = gradients_only(joint)
    return body, alone, {n: n for n in body.inputs}, seeds


def _uncopied(gradient: Node, body: CalcGraph) -> Node:
    """A gradient before the copy that would keep it apart from the caller's memory."""
    if gradient.op.name == "copy" and gradient not in set(body.order):
        inner = gradient.inputs[0]
        if inner.specs[0] == gradient.specs[0] and inner.op.name not in ("broadcast_to",):
            return inner
    return gradient
