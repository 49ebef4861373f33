"""Outputs that are views of written arguments: a call gives views of the caller's own arrays.

>>> x += 1; return x[np.argmax(x)]     # Alias(output=0, place=0, steps=(x[i],), operands=((0, 1),))

Programs compute the values of such outputs; what the caller gets is made of the argument after the
call, by the same steps. A traced index is then one more value of the program.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.tensor.views import ViewStep


@dataclass(frozen=True, slots=True)
class Alias:
    """An output that is a written argument, or a view of one.

    Attributes
    ----------
    output, place : int
        Numbers of the output, and of the argument among the inputs.
    steps : tuple of Step
    operands : tuple of tuple of int
        For each step, which values of the program are its operands (any number stands for the
        source); ``()`` if their shapes decide what it looks at.
    """

    output: int
    place: int
    steps: tuple[ViewStep, ...]
    operands: tuple[tuple[int, ...], ...]

    def view(self, inputs: Sequence[Any], values: Sequence[Any]) -> Any:
        """The caller's own array, or the view of it."""
        found = inputs[self.place]
        for step, numbers in zip(self.steps, self.operands, strict=True):
            found = step.values(found, [values[number] for number in numbers])
        return found


def aliases_of(
    outputs: Sequence[TracedTensor], inputs: Sequence[Any], graph: CalcGraph
) -> tuple[tuple[Alias, ...], tuple[Node, ...]]:
    """Outputs that are written arguments or views of them, and the nodes that views depend on.

    ``operands`` count these nodes on from the outputs of the graph.
    """
    found = []
    places: list[Node] = []
    for number, tensor in enumerate(outputs):
        buffer = tensor._buffer
        if buffer is None or not buffer.version or buffer.target not in inputs:
            continue
        needed = [node for step in tensor._steps if step.reads_values for node in step.others]
        if needed and not {*graph.inputs, *graph.order}.issuperset(needed):
            continue  # made in a branch or loop that is over
        places += [node for node in dict.fromkeys(needed) if node not in places]
        operands = tuple(
            [
                tuple(
                    [
                        0 if node not in places else len(graph.outputs) + places.index(node)
                        for node in (step.inputs if step.reads_values else ())
                    ]
                )
                for step in tensor._steps
            ]
        )
        found.append(Alias(number, inputs.index(buffer.target), tensor._steps, operands))
    return tuple(found), tuple(places)


def with_operands(graph: CalcGraph, places: Sequence[Node]) -> CalcGraph | None:
    """The graph that gives the values of such nodes, too; None if there are none."""
    if not places:
        return None
    roles = {"value": len(graph.outputs), "place": len(places)}
    return graph.replace(outputs=(*graph.outputs, *places), roles=roles)
