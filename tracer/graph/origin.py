"""Where the user wrote what a node computes: file, line, span, expression, statement and scope.

>>> origin = Origin("model.py", 12, 13, 25, "np.tanh(x @ w)", "hidden = np.tanh(x @ w)", 12, "f")
>>> f"{origin}"
'model.py:12'
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """One call of one user function; the picture draws it as a cluster.

    ``label`` is what the user would call it (``"layers[0]"``, else the function's name).
    """

    function: str
    file: str
    line: int
    parent: Scope | None = None
    label: str = ""

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1

    def chain(self) -> tuple[Scope, ...]:
        """From the outermost scope to this one."""
        return (() if self.parent is None else self.parent.chain()) + (self,)


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The place in the user's code that caused a node. It is no part of the node's identity.

    Attributes
    ----------
    file, line : str, int
        Of the expression.
    column, end_column : int
        Span of the expression on ``line`` in characters (``end_column`` is on the last line).
    expression : str
        The user's text of the call or operator, on one line.
    statement, statement_line : str, int
        The whole statement, on one line, and the line where it starts: nodes of one statement
        are grouped in generated code.
    function : str
        Qualified name of the user function.
    scope : Scope or None
        The stack of user functions.
    also : tuple of Origin
        Origins of nodes that were merged into this one.
    """

    file: str
    line: int
    column: int
    end_column: int
    expression: str
    statement: str
    statement_line: int
    function: str
    scope: Scope | None = None
    also: tuple[Origin, ...] = ()

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"

    @property
    def statement_key(self) -> tuple[str, int]:
        """Equal for nodes of one statement."""
        return self.file, self.statement_line


def unite(kept: Origin | None, gone: Origin | None) -> Origin | None:
    """The origin of a node that now also stands for another one."""
    if kept is None or gone is None or kept is gone or gone in kept.also:
        return kept or gone
    return Origin(
        kept.file,
        kept.line,
        kept.column,
        kept.end_column,
        kept.expression,
        kept.statement,
        kept.statement_line,
        kept.function,
        kept.scope,
        (*kept.also, gone, *gone.also),
    )
