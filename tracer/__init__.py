"""Plain NumPy in; gradients, readable NumPy source and a picture out.

>>> @trace
... def loss(w, x, y):
...     return np.mean((np.tanh(x @ w) - y) ** 2)
>>> value, g_w = value_and_grad(loss)(w, x, y)
>>> print(loss.source(w, x, y))

Every public name is loaded on first use, so ``import tracer`` costs what ``import numpy`` costs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer import errors, settings, testing, trees
    from tracer.api import (
        Tensor,
        checkpoint,
        cond,
        coverage,
        custom_jvp,
        custom_vjp,
        elementwise_grad,
        fori_loop,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        linearize,
        scan,
        stop_gradient,
        trace,
        value_and_grad,
        vjp,
        vmap,
        while_loop,
    )

__version__ = "0.1.0"
__all__ = [
    "Tensor",
    "checkpoint",
    "cond",
    "coverage",
    "custom_jvp",
    "custom_vjp",
    "elementwise_grad",
    "errors",
    "fori_loop",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "scan",
    "settings",
    "stop_gradient",
    "testing",
    "trace",
    "trees",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]

_MODULES = frozenset({"errors", "settings", "testing", "trees"})


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    found = import_module(f"tracer.{name}") if name in _MODULES else None
    if found is None:
        found = getattr(import_module("tracer.api"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
