"""A user's function rewritten: loads, calls, operators and stores go through its monitor.

>>> ast.unparse(Instrumenter("", code).instrument(definition))  # of lambda x: W * x
"lambda x: monitor.binary('mul', monitor.name(W, 'W'), x)"

The instructions are the methods of `monitor.Monitor`. Positions stay those of the user's file;
cells and globals are the user's own.
"""

from __future__ import annotations

import ast
import copy
from types import CodeType
from typing import Any

from tracer.recording.captures.paths import MONITOR
from tracer.recording.watch.scopes import NameScope, is_local, scope_of

OPERATORS: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.USub: "neg",
    ast.UAdd: "pos",
    ast.Invert: "invert",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.Gt: "gt",
    ast.LtE: "le",
    ast.GtE: "ge",
}


class Instrumenter(ast.NodeTransformer):
    """Turns what a function does into calls of its monitor's methods."""

    def __init__(self, class_name: str, code: CodeType):
        self.class_name = class_name
        self.scopes: list[NameScope] = []

    def instrument(self, definition: Any) -> ast.stmt:
        definition = copy.deepcopy(definition)
        if isinstance(definition, ast.Lambda):
            self._enter(definition)
            definition.body = self.visit(definition.body)
            _empty_defaults(definition.args)
            return ast.copy_location(ast.Expr(definition), definition)
        definition.decorator_list = []
        definition.returns = None
        for argument in ast.walk(definition.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        _empty_defaults(definition.args)
        self._enter(definition)
        definition.body = self._statements(definition.body)
        return definition

    def _call(self, node: ast.AST, method: str, *arguments: ast.expr) -> ast.Call:
        monitor = ast.Name(id=MONITOR, ctx=ast.Load())
        function = ast.Attribute(value=monitor, attr=method, ctx=ast.Load())
        made = ast.Call(func=function, args=list(arguments), keywords=[])
        for part in (monitor, function, made):
            ast.copy_location(part, node)
        for argument in arguments:
            if not hasattr(argument, "lineno"):
                ast.copy_location(argument, node)
        return made

    def _mangled(self, name: str) -> str:
        if self.class_name and name.startswith("__") and not name.endswith("__"):
            return f"_{self.class_name}{name}"
        return name

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._mangled(node.id)
        if not isinstance(node.ctx, ast.Load) or node.id in ("super", "__class__", "locals"):
            return node
        if self._is_local(node.id):
            return node
        return self._call(node, "name", node, ast.Constant(node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._mangled(node.attr)
        node.value = self._shallow(self.visit(node.value))
        if not isinstance(node.ctx, ast.Load):  # monitor.attributes(owner)["name"] = value
            name = ast.copy_location(ast.Constant(node.attr), node)
            place = self._call(node, "attributes", node.value)
            return ast.copy_location(ast.Subscript(place, name, node.ctx), node)
        return self._call(node, "attr", node.value, ast.Constant(node.attr))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load):
            node.value = self._call(node.value, "items", self._shallow(node.value))
            return node
        if isinstance(node.slice, ast.Slice):
            return node
        node.value = self._shallow(node.value)
        if isinstance(node.slice, ast.Tuple) and any(
            isinstance(part, (ast.Slice, ast.Starred)) for part in node.slice.elts
        ):
            return node
        return self._call(node, "item", node.value, node.slice)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "super":
            return node
        if name == "locals" or (name in ("vars", "dir") and not node.args):
            return self._call(node, "local", node)
        if name in ("eval", "exec") and len(node.args) == 1 and not node.keywords:
            node.args += [_called(node, "globals"), _called(node, "locals")]
        self.generic_visit(node)
        node.func = self._call(node.func, "callee", self._shallow(node.func))
        if name not in ("eval", "exec"):  # they are given the table of globals itself
            node.args = [self._handed(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self._handed(keyword.value)
        return node

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        made = [self.visit(statement) for statement in body]
        return [part for row in made for part in (row if isinstance(row, list) else [row])]

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        return [*[self._importing(node, alias.name, 0, ()) for alias in node.names], node]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        """What is imported is bound anew, read as an attribute of its module."""
        module, level = node.module or "", node.level
        made: list[ast.stmt] = [
            self._importing(node, module, level, tuple([alias.name for alias in node.names])),
            node,
        ]
        for alias in node.names:
            name = self._mangled(alias.asname or alias.name)
            target, value = ast.Name(name, ast.Store()), ast.Name(name, ast.Load())
            where = [ast.Constant(module), ast.Constant(level), ast.Constant(alias.name)]
            for part in (target, value):
                ast.copy_location(part, node)
            seen = self._call(node, "imported", value, *where)
            made.append(ast.copy_location(ast.Assign([target], seen), node))
        return made

    def _importing(self, node: ast.stmt, module: str, level: int, names: Any) -> ast.stmt:
        parts = [ast.Constant(module), ast.Constant(level), ast.Constant(names)]
        return ast.copy_location(ast.Expr(self._call(node, "importing", *parts)), node)

    @staticmethod
    def _shallow(load: ast.expr) -> ast.expr:
        """A load of which only a part is read."""
        if isinstance(load, ast.Call) and isinstance(load.func, ast.Attribute):
            owner = load.func.value
            if (
                isinstance(owner, ast.Name)
                and owner.id == MONITOR
                and load.func.attr in ("name", "attr", "item")
            ):
                flag = ast.copy_location(ast.Constant(False), load)
                load.args = (
                    [*load.args[:2], flag] if load.func.attr != "name" else [*load.args, flag]
                )
        return load

    def _handed(self, argument: ast.expr) -> ast.expr:
        if isinstance(argument, (ast.Name, ast.Call)):
            return self._call(argument, "values", self._shallow(argument))
        return argument

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """``self.n += 1`` becomes ``self.n = monitor.augmented("add", "attr", self, "n", 1)``."""
        target = node.target
        if not self._is_outside(target):
            return self.generic_visit(node)
        store = self.visit(copy.deepcopy(target))
        if isinstance(target, ast.Name):
            target.ctx = ast.Load()
            target.id = self._mangled(target.id)
            found: list[ast.expr] = [ast.Constant("name"), target, ast.Constant(target.id)]
        elif isinstance(target, ast.Attribute):
            key = ast.Constant(self._mangled(target.attr))
            found = [ast.Constant("attr"), self._shallow(self.visit(target.value)), key]
        else:
            owner = self._shallow(self.visit(target.value))
            found = [ast.Constant("item"), owner, self.visit(target.slice)]
        name = ast.Constant(OPERATORS[type(node.op)])
        made = self._call(node, "augmented", name, *found, self.visit(node.value))
        return ast.copy_location(ast.Assign([store], made), node)

    def _is_outside(self, target: ast.expr) -> bool:
        """Whether a target may be no local variable, and can be read twice."""
        if isinstance(target, ast.Subscript):
            simple = isinstance(target.slice, (ast.Constant, ast.Name))
            return simple and self._is_outside(target.value)
        if isinstance(target, ast.Attribute):
            return isinstance(target.value, ast.Name) or self._is_outside(target.value)
        if isinstance(target, ast.Name):
            return not self._is_local(self._mangled(target.id))
        return False

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._call(node.iter, "iterated", self._shallow(node.iter))
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.iter = self._call(node.iter, "iterated", self._shallow(node.iter))
        node.ifs = [self._truth(test) for test in node.ifs]
        return node

    # -- what Python calls by itself -----------------------------------------------------------
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        name = OPERATORS[type(node.op)]
        text = isinstance(node.left, (ast.Constant, ast.JoinedStr)) and name == "mod"
        self.generic_visit(node)
        if text:
            return self._call(node, "formatted", node.left, node.right)
        return self._call(node, "binary", ast.Constant(name), node.left, node.right)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not):
            node.operand = self._truth(node.operand)
            return node
        if isinstance(node.operand, ast.Constant):
            return node
        return self._call(node, "unary", ast.Constant(OPERATORS[type(node.op)]), node.operand)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if len(node.ops) > 1:
            return node
        operation, other = node.ops[0], node.comparators[0]
        name = OPERATORS.get(type(operation))
        if name is not None:
            return self._call(node, "compare", ast.Constant(name), node.left, other)
        if isinstance(operation, (ast.Is, ast.IsNot)):
            if isinstance(node.left, ast.Constant) or isinstance(other, ast.Constant):
                return node
            found = self._call(node, "same", node.left, other)
        else:
            found = self._call(node, "contains", node.left, self._shallow(other))
        if isinstance(operation, (ast.In, ast.Is)):
            return found
        return ast.copy_location(ast.UnaryOp(op=ast.Not(), operand=found), node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        *tested, last = node.values
        node.values = [*[self._truth(value, "operand") for value in tested], last]
        return node

    def _tested(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        node.test = self._truth(node.test)
        return node

    visit_If = visit_While = visit_IfExp = visit_Assert = _tested

    def _truth(self, test: ast.expr, method: str = "truth") -> ast.expr:
        """A condition; comparisons and constants are no objects with a truth of their own."""
        if isinstance(test, (ast.Constant, ast.Compare, ast.BoolOp)) or (
            isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        ):
            return test
        return self._call(test, method, test)

    def visit_withitem(self, node: ast.withitem) -> ast.AST:
        self.generic_visit(node)
        node.context_expr = self._call(node.context_expr, "entered", node.context_expr)
        return node

    def visit_Starred(self, node: ast.Starred) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.value = self._call(node.value, "iterated", self._shallow(node.value))
        return node

    def visit_Set(self, node: ast.Set) -> ast.AST:
        """What a set is made of is hashed: it counts by its value, or by its identity."""
        for part in node.elts:
            if isinstance(part, ast.Starred):
                part.value = self._call(part.value, "counted", self.visit(part.value))
        node.elts = [
            part if isinstance(part, ast.Starred) else self._hashed(self.visit(part))
            for part in node.elts
        ]
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        self.generic_visit(node)
        node.values = [
            self._call(value, "spread", self._shallow(value)) if key is None else value
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        node.keys = [key if key is None else self._hashed(key) for key in node.keys]
        return node

    def visit_Match(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        node.subject = self._hashed(node.subject)
        return node

    def _hashed(self, key: ast.expr) -> ast.expr:
        return key if isinstance(key, ast.Constant) else self._call(key, "hashed", key)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> ast.AST:
        self.generic_visit(node)
        node.value = self._call(node.value, "delegated", self._shallow(node.value))
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        several = any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets)
        if several and not isinstance(node.value, (ast.Tuple, ast.List)):
            node.value = self._call(node.value, "iterated", node.value)
        return node

    def _enter(self, node: Any) -> None:
        self.scopes.append(scope_of(node, self._mangled))

    def _is_local(self, name: str) -> bool:
        return is_local(name, self.scopes)

    def _scoped(self, node: Any) -> ast.AST:
        self._enter(node)
        self.generic_visit(node)
        self.scopes.pop()
        return node

    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = _scoped
    visit_GeneratorExp = visit_AsyncFunctionDef = _scoped

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        around, self.class_name = self.class_name, node.name.lstrip("_")
        self._scoped(node)
        self.class_name = around
        node.decorator_list = [self._call(d, "decorator", d) for d in node.decorator_list]
        monitor = ast.copy_location(ast.Name(id=MONITOR, ctx=ast.Load()), node)
        mark = ast.Attribute(value=monitor, attr="made_class", ctx=ast.Load())
        node.decorator_list.insert(0, ast.copy_location(mark, node))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Annotations stay as they are: `functools.singledispatch` reads them."""
        own = [part for part in ast.walk(node.args) if isinstance(part, ast.arg)]
        annotations, returns = [argument.annotation for argument in own], node.returns
        node.returns = None
        for argument in own:
            argument.annotation = None
        self._scoped(node)
        node.decorator_list = [self._call(d, "decorator", d) for d in node.decorator_list]
        node.returns = returns
        for argument, annotation in zip(own, annotations, strict=True):
            argument.annotation = annotation
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.target = self.visit(node.target)
        node.value = self.visit(node.value) if node.value is not None else None
        return node

    def visit_match_case(self, node: Any) -> ast.AST:
        node.guard = self.visit(node.guard) if node.guard is not None else None
        node.body = self._statements(node.body)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        self.generic_visit(node)
        for part in ast.walk(node):  # their own positions are unreliable before 3.12
            ast.copy_location(part, node)
        return self._call(node, "joined", self._call(node, "texts"), node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.AST:
        node.value = self.visit(node.value)
        if node.format_spec is not None:
            self.generic_visit(node.format_spec)
        return node


def _called(place: ast.AST, name: str) -> ast.Call:
    """``name()``, at the place of another node."""
    function = ast.copy_location(ast.Name(id=name, ctx=ast.Load()), place)
    return ast.copy_location(ast.Call(func=function, args=[], keywords=[]), place)


def _empty_defaults(arguments: ast.arguments) -> None:
    """The real defaults are set on the function; the code only needs their number's absence."""
    arguments.defaults = []
    arguments.kw_defaults = [None for _ in arguments.kwonlyargs]
