"""The layers: no module imports itself by way of others, and packages stay small enough to survey.

Every import counts here, also those inside functions and under ``TYPE_CHECKING``, which
import-linter's layers may leave out.
"""

import ast
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("tracer", "viz")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imported(path):
    """The modules of ours that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                yield inside if inside in MODULES else node.module


def import_graph():
    graph = nx.DiGraph()
    for module, path in MODULES.items():
        graph.add_edges_from((module, other) for other in imported(path) if other != module)
    return graph


def test_no_circle():
    graph = import_graph()
    circles = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    shown = [
        [f"{a} -> {b}" for a, b in graph.subgraph(part).edges]
        for part in sorted(circles, key=len, reverse=True)
    ]
    assert not circles, "\n\n".join("\n".join(sorted(edges)) for edges in shown)


def loose(folder):
    return [path for path in folder.glob("*.py") if path.name != "__init__.py"]


def test_few_modules_lie_loose_at_the_top():
    assert len(list((ROOT / "tracer").glob("*.py"))) <= 12


@pytest.mark.parametrize("package", sorted({path.parent for path in MODULES.values()}))
def test_a_package_can_be_surveyed(package):
    assert len(loose(package)) <= 20


def test_the_graph_of_imports_sees_what_is_there():
    graph = import_graph()
    assert graph.has_edge("tracer.function.traced", "tracer.function.cache")
    assert graph.has_edge("tracer.graph.calcgraph", "tracer.graph.node")
    assert len(graph) > 200
