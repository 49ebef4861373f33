"""What is known of a value before it exists: its shape, its dtype and what kind of scalar it is.

>>> array_spec((4, 2), np.float64)
f64[4,2]
>>> ArraySpec((), np.dtype(np.float64), "weak")
weak f64
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

KINDS = ("array", "scalar", "weak", "object")

SHORT_DTYPES = {
    "float16": "f16",
    "float32": "f32",
    "float64": "f64",
    "longdouble": "f80",
    "float128": "f128",
    "complex64": "c64",
    "complex128": "c128",
    "clongdouble": "c160",
    "complex256": "c256",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "bool": "bool",
}
LONG_DTYPES = {short: long for long, short in SHORT_DTYPES.items()}


class Dim:
    """A size that is known only at run time, as the length of ``x[x > 0]``.

    Two Dims are equal only if they are the same object: that is the statement that two axes
    have one length.

    Parameters
    ----------
    label : str
        Where the size comes from, for people: ``"x[x > 0] axis 0"``.
    seen : int
        The value while tracing.
    """

    __slots__ = ("label", "seen")

    def __init__(self, label: str, seen: int):
        self.label = label
        self.seen = seen

    def __repr__(self) -> str:
        return f"Dim({self.label!r}, seen={self.seen})"


Size = int | Dim
Shape = tuple[Size, ...]


@dataclass(frozen=True, slots=True, repr=False)
class ArraySpec:
    """Shape, dtype and kind of one value.

    ``kind`` is ``"array"``, ``"scalar"`` (a NumPy scalar such as ``np.float64``), ``"weak"`` (a
    Python scalar, which NEP 50 lets adapt to its partner's dtype) or ``"object"`` (a random
    stream: not a number at all). ``is_static`` says whether every size is known.
    """

    shape: Shape
    dtype: np.dtype
    kind: str = "array"
    is_static: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        known = all([type(size) is int for size in self.shape])
        object.__setattr__(self, "is_static", known)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def seen_shape(self) -> tuple[int, ...]:
        """The shape while tracing: each Dim stands for the size it was seen with."""
        return tuple([size.seen if isinstance(size, Dim) else size for size in self.shape])

    @property
    def is_inexact(self) -> bool:
        """Whether a gradient can flow through such a value (floating or complex)."""
        return self.dtype.kind in "fc"

    def with_shape(self, shape: Shape) -> ArraySpec:
        return ArraySpec(shape, self.dtype, self.kind)

    def __repr__(self) -> str:
        short = SHORT_DTYPES.get(self.dtype.name, self.dtype.name)
        if self.kind == "object":
            return "object"
        if self.kind == "weak":
            return f"weak {short}"
        if self.kind == "scalar":
            return f"scalar {short}"
        sizes = ",".join(f"?{s.seen}" if isinstance(s, Dim) else str(s) for s in self.shape)
        return f"{short}[{sizes}]"


WEAK_DTYPES = {
    bool: np.dtype(bool),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
}
WEAK_SPECS = {kind: ArraySpec((), dtype, "weak") for kind, dtype in WEAK_DTYPES.items()}
_TYPE_SPECS: dict[type, ArraySpec] = dict(WEAK_SPECS)  # where the type says it all
_SCALAR_SPECS: dict[np.dtype, ArraySpec] = {}
_ARRAY_SPECS: dict[tuple, ArraySpec] = {}


def array_spec(shape: Shape, dtype) -> ArraySpec:
    """The interned spec of an array (equal specs are one object, as long as memory allows)."""
    key = (shape, dtype)
    found = _ARRAY_SPECS.get(key)
    if found is None:
        if len(_ARRAY_SPECS) > 20_000:
            _ARRAY_SPECS.clear()
        found = _ARRAY_SPECS[key] = ArraySpec(tuple(shape), np.dtype(dtype))
    return found


def scalar_spec(dtype) -> ArraySpec:
    """The interned spec of a NumPy scalar."""
    found = _SCALAR_SPECS.get(dtype)
    if found is None:
        found = _SCALAR_SPECS[dtype] = ArraySpec((), np.dtype(dtype), "scalar")
    return found


def spec_of(value) -> ArraySpec:
    """The spec of a concrete value: an array, a NumPy scalar or a Python scalar.

    Raises
    ------
    TypeError
        If the value is no number or array of numbers.
    """
    found = _TYPE_SPECS.get(type(value))
    if found is not None:
        return found
    if isinstance(value, np.ndarray):
        return array_spec(value.shape, value.dtype)
    if not isinstance(value, np.generic):
        raise TypeError(f"{type(value).__name__} is not an array or a number")
    found = scalar_spec(value.dtype)
    if found.dtype.kind in "biufc":
        _TYPE_SPECS[type(value)] = found
    return found
