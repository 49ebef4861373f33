"""Where in the user's code an op was called: expression, statement, assignment target, scope.

>>> place = Locator("f").locate(user_frame())
>>> place.origin.statement, place.target
('hidden = np.tanh(x @ w)', 'hidden')

``co_positions()`` gives the span of the running instruction, ``ast`` what stands there. Each file
is parsed once, each instruction looked up once.
"""

from __future__ import annotations

import ast
import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from tracer.graph.origin import Origin, Scope
from tracer.python.locks import fork_lock
from tracer.recording.source.frames import begins_trace
from tracer.recording.source.libraries import KEPT, OWN_FILES, YIELDING, is_library

AST_LOCK = fork_lock()  # CPython counts the depth of trees for all threads together
Target = str | tuple[str, ...]
Span = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class CallSite:
    """An origin and the name of what the expression is assigned to (``""`` if to nothing)."""

    origin: Origin
    target: Target

    @property
    def name(self) -> str:
        """The target, if it is one name."""
        return self.target if type(self.target) is str else ""


class Unpacked(tuple):
    """The names in ``length, scale = x``, one for each element that is looked up there."""

    def at(self, index: Any) -> str:
        return self[index] if type(index) is int and 0 <= index < len(self) else ""


class SourceFile:
    """A parsed file: statements by line, and assignment targets by the span of their value."""

    def __init__(self, filename: str):
        self.lines = linecache.getlines(filename)
        self.targets: dict[Span, Target] = {}
        self.returns: set[Span] = set()
        self.statements: dict[int, tuple[int, str]] = {}
        self.tree: ast.Module | None = None
        self.parts: dict[tuple[int, int], tuple] = {}  # by code and instruction
        try:
            with AST_LOCK:
                tree = ast.parse("".join(self.lines))
        except (SyntaxError, ValueError):
            return
        self.tree = tree if self.lines else None
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                self._note_statement(node)
            self._note_target(node)

    def _note_statement(self, node: ast.stmt) -> None:
        end = node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if isinstance(body, list) and body:
            end = max(body[0].lineno - 1, node.lineno)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return
        text = " ".join(part.strip() for part in self.lines[node.lineno - 1 : end])
        if end == node.lineno and node.end_lineno == end:  # one of several on a line: its own text
            line = self.lines[end - 1].encode()
            text = line[node.col_offset : node.end_col_offset].decode(errors="replace")
            text = text if body is None else text.strip()
        for line_number in range(node.lineno, end + 1):
            known = self.statements.get(line_number)
            if known is None or known[0] != node.lineno:
                self.statements[line_number] = (node.lineno, text)
            elif text not in known[1]:
                self.statements[line_number] = (node.lineno, f"{known[1]}; {text}")

    def _note_target(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            self._pair(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._pair(node.target, node.value)
        elif isinstance(node, ast.NamedExpr):
            self._pair(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            name = _name(node.target)
            if name:
                self.targets[_span(node)] = name
        elif isinstance(node, ast.For):
            self._note_elements(node)
        elif isinstance(node, ast.keyword) and node.arg:
            self.targets.setdefault(_span(node.value), node.arg)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    self.targets.setdefault(_span(value), key.value)
        elif isinstance(node, ast.Return) and node.value is not None:
            self.returns.add(_span(node.value))

    def _note_elements(self, loop: ast.For) -> None:
        """``for x in xs`` calls each element ``x``."""
        name = _name(loop.target) if isinstance(loop.target, ast.Name) else ""
        if name:
            self.targets[_span(loop)] = name  # where CPython 3.11 says that it looks one up
            if isinstance(loop.iter, (ast.Name, ast.Attribute)):
                self.targets[_span(loop.iter)] = name  # and CPython 3.12
        elif isinstance(loop.target, (ast.Tuple, ast.List)):
            self._note_unpacking(loop.target)

    def _note_unpacking(self, target: ast.Tuple | ast.List) -> None:
        if not any(isinstance(item, ast.Starred) for item in target.elts):
            self.targets[_span(target)] = Unpacked([_name(item) for item in target.elts])

    def _pair(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            self._note_unpacking(target)
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for one, other in zip(target.elts, value.elts, strict=True):
                    self._pair(one, other)
            else:
                self.targets[_span(value)] = tuple([_name(item) for item in target.elts])
            return
        name = _name(target)
        if name:
            self.targets[_span(value)] = name
        if isinstance(target, ast.Subscript) and name:
            self.targets[_span(target)] = name  # the store itself

    def segment(self, span: Span) -> str:
        """The text of a span, on one line."""
        line, column, end_line, end_column = span
        rows = [row.encode() for row in self.lines[line - 1 : end_line]]
        if not rows:
            return ""
        rows[-1] = rows[-1][:end_column]
        rows[0] = rows[0][column:]
        return " ".join(row.decode(errors="replace").strip() for row in rows)


def _span(node: ast.AST) -> Span:
    return (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def _name(target: ast.AST) -> str:
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Attribute):
        return target.attr
    if isinstance(target, ast.Starred):
        return _name(target.value)
    if isinstance(target, ast.Subscript):
        return _name(target.value)
    return ""


_FILES: dict[str, SourceFile] = {}
_POSITIONS: dict[int, tuple[CodeType, list[Any]]] = {}
LIMIT = 20_000


def source_file(filename: str) -> SourceFile:
    """The parsed file; read again when its text changed (a notebook cell, a reload)."""
    found = _FILES.get(filename)
    lines = linecache.getlines(filename)
    if found is None or found.lines is not lines and found.lines != lines:
        if len(_FILES) > 500:
            _FILES.clear()
        found = _FILES[filename] = SourceFile(filename)
    return found


class Locator:
    """Finds places for one trace; scopes belong to that trace."""

    def __init__(self, root: str):
        self.root = root  # name of the traced function: names what it returns
        self.scopes: dict[tuple, Scope] = {}
        self.places: dict[tuple, dict[int, CallSite]] = {}  # by scope, then by instruction
        self.last_key: tuple = ()
        self.code: CodeType | None = None  # of the last scope, until another call begins
        self.here: dict[int, CallSite] = {}  # those of the last scope
        self.alive: list[CodeType] = []
        self.calls: dict[int, int] = {}  # how often each function was entered, by its code
        self.newest: dict[tuple, Scope] = {}  # by frame, for calls that are still running

    def entering(self, code: CodeType) -> None:
        """A call of this code begins: frames of it that come now are another scope.

        A frame's address alone does not tell two calls apart: it is used again.
        """
        self.calls[id(code)] = self.calls.get(id(code), 0) + 1
        self.code = None

    def running(self, depth: int) -> CallSite | None:
        """The place of the user's code that runs, ``depth`` frames up at least (`frames`)."""
        frame: FrameType | None = sys._getframe(depth)
        if frame is not None and frame.f_code is self.code and id(frame) == self.last_key[0]:
            place = self.here.get(frame.f_lasti)
            if place is not None:
                return place
        while frame is not None:
            filename = frame.f_code.co_filename
            library = OWN_FILES.get(filename)
            if not (is_library(filename) if library is None else library):
                return self.locate(frame)
            frame = frame.f_back
        return self.locate(None)

    def locate(self, frame: FrameType | None) -> CallSite | None:
        """The place of the running instruction of a user frame."""
        if frame is None:
            return None
        back, code = frame.f_back, id(frame.f_code)
        call = self.calls.get(code, 0)
        scope_key = (id(frame), code, back.f_lasti if back is not None else -1, call)
        if scope_key != self.last_key:
            self.last_key, self.here = scope_key, self.places.setdefault(scope_key, {})
        self.code = frame.f_code if call and not frame.f_code.co_flags & YIELDING else None
        found = self.here.get(frame.f_lasti)
        if found is None:
            found = self.here[frame.f_lasti] = self._place(frame, self._scope(frame, scope_key))
            self.alive.append(frame.f_code)
        return found

    def _scope_key(self, frame: FrameType) -> tuple:
        back, code = frame.f_back, id(frame.f_code)
        call = self.calls.get(code, 0)
        return id(frame), code, back.f_lasti if back is not None else -1, call

    def _scope(self, frame: FrameType, key: tuple) -> Scope:
        found = self.scopes.get(key)
        if found is None:
            parent = None
            self._keep_outer(frame)
            for outer in _outer_frames(frame):
                if is_library(outer.f_code.co_filename):
                    if begins_trace(outer):
                        break
                    continue
                parent = self._scope(outer, self._scope_key(outer))
                break
            code = frame.f_code
            found = Scope(_function_name(code), code.co_filename, code.co_firstlineno, parent)
            self.scopes[key] = self.newest[key[:3]] = found
            self.alive.append(code)
        return found

    def _keep_outer(self, frame: FrameType) -> None:
        """Calls of the same function that still run (recursion) stay the scopes they are."""
        code = frame.f_code
        for outer in _outer_frames(frame) if self.calls.get(id(code), 0) > 1 else ():
            if outer.f_code is code:
                key = self._scope_key(outer)
                if key not in self.scopes and key[:3] in self.newest:
                    self.scopes[key] = self.newest[key[:3]]

    def _place(self, frame: FrameType, scope: Scope) -> CallSite:
        code = frame.f_code
        file = source_file(code.co_filename)
        known: Any = file.parts.get((id(code), frame.f_lasti))
        if known is None or known[0] is not code:
            if len(file.parts) > LIMIT:
                file.parts.clear()
            known = (code, *_parts(file, code, frame.f_lasti))
            file.parts[id(code), frame.f_lasti] = known
        written: tuple[int, int, int, str, str, int]
        _, written, target, returned = known
        if returned and scope.parent is None:
            target = self.root
        return CallSite(Origin(code.co_filename, *written, scope.function, scope), target)


class Remembered(Locator):
    """Places by instruction alone, the same in all traces: for a program that nobody reads.

    They say which line it was; calls of one function share a scope.
    """

    def running(self, depth: int) -> CallSite | None:
        frame: FrameType | None = sys._getframe(depth)
        while frame is not None:
            known = _REMEMBERED.get(id(frame.f_code))
            if known is not None:
                return known[1].get(frame.f_lasti) or self.locate(frame)
            filename = frame.f_code.co_filename
            library = OWN_FILES.get(filename)
            if not (is_library(filename) if library is None else library):
                return self.locate(frame)
            frame = frame.f_back
        return None

    def locate(self, frame: FrameType | None) -> CallSite | None:
        if frame is None:
            return None
        code = frame.f_code
        known = _REMEMBERED.get(id(code))
        if known is None:
            if len(_REMEMBERED) > KEPT:
                _REMEMBERED.clear()
            scope = Scope(_function_name(code), code.co_filename, code.co_firstlineno)
            known = _REMEMBERED[id(code)] = (code, {}, scope)
        found = known[1].get(frame.f_lasti)
        if found is None:
            found = known[1][frame.f_lasti] = self._place(frame, known[2])
        return found


# By the id of a code, which is kept: it, its places by instruction, and its scope.
_REMEMBERED: dict[int, tuple[CodeType, dict[int, CallSite], Scope]] = {}


def _outer_frames(frame: FrameType) -> Iterator[FrameType]:
    outer = frame.f_back
    while outer is not None:
        yield outer
        outer = outer.f_back


def _function_name(code: CodeType) -> str:
    name = getattr(code, "co_qualname", code.co_name)
    return name.rsplit("<locals>.", 1)[-1]


def _parts(file: SourceFile, code: CodeType, instruction: int) -> tuple[tuple, Target, bool]:
    """What an origin says of the source, the assignment target, and whether it is returned."""
    line, end_line, column, end_column = _position(code, instruction)
    span: Span = (line, column, end_line, end_column)
    start, statement = file.statements.get(line, (line, ""))
    target: Target = file.targets.get(span, "")
    written = (line, column, end_column, file.segment(span), statement, start)
    return written, target, not target and span in file.returns


def _position(code: CodeType, instruction: int) -> tuple[int, int, int, int]:
    known = _POSITIONS.get(id(code))
    if known is None or known[0] is not code:
        if len(_POSITIONS) > KEPT:
            _POSITIONS.clear()
        known = _POSITIONS[id(code)] = (code, list(code.co_positions()))
    line, end_line, column, end_column = known[1][instruction // 2]
    line = line or code.co_firstlineno
    return line, end_line or line, column or 0, end_column or 0
