"""The row format of the tables of rules, and what is asserted of each row.

One line is one function with some of its signatures:

>>> row("sum", reals(4, 3), axis=each(None, 0, (0, 1)), keepdims=each(False, True))
>>> row("median", lambda x: np.median(x, axis=1), distinct(4, 3))
>>> row("linalg.inv", reals(3, 3)).but(dtypes="fFD")
>>> row("ndarray.sum", reals(4, 3), axis=1).but(order=1)

The name is the function's in the coverage table: ``sum``, ``linalg.norm``, ``fft.rfft``,
``ndarray.sum``, ``ufunc.reduce``, ``special.erf``, ``r_``. What follows are operands: *draws*, made
anew for every dtype and layout; arrays and numbers, taken as they are. A callable right after the
name is the call, where the function of that name can't be called on the operands just so. Keyword
arguments are the call's; ``each(...)`` runs through alternatives, here and in place of an operand.

``but`` changes what is checked: ``dtypes`` besides double precision, in the letters of ``np.dtype``
(``efgFDG``, and ``i``, ``?``, for values alone), ``order`` of derivatives (0: the value only),
``tolerance``, ``step`` of the differences.

Of every combination: the traced value has NumPy's type, dtype, shape and bits, and so has every
other layout (Fortran order, reversed, strided); the graph passes its checks; JVP, VJP, and the JVP
and VJP of the VJP agree with differences of fourth order. The first combination of a row runs as
a compiled program too, with its pullback.
"""

from __future__ import annotations

import itertools
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.recording.agreement import same
from tracer import trace, trees, vjp
from tracer.graph.calcgraph import CalcGraph
from tracer.graph.check import check
from tracer.graph.evaluate import evaluate
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse


# -- draws --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Draw:
    """An operand to be made: ``make(random)`` in double precision.

    A complex dtype gives a real draw an imaginary part if it is ``flexible``; integer and bool
    dtypes round it.
    """

    make: Callable[[np.random.Generator], Any]
    flexible: bool = True

    def __call__(self, random: np.random.Generator, dtype: str) -> Any:
        value = np.asarray(self.make(random))
        if not self.flexible:
            return _scalar(value)
        target = np.dtype(dtype)
        if target.kind == "c" and value.dtype.kind == "f":
            value = value + 1j * np.asarray(self.make(random))
        if target.kind in "iub":
            value = np.rint(value * (1 if target.kind == "b" else 3))
        if target.kind != "c" and value.dtype.kind == "c":
            target = np.result_type(target, np.complex64)
        return _scalar(value.astype(target))


def _scalar(value: np.ndarray) -> Any:
    return value[()] if value.ndim == 0 else value


def reals(*shape: int, low: float = -2.0, high: float = 2.0) -> Draw:
    """Uniform between two bounds; with no shape a NumPy scalar."""
    return Draw(lambda random: random.uniform(low, high, shape))


def positive(*shape: int, low: float = 0.5, high: float = 2.0) -> Draw:
    return reals(*shape, low=low, high=high)


def distinct(*shape: int, low: float = -2.0, high: float = 2.0) -> Draw:
    """Numbers no two of which are close, none close to 0: for sorting and for extremes."""

    def make(random: np.random.Generator) -> np.ndarray:
        count = int(np.prod(shape))
        grid = low + (high - low) * (np.arange(count) + 0.37) / max(count, 1)
        return random.permutation(grid).reshape(shape)

    return Draw(make)


def complexes(*shape: int) -> Draw:
    return Draw(lambda random: random.uniform(-2, 2, shape) + 1j * random.uniform(-2, 2, shape))


def integers(*shape: int, low: int = 0, high: int = 5) -> Draw:
    """Integers from ``low`` to ``high - 1``, whatever the dtype of the check."""
    return Draw(lambda random: random.integers(low, high, shape), flexible=False)


def booleans(*shape: int) -> Draw:
    """Truth values, the first of each row true."""

    def make(random: np.random.Generator) -> np.ndarray:
        mask = random.random(shape) < 0.6
        mask[..., :1] = True
        return mask

    return Draw(make, flexible=False)


def definite(*shape: int) -> Draw:
    """Symmetric positive definite matrices with eigenvalues well apart."""

    def make(random: np.random.Generator) -> np.ndarray:
        q = np.linalg.qr(random.normal(size=shape))[0]
        return (q * (1.0 + np.arange(shape[-1]))) @ np.swapaxes(q, -1, -2)

    return Draw(make)


def constant(value: Any) -> Draw:
    """A given array, cast to each dtype."""
    return Draw(lambda random: np.array(value))


# -- rows ---------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Each:
    values: tuple


def each(*values: Any) -> Each:
    """Alternatives of one argument: each is checked."""
    return Each(values)


@dataclass(frozen=True)
class Row:
    """A function by name, its operands and keywords, and what is checked of it."""

    name: str
    operands: tuple
    keywords: dict[str, Any]
    call: Callable[..., Any] | None = None
    order: int = 2
    dtypes: str = "f"
    tolerance: float = 2e-6
    step: float = 2e-4

    def but(self, **changes: Any) -> Row:
        """The row with other checks."""
        return replace(self, **changes)

    def cases(self) -> Iterator[tuple[tuple, dict[str, Any]]]:
        """Every combination of the alternatives: operands and keywords."""
        slots = [*self.operands, *self.keywords.values()]
        choices = [slot.values if isinstance(slot, Each) else (slot,) for slot in slots]
        for chosen in itertools.product(*choices):
            count = len(self.operands)
            yield chosen[:count], dict(zip(self.keywords, chosen[count:]))

    def function(self) -> Callable[..., Any]:
        return self.call or resolve(self.name)

    def __str__(self) -> str:
        return self.name


def row(name: str, *operands: Any, **keywords: Any) -> Row:
    """One line of a table; see the module's text."""
    call = None
    if operands and callable(operands[0]) and not isinstance(operands[0], (Draw, Each)):
        call, *rest = operands
        operands = tuple(rest)
    return Row(name, operands, keywords, call)


def resolve(name: str) -> Callable[..., Any]:
    """The callable of a name of the coverage table."""
    if name.startswith("special."):
        import scipy.special

        return getattr(scipy.special, name.removeprefix("special."))
    if name.startswith("ndarray."):
        method = name.removeprefix("ndarray.")
        return lambda x, *args, **kwargs: getattr(x, method)(*args, **kwargs)
    target: Any = np
    for part in name.split("."):
        target = getattr(target, part)
    return target


# -- checks -------------------------------------------------------------------------------------
NUMBERS = (np.ndarray, np.generic, float, complex)
LOOSE = {"e": 5e-2, "f": 2e-3, "F": 2e-3, "d": 0.0, "D": 0.0, "g": 0.0, "G": 0.0}


def verify(line: Row) -> None:
    """Assert all that is promised of a row."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for number, (operands, keywords) in enumerate(line.cases()):
            _verify_case(line, operands, keywords, compiled=number == 0)


def _verify_case(line: Row, operands: tuple, keywords: dict, compiled: bool) -> None:
    call = spelled_out(line.function(), keywords)
    arguments = drawn(line.name, operands, "d")
    graph = recorded(call, arguments)
    if compiled:
        same(trace(call)(*arguments), call(*arguments), "compiled")
        for layout in LAYOUTS:
            moved = [layout(a) for a in arguments]
            same_values(recorded(call, moved), moved, call, layout.__name__)
    gradients = None
    if line.order:
        gradients = derivatives(graph, arguments, plain(call), line)
        if compiled:
            _compiled_pullback(call, arguments, graph)
    for dtype in line.dtypes:
        moved = drawn(line.name, operands, dtype)
        lower = recorded(call, moved)
        same_values(lower, moved, call, dtype)
        if line.order and gradients is not None and dtype in LOOSE:
            _other_precision(lower, moved, call, dtype, line)


def spelled_out(function: Callable[..., Any], keywords: dict[str, Any]) -> Callable[..., Any]:
    """A call with its keywords written as literals, so that no number is a capture."""
    given = ", ".join(f"{name}={literal(value)}" for name, value in keywords.items())
    scope = {"function": function, "np": np}
    return eval(f"lambda *arguments: function(*arguments, {given})", scope)


def literal(value: Any) -> str:
    """The Python text of a value; that of an array is a list, that of a type its name."""
    if isinstance(value, np.ndarray):
        return repr(value.tolist())
    if isinstance(value, type):
        return f"np.{value.__name__}"
    return "np.inf" if value == np.inf else "-np.inf" if value == -np.inf else repr(value)


def drawn(name: str, operands: tuple, dtype: str) -> list[Any]:
    """The operands of one check; the same numbers for every dtype."""
    found = []
    for place, operand in enumerate(operands):
        seed = zlib.crc32(f"{name} {place}".encode())
        drawing = isinstance(operand, Draw)
        found.append(operand(np.random.default_rng(seed), dtype) if drawing else operand)
    return found


def recorded(call: Callable[..., Any], arguments: list[Any]) -> CalcGraph:
    """The checked forward graph; its inputs are the arrays and floats of the arguments."""
    graph = trace(call).graph(*arguments, mode="forward")
    check(graph)
    same_values(graph, arguments, call, "interpreted")
    return graph


def numbers(arguments: Any) -> list[Any]:
    """The leaves that are inputs of a graph: arrays, NumPy scalars, floats."""
    return [leaf for leaf in trees.flatten(tuple(arguments))[0] if isinstance(leaf, NUMBERS)]


def same_values(graph: CalcGraph, arguments: list, call: Callable[..., Any], what: str) -> None:
    """Type, dtype, shape and bits of every number in the result."""
    leaves = [copied(leaf) for leaf in numbers(arguments)]
    expected = trees.flatten(call(*[copied(a) for a in arguments]))[0]
    got = evaluate(graph, leaves)
    same(got, [leaf for leaf in expected if leaf is not None][: len(got)], what)


def copied(value: Any) -> Any:
    return value.copy(order="K") if isinstance(value, np.ndarray) else value


def fortran(value: Any) -> Any:
    return np.asfortranarray(value) if np.ndim(value) > 1 else value


def reversed_(value: Any) -> Any:
    """The same numbers in memory that runs backwards."""
    return np.flip(np.flip(value).copy()) if np.ndim(value) else value


def strided(value: Any) -> Any:
    return np.repeat(value, 2, axis=-1)[..., ::2] if np.ndim(value) else value


LAYOUTS = (fortran, reversed_, strided)


def plain(call: Callable[..., Any]) -> Callable[[list], list]:
    """The function itself from leaves to leaves, to take differences of."""

    def run(arguments: list) -> list:
        return numbers([call(*[copied(a) for a in arguments])])

    return run


def derivatives(
    graph: CalcGraph, arguments: list, run: Callable[[list], list], line: Row
) -> list | None:
    """Check both modes to the row's order; the gradients, or None if nothing is inexact."""
    leaves = numbers(arguments)
    moving = [k for k, node in enumerate(graph.inputs) if node.spec.is_inexact]
    ends = [k for k, node in enumerate(graph.outputs) if node.spec.is_inexact]
    if not moving or not ends:
        return None

    def restore(points: list) -> list:
        left = iter(points)
        return trees.map(lambda a: next(left) if isinstance(a, NUMBERS) else a, arguments)

    return _agree(graph, leaves, lambda points: run(restore(points)), line, line.order)


def _agree(
    graph: CalcGraph, leaves: list, run: Callable[[list], list], line: Row, order: int
) -> list:
    moving = [k for k, node in enumerate(graph.inputs) if node.spec.is_inexact]
    ends = [k for k, node in enumerate(graph.outputs) if node.spec.is_inexact]
    joint, push = check(reverse(graph, moving)), forward(graph, moving)
    check(push)
    random = np.random.default_rng(7)
    values = evaluate(graph, leaves)
    tangents = [like(leaves[k], random) for k in moving]
    cts = [like(values[k], random) for k in ends]
    count = len(graph.outputs)
    pulled = evaluate(joint, [*leaves, *cts])[count:]
    pushed = evaluate(push, [*leaves, *tangents])[count:]
    for k, value in zip(moving, pulled, strict=True):
        assert np.shape(value) == np.shape(leaves[k]), "shape of a gradient"
        assert np.asarray(value).dtype == graph.inputs[k].dtype, "dtype of a gradient"
    slopes = _differences(run, leaves, moving, tangents, line.step)
    slopes = [slope for slope in slopes if np.asarray(slope).dtype.kind in "fc"]
    for k, got, slope in zip(ends, pushed, slopes, strict=True):
        assert np.shape(got) == np.shape(values[k]), "shape of a tangent"
        assert np.asarray(got).dtype == graph.outputs[k].dtype, "dtype of a tangent"
        close(got, slope, line.tolerance, f"JVP, order {line.order - order + 1}")
    parts = [np.ravel(np.asarray(c) * np.asarray(s)).real for c, s in zip(cts, slopes)]
    size = sum(float(np.sum(np.abs(part))) for part in parts)
    backward = sum(float(np.sum(np.real(g * t))) for g, t in zip(pulled, tangents))
    numeric = sum(float(np.sum(part)) for part in parts)
    assert not np.isfinite(numeric) or abs(backward - numeric) <= line.tolerance * (1 + size), (
        f"VJP, order {line.order - order + 1}: {backward} instead of {numeric}"
    )
    if order > 1:
        again = joint.replace(outputs=joint.outputs[count:], records=(), roles=None)
        inputs = [*leaves, *cts]
        _agree(again, inputs, lambda points: evaluate(again, points), line, order - 1)
    return pulled


def like(value: Any, random: np.random.Generator) -> Any:
    """Random numbers of size about 1 for a value: a tangent or a cotangent."""
    dtype, shape = np.asarray(value).dtype, np.shape(value)
    numbers = random.uniform(-1, 1, size=shape)
    if dtype.kind == "c":
        numbers = numbers + 1j * random.uniform(-1, 1, size=shape)
    numbers = np.asarray(numbers, dtype)
    return numbers if isinstance(value, np.ndarray) else numbers[()]


def _differences(
    run: Callable[[list], list], leaves: list, moving: list[int], tangents: list, step: float
) -> list:
    """Differences of fourth order along the tangents."""

    def at(far: float) -> list:
        points = list(leaves)
        for k, tangent in zip(moving, tangents, strict=True):
            points[k] = leaves[k] + far * tangent
        return [np.asarray(value) for value in run(points)]

    near = [at(step), at(-step), at(2 * step), at(-2 * step)]
    found = []
    for a, b, c, d in zip(*near, strict=True):
        exact = a.dtype.kind not in "fc"
        found.append(a if exact else (8 * (a - b) - (c - d)) / (12 * step))
    return found


def close(got: Any, expected: Any, tolerance: float, what: str) -> None:
    """Both finite at the same places, and equal within a share of the largest number."""
    got, expected = np.asarray(got), np.asarray(expected)
    gap = np.abs(np.where(np.isfinite(expected), got - expected, 0.0))
    finite = np.abs(expected[np.isfinite(expected)])
    limit = tolerance * (1 + float(np.max(finite, initial=0.0)))
    assert np.all(gap <= limit), f"{what}: {got} instead of {expected}"


def _compiled_pullback(call: Callable[..., Any], arguments: list, graph: CalcGraph) -> None:
    """The compiled pullback gives what the interpreted one does."""
    moving = [k for k, node in enumerate(graph.inputs) if node.spec.is_inexact]
    ends = [k for k, node in enumerate(graph.outputs) if node.spec.is_inexact]
    places = [k for k, argument in enumerate(arguments) if _moves(argument)]
    if not ends or len(places) != len(moving):
        return

    def of_moving(*points: Any) -> Any:
        filled = list(arguments)
        for place, point in zip(places, points):
            filled[place] = point
        return call(*filled)

    value, pullback = vjp(of_moving, *[arguments[place] for place in places])
    random = np.random.default_rng(11)
    cts = [like(one, random) for one in numbers([value])]
    left = iter(cts)
    seeds = trees.map(lambda leaf: next(left) if isinstance(leaf, NUMBERS) else leaf, value)
    wanted = evaluate(reverse(graph, moving), [*numbers(arguments), *[cts[k] for k in ends]])
    for mine, expected in zip(pullback(seeds), wanted[len(graph.outputs) :], strict=True):
        close(mine, expected, 1e-9, "compiled pullback")


def _moves(argument: Any) -> bool:
    return isinstance(argument, NUMBERS) and np.asarray(argument).dtype.kind in "fc"


def _other_precision(
    graph: CalcGraph, arguments: list, call: Callable[..., Any], dtype: str, line: Row
) -> None:
    """The gradient keeps its dtype and is that of the same point in double precision."""
    wide = [_wide(a) for a in arguments]
    if all(np.asarray(a).dtype == np.asarray(b).dtype for a, b in zip(arguments, wide)):
        if dtype in "D":
            derivatives(graph, arguments, plain(call), line.but(order=min(line.order, 2)))
        return
    double = recorded(call, wide)
    moving = [k for k, node in enumerate(graph.inputs) if node.spec.is_inexact]
    ends = [k for k, node in enumerate(graph.outputs) if node.spec.is_inexact]
    if not moving or not ends:
        return
    random = np.random.default_rng(13)
    values = evaluate(graph, numbers(arguments))
    cts = [like(values[k], random) for k in ends]
    got = evaluate(reverse(graph, moving), [*numbers(arguments), *cts])[len(graph.outputs) :]
    expected = evaluate(reverse(double, moving), [*numbers(wide), *[_wide(ct) for ct in cts]])[
        len(graph.outputs) :
    ]
    loose = max(
        [
            1e-9,
            *[
                LOOSE[np.asarray(a).dtype.char]
                for a in numbers(arguments)
                if np.asarray(a).dtype.kind in "fc"
            ],
        ]
    )
    for k, mine, other in zip(moving, got, expected, strict=True):
        assert np.asarray(mine).dtype == graph.inputs[k].dtype, f"dtype of a gradient in {dtype}"
        close(np.asarray(mine, np.asarray(other).dtype), other, loose, dtype)


def _wide(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc":
        return _scalar(np.asarray(value).astype("D" if value.dtype.kind == "c" else "d"))
    return value
