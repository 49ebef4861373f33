"""How a derivative is declared: one line serves reverse and forward mode, to any order.

>>> elementwise(np.tanh, lambda x, out: 1 - out**2)
>>> elementwise(np.hypot, lambda x, y, out: (x / out, y / out))
>>> linear(np.transpose, transpose=lambda ct, x, axes=None: np.transpose(ct, invert(axes)))
>>> multilinear(np.outer, lambda ct, a, b: ct @ b, lambda ct, a, b: a @ ct)
>>> zero_gradient(np.floor, np.sign, because="piecewise constant")

Rules are NumPy code that runs on Symbols. Their parameters are the call's own, as the node has
them (operands first, the rest by keyword), and ``out``, the primal result, for who names it.

What a pullback may return, for each operand: a value that *broadcasts to* the operand's shape (the
engine broadcasts only where somebody needs it), ``ZERO``, or a ``Sparse`` one. For an operand that
is a list of arrays (``np.concatenate``) it returns a list. Complex numbers follow JAX and HIPS
autograd: ``transpose`` never conjugates, and the engine takes the real part for a real operand.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from tracer.graph.op import Op
from tracer.ops import registry

Operand = int | str  # a positional argument by its number, a keyword argument by its name
EVERY = "*"  # a pullback with this operand returns one cotangent per array, in slot order


class _Zero:
    """The cotangent (or tangent) of a value that does not matter: no array is made for it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ZERO"


ZERO = _Zero()


@dataclass(frozen=True, slots=True, eq=False)
class Sparse:
    """A cotangent that is zero but for ``value`` at ``index``; equal indices add up.

    ``like`` is a value with the shape and dtype of the whole.
    """

    index: Any
    value: Any
    like: Any


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A partial derivative that is 1 where ``condition`` holds and 0 elsewhere (or the reverse).

    The engine keeps the mask outermost through elementwise ops, so that what was not chosen can
    never spoil a gradient: ``np.where(x > 0, np.sqrt(x), 0)`` has a finite one at ``x <= 0``.
    """

    condition: Any
    keep: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class By:
    """A partial derivative given as what it does to a cotangent or a tangent: ``By(np.conj)``."""

    function: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Missing:
    """In place of a partial derivative: there is none, and why.

    Only a call that differentiates with respect to this very operand raises ``MissingRule``.
    """

    because: str


class Parameters:
    """What a rule function takes: how many positional arguments, which keywords, ``out`` or not."""

    __slots__ = ("any_keyword", "keywords", "most", "wants_out")

    def __init__(self, function: Callable[..., Any], skip: int):
        found = list(inspect.signature(function).parameters.values())[skip:]
        self.wants_out = any(p.name == "out" for p in found)
        found = [p for p in found if p.name != "out"]
        self.any_keyword = any(p.kind is p.VAR_KEYWORD for p in found)
        positional = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        star = any(p.kind is p.VAR_POSITIONAL for p in found)
        self.most = 10**6 if star else len(positional)
        self.keywords = frozenset(p.name for p in found if p.kind is not p.VAR_POSITIONAL)

    def refused(self, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        """The first argument that the rule does not know, or ``""``."""
        if len(args) > self.most:
            return f"positional argument {self.most}"
        if not self.any_keyword:
            for name in kwargs:
                if name not in self.keywords:
                    return name
        return ""


# Arguments of a ufunc that say how it computes, not what; a mask ``where=`` the engine applies.
UFUNC_ARGUMENTS = frozenset({"dtype", "casting", "order", "subok", "signature", "where"})


@dataclass(frozen=True, slots=True, eq=False)
class Pull:
    """A pullback for some operands of an op.

    Attributes
    ----------
    operands : tuple of int or str, or EVERY
    function : callable
        ``function(*args, **kwargs)`` gives partial derivatives if ``partial``, else
        ``function(ct, *args, **kwargs)`` gives cotangents.
    partial : bool
    several : bool
        Whether it returns a tuple, one entry per operand.
    parameters : Parameters
    math : str
        A formula for the picture that overrides the printed one.
    """

    operands: tuple[Operand, ...] | str
    function: Callable[..., Any]
    partial: bool
    several: bool
    parameters: Parameters
    math: str = ""

    def refused(self, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
        if self.partial and kwargs:
            kwargs = {k: v for k, v in kwargs.items() if k not in UFUNC_ARGUMENTS}
        return self.parameters.refused(args, kwargs)

    def __call__(self, ct: Any, args: Sequence[Any], kwargs: dict[str, Any], out: Any) -> Any:
        """Partial derivatives or cotangents; ``out`` is passed only to who names it."""
        if self.partial:
            if kwargs and not self.parameters.any_keyword:
                known = self.parameters.keywords
                kwargs = {k: v for k, v in kwargs.items() if k in known}
        else:
            args = (ct, *args)
        if self.parameters.wants_out:
            kwargs = {**kwargs, "out": out}
        return self.function(*args, **kwargs)


@dataclass(slots=True, eq=False)
class Rule:
    """The derivative of an op.

    ``kind`` is ``"elementwise"``, ``"linear"``, ``"multilinear"``, ``"pullback"``, ``"composed"``,
    ``"zero"`` or ``"missing"``; the last two have the reason in ``because``.
    """

    op: Op
    kind: str
    pulls: list[Pull] = field(default_factory=list)
    pushforward: Callable[..., Any] | None = None
    because: str = ""
    operand: Operand | str = 0  # of a linear rule: the operand in which the op is linear
    definition: Pull | None = None  # of a composed one: the function by others
    when: Callable[..., bool] | None = None  # for which arguments the definition is meant


RULES: dict[Op, Rule] = {}


def _op(fn: Any) -> Op:
    return fn if isinstance(fn, Op) else registry.op_of(fn)


def _enter(fn: Any, kind: str) -> Rule:
    """The rule of ``fn``, new unless one of this kind is being continued."""
    op = _op(fn)
    rule = RULES.get(op)
    if rule is not None and rule.kind == kind and kind in ("pullback", "linear"):
        return rule
    rule = RULES[op] = Rule(op, kind)
    return rule


def elementwise(fn: Any, *partials: Callable[..., Any] | Missing | None, math: str = "") -> None:
    """Declare partial derivatives of a function that works element by element.

    Parameters
    ----------
    fn : callable or Op
    *partials : callable, Missing or None
        One per operand (None: the derivative is zero; Missing: there is none), or a single one
        that returns a tuple for several operands. They take the operands by NumPy's names and, if
        they name it, ``out``. A Python number as result (1, -1, 0) needs no multiplication;
        ``Mask`` and ``By`` are for partials that are no plain factor.
        For a real function of a complex operand, p such that dy = Re(p dz).
    """
    rule = _enter(fn, "elementwise")
    if len(partials) == 1 and callable(partials[0]):
        parameters = Parameters(partials[0], 0)
        names = [p for p in inspect.signature(partials[0]).parameters.values() if p.name != "out"]
        count = sum(p.kind is p.POSITIONAL_OR_KEYWORD and p.default is p.empty for p in names)
        operands = tuple(range(max(count, 1)))
        rule.pulls.append(Pull(operands, partials[0], True, count > 1, parameters, math))
        return
    for position, partial in enumerate(partials):
        function = partial if callable(partial) else _constantly(partial or 0)
        pull = Pull((position,), function, True, False, Parameters(function, 0), math)
        rule.pulls.append(pull)


def _constantly(value: Any) -> Callable[..., Any]:
    return lambda *args, **kwargs: value


def linear(
    fn: Any, transpose: Callable[..., Any], operand: Operand | str = 0, math: str = ""
) -> None:
    """Declare that ``fn`` is linear in one operand, with its transpose (without conjugation).

    ``transpose(ct, *args, **kwargs)`` gets the node's own arguments. The pushforward is ``fn`` on
    the tangent. ``operand=EVERY``: linear in all arrays together (``np.block``).
    """
    rule = _enter(fn, "linear")
    rule.operand = operand
    _add(rule, transpose, operand, math)


def multilinear(
    fn: Any, *transposes: Callable[..., Any], each: Callable[..., Any] | None = None, math: str = ""
) -> None:
    """Declare that ``fn`` is linear in each of several operands, as products are.

    ``transposes[k](ct, *args, **kwargs)`` belongs to positional argument ``k``. For a variable
    number of operands (``np.einsum``) give ``each(ct, slot, *args, **kwargs)`` instead.
    """
    rule = _enter(fn, "multilinear")
    if each is not None:
        pull = Pull(EVERY, each, False, False, Parameters(each, 2), math)
        rule.pulls.append(pull)
    for position, transpose in enumerate(transposes):
        _add(rule, transpose, position, math)


def pullback(fn: Any, operand: Operand | Sequence[Operand] = 0, math: str = "") -> Callable:
    """Decorator: declare ``def _(ct, x, axis=None, *, out=...)``, the cotangent of ``operand``.

    With a tuple of operands it returns a tuple; with ``EVERY`` one cotangent per array, in slot
    order. An op with several outputs gets a tuple of cotangents, ``ZERO`` for unused ones. It may
    be used again for another operand of the same function. An argument that the function does not
    name is refused at the user's call, so a rule never ignores one silently.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        rule = _enter(fn, "pullback")
        _add(rule, function, operand, math)
        return function

    return declare


def _add(rule: Rule, function: Callable[..., Any], operand: Any, math: str) -> None:
    several = isinstance(operand, (tuple, list)) or operand == EVERY
    if operand != EVERY:
        operand = tuple(operand) if several else (operand,)
    # Two names of one function (np.permute_dims is np.transpose) declare one rule, not two.
    rule.pulls[:] = [pull for pull in rule.pulls if pull.operands != operand]
    rule.pulls.append(Pull(operand, function, False, several, Parameters(function, 1), math))


def pushforward(fn: Any) -> Callable:
    """Decorator: ``def _(tangents, *args, out=..., **kwargs)``, an optimisation of the derived one.

    ``tangents`` is the call's positional arguments with each array replaced by its tangent (or
    ``ZERO``); the result is the tangent of the output, or a tuple for several outputs. Declare it
    after the pullback, which it must agree with.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        RULES[_op(fn)].pushforward = function
        return function

    return declare


def composed(*fns: Any, when: Callable[..., bool] | None = None) -> Callable:
    """Decorator: the function written with others that have rules, for its derivative alone.

    The graph keeps the function's own node and the program its own call. The definition takes the
    call's arguments and, if it names it, ``out``, the result, as a constant; an argument that it
    does not name is refused at the user's call. With ``when``, a predicate of the call's arguments,
    it stands beside the function's other rule, for those calls alone.
    """

    def declare(definition: Callable[..., Any]) -> Callable[..., Any]:
        written = Pull((), definition, False, False, Parameters(definition, 0))
        for fn in fns:
            rule = RULES[_op(fn)] if when is not None else Rule(_op(fn), "composed")
            rule.definition, rule.when = written, when
            RULES[_op(fn)] = rule
        return definition

    return declare


def zero_gradient(*fns: Any, because: str) -> None:
    """Declare that the derivative is zero wherever it exists, and why."""
    for fn in fns:
        _enter(fn, "zero").because = because


def no_rule(*fns: Any, because: str) -> None:
    """Declare that there is no derivative, and why: using one raises ``MissingRule``."""
    for fn in fns:
        _enter(fn, "missing").because = because


# Chapters on SciPy, by the names of the ops that need them: loaded when the first one is met.
SCIPY_CHAPTERS = {
    "special.": "special_elementary special_gamma special_error special_bessel special_elliptic "
    "special_orthogonal special_hypergeometric special_wave special_statistics special_without",
    "scipy.linalg.": "linalg",
    "scipy.stats.": "stats multivariate descriptive",
    "scipy.signal.": "signal",
    "scipy.fft.": "fft",
    "scipy.integrate.": "integrate",
}
_NOT_CHAPTERS = ("declare", "helpers", "scipy.")
_loaded: set[str] = set()


def _load(chapter: str) -> None:
    if chapter not in _loaded:
        import_module(f"tracer.rules.{chapter}")  # whose lock makes other threads wait
        _loaded.add(chapter)


def load_rules() -> None:
    """Load every chapter; done before the first trace, whose hooks stand in for NumPy's names."""
    here = "tracer.rules."
    for module in pkgutil.walk_packages(import_module("tracer.rules").__path__, here):
        chapter = module.name.removeprefix(here)
        if not module.ispkg and not chapter.startswith(_NOT_CHAPTERS):
            _load(chapter)


def rule_for(op: Op) -> Rule | None:
    """The rule of an op, or None if nobody has declared one; loads the chapters on first use."""
    found = RULES.get(op)
    if found is not None and "" in _loaded and "." not in op.name:
        return found
    if "" not in _loaded:
        load_rules()
        _loaded.add("")
    for prefix, chapters in SCIPY_CHAPTERS.items():
        if op.name.startswith(prefix):
            for chapter in chapters.split():
                _load(f"scipy.{chapter}")
    return RULES.get(op)


def is_composed(rule: Rule, args: Any, kwargs: Any) -> bool:
    """Whether the derivative of this call is that of the rule's definition."""
    if rule.definition is None:
        return False
    return rule.when is None or rule.when(*args, **kwargs)
