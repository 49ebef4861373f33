"""What every public name of NumPy is to a derivative: one state each, and the reason.

>>> tracer.coverage()["cumprod"]
Entry(name='cumprod', state='composed', because='its derivative is that of its definition')
>>> collections.Counter(entry.state for entry in tracer.coverage().values())

States are read off the rules; what no rule can tell is the data in `tracer.catalogue.names`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from tracer.catalogue.names import ELSEWHERE, METHODS, NAMESPACES, TRACED_THROUGH, UFUNC_METHODS
from tracer.ops import registry
from tracer.rules.declare import Rule, rule_for

STATES = ("rule", "zero", "composed", "not traceable", "missing")
BECAUSE = {
    "elementwise": "partial derivatives, element by element",
    "linear": "linear, with its transpose",
    "multilinear": "linear in each operand",
    "pullback": "a pullback of its own",
    "composed": "its derivative is that of its definition",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One public name.

    Attributes
    ----------
    name : str
        Without ``np.``: ``"linalg.norm"``, ``"ndarray.sum"``, ``"special.erf"``.
    state : {"rule", "zero", "composed", "not traceable", "missing"}
        It has a derivative rule; its derivative is zero; it is made of functions that have one;
        it can't be called on a traced array; or it can, and has no derivative.
    because : str
        Why, or how.
    """

    name: str
    state: str
    because: str


def coverage(prefix: str = "") -> dict[str, Entry]:
    """The state of every public callable of NumPy, and of scipy.special if it is installed.

    Parameters
    ----------
    prefix : str
        Only names that begin so: ``"linalg."``.

    Returns
    -------
    dict of str to Entry
        By name, in the order of numpy's namespaces.
    """
    return {name: entry for name, entry in _entries().items() if name.startswith(prefix)}


@cache
def _entries() -> dict[str, Entry]:
    return {name: Entry(name, *_state(name, function)) for name, function in public_names()}


def public_names() -> Iterator[tuple[str, Any]]:
    """Every public callable, with its name."""
    for prefix in NAMESPACES:
        module = _module(prefix)
        for name in sorted(dir(module)):
            function = getattr(module, name, None)
            if not name.startswith("_") and callable(function):
                yield prefix + name, function
    for name in ELSEWHERE:
        yield name, _module(name)
    for name in sorted(vars(np.ndarray)):
        if callable(getattr(np.ndarray, name)):
            yield f"ndarray.{name}", getattr(np.ndarray, name)
    for name in UFUNC_METHODS:
        yield f"ufunc.{name}", getattr(np.ufunc, name)
    if find_spec("scipy") is not None:
        from scipy import special

        for name in sorted(special.__all__):
            if callable(getattr(special, name)) and not isinstance(getattr(special, name), type):
                yield f"special.{name}", getattr(special, name)


def _module(path: str) -> Any:
    found: Any = np
    for part in path.strip(".").split("."):
        found = getattr(found, part) if part else found
    return found


def _state(name: str, function: Any) -> tuple[str, str]:
    for state, groups in METHODS.items():
        for because, names in groups.items():
            if name in names:
                return state, because
    if name.startswith("ndarray."):
        function = getattr(np, name.removeprefix("ndarray."), None)
    rule = _rule(function)
    if rule is None and name.startswith(TRACED_THROUGH):
        return "composed", "plain Python, which is traced through"
    if rule is None:
        return "missing", "no rule has been written"
    if rule.kind in ("zero", "missing"):
        return rule.kind, rule.because
    return ("composed" if rule.kind == "composed" else "rule"), BECAUSE[rule.kind]


def _rule(function: Any) -> Rule | None:
    """The rule of a function; None for classes and for what is no op."""
    if function is None or isinstance(function, type):
        return None
    try:
        return rule_for(registry.op_of(function))
    except TypeError:  # unhashable
        return None


def page() -> str:
    """The table as Markdown: ``docs/coverage.md``."""
    parts = [HEAD]
    entries = list(coverage().values())
    for state in STATES:
        chosen = [entry for entry in entries if entry.state == state]
        parts.append(f"\n## {TITLES[state]} ({len(chosen)})\n")
        reasons: dict[str, list[str]] = {}
        for entry in chosen:
            reasons.setdefault(entry.because, []).append(f"`{entry.name}`")
        parts += [f"\n**{because}**: {', '.join(names)}\n" for because, names in reasons.items()]
    return "".join(parts)


TITLES = {
    "rule": "Derivative rules",
    "zero": "Derivative zero",
    "composed": "Composed",
    "not traceable": "Not traceable",
    "missing": "Without a derivative",
}
VERSIONS = f"NumPy {'.'.join(np.__version__.split('.')[:2])}"
HEAD = f"""# Coverage

Every public name of NumPy, and of scipy.special, is in one of five states; this is {VERSIONS}.
`tracer.coverage()` has them as data. The tests call every name that claims a derivative, and
compare values with NumPy's to the bit and derivatives with differences.
"""
