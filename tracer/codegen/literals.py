"""Python text for values that stand in a call: numbers, dtypes, slices; the rest goes to a table.

>>> constants = Constants(Namespace())
>>> constants.text(0.5), constants.text(np.dtype("f4")), constants.index((slice(1, None), None))
('0.5', 'np.float32', '1:, None')
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from tracer.codegen.namespace import Namespace
from tracer.graph.node import Hole, Ref
from tracer.ops.registry import name_of
from tracer.python.attributes import own

LONG_FLOAT, LARGEST = 10, 65_536  # characters of a float; parts of a fraction
NAN_BITS = struct.pack("d", np.nan)
PLAIN_DTYPES = {
    np.dtype(name): f"np.{name}"
    for name in (
        "float16 float32 float64 complex64 complex128 int8 int16 int32 int64 "
        "uint8 uint16 uint32 uint64"
    ).split()
} | {np.dtype(bool): "bool"}
WIDE_DTYPES = {np.dtype(name): f"np.{name}" for name in ("longdouble", "clongdouble")}
PLAIN_TYPES = {bool: "bool", int: "int", float: "float", complex: "complex", np.bool_: "np.bool_"}


class Constants:
    """The table of values that generated code refers to by name.

    Attributes
    ----------
    names : Namespace
        Shared by the functions of one module.
    values : dict of str to Any
        Goes into the globals of a live program, or into the saved module.
    saved : bool
        Whether the text is a module for people: arrays are written as the call that makes them,
        where there is one, and a guard that does not hold raises an error that says what to do.
    modules : set of str
        The modules besides NumPy that the text names.
    """

    def __init__(self, names: Namespace, saved: bool = False):
        self.names = names
        self.saved = saved
        self.modules: set[str] = set()
        self.values: dict[str, Any] = {}
        self._known: dict[int, str] = {}

    def reference(self, value: Any, label: str = "") -> str:
        """The name under which a value is kept."""
        name = self._known.get(id(value))
        if name is None:
            base = label or own(value, "__name__", "") or "table"
            name = self._known[id(value)] = self.names.fresh(base)
            self.values[name] = value
        return name

    def adopt(self, value: Any, name: str, free: bool = True) -> str:
        """Keep a value under the name that it has in the functions, if it is ``free``."""
        if not free or name in self.values or id(value) in self._known:
            return self.reference(value, name)
        self._known[id(value)] = name
        self.values[name] = value
        return name

    def text(self, value: Any, put: Callable[[Hole], str] | None = None) -> str:
        """An expression for a static argument; ``put`` writes the operands in it."""
        kind = type(value)
        if kind is Hole and put is not None:
            return put(value)
        if kind in _WRITERS:
            return _WRITERS[kind](value)
        if kind is tuple or (isinstance(value, tuple) and hasattr(value, "_fields")):
            inside = ", ".join([self.text(item, put) for item in value])
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        if kind is list:
            return f"[{', '.join([self.text(item, put) for item in value])}]"
        if kind is dict:
            pairs = [f"{self.text(k)}: {self.text(v, put)}" for k, v in value.items()]
            return f"{{{', '.join(pairs)}}}"
        if kind is slice:
            parts = [self.text(part, put) for part in (value.start, value.stop, value.step)]
            return f"slice({', '.join(parts)})"
        if kind is Ref:
            return self._referred(value)
        return _scalar(value) or self._named(value)

    def _referred(self, ref: Ref) -> str:
        value = ref.value
        if callable(value) and name_of(value):
            return f"np.{name_of(value)}"
        if type(value) in _WRITERS:
            return _WRITERS[type(value)](value)
        if self.saved and type(value) is np.ndarray and (creation := creation_of(value)):
            return creation
        return _scalar(value) or self.reference(value, ref.label)

    def _named(self, value: Any) -> str:
        if isinstance(value, np.dtype):
            text = PLAIN_DTYPES.get(value) or WIDE_DTYPES.get(value)
            return text or self.reference(value, f"{value.kind}_dtype")
        if isinstance(value, type):
            if value in PLAIN_TYPES:
                return PLAIN_TYPES[value]
            label = value.__name__
            if issubclass(value, np.generic) and getattr(np, label, None) is value:
                return f"np.{label}"
        try:
            name = name_of(value) if callable(value) else ""
        except TypeError:  # unhashable
            name = ""
        return f"np.{name}" if name else self.reference(value)

    def index(self, index: Any, put: Callable[[Hole], str] | None = None) -> str:
        """What stands between the brackets of ``x[...]``."""
        if type(index) is tuple and index:
            # x[(i,)] is x[i] but for lists, which NumPy 2 reads alike too
            return ", ".join([self._index_item(item, put) for item in index])
        return self._index_item(index, put)

    def _index_item(self, item: Any, put: Callable[[Hole], str] | None) -> str:
        if type(item) is slice:
            start, stop, step = [
                "" if part is None else self._index_item(part, put)
                for part in (item.start, item.stop, item.step)
            ]
            return f"{start}:{stop}:{step}" if step else f"{start}:{stop}"
        if isinstance(item, np.integer):
            return str(int(item))
        return self.text(item, put)


def _float(value: float) -> str:
    if value != value:
        return "np.nan" if struct.pack("d", value) == NAN_BITS else "-np.nan"
    if value in (np.inf, -np.inf):
        return "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def fraction(value: float) -> str:
    """``1 / 3`` for 0.3333333333333333: a quotient of small whole numbers that is this float."""
    if len(repr(value)) < LONG_FLOAT or not 1e-6 < abs(value) < 1e6:
        return ""
    near = Fraction(value).limit_denominator(LARGEST)
    same = near.numerator / near.denominator == value and abs(near.numerator) <= LARGEST
    return f"{near.numerator} / {near.denominator}" if same else ""


def _complex(value: complex) -> str:
    if value.real == 0 and not np.signbit(value.real) and np.isfinite(value.imag):
        if not np.signbit(value.imag):
            return f"{value.imag!r}j"
    return f"complex({_float(value.real)}, {_float(value.imag)})"


def quoted(value: str) -> str:
    """A string literal, in double quotes where it is plain."""
    plain = value.isascii() and value.isprintable() and '"' not in value and "\\" not in value
    return f'"{value}"' if plain else ascii(value)


def _int(value: int) -> str:
    return repr(value) if -(10**400) < value < 10**400 else hex(value)


_WRITERS: dict[type, Callable[[Any], str]] = {
    float: _float,
    int: _int,
    bool: repr,
    complex: _complex,
    str: quoted,
    type(None): repr,
    type(Ellipsis): lambda value: "...",
    range: repr,
    bytes: repr,
}


def _scalar(value: Any) -> str:
    """A NumPy scalar of a plain dtype, to the bit; ``""`` for everything else."""
    if not isinstance(value, np.generic) or value.dtype not in PLAIN_DTYPES:
        return ""
    name = "np.bool_" if value.dtype == bool else f"np.{value.dtype.name}"
    if value.dtype.kind == "f" and value == value:
        short = _float(float(str(value)))
        if value.dtype.type(float(str(value))).tobytes() == value.tobytes():
            return f"{name}({short})"
    again = value.dtype.type(value.item())
    if again.tobytes() != value.tobytes():
        return ""
    return f"{name}({_WRITERS[type(value.item())](value.item())})"


def creation_of(value: Any) -> str:
    """The call that makes an array to the bit: ``np.eye(12)``, ``np.arange(5)``; or ``""``."""
    if value.size < 2 or value.dtype not in PLAIN_DTYPES or not value.flags.c_contiguous:
        return ""
    first, shape, kind = value.flat[0], value.shape, value.dtype.kind
    dtype = "" if value.dtype in (int, float) else f", dtype={PLAIN_DTYPES[value.dtype]}"
    made: dict[str, Any] = {}
    if len(shape) == 1 and kind == "i" and value[-1] - first == len(value) - 1:
        bounds = f"{first}, {value[-1] + 1}" if first else f"{len(value)}"
        made[f"np.arange({bounds}{dtype})"] = np.arange(first, value[-1] + 1, dtype=value.dtype)
    elif len(shape) == 2 and kind == "f" and first == 1:
        sizes = f"{shape[0]}" if shape[0] == shape[1] else f"{shape[0]}, {shape[1]}"
        made[f"np.eye({sizes}{dtype})"] = np.eye(*shape, dtype=value.dtype)
        made[f"np.tri({sizes}{dtype})"] = np.tri(*shape, dtype=value.dtype)
    same = [text for text, array in made.items() if array.tobytes() == value.tobytes()]
    return same[0] if same else ""


def is_negative_literal(value: Any) -> bool:
    """Whether a literal prints with a leading minus that ``-=`` can take over."""
    return type(value) in (int, float) and value < 0 and value not in (-np.inf,)
