"""A pullback's formula in the field's notation, printed from its nodes.

>>> FormulaPrinter(...).formula()  # 'ḡ · Bᵀ'"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.node import Hole, Node
from tracer.graph.spec import ArraySpec
from tracer.ops.builder import Symbol
from tracer.ops.default_names import noun
from tracer.rules.declare import Sparse
from tracer.transforms.reverse.accumulator import Accumulator
from tracer.transforms.reverse.cotangents import Masked

Token = tuple[str, ArraySpec | None]
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")
INFIX = {"add": "+", "subtract": "-", "divide": "/", "multiply": "⊙", "matmul": "·"}
COMPARE = {"less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥", "equal": "=="}
TRANSPOSES = ("transpose", "matrix_transpose", "swapaxes", "permute_dims")
SILENT = (
    "broadcast_to",
    "broadcast_like",
    "reshape",
    "reshape_like",
    "expand_dims",
    "astype",
    "copy",
    "squeeze",
    "ravel",
    "real",
)
LONGEST, LONGEST_CALL = 28, 48  # a factor's and a formula's text beyond this is cut short
LONGEST_INDEX = 12
GENERIC = "ABCDEFGH"


class FormulaPrinter:
    """Formulas of contributions, as a person writes them on paper."""

    def __init__(self, own: frozenset[Node]):
        self.own = own

    def formula(
        self, node: Node, slot: int, ct: Any, contribution: Any, spec: ArraySpec
    ) -> tuple[Token, ...]:
        """The tokens of one pullback: arrays with their specs, operators without."""
        self.node = node
        self.cts = {id(c.node) for c in _cotangents(ct)}
        bar = ("ḡ", spec)
        if node.regions:
            return (bar, (" · ", None), (_slope(node, slot), None))
        if type(contribution) is Accumulator:
            return (bar, (" but for the written place", None))
        if type(contribution) is Sparse:
            return (("scatter ", None), bar)
        if type(contribution) is Masked:
            condition, keep = contribution.masks[-1]
            name = self.text(condition.node, 2)
            mask = (f"[{name}]" if keep else f"[not {name}]", condition.spec)
            inner = self.tokens(contribution.value.node, bar, 3)
            return (*inner, (" ⊙ ", None), mask)
        found = self.tokens(contribution.node, bar, 3)
        text = "".join([text for text, _ in found])
        if text.count("…") > 1 or ("…" in text and "ḡ" not in text):  # less than the op's name
            return (bar, (" through ", None), (node.op.name.split(".")[-1], None))
        return tuple(found)

    def tokens(self, node: Node, bar: Token, depth: int) -> list[Token]:
        """Tokens of a product chain down to ``ḡ``."""
        if id(node) in self.cts:
            return [bar]
        name, inputs = node.op.name, node.inputs
        if name in SILENT and inputs:
            return self.tokens(inputs[0], bar, depth)
        if node in self.own or depth == 0:
            return [(self.text(node, 2), node.specs[0])]
        args = node.params.args
        if name in ("multiply", "matmul", "divide") and len(args) == 2:
            sign = f" {INFIX[name]} "
            left, right = [self._side(node, a, bar, depth) for a in args]
            if name == "multiply" and (_is_scalar(left) or _is_scalar(right)):
                sign = " · "
            return [*left, (sign, None), *right]
        if name == "negative":
            return [("-", None), *self.tokens(inputs[0], bar, depth)]
        if name == "outer" and len(inputs) == 2 and self._depends(inputs[0], 6):
            other: Token = (turned(self.text(inputs[1], 2, group=True)), inputs[1].specs[0])
            return [*self.tokens(inputs[0], bar, depth), (" · ", None), other]
        if name == "sum" and inputs:
            inner = self.tokens(inputs[0], bar, depth - 1)
            minus = "-" if inner[0] == ("-", None) else ""
            return [(f"{minus}Σ{_axes(node)} ", None), *inner[len(minus) :]]
        if inputs and self._depends(node, 4):
            if name in TRANSPOSES:
                inner = self.tokens(inputs[0], bar, depth - 1)
                if len(inner) == 1:
                    return [(turned(inner[0][0]), node.specs[0])]
            if name in ("getitem", "diagonal", "flip"):
                return [(f"{self.text(node, 2)}", node.specs[0])]
        return [(shortened(self._text(node, 2, False), LONGEST_CALL), node.specs[0])]

    def _side(self, node: Node, argument: Any, bar: Token, depth: int) -> list[Token]:
        if type(argument) is not Hole:
            return [(_number(argument), None)]
        operand = node.inputs[argument.slot]
        if self._depends(operand, 6):
            return self.tokens(operand, bar, depth - 1)
        spec = None if operand.op.name == "constant" and not operand.shape else operand.specs[0]
        return [(self.text(operand, 2, group=True), spec)]

    def _depends(self, node: Node, depth: int) -> bool:
        """Whether a node was made from the cotangent."""
        if id(node) in self.cts:
            return True
        if node in self.own or depth == 0:
            return False
        return any(self._depends(operand, depth - 1) for operand in node.inputs)

    def text(self, node: Node, depth: int, group: bool = False) -> str:
        """A factor in one token: ``wᵀ``, ``(1 - hidden²)``."""
        return shortened(self._text(node, depth, group), LONGEST)

    def _text(self, node: Node, depth: int, group: bool) -> str:
        if id(node) in self.cts:
            return "ḡ"
        if node is self.node:
            return node.name or noun(node)
        if node.op.name == "item" and node.inputs[0] is self.node:
            return node.name or f"{noun(self.node)}[{node.params.args[1]}]"
        if node.name and node in self.own:
            return node.name
        name, inputs, args = node.op.name, node.inputs, node.params.args
        if name == "constant" and np.ndim(getattr(args[0], "value", args[0])) == 0:
            return node.name or _number(getattr(args[0], "value", args[0]))
        if name in TRANSPOSES and (depth or node in self.own):
            return turned(self._text(inputs[0], max(depth - 1, 0), True))
        if name == "getitem" and inputs[0].name and (index := index_shown(node)):
            return f"{inputs[0].name}[{index}]"
        if node in self.own and not (name in COMPARE and depth):
            return self._generic(node)
        if name == "constant":
            return node.name or _number(getattr(args[0], "value", args[0]))
        if name == "eye":
            return "I"
        if depth == 0 or not inputs:
            return node.name or "…"
        parts = [self._argument(node, a, depth - 1, group=True) for a in args]
        if name in SILENT:
            return parts[0]
        if name in ("pow", "power") and type(args[1]) is int:
            return parts[0] + str(args[1]).translate(SUPERSCRIPTS)
        if name == "square":
            return f"{parts[0]}²"
        sign = INFIX.get(name) or COMPARE.get(name)
        if sign and len(parts) == 2:
            sign = "·" if name == "multiply" and type(args[0]) in (int, float) else sign
            text = f" {sign} ".join(parts) if sign not in "·" else f"{parts[0]}{parts[1]}"
            return f"({text})" if group else text
        if name == "negative":
            return f"-{parts[0]}"
        if name == "conjugate":
            return f"{parts[0]}*"
        if name == "sqrt":
            return f"√{parts[0]}"
        if name == "linalg.inv":
            return inverted(parts[0])
        if name == "linalg.solve" and len(parts) == 2:
            text = f"{inverted(parts[0])} {parts[1]}"
            return f"({text})" if group else text
        if name == "outer" and len(parts) == 2:
            return f"{parts[0]} {turned(parts[1])}"
        if name == "getitem":
            return f"{parts[0]}[…]"
        shown = parts if name == "einsum" else parts[: len(inputs)]
        return f"{name.split('.')[-1]}({', '.join([ungrouped(p) for p in shown])})"

    def _argument(self, node: Node, argument: Any, depth: int, group: bool) -> str:
        if type(argument) is Hole:
            return self._text(node.inputs[argument.slot], depth, group)
        return _number(argument)

    def _generic(self, node: Node) -> str:
        """An unnamed operand: what it is, or for constants a letter: A, B in products."""
        if not node.op.is_leaf:
            return noun(node)
        places = [slot for slot, operand in enumerate(self.node.inputs) if operand is node]
        if not places:
            return "x"
        if self.node.op.schema.kind in ("contraction", "gufunc"):
            return GENERIC[min(places[0], len(GENERIC) - 1)]
        return "xyzuvw"[min(places[0], 5)]


def turned(text: str) -> str:
    """A transposed factor; twice is not at all, and of an inverse ``⁻ᵀ``."""
    for end, other in (("⁻ᵀ", "⁻¹"), ("⁻¹", "⁻ᵀ"), ("ᵀ", "")):
        if text.endswith(end):
            return text[: -len(end)] + other
    return f"{text}ᵀ"


def inverted(text: str) -> str:
    """The inverse of a factor: ``A⁻¹``, of a transposed one ``A⁻ᵀ``."""
    return f"{text[:-1]}⁻ᵀ" if text.endswith("ᵀ") else f"{text}⁻¹"


def index_shown(node: Node) -> str:
    """The index of a ``getitem`` as it is written, or ``""`` if it is none of literals."""
    index = node.params.args[1] if node.op.name == "getitem" else ()
    parts = index if type(index) is tuple else (index,)
    words = []
    for part in parts:
        bounds = (part.start, part.stop, part.step) if type(part) is slice else (part,)
        if any(type(bound) is not int and bound not in (None, ...) for bound in bounds):
            return ""
        found = ["..." if bound is ... else str(bound) for bound in bounds]
        if type(part) is slice:
            found = ["" if word == "None" else word for word in found]
            found = found[:2] if part.step is None else found
        words.append(":".join(found))
    text = ", ".join(words)
    return text if len(text) <= LONGEST_INDEX else ""


def _is_scalar(side: list[Token]) -> bool:
    """Whether a factor is a single number."""
    (_, spec), *rest = side
    return not rest and (spec is None or not spec.shape)


def ungrouped(text: str) -> str:
    """A factor that stands alone: without the parentheses of a sum."""
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _slope(node: Node, slot: int) -> str:
    """The derivative of a loop, branch or call with respect to one operand: ``∂step/∂w``."""
    title = node.regions[-1].title.partition("(")[0]
    operand = node.inputs[slot]
    name = title if title.isidentifier() and title != "body" else node.op.name
    return f"∂{name}/∂{operand.name or noun(operand)}"


def _cotangents(ct: Any) -> list[Symbol]:
    found = ct if type(ct) is list else [ct]
    values = [c.value if type(c) in (Masked, Sparse) else c for c in found]
    return [value for value in values if type(value) is Symbol]


def _axes(node: Node) -> str:
    axis = node.params.kwargs.get("axis")
    if axis is None:
        return ""
    axes = axis if isinstance(axis, tuple) else (axis,)
    return ",".join(str(a) for a in axes).translate(SUBSCRIPTS)


def _number(value: Any) -> str:
    if isinstance(value, (float, int)) and not isinstance(value, bool):
        return f"{value:g}"
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[0] == value.shape[1]:
        return "I" if np.array_equal(value, np.eye(len(value))) else "…"
    return str(value) if isinstance(value, (str, bool)) else "…"
