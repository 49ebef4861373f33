"""Gradients of a program: reverse, forward and second order against one another and differences.

>>> compare_gradient(scope, with_objective(program), seed=0)
'compared'
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.fuzz.outcomes import REFUSALS, Difference, Refusal, flat, outcome, same
from tests.fuzz.records import Record
from tests.fuzz.writer import ARRAYS, INEXACT, Program, is_coarse
from tracer import errors, grad, jvp, settings, value_and_grad

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
        if abs(np.median(numeric) - slope) > 1e-3 * scale and scale < 1e8:
            raise Difference(f"gradient: slope {slope} instead of {numeric}")
        verdict = "compared"
    else:
        verdict = "kink"
    if verdict == "compared" or "linalg" not in program.text:  # two equal eigenvalues: no slope
        _forward(objective, program, argnums, seed, directions, slope, scale)
    if verdict == "compared" and not is_coarse(program) and len(program.text) % 3 == 0:
        _second(objective, program, argnums, seed, directions)
    return verdict


def _second(objective: Any, program: Program, argnums: Any, seed: int, directions: Any) -> None:
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
    objective: Any,
    program: Program,
    argnums: Any,
    seed: int,
    directions: Any,
    slope: float,
    scale: float,
) -> None:
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
