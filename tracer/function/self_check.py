"""``check=True``: now and then a traced call is compared with the plain function.

On the call that traces, the program is compared with the values of the trace, and a gradient that
comes of these values with that of the interpreter; on calls 2, 4, 8 … of a program the user's
function runs once more, on copies of the arguments, so that what it prints or writes happens once
per call, as it would without tracing.

>>> @trace(check=True)
... def f(x):
...     return x * time.time()
>>> f(1.0); f(1.0)
CheckFailed: f gave another value than the plain function: 1764.1 instead of 1764.3 at result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

import numpy as np

from tracer import errors, settings, trees
from tracer.python.unwrap import innermost
from tracer.recording.arguments import private_copy
from tracer.recording.random.streams import GLOBAL, moved, put_back, states_of
from tracer.recording.tensor.tensor import TracedTensor
from tracer.recording.writeback.places import StateSnapshot, rows_of


def is_due(specialization: Any, chosen: bool | None) -> bool:
    """Count a call; whether this one is compared."""
    asked = settings.current().check if chosen is None else chosen
    if not asked and not specialization.trace.formatted:
        return False  # else a number may have been read from its own text
    specialization.calls += 1
    return specialization.calls & (specialization.calls - 1) == 0


def compare(
    specialization: Any,
    plain: Callable[..., Any],
    arguments: tuple[tuple, dict[str, Any]],
    run: Callable[[], Any],
    retraced: Callable[[tuple, dict[str, Any]], Any] | None = None,
    streams: Sequence[Any] = (),
    interpreted: Callable[[], Any] | None = None,
) -> Any:
    """Run the program and what it is compared with; the program's result.

    A specialization that was traced for this very call is expected to give the values of its trace;
    another what the plain function gives, on copies of the arguments, with the random ``streams``
    as they were. A gradient is checked where ``retraced`` is given: ``run`` then gives
    ``(value, gradient)``, and so do ``retraced``, a new trace that takes turns with the plain
    function, and ``interpreted``, of the interpreter, for a call that ends with a tape.

    Raises
    ------
    CheckFailed
        If types, dtypes, shapes or values differ, of results, gradients or written arguments.
    """
    args, kwargs = trees.map(_copied, arguments)
    trace, seen = specialization.trace, list(specialization.trace.traced_values)
    before = [*states_of(streams), *states_of([GLOBAL])]
    places = trace.changes.mutations if trace.changes is not None else ()
    saved = StateSnapshot(places, plain, trees.flatten(arguments)[0])
    found = saved.now()
    result = run()
    written, drawn = saved.now(), states_of(streams)
    report = Report(
        plain, specialization, exact=retraced is None or specialization.numerics == "exact"
    )
    value = result if retraced is None else result[0]
    if seen:
        report.same(value, trace.outputs(seen), "result")
        if interpreted is not None:
            with _rewound(before):
                report.exact = False
                report.same(result, interpreted(), "value and gradient")
        return result
    with _rewound(before):
        saved.fill(found)
        try:
            if retraced is not None and specialization.calls.bit_length() % 2 == 0:
                report.same(result, retraced(args, kwargs), "value and gradient")
                return result
            expected = plain(*args, **kwargs)
            if moved(drawn):
                raise report.failure("state of a random stream", "one draw", "another")
        finally:
            others = saved.now()
            saved.fill(written)
    report.same(value, expected, "result")
    report.same(arguments[0], args, "arguments")
    if retraced is None:  # derivatives write when they are done
        report.same(rows_of(written), rows_of(others), "written objects")
    return result


@contextmanager
def _rewound(states: Sequence[tuple[Any, Any]]) -> Iterator[None]:
    """Random streams as they were, until the block ends."""
    now = states_of([stream for stream, _ in states])
    put_back(states)
    try:
        yield
    finally:
        put_back(now)


# Names in a user's code that stand for what tracing sees once, and what they stand for.
CAUSES = {
    "time": "the time",
    "perf_counter": "the time",
    "monotonic": "the time",
    "now": "the time",
    "today": "the date",
    "open": "a file",
    "read_text": "a file",
    "loadtxt": "a file",
    "load": "a file",
    "input": "what a person types",
    "getpid": "the process",
    "id": "an address",
    "random": "random numbers",
    "uuid4": "random numbers",
    "next": "an iterator that moves on",
}


def likely_cause(plain: Callable[..., Any], specialization: Any) -> str:
    """What to look for, from the names in the user's code."""
    if specialization.trace.formatted:
        return "a number was made of the text of a traced value: use the value itself"
    for code in _codes(getattr(innermost(plain), "__code__", None)):
        for name in reversed(code.co_names):
            if name in CAUSES:
                return f"{code.co_name} reads {CAUSES[name]} ({name}): pass it as an argument"
    return "look for what tracing sees only once: the time, a file, a counter, text made a number"


def _codes(code: Any) -> Iterator[CodeType]:
    if code is not None:
        yield code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from _codes(constant)


def _copied(leaf: Any) -> Any:
    return private_copy(leaf) if type(leaf) is np.ndarray else leaf


class Report:
    """Compares, and says what differs and why that may be."""

    def __init__(self, plain: Callable[..., Any], specialization: Any, exact: bool):
        self.plain = plain
        self.specialization = specialization
        self.exact = exact

    def same(self, got: Any, expected: Any, where: str) -> None:
        leaves, structure = trees.flatten(got)
        others, wanted = trees.flatten(expected)
        if structure != wanted:
            raise self.failure(where, structure, wanted)
        for path, left, right in zip(trees.paths(expected, where), leaves, others, strict=True):
            if isinstance(left, TracedTensor) or left is right:
                continue
            if type(left) is not type(right):
                raise self.failure(path, type(left).__name__, type(right).__name__)
            if isinstance(left, (np.ndarray, np.generic)):
                if left.dtype != right.dtype or left.shape != right.shape:
                    shapes = [f"{x.dtype}{x.shape}" for x in (left, right)]
                    raise self.failure(path, *shapes)
                if not _equal(left, right, self.exact):
                    raise self.failure(path, left, right)
            elif isinstance(left, (bool, int, float, complex, str)) and repr(left) != repr(right):
                raise self.failure(path, left, right)

    def failure(self, path: str, got: Any, expected: Any) -> errors.CheckFailed:
        name = getattr(self.plain, "__name__", "The function")
        return errors.CheckFailed(
            f"{name} gave another {path} than the plain function: {got} instead of {expected}.",
            None,
            likely_cause(self.plain, self.specialization),
        )


def _equal(left: Any, right: Any, exact: bool) -> bool:
    if left.dtype.kind not in "fc":
        return bool(np.array_equal(left, right))
    if exact:
        same = (left == right) & (np.signbit(left.real) == np.signbit(right.real))
        return bool(np.all(same | (np.isnan(left) & np.isnan(right))))
    tolerance = float(np.sqrt(np.finfo(left.dtype).eps))
    scale = np.max(np.abs(right), initial=0.0, where=np.isfinite(right))
    near = np.isclose(left, right, tolerance, tolerance * float(scale), equal_nan=True)
    return bool(np.all(near))
