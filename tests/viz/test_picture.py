"""What is drawn: rungs, saved values, folding, escaping."""

from __future__ import annotations

import html
from collections import Counter
from pathlib import Path

import pytest

import viz
from tests.viz.fixtures import chain_graph, matmul_graph, parse
from viz.compose import compose
from viz.folding import fold, visible
from viz.parts import anatomy

GOLDEN = Path(__file__).parent / "golden"


def kinds(picture) -> Counter:
    return Counter(box.kind for box in picture.boxes.values())


def text_of(picture) -> str:
    rows = [row for box in picture.boxes.values() for row in box.rows]
    rows += [wire.row for wire in picture.wires]
    return " ".join(getattr(run, "text", "") for row in rows for run in row)


def test_ladder_has_a_rung_per_op():
    picture = compose(matmul_graph())
    assert kinds(picture) == {
        "input": 1,
        "param": 1,
        "op": 2,
        "output": 1,
        "vjp": 3,
        "pill": 3,
        "grad": 1,
    }
    assert ["a1", "n0", "v0", "g1"] == [k for k in picture.rows[1] if k[0] != "p"]


def test_pill_says_rule_and_shapes():
    svg = viz.to_svg(matmul_graph())
    assert "Aᵀ (3,4) · ḡ (4,2) → (3,2)" in svg  # the tooltip
    assert "ḡ = 1" in svg


def test_every_saved_value_is_dotted():
    wires = [w for w in compose(matmul_graph()).wires if w.kind == "res"]
    assert [(w.tail, w.head) for w in wires] == [("n1", "v1"), ("a0", "v0")]


def test_line_numbers_come_from_the_origin_or_the_caller():
    graph = matmul_graph()
    assert "L3" in text_of(compose(graph))
    lines = {graph.records[2].node: (12, 34)}
    assert "vjp L34" in text_of(compose(graph, lines=lines))


@pytest.mark.parametrize("name", ["matmul", "chain"])
def test_golden_dot(name):
    graph = matmul_graph() if name == "matmul" else chain_graph(2, scoped=True)
    assert viz.to_dot(graph).source == (GOLDEN / f"{name}.dot").read_text(encoding="utf-8")


# -- folding ------------------------------------------------------------------------------------
def test_unrolled_loop_folds_into_one_body():
    picture = compose(chain_graph(300))
    assert [(f.kind, f.count) for f in picture.frames] == [("repeat", 300)]
    assert kinds(picture) == {"input": 2, "op": 1, "output": 1, "carry": 2}
    assert "↻ h(t)" in text_of(picture)
    assert "h(t+1) ↻" in text_of(picture)


def test_body_in_a_scope_of_its_own_is_called_after_it():
    frames = compose(chain_graph(300, scoped=True)).frames
    assert [(f.label, f.kind) for f in frames] == [("loop", "scope"), ("cells[0]", "repeat")]


def test_weights_that_every_step_reads_fold_a_picture_before_it_is_full():
    """Long wires are what a layout takes its time for: a loop of ten steps with three weights."""
    import numpy as np

    from tracer import trace

    @trace
    def loss(w, v, b, xs):
        h = np.zeros(3)
        for x in xs:
            h = np.tanh(h @ w + x @ v + b)
        return h.sum()

    arguments = np.ones((3, 3)), np.ones((2, 3)), np.ones(3), np.ones((10, 2))
    picture = compose(loss.graph(*arguments, argnums=(0, 1, 2)))
    assert [frame.count for frame in picture.frames if frame.kind == "repeat"] in ([10], [9])
    assert "<svg" in viz.to_svg(loss.graph(*arguments, argnums=(0, 1, 2)))


def test_small_graphs_are_not_folded():
    assert kinds(compose(chain_graph(20)))["op"] == 39


@pytest.mark.parametrize("limit", [5, 40, 400])
def test_ten_thousand_nodes_stay_below_the_limit(limit):
    parts = anatomy(chain_graph(5000, scoped=True))
    assert visible(parts, fold(parts, limit)) <= max(limit, 10)


# -- user text ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", '"];evil[label="', "a&b<c>", "</title>\n\\N\\G", "한국어", "<>"],
)
def test_user_text_is_text(name):
    svg = viz.to_svg(matmul_graph(name, title=name))
    root = parse(svg)
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    shown = "".join(e.text or "" for e in root.iter() if e.tag.endswith("}text"))
    assert "".join(c if c.isprintable() else " " for c in name) in html.unescape(shown)
    assert 'evil"' not in svg.replace("&quot;", "")
