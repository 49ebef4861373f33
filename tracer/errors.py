"""The exception tree: each class says what happened, where in the user's code, and what to do.

>>> raise MissingRule("special.ellip_harm has no derivative rule.", origin, fix="…custom_vjp")
MissingRule: special.ellip_harm has no derivative rule.
  File "model.py", line 16, in model
    field = special.ellip_harm(h2, k2, 1, 1, s) * 2
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
Fix: give it one with tracer.custom_vjp

Each docstring is an entry of ``docs/errors.md``: what it means, code that raises it, the fix.
"""

from __future__ import annotations

from typing import Protocol

WIDTH = 92  # of the user's statement in a message


class Place(Protocol):
    """What an error needs to know of an Origin."""

    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def end_column(self) -> int: ...
    @property
    def expression(self) -> str: ...
    @property
    def statement(self) -> str: ...
    @property
    def function(self) -> str: ...


class TracerError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message : str
        What happened, one sentence.
    place : Origin or None
        Where in the user's code.
    fix : str
        What to do, one sentence.
    """

    def __init__(self, message: str, place: Place | None = None, fix: str = ""):
        self.message = message
        self.place = place
        self.fix = fix
        super().__init__(message)

    def __reduce__(self):
        return type(self), (self.message, self.place, self.fix)

    def __str__(self) -> str:
        lines = [self.message]
        if self.place is not None:
            lines.append(locate(self.place))
        if self.fix:
            lines.append(f"Fix: {self.fix}")
        return "\n".join(lines)


def locate(place: Place) -> str:
    """The user's line with a caret under the expression, as a traceback shows it."""
    text = [f'  File "{place.file}", line {place.line}, in {place.function}']
    statement = place.statement.strip()
    if statement:
        start = statement.find(place.expression) if place.expression else -1
        statement, start = _window(statement, start, len(place.expression))
        text.append(f"    {statement}")
        if start >= 0:
            marks = min(max(len(place.expression), 1), len(statement) - start)
            text.append("    " + " " * start + "^" * marks)
    return "\n".join(text)


def _window(statement: str, start: int, length: int) -> tuple[str, int]:
    """The part of a long statement around an expression, and where the expression starts in it."""
    if len(statement) <= WIDTH:
        return statement, start
    first = max(0, min(start - 20, len(statement) - WIDTH)) if start + length > WIDTH else 0
    part = statement[first : first + WIDTH]
    if first:
        part = "…" + part[1:]
    if first + WIDTH < len(statement):
        part = part[:-1] + "…"
    return part, start - first if start >= 0 else start


class LeakError(TracerError, TypeError):
    """Untraced code tried to read a traced value's memory; the number would have been lost.

    Raised when a function that NumPy does not dispatch, such as a C extension, receives a traced
    array. The error is raised again when the traced function returns, even if a library has
    caught it: a program that went on without the number would be silently wrong.

    >>> @trace
    ... def f(x):
    ...     return pickle.dumps(x)
    >>> f(np.ones(3))

    Fix: do that step outside the traced function, or give it a rule with ``custom_vjp``.
    """


class ConversionError(LeakError):
    """A traced float was turned into a Python number, which would drop its gradient.

    >>> @trace
    ... def f(x):
    ...     return struct.pack("d", x.sum())
    >>> f(np.ones(3))

    In a traced function ``float()``, ``math.sin()`` and their like take a traced number and give
    one; code in C that asks for a float can't.

    Fix: calculate with the number itself, or take the step outside the traced function.
    """


class CaptureMutationError(LeakError):
    """The function changed something outside of it in a way that no later call would repeat.

    Attributes, items of dicts and lists, globals and closure variables are written in every call.
    Not so arrays and sets, and what a helper does to a list or dict of numbers that it is handed.

    >>> history = np.zeros(3)
    >>> @trace
    ... def f(x):
    ...     history[0] = x.sum()
    >>> f(np.ones(3))

    Fix: make the array inside the function, and return it, or put a new one in its place.
    """


class MissingRule(TracerError, NotImplementedError):
    """A function has no derivative rule, or none for these arguments; zero is never assumed.

    >>> grad(lambda x, rng: rng.standard_gamma(x))(2.0, np.random.default_rng(0))

    Fix: write it with functions that have one, give it one with ``custom_vjp``, or say that it is
    constant with ``stop_gradient``.
    """


class NonScalarOutput(TracerError, TypeError):
    """``grad`` of a function whose result is not one number.

    >>> grad(np.sin)(np.ones(3))

    Fix: reduce the result (``.sum()``), or ask for ``jacobian``, ``vjp`` or ``elementwise_grad``.
    """


class IntegerArgument(TracerError, TypeError):
    """A derivative with respect to integers or bools, which do not vary continuously.

    >>> grad(np.square)(3)

    Fix: pass a float (``3.0``, ``x.astype(float)``), or choose other arguments with ``argnums``.
    """


class ArgnumsError(TracerError, ValueError):
    """``argnums`` names no argument of the function.

    >>> grad(np.sin, argnums=1)(1.0)

    Fix: count positional arguments from 0.
    """


class UnknownOption(TracerError, ValueError):
    """An option of `trace` or of ``source`` was given a value that it does not have.

    >>> trace(np.sin, backend="fortran")

    Fix: one of the values that the message names.
    """


class UserShapeError(TracerError, ValueError):
    """NumPy refused the shapes inside the user's function.

    The message is NumPy's own, with the line of the function and the shapes of the operands.

    >>> trace(np.matmul)(np.ones((2, 3)), np.ones((2, 3)))

    Fix: the shapes on that line.
    """


class BatchError(TracerError, ValueError):
    """``vmap`` can't tell what the examples are, or how their results fit together.

    >>> vmap(np.dot)(np.ones((4, 3)), np.ones((5, 3)))

    Fix: map axes of one length, and say None in ``in_axes`` for what all examples share.
    """


class UnsupportedType(TracerError, TypeError):
    """An argument of a type that can't be traced: masked, object, structured, sparse, pandas.

    Converting it silently would lose the mask, the labels or the sparsity.

    >>> trace(np.sum)(np.ma.masked_array([1.0, 2.0], mask=[True, False]))

    Fix: pass plain arrays: ``.filled(0)``, ``.toarray()``, ``.to_numpy()``.
    """


class RecursiveTrace(TracerError, RecursionError):
    """A traced function calls itself without end.

    A recursion that ends is fine: it is unrolled.

    >>> @trace
    ... def f(x):
    ...     return f(x / 2)
    >>> f(1.0)

    Fix: give the recursion a condition that does not depend on traced floats alone.
    """


class NoLayoutEngine(TracerError, RuntimeError):
    """No Graphviz engine could lay out the picture.

    ``$TRACER_DOT``, ``dot`` on the path and ``graphviz-pure`` are tried in this order.

    Fix: ``pip install graphviz-pure``, or write the ``.dot`` text and lay it out elsewhere.
    """


class GraphError(TracerError, ValueError):
    """A CalcGraph breaks one of its invariants; a defect of a pass, not of the user.

    >>> graph = trace(np.sin).graph(1.0, mode="forward")
    >>> check(graph.replace(order=graph.order[::-1]))

    Fix: report it, with the function that was traced.
    """


class CheckFailed(TracerError, AssertionError):
    """The traced program and the plain function differ.

    Raised by ``trace(check=True)`` when a call's value or gradient differs from what the plain
    function gives, and by ``tracer.testing.check_grads``.

    >>> counter = iter(range(9))
    >>> f = trace(lambda x: x * next(counter), check=True)
    >>> f(1.0), f(1.0)

    Fix: look for what tracing sees only once: the time, a file, a counter, a number made from
    formatted text. If ``check_grads`` raised it, correct the rule it names.
    """


class ArgumentWrite(TracerError, ValueError):
    """A function that writes to its argument was differentiated.

    Its gradient would be that of which values, those before the write or those after?

    >>> def f(x):
    ...     x *= 2
    ...     return x.sum()
    >>> grad(f)(np.ones(3))

    Fix: ``x = x.copy()`` first.
    """


class CarryMismatch(TracerError, TypeError):
    """A loop's body returned another structure, shape or dtype than it was given.

    Each iteration goes on with what the one before returned, so the two must be alike; a Python
    number adapts to the dtype of what it becomes.

    >>> fori_loop(0, 3, lambda i, x: np.append(x, i), np.zeros(2))

    Fix: make ``init`` what the body returns: its shape, and its dtype (``x.astype(float)``).
    """


class BranchMismatch(TracerError, TypeError):
    """The two functions of a ``cond`` return different structures, shapes or dtypes.

    >>> @trace
    ... def f(x):
    ...     return cond(x.sum() > 0, lambda v: v, lambda v: v.sum(), x)
    >>> f(np.ones(3))

    Fix: let both return the same; or write a Python ``if``, which may do both.
    """


class CliError(TracerError, ValueError):
    """The command line could not understand its arguments; the exit code is 2.

    Fix: ``tracer COMMAND --help`` shows the forms.
    """
