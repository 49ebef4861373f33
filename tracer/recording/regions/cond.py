"""``cond`` as one node: both branches traced, on the same operands.

>>> record_cond(recorder, x.sum() > 0, np.sqrt, np.square, (x,))
(Traced(array([...])),)
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from tracer import trees
from tracer.errors import BranchMismatch
from tracer.graph.control import cond_params
from tracer.graph.node import Node
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.recording.recorder.recorder import Recorder
from tracer.recording.regions.body import Body, NoRegion, common_spec, converted, trace_body
from tracer.recording.regions.emit import emit, on_common_inputs
from tracer.recording.tensor.tensor import TracedTensor


def record_cond(
    recorder: Recorder, pred: TracedTensor, true_fn: Any, false_fn: Any, operands: tuple
) -> tuple | None:
    """One ``cond`` node."""
    if np.ndim(pred._value):
        if np.size(pred._value) != 1:
            return None
        pred = pred.reshape(())[()]
    leaves, structure = trees.flatten(operands)
    places = [k for k, leaf in enumerate(leaves) if isinstance(leaf, TracedTensor)]
    given = [leaves[k] for k in places]

    def build(fresh: list[Any]) -> tuple:
        flat = list(leaves)
        for place, tensor in zip(places, fresh, strict=True):
            flat[place] = tensor
        return trees.unflatten(structure, flat)

    examples, bodies = [tensor._value for tensor in given], []
    chosen = bool(pred._value)
    try:
        for number, function in enumerate((true_fn, false_fn)):
            names = [tensor._node.name for tensor in given]
            with warnings.catch_warnings():
                if chosen != (number == 0):  # what it computes now is of no consequence
                    warnings.simplefilter("ignore")
                body = trace_body(recorder, function, build, examples, names)
                bodies.append(body)
    except NoRegion:
        return None
    _unify_results(recorder, bodies)
    regions, captured = on_common_inputs(recorder, bodies, [len(given)] * 2, len(given))
    operands_of = [(recorder.node_of(t), t) for t in (pred, *given)] + list(captured.items())
    specs = tuple(bodies[0].specs())
    if not specs:
        return None
    made = Node(
        registry.COND,
        tuple([node for node, _ in operands_of]),
        cond_params(len(operands_of) - 1),
        specs,
        regions=regions,
    )
    results = emit(recorder, made, [t for _, t in operands_of], bodies[0].structure)
    return (trees.unflatten(bodies[0].structure, results),)


def _unify_results(recorder: Recorder, bodies: list[Body]) -> None:
    """Both branches make the same; a Python number becomes a NumPy one where it must.

    Raises
    ------
    BranchMismatch
    """
    first, second = bodies
    fix = "let both functions return the same structure, shapes and dtypes"
    if first.structure != second.structure:
        raise BranchMismatch(
            f"cond: one branch returns {first.structure}, the other {second.structure}.",
            recorder.where(),
            fix,
        )
    wanted: list[ArraySpec] = []
    for one, other in zip(first.specs(), second.specs(), strict=True):
        spec = common_spec(one, other)
        if spec is None:
            raise BranchMismatch(
                f"cond: one branch returns {one!r}, the other {other!r}.", recorder.where(), fix
            )
        wanted.append(spec)
    for body in bodies:
        body.graph = converted(body.graph, wanted)
