"""Values that stand in a printed graph as they are: numbers, strings, dtypes and types.

>>> literal_text(np.float32(0.1))
'f32(0.1)'
>>> literal_text(np.dtype("f8"))
'f64'
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracer.graph.node import typed
from tracer.graph.spec import LONG_DTYPES, SHORT_DTYPES

WORDS: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "Ellipsis": Ellipsis,
    "inf": math.inf,
    "nan": math.nan,
    "float": float,
    "int": int,
    "complex": complex,
    "str": str,
}
DTYPES: dict[str, np.dtype] = {
    short: np.dtype(long) for short, long in LONG_DTYPES.items() if hasattr(np, long)
}
TYPES: dict[str, type] = {
    f"np.{name}": np.dtype(name).type for name in SHORT_DTYPES if hasattr(np, name)
}
WORDS |= {"np.bool": np.bool_, "builtins.bool": bool}
_WORD_OF = {float: "float", int: "int", complex: "complex", str: "str", bool: "builtins.bool"}


def literal_text(value: Any) -> str:
    """The text of a value, or ``""`` if it can't be written without loss."""
    kind = type(value)
    if value is None or value is Ellipsis or kind in (bool, int, str, bytes):
        return repr(value)
    if kind is float:
        return repr(value)
    if kind is complex:
        return f"complex({value.real!r}, {value.imag!r})"
    if isinstance(value, np.dtype):
        return dtype_text(value)
    if isinstance(value, type):
        named = _WORD_OF.get(value) or f"np.{value.__name__}"
        return named if WORDS.get(named, TYPES.get(named)) is value else ""
    if isinstance(value, np.generic):
        return scalar_text(value)
    return ""


def dtype_text(dtype: np.dtype) -> str:
    """``f64``, or the dtype's code in quotes: ``dtype('>f8')``."""
    short = SHORT_DTYPES.get(dtype.name, "") if dtype.isnative else ""
    if short and DTYPES.get(short) == dtype:
        return short
    return f"dtype({dtype.str!r})" if dtype.names is None and np.dtype(dtype.str) == dtype else ""


def scalar_text(value: np.generic) -> str:
    """``f32(0.1)``, if that reads back to the same bits."""
    short = SHORT_DTYPES.get(value.dtype.name, "")
    if not short:
        return ""
    if value.dtype.kind == "c":
        parts = f"{str(value.real)!r}, {str(value.imag)!r}"
    else:
        parts = repr(str(value))
    text = f"{short}({parts.replace(chr(39), '')})"
    again = make_scalar(short, [part.strip() for part in text[len(short) + 1 : -1].split(",")])
    return text if typed(again) == typed(value) else ""


def make_scalar(short: str, parts: list[str]) -> np.generic:
    """The NumPy scalar of a dtype from the text of its number (real and imaginary part)."""
    dtype = DTYPES[short]
    if dtype.kind == "b":
        return np.bool_(parts[0] == "True")
    if dtype.kind in "iu":
        return dtype.type(int(parts[0]))
    if dtype.kind == "c":
        real = np.empty(0, dtype).real.dtype.type
        out = np.zeros((), dtype)
        out.real, out.imag = real(parts[0]), real(parts[1])
        return dtype.type(out[()])
    return dtype.type(parts[0])
