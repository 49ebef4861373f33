"""What the picture calls things: shapes, ops with their literals, leaves, pills and tooltips.

>>> shape_text(array_spec((32, 256), np.float64))
'(32, 256)'
>>> op_text(node)              # x[:, 0]
'[:, 0]'
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracer.graph.calcgraph import CalcGraph, PullbackRecord
from tracer.graph.node import Hole, Node, Ref
from tracer.graph.spec import SHORT_DTYPES, ArraySpec, Dim
from tracer.ops.default_names import noun
from tracer.transforms.reverse.formula import TRANSPOSES, Token, index_shown, turned
from viz.labels import Gap, Run
from viz.metrics import shorten
from viz.parts import Anatomy, source

LONGEST_NAME = 28
LONGEST_PILL = 72
MOST_SHAPES = 3  # of an op with more results only the first are shown

SIGNS = {"subtract": "-", "divide": "/", "pow": "**", "power": "**"}


def shape_text(spec: ArraySpec, gap: str = " ") -> str:
    """A shape as NumPy writes it; a size known only at run time as ``~12``."""
    sizes = [f"~{size.seen}" if isinstance(size, Dim) else str(size) for size in spec.shape]
    if len(sizes) == 1:
        return f"({sizes[0]},)"
    return f"({f',{gap}'.join(sizes)})"


def dtype_text(dtype: np.dtype) -> str:
    """``f64`` for float64."""
    return SHORT_DTYPES.get(dtype.name, dtype.name)


def shown_specs(node: Node, parts: Anatomy) -> list[ArraySpec]:
    """The results of a node worth showing: of a loop or branch those that the user has named."""
    named = [item.specs[0] for item in parts.items.get(node, ()) if item.name]
    return named if node.regions and named else list(node.specs)


def shapes_text(specs: Sequence[ArraySpec]) -> str:
    """The first shapes, and how many results there are if there are more."""
    text = " ".join(shape_text(spec) for spec in specs[:MOST_SHAPES])
    return f"{text} … {len(specs)} values" if len(specs) > MOST_SHAPES else text


def specs_text(node: Node, parts: Anatomy, usual: np.dtype | None = None) -> str:
    """Line 2 of a node: the shapes of what it makes, and the dtype where it is not the usual."""
    specs = shown_specs(node, parts)
    text = shapes_text(specs)
    if specs[0].kind != "object" and specs[0].dtype != usual:
        text += f" {dtype_text(specs[0].dtype)}"
    return text


def index_text(index: Any, inputs: Sequence[Node] = ()) -> str:
    """An index as it is written between brackets; index arrays by their names."""
    if type(index) is tuple:
        return ", ".join(index_text(part, inputs) for part in index)
    if type(index) is slice:
        start = "" if index.start is None else index_text(index.start)
        stop = "" if index.stop is None else index_text(index.stop)
        return f"{start}:{stop}" + ("" if index.step is None else f":{index_text(index.step)}")
    if index is Ellipsis:
        return "..."
    if type(index) is Hole:
        return inputs[index.slot].name or "·" if index.slot < len(inputs) else "·"
    return repr(index.item() if isinstance(index, np.generic) else index)


def op_text(node: Node, repeated: bool = False) -> str:
    """What a node does: its op's name, and the literals that stand in the call.

    A repeated node stands for the same op of every step, so its integers are called ``t``.
    """
    name, params = node.op.name, node.params
    if name == "getitem" and len(params.args) == 2:
        if repeated and type(params.args[1]) is int:
            return f"{node.inputs[0].name}[t]"
        index = index_text(params.args[1], node.inputs)
        return shorten(f"{node.inputs[0].name}[{index}]", LONGEST_NAME)
    if name in ("setitem", "scatter_add") and len(params.args) == 3:
        sign = "=" if name == "setitem" else "+="
        return shorten(f"[{index_text(params.args[2], node.inputs)}] {sign}", LONGEST_NAME)
    if node.regions and node.regions[0].title not in ("", "body"):
        return shorten(f"{name} {node.regions[0].title}", LONGEST_NAME)
    literals = [
        f"{a:.6g}" if type(a) is float and len(repr(a)) > 8 else f"{a!r}"
        for a in params.args
        if type(a) in (int, float, complex, bool)
    ]
    literals += [f"{k}={v!r}" for k, v in params.kwargs.items() if type(v) in (int, tuple)]
    if name in SIGNS and type(params.args[0]) in (int, float, complex) and len(literals) == 1:
        return f"{literals[0]} {SIGNS[name]} ·"  # the order matters
    name = name.rpartition(".")[2] if name.startswith(("numpy.", "scipy.")) else name
    text = " ".join([name, *literals])
    return text if len(text) <= LONGEST_NAME else shorten(name, LONGEST_NAME)


def guard_text(nodes: Sequence[Node], graph: CalcGraph) -> str:
    """What a program takes for granted of a value, since it is that of one branch: ``= True``."""
    words = {
        "equals": lambda guard: f"= {guard.outcome}",
        "raises": lambda guard: f"raises {guard.outcome.__name__}",
        "dtype": lambda guard: f"is {dtype_text(guard.node.dtype)}",
    }
    own = set(nodes)
    found = [words[g.kind](g) for g in graph.guards if source(g.node) in own]
    return shorten(", ".join(dict.fromkeys(found)), LONGEST_NAME)


def given_name(node: Node, parts: Anatomy) -> str:
    """What the user called the value: the names of its items where it has several."""
    names = [item.name for item in parts.items.get(node, ()) if item.name]
    return shorten(_own_name(node) or ", ".join(names), LONGEST_NAME)


def _own_name(node: Node) -> str:
    """The name of a value, but for one that it has as part of a cotangent too."""
    borrowed = node.name.startswith("g_") and node.origin and node.name not in node.origin.statement
    return "" if borrowed else node.name


def saved_name(value: Node, parts: Anatomy, repeated: bool = False) -> str:
    """What a saved value is called: the user's name, else what it is, as in generated code."""
    if value.op.is_leaf:
        return leaf_text(value)
    if given := given_name(value, parts):
        return given
    if value.inputs and (name := _own_name(value.inputs[0])):
        if value.op.name in TRANSPOSES:
            return turned(name)
        if index := index_shown(value):
            return f"{name}[{index}]"
    return op_text(value, True) if repeated else noun(value)


def value_text(node: Node) -> str:
    """What a constant is: its label, its value if it is small, else ``array``."""
    ref = node.params.args[0] if node.params.args else ""
    if node.name:
        return node.name
    value = ref.value if type(ref) is Ref else ref
    if type(ref) is Ref and ref.label:
        return ref.label
    if np.ndim(value) == 0:
        return shorten(f"{value:g}" if isinstance(value, (float, np.floating)) else f"{value}", 14)
    return "array"


def leaf_text(node: Node) -> str:
    """The name of an input or constant."""
    if node.op.name == "constant":
        return shorten(value_text(node), LONGEST_NAME)
    return shorten(node.name or "input", LONGEST_NAME)


def tokens_of(record: PullbackRecord) -> list[Token]:
    """The formula of a record: hand-written if there is one, else printed from the rule."""
    if record.math:
        return [(record.math, None)]
    if record.formula:
        return list(record.formula)
    return [("ḡ", record.cotangent)]


def is_identity(record: PullbackRecord) -> bool:
    """Whether the cotangent passes as it is."""
    tokens = tokens_of(record)
    return len(tokens) == 1 and tokens[0][0] == "ḡ" and record.cotangent == record.result


def shown_spec(record: PullbackRecord, text: str, spec: ArraySpec | None) -> ArraySpec | None:
    """The shape behind a token: a call that makes the result has it behind the arrow already."""
    is_call = spec is not None and "ḡ" in text and "(" in text
    return None if is_call and spec is not None and spec.shape == record.result.shape else spec


def formula_text(record: PullbackRecord) -> str:
    """A record in one line: ``ḡ (m,n) · Bᵀ (n,k) → (m,k)``."""
    tokens = [(text, shown_spec(record, text, spec)) for text, spec in tokens_of(record)]
    text = "".join(
        text if spec is None else f"{text} {shape_text(spec, '')}" for text, spec in tokens
    )
    return text if is_identity(record) else f"{text} → {shape_text(record.result, '')}"


def pill_row(record: PullbackRecord, prefix: str = "", summary: str = "") -> list[Run | Gap]:
    """The runs of a pill; long formulas lose their inner shapes first, then their end.

    A ``summary`` stands for the formulas of a whole group of ops.
    """
    tokens = [(summary, record.cotangent)] if summary else tokens_of(record)
    fits = len(formula_text(record)) <= LONGEST_PILL
    runs = [*_written(prefix, "bwd_ink", True), SPACE] if prefix else []
    room = LONGEST_PILL
    for position, (text, spec) in enumerate(tokens):
        if room <= 0:
            runs += _written("…", "ink2")
            break
        text = shorten(text, max(room, 2))
        room -= len(text)
        is_operator = spec is None and not (record.math or len(tokens) == 1)
        runs += _written(text, "ink2" if is_operator else "bwd_ink", not is_operator)
        spec = shown_spec(record, text, spec)
        if spec is not None and (fits or position == 0):
            runs += [SPACE, *_written(shape_text(spec, ""), "shp")]
    if not is_identity(record) or prefix or summary:
        runs += _written(" → ", "ink2")
        runs += _written(shape_text(record.result, ""), "bwd_ink", True)
    return runs


PILL_SIZE = 9.5
SPACE = Gap(6)
RARE = re.compile("([ᵀₜᴴ])")  # few monospaced fonts have these: a run of its own keeps the rest


def _written(text: str, role: str, bold: bool = False) -> list[Run | Gap]:
    """Text of a pill: runs, with gaps for the spaces at its ends."""
    bare = text.strip(" ")
    before = SPACE if text[:1] == " " else Gap(0)
    after = SPACE if text[-1:] == " " and bare else Gap(0)
    runs = [Run(part, PILL_SIZE, role, mono=True, bold=bold) for part in RARE.split(bare) if part]
    around: list[Run | Gap] = [before, *runs, after]
    return [run for run in around if run != Gap(0)]


def place_text(file: str, line: int) -> str:
    """``model.py:12``, without the folders."""
    return f"{os.path.basename(file)}:{line}"


def tooltip(node: Node) -> str:
    """Everything about a node in a few lines."""
    lines = [" ".join(filter(None, (node.name, "=" if node.name else "", node.op.name)))]
    lines[0] += "  " + ", ".join(map(repr, node.specs))
    if node.origin is not None:
        lines.append(f"{node.origin.expression or node.origin.statement}")
        lines.append(f"{place_text(node.origin.file, node.origin.line)} in {node.origin.function}")
    if not node.op.is_leaf:
        lines.append(f"params {shorten(repr(node.params), 120)}")
    return "\n".join(line for line in lines if line)
