"""The house: no circles, no arrows that run up, files and functions that can be surveyed.

Every import counts here, also those inside functions and under ``TYPE_CHECKING``. The layers are
those of `pyproject.toml`, which import-linter holds, too.
"""

import ast

import networkx as nx
import pytest

from docs.layers import MODULES, ROOT, contracts, import_graph, stale

LINES_OF_A_FILE = 450  # more with a sentence "Long because …" in the module's docstring
LINES_OF_A_FUNCTION = 60
PARAMETERS = 8  # what travels together is a record; a rule has those of its function
NUMPYS = {"axis", "dtype", "out", "keepdims", "where"}  # not counted: they belong to a signature
FILES_OF_A_PACKAGE = 20
LOOSE_MODULES = 12

CONTRACTS = [pytest.param(layers, id=layers.container or "packages") for layers in contracts()]


def test_no_circle():
    graph = import_graph()
    circles = [sorted(part) for part in nx.strongly_connected_components(graph) if len(part) > 1]
    shown = [
        [f"{a} -> {b}" for a, b in graph.subgraph(part).edges]
        for part in sorted(circles, key=len, reverse=True)
    ]
    assert not circles, "\n\n".join("\n".join(sorted(edges)) for edges in shown)


@pytest.mark.parametrize("layers", CONTRACTS)
def test_no_arrow_runs_up(layers):
    upward = layers.upward()
    shown = [
        f"{package} -> {other}:\n    " + "\n    ".join(imports)
        for (package, other), imports in sorted(upward.items())
    ]
    assert not upward, f"{len(upward)} arrows run up\n" + "\n".join(shown)


@pytest.mark.parametrize("layers", CONTRACTS)
def test_every_module_has_its_layer(layers):
    above = {layers.container, "tracer", "tracer.__main__"}
    without = [
        module
        for module in MODULES
        if module.startswith(layers.container) and layers.package_of(module) is None
    ]
    listed = {package for row in layers.rows for package in row}
    assert set(without) <= above
    assert listed <= set(MODULES), "a layer without a module"


def test_the_pictures_are_fresh():
    assert [path.name for path in stale()] == [], "python -m docs.layers"


def trees():
    for path in MODULES.values():
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(ROOT), text, ast.parse(text)


def functions():
    for path, _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def none_of(offenders):
    assert not offenders, "\n" + "\n".join(sorted(offenders))


def test_a_function_fits_a_screen():
    lengths = [(f.end_lineno - f.lineno + 1, path, f) for path, f in functions()]
    none_of(
        [f"{path}:{f.lineno} {f.name}: {n}" for n, path, f in lengths if n > LINES_OF_A_FUNCTION]
    )


def test_a_file_is_one_idea():
    none_of(
        [
            f"{path}: {len(text.splitlines())}"
            for path, text, tree in trees()
            if len(text.splitlines()) > LINES_OF_A_FILE
            and "Long because" not in (ast.get_docstring(tree) or "")
        ]
    )


def parameters(function):
    args = function.args
    named = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    return [a.arg for a in named if a is not None and a.arg not in {"self", "cls", *NUMPYS}]


def constructors_of_records():
    """Of classes with slots: a parameter is a field there."""
    for path, _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and any(
                isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "__slots__"
                for part in node.body
            ):
                yield from (
                    (path, f.lineno) for f in node.body if getattr(f, "name", "") == "__init__"
                )


def test_few_parameters():
    left_out = set(constructors_of_records())
    none_of(
        [
            f"{path}:{f.lineno} {f.name}: {len(parameters(f))}"
            for path, f in functions()
            if len(parameters(f)) > PARAMETERS
            and path.parts[:2] != ("tracer", "rules")
            and (path, f.lineno) not in left_out
        ]
    )


def test_the_formatter_decides_everywhere():
    none_of(
        [
            str(path)
            for path, text, _ in trees()
            if any(word in text for word in ("fmt: skip", "fmt: off"))
        ]
    )


@pytest.mark.parametrize(
    "package", sorted({path.parent for path in MODULES.values()}), ids=lambda path: path.name
)
def test_a_package_can_be_surveyed(package):
    files = [path.name for path in package.glob("*.py") if path.stem != "__init__"]
    assert len(files) <= FILES_OF_A_PACKAGE, sorted(files)


def test_few_modules_lie_loose_at_the_top():
    assert len(list((ROOT / "tracer").glob("*.py"))) <= LOOSE_MODULES


def test_the_graph_of_imports_sees_what_is_there():
    graph = import_graph()
    assert graph.has_edge("tracer.function.traced", "tracer.function.cache")
    assert graph.has_edge("tracer.graph.calcgraph", "tracer.graph.node")
    assert len(graph) > 200
