"""Pieces of a program that eager Tensors can't record op by op: functions with their own rules.

>>> call_traced(clipped, (Tensor([3.0]),), "clipped")     # clipped is a custom_vjp
Tensor([1.])

The function is traced on the values at hand, and the whole is one ``call`` node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracer import trees
from tracer.eager.calls import leak_error, run
from tracer.eager.state import EagerArray, merged, node_of, operand, place, wrap
from tracer.graph.node import HOLES, POSITIONAL, Node, Params, hole
from tracer.ops import registry
from tracer.recording.session import recording


def call_traced(function: Callable[..., Any], args: tuple, name: str) -> Any:
    """``function(*args)``, traced, as one node.

    Raises
    ------
    LeakError
        If the function writes to a Tensor.
    """
    from tracer.graph.evaluate import evaluate
    from tracer.recording.recorder.recorder import Recorder

    leaves, structure = trees.flatten(args)
    tensors = [leaf for leaf in leaves if isinstance(leaf, EagerArray)]
    nodes, values = tuple([node_of(t) for t in tensors]), [operand(t) for t in tensors]
    recorder = Recorder(name)
    with recording(recorder):
        inner = [
            recorder.argument(np.copy(v) if isinstance(v, np.ndarray) else v, node.name)
            for node, v in zip(nodes, values, strict=True)
        ]
        left = iter(inner)
        fresh = [next(left) if isinstance(leaf, EagerArray) else leaf for leaf in leaves]
        out, out_structure = trees.flatten(function(*trees.unflatten(structure, fresh)))
        results = [recorder.tensor(leaf) for leaf in out]
    graph = recorder.graph(results)
    if graph.effects:
        raise leak_error(f"{name} writes to an eager Tensor.", "copy it first: x = x.copy()")
    found = run(evaluate, (graph, values), {})
    origin = getattr(place(), "origin", None)
    specs = tuple([node.specs[0] for node in graph.outputs])
    holes = (
        POSITIONAL[len(nodes)]
        if len(nodes) < len(POSITIONAL)
        else Params([hole(k) for k in range(len(nodes))])
    )
    node = Node(registry.CALL, nodes, holes, specs, origin, regions=(graph,))
    every = merged([t._inputs for t in tensors])
    made = []
    for k, value in enumerate(found):
        own = node
        if len(specs) > 1:
            own = Node(registry.ITEM, (node,), Params((HOLES[0], k)), (specs[k],), origin)
        made.append(wrap(type(tensors[0]), np.array(value), own, every))
    return trees.unflatten(out_structure, made)


def stop(tensor: EagerArray) -> Any:
    """The same values, through which no gradient flows."""
    old = node_of(tensor)
    origin = getattr(place(), "origin", None)
    node = Node(registry.STOP_GRADIENT, (old,), POSITIONAL[1], old.specs, origin)
    return wrap(type(tensor), tensor._plain.copy(), node, tensor._inputs)


def has_tensor(leaves: list[Any]) -> bool:
    """Whether there is an eager Tensor among flat arguments."""
    return any([isinstance(leaf, EagerArray) for leaf in leaves])
