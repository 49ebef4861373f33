"""``value_and_grad`` on the user's own arguments, on top of ``forward`` and ``backward``.

>>> print("\\n".join(wrapper(text, parts, arguments, checked=False)))
def value_and_grad(params, x):
    value, residuals = forward(params["w"], x)
    gradient = backward(residuals, 1.0)
    return value, {"w": gradient}
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer.codegen.line_folding import STEP, fold
from tracer.codegen.literals import Constants, quoted
from tracer.codegen.namespace import identifier
from tracer.codegen.readable.source import ModuleSource
from tracer.errors import TracerError
from tracer.graph.node import Node
from tracer.transforms.partition import Partition

WRAPPER_NAMES = ("residuals", "value", "gradient", "gradients", "np", "check")
CHECK = """\
def check(name, value, shape, dtype):
    # Refuse what this module was not made for.
    found, kind = np.shape(value), np.asarray(value).dtype
    fits = len(found) == len(shape) and all(n in (None, m) for n, m in zip(shape, found))
    if not fits or (dtype is not None and kind != dtype):
        wanted = f"{dtype or 'a number'} {shape}"
        raise ValueError(f"{name} must be {wanted}, not {kind} {found}")""".split("\n")


@dataclass(frozen=True)
class Arguments:
    """How the user's arguments become the flat inputs, as plain data.

    Attributes
    ----------
    parameters : sequence of str
        The user's parameters.
    paths : sequence of str
        One per flat input: ``"params['w1']"``, ``"layers[0].bias"``, ``"x"``; ``""`` for a capture.
    gradients : nested dict, list, tuple of int
        The tree of the gradient, with the number of each; None for a flat tuple.
    captures : dict of int to array
        The values of flat inputs that the function took from outside.
    """

    parameters: Sequence[str]
    paths: Sequence[str]
    gradients: Any = None
    captures: Mapping[int, Any] = field(default_factory=dict)


def wrapper(text: ModuleSource, parts: Partition, arguments: Arguments, checked: bool) -> list[str]:
    """``value_and_grad`` on the user's arguments."""
    parameters = [_parameter(parameter) for parameter in arguments.parameters]
    lines: list[str] = []
    given = []
    for number, (node, path) in enumerate(zip(parts.forward.inputs, arguments.paths, strict=True)):
        if number in arguments.captures and node.spec.kind == "object":
            given.append(text.names[node])  # a random stream from outside has to be handed over
            parameters.append(given[-1])
            continue
        if number in arguments.captures:
            own = text.names[node]  # the functions' parameters have it, too: they hide it there
            taken = own in (*parameters, *WRAPPER_NAMES)
            given.append(text.constants.adopt(arguments.captures[number], own, not taken))
            continue
        given.append(expression_of(path, text.constants))
        if checked and node.spec.kind != "object":
            lines.append(f"{STEP}{_check_of(given[-1], node)}")
    lines.insert(0, f"def value_and_grad({', '.join(parameters)}):")
    values = parts.forward.outputs[: parts.forward.roles["value"]]
    results = [f"value_{n}" if len(values) > 1 else "value" for n in range(len(values))]
    call = f"{STEP}{', '.join(results)}, residuals = forward({', '.join(given)})"
    lines += fold(call, STEP).split("\n") if len(call) > 100 else [call]
    seeds = [_seed(text, node) for node in parts.backward.inputs[len(parts.residuals) :]]
    single = parts.backward.roles["gradient"] == 1
    name = "gradient" if single else "gradients"
    lines.append(f"{STEP}{name} = backward({', '.join(['residuals', *seeds])})")
    tree = name
    if arguments.gradients is not None:
        tree = _tree(arguments.gradients, text.constants, "gradient" if single else "")
    answer = f"{STEP}return {', '.join(results)}, {tree}"
    return [*lines, *(_on_lines(answer) if len(answer) > 100 else [answer])]


def _seed(text: ModuleSource, node: Node) -> str:
    """1.0, as a NumPy scalar if the text calls a method of what it makes of it."""
    methods = re.compile(rf"\b{text.names[node]}\.|\.astype\(")
    called = any(methods.search(line.partition("# ")[0]) for line in text.functions[-1][0].lines)
    return f"{text.constants.text(node.dtype)}(1.0)" if called else "1.0"


def _on_lines(line: str) -> list[str]:
    """A long ``return``, one item a line."""
    lines = [f"{STEP}return ("]
    current = STEP * 2
    for part in line.removeprefix(f"{STEP}return ").split(", "):
        if len(current) + len(part) > 96:
            lines.append(current.rstrip())
            current = STEP * 2
        current += part + ", "
    return [*lines, current.rstrip(" ,") + ",", f"{STEP})"]


def _parameter(parameter: str) -> str:
    name = identifier(parameter)
    if not name:
        raise TracerError(f"{parameter!r} can't be a parameter's name.")
    return name


def _tree(tree: Any, constants: Constants, single: str) -> str:
    if isinstance(tree, int):
        return single or f"gradients[{tree}]"
    if isinstance(tree, dict):
        pairs = [f"{constants.text(k)}: {_tree(v, constants, single)}" for k, v in tree.items()]
        return f"{{{', '.join(pairs)}}}"
    inside = ", ".join([_tree(item, constants, single) for item in tree])
    if isinstance(tree, list):
        return f"[{inside}]"
    return f"({inside},)" if len(tree) == 1 else f"({inside})"


def expression_of(path: str, constants: Constants) -> str:
    """Code for a path, rebuilt from its parts: nothing else than look-ups can be in it."""

    def build(part: ast.AST) -> str:
        if isinstance(part, ast.Name):
            return _parameter(part.id)
        if isinstance(part, ast.Attribute):
            return f"{build(part.value)}.{part.attr}"
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Constant):
            return f"{build(part.value)}[{constants.text(part.slice.value)}]"
        raise TracerError(f"{path!r} is no path to an argument.")

    try:
        return build(ast.parse(path, mode="eval").body)
    except SyntaxError:
        raise TracerError(f"{path!r} is no path to an argument.") from None


def _check_of(expression: str, node: Node) -> str:
    shape = "(" + "".join([f"{n if type(n) is int else None}, " for n in node.shape]).rstrip() + ")"
    if len(node.shape) > 1:
        shape = shape.replace(",)", ")")
    dtype = "None" if node.spec.kind == "weak" else f'"{node.dtype}"'
    return f"check({quoted(expression)}, {expression}, {shape}, {dtype})"
