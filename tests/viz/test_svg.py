"""The finished SVG: text in its node, themes, ids, tooltips."""

from __future__ import annotations

import re

import numpy as np
import pytest

import viz
from tests.viz.fixtures import SVG, chain_graph, matmul_graph, parse
from viz.metrics import width
from viz.theme import PALETTE, TEXT_ON, contrast

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def outline(element) -> tuple[float, float, float, float]:
    text = element.get("d") or element.get("points")
    values = np.array([float(n) for n in NUMBER.findall(text)]).reshape(-1, 2)
    return (*values.min(axis=0), *values.max(axis=0))


@pytest.mark.parametrize(
    "graph", [matmul_graph(), matmul_graph("名前がとても長い変数"), chain_graph(300)]
)
def test_text_stays_in_its_node(graph):
    root = parse(viz.to_svg(graph))
    checked = 0
    for node in root.iter(f"{SVG}g"):
        if "node" not in node.get("class", "").split():
            continue
        left, top, right, bottom = outline(node.find(f"{SVG}path"))
        for text in node.findall(f"{SVG}text"):
            half = float(text.get("textLength")) / 2
            x, y, size = (float(text.get(k)) for k in ("x", "y", "font-size"))
            assert left <= x - half and x + half <= right
            assert top <= y - size * 0.8 and y + size * 0.2 <= bottom
            checked += 1
    assert checked > 5


def test_nodes_do_not_overlap():
    root = parse(viz.to_svg(matmul_graph()))
    nodes = [g for g in root.iter(f"{SVG}g") if "node" in g.get("class", "").split()]
    boxes = [outline(node.find(f"{SVG}path")) for node in nodes]
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            apart = one[2] <= other[0] or other[2] <= one[0]
            assert apart or one[3] <= other[1] or other[3] <= one[1]


def test_columns_are_aligned():
    root = parse(viz.to_svg(matmul_graph()))
    middles: dict[str, list[float]] = {}
    for node in root.iter(f"{SVG}g"):
        key = re.search(r"n-([nv])\d+$", node.get("id", ""))
        if key:
            left, _, right, _ = outline(node.find(f"{SVG}path"))
            middles.setdefault(key[1], []).append((left + right) / 2)
    assert all(max(column) - min(column) < 2 for column in middles.values())


def test_no_sentinel_and_no_graphviz_title_is_left():
    svg = viz.to_svg(matmul_graph())
    assert "fill-opacity" not in svg
    assert "cluster_" not in re.sub(r'id="[^"]*"', "", svg)
    assert "<title>n0</title>" not in svg


def test_ids_are_unique_on_a_page_with_two_pictures():
    svg = viz.to_svg(matmul_graph()) + viz.to_svg(matmul_graph())
    ids = re.findall(r' id="([^"]*)"', svg)
    assert len(ids) == len(set(ids))


def test_tooltips_say_what_a_node_is():
    titles = [t.text for t in parse(viz.to_svg(matmul_graph())).iter(f"{SVG}title")]
    assert any("tanh" in t and "model.py:4" in t for t in titles)


# -- themes -------------------------------------------------------------------------------------
@pytest.mark.parametrize("column", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", TEXT_ON)
def test_contrast(ground, column):
    for ink in TEXT_ON[ground]:
        assert contrast(PALETTE[ink][column], PALETTE[ground][column]) >= 4.9, (ink, ground)


def test_each_role_has_a_colour_of_its_own():
    for column in zip(*PALETTE.values(), strict=True):
        assert len(set(column)) == len(column)


def test_both_themes_are_in_one_file():
    svg = viz.to_svg(matmul_graph())
    assert "prefers-color-scheme:dark" in svg
    assert "[data-theme=dark]" in svg and "[data-theme=light]" in svg
    assert "color-scheme:light" not in svg


def test_every_colour_has_a_dark_one():
    svg = viz.to_svg(chain_graph(300)) + viz.to_svg(matmul_graph())
    known = {day for day, _ in PALETTE.values()}
    used = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', svg))
    assert used and used <= known
    for color in used:
        assert f'[fill="{color}"]' in svg and f'[stroke="{color}"]' in svg


def test_dark_theme_stands_in_the_attributes():
    svg = viz.to_svg(matmul_graph(), theme="dark")
    nights = {night for _, night in PALETTE.values()}
    assert set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', svg)) <= nights
    assert "var(--" not in svg


def test_advances():
    assert width("abc", 10, mono=True) == 18.0
    assert width("中", 10, mono=True) == 10.0
    assert width("ē", 10, mono=True) == 6.0  # a combining mark takes no room
    assert width("hidden", 12) < width("HIDDEN", 12)
