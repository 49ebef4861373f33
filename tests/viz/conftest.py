from __future__ import annotations

import pytest

from viz import engine


@pytest.fixture(autouse=True)
def _pure_first(monkeypatch):
    """Golden pictures are those of graphviz-pure, whatever dot the machine has."""
    found = dict(engine.engines())
    if "graphviz-pure" in found:
        monkeypatch.setenv("TRACER_DOT", found["graphviz-pure"])
