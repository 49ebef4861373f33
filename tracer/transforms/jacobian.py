"""Jacobians: one pullback (or pushforward) of a whole basis at once.

>>> jacobian_graph(graph, wrt=(0,), mode="reverse").roles
{'jacobian': 1}

Row ``i`` of a Jacobian is the pullback of the ``i``-th unit vector, column ``j`` the pushforward of
the ``j``-th. The joint graph is batched over the rows of an identity matrix, so that all of it is
one program; what does not depend on the unit vector is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.graph.spec import ArraySpec
from tracer.ops import registry
from tracer.ops.builder import Builder, Symbol
from tracer.transforms.batch.batch_graph import Fill, batch, one_by_one
from tracer.transforms.batch.batched import Unbatchable
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse


def better_mode(graph: CalcGraph, wrt: Sequence[int], mode: str | None = None) -> str:
    """``"reverse"`` if it needs no more passes than ``"forward"``.

    Results whose size is known at run time only, and complex ones of real arguments, have no
    basis of cotangents: they are pushed forward.
    """
    outputs = [node.specs[0] for node in graph.outputs if node.specs[0].is_inexact]
    inputs = [graph.inputs[place].specs[0] for place in wrt]
    free = any(not spec.is_static for spec in outputs)
    grows = any(o.dtype.kind == "c" for o in outputs) and any(i.dtype.kind == "f" for i in inputs)
    if free or grows:
        return "forward"
    if mode is not None:
        return mode
    if only_pulls(graph):
        return "reverse"
    to_real = any(i.dtype.kind == "c" for i in inputs) and any(o.dtype.kind == "f" for o in outputs)
    return "reverse" if to_real or total(outputs) <= total(inputs) else "forward"


def only_pulls(graph: CalcGraph) -> bool:
    """Whether a derivative of the user's own is among the nodes that forward mode can't pass."""
    return any(
        [
            node.op is registry.CUSTOM
            and node.params.kwargs["rule"] == "vjp"
            or any([only_pulls(region) for region in node.regions])
            for node in graph.order
        ]
    )


def size_of(spec: ArraySpec) -> int:
    return math.prod(spec.seen_shape)


def total(specs: Iterable[ArraySpec]) -> int:
    return sum([size_of(spec) for spec in specs])


def jacobian_graph(graph: CalcGraph, wrt: Sequence[int], mode: str) -> CalcGraph:
    """The Jacobian of each inexact output with respect to each input of ``wrt``.

    Returns
    -------
    CalcGraph
        Its outputs are the blocks, of shape ``out.shape + in.shape``: for the first output one
        per input, then for the second, and so on.
    """
    wanted = [node for node in graph.outputs if node.specs[0].is_inexact]
    graph = graph.replace(outputs=wanted, roles={"value": len(wanted)})
    return _rows(graph, wrt) if mode == "reverse" else _columns(graph, wrt)


def hessian_graph(graph: CalcGraph, wrt: Sequence[int]) -> CalcGraph:
    """Second derivatives, forward over reverse: blocks of shape ``out.shape + in.shape * 2``.

    Where forward mode can't pass, rows of real gradients are pulled back instead.
    """
    wanted = [node for node in graph.outputs if node.specs[0].is_inexact]
    graph = graph.replace(outputs=wanted, roles={"value": len(wanted)})
    if len(wanted) == 1 and wanted[0].specs[0].shape == ():
        gradients = gradient_graph(graph, wrt)
    else:
        gradients = jacobian_graph(graph, wrt, better_mode(graph, wrt, "reverse"))
    real = all([node.specs[0].dtype.kind == "f" for node in gradients.outputs])
    return jacobian_graph(
        gradients, wrt, "reverse" if real and only_pulls(gradients) else "forward"
    )


def hvp_graph(graph: CalcGraph, wrt: Sequence[int]) -> CalcGraph:
    """The tangents of the gradients: Hessian times vector."""
    return tangents_only(forward(gradient_graph(graph, wrt), wrt))


def gradient_graph(graph: CalcGraph, wrt: Sequence[int]) -> CalcGraph:
    """The gradients of the one real number that the graph computes."""
    joint = reverse(graph, wrt, "ones")
    ends = joint.outputs[joint.roles["value"] :]
    return joint.replace(outputs=ends, roles={"value": len(ends)}, records=())


def tangents_only(pushed: CalcGraph) -> CalcGraph:
    ends = pushed.outputs[pushed.roles["value"] :]
    return pushed.replace(outputs=ends, roles={"tangent": len(ends)})


# -- reverse ------------------------------------------------------------------------------------
def _rows(graph: CalcGraph, wrt: Sequence[int]) -> CalcGraph:
    joint = reverse(graph, wrt, "input")
    seeds = joint.inputs[len(graph.inputs) :]
    ends = joint.outputs[len(graph.outputs) :]
    joint = joint.replace(outputs=ends, roles={"value": len(ends)}, records=())
    specs = [node.specs[0] for node in graph.outputs]
    batched = _on_basis(joint, seeds, specs)
    inputs = [graph.inputs[place].specs[0] for place in wrt]

    def block(stacked: Symbol, start: int, out: ArraySpec, into: ArraySpec) -> Symbol:
        rows = _part(stacked, start, size_of(out), total(specs))
        if out.shape == ():
            return rows[0]
        whole = (*out.shape, *into.shape)
        return rows if rows.shape == whole else np.reshape(rows, whole)

    return _with_blocks(
        batched,
        [
            (column, start, out, into, block)
            for start, out in _offsets(specs)
            for column, into in enumerate(inputs)
        ],
    )


# -- forward ------------------------------------------------------------------------------------
def _columns(graph: CalcGraph, wrt: Sequence[int]) -> CalcGraph:
    pushed = forward(graph, wrt)
    tangents = pushed.inputs[len(graph.inputs) :]
    specs = [node.specs[0] for node in tangents]
    batched = _on_basis(tangents_only(pushed), tangents, specs)
    outputs = [node.specs[0] for node in graph.outputs]

    def block(stacked: Symbol, start: int, into: ArraySpec, out: ArraySpec) -> Symbol:
        columns = _part(stacked, start, size_of(into), total(specs))
        if into.shape == ():
            return columns[0]
        if out.ndim:
            columns = np.moveaxis(columns, 0, -1)
        if len(into.shape) == 1:
            return columns
        if out.is_static:
            return np.reshape(columns, (*out.shape, *into.shape))
        return columns[..., np.arange(size_of(into)).reshape(into.shape)]

    return _with_blocks(
        batched,
        [
            (row, start, into, out, block)
            for row, out in enumerate(outputs)
            for start, into in _offsets(specs)
        ],
    )


# -- both ---------------------------------------------------------------------------------------
Block = tuple[int, int, ArraySpec, ArraySpec, Callable[[Symbol, int, ArraySpec, ArraySpec], Symbol]]


def _offsets(specs: Sequence[ArraySpec]) -> list[tuple[int, ArraySpec]]:
    """Where each value's unit vectors begin in the basis of all."""
    sizes = [size_of(spec) for spec in specs]
    return [(sum(sizes[:k]), spec) for k, spec in enumerate(specs)]


def _on_basis(graph: CalcGraph, seeds: Sequence[Node], specs: Sequence[ArraySpec]) -> CalcGraph:
    """The graph run on every unit vector of the seeds together."""
    count = total(specs)
    fill: Fill = {
        seed: _basis(count, start, spec)
        for seed, (start, spec) in zip(seeds, _offsets(specs), strict=True)
    }
    flags = [node in fill for node in graph.inputs]
    wanted = [True] * len(graph.outputs)
    try:
        return batch(graph, flags, count, wanted, fill)[0]
    except Unbatchable:
        return one_by_one(graph, flags, count, fill)


def _basis(count: int, start: int, spec: ArraySpec) -> Callable[[Builder], Symbol]:
    """Unit vectors: rows of an identity matrix, in the shape of a value."""

    def build(builder: Builder) -> Symbol:
        size = size_of(spec)
        args: tuple = (count,) if size == count else (count, size)
        kwargs = {"k": -start} if start else {}
        if spec.dtype != np.float64:
            kwargs["dtype"] = spec.dtype
        rows = builder.emit(registry.op_of(np.eye), args, kwargs)
        return rows if len(spec.shape) == 1 else np.reshape(rows, (count, *spec.shape))

    return build


def _part(stacked: Symbol, start: int, size: int, count: int) -> Symbol:
    return stacked if size == count else stacked[start : start + size]


def _with_blocks(batched: CalcGraph, blocks: Sequence[Block]) -> CalcGraph:
    """The graph whose outputs are blocks cut from the batched ones."""
    builder = Builder(batched.order)
    ends: list[Node] = []
    for number, start, first, second, block in blocks:
        made = block(Symbol(builder, batched.outputs[number]), start, first, second)
        ends.append(np.copy(made).node if made.node in ends else made.node)
    return batched.replace(order=builder.nodes, outputs=ends, roles={"jacobian": len(ends)})
