"""The lines that make a module's constants: imports, arrays, helpers.

>>> define(constants)
(['CONSTANTS = np.load(…)', 'table = CONSTANTS["table"]'], {'table': array(…)})
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from tracer.codegen.literals import PLAIN_DTYPES, Constants, creation_of
from tracer.errors import TracerError
from tracer.ops.registry import RECOMPUTE, STOP_GRADIENT, SUM_TO

SMALL = 16  # elements of an array that is written out
# Functions of ours that are plain NumPy on their own: their text goes into the module.
HELPERS = frozenset(op.evaluate for op in (SUM_TO, STOP_GRADIENT, RECOMPUTE))


def define(constants: Constants) -> tuple[list[str], dict[str, np.ndarray]]:
    """Imports and lines that make the constants; the arrays that are too large for lines."""
    lines: list[str] = []
    functions: list[str] = []
    arrays: dict[str, np.ndarray] = {}
    for name, value in constants.values.items():
        if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
            text = _array(value, constants) if value.dtype in PLAIN_DTYPES else ""
            if not text or len(text) + len(name) > 90:
                arrays[name] = np.asarray(value)
                text = f'CONSTANTS["{name}"]'
            lines.append(f"{name} = {text}")
        elif isinstance(value, (int, float, complex)):
            lines.append(f"{name} = {constants.text(value)}")
        else:
            functions += _definition(name, value)
    if arrays:
        load = 'CONSTANTS = np.load(__file__.removesuffix(".py") + ".npz", allow_pickle=False)'
        lines.insert(0, load)
    return [*lines, *functions], arrays


def _array(value: Any, constants: Constants) -> str:
    if creation := creation_of(value):
        return creation
    if value.size > SMALL:
        return ""
    text = constants.text(value.tolist())
    if "nan" in text and not np.isnan(value).any():
        return ""
    dtype = constants.text(value.dtype)
    if value.size and np.array(value.tolist()).dtype == value.dtype:
        return f"np.array({text})"
    return f"np.array({text}, {dtype}).reshape({value.shape})"


def _definition(name: str, value: Any) -> list[str]:
    """A helper's own text, or the import of a function."""
    module = getattr(value, "__module__", None) or ""
    function = getattr(value, "__name__", "")
    if inspect.isfunction(value) and value in HELPERS:
        _, *body = inspect.getsource(value).rstrip().split("\n")
        parameters = ", ".join(inspect.signature(value).parameters)
        return ["", "", f"def {name}({parameters}):", *body]
    if module.split(".")[0] in ("numpy", "scipy") and function.isidentifier():
        alias = "" if name == function else f" as {name}"
        return [f"from {module} import {function}{alias}"]
    raise TracerError(
        f"{name} ({type(value).__name__}) can't be written as plain NumPy code.",
        fix="use the live program",
    )
