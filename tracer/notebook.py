"""What a notebook shows of a graph or a traced function: its picture; ``viz`` is loaded for it.

>>> loss(w, x)
>>> loss                                  # the last line of a cell
"""

from __future__ import annotations

from typing import Any

from tracer.python.late_bound import LATE_BOUND


def svg(graph: Any) -> str:
    """The picture of a CalcGraph as SVG text."""
    import viz

    return viz.to_svg(graph)


LATE_BOUND["svg"] = svg
