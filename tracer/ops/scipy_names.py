"""SciPy's public callables: their names and what kind of op they are; SciPy loads only if used.

>>> scipy_name(scipy.special.polygamma), scipy_name(scipy.linalg.solve)
('special.polygamma', 'scipy.linalg.solve')
>>> resolve("scipy.stats.norm.logpdf")
<bound method rv_continuous.logpdf of ...>
"""

from __future__ import annotations

import inspect
import sys
from functools import lru_cache
from importlib import import_module
from types import MethodType
from typing import Any

import numpy as np

from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own

# Subpackages whose functions become nodes; how generated code names them.
CHAPTERS = {
    "special": "special",
    "linalg": "scipy.linalg",
    "stats": "scipy.stats",
    "signal": "scipy.signal",
    "fft": "scipy.fft",
    "integrate": "scipy.integrate",
}

# Python functions that work element by element, as ufuncs do.
ELEMENTWISE_NAMES = frozenset(
    """special.assoc_laguerre special.comb special.diric special.factorial special.factorial2
    special.factorialk special.h1vp special.h2vp special.ivp special.jvp special.kvp special.yvp
    special.lambertw special.multigammaln special.perm special.polygamma special.softplus
    special.spherical_in special.spherical_jn special.spherical_kn special.spherical_yn
    special.stirling2 special.zeta""".split()
)

# How many parameters stay positional where that is not the number of those without a default.
POSITIONAL = {
    "special.zeta": 2,
    "special.assoc_laguerre": 3,
    "special.h1vp": 3,
    "special.h2vp": 3,
    "special.ivp": 3,
    "special.jvp": 3,
    "special.kvp": 3,
    "special.yvp": 3,
    "special.lambertw": 2,
}


def chapter_of(function: Any) -> str:
    """``"special"`` for a callable of scipy.special; ``""`` for what is not SciPy's."""
    module = own(function, "__module__") or type(function).__module__
    if not isinstance(module, str) or not module.startswith("scipy."):
        return ""
    chapter = module.split(".")[1]
    return chapter if chapter in CHAPTERS else ""


def is_scipys(value: Any) -> bool:
    """Whether an object, or a function, is one of SciPy's."""
    module = own(value, "__module__") or type(value).__module__
    return isinstance(module, str) and module.startswith("scipy.")


def scipy_name(function: Any) -> str:
    """The public name of a SciPy callable as generated code has it; ``""`` if it has none."""
    owner = own(function, "__self__")
    if isinstance(function, MethodType) and chapter_of(type(owner)) == "stats":
        return distribution_method(owner, function.__name__)
    if isinstance(function, np.ufunc):
        chapter = "special" if "scipy.special" in sys.modules else ""
    else:
        chapter = chapter_of(function)
    name = own(function, "__name__", "")
    module = sys.modules.get(f"scipy.{chapter}") if chapter else None
    if module is None or unhooked(getattr(module, name, None)) is not function:
        return ""
    return f"{CHAPTERS[chapter]}.{name}"


def distribution_method(distribution: Any, method: str) -> str:
    """``"scipy.stats.norm.logpdf"`` for a method of one of SciPy's own distributions."""
    name = str(getattr(distribution, "name", "") or type(distribution).__name__)
    name = name.removesuffix("_gen").removesuffix("_frozen")
    public = getattr(sys.modules["scipy.stats"], name, None)
    return f"scipy.stats.{name}.{method}" if type(public) is type(distribution) else ""


def resolve(name: str) -> Any:
    """The callable of a name, loading SciPy for it; None if there is no such name."""
    parts = name.split(".")
    if parts[0] != "scipy":
        parts = ["scipy", *parts]
    if len(parts) < 3 or parts[1] not in CHAPTERS:
        return None
    target: Any = import_module(f"scipy.{parts[1]}")
    for part in parts[2:]:
        target = getattr(target, part, None)
    return unhooked(target)


def unhooked(function: Any) -> Any:
    """What a name stands for when no trace is open."""
    original = original_of(function)
    if original is function:
        return function
    owner = own(function, "__self__")
    return MethodType(original, owner) if isinstance(function, MethodType) else original


def is_elementwise(name: str) -> bool:
    """Whether a name's result broadcasts its operands and treats each element alone."""
    if name.startswith("scipy.stats."):
        owner = getattr(resolve(name), "__self__", None)
        return hasattr(owner, "_parse_args")  # the univariate distributions
    return name in ELEMENTWISE_NAMES


def is_scipy(name: str) -> bool:
    """Whether an op's name is that of a SciPy callable."""
    return name.startswith(("special.", "scipy."))


@lru_cache(maxsize=1024)
def positional_count(name: str) -> int:
    """How many arguments of a SciPy function stay positional: those it can't do without."""
    if name in POSITIONAL:
        return POSITIONAL[name]
    try:
        parameters = inspect.signature(resolve(name)).parameters.values()
    except (TypeError, ValueError):
        return 1
    needed = [
        p
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return max(len(needed), 1)
