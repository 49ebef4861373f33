"""share_common: what is computed twice from the same operands is computed once.

>>> share_common(graph)                   # x * y, x * y  →  one node that has both origins
"""

from __future__ import annotations

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node, is_pure
from tracer.graph.rebuild import Rebuild
from tracer.ops.memory import BUFFERS, escaping


def share_common(graph: CalcGraph) -> CalcGraph:
    """The graph with equal nodes merged.

    Never merged: random draws, nodes under different ``np.errstate``, the subject of a
    ``raises`` guard, two arrays that the caller would get as separate ones.
    """
    work = Rebuild(graph, share_common)
    apart = escaping(graph)
    raising = {guard.node for guard in graph.guards if guard.kind == "raises"}
    known: dict[tuple, Node] = {}
    taken: set[Node] = set()  # new nodes that stand for an escaping array
    for node in graph.order:
        op = node.op
        if op.name == "input" or op.name in BUFFERS or not op.is_pure or node in raising:
            work.keep(node)
            continue
        new = work.current(node)
        key: tuple = (op, new.inputs, new.params.key(), new.context, new.spelling == "operator")
        if new.regions:
            if not is_pure(new):
                work.put(node, new)
                continue
            key += (new.regions,)
        found = known.get(key)
        if found is not None and found.specs == new.specs:
            if node not in apart:
                work.merge(node, found)
                continue
            if found not in taken:
                taken.add(found)
                work.merge(node, found)
                continue
        work.put(node, new)
        if found is None:
            known[key] = new
            if node in apart:
                taken.add(new)
    return work.finish()
