"""Python's operators, and the ops that they are on arrays.

>>> BINARY["sub"], COMPARISONS["lt"], UNARY["neg"]
('subtract', 'less', 'negative')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

BINARY = {
    **{name: name for name in ("add", "matmul", "pow")},
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}
UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


def define_operators(
    kind: type,
    binary: Callable[[str], tuple[Any, Any, Any]],
    unary: Callable[[str], Any],
    comparisons: Iterable[str] = COMPARISONS,
) -> None:
    """Give a class its operators.

    Parameters
    ----------
    kind : type
    binary : callable
        From an op's name to what ``a + b``, the reflected ``b + a`` and ``a += b`` call.
    unary : callable
        From an op's name to what ``-a`` calls.
    comparisons : iterable of str, optional
        Those that are no others than their op.
    """
    for dunder, op in BINARY.items():
        for prefix, function in zip(("", "r", "i"), binary(op), strict=True):
            setattr(kind, f"__{prefix}{dunder}__", function)
    for dunder in comparisons:
        setattr(kind, f"__{dunder}__", binary(COMPARISONS[dunder])[0])
    for dunder, op in UNARY.items():
        setattr(kind, f"__{dunder}__", unary(op))
