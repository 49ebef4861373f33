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

from tracer.notebook import svg
from tracer.python.late_bound import LATE_BOUND

if TYPE_CHECKING:
    from tracer import errors, settings, testing, trees
    from tracer.api import (
        elementwise_grad,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        linearize,
        trace,
        value_and_grad,
        vjp,
        vmap,
    )
    from tracer.catalogue.coverage import coverage
    from tracer.eager.tensor import Tensor
    from tracer.operators.checkpoint import checkpoint
    from tracer.operators.control_flow import cond, fori_loop, scan, while_loop
    from tracer.operators.custom import custom_jvp, custom_vjp, stop_gradient

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
_ELSEWHERE = {
    "Tensor": "tracer.eager.tensor",
    "checkpoint": "tracer.operators.checkpoint",
    "coverage": "tracer.catalogue.coverage",
    "cond": "tracer.operators.control_flow",
    "fori_loop": "tracer.operators.control_flow",
    "scan": "tracer.operators.control_flow",
    "while_loop": "tracer.operators.control_flow",
    "custom_jvp": "tracer.operators.custom",
    "custom_vjp": "tracer.operators.custom",
    "stop_gradient": "tracer.operators.custom",
}  # the rest is in tracer.api


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'tracer' has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f"tracer.{name}")
    found = getattr(import_module(_ELSEWHERE.get(name, "tracer.api")), name)
    globals()[name] = found
    return found


LATE_BOUND["svg"] = svg
LATE_BOUND["jacobian"] = lambda *args: __getattr__("jacobian")(*args)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
