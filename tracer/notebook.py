"""What a notebook shows of a graph or a traced function: its picture; ``viz`` is loaded for it.

>>> loss(w, x)
>>> loss                                  # the last line of a cell
"""

from __future__ import annotations

from typing import Any


def svg(graph: Any) -> str:
    """The picture of a CalcGraph as SVG text."""
    import viz

    return viz.to_svg(graph)
