"""Which results may share memory with an operand and which never do: one table for all who ask.

>>> viewed(node_of("x.T")), viewed(node_of("x * 2"))
(x, None)
"""

from __future__ import annotations

from typing import NamedTuple

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node


class Memory(NamedTuple):
    """What is true of some ops.

    Attributes
    ----------
    names : str
    result : str
        ``"view"``: memory of the first operand; ``"maybe"``: so in some layouts, kinds or calls;
        ``"fresh"``: never, whatever the arguments.
    moves : bool
        Elements only change places: one number for all of them stays one number.
    free : bool
        Computing it again costs less than saving it.
    buffer : bool
        It is made to be written to: sharing one would only force a copy.
    """

    names: str
    result: str
    moves: bool = False
    free: bool = False
    buffer: bool = False


TABLE = (
    Memory(
        "transpose matrix_transpose swapaxes moveaxis rollaxis squeeze expand_dims "
        "flip fliplr flipud rot90",
        "view",
        moves=True,
        free=True,
    ),
    Memory("reshape ravel reshape_like", "maybe", moves=True, free=True),
    Memory("atleast_1d atleast_2d atleast_3d", "view", moves=True),
    Memory("broadcast_to broadcast_like stop_gradient", "view", free=True),
    Memory("real diagonal linalg.diagonal item", "view"),
    Memory("split array_split hsplit vsplit dsplit unstack broadcast_arrays", "view"),
    # Of an index that selects by arrays, of a sum over nothing, of imaginary parts, and so on.
    Memory("getitem sum_to imag real_if_close asarray asanyarray ascontiguousarray diag", "maybe"),
    Memory("einsum meshgrid numpy.lib.stride_tricks.sliding_window_view", "maybe"),
    Memory("histogram histogram2d histogramdd histogram_bin_edges", "maybe"),  # given edges
    Memory("zeros zeros_of zeros_like ones full empty", "fresh", free=True, buffer=True),
    Memory("ones_like full_like empty_like", "fresh", buffer=True),
    Memory("array", "maybe", buffer=True),  # copy=None, in another layout than this trace's
    Memory("eye identity arange", "fresh", free=True),
    Memory("copy", "fresh", moves=True, buffer=True),
    Memory("roll concatenate stack vstack hstack dstack column_stack", "fresh", moves=True),
    Memory(
        "sum prod max min mean var std all any argmax argmin ptp count_nonzero nansum "
        "nanmax nanmin nanmean nanvar nanstd dot vdot inner outer tensordot kron trace linspace "
        "logspace geomspace tri where clip repeat tile sort argsort cumsum cumprod pow take "
        "take_along_axis compress astype setitem scatter_add linalg.inv linalg.solve linalg.det "
        "linalg.cholesky linalg.norm",
        "fresh",
    ),
    Memory("constant size_of", "fresh", free=True),
    Memory("same_size", "fresh"),
)


def _names(rows: list[Memory]) -> frozenset[str]:
    return frozenset([name for row in rows for name in row.names.split()])


VIEWS = _names([row for row in TABLE if row.result == "view"])
MAY_BE_VIEWS = _names([row for row in TABLE if row.result == "maybe"])
FRESH = _names([row for row in TABLE if row.result == "fresh"])
MOVES = _names([row for row in TABLE if row.moves])
FREE = _names([row for row in TABLE if row.free])
BUFFERS = _names([row for row in TABLE if row.buffer])


def viewed(node: Node) -> Node | None:
    """The operand whose memory the result may be: the first one; None if it is fresh."""
    name = node.op.name
    if name in VIEWS and node.inputs:
        return node.inputs[0]
    if name not in MAY_BE_VIEWS or (name in NEVER and NEVER[name](node)):
        return None
    return node.inputs[0] if node.inputs else None


def always_viewed(node: Node) -> Node | None:
    """The operand whose memory the result is in every layout; None otherwise."""
    name = node.op.name
    surely = name in VIEWS or (name == "sum_to" and not NEVER[name](node))
    return node.inputs[0] if surely and node.inputs else None


def _sums_or_joins(node: Node) -> bool:
    """Whether an einsum does more than pick and transpose one operand's elements."""
    text = node.params.args[0] if node.params.args else None
    if len(node.inputs) != 1 or type(text) is not str:
        return len(node.inputs) != 1
    read, arrow, made = text.replace(" ", "").partition("->")
    return bool(arrow) and not set(read) <= set(made)


# Of ops that may give views: whether this call surely does not.
NEVER = {
    "sum_to": lambda node: node.shape != node.inputs[0].shape,
    "array": lambda node: node.params.kwargs.get("copy", True) is True,
    "meshgrid": lambda node: node.params.kwargs.get("copy", True) is True,
    "einsum": _sums_or_joins,
}


def escaping(graph: CalcGraph) -> set[Node]:
    """Array values whose memory a caller may get hold of: outputs and what they are views of.

    What plain NumPy returns fresh must not become another array by a rewrite or a merge.
    """
    found: set[Node] = set()
    waiting = [*graph.outputs, *[effect.value for effect in graph.effects]]
    while waiting:
        node = waiting.pop()
        if node not in found and any(spec.kind == "array" for spec in node.specs):
            found.add(node)
            if node.regions or viewed(node) is not None:
                waiting += node.inputs
    return found
