"""Compare derivatives with finite differences: for your own functions and rules.

>>> from tracer.testing import check_grads
>>> check_grads(lambda x: np.sum(np.tanh(x) ** 2), (np.ones(3),))
>>> check_grads(np.floor, (np.ones(3),))
CheckFailed: the tangent of result by jvp is 0 at [0], but ...

Every floating argument moves along a random direction; integers stay. `jvp` is compared element
by element, `vjp` argument by argument, and order 2 does the same with the derivative itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tracer import trees
from tracer.errors import CheckFailed
from tracer.python.attributes import own
from tracer.recording.tensor.active import ACTIVE
from tracer.recording.watch.instrument import instrumented

TOLERANCE = {"float16": 3e-2, "complex64": 2e-3, "float32": 2e-3}
LADDER = tuple([0.02 / 4**k for k in range(6)])


def check_grads(
    fn: Callable[..., Any],
    args: Sequence[Any],
    modes: Sequence[str] = ("vjp", "jvp"),
    order: int = 2,
    rtol: float | None = None,
    atol: float | None = None,
    method: str = "differences",
    seed: int = 0,
) -> None:
    """Check a function's derivatives at a point.

    Parameters
    ----------
    fn : callable
        Plain or traced; results may be trees. What is not floating in them is left out.
    args : tuple
        Its positional arguments, arrays or trees of arrays.
    modes : sequence of {"vjp", "jvp"}
    order : int
        Up to which derivative.
    rtol, atol : float, optional
        ``1e-6`` in double precision, ``2e-3`` in single and ``3e-2`` in half.
    method : {"differences", "complex step"}
        Extrapolated central differences in double precision, or the imaginary part of
        ``fn(x + ih)``: exact to the last bits for real functions that are analytic and accept
        complex numbers.
    seed : int
        Of the random directions.

    Raises
    ------
    CheckFailed
        Names the mode, the argument or result, the worst element and both numbers.
    TypeError
        If no argument is floating.

    Notes
    -----
    The pairing for complex numbers is ``Re(sum(cotangent * tangent))``, without conjugation, so
    that the gradient of a real function is ``du/dx - i du/dy``.
    """
    _refuse_nonsense(args, modes, method)
    view = _FlatFunction(fn, args)
    tolerance = max([TOLERANCE.get(array.dtype.name, 1e-6) for array in view.primals])
    rtol = tolerance if rtol is None else rtol
    limits = (rtol, rtol if atol is None else atol)
    generator = np.random.default_rng(seed)
    _check(view.traced, view.plain, view, tuple(modes), order, limits, method, generator)


def _refuse_nonsense(args: Any, modes: Sequence[str], method: str) -> None:
    if not isinstance(args, (tuple, list)):
        raise TypeError(f"args is the tuple of arguments, not {type(args).__name__}: write (x,)")
    if unknown := set(modes) - {"vjp", "jvp"}:
        raise ValueError(f"modes are 'vjp' and 'jvp', not {sorted(unknown)}")
    if method not in ("differences", "complex step"):
        raise ValueError(f"method is 'differences' or 'complex step', not {method!r}")


class _FlatFunction:
    """A function of trees, as one of its floating leaves that returns its floating leaves."""

    def __init__(self, fn: Callable[..., Any], args: Sequence[Any]):
        leaves, structure = trees.flatten(tuple(args))
        moving = [i for i, leaf in enumerate(leaves) if _is_inexact(leaf)]
        if not moving:
            raise TypeError("no argument is floating: there is nothing to differentiate")
        self.label = own(fn, "__name__", "the function")
        every_name = _leaf_names(fn, args)
        self.names = [every_name[i] for i in moving]
        self.results = ["the result"]
        self.primals = [np.asarray(leaves[i]) for i in moving]

        def flat(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arrays):
                filled = list(leaves)
                for i, array in zip(moving, arrays):
                    filled[i] = array
                outputs = _instrumented(function)(*trees.unflatten(structure, filled))
                return tuple([leaf for leaf in trees.flatten(outputs)[0] if _is_inexact(leaf)])

            return call

        self.plain = flat(_plain(fn))
        self.traced = flat(fn)
        outputs = _plain(fn)(*args)
        flat_outputs = trees.flatten(outputs)[0]
        named = zip(trees.paths(outputs, "result"), flat_outputs)
        self.results = [name for name, leaf in named if _is_inexact(leaf)]


def _instrumented(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as an open trace runs it: with what it reads from outside, ``float(x)``, …"""
    recorder = ACTIVE.get()
    if recorder is None or recorder.captures is None:
        return function
    return instrumented(function, recorder.captures)


def _plain(fn: Callable[..., Any]) -> Callable[..., Any]:
    from tracer.function.traced import TracedFunction

    return fn.__tracer_function__ if isinstance(fn, TracedFunction) else fn


def _leaf_names(fn: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    found: list[str] = []
    for number, arg in enumerate(args):
        known = number < len(parameters) and parameters[number].kind.name != "VAR_POSITIONAL"
        found += trees.paths(arg, parameters[number].name if known else f"args[{number}]")
    return found


def _is_inexact(leaf: Any) -> bool:
    dtype = getattr(leaf, "dtype", None)
    return isinstance(leaf, (float, complex)) if dtype is None else dtype.kind in "fc"


def _check(
    traced: Callable[..., Any],
    plain: Callable[..., Any],
    view: _FlatFunction,
    modes: tuple[str, ...],
    order: int,
    limits: tuple[float, float],
    method: str,
    generator: np.random.Generator,
) -> None:
    from tracer.api import jvp, vjp

    tangents = [_direction(array, generator) for array in view.primals]
    values = [np.asarray(value) for value in plain(*view.primals)]
    cotangents = tuple([_random_like(value, generator) for value in values])
    if "jvp" in modes:
        out, ours = jvp(traced, tuple(view.primals), tuple(tangents))
        _compare_values(view, out, values, limits)
        theirs, errors = _derivative(plain, view.primals, tangents, method)
        for name, a, b, error in zip(view.results, ours, theirs, errors):
            _compare(f"the tangent of {name} by jvp", view, np.asarray(a), b, error, limits)
    if "vjp" in modes:
        out, pullback = vjp(traced, *view.primals)
        _compare_values(view, out, values, limits)
        _check_pullback(plain, view, pullback(cotangents), cotangents, tangents, limits, method)
    if order < 2:
        return
    rest = (modes, order - 1, limits, "differences", generator)
    if "vjp" in modes:
        by_vjp = lambda *arrays: vjp(traced, *arrays)[1](cotangents)
        _check(by_vjp, by_vjp, _derived(view, "gradient", view.names), *rest)
    if "jvp" in modes:
        by_jvp = lambda *arrays: jvp(traced, arrays, tuple(tangents))[1]
        _check(by_jvp, by_jvp, _derived(view, "tangent", view.results), *rest)


def _derived(view: _FlatFunction, what: str, names: list[str]) -> _FlatFunction:
    """The same arguments, for a derivative of the function."""
    made = object.__new__(_FlatFunction)
    made.label = f"the {what} of {view.label}"
    made.names, made.primals = view.names, view.primals
    made.results = [f"{what}({name})" for name in names]
    return made


def _check_pullback(
    plain: Callable[..., Any],
    view: _FlatFunction,
    gradients: Sequence[Any],
    cotangents: Sequence[np.ndarray],
    tangents: Sequence[np.ndarray],
    limits: tuple[float, float],
    method: str,
) -> None:
    """For each argument alone: what the pullback says of its direction, and what is so."""
    for number, (name, gradient) in enumerate(zip(view.names, gradients)):
        array, gradient = view.primals[number], np.asarray(gradient)
        what = f"the gradient with respect to {name} by vjp"
        if gradient.shape != array.shape or gradient.dtype != array.dtype:
            raise CheckFailed(
                f"{what} is {gradient.dtype}{gradient.shape}, of {view.label};"
                f" it must be {array.dtype}{array.shape}, like the argument"
            )

        def along(direction, number=number):
            moved = [np.zeros_like(t) for t in tangents]
            moved[number] = direction
            slopes, errors = _derivative(plain, view.primals, moved, method)
            size = sum([float(np.sum(np.abs(w) * e)) for w, e in zip(cotangents, errors)])
            return np.asarray(_pair(cotangents, slopes)), np.asarray(size)

        ours = np.asarray(_pair([gradient], [tangents[number]]))
        theirs, error = along(tangents[number])
        if _within(ours, theirs, limits):
            continue
        ours, theirs, error = (
            _element_by_element(gradient, along) if array.size <= 256 else (ours, theirs, error)
        )
        _compare(what, view, ours, theirs, error, limits)


def _element_by_element(gradient: np.ndarray, along: Callable[..., Any]) -> tuple:
    """The whole gradient by differences, to say which element is wrong."""
    theirs = np.zeros(gradient.shape, np.result_type(gradient.dtype, np.float64))
    errors = np.zeros(gradient.shape)
    for index in np.ndindex(gradient.shape):
        for unit in (1.0, 1j) if gradient.dtype.kind == "c" else (1.0,):
            direction = np.zeros_like(theirs)
            direction[index] = unit
            slope, error = along(direction)
            theirs[index] += slope * np.conj(unit)
            errors[index] += error
    return gradient, theirs, errors


# -- numbers ------------------------------------------------------------------------------------
def _derivative(
    plain: Callable[..., Any],
    primals: Sequence[np.ndarray],
    direction: Sequence[np.ndarray],
    method: str,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The derivative of every result along a direction, with an estimate of its error."""
    wide = [_widen(array) for array in primals]
    if method == "complex step":
        h = 1e-30
        moved = plain(*[x + 1j * h * v for x, v in zip(wide, direction)])
        slopes = [np.imag(value) / h for value in moved]
        return slopes, [np.zeros(np.shape(slope)) for slope in slopes]
    rows = list(_differences(plain, wide, direction))
    best = [_extrapolated([row[i] for row in rows]) for i in range(len(rows[0]))]
    return [slope for slope, _ in best], [error for _, error in best]


def _widen(array: np.ndarray) -> np.ndarray:
    return array.astype(np.result_type(array.dtype, np.float64))


def _differences(plain: Any, wide: Sequence[Any], direction: Sequence[Any]) -> Iterator[list]:
    """Central differences at each step of the ladder."""
    for h in LADDER:
        with np.errstate(all="ignore"):
            ahead = plain(*[np.asarray(x + h * v) for x, v in zip(wide, direction)])
            behind = plain(*[np.asarray(x - h * v) for x, v in zip(wide, direction)])
            yield [(_widen(np.asarray(a)) - b) / (2 * h) for a, b in zip(ahead, behind)]


def _extrapolated(slopes: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Richardson's extrapolation, element by element where two neighbours agree best."""
    better = np.stack([(16 * fine - coarse) / 15 for coarse, fine in pairwise(slopes)])
    change = np.abs(np.diff(better, axis=0))
    change = np.where(np.isnan(change), np.inf, change)
    chosen = np.argmin(change, axis=0)[None]
    slope = np.take_along_axis(better[1:], chosen, axis=0)[0]
    return slope, np.take_along_axis(change, chosen, axis=0)[0]


def _direction(array: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Random, and small where the argument is small: log and sqrt must stay in their domain."""
    size = np.abs(_widen(array))
    scale = np.where(size > 0, np.clip(size, 1e-3, 1.0), 1.0)
    return (_random_like(array, generator) * scale).astype(array.dtype)


def _random_like(array: Any, generator: np.random.Generator) -> np.ndarray:
    array = np.asarray(array)
    drawn = generator.uniform(0.5, 1.5, array.shape) * generator.choice([-1.0, 1.0], array.shape)
    if array.dtype.kind == "c":
        drawn = drawn + 1j * generator.uniform(0.5, 1.5, array.shape)
    return np.asarray(drawn).astype(array.dtype)


def _pair(cotangents: Sequence[Any], tangents: Sequence[Any]) -> float:
    products = [_widen(np.asarray(a)) * b for a, b in zip(cotangents, tangents)]
    return float(sum([np.sum(product).real for product in products]))


# -- comparing ----------------------------------------------------------------------------------
def _within(ours: np.ndarray, theirs: np.ndarray, limits: tuple[float, float]) -> bool:
    rtol, atol = limits
    largest = np.max(np.abs(theirs), initial=0.0, where=np.isfinite(theirs))
    gap = np.abs(ours - theirs)
    return bool(np.all((gap <= atol + rtol * largest) | (np.isnan(ours) & np.isnan(theirs))))


def _compare_values(view: Any, out: Any, values: Sequence[np.ndarray], limits: Any) -> None:
    for name, ours, theirs in zip(view.results, out, values):
        _compare(f"the traced value of {name}", view, np.asarray(ours), theirs, None, limits)


def _compare(
    what: str,
    view: _FlatFunction,
    ours: np.ndarray,
    theirs: np.ndarray,
    error: np.ndarray | None,
    limits: tuple[float, float],
) -> None:
    theirs = np.asarray(theirs)
    if ours.shape != theirs.shape:
        raise CheckFailed(f"{what} has the shape {ours.shape}, not {theirs.shape}; {view.label}")
    if _within(ours, theirs, limits):
        return
    gap = np.where(np.isfinite(ours - theirs), np.abs(ours - theirs), np.inf)
    worst = np.unravel_index(np.argmax(gap), gap.shape)
    where = f" at [{', '.join(map(str, map(int, worst)))}]" if worst else ""
    truth = "the plain function" if error is None else "differences"
    message = (
        f"{what} is {ours[worst]:.10g}{where}, but {theirs[worst]:.10g} by {truth}"
        f" (off by {gap[worst]:.2g}); {view.label}"
    )
    if error is not None and gap[worst] <= 100 * np.asarray(error)[worst]:
        raise CheckFailed(
            f"{message}\nThe differences do not settle there: the function has a kink or a jump.",
            fix="check at another point, or give the derivative there by hand",
        )
    raise CheckFailed(message, fix="correct the rule that this derivative goes through")
