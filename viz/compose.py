"""From a graph to its Picture: take apart, fold, lay the ladder, say in the title what was drawn.

>>> picture = compose(joint)
>>> picture.subtitle
'forward ↓   backward ↑   float64   23 nodes   saved 33.8 kB'
"""

from __future__ import annotations

from math import prod

from tracer.graph.calcgraph import CalcGraph
from tracer.graph.node import Node
from viz.folding import LIMIT, Folding, fold
from viz.grid import Lines
from viz.ladder import ladder
from viz.metrics import shorten
from viz.parts import Anatomy, anatomy
from viz.picture import Picture

LONGEST_TITLE = 90


def compose(
    graph: CalcGraph, title: str = "", lines: Lines | None = None, limit: int = LIMIT
) -> Picture:
    """The picture of a graph, ready for layout."""
    parts = anatomy(graph)
    folding = fold(parts, limit)
    picture = ladder(parts, folding, lines or graph.graph.get("lines"))
    picture.title = shorten(title or graph.title or "calculation graph", LONGEST_TITLE)
    picture.subtitle = subtitle(parts, folding)
    return picture


def subtitle(parts: Anatomy, folding: Folding) -> str:
    """Directions, dtypes, how many nodes there are and are shown, and the size of what is saved."""
    ops = parts.ops + parts.extra
    words = ["forward ↓   backward ↑"] if parts.records else []
    dtypes = {node.dtype.name for node in parts.leaves + ops if node.dtype.kind in "fc"}
    words.append(", ".join(sorted(dtypes)))
    count = len(parts.graph.order)
    words.append(f"{count:,} nodes")
    if len(folding.cells) < len(ops):
        words[-1] += f" → {len(folding.cells) + len(folding.leaves):,} shown"
    saved = dict.fromkeys(value for values in parts.saved.values() for value in values)
    if saved:
        words.append(f"saved {size_text(sum(map(_size, saved)))}")
    return "   ".join(filter(None, words))


def _size(node: Node) -> int:
    spec = node.specs[0]
    return prod(spec.seen_shape) * spec.dtype.itemsize


def size_text(size: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:g} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError("unreachable")
