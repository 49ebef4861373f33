"""The joint graph of a function: its values, then its cotangents.

>>> reverse(graph, wrt=(0,))"""

from __future__ import annotations

from collections.abc import Sequence

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.transforms.reverse.loop_residuals import with_loop_residuals
from tracer.transforms.reverse.sweep import differentiate


def reverse(
    graph: CalcGraph, wrt: Sequence[Node | int], seed: str = "input", recorded: bool = True
) -> CalcGraph:
    """The joint graph: values and gradients.

    Parameters
    ----------
    graph : CalcGraph
    wrt : sequence of Node or int
        Inputs (or their positions) to differentiate with respect to.
    seed : {"input", "ones"}
        ``"input"`` adds one input ``g_<name>`` per inexact output, the cotangent of that output.
        ``"ones"`` starts from the constant 1.0, for a graph with one scalar output.
    recorded : bool
        Whether the graph keeps how each pullback was made; what is run once needs no records.

    Returns
    -------
    CalcGraph
        Outputs are the values, then one gradient per entry of ``wrt``, each with the shape and
        dtype of its input; guards and effects are those of ``graph``.

    Raises
    ------
    MissingRule
        If an op on the way has no derivative rule.
    """
    leaves = [graph.inputs[entry] if isinstance(entry, int) else entry for entry in wrt]
    graph, plans = with_loop_residuals(graph, leaves)
    return differentiate(graph, plans, leaves, seed, recorded)
