"""Statements that write into arrays: ``out[i] = …``, ``g_x[1:] -= …``, results written back.

>>> write_into(writer, node)
>>> writer.lines[-1]
'    g_shifted[np.arange(128), labels] -= g_loss / 128'
"""

from __future__ import annotations

from tracer.codegen.comments import with_comment
from tracer.codegen.literals import is_negative_literal
from tracer.codegen.readable.expressions import PRODUCT, UNARY, Expression, shape_comment
from tracer.codegen.readable.statement_writer import StatementWriter, copied
from tracer.graph.node import Hole, Node
from tracer.graph.reach import has_unique_indices


def write_into(writer: StatementWriter, node: Node) -> None:
    """A new version of an array: a write into it, after a copy if the old one is needed."""
    draft = writer.draft
    base = _base(writer, node)
    value, index = node.params.args[1:3]
    right = writer.speller.argument(value, node, writer.lookup)
    where = writer.speller.index(index, node, writer.lookup)
    old = writer.lookup(base)
    if node in draft.in_place:
        name = writer.names.share(node, base)
    else:
        name = writer.names.give(node, draft.chain_name.get(node, ""))
        copy = copied(old, node) if node.shape else f"np.array({old.text})"
        writer.put(with_comment(f"{writer.indent}{name} = {copy}", shape_comment(node.specs)))
    left = f"{name}[{where}]"
    if node.op.name == "setitem":
        text = f"{left} = {right.text}"
    elif not has_unique_indices(node):
        where = writer.speller.argument(index, node, writer.lookup).text
        text = f"np.add.at({name}, {where}, {right.text})"
    elif type(value) is not Hole and is_negative_literal(value):
        text = f"{left} -= {-value!r}"
    elif is_negated(right):
        text = f"{left} -= {ungrouped(right.text[1:])}"
    else:
        text = f"{left} += {right.text}"
    writer.put_statement(node, writer.indent + text)


def refused_write(writer: StatementWriter, node: Node) -> str:
    """A write that NumPy will not do, tried on a copy."""
    base = writer.lookup(_base(writer, node))
    value, index = node.params.args[1:3]
    right = writer.speller.argument(value, node, writer.lookup)
    where = writer.speller.index(index, node, writer.lookup)
    return f"np.copy({base.text})[{where}] = {right.text}"


def _base(writer: StatementWriter, node: Node) -> Node:
    return writer.draft.real(node.inputs[node.params.args[0].slot])


def write_back(writer: StatementWriter) -> None:
    """Write results back to arguments; what would change by that is copied before."""
    draft = writer.draft
    writes = [effect for effect in draft.effects if effect.kind == "write"]
    if not writes:
        return
    targets = {draft.real(effect.target) for effect in writes}
    outside = set(draft.outputs)
    for node in dict.fromkeys([*draft.outputs, *[effect.value for effect in writes]]):
        real = draft.real(node)
        if node in outside and real in targets:
            continue  # the argument itself is returned, as plain NumPy does
        if targets & set(draft.arrays.get(real, (real,))) and real.spec.kind == "array":
            name = writer.names.fresh(f"{writer.lookup(real).text}_before")
            writer.put(f"{writer.indent}{name} = {copied(writer.lookup(real), real)}")
            writer.before_write_back[node] = name
    for effect in writes:
        target = writer.lookup(draft.real(effect.target)).text
        value = writer.before_write_back.get(effect.value) or writer.lookup(effect.value).text
        writer.put(f"{writer.indent}{target}[...] = {value}")


def is_negated(text: Expression) -> bool:
    """Whether ``x += text`` is ``x -= text[1:]`` to the bit, as for ``-a / b``."""
    if not text.text.startswith("-") or text.level not in (UNARY, PRODUCT):
        return False
    return text.level == UNARY or not ("%" in text.text or "//" in text.text)


def ungrouped(text: str) -> str:
    """An expression without parentheses around all of it.

    >>> ungrouped("(a * (b + c))"), ungrouped("(a + b) * (c + d)")
    ('a * (b + c)', '(a + b) * (c + d)')
    """
    if not (text.startswith("(") and text.endswith(")")) or '"' in text or "'" in text:
        return text
    depth = 0
    for character in text[:-1]:
        depth += (character == "(") - (character == ")")
        if not depth:
            return text
    return text[1:-1]
