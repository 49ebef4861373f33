"""``check=True``: now and then a traced call is compared with the plain function.

On calls 1, 2, 4, 8 … of a program the plain function runs on copies of the arguments.

>>> @trace(check=True)
... def f(x):
...     return x * time.time()
>>> f(1.0); f(1.0)
CheckFailed: f gave another value than the plain function: 1764.1 instead of 1764.3 at result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer import errors, settings, trees
from tracer.recording.streams import GLOBAL, moved, put_back, states_of
from tracer.recording.tensor import TracedTensor


def is_due(leaf: Any, chosen: bool | None) -> bool:
    """Count a call; whether this one is compared."""
    asked = settings.current().check if chosen is None else chosen
    if not asked and not leaf.trace.formatted:  # a number may have been read from its own text
        return False
    leaf.calls += 1
    return leaf.calls & (leaf.calls - 1) == 0


def compare(
    name: str, plain: Callable[..., Any], arguments: tuple[tuple, dict[str, Any]],
    run: Callable[[], Any], value_of: Callable[[Any], Any] = lambda result: result,
    exact: bool = True, streams: Sequence[Any] = (),
) -> Any:  # fmt: skip
    """Run the program and, on copies, the plain function; the program's result.

    ``streams`` are the random streams that both draw from: each starts from the same states.

    Raises
    ------
    CheckFailed
        If types, dtypes, shapes or values differ, of results or of written arguments.
    """
    copies = trees.map(_copied, arguments)
    before = states_of([*streams, GLOBAL])
    expected = plain(*copies[0], **copies[1])
    after = states_of(streams)
    put_back(before)
    result = run()
    if moved(after):
        raise _failure(name, "state of a random stream", "one draw", "another")
    _same(name, value_of(result), expected, "result", exact)
    _same(name, arguments[0], copies[0], "arguments", True)
    return result


def _copied(leaf: Any) -> Any:
    return leaf.copy(order="K") if type(leaf) is np.ndarray else leaf


def _same(name: str, got: Any, expected: Any, where: str, exact: bool) -> None:
    leaves, structure = trees.flatten(got)
    others, wanted = trees.flatten(expected)
    if structure != wanted:
        raise _failure(name, where, structure, wanted)
    for path, left, right in zip(trees.paths(expected, where), leaves, others, strict=True):
        if isinstance(left, TracedTensor) or left is right:
            continue
        if type(left) is not type(right):
            raise _failure(name, path, type(left).__name__, type(right).__name__)
        if isinstance(left, (np.ndarray, np.generic)):
            if left.dtype != right.dtype or left.shape != right.shape:
                raise _failure(
                    name, path, f"{left.dtype}{left.shape}", f"{right.dtype}{right.shape}"
                )
            if not _equal(left, right, exact):
                raise _failure(name, path, left, right)
        elif isinstance(left, (bool, int, float, complex, str)) and repr(left) != repr(right):
            raise _failure(name, path, left, right)


def _equal(left: Any, right: Any, exact: bool) -> bool:
    if left.dtype.kind not in "fc":
        return bool(np.array_equal(left, right))
    if exact:
        same = (left == right) & (np.signbit(left.real) == np.signbit(right.real))
        return bool(np.all(same | (np.isnan(left) & np.isnan(right))))
    tolerance = float(np.sqrt(np.finfo(left.dtype).eps))
    return bool(np.allclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True))


def _failure(name: str, path: str, got: Any, expected: Any) -> errors.CheckFailed:
    return errors.CheckFailed(
        f"{name} gave another {path} than the plain function: {got} instead of {expected}.", None,
        "look for what tracing sees only once: the time, a file, a counter, text made a number",
    )  # fmt: skip
