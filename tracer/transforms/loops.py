"""Reverse mode through loops and branches.

Before the sweep, ``expose`` lets every loop that a gradient goes through keep what its pullback
will need: the residuals of each iteration, stacked. The pullback is a loop the other way round:

>>> graph, plans = expose(graph, leaves)
>>> list(pull_back_loop(builder, loop, ct, active))       # builder.plans = plans
[(1, Symbol(<f64[3] = item(%0, 0)>))]

A branch is pulled back by a branch: the same predicate chooses whose gradients are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph, Effect, Guard
from tracer.graph.control import Loop, cond_params, element_spec, loop_parts, stacked_spec
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.spec import WEAK_SPECS, ArraySpec, Dim, Size, array_spec, scalar_spec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.rules.declare import ZERO
from tracer.rules.helpers import broadcast_like
from tracer.transforms.cotangents import cast
from tracer.transforms.regions import gradients_only, output_symbol, zero

Contribution = tuple[int, Any]
# What may share memory with an operand; an array of the next turn must not.
VIEWS = frozenset(
    "transpose matrix_transpose permute_dims swapaxes moveaxis reshape ravel squeeze getitem "
    "expand_dims flip fliplr flipud rot90 broadcast_to broadcast_like reshape_like item real imag "
    "diagonal rollaxis".split()
)


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
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
    saved: dict[Node, Saved]
    seeds: dict[int, Node]
    wrt: tuple[int, ...]
    count: int | None


# -- what moves -----------------------------------------------------------------------------------
def moving_inputs(loop: Loop, moving: Iterable[Node]) -> list[int]:
    """Numbers of the body's inputs that depend on ``moving`` operands, in this or a later turn."""
    from tracer.transforms.reverse import active_nodes

    wanted = set(moving)
    operands = (*loop.constants, *loop.carry, *loop.sequences)
    inputs = loop.body.inputs
    found = {k + 1 for k, operand in enumerate(operands)
             if operand in wanted and operand.specs[0].is_inexact}  # fmt: skip
    first = 1 + len(loop.constants)
    while True:
        active = active_nodes(loop.body.order, [inputs[k] for k in sorted(found)])
        outputs = loop.body.outputs[: len(loop.carry)]
        more = {first + k for k, output in enumerate(outputs) if output in active} - found
        if not more:
            return sorted(found)
        found |= more


# -- exposing residuals ---------------------------------------------------------------------------
def expose(graph: CalcGraph, leaves: Sequence[Node]) -> tuple[CalcGraph, dict[Node, Plan]]:
    """The graph with loops that keep their residuals, and how to pull back through each."""
    from tracer.transforms.reverse import active_nodes

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


def moved(graph: CalcGraph, order: Sequence[Node], here: dict[Node, Node]) -> CalcGraph:
    """The graph on other nodes; records are left behind."""
    return graph.replace(
        order=order,
        outputs=[here.get(n, n) for n in graph.outputs],
        guards=[Guard(here.get(g.node, g.node), g.outcome, g.kind, g.origin) for g in graph.guards],
        effects=[
            Effect(e.kind, here.get(e.target, e.target), here.get(e.value, e.value))
            for e in graph.effects
        ],
        records=(),
    )


def _item(node: Node, number: int, name: str = "") -> Node:
    params = Params((HOLES[0], number))
    return Node(registry.ITEM, (node,), params, (node.specs[number],), node.origin, name)


def _exposed(
    node: Node, moving: list[Node]
) -> tuple[Node, list[Node], dict[int, int], Plan]:
    """The loop with residual rows, nodes to stand before it, its outputs' new numbers, the plan."""
    loop = Loop(node)
    wrt = moving_inputs(loop, moving)
    body, backward, sources, seeds = _differentiated(loop.body, wrt)
    carry, rows = body.outputs[: len(loop.carry)], list(body.outputs[len(loop.carry) :])
    first_rows = len(rows)
    counted = loop.condition is not None
    saved: dict[Node, Saved] = {}
    known = {source: k for k, source in reversed(list(enumerate(body.inputs)))}
    constants, carried = len(loop.constants), len(loop.carry)
    for stand_in, source in sources.items():
        number = known.get(source)
        if number == 0:
            saved[stand_in] = Saved("index")
        elif number is not None and number <= constants:
            saved[stand_in] = Saved("constant", number - 1)
        elif number is not None and number > constants + carried:
            saved[stand_in] = Saved("sequence", number - 1 - constants - carried)
        else:
            if source not in rows:
                rows.append(source)
            saved[stand_in] = Saved("row", carried + counted + rows.index(source))
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
        loop.constants, firsts, loop.sequences, loop.start,
        loop.stop, loop.reverse,
    )  # fmt: skip
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
    from tracer.transforms.partition import partition
    from tracer.transforms.reverse import active_nodes, differentiate

    leaves = [body.inputs[k] for k in wrt]
    body, plans = expose(body, leaves)
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
        outputs=(*body.outputs, *gradients), records=(),
        roles={"value": len(body.outputs), "gradient": len(gradients)},
    )  # fmt: skip
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


def _unnamed(gradient: Node, body: CalcGraph) -> Node:
    """A gradient without a name of its own: the branch's result has it."""
    if gradient.name.startswith("g_") and gradient.inputs and gradient not in set(body.order):
        gradient.name = ""
    return gradient


# -- pulling back ---------------------------------------------------------------------------------
def pull_back_loop(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """Contributions of a loop: a loop over what each iteration saved, the last one first."""
    plan: Plan = builder.plans[node]
    loop = Loop(node)
    constants, carried = len(loop.constants), len(loop.carry)
    several = ct if type(ct) is list else [ct]
    region = _Backward(plan, loop)
    firsts: list[Symbol] = []
    for number in plan.wrt:
        if number <= constants:
            firsts.append(fitted(zero(builder, Symbol(builder, node.inputs[number - 1]))))
        elif number <= constants + carried:
            firsts.append(_cotangent(builder, node, several, number - 1 - constants))
    rows = [_cotangent(builder, node, several, k) for k in region.seeded_rows]
    body = region.graph()
    stop: Any = loop.stop
    if plan.count is not None:
        stop = output_symbol(builder, node, plan.count).node
    taken = []
    for where in region.sequences:
        if where.kind == "row":
            taken.append(output_symbol(builder, node, where.number).node)
        else:
            taken.append(loop.sequences[where.number])
    inputs, params = loop_parts(
        [loop.constants[k] for k in region.constants],
        [symbol.node for symbol in firsts],
        [*taken, *[symbol.node for symbol in rows]],
        loop.start, stop, not loop.reverse,
    )  # fmt: skip
    length = iterations(loop)
    specs = [symbol.spec for symbol in firsts]
    specs += [stacked_spec(n.specs[0], length) for n in body.outputs[len(firsts) :]]
    made = Node(registry.LOOP, inputs, params, tuple(specs), node.origin, regions=(body,))
    results = builder.unpack(builder.append(made))
    results = results if type(results) is tuple else (results,)
    for number, value in zip(region.order, results, strict=True):
        slot = number - 1
        if node.inputs[slot] in active:
            yield slot, cast(value, node.inputs[slot].specs[0])


def _cotangent(builder: Builder, node: Node, several: Sequence[Any], number: int) -> Symbol:
    """The full cotangent of one output."""
    like, value = output_symbol(builder, node, number), several[number]
    if value is ZERO:
        return fitted(zero(builder, like))
    return fitted(cast(broadcast_like(value, like), node.specs[number]), node.specs[number])


def fitted(symbol: Symbol, spec: ArraySpec | None = None) -> Symbol:
    """A number as a NumPy scalar: neither a 0-d array nor a Python number."""
    if spec is not None and symbol.dtype != spec.dtype:
        symbol = symbol.astype(spec.dtype)
    if symbol.shape == () and symbol.spec.kind != "scalar":
        return symbol[()] if symbol.spec.kind == "array" else symbol.astype(symbol.dtype)
    return symbol


def _plain(spec: ArraySpec) -> ArraySpec:
    return array_spec(spec.shape, spec.dtype) if spec.shape else scalar_spec(spec.dtype)


class _Backward:
    """The body of the loop that runs backwards, put together from a plan.

    Its inputs are the index, constants, then cotangents of the carry and sums for the constants'
    gradients, then what was saved and the cotangents of rows.
    """

    def __init__(self, plan: Plan, loop: Loop):
        self.plan = plan
        constants, carried = len(loop.constants), len(loop.carry)
        self.constants: list[int] = []
        self.sequences: list[Saved] = []
        self.first = 1 + constants
        self.end = self.first + carried
        self.holds = dict(plan.saved)
        self.counted = plan.count is not None
        for where in plan.saved.values():
            if where.kind == "constant" and where.number not in self.constants:
                self.constants.append(where.number)
            elif where.kind in ("row", "sequence") and not self._known(where):
                self.sequences.append(where)
        outputs = carried - self.counted
        self.seeded_rows = [
            number + self.counted for number in plan.seeds if number >= outputs
        ]
        self.carried = [number for number in plan.wrt if number < self.end]
        self.order = [*self.carried, *[number for number in plan.wrt if number >= self.end]]
        self.loop = loop
        self.outputs = outputs

    def _known(self, where: Saved) -> bool:
        return any(s.kind == where.kind and s.number == where.number for s in self.sequences)

    def graph(self) -> CalcGraph:
        plan, loop = self.plan, self.loop
        here: dict[Node, Node] = {}
        extra: list[Node] = []
        index = Node(registry.INPUT, (), Params(), (WEAK_SPECS[int],), None, "i")
        names = {number: node.name for number, node in enumerate(loop.body.inputs)}
        constants = [_input(loop.constants[k].specs[0], names[k + 1]) for k in self.constants]
        carry = [_input(_plain(loop.body.inputs[k].specs[0]), f"g_{names[k]}" if names[k] else "")
                 for k in self.carried]  # fmt: skip
        elements = []
        for where in self.sequences:
            spec = (loop.node.specs[where.number] if where.kind == "row"
                    else loop.sequences[where.number].specs[0])  # fmt: skip
            elements.append(_input(element_spec(spec), self._name(where)))
        rows = []
        for number in plan.seeds:
            if number >= self.outputs:
                spec = loop.node.specs[number + self.counted]
                rows.append(_input(element_spec(spec), plan.seeds[number].name))
                here[plan.seeds[number]] = rows[-1]
        by_carry = dict(zip(self.carried, carry, strict=True))
        for number, seed in plan.seeds.items():
            if number < self.outputs:
                here[seed] = by_carry[self.first + number]
        for stand_in, where in plan.saved.items():
            if where.kind == "index":
                here[stand_in] = index
            elif where.kind == "constant":
                here[stand_in] = constants[self.constants.index(where.number)]
            else:
                place = next(k for k, s in enumerate(self.sequences)
                             if s.kind == where.kind and s.number == where.number)  # fmt: skip
                here[stand_in] = _as_it_was(elements[place], stand_in, extra)
        inputs = [index, *constants, *carry, *elements, *rows]
        return self._assembled(here, inputs, extra, by_carry)

    def _name(self, where: Saved) -> str:
        for stand_in, other in self.plan.saved.items():
            if other.kind == where.kind and other.number == where.number:
                return stand_in.name
        return ""

    def _assembled(
        self, here: dict[Node, Node], inputs: list[Node], extra: list[Node],
        by_carry: dict[int, Node],
    ) -> CalcGraph:  # fmt: skip
        builder = Builder([*inputs, *extra])
        for node in self.plan.backward.order:
            if node.op is registry.INPUT:
                continue
            operands = tuple([here.get(o, o) for o in node.inputs])
            here[node] = builder.append(
                node if operands == node.inputs else node.replace(inputs=operands)
            )
        outputs: list[Node] = []
        found = dict(zip(self.plan.wrt, self.plan.backward.outputs, strict=True))
        for number in self.order:
            value = fitted(Symbol(builder, here.get(found[number], found[number])))
            if number < self.first:
                if value.node.inputs and value.node.name.startswith("g_"):
                    value.node.name = ""  # the sum has that name
                value = _added(builder, Symbol(builder, by_carry[number]), value)
            mine = by_carry.get(number)
            given = value.node.op is registry.INPUT and value.node not in by_carry.values()
            if number < self.end and value.shape and (given or value.node in outputs):
                value = np.copy(value)
            elif mine is not None and value.node.op.name in VIEWS and value.shape:
                value = np.copy(value)
            outputs.append(value.node)
        return CalcGraph(
            inputs, builder.nodes, outputs, title=f"backward of {self.loop.body.title}",
            roles={"gradient": len(outputs)},
        )  # fmt: skip


def _added(builder: Builder, total: Symbol, value: Symbol) -> Symbol:
    """The sum; what is zero but in some places is added there alone."""
    node = value.node
    if node.op in (registry.SETITEM, registry.SCATTER_ADD) and value.shape == total.shape:
        args, _ = node.params.fill([Symbol(builder, operand) for operand in node.inputs])
        base, part, index = args
        if type(base) is Symbol and base.node.op.name in ("zeros", "zeros_of"):
            return builder.emit(registry.SCATTER_ADD, (total, part, index))
    return total + value


def _input(spec: ArraySpec, name: str) -> Node:
    return Node(registry.INPUT, (), Params(), (spec,), None, name)


def _as_it_was(element: Node, stand_in: Node, extra: list[Node]) -> Node:
    """An element of a stack as the kind of value that was stacked: a Python number again."""
    if stand_in.specs[0].kind != "weak":
        return element
    spec = stand_in.specs[0]
    made = Node(registry.PYTHON_SCALAR, (element,), Params(HOLES[:1]), (spec,), None, "", "method")
    extra.append(made)
    return made


# -- branches -------------------------------------------------------------------------------------
def pull_back_cond(builder: Builder, node: Node, ct: Any, active: Any) -> Iterator[Contribution]:
    """Contributions of a branch: the gradients of the body that was taken."""
    from tracer.transforms.reverse import reverse

    slots = [s for s, operand in enumerate(node.inputs) if s and operand in active]
    several = ct if type(ct) is list else [ct]
    inexact = [k for k, spec in enumerate(node.specs) if spec.is_inexact]
    cts = [_cotangent(builder, node, several, k) for k in inexact]
    regions = []
    for region in node.regions:
        graph = gradients_only(reverse(region, [slot - 1 for slot in slots], "input"))
        graph = _with_scalar_seeds(graph, len(region.inputs))
        graph = graph.replace(outputs=[_unnamed(n, region) for n in graph.outputs])
        regions.append(with_plain_outputs(graph))
    inputs = (*node.inputs, *[symbol.node for symbol in cts])
    specs = tuple([_plain(node.inputs[slot].specs[0]) for slot in slots])
    params = cond_params(len(inputs) - 1)
    made = Node(registry.COND, inputs, params, specs, node.origin, regions=tuple(regions))
    results = builder.unpack(builder.append(made))
    results = results if type(results) is tuple else (results,)
    for slot, value in zip(slots, results, strict=True):
        yield slot, cast(value, node.inputs[slot].specs[0])


def _with_scalar_seeds(graph: CalcGraph, count: int) -> CalcGraph:
    """The graph with NumPy scalars for cotangents of 0-d arrays."""
    for seed in graph.inputs[count:]:
        seed.specs = (_plain(seed.specs[0]),)
    return graph


def with_plain_outputs(graph: CalcGraph) -> CalcGraph:
    """The graph with NumPy scalars for 0-d arrays and Python numbers among its outputs."""
    builder = Builder(graph.order)
    outputs = [fitted(Symbol(builder, node)).node for node in graph.outputs]
    return graph.replace(order=builder.nodes, outputs=outputs)
