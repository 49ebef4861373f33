"""Loops and branches: how the operands of ``loop`` and ``cond`` are laid out, and their evaluation.

A ``loop`` runs its body for ``i`` from ``start`` to ``stop``, or while its condition holds:

>>> loop = Loop(node)           # scan(f, init, xs) with one captured array
>>> loop.constants, loop.carry, loop.sequences
((w,), (init,), (xs,))

The body takes ``(i, *constants, *carry, *elements)`` and makes ``(*carry, *rows)``; the node's
values are the last carry and, for each row, its values of all iterations, stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer.graph.node import HOLES, Hole, Node, Params, hole
from tracer.graph.spec import WEAK_SPECS, ArraySpec, Size, array_spec, scalar_spec

if TYPE_CHECKING:
    from tracer.graph.calcgraph import CalcGraph

INDEX_SPEC = WEAK_SPECS[int]


class Loop:
    """The parts of a ``loop`` node.

    Attributes
    ----------
    constants, carry, sequences : tuple of Node
        Operands that every iteration reads, that it replaces, and of which it takes an element.
    start, stop : int, Node or None
        Bounds of ``i``; ``stop`` is None where a condition ends the loop.
    reverse : bool
        Whether ``i`` runs from ``stop - 1`` down to ``start``.
    body : CalcGraph
    condition : CalcGraph or None
        Takes ``(i, *constants, *carry)``, makes one bool.
    """

    def __init__(self, node: Node):
        told = node.params.kwargs
        self.node = node
        inputs = node.inputs
        bounds = sum(type(told[name]) is Hole for name in ("start", "stop"))
        end = len(inputs) - bounds
        first, second = end - told["carry"] - told["sequences"], end - told["sequences"]
        self.constants = inputs[:first]
        self.carry = inputs[first:second]
        self.sequences = inputs[second:end]
        self.start: int | Node = _bound(told["start"], inputs)
        self.stop: int | Node | None = _bound(told["stop"], inputs)
        self.reverse: bool = told["reverse"]
        self.body = node.regions[0]
        self.condition = node.regions[1] if len(node.regions) > 1 else None

    @property
    def length(self) -> int | None:
        """The number of iterations, where it is known."""
        if type(self.start) is int and type(self.stop) is int:
            return max(self.stop - self.start, 0)
        return None

    @property
    def rows(self) -> tuple[Node, ...]:
        """What the body makes besides the next carry."""
        return self.body.outputs[len(self.carry) :]


def _bound(value: Any, inputs: Sequence[Node]) -> Any:
    return inputs[value.slot] if type(value) is Hole else value


def loop_parts(
    constants: Sequence[Node],
    carry: Sequence[Node],
    sequences: Sequence[Node],
    start: int | Node,
    stop: int | Node | None,
    reverse: bool,
) -> tuple[tuple[Node, ...], Params]:
    """Inputs and params of a ``loop`` node."""
    inputs = [*constants, *carry, *sequences]
    args = [hole(slot) for slot in range(len(inputs))]
    bounds: list[Any] = []
    for bound in (start, stop):
        if isinstance(bound, Node):
            inputs.append(bound)
        bounds.append(hole(len(inputs) - 1) if isinstance(bound, Node) else bound)
    told = {
        "start": bounds[0],
        "stop": bounds[1],
        "carry": len(carry),
        "sequences": len(sequences),
        "reverse": reverse,
    }
    return tuple(inputs), Params(args, told)


def cond_params(operands: int) -> Params:
    """The params of a ``cond`` node: the predicate, then what its branches take."""
    return Params([HOLES[0], *[hole(slot + 1) for slot in range(operands)]])


def element_spec(spec: ArraySpec) -> ArraySpec:
    """What one iteration sees of a sequence."""
    inner = spec.shape[1:]
    return array_spec(inner, spec.dtype) if inner else scalar_spec(spec.dtype)


def stacked_spec(spec: ArraySpec, length: Size) -> ArraySpec:
    """The values of all iterations."""
    return array_spec((length, *spec.shape), spec.dtype)


def body_specs(node: Node) -> tuple[ArraySpec, ...]:
    """The specs of what a loop's body takes."""
    loop = Loop(node)
    given = [operand.specs[0] for operand in (*loop.constants, *loop.carry)]
    return (INDEX_SPEC, *given, *[element_spec(s.specs[0]) for s in loop.sequences])


# -- evaluation -----------------------------------------------------------------------------------
def run_cond(node: Node, operands: Sequence[Any]) -> Any:
    """The values of a ``cond``: those of the branch that its first operand chooses."""
    from tracer.graph.evaluate import evaluate

    with _context(node):
        results = evaluate(node.regions[0 if operands[0] else 1], operands[1:])
    return tuple(results) if len(node.specs) > 1 else results[0]


def run_loop(node: Node, operands: Sequence[Any]) -> Any:
    """The values of a ``loop``."""
    loop = Loop(node)
    body = _runner(loop.body)
    condition = _runner(loop.condition) if loop.condition is not None else None
    values = dict(zip(node.inputs, operands, strict=True))
    first, second = len(loop.constants), len(loop.constants) + len(loop.carry)
    constants, carry = list(operands[:first]), [_owned(v) for v in operands[first:second]]
    sequences = operands[second : second + len(loop.sequences)]
    start = values[loop.start] if isinstance(loop.start, Node) else loop.start
    stop = values[loop.stop] if isinstance(loop.stop, Node) else loop.stop
    rows: list[list[Any]] = [[] for _ in loop.rows]

    def goes_on(i: int) -> bool:
        assert condition is not None
        return bool(condition([i, *constants, *carry])[0])

    with _context(node):
        for i in _counter(int(start), stop, loop.reverse, goes_on):
            elements = [sequence[i - int(start)] for sequence in sequences]
            results = body([i, *constants, *carry, *elements])
            carry = results[: len(carry)]
            for row, value in zip(rows, results[len(carry) :], strict=True):
                row.append(value)
    specs = [output.specs[0] for output in loop.rows]
    stacks = [_stack(row, spec, loop.reverse) for row, spec in zip(rows, specs, strict=True)]
    found = (*carry, *stacks)
    return found if len(node.specs) > 1 else found[0]


def _runner(region: CalcGraph) -> Callable[[list[Any]], list[Any]]:
    """A function that evaluates a body, which has neither guards nor effects, again and again."""
    from tracer.graph.evaluate import run_node

    places = {node: place for place, node in enumerate(region.inputs)}
    steps: list[tuple[Node, list[int]]] = []
    for node in region.order[len(region.inputs) :]:
        steps.append((node, [places[operand] for operand in node.inputs]))
        places[node] = len(places)
    ends = [places[node] for node in region.outputs]

    def run(values: list[Any]) -> list[Any]:
        for node, slots in steps:
            values.append(run_node(node, [values[slot] for slot in slots]))
        return [values[place] for place in ends]

    return run


def _context(node: Node) -> Any:
    return np.errstate(**dict(node.context)) if node.context else nullcontext()


def _owned(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _counter(start: int, stop: Any, reverse: bool, goes_on: Any) -> Iterator[int]:
    if stop is not None:
        yield from reversed(range(start, int(stop))) if reverse else range(start, int(stop))
        return
    while goes_on(start):
        yield start
        start += 1


def _stack(row: list[Any], spec: ArraySpec, reverse: bool) -> np.ndarray:
    out = np.empty((len(row), *spec.seen_shape), spec.dtype)
    for place, value in enumerate(reversed(row) if reverse else row):
        out[place] = value
    return out
