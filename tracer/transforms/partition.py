"""Partition: cut a joint graph into a forward graph, a backward graph, and what passes between.

>>> parts = partition(joint)
>>> [node.name for node in parts.residuals]
['hidden', 'w2', 'x']
>>> parts.forward.roles, parts.backward.roles
({'value': 1, 'residual': 3}, {'gradient': 2})
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node, Params, is_pure
from tracer.graph.reach import needed
from tracer.ops import registry
from tracer.ops.memory import FREE


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A joint graph in two programs.

    Attributes
    ----------
    joint : CalcGraph
    forward : CalcGraph
        Outputs are the values, then the residuals; it has all guards and effects.
    backward : CalcGraph
        Inputs are stand-ins for the residuals, then the seeds; outputs are the gradients.
    residuals : tuple of Node
        The joint graph's nodes whose values backward needs: the cut.
    stand_ins : dict
        From the backward graph's INPUT nodes to the residuals that they stand for.
    copies : dict
        From each other node of the backward graph to the joint graph's node that it repeats.
    """

    joint: CalcGraph
    forward: CalcGraph
    backward: CalcGraph
    residuals: tuple[Node, ...]
    stand_ins: dict[Node, Node]
    copies: dict[Node, Node]


def partition(joint: CalcGraph, given: tuple[Node, ...] | None = None) -> Partition:
    """Cut a joint graph made by ``reverse(…, seed="input")``.

    Which inputs are cotangents is seen by their place and name, unless they are ``given``.

    Values that only lend their shape are not saved where another saved value has it; views,
    reshapes and constants are computed again; impure values are always saved.
    """
    values = joint.outputs[: joint.roles["value"]]
    gradients = joint.outputs[joint.roles["value"] :]
    own = forward_nodes(joint, values, given)
    seeds = seeds_of(joint, own)
    wanted = needed(joint.order, gradients)
    # A residual is one value: where the forward node has several, the item is taken there.
    own.update([n for n in wanted if n.op is registry.ITEM and n.inputs[0] in own])
    later = [
        node for node in joint.order if node in wanted and node not in own and node not in seeds
    ]
    cut = Cut(own, seeds, later, gradients)
    residuals = tuple(sorted(cut.saved, key=_position(joint)))
    forward = joint.replace(
        inputs=[node for node in joint.inputs if node not in seeds],
        order=[node for node in joint.order if node in own],
        outputs=(*values, *residuals),
        records=(),
        roles={"value": len(values), "residual": len(residuals)},
    )
    backward, stand_ins, copies = _backward(joint, cut, seeds, residuals, gradients)
    return Partition(joint, forward, backward, residuals, stand_ins, copies)


def _position(joint: CalcGraph):
    """Computed values in order, then inputs in order."""
    places = {node: place for place, node in enumerate(joint.order)}
    return lambda node: (node.op is registry.INPUT, places[node])


def forward_nodes(
    joint: CalcGraph, values: Iterable[Node], given: tuple[Node, ...] | None = None
) -> set[Node]:
    """What the values, guards and effects depend on, all inputs but the seeds, and all draws."""
    count = len(joint.outputs) - joint.roles["gradient"]
    ends = [*values, *[guard.node for guard in joint.guards]]
    ends += [node for effect in joint.effects for node in (effect.target, effect.value)]
    ends += [node for node in joint.order if not is_pure(node)]
    own = needed(joint.order, ends)
    if given is not None:
        return own | {node for node in joint.inputs if node not in given}
    inexact = sum(output.specs[0].is_inexact for output in joint.outputs[:count])
    tail = joint.inputs[len(joint.inputs) - inexact :] if inexact else ()
    are_seeds = all(node.name.startswith("g_") and node not in own for node in tail)
    return own | {node for node in joint.inputs if not (are_seeds and node in tail)}


def seeds_of(joint: CalcGraph, own: set[Node]) -> tuple[Node, ...]:
    return tuple([node for node in joint.inputs if node not in own])


class Cut:
    """Decides which forward values are saved for ``later`` nodes.

    Attributes
    ----------
    saved : dict of Node to None
    again : set of Node
        Forward nodes that backward computes again.
    alike : dict of Node to Node
        For a value of which only the shape is read: another one with that shape.
    """

    def __init__(
        self, own: set[Node], seeds: tuple[Node, ...], later: list[Node], ends: Iterable[Node]
    ):
        self.own = own
        self.saved: dict[Node, None] = {}
        self.again: set[Node] = set()
        self.alike: dict[Node, Node] = {}
        shapes: list[Node] = []
        for node in later:
            lends = registry.SHAPE_ONLY_SLOTS.get(node.op.name, ())
            for slot, operand in enumerate(node.inputs):
                if operand in own:
                    if slot in lends:
                        shapes.append(operand)
                    else:
                        self.keep(operand)
        for end in ends:
            if end in own:
                self.keep(end)
        known = {node.shape: node for node in (*seeds, *self.saved)}
        for operand in shapes:
            if operand in self.saved or operand in self.again:
                continue
            other = known.setdefault(operand.shape, operand)
            self.alike[operand] = other
            if other is operand:
                self.saved[operand] = None

    def keep(self, node: Node) -> None:
        """Save a value, or what it can be had from at no cost."""
        if node in self.saved or node in self.again:
            return
        if (node.op.name in FREE or _is_slice(node)) and is_pure(node):
            self.again.add(node)
            for operand in node.inputs:
                self.keep(operand)
        else:
            self.saved[node] = None


def _is_slice(node: Node) -> bool:
    """Whether a node selects a part by ints and slices alone: a view."""
    return node.op is registry.GETITEM and len(node.inputs) == 1


def _backward(
    joint: CalcGraph,
    cut: Cut,
    seeds: tuple[Node, ...],
    residuals: tuple[Node, ...],
    gradients: tuple[Node, ...],
) -> tuple[CalcGraph, dict[Node, Node], dict[Node, Node]]:
    """The backward graph, on stand-ins for the residuals.

    What it computes again stands right before its first reader, as a part of the reader's line.
    """
    here: dict[Node, Node] = {seed: seed for seed in seeds}
    for node in residuals:
        here[node] = Node(registry.INPUT, (), Params(), node.specs, node.origin, node.name)
    inputs = (*[here[node] for node in residuals], *seeds)
    order, copies = list(inputs), {}
    wanted = needed(joint.order, gradients)
    later = [node for node in joint.order if node in wanted and node not in cut.own]
    for reader in (*later, *gradients):
        for node in _with_again(reader, cut.again, here):
            operands = tuple([here.get(o) or here[cut.alike[o]] for o in node.inputs])
            here[node] = node if operands == node.inputs else node.replace(inputs=operands)
            if node is not reader and here[node] is not node:
                here[node].origin = reader.origin or node.origin
            copies[here[node]] = node
            order.append(here[node])
    title = f"backward of {joint.title}" if joint.title else ""
    graph = CalcGraph(
        inputs=inputs,
        order=order,
        outputs=[here[node] for node in gradients],
        title=title,
        roles={"gradient": len(gradients)},
    )
    stand_ins = {here[node]: node for node in residuals}
    return graph, stand_ins, copies


def _with_again(reader: Node, again: set[Node], here: Container[Node]) -> list[Node]:
    """A node that is not ``here`` yet, after what it needs to have computed ``again``."""
    found: dict[Node, None] = {}
    waiting = [reader]
    while waiting:
        node = waiting[-1]
        missing = [o for o in node.inputs if o in again and o not in here and o not in found]
        waiting += missing
        if not missing:
            waiting.pop()
            if node not in here:
                found[node] = None
    return list(found)
