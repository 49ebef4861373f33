"""Pictures of real functions stay clear: wires keep off boxes, values from far are named."""

from __future__ import annotations

import re

import numpy as np
import pytest

import viz
from tests.viz.fixtures import SVG, parse
from tests.viz.test_picture import text_of
from tests.viz.test_svg import NUMBER, outline
from tracer import trace
from viz.captions import formula_text
from viz.compose import compose


@trace
def attention(wq, wk, wv, wo, x):
    q, k, v = x @ wq, x @ wk, x @ wv
    scores = q @ k.T / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights = weights / weights.sum(axis=-1, keepdims=True)
    out = x + (weights @ v) @ wo
    return np.mean(out**2)


@trace
def likelihood(theta, x, y):
    length, scale, noise = np.exp(theta)
    squared = (x[:, None] - x[None, :]) ** 2
    K = scale**2 * np.exp(-0.5 * squared / length**2) + noise**2 * np.eye(len(x))
    L = np.linalg.cholesky(K)
    alpha = np.linalg.solve(L.T, np.linalg.solve(L, y))
    return 0.5 * y @ alpha + np.log(np.diag(L)).sum()


def graph_of(name):
    draw = np.random.default_rng(0)
    if name == "attention":
        weights = [draw.normal(size=(8, 8)) for _ in range(4)]
        return attention.graph(*weights, draw.normal(size=(6, 8)), argnums=(0, 1, 2, 3))
    return likelihood.graph(np.zeros(3), np.arange(6.0), draw.normal(size=6), argnums=0)


def middles(path: str) -> np.ndarray:
    """Points along a path of cubic curves, but for its ends."""
    points = np.array([float(number) for number in NUMBER.findall(path)]).reshape(-1, 2)
    t = np.linspace(0, 1, 41)[:, None]
    found = []
    for start in range(0, len(points) - 3, 3):
        a, b, c, d = points[start : start + 4]
        found.append(
            a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3
        )
    return np.concatenate(found)


@pytest.mark.parametrize("name", ["attention", "likelihood"])
def test_no_wire_runs_through_a_box(name):
    root = parse(viz.to_svg(graph_of(name)))
    groups = list(root.iter(f"{SVG}g"))
    boxes = {
        re.sub(r"^calc\d+-n-", "", g.get("id")): outline(g.find(f"{SVG}path"))
        for g in groups
        if "node" in g.get("class", "").split()
    }
    wires = [g for g in groups if {"edge", "res"} <= set(g.get("class", "").split())]
    assert len(wires) > 2
    for wire in wires:
        ends = re.search(r"e-(\w+)-(\w+)-res$", wire.get("id")).groups()
        line = middles(wire.find(f"{SVG}path").get("d"))
        for key, (left, top, right, bottom) in boxes.items():
            inside = (line > (left + 1, top + 1)) & (line < (right - 1, bottom - 1))
            assert key in ends or not inside.all(axis=1).any(), (ends, key)


def test_a_value_from_far_is_named_at_both_ends():
    picture = compose(graph_of("attention"))
    assert "v (6, 8) ⋯▸" in text_of(picture).replace("  ", " ")
    assert "⋯▸ v (6,8)" in text_of(picture)
    far = next(box for box in picture.boxes.values() if "⋯▸ v (6,8)" in row_texts(box))
    assert far.key not in [w.head for w in picture.wires if w.kind == "res" and "v (" in str(w.row)]


def row_texts(box):
    return ["".join(getattr(run, "text", " ") for run in row) for row in box.rows]


def test_labels_of_wires_are_above_all_wires():
    page = parse(viz.to_svg(graph_of("likelihood"))).find(f"{SVG}g")
    kinds = [group.get("class", "").split()[:1] for group in page if group.tag == f"{SVG}g"]
    last_edge = max(place for place, kind in enumerate(kinds) if kind == ["edge"])
    assert kinds.index(["edge-label"]) > last_edge


def test_the_kinds_of_wires_are_explained():
    dot = viz.to_dot(graph_of("likelihood")).source
    assert "saved for the backward pass" in dot and "cotangent ḡ" in dot


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (lambda a: np.linalg.cholesky(a).sum(), "sym(L⁻ᵀ Φ(Lᵀ ḡ) L⁻¹) → (2,2)"),
        (lambda a: np.linalg.cholesky(a, upper=True).sum(), "ḡ (2,2) through cholesky → (2,2)"),
        (lambda a: np.linalg.solve(a, a[0]).sum(), "-a⁻ᵀ ḡ (2,) · solutionᵀ (2,) → (2,2)"),
        (lambda a: np.linalg.solve(a.T, a).sum(), "a⁻¹ ḡ (2,2) → (2,2)"),
        (lambda a: (a @ a.T).sum(), "ḡ (2,2) · a (2,2) → (2,2)"),
        (lambda a: np.trace(a), "ḡ () · I (2,2) → (2,2)"),
        (lambda a: (a[1:] ** 2).sum(), "ḡ (1,2) · 2 ⊙ a[1:] (1,2) → (1,2)"),
    ],
)
def test_formulas_are_those_of_the_textbook(function, formula):
    matrix = np.array([[2.0, 0.5], [0.5, 3.0]])
    records = trace(function).graph(matrix, argnums=0).records
    assert formula in [formula_text(record) for record in records]


def test_a_literal_in_front_stays_in_front():
    graph = trace(lambda x: 1 - x).graph(np.ones(3))
    assert "1 - ·" in text_of(compose(graph))
