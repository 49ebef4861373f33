"""Draws the layers from the imports in the syntax trees; `pyproject.toml` says what they are.

$ python -m docs.layers            # renews docs/layers.svg and those of single packages

An import counts wherever it stands: in a function, under ``TYPE_CHECKING``, or as the name of a
module that is handed to ``loaded``. Arrows that others imply are left out of the pictures.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import shutil
import sysconfig
import textwrap
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import networkx as nx

from viz.dot import write
from viz.labels import Run
from viz.picture import Box, Picture

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("tracer", "viz")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names if alias.name in MODULES)
            case ast.ImportFrom(module, names) if module in MODULES:
                for alias in names:
                    inside = f"{module}.{alias.name}"
                    yield inside if inside in MODULES else module
            case ast.Call(ast.Name("loaded" | "import_module"), [ast.Constant(name)]):
                yield from [name] if name in MODULES else []


@functools.cache
def import_graph() -> nx.DiGraph:
    """Modules, with an arrow to each that one imports."""
    graph = nx.DiGraph()
    for module, path in MODULES.items():
        graph.add_edges_from((module, other) for other in imported(path) if other != module)
    return graph


@dataclass(frozen=True)
class Layers:
    """A layers contract of import-linter: rows of packages, the uppermost first."""

    container: str  # "" for the whole
    rows: tuple[tuple[str, ...], ...]

    def row_of(self, package: str) -> int:
        return next(number for number, row in enumerate(self.rows) if package in row)

    def package_of(self, module: str) -> str | None:
        """Which package of these layers a module belongs to."""
        own = (package for row in self.rows for package in row)
        return next((p for p in own if f"{module}.".startswith(f"{p}.")), None)

    def arrows(self) -> dict[tuple[str, str], list[str]]:
        """From package to package, with the imports that make the arrow."""
        found: dict[tuple[str, str], list[str]] = {}
        for module, other in import_graph().edges:
            pair = self.package_of(module), self.package_of(other)
            if None not in pair and pair[0] != pair[1]:
                found.setdefault(pair, []).append(f"{module} -> {other}")
        return found

    def upward(self) -> dict[tuple[str, str], list[str]]:
        """The arrows that do not lead down; independent siblings must not know each other."""
        return {
            (package, other): imports
            for (package, other), imports in self.arrows().items()
            if self.row_of(package) >= self.row_of(other)
        }


def contracts() -> list[Layers]:
    """The layers contracts in `pyproject.toml`."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    listed = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    return [
        Layers(container, tuple(tuple(_packages(row, container)) for row in contract["layers"]))
        for contract in listed
        if contract["type"] == "layers"
        for container in contract.get("containers", [""])
    ]


def _packages(row: str, container: str) -> list[str]:
    inside = f"{container}." if container else ""
    return [inside + name.strip(" ()") for name in re.split("[|:]", row)]


def picture(layers: Layers) -> Picture:
    """A row of boxes for each layer, and the arrows that no others imply."""
    drawn = Picture(
        title=layers.container or "tracer and viz",
        subtitle="an arrow leads to what is imported; those that follow from others are left out",
    )
    for row in layers.rows:
        present = [package for package in row if package in MODULES]
        drawn.rows.append([drawn.add(_box(package)).key for package in present])
    for upper, lower in zip(drawn.rows, drawn.rows[1:], strict=False):
        drawn.connect(upper[0], lower[0], "order")
    upward = layers.upward()
    down = nx.DiGraph(pair for pair in layers.arrows() if pair not in upward)
    for package, other in sorted(nx.transitive_reduction(down).edges):
        drawn.connect(_key(package), _key(other), "fwd", tooltip=f"{package} → {other}")
    for package, other in sorted(upward):
        drawn.connect(_key(package), _key(other), "res", free=True)
    return drawn


def _key(package: str) -> str:
    return package.replace(".", "_")


def _box(package: str) -> Box:
    """A package with its one idea: the first sentence of its docstring."""
    path = MODULES[package]
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    idea = re.split(r"(?<=\.)\s|\n|(?<=.{15}):", said)[0].replace("`", "")
    name = package.rpartition(".")[2]
    lines = textwrap.wrap(idea.rstrip("."), 23)
    kind = "op" if path.name == "__init__.py" else "const"
    rows = [[Run(name, 15, bold=True)], *([Run(line, 11.5, "ink2")] for line in lines)]
    return Box(_key(package), kind, rows, tooltip=package)


def _comment(drawn: Picture) -> str:
    """What a picture says, without where: it stands at the end of the SVG, to be compared."""
    boxes = [
        " | ".join(
            " ".join(run.text for row in drawn.boxes[key].rows for run in row) for key in row
        )
        for row in drawn.rows
    ]
    wires = [f"{wire.tail} → {wire.head} {wire.kind}" for wire in drawn.wires]
    return "\n".join(["\n<!--", drawn.title, *boxes, *wires, "-->\n"])


def drawings() -> dict[Path, Picture]:
    """The pictures, by the file that each belongs in."""
    return {
        ROOT / "docs" / f"{layers.container.rpartition('.')[2] or 'layers'}.svg": picture(layers)
        for layers in contracts()
    }


def stale() -> list[Path]:
    """The pictures that say something else than the imports."""
    return [
        path
        for path, drawn in drawings().items()
        if not path.exists() or not path.read_text(encoding="utf-8").endswith(_comment(drawn))
    ]


def draw(paths: Iterable[Path]) -> None:
    """Lay pictures out, by graphviz-pure, and write them."""
    pure = shutil.which("graphviz-pure", path=sysconfig.get_path("scripts"))
    os.environ.setdefault("TRACER_DOT", pure or "")
    for path in paths:
        drawn = drawings()[path]
        svg = write(drawn).pipe("svg", encoding="utf-8")
        path.write_text(svg + _comment(drawn), encoding="utf-8")


if __name__ == "__main__":
    draw(drawings())
