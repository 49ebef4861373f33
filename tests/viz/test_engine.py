"""The engine chain and the files that are written."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

import viz
import viz.dot
from tests.viz.fixtures import chain_graph, matmul_graph
from tracer.errors import NoLayoutEngine
from viz import engine


def script(path, body):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_the_chosen_engine_comes_first(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACER_DOT", script(tmp_path / "mine", "echo '<svg mine/>'"))
    assert engine.lay_out("digraph {}") == "<svg mine/>\n"


@pytest.mark.parametrize("body", ["exit 1", "echo half; exit 3", "exec sleep 5", "exit 0"])
def test_a_failing_engine_is_passed_over(monkeypatch, tmp_path, body):
    broken = script(tmp_path / "broken", body)
    works = script(tmp_path / "works", "echo works")
    monkeypatch.setattr(engine, "engines", lambda: iter([("a", broken), ("b", works)]))
    assert engine.lay_out("digraph {}", timeout=0.5) == "works\n"


def test_a_missing_engine_is_passed_over(monkeypatch):
    monkeypatch.setenv("TRACER_DOT", "/no/such/dot")
    assert "<svg" in engine.lay_out("digraph { a -> b }")


def test_a_picture_that_takes_too_long_gets_fewer_boxes(monkeypatch, tmp_path):
    """An engine that answers large sources too late: folded bodies are drawn instead."""
    patient = shutil.which("graphviz-pure", path=str(Path(sys.executable).parent))
    slow = script(
        tmp_path / "slow",
        f'text=$(cat); [ ${{#text}} -gt 60000 ] && exec sleep 5; echo "$text" | {patient} "$@"',
    )
    monkeypatch.setattr(engine, "engines", lambda: iter([("slow", slow)]))
    monkeypatch.setattr(viz.dot, "lay_out", partial(engine.lay_out, timeout=2.0))
    assert "× 60" in viz.to_svg(chain_graph(60))


def test_no_engine_is_a_clear_error(monkeypatch, tmp_path):
    broken = script(tmp_path / "broken", "echo syntax error >&2; exit 1")
    monkeypatch.setattr(engine, "engines", lambda: iter([("TRACER_DOT", broken)]))
    with pytest.raises(NoLayoutEngine, match="ended with 1: syntax error"):
        engine.lay_out("digraph {}")
    monkeypatch.setattr(engine, "engines", lambda: iter(()))
    with pytest.raises(NoLayoutEngine, match="none was found"):
        engine.lay_out("digraph {}")


@pytest.mark.parametrize("suffix", ["svg", "dot"])
def test_render_writes_by_suffix(tmp_path, suffix):
    path = viz.render(matmul_graph(), tmp_path / f"loss.{suffix}", title="mine")
    text = (tmp_path / f"loss.{suffix}").read_text(encoding="utf-8")
    assert path.endswith(suffix)
    assert text.startswith("<svg" if suffix == "svg" else "digraph")
    assert "mine" in text


def test_render_asks_a_function_for_its_graph(tmp_path):
    class Traced:
        def graph(self, *args, argnums=0):
            assert args == (1, 2) and argnums == (0, 1)
            return matmul_graph()

    viz.render(Traced(), tmp_path / "loss.svg", 1, 2, argnums=(0, 1))
    assert (tmp_path / "loss.svg").exists()


def test_dot_is_a_digraph_that_renders_itself(tmp_path):
    import graphviz

    dot = viz.to_dot(matmul_graph())
    assert isinstance(dot, graphviz.Digraph)
    assert dot.pipe("svg").startswith(b"<svg")
    assert dot.render(tmp_path / "loss", format="svg") == str(tmp_path / "loss.svg")
    assert "image/svg+xml" in dot._repr_mimebundle_()


def test_graphviz_is_imported_lazily():
    code = "import sys, viz; assert not {'graphviz', 'networkx', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
