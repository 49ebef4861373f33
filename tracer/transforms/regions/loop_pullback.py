"""The pullback of a loop: a loop over what each iteration saved, the last one first.

>>> list(pull_back_loop(builder, loop, ct, active))       # builder.plans is what expose planned
[(1, Symbol(<f64[3] = item(%0, 0)>))]
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.control import Loop, element_spec, loop_parts, stacked_spec
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.spec import WEAK_SPECS, ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.ops.memory import viewed
from tracer.transforms.bodies import Contribution, output_symbol, zero
from tracer.transforms.regions.scalars import cotangent_of, fitted, plain_spec
from tracer.transforms.reverse.cotangents import cast
from tracer.transforms.reverse.loop_residuals import Plan, ResidualSlot, iterations
from tracer.transforms.reverse.pullback import pullback_of


@pullback_of(registry.LOOP)
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
            firsts.append(cotangent_of(builder, node, several, number - 1 - constants))
    rows = [cotangent_of(builder, node, several, k) for k in region.seeded_rows]
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
        loop.start,
        stop,
        not loop.reverse,
    )
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


class _Backward:
    """The body of the loop that runs backwards, put together from a plan.

    Its inputs are the index, constants, then cotangents of the carry and sums for the constants'
    gradients, then what was saved and the cotangents of rows.
    """

    def __init__(self, plan: Plan, loop: Loop):
        self.plan = plan
        self.loop = loop
        self.first = 1 + len(loop.constants)  # number of the first carry among the body's inputs
        self.end = self.first + len(loop.carry)
        self.shift = int(plan.count is not None)  # the count stands behind the user's carry
        self.outputs = len(loop.carry) - self.shift
        places = list(dict.fromkeys(plan.saved.values()))
        self.constants = [where.number for where in places if where.kind == "constant"]
        self.sequences = [where for where in places if where.kind in ("row", "sequence")]
        self.seeded_rows = [k + self.shift for k in plan.seeds if k >= self.outputs]
        self.carried = [number for number in plan.wrt if number < self.end]
        self.order = [*self.carried, *[number for number in plan.wrt if number >= self.end]]

    def graph(self) -> CalcGraph:
        plan, body = self.plan, self.loop.body
        index = ResidualSlot("index")
        constants = [ResidualSlot("constant", k) for k in self.constants]
        held = {where: self._input_for(where) for where in (index, *constants, *self.sequences)}
        carry = {}
        for number in self.carried:
            name, spec = body.inputs[number].name, body.inputs[number].specs[0]
            carry[number] = _input(plain_spec(spec), f"g_{name}" if name else "")
        rows = {}
        for number, seed in plan.seeds.items():
            if number >= self.outputs:
                spec = self.loop.node.specs[number + self.shift]
                rows[number] = _input(element_spec(spec), seed.name)
        here = {
            seed: rows[number] if number in rows else carry[self.first + number]
            for number, seed in plan.seeds.items()
        }
        extra: list[Node] = []
        for stand_in, where in plan.saved.items():
            here[stand_in] = _as_it_was(held[where], stand_in, extra)
        inputs = [
            held[index],
            *[held[where] for where in constants],
            *carry.values(),
            *[held[where] for where in self.sequences],
            *rows.values(),
        ]
        return self._assembled(here, inputs, extra, carry)

    def _input_for(self, where: ResidualSlot) -> Node:
        """The input that brings a saved value."""
        if where.kind == "index":
            return _input(WEAK_SPECS[int], "i")
        name = next(node.name for node, other in self.plan.saved.items() if other == where)
        if where.kind == "constant":
            return _input(self.loop.constants[where.number].specs[0], name)
        of_rows = where.kind == "row"
        stack = self.loop.node.specs if of_rows else [s.specs[0] for s in self.loop.sequences]
        return _input(element_spec(stack[where.number]), name)

    def _assembled(
        self,
        here: dict[Node, Node],
        inputs: list[Node],
        extra: list[Node],
        by_carry: dict[int, Node],
    ) -> CalcGraph:
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
                value = np.copy(value)  # an array of the next turn is no memory of this one
            elif mine is not None and viewed(value.node) is not None and value.shape:
                value = np.copy(value)
            outputs.append(value.node)
        return CalcGraph(
            inputs,
            builder.nodes,
            outputs,
            title=f"backward of {self.loop.body.title}",
            roles={"gradient": len(outputs)},
        )


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
    if stand_in.specs[0].kind != "weak" or element.specs[0].kind == "weak":
        return element
    spec = stand_in.specs[0]
    made = Node(registry.PYTHON_SCALAR, (element,), Params(HOLES[:1]), (spec,), None, "", "method")
    extra.append(made)
    return made
