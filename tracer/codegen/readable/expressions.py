"""One node as a Python expression, with exactly the parentheses that precedence asks for.

>>> texts = {a: Expression("x @ w", PRODUCT), b: Expression("b")}
>>> Speller(constants, derived=set()).spell(node, texts.get)
Expression(text='x @ w + b', level=12)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tracer.codegen.literals import Constants, fraction
from tracer.codegen.operand_reads import sum_axes
from tracer.graph.node import Hole, Node, Ref
from tracer.graph.spec import ArraySpec
from tracer.ops.scipy_names import is_scipy

COMPARE, OR, XOR, AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(7, 17)
BINARY = {
    "+": SUM,
    "-": SUM,
    "*": PRODUCT,
    "/": PRODUCT,
    "//": PRODUCT,
    "%": PRODUCT,
    "@": PRODUCT,
    "<<": SHIFT,
    ">>": SHIFT,
    "&": AND,
    "^": XOR,
    "|": OR,
    "<": COMPARE,
    "<=": COMPARE,
    ">": COMPARE,
    ">=": COMPARE,
    "==": COMPARE,
    "!=": COMPARE,
}
PREFIX = {"neg": "-", "pos": "+", "~": "~"}

# Methods that make the same bits as the function, on arrays and NumPy scalars.
METHODS = frozenset(
    "sum mean max min prod all any argmax argmin std var cumsum cumprod reshape ravel transpose "
    "swapaxes squeeze astype conjugate copy flatten repeat take trace dot round clip diagonal "
    "argsort".split()
)
# The function of a derivative rule that reads better as a method.
PREFERRED_METHODS = frozenset("sum mean max min prod reshape transpose swapaxes squeeze".split())
FILLED = frozenset(("zeros", "ones", "empty", "full"))
SHORTER = {"np.absolute": "np.abs", "np.conjugate": "np.conj"}
METHOD_NAMES = {"conjugate": "conj"}
# A method must not meet these: they differ between method and function.
NO_METHOD_WITH = {"reshape": {"shape", "copy"}, "transpose": set(), "round": {"decimals"}}

SIMPLE = re.compile(r"-?[\w.]+")  # black's rule for writing x**2 without spaces


class Expression(NamedTuple):
    """An expression and how tightly it binds."""

    text: str
    level: int = ATOM

    def at(self, level: int) -> str:
        """The text where only expressions that bind at least as tightly may stand bare."""
        return self.text if self.level >= level else f"({self.text})"


Lookup = Callable[[Node], Expression]


class Speller:
    """Writes nodes as expressions, given the texts of their operands.

    Parameters
    ----------
    constants : Constants
        Where values without a literal go.
    derived : set of Node
        Nodes that a transform made; their calls are written as a person would, the user's own
        are left as they are. In a program that is run and not read, ``np.sum(x)`` is always
        ``x.sum()``, which is the same in half the time.
    """

    def __init__(self, constants: Constants, derived: set[Node]):
        self.constants = constants
        self.derived = derived
        self.regions: dict[Node, str] = {}

    def spell(self, node: Node, lookup: Lookup) -> Expression:
        """The expression for one node."""
        special = SPELLINGS.get(node.op.name)
        if special is not None:
            return special(self, node, lookup)
        if node.regions:
            return self._region(node, lookup)
        args, kwargs = node.params.args, node.params.kwargs
        if not node.op.is_pure and not node.op.printed.startswith("np."):  # rng.normal(size=3)
            method = node.op.name.rpartition(".")[2]
            stream = lookup(node.inputs[0]).at(ATOM)
            return Expression(f"{stream}.{method}({self._call(args[1:], kwargs, node, lookup)})")
        if node.spelling == "operator" and node.op.symbol and not kwargs:
            return self._operator(node.op.symbol, [self.argument(a, node, lookup) for a in args])
        if self._is_transposed_attribute(node):
            return Expression(f"{lookup(node.inputs[0]).at(ATOM)}.T")
        if self._is_method(node):
            name = METHOD_NAMES.get(node.op.name, node.op.name)
            base = lookup(node.inputs[0]).at(ATOM)
            return Expression(f"{base}.{name}({self._call(args[1:], kwargs, node, lookup)})")
        if node.op.name in FILLED and type(args[0]) is tuple and len(args[0]) == 1:
            args = (args[0][0], *args[1:])  # np.zeros(5), not np.zeros((5,))
        return Expression(f"{self._function(node)}({self._call(args, kwargs, node, lookup)})")

    def argument(self, value: Any, node: Node, lookup: Lookup) -> Expression:
        """One argument: an operand's expression or a literal."""
        if type(value) is Hole:
            return lookup(node.inputs[value.slot])
        if type(value) is float and (quotient := fraction(value)):
            return Expression(quotient, PRODUCT)
        text = self.constants.text(value, self._put(node, lookup))
        return Expression(text, UNARY if text.startswith("-") else ATOM)

    def index(self, index: Any, node: Node, lookup: Lookup) -> str:
        """What stands between the brackets."""
        return self.constants.index(index, self._put(node, lookup))

    def _put(self, node: Node, lookup: Lookup) -> Callable[[Hole], str]:
        return lambda hole: lookup(node.inputs[hole.slot]).text

    def _call(self, args: Any, kwargs: dict, node: Node, lookup: Lookup) -> str:
        parts = [self.argument(a, node, lookup).text for a in args]
        parts += [f"{key}={self.argument(v, node, lookup).text}" for key, v in kwargs.items()]
        return ", ".join(parts)

    @staticmethod
    def _operator(symbol: str, operands: list[Expression]) -> Expression:
        if symbol == "abs":
            return Expression(f"abs({operands[0].text})")
        if symbol == "**":
            base, exponent = operands[0].at(ATOM), operands[1].at(UNARY)
            simple = SIMPLE.fullmatch(base) and SIMPLE.fullmatch(exponent)
            return Expression(f"{base}**{exponent}" if simple else f"{base} ** {exponent}", POWER)
        if symbol in PREFIX:
            return Expression(PREFIX[symbol] + operands[0].at(UNARY), UNARY)
        level = BINARY[symbol]
        left = operands[0].at(level + 1 if level == COMPARE else level)
        return Expression(f"{left} {symbol} {operands[1].at(level + 1)}", level)

    def _is_method(self, node: Node) -> bool:
        name, args = node.op.name, node.params.args
        if name not in METHODS or not args or type(args[0]) is not Hole or args[0].slot != 0:
            return False
        if node.inputs[0].spec.kind not in ("array", "scalar"):
            return False
        if NO_METHOD_WITH.get(name, set()) & node.params.kwargs.keys():
            return False
        if node.spelling == "method":
            return True
        if name not in PREFERRED_METHODS or node.spelling:
            return False
        return not self.constants.saved or node in self.derived

    def _is_transposed_attribute(self, node: Node) -> bool:
        if node.op.name != "transpose" or len(node.params.args) != 1 or node.params.kwargs:
            return False
        if node.inputs[0].spec.kind != "array":
            return False
        return node.spelling == "attribute" or node in self.derived

    def _function(self, node: Node) -> str:
        printed = node.op.printed
        if printed.startswith("np."):
            return SHORTER.get(printed, printed)
        module, _, name = printed.partition(".")
        if module == "builtins":
            return name
        if module in ("math", "cmath"):
            self.constants.modules.add(module)
            return printed
        if is_scipy(printed):
            self.constants.modules.add(
                ".".join(printed.split(".")[: 1 + printed.startswith("scipy.")])
            )
            return printed
        return self.constants.reference(node.op.evaluate, node.op.name.rpartition(".")[2])

    def _region(self, node: Node, lookup: Lookup) -> Expression:
        name = self.regions.get(node)
        operands = ", ".join([lookup(i).text for i in node.inputs])
        if name is not None:
            return Expression(f"{name}({operands})")
        runner = self.constants.reference(_RegionRunner(node), node.op.name)
        return Expression(f"{runner}({operands})")


class _RegionRunner:
    """Runs a node with regions that has no written form."""

    def __init__(self, node: Node):
        self.node = node
        self.__name__ = f"run_{node.op.name}"

    def __call__(self, *operands: Any) -> Any:
        return self.node.op.evaluate(self.node, operands)


# -- ops whose text is not a call of themselves ---------------------------------------------------
def shape_text(speller: Speller, like: Node, lookup: Lookup) -> str:
    """The shape of a node: a literal where the signature fixes it, else read at run time."""
    if like.spec.is_static:
        return speller.constants.text(like.shape)
    base = lookup(like)
    return f"np.shape({base.text})" if like.spec.kind == "weak" else f"{base.at(ATOM)}.shape"


def _constant(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    (value,) = node.params.args
    if node.spec.kind == "object" and value.label == "np_random":
        return Expression("np.random")
    name = node.name or speller.constants.names.suggested.get(node, "")
    if type(value) is Ref and not value.label and name:
        value = Ref(value.value, name) if _needs_table(speller, value) else value
    text = speller.constants.text(value)
    return Expression(text, UNARY if text.startswith("-") else ATOM)


def _needs_table(speller: Speller, ref: Ref) -> bool:
    return isinstance(ref.value, np.ndarray)


def _item(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    return Expression(f"{lookup(node.inputs[0]).at(ATOM)}[{node.params.args[1]}]")


def _getitem(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    base = speller.argument(node.params.args[0], node, lookup)
    return Expression(f"{base.at(ATOM)}[{speller.index(node.params.args[1], node, lookup)}]")


def _astype(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    operand, dtype = node.params.args
    base, name = speller.argument(operand, node, lookup), speller.constants.text(dtype)
    if node.inputs[0].spec.kind == "weak":
        return Expression(f"{name}({base.text})" if name != "bool" else f"np.bool_({base.text})")
    return Expression(f"{base.at(ATOM)}.astype({name})")


def _python_scalar(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    base = speller.argument(node.params.args[0], node, lookup)
    if node.inputs and node.inputs[0].spec.kind == "weak":
        return base
    places = ", ".join([speller.argument(a, node, lookup).text for a in node.params.args[1:]])
    return Expression(f"{base.at(ATOM)}.item({places})")


def _sum_to(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    source, like = node.inputs[0], node.inputs[1]
    base = lookup(source)
    summed = sum_axes(source.shape, like.shape)
    if summed is None:
        name = speller.constants.reference(node.op.evaluate, "sum_to")
        return Expression(f"{name}({base.text}, {lookup(like).text})")
    axes, keepdims = summed
    if not axes:
        return base
    if len(axes) == len(source.shape) and not keepdims:
        return Expression(f"{base.at(ATOM)}.sum()")
    axis = axes[0] if len(axes) == 1 else axes
    lead = len(source.shape) - len(like.shape)
    text = f"{base.at(ATOM)}.sum(axis={axis}{', keepdims=True' if keepdims else ''})"
    if keepdims and lead:
        text += f"[{', '.join(['0'] * lead)}]"
    return Expression(text)


def _broadcast_like(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    base = lookup(node.inputs[0])
    return Expression(
        f"np.broadcast_to({base.text}, {shape_text(speller, node.inputs[1], lookup)})"
    )


def _reshape_like(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    base = lookup(node.inputs[0])
    return Expression(f"{base.at(ATOM)}.reshape({shape_text(speller, node.inputs[1], lookup)})")


def _zeros_of(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    like, dtype = node.inputs[0], node.params.kwargs.get("dtype")
    if dtype is None and len(node.params.args) > 1:
        dtype = node.params.args[1]
    shape = shape_text(speller, like, lookup)
    if like.spec.is_static and len(like.shape) == 1:
        shape = str(like.shape[0])
    if dtype is None or np.dtype(dtype) == np.float64:
        return Expression(f"np.zeros({shape})")
    return Expression(f"np.zeros({shape}, {speller.constants.text(dtype)})")


def _size_of(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    base, axis = lookup(node.inputs[0]), _argument(node, 1, "axis")
    if axis == 0:
        return Expression(f"len({base.text})")
    return Expression(f"{base.at(ATOM)}.shape[{axis}]")


def _same_size(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    a, b = lookup(node.inputs[0]), lookup(node.inputs[1])
    axis_a, axis_b = _argument(node, 2, "axis_a"), _argument(node, 3, "axis_b")
    return Expression(f"{a.at(ATOM)}.shape[{axis_a}] == {b.at(ATOM)}.shape[{axis_b}]", COMPARE)


def _text_is(speller: Speller, node: Node, lookup: Lookup) -> Expression:
    value = lookup(node.inputs[0])
    _, how, spec, text = node.params.args
    if how == "format":
        made = f"format({value.text}, {spec!r})"
    elif how == "%":
        made = f"{spec!r} % {value.at(ATOM)}"
    else:
        made = f"{how}({value.text})"
    return Expression(f"{made} == {text!r}", COMPARE)


def _argument(node: Node, position: int, name: str) -> Any:
    args = node.params.args
    return args[position] if position < len(args) else node.params.kwargs[name]


SPELLINGS: dict[str, Callable[[Speller, Node, Lookup], Expression]] = {
    "constant": _constant,
    "item": _item,
    "getitem": _getitem,
    "astype": _astype,
    "sum_to": _sum_to,
    "broadcast_like": _broadcast_like,
    "reshape_like": _reshape_like,
    "zeros_of": _zeros_of,
    "size_of": _size_of,
    "same_size": _same_size,
    "text_is": _text_is,
    "python_scalar": _python_scalar,
}


def shape_comment(specs: tuple[ArraySpec, ...]) -> str:
    """The shape behind a line: ``(128, 32)``; sizes known only at run time are ``?``."""
    return ", ".join([_shape(spec) for spec in specs if spec.kind != "object"])


def _shape(spec: ArraySpec) -> str:
    sizes = [str(size) if type(size) is int else "?" for size in spec.shape]
    return f"({sizes[0]},)" if len(sizes) == 1 else f"({', '.join(sizes)})"
