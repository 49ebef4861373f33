"""The exception tree: each class says what happened, where in the user's code, and what to do.

>>> raise MissingRule("np.unwrap has no derivative rule.", origin, fix="wrap it in stop_gradient")
"""

from __future__ import annotations

from typing import Protocol


class Place(Protocol):
    """What an error needs to know of an Origin."""

    file: str
    line: int
    column: int
    end_column: int
    expression: str
    statement: str
    function: str


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
        text.append(f"    {statement}")
        start = statement.find(place.expression) if place.expression else -1
        if start >= 0:
            text.append("    " + " " * start + "^" * max(len(place.expression), 1))
    return "\n".join(text)


class LeakError(TracerError, TypeError):
    """Untraced code tried to read a traced value's memory; the number would have been lost."""


class ConversionError(LeakError):
    """A traced float was turned into a Python number, which would drop its gradient."""


class CaptureMutationError(LeakError):
    """A traced value was written into an array that was made outside the trace."""


class MissingRule(TracerError, NotImplementedError):
    """A function has no derivative rule, or none for these arguments; zero is never assumed."""


class NonScalarOutput(TracerError, TypeError):
    """``grad`` of a function whose result is not one number."""


class IntegerArgument(TracerError, TypeError):
    """A derivative with respect to integers or bools, which do not vary continuously."""


class ArgnumsError(TracerError, ValueError):
    """``argnums`` names no argument of the function."""


class UserShapeError(TracerError, ValueError):
    """NumPy refused the shapes inside the user's function."""


class UnsupportedType(TracerError, TypeError):
    """An argument of a type that can't be traced: masked, object, structured, sparse, pandas."""


class RecursiveTrace(TracerError, RecursionError):
    """A traced function calls itself without end."""


class NoLayoutEngine(TracerError, RuntimeError):
    """No Graphviz engine could lay out the picture."""


class GraphError(TracerError, ValueError):
    """A CalcGraph breaks one of its invariants; a defect of a pass, not of the user."""


class CheckFailed(TracerError, AssertionError):
    """The traced program and the plain function differ."""


class ArgumentWrite(TracerError, ValueError):
    """A function that writes to its argument was differentiated."""


class SpecMismatch(TracerError, ValueError):
    """A saved program was called with other shapes or dtypes than it was made for."""


class CliError(TracerError, ValueError):
    """The command line could not understand its arguments."""
