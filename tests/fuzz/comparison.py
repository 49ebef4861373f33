"""A program run plain and traced: values to the bit, arguments, aliasing, exceptions, gradients.

>>> compare(program, folder)           # raises Difference
"""

from __future__ import annotations

import copy
import itertools
import linecache
import os
import warnings
from collections.abc import Callable
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from tests.fuzz.records import Record
from tests.fuzz.writer import Program
from tracer import errors, grad, jvp, settings, trace, value_and_grad, vmap

NUMBERS = itertools.count()
# Refusals that are right answers: gradients of what has none, numbers that would lose theirs.
REFUSALS = (errors.ConversionError, errors.MissingRule)


class Difference(AssertionError):
    """Plain and traced differ."""


class Refusal(Exception):
    """Loud, and by design: the program can't be traced, or has no gradient."""


def load(program: Program, folder: str | None = None) -> dict[str, Any]:
    """The program as a module of its own: a real file, or text that linecache knows."""
    number = next(NUMBERS)
    if folder is not None:
        path = os.path.join(folder, f"program{number}.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(program.text)
    else:
        path = f"random-program-{number}.py"
        lines = program.text.splitlines(keepends=True)
        linecache.cache[path] = (len(program.text), None, lines, path)
    scope: dict[str, Any] = {"__name__": f"program{number}", "__file__": path}
    exec(compile(program.text, path, "exec", dont_inherit=True), scope)
    return scope


def forget(scope: dict[str, Any]) -> None:
    linecache.cache.pop(scope["__file__"], None)


# -- outcomes -------------------------------------------------------------------------------------
def outcome(function: Callable[..., Any], arguments: list[Any]) -> tuple[Any, Any]:
    """``(result, None)`` or ``(None, exception)``."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function(*arguments), None
        except Exception as error:  # it is the outcome
            return None, error


def flat(value: Any, path: str = "result") -> list[tuple[str, Any]]:
    """The leaves of containers, with where they are; containers count as leaves, too."""
    found: list[tuple[str, Any]] = [(path, value)]
    if isinstance(value, (list, tuple)):
        for k, item in enumerate(value):
            found += flat(item, f"{path}[{k}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            found += flat(item, f"{path}[{key!r}]")
    elif is_dataclass(value):
        found += flat(vars(value), path)
    return found


def same(got: Any, wanted: Any, where: str) -> None:
    """Types, dtypes, shapes and bits of two trees.

    Raises
    ------
    Difference
    """
    left, right = flat(got), flat(wanted)
    if [path for path, _ in left] != [path for path, _ in right]:
        raise Difference(f"{where}: {got!r} instead of {wanted!r}")
    for (path, one), (_, other) in zip(left, right, strict=True):
        what = f"{where}: {path}"
        if type(one) is not type(other):
            raise Difference(f"{what} is a {type(one)} instead of {type(other)}")
        if isinstance(one, (np.ndarray, np.generic)):
            if one.dtype != other.dtype or one.shape != other.shape:
                raise Difference(
                    f"{what}: {one.dtype}{one.shape} instead of {other.dtype}{other.shape}"
                )
            if bits(one) != bits(other):
                raise Difference(f"{what}: {one!r} instead of {other!r}")
        elif isinstance(one, np.random.Generator):
            if one.bit_generator.state != other.bit_generator.state:
                raise Difference(f"{what} stands elsewhere")
        elif isinstance(one, (bool, int, float, complex, str)) and repr(one) != repr(other):
            raise Difference(f"{what}: {one!r} instead of {other!r}")


def bits(value: Any) -> bytes:
    """Every bit, but all NaN alike."""
    array = np.array(value, copy=True)
    if array.dtype.kind in "fc":
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return array.tobytes()


def shared(result: Any, arguments: list[Any]) -> list[tuple[str, str]]:
    """Which arrays of the result are memory of the arguments, and of one another."""
    outs = [(p, v) for p, v in flat(result) if isinstance(v, np.ndarray) and v.size]
    ins = [(p, v) for p, v in flat(arguments, "arguments") if isinstance(v, np.ndarray) and v.size]
    found = []
    for k, (path, array) in enumerate(outs):
        for other, given in [*ins, *outs[:k]]:
            if np.may_share_memory(array, given):
                found.append((path, other))
    return found


# -- values ---------------------------------------------------------------------------------------
def compare_values(scope: dict[str, Any], program: Program, seeds: list[int]) -> None:
    """Calls with several inputs, some twice, some after a global has changed."""
    plain, traced = scope["program"], trace(scope["program"])
    originals = {name: scope[name] for name in CHANGED}
    for turn, seed in enumerate([*seeds, seeds[0]]):
        if turn == 2:
            change(scope)
        where = f"call {turn} (seed {seed})"
        expected, got = program.arguments(seed), program.arguments(seed)
        kept = copy.deepcopy((scope["W"], scope["TABLE"]))
        wanted, failure = outcome(plain, expected)
        changed = copy.deepcopy((scope["W"], scope["TABLE"]))
        scope["W"][...], scope["TABLE"] = kept[0], kept[1]
        result, error = outcome(traced, got)
        if isinstance(failure, SystemError):  # NumPy's own, of np.add.at(x, 9, 1)
            return
        if isinstance(error, REFUSALS) and failure is None:
            raise Refusal(f"{type(error).__name__}: {error}")
        if failure is not None or error is not None:
            if not isinstance(error, type(failure)) or failure is None:
                raise Difference(f"{where}: {error!r} instead of {failure!r}") from error
            got = expected  # a traced call that raises has written nothing
        else:
            same(result, wanted, where)
            if shared(result, got) != shared(wanted, expected):
                raise Difference(
                    f"{where}: shares {shared(result, got)}, not {shared(wanted, expected)}"
                )
        same(got, expected, f"{where}, arguments")
        same((scope["W"], scope["TABLE"]), changed, f"{where}, globals")
    scope["SETTINGS"].rate = 0.1
    scope.update(originals)


CHANGED = ("W", "K", "TABLE", "LAYERS", "adder", "scaled")


def change(scope: dict[str, Any]) -> None:
    """Other globals, entries, attributes, elements and functions than before."""
    scope["W"] = np.array([1.5, 0.25, -2.0])
    scope["K"] = 0.75
    scope["TABLE"] = {"scale": 2.5, "weights": np.array([-1.0, 0.5, 3.5])}
    scope["SETTINGS"].rate = 0.7
    scope["LAYERS"] = [scope["LAYERS"][0] * 2, scope["LAYERS"][1]]
    scope["adder"] = scope["make_adder"](-1.25)
    scope["scaled"] = scope["shifted"]


# -- gradients ------------------------------------------------------------------------------------
OBJECTIVE = """
def objective({parameters}):
    {copies}
    return weigh(program({parameters}))


def weigh(result):
    total = 0.0
    for number, leaf in enumerate(leaves(result)):
        if isinstance(leaf, (complex, np.complexfloating, np.ndarray)):
            leaf = np.real(leaf) + 0.5 * np.imag(leaf) if np.iscomplexobj(leaf) else leaf
        if isinstance(leaf, (float, np.floating, np.ndarray)) and np.result_type(leaf).kind == "f":
            weights = np.cos(np.arange(np.size(leaf)) + number).reshape(np.shape(leaf))
            total = total + np.sum(leaf * weights)
    return total


def leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item)]
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, (Pair, Record)):
        return [*leaves(value.one), *leaves(value.two)]
    return [value]
"""
COPIES = {
    "params": "params = {{key: value.copy() for key, value in params.items()}}",
    "pair": "pair = (pair[0].copy(), pair[1])",
    "record": "record = Record(record.one.copy(), record.two)",
    "nested": ("nested = {{'deep': [u.copy() for u in nested['deep']], 'rate': nested['rate']}}"),
}
ARRAYS = tuple(
    "vector matrix wide fortran strided single ints bools zero complex half empty column cube long "
    "backward".split()
)


def with_objective(program: Program) -> Program:
    """The program with one real number made of all that it returns."""
    head = next(line for line in program.text.splitlines() if line.startswith("def program("))
    parameters = head[len("def program(") : -2]
    copies = ["pass"]
    for name, kind in zip(parameters.split(", "), program.kinds, strict=True):
        if kind in ARRAYS:
            copies.append(f"{name} = {name}.copy()")
        elif kind in COPIES:
            copies.append(COPIES[kind].format())
    text = OBJECTIVE.format(parameters=parameters, copies="; ".join(copies))
    return Program(program.text + "\n" + text, program.kinds, program.same)


def compare_gradient(scope: dict[str, Any], program: Program, seed: int) -> str:
    """Reverse mode against forward mode and against central differences along a random direction.

    Returns
    -------
    str
        ``"compared"``, or why not: a kink, a number that is not finite, a refusal.
    """
    objective = scope["objective"]
    argnums = tuple([k for k, kind in enumerate(program.kinds) if kind in INEXACT])
    if program.same and 1 in argnums:
        return "aliased"
    value, failure = outcome(objective, program.arguments(seed))
    if failure is not None:
        return "raises"
    with settings.using(numerics="exact"):
        both, error = outcome(value_and_grad(objective, argnums), program.arguments(seed))
    if isinstance(error, errors.TracerError):
        if isinstance(error, REFUSALS):
            raise Refusal(f"{type(error).__name__}: {error}")
        raise Difference(f"gradient: {error!r}") from error
    if error is not None:
        raise Difference(f"gradient: {error!r}") from error
    same(float(both[0]), float(value), "value of value_and_grad")
    _fast(objective, program, argnums, seed, both)
    return _slopes(objective, program, argnums, seed, both[1])


INEXACT = tuple(
    "vector matrix wide fortran strided number scalar zero params pair column cube long backward "
    "empty record nested".split()
)


def _fast(objective: Any, program: Program, argnums: Any, seed: int, exact: Any) -> None:
    """The gradient with rewrites that reassociate."""
    both, error = outcome(value_and_grad(objective, argnums), program.arguments(seed))
    if error is not None:
        raise Difference(f"fast gradient: {error!r}") from error
    for (path, one), (_, other) in zip(flat(both), flat(exact), strict=True):
        if isinstance(one, (np.ndarray, np.generic, float)):
            scale = np.nanmax(np.abs(other), initial=1.0, where=np.isfinite(other))
            tolerance = 1e-4 if np.result_type(one) == np.float32 or is_coarse(program) else 1e-8
            if not np.allclose(one, other, rtol=tolerance, atol=tolerance * scale, equal_nan=True):
                if np.all(np.isfinite(other)) and scale < 1e8:
                    raise Difference(f"fast gradient: {path} {one!r} instead of {other!r}")


def _slopes(objective: Any, program: Program, argnums: Any, seed: int, gradient: Any) -> str:
    random = np.random.default_rng(seed + 1000)
    primals = program.arguments(seed)
    directions = [_direction(primals[k], random) for k in argnums]
    slope = _product(gradient, directions)
    if not np.isfinite(slope):
        return "not finite"
    numeric = [
        _difference(objective, program, argnums, seed, directions, h) for h in (1e-5, 3e-6, 1e-6)
    ]
    scale = 1.0 + abs(slope)
    if is_coarse(program):
        verdict = "compared"  # with forward mode alone: differences drown in float32's rounding
    elif all(np.isfinite(numeric)) and max(numeric) - min(numeric) < 1e-4 * scale:
        if abs(np.median(numeric) - slope) > 1e-3 * scale:
            raise Difference(f"gradient: slope {slope} instead of {numeric}")
        verdict = "compared"
    else:
        verdict = "kink"
    _forward(objective, program, argnums, seed, directions, slope, scale)
    if verdict == "compared" and not is_coarse(program) and len(program.text) % 3 == 0:
        _second(objective, program, argnums, seed, directions)
    return verdict


def is_coarse(program: Program) -> bool:
    """Whether numbers are rounded to less than float64."""
    return any(word in program.text for word in ("float32", "'f4'")) or any(
        kind in program.kinds for kind in ("single", "half")
    )


def _second(
    objective: Any, program: Program, argnums: Any, seed: int, directions: Any
) -> None:  # fmt: skip
    """The slope of a slope against central differences of slopes."""

    def sloped(*arguments: Any) -> Any:
        return _dot(grad(objective, argnums)(*arguments), directions)

    gradient, error = outcome(grad(sloped, argnums), program.arguments(seed))
    if isinstance(error, REFUSALS):
        return
    if error is not None:
        raise Difference(f"second derivative: {error!r}") from error
    slope = _product(gradient, directions)
    numeric = [
        _difference(sloped, program, argnums, seed, directions, h) for h in (1e-4, 3e-5, 1e-5)
    ]
    scale = 1.0 + abs(slope)
    steady = all(np.isfinite([*numeric, slope])) and max(numeric) - min(numeric) < 1e-4 * scale
    if steady and abs(np.median(numeric) - slope) > 1e-3 * scale:
        raise Difference(f"second derivative: slope {slope} instead of {numeric}")


def _dot(gradient: Any, directions: Any) -> Any:
    """As ``_product``, of values that are traced."""
    if isinstance(gradient, Record):
        return _dot([gradient.one, gradient.two], [directions.one, directions.two])
    if isinstance(gradient, dict):
        return sum(_dot(gradient[key], directions[key]) for key in gradient)
    if isinstance(gradient, (tuple, list)):
        return sum(_dot(g, d) for g, d in zip(gradient, directions, strict=True))
    return np.sum(gradient * directions)


def _forward(
    objective: Any, program: Program, argnums: Any, seed: int, directions: Any, slope: float,
    scale: float,
) -> None:  # fmt: skip
    rest = program.arguments(seed)

    def onward(*moved):
        arguments = list(rest)
        for k, value in zip(argnums, moved, strict=True):
            arguments[k] = value
        return objective(*arguments)

    primals = tuple([program.arguments(seed)[k] for k in argnums])
    pushed, error = outcome(jvp, [onward, primals, tuple(directions)])
    if isinstance(error, REFUSALS):
        raise Refusal(f"{type(error).__name__}: {error}")
    if error is not None:
        raise Difference(f"forward mode: {error!r}") from error
    tolerance = 1e-3 if is_coarse(program) else 1e-6
    tolerance = 1e-1 if "half" in program.kinds else tolerance
    if np.isfinite(pushed[1]) and abs(pushed[1] - slope) > tolerance * scale and scale < 1e8:
        raise Difference(f"forward mode: {pushed[1]} instead of {slope}")


def _direction(value: Any, random: Any) -> Any:
    if isinstance(value, dict):
        return {key: _direction(item, random) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple([_direction(item, random) for item in value])
    if isinstance(value, list):
        return [_direction(item, random) for item in value]
    if isinstance(value, Record):
        return Record(_direction(value.one, random), _direction(value.two, random))
    if isinstance(value, np.ndarray):
        return random.normal(size=value.shape)
    return type(value)(random.normal())


def _product(gradient: Any, directions: Any) -> float:
    if isinstance(gradient, Record):
        return _product([gradient.one, gradient.two], [directions.one, directions.two])
    if isinstance(gradient, dict):
        return sum(_product(gradient[key], directions[key]) for key in gradient)
    if isinstance(gradient, (tuple, list)):
        return sum(_product(g, d) for g, d in zip(gradient, directions, strict=True))
    return float(np.sum(np.asarray(gradient) * np.asarray(directions)))


def _difference(
    objective: Any, program: Program, argnums: Any, seed: int, directions: Any, step: float
) -> float:
    ends = []
    for sign in (1, -1):
        arguments = program.arguments(seed)
        for k, direction in zip(argnums, directions, strict=True):
            arguments[k] = _moved(arguments[k], direction, sign * step)
        value, error = outcome(objective, arguments)
        ends.append(float("nan") if error is not None else float(value))
    return (ends[0] - ends[1]) / (2 * step)


def _moved(value: Any, direction: Any, step: float) -> Any:
    if isinstance(value, dict):
        return {key: _moved(value[key], direction[key], step) for key in value}
    if isinstance(value, tuple):
        return tuple([_moved(v, d, step) for v, d in zip(value, direction, strict=True)])
    if isinstance(value, list):
        return [_moved(v, d, step) for v, d in zip(value, direction, strict=True)]
    if isinstance(value, Record):
        return Record(
            _moved(value.one, direction.one, step), _moved(value.two, direction.two, step)
        )
    if isinstance(value, np.ndarray) and value.ndim:
        value[...] = value + step * direction  # keeps strides and order
        return value
    if isinstance(value, np.ndarray):
        return np.array(value + step * direction)
    return type(value)(value + step * direction)


# -- batches --------------------------------------------------------------------------------------
def compare_batch(scope: dict[str, Any], program: Program, seeds: list[int]) -> None:
    """``vmap`` of a program that writes to none of its arguments against one call for each."""
    if program.same or not all(kind in (*ARRAYS, *SHARED) for kind in program.kinds):
        return
    axes = tuple([None if kind in SHARED else 0 for kind in program.kinds])
    if all(axis is None for axis in axes):
        return
    columns = zip(*[program.arguments(seed) for seed in seeds], strict=True)
    stacks = [
        column[0] if axis is None else np.stack(column)
        for axis, column in zip(axes, columns, strict=True)
    ]
    results = []
    for number in range(len(seeds)):
        given = [
            copy.copy(stack if axis is None else stack[number])
            for axis, stack in zip(axes, stacks, strict=True)
        ]
        before = copy.deepcopy(given)
        result, failure = outcome(scope["program"], given)
        if failure is not None or any(bits(a) != bits(b) for a, b in _arrays(given, before)):
            return
        results.append(flat(result))
    if len({tuple([(p, np.shape(v), type(v)) for p, v in _leaves(r)]) for r in results}) > 1:
        return
    if not all(isinstance(v, BATCHED) for _, v in _leaves(results[0])):
        return
    mapped, error = outcome(vmap(scope["program"], axes), stacks)
    if isinstance(error, errors.TracerError):
        return
    if error is not None:
        raise Difference(f"vmap: {error!r}") from error
    columns = zip(*map(_leaves, results), strict=True)
    for (path, got), column in zip(_leaves(flat(mapped)), columns, strict=True):
        wanted = np.stack([value for _, value in column])
        if np.shape(got) != wanted.shape:
            raise Difference(f"vmap: {path} {np.shape(got)} instead of {wanted.shape}")
        exact = wanted.dtype.kind not in "fc"
        tolerance = 1e-3 if is_coarse(program) else 1e-8
        if got.dtype != wanted.dtype or not (
            np.array_equal(got, wanted) if exact
            else np.allclose(got, wanted, rtol=tolerance, atol=tolerance, equal_nan=True)
        ):  # fmt: skip
            raise Difference(f"vmap: {path} {got!r} instead of {wanted!r}")


SHARED = ("number", "scalar", "whole", "flag", "mode")
BATCHED = (np.ndarray, np.generic, float)


def _leaves(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(path, value) for path, value in found if not isinstance(value, (list, tuple, dict))]


def _arrays(left: list[Any], right: list[Any]) -> list[tuple[Any, Any]]:
    pairs = zip(left, right, strict=True)
    return [(a, b) for a, b in pairs if isinstance(a, np.ndarray)]


def compare(program: Program, folder: str | None = None, seeds: tuple[int, ...] = (0, 1, 2)) -> str:
    """Everything that must agree; what became of the gradient.

    Raises
    ------
    Difference, Refusal
    """
    full = with_objective(program)
    scope = load(full, folder)
    try:
        compare_values(scope, full, list(seeds))
        compare_batch(scope, full, list(seeds))
        return compare_gradient(scope, full, seeds[0])
    finally:
        forget(scope)
