"""The passes in their order, as one visible tuple, and ``optimise`` that runs them.

>>> optimise(forward_graph)                     # exact: bit-equal to what the user wrote
>>> optimise(joint_graph, numerics="fast")      # the values exact, gradients may reassociate
"""

from __future__ import annotations

from collections.abc import Callable

from tracer.graph.calcgraph import CalcGraph
from tracer.passes.drop_unused import drop_unused
from tracer.passes.fold_constants import fold_constants
from tracer.passes.prune_regions import prune_regions
from tracer.passes.share_common import share_common
from tracer.passes.simplify import simplify, simplify_fast

Pass = Callable[[CalcGraph], CalcGraph]

PIPELINE: tuple[Pass, ...] = (fold_constants, simplify, share_common, drop_unused, prune_regions)
FAST: dict[Pass, Pass] = {simplify: simplify_fast}
ROUNDS = 3  # what sharing brings together may be simplified again


def passes(numerics: str = "exact") -> tuple[Pass, ...]:
    """The pipeline of a kind of program: ``"exact"``, or ``"fast"`` with reassociating rewrites."""
    if numerics not in ("exact", "fast"):
        raise ValueError(f"numerics is 'exact' or 'fast', not {numerics!r}")
    return PIPELINE if numerics == "exact" else tuple([FAST.get(step, step) for step in PIPELINE])


def optimise(
    graph: CalcGraph,
    numerics: str = "exact",
    watch: Callable[[CalcGraph, str], object] | None = None,
) -> CalcGraph:
    """The graph after all passes, until nothing changes or ``ROUNDS`` is reached.

    Parameters
    ----------
    graph : CalcGraph
    numerics : {"exact", "fast"}
        ``"exact"`` keeps every bit. ``"fast"`` also reassociates, but never in what the values,
        guards and effects of a joint graph are made from.
    watch : callable, optional
        ``watch(graph, name)`` after every pass: ``lambda g, name: check(g, after=name)``.

    Returns
    -------
    CalcGraph
        The same object if there was nothing to do.
    """
    for _ in range(ROUNDS):
        size, changed = len(graph.order), False
        for step in passes(numerics):
            made = step(graph)
            changed = changed or made is not graph
            graph = made  # an earlier graph is not kept: it may be very large
            if watch is not None:
                watch(graph, step.__name__)
        if not changed or len(graph.order) == size:
            break
    return graph
