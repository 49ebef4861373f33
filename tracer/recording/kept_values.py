"""What the Tensors of a trace hold, kept for the one call that the trace was made for.

>>> kept = KeptValues(recorder, tensors)
>>> kept.values[graph.outputs[0]]
np.float64(3.0)

A call that no program will serve again need not run its function twice: the values that tracing
has computed are those of the program. What was written over since is not among them; it can be
computed again from what is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from tracer.recording.tensor.tensor import TracedTensor

TALKATIVE = frozenset({"print", "log", "call"})  # modes of an errstate that tracing holds back


class KeptValues:
    """The values of a trace's nodes, and the random streams that it drew from copies of.

    Attributes
    ----------
    values : dict of Node
    hidden : set of Node
        Those whose value is the trace's own copy of an argument or a view of it: good to compute
        with, but not what the caller should see.
    """

    def __init__(self, recorder: Any, tensors: Sequence[TracedTensor]):
        self.values: dict[Node, Any] = {}
        self.hidden: set[Node] = set()
        self.streams = recorder.streams
        values, hidden = self.values, self.hidden
        for tensor in tensors:
            buffer = tensor._buffer
            if buffer is None:
                values[tensor._node] = tensor._value
            elif tensor._version == buffer.version:
                values[tensor._node] = tensor._value
                if buffer.target is not None or buffer.capture:
                    hidden.add(tensor._node)
                elif buffer.version:
                    values[buffer.node] = buffer.value


def can_keep_values(recorder: Any, graph: CalcGraph) -> bool:
    """Whether a call that is over needs nothing but its values.

    Regions are made into plain nodes first; warnings are said by the program that runs, and so is
    what the user's errstate prints or logs.
    """
    if recorder.warned or not TALKATIVE.isdisjoint(recorder.base_errstate.values()):
        return False
    contexts = set()
    for node in graph.order:
        if node.regions:
            return False
        if node.context is not None:
            contexts.add(node.context)
    return all([TALKATIVE.isdisjoint(dict(context).values()) for context in contexts])
