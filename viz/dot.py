"""Writes a Picture as DOT: a graphviz.Digraph that lays itself out with our engine chain.

>>> dot = write(picture)
>>> dot.pipe("svg")[:5]
b'<?xml'
>>> dot.render("loss.svg")
'loss.svg'
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import graphviz

from tracer.errors import NoLayoutEngine
from viz.engine import lay_out
from viz.labels import Gap, Row, Run, label
from viz.picture import Box, Frame, Picture, Wire
from viz.svg import finish
from viz.theme import light

# kind: (fill role, border role, pen)
BOXES = {
    "input": ("in_bg", "in_br", 1.6),
    "param": ("par_bg", "par_br", 1.6),
    "const": ("const_bg", "const_br", 1.15),
    "op": ("op_bg", "op_br", 1.15),
    "output": ("out_bg", "out_br", 1.6),
    "vjp": ("bwd_bg", "bwd_br", 1.15),
    "grad": ("bwd_bg", "bwd_br", 1.8),
    "pill": ("vjp_bg", "vjp_br", 0.9),
    "carry": ("page", "fold_br", 1.6),
    "group": ("fold_bg", "fold_br", 1.15),
}
GRAPH = {
    "rankdir": "TB",
    "newrank": "true",
    "nodesep": "0.32",
    "ranksep": "0.34",
    "pad": "0.25",
    "bgcolor": "transparent",
    "outputorder": "edgesfirst",
    "remincross": "false",
    "labelloc": "t",
    "labeljust": "c",
}
NODE = {"shape": "box", "style": "rounded,filled", "margin": "0.11,0.055", "fontname": "Helvetica"}
EDGE = {"penwidth": "1.2", "arrowsize": "0.62", "fontname": "Courier", "fontsize": "9"}


class CalcDigraph(graphviz.Digraph):
    """A ``graphviz.Digraph`` whose ``pipe`` and ``render`` use $TRACER_DOT, dot or graphviz-pure.

    SVG comes out finished: our fonts and themes, text centred in its cells, tooltips.
    """

    theme = "auto"

    def pipe(self, format: str | None = None, *args: Any, encoding: str | None = None, **more: Any):
        """The picture as bytes, or as text in ``encoding``."""
        form = format or self.format or "svg"
        if form in ("dot", "gv"):
            text = self.source
        elif form == "svg":
            text = finish(lay_out(self.source, "svg", self.engine), self.theme)
        else:
            data = rasterise(self.pipe("svg", encoding="utf-8"), form)
            return data if encoding is None else data.decode(encoding)
        return text.encode() if encoding is None else text

    def render(
        self,
        filename: Any = None,
        directory: Any = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *args: Any,
        outfile: Any = None,
        **more: Any,
    ) -> str:
        """Write the picture; the suffix of ``outfile`` or ``filename`` chooses the format."""
        path = Path(outfile or filename or self.filepath)
        if directory is not None:
            path = Path(directory) / path
        form = format or path.suffix.lstrip(".")
        if form not in ("svg", "dot", "gv", "png"):
            form = format or "svg"
        if path.suffix != f".{form}":
            path = path.with_name(f"{path.name}.{form}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.pipe(form))
        if view:
            self._view(str(path), format=form, quiet=False)
        return str(path)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **more: Any) -> dict:
        return {"image/svg+xml": self.pipe("svg", encoding="utf-8"), "text/plain": repr(self)}


def rasterise(svg: str, form: str, zoom: float = 2.0) -> bytes:
    """A finished SVG as PNG, by resvg.

    Raises
    ------
    NoLayoutEngine
        If ``resvg-py`` is not installed, or for another format than PNG.
    """
    if form != "png":
        raise NoLayoutEngine(f"Pictures are .svg, .dot or .png, not .{form}.")
    try:
        import resvg_py
    except ImportError as error:
        raise NoLayoutEngine(
            "PNG pictures need resvg-py.", fix="pip install resvg-py, or write an .svg"
        ) from error
    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=zoom,
        background="#ffffff",
        sans_serif_family="DejaVu Sans",  # resvg's own choices are Arial and Courier New,
        monospace_family="DejaVu Sans Mono",  # which few servers have
    )
    return bytes(png)


def write(picture: Picture, theme: str = "auto") -> CalcDigraph:
    """The DOT of a picture: frames with their boxes first, then rows and wires at the root."""
    dot = CalcDigraph("calc", graph_attr=GRAPH, node_attr=NODE, edge_attr=EDGE)
    dot.theme = theme
    title: list[Row] = [[Run(picture.title, 15, "ink", bold=True)]]
    title += [[Run(picture.subtitle, 10, "ink2", mono=True)], legend(picture), [Run(" ", 4)]]
    dot.attr("graph", label=label(title))
    _write_frames(dot, picture, None, 0)
    for row in picture.rows:
        if len(row) > 1:
            dot.body.append(f"\t{{rank=same; {'; '.join(row)}}}\n")
    for wire in picture.wires:
        _write_wire(dot, wire)
    return dot


# kind of wire: (its dashes and colour role, what it carries)
LEGEND = {
    "fwd": ("──▸", "fwd", "value"),
    "ct": ("╌╌▸", "ct", "cotangent ḡ"),
    "res": ("⋯⋯▸", "res_ink", "saved for the backward pass"),
}


def legend(picture: Picture) -> Row:
    """One line that says what the kinds of wires are; none where there is only one kind."""
    drawn = {wire.kind for wire in picture.wires}
    if "ct" not in drawn:
        return []
    row: list[Run | Gap] = []
    for dashes, role, meaning in LEGEND.values():
        row += [Gap(14)] if row else []
        row += [Run(dashes, 9, role, mono=True, bold=True), Gap(4)]
        row.append(Run(meaning, 9, "ink2", mono=True))
    return row


UNPRINTABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def printable(text: str) -> str:
    """The text without what XML can't hold: control characters and halves of pairs."""
    return UNPRINTABLE.sub(" ", text)


def tip_text(text: str) -> str:
    """A tooltip as a DOT string: no markup, no escapes, lines kept."""
    lines = [html.escape(printable(line), quote=False) for line in text.split("\n")]
    return "\\n".join(graphviz.escape(line) for line in lines)


def _write_frames(dot: Any, picture: Picture, parent: Frame | None, depth: int) -> None:
    for box in picture.boxes.values():
        if box.frame is parent:
            _write_box(dot, box)
    for frame in picture.frames:
        if frame.parent is parent:
            with dot.subgraph(name=frame.key) as cluster:
                _write_frame(cluster, frame, depth)
                _write_frames(cluster, picture, frame, depth + 1)


def _write_frame(cluster: Any, frame: Frame, depth: int) -> None:
    repeats = frame.kind == "repeat"
    fill = "fold_bg" if repeats else ("sc_bg", "sc2_bg")[depth % 2]
    row: list[Run | Gap] = []
    if frame.label:
        row += [Run(frame.label, 11, "ink2", bold=True), Gap(8)]
    if repeats:
        steps = f"× {frame.count}   t = 0 … {frame.count - 1}"
        row += [Run(steps, 9.5, "fold_ink", mono=True, bold=True), Gap(10)]
    row.append(Run(frame.place, 9.5, "fold_ink" if repeats else "ink2", mono=True))
    cluster.attr(
        "graph",
        id=f"c-{frame.key}",
        style="rounded,filled",
        penwidth="1",
        margin="12",
        fillcolor=light(fill),
        color=light("fold_br" if repeats else "sc_br"),
        labelloc="t",
        labeljust="l",
        label=label([row]),
        tooltip="",
        **{"class": "fold" if repeats else "scope"},
    )


def _write_box(dot: Any, box: Box) -> None:
    fill, border, pen = BOXES[box.kind]
    more = {}
    if box.kind in ("pill", "carry"):
        more = {"margin": "0.05,0.02", "height": "0.2", "width": "0.2"}
    elif box.kind == "const":
        more = {"style": "rounded,filled,dashed"}
    dot.node(
        box.key,
        label(box.rows),
        id=f"n-{box.key}",
        fillcolor=light(fill),
        color=light(border),
        penwidth=f"{pen:g}",
        tooltip=graphviz.nohtml(tip_text(box.tooltip)),
        **{"class": box.kind},
        **more,
    )


STYLES: dict[str, dict[str, str]] = {
    "fwd": {"color": light("fwd")},
    "ct": {"color": light("ct"), "style": "dashed"},
    "res": {
        "color": light("res"),
        "style": "dotted",
        "penwidth": "1.5",
        "arrowhead": "vee",
        "arrowsize": "0.5",
    },
    "order": {"style": "invis"},
}


def _write_wire(dot: Any, wire: Wire) -> None:
    more = dict(STYLES[wire.kind])
    tail, head = (wire.head, wire.tail) if wire.upward else (wire.tail, wire.head)
    if not wire.arrow:
        more["dir"] = "none"
    elif wire.upward:
        more |= {"dir": "back", "arrowtail": "normal"}
    if wire.free:
        more["constraint"] = "false"
    if wire.row:
        more["label"] = label([wire.row])
    if wire.kind != "order":
        more |= {"class": wire.kind, "id": f"e-{wire.tail}-{wire.head}-{wire.kind}"}
        more["tooltip"] = graphviz.nohtml(tip_text(wire.tooltip))
    dot.edge(tail, head, weight=str(wire.weight), **more)
