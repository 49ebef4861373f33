"""Finishes what the layout engine drew: text centred in its cells, tooltips, themes, ids.

>>> finish(lay_out(source), theme="auto")
'<svg class="calc" …'
"""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree
from xml.etree.ElementTree import Element

from viz.theme import MONO, PALETTE, SANS, light, style_sheet

SVG = "http://www.w3.org/2000/svg"
LINK = "http://www.w3.org/1999/xlink"
BASELINE = 0.35  # of the font size, below the middle of the cell
FILLED = 0.95  # of its cell, by a sans run: the advance table has a margin
_renders = itertools.count(1)


def tag(element: Element) -> str:
    """The tag without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def finish(svg: str, theme: str = "auto", prefix: str | None = None) -> str:
    """The finished picture of one theme, ids prefixed so that several fit on one page."""
    prefix = prefix if prefix is not None else f"calc{next(_renders)}-"
    root = ElementTree.fromstring(svg[svg.index("<svg") :])
    for element in list(root.iter()):
        _unwrap_links(element)
    for element in list(root.iter()):
        _centre_text(element)
    _name_and_tip(root, prefix)
    _lift_labels(root)
    root.set("class", f"calc calc-{theme}")
    root.set("role", "img")
    for side in ("width", "height"):  # points to pixels: some viewers refuse units
        root.set(side, f"{float(root.get(side, '0').removesuffix('pt')) * 4 / 3:.0f}")
    style = Element(f"{{{SVG}}}style")
    style.text = style_sheet(theme)
    root.insert(0, style)
    if theme != "auto":
        root.insert(1, _page(root))
    if theme == "dark":
        _darken(root)
    ElementTree.register_namespace("", SVG)
    return ElementTree.tostring(root, encoding="unicode")


def _unwrap_links(element: Element) -> None:
    """``<g id="a_…"><a title=…>…</a></g>`` becomes its content and a tooltip on the parent."""
    for child in list(element):
        anchors = [inner for inner in child if tag(inner) == "a"]
        if tag(child) != "g" or not anchors or not child.get("id", "").startswith("a_"):
            continue
        tip = anchors[0].get(f"{{{LINK}}}title", "")
        where = list(element).index(child)
        element.remove(child)
        for offset, inner in enumerate(anchors[0]):
            element.insert(where + offset, inner)
        element.set("tip", tip)


def _centre_text(element: Element) -> None:
    """Each sentinel polygon goes; the text after it is centred where the polygon was."""
    children = list(element)
    for shape, text in itertools.pairwise([*children, Element("none")]):
        if tag(shape) != "polygon" or not _is_sentinel(shape):
            continue
        element.remove(shape)
        if tag(text) != "text":
            continue
        points = [tuple(map(float, point.split(","))) for point in shape.get("points", "").split()]
        left, right = min(x for x, _ in points), max(x for x, _ in points)
        top, bottom = min(y for _, y in points), max(y for _, y in points)
        size = float(text.get("font-size", "10"))
        share = 1.0 if _is_mono(text) else FILLED
        text.set("text-anchor", "middle")
        text.set("x", f"{(left + right) / 2:.2f}")
        text.set("y", f"{(top + bottom) / 2 + BASELINE * size:.2f}")
        # Whatever font the viewer has, the run keeps to its cell.
        text.set("textLength", f"{(right - left) * share:.2f}")
        text.set("lengthAdjust", "spacingAndGlyphs")
        text.set("font-family", MONO if _is_mono(text) else SANS)


def _is_mono(text: Element) -> bool:
    return "Courier" in text.get("font-family", "")


def _is_sentinel(shape: Element) -> bool:
    opacity = shape.get("fill-opacity")
    return shape.get("fill") == "#000000" and opacity is not None and float(opacity) < 0.01


def _name_and_tip(root: Element, prefix: str) -> None:
    """Unique ids, and our tooltips in place of Graphviz's titles."""
    for number, element in enumerate(root.iter()):
        name = element.get("id")
        if name is not None:
            known = re.fullmatch(r"[nce]-[\w-]+", name)
            element.set("id", prefix + (name if known else f"x{number}"))
        tip = element.attrib.pop("tip", "")
        for title in [child for child in element if tag(child) == "title"]:
            if tip:
                title.text = tip
            else:
                element.remove(title)


def _lift_labels(root: Element) -> None:
    """Labels of frames go on top of everything, with a halo; so do those of edges."""
    page = root.find(f"{{{SVG}}}g")
    if page is None:
        return
    for group in list(page):
        kinds = group.get("class", "").split()
        if "cluster" not in kinds and "edge" not in kinds:
            continue
        texts = [child for child in group if tag(child) == "text"]
        if not texts:
            continue
        halo = "page"
        kind = "cluster-label" if "cluster" in kinds else "edge-label"
        layer = ElementTree.SubElement(page, f"{{{SVG}}}g", {"class": kind})
        if "cluster" in kinds:
            fills = [child.get("fill", "") for child in group if tag(child) in ("path", "polygon")]
            halo = next((role for role in PALETTE if light(role) in fills), "page")
        else:  # above all wires, those that are drawn later too
            layer.append(_behind(texts))
        for text in texts:
            text.set("class", "halo")
            text.set("stroke", light(halo))
            group.remove(text)
            layer.append(text)


def _behind(texts: list[Element]) -> Element:
    """The ground under one line of text, so that no wire runs through it."""
    sizes = [float(text.get("font-size", "9")) for text in texts]
    widths = [float(text.get("textLength", "0")) for text in texts]
    centres = [float(text.get("x", "0")) for text in texts]
    left = min(x - w / 2 for x, w in zip(centres, widths, strict=True)) - 2
    right = max(x + w / 2 for x, w in zip(centres, widths, strict=True)) + 2
    top = min(float(t.get("y", "0")) - size for t, size in zip(texts, sizes, strict=True))
    ground = Element(f"{{{SVG}}}rect", {"x": f"{left:.2f}", "y": f"{top:.2f}"})
    ground.set("width", f"{right - left:.2f}")
    ground.set("height", f"{max(sizes) * 1.3:.2f}")
    ground.set("fill", light("page"))
    return ground


def _page(root: Element) -> Element:
    _, _, width, height = root.get("viewBox", "0 0 100 100").split()
    page = Element(f"{{{SVG}}}rect", {"width": width, "height": height})
    page.set("fill", light("page"))
    return page


def _darken(root: Element) -> None:
    """A forced dark theme stands in the attributes, for viewers without CSS."""
    night = dict(PALETTE.values())
    for element in root.iter():
        for name in ("fill", "stroke"):
            value = element.get(name)
            if value in night:
                element.set(name, night[value])
