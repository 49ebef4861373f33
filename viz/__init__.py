"""Draws CalcGraphs: forward down on the left, cotangents up on the right, each VJP with its shapes.

>>> viz.render(loss.graph(params, x, y), "loss.svg")
'loss.svg'
>>> viz.to_dot(graph)                     # a graphviz.Digraph
>>> viz.to_svg(graph, theme="dark")       # SVG text
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import graphviz

    from viz.grid import Lines

FEWEST = 25  # boxes below which a picture says too little

__all__ = ["render", "to_dot", "to_svg"]


def to_dot(
    graph: Any,
    *,
    title: str = "",
    theme: str = "auto",
    lines: Lines | None = None,
    limit: int = 400,
) -> graphviz.Digraph:
    """The picture of a graph as DOT.

    Parameters
    ----------
    graph : CalcGraph
        Joint (it has records: the ladder), forward, or forward mode.
    title : str
        Else the graph's own title.
    theme : str
        ``"auto"`` (the viewer's choice), ``"light"`` or ``"dark"``.
    lines : mapping of Node to (int or None, int or None)
        For each forward op its line in the forward code and that of its pullback. Else ops show
        the line where the user wrote them.
    limit : int
        Above as many boxes repeated bodies and scopes are folded.

    Returns
    -------
    graphviz.Digraph
        Its ``pipe`` and ``render`` try $TRACER_DOT, ``dot`` and graphviz-pure, in this order.
    """
    from viz.compose import compose
    from viz.dot import write

    return write(compose(graph, title, lines, limit), theme)


def to_svg(graph: Any, **options: Any) -> str:
    """The picture of a graph as SVG text; options as in :func:`to_dot`.

    Raises
    ------
    tracer.errors.NoLayoutEngine
        If no Graphviz engine could lay it out.
    """
    return _drawn(graph, "svg", options).decode()


def _drawn(graph: Any, form: str, options: dict[str, Any]) -> bytes:
    """The picture; with fewer boxes, if an engine can't lay so many out in time."""
    from viz.engine import TooSlow
    from viz.folding import LIMIT

    limit = options.pop("limit", LIMIT)
    while True:
        try:
            return to_dot(graph, limit=limit, **options).pipe(form)
        except TooSlow:
            if limit <= FEWEST:
                raise
            limit //= 4


def render(
    f_or_graph: Any,
    path: Any,
    *args: Any,
    title: str = "",
    theme: str = "auto",
    lines: Lines | None = None,
    limit: int = 400,
    **kwargs: Any,
) -> str:
    """Draw a graph, or the graph of a traced function, into a file.

    Parameters
    ----------
    f_or_graph : CalcGraph or TracedFunction
        A function is traced with ``args`` and ``kwargs``.
    path : str or path
        Its suffix chooses the format: ``.svg``, ``.dot``, or ``.png`` where resvg-py is installed.

    Returns
    -------
    str
        The path.
    """
    graph = f_or_graph
    if callable(getattr(f_or_graph, "graph", None)):
        graph = f_or_graph.graph(*args, **kwargs)
    path = Path(path)
    form = path.suffix.lstrip(".").lower() or "svg"
    options = {"title": title, "theme": theme, "lines": lines, "limit": limit}
    path.write_bytes(_drawn(graph, form, options))
    return str(path)
