"""Writes statements: the user's line above them, the shape behind, which line computes which node.

>>> writer = StatementWriter(draft, constants)
>>> writer.open(hidden)
>>> writer.assign(hidden)
>>> writer.lines[-1]
'    hidden = np.tanh(x @ w)                                                    # (4, 2)'
"""

from __future__ import annotations

from tracer.codegen.comments import WIDTH, quote, with_comment
from tracer.codegen.draft import Draft
from tracer.codegen.line_folding import STEP, fold
from tracer.codegen.literals import Constants
from tracer.codegen.readable.expressions import ATOM, Expression, Speller, shape_comment
from tracer.codegen.readable.long_functions import FunctionParts
from tracer.graph.node import Node
from tracer.ops.random import STATEMENTS

SHORT = 12  # characters of a nested text that no name would make shorter
CALLED_FOR_EFFECT = tuple([f".{name}" for name in STATEMENTS])  # methods of random streams


class StatementWriter:
    """The lines of one block, and which line computes which node.

    Attributes
    ----------
    texts : dict of Node to Expression
        Of what has no variable: constants, nested nodes, what stands for a region's inputs.
    group : tuple or None
        The user's statement that was quoted last.
    before_write_back : dict of Node to str
        The copies of results that writing back to the arguments would change.
    parts : FunctionParts or None
        Of a long function: who reads a variable of another part.
    """

    def __init__(self, draft: Draft, constants: Constants, indent: str = STEP):
        self.draft = draft
        self.constants = constants
        self.names = constants.names
        self.speller = Speller(constants, draft.derived)
        self.lines: list[str] = []
        self.line_of: dict[Node, int] = {}
        self.texts: dict[Node, Expression] = {}
        self.base = self.indent = indent
        self.group: tuple | None = None
        self.before_write_back: dict[Node, str] = {}
        self.parts: FunctionParts | None = None
        self._context: tuple | None = None

    # -- lines ------------------------------------------------------------------------------------
    def put(self, text: str) -> None:
        """Add lines that compute no node."""
        self.lines.extend(text.split("\n"))

    def put_statement(self, node: Node, text: str, comment: str = "") -> None:
        """Add the statement that computes a node, folded if it is too long."""
        self.line_of[node] = len(self.lines) + 1
        if len(text) > WIDTH and "\n" not in text:
            text = fold(text, self.indent)
        self.put(text if "\n" in text else with_comment(text, comment))

    def open(self, node: Node) -> None:
        """Quote the user's line and enter its errstate, where they change."""
        if self.parts is not None:
            self.parts.statements += 1
        if node.context != self._context:
            self.close_context()
            if node.context:
                settings = ", ".join([f'{key}="{value}"' for key, value in node.context])
                self.put(f"{self.base}with np.errstate({settings}):")
                self.indent = self.base + STEP
                self._context = node.context
        if node.origin is not None and node.origin.statement_key != self.group:
            self.group = node.origin.statement_key
            if node.origin.statement or node.origin.expression:
                self.put(quote(node.origin, self.indent))

    def close_context(self) -> None:
        """Leave the errstate."""
        self._context = None
        self.indent = self.base

    def assign(self, node: Node) -> None:
        """``name = expression``."""
        if node.op.name.endswith(CALLED_FOR_EFFECT):
            text = self.fitting(node, len(self.indent)).text
            self.put_statement(node, f"{self.indent}{text}")
            return
        name = self.names.give(node, self.draft.chain_name.get(node, ""))
        self._put_assignment(node, name, self.fitting(node, len(self.indent) + len(name) + 3))

    def _put_assignment(self, node: Node, name: str, text: Expression) -> None:
        value = copied(text, node) if node in self.draft.copied else text.text
        self.put_statement(node, f"{self.indent}{name} = {value}", shape_comment(node.specs))

    # -- expressions ------------------------------------------------------------------------------
    def lookup(self, node: Node) -> Expression:
        """The text that stands for a value: its variable, or its own expression."""
        node = self.draft.real(node)
        text = self.texts.get(node)
        if text is not None:
            return text
        name = self.names.get(node)
        if name is None:
            raise LookupError(f"{node!r} is used before it is computed")
        if self.parts is not None:
            self.parts.note_read(node, name, self.line_of.get(node, 1))
        return Expression(name)

    def fitting(self, node: Node, used: int) -> Expression:
        """The node's expression; nested parts that make the line too long get a name first."""
        text = self.speller.spell(node, self.lookup)
        if node.regions:
            return text
        draft, texts = self.draft, self.texts
        used += len(".copy()") if node in draft.copied else 0
        while used + len(text.text) > WIDTH:
            nested = [
                operand
                for operand in map(draft.real, node.inputs)
                if operand in draft.into and operand in texts and len(texts[operand].text) > SHORT
            ]
            if not nested:
                break
            self._give_name(max(nested, key=lambda operand: len(texts[operand].text)))
            text = self.speller.spell(node, self.lookup)
        return text

    def _give_name(self, node: Node) -> None:
        """A nested node becomes a statement of its own."""
        text = self.texts.pop(node)
        del self.draft.into[node]
        self.open(node)
        self._put_assignment(node, self.names.give(node), text)


def copied(text: Expression, node: Node) -> str:
    """A copy that keeps the memory's order, as sums depend on it: np.copy, not the method."""
    return f"np.copy({text.text})" if len(node.shape) > 1 else f"{text.at(ATOM)}.copy()"
