"""From NumPy callables to Ops: every public callable has one, made on first use.

>>> op_of(np.tanh)
<op tanh>
>>> op_of(np.add.reduce) is op_of(np.sum)
True
"""

from __future__ import annotations

import copyreg
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tracer import errors
from tracer.graph.control import run_cond, run_loop
from tracer.graph.op import (
    CONTRACTION,
    CREATION,
    ELEMENTWISE,
    INDEXING,
    MAY_RAISE,
    OPAQUE,
    REDUCTION,
    REGION,
    SHAPE,
    STRUCTURAL,
    Op,
    Schema,
)
from tracer.ops.scipy_infer import INFER
from tracer.ops.scipy_names import is_elementwise, is_scipy, resolve, scipy_name, unhooked
from tracer.ops.stand_ins import original_of
from tracer.python.attributes import own

OPS: dict[str, Op] = {}
BY_CALLABLE: dict[Any, Op] = {}

# name: (symbol, operator, ufunc or None where Python's operator is the only spelling)
OPERATORS: dict[str, tuple[str, Callable, Any]] = {
    "add": ("+", operator.add, np.add),
    "subtract": ("-", operator.sub, np.subtract),
    "multiply": ("*", operator.mul, np.multiply),
    "divide": ("/", operator.truediv, np.divide),
    "floor_divide": ("//", operator.floordiv, np.floor_divide),
    "remainder": ("%", operator.mod, np.remainder),
    "matmul": ("@", operator.matmul, np.matmul),
    "pow": ("**", operator.pow, None),
    "negative": ("neg", operator.neg, np.negative),
    "positive": ("pos", operator.pos, np.positive),
    "absolute": ("abs", operator.abs, np.absolute),
    "invert": ("~", operator.invert, np.invert),
    "less": ("<", operator.lt, np.less),
    "less_equal": ("<=", operator.le, np.less_equal),
    "greater": (">", operator.gt, np.greater),
    "greater_equal": (">=", operator.ge, np.greater_equal),
    "equal": ("==", operator.eq, np.equal),
    "not_equal": ("!=", operator.ne, np.not_equal),
    "bitwise_and": ("&", operator.and_, np.bitwise_and),
    "bitwise_or": ("|", operator.or_, np.bitwise_or),
    "bitwise_xor": ("^", operator.xor, np.bitwise_xor),
    "left_shift": ("<<", operator.lshift, np.left_shift),
    "right_shift": (">>", operator.rshift, np.right_shift),
}

# Schemas of the non-ufunc functions; what is in no line is opaque.
SCHEMAS: dict[Schema, str] = {
    ELEMENTWISE: "clip where nan_to_num sinc i0 angle real imag fix around round isclose iscomplex "
    "isreal isneginf isposinf real_if_close",
    REDUCTION: "sum prod max min amax amin mean var std all any argmax argmin ptp count_nonzero "
    "nansum nanprod nanmax nanmin nanmean nanvar nanstd nanargmax nanargmin median nanmedian",
    SHAPE: "reshape ravel transpose swapaxes moveaxis rollaxis expand_dims squeeze broadcast_to "
    "concatenate stack vstack hstack dstack column_stack block append split array_split hsplit "
    "vsplit dsplit unstack pad flip fliplr flipud roll rot90 repeat tile atleast_1d atleast_2d "
    "atleast_3d matrix_transpose permute_dims copy ascontiguousarray asarray array meshgrid "
    "broadcast_arrays cumsum cumprod cumulative_sum cumulative_prod tril triu diag diagonal "
    "diagflat sort argsort",
    INDEXING: "take take_along_axis put_along_axis compress extract choose select",
    CONTRACTION: "dot vdot inner outer einsum tensordot kron trace cross",
    CREATION: "zeros ones full empty eye identity arange linspace logspace geomspace tri "
    "zeros_like ones_like full_like empty_like",
}
MAY_RAISE_NAMES = frozenset(
    "linalg.inv linalg.solve linalg.cholesky linalg.eig linalg.eigh linalg.eigvals linalg.eigvalsh "
    "linalg.svd linalg.svdvals linalg.lstsq linalg.pinv linalg.tensorsolve linalg.tensorinv "
    "linalg.matrix_power".split()
)
GUFUNC_SIGNATURES = {
    "linalg.inv": "(m,m)->(m,m)",
    "linalg.det": "(m,m)->()",
    "linalg.cholesky": "(m,m)->(m,m)",
    "linalg.slogdet": "(m,m)->(),()",
    "linalg.eigvalsh": "(m,m)->(m)",
    "linalg.eigh": "(m,m)->(m),(m,m)",
}


def register(op: Op, *callables: Any) -> Op:
    """Enter an op under its name and its callables."""
    if op.name in OPS:
        raise ValueError(f"op {op.name} is registered twice")
    OPS[op.name] = op
    for function in callables:
        BY_CALLABLE[function] = op
    return op


def op_named(name: str) -> Op:
    """The op of a name.

    Raises
    ------
    KeyError
        If no NumPy callable has it.
    """
    found = OPS.get(name)
    if found is None:
        try:
            found = op_of(_refuse_class(_resolve(name), name))
        except errors.MissingRule:
            raise KeyError(name) from None
        if found.name != name:
            raise KeyError(name)
    return found


copyreg.pickle(Op, lambda op: (op_named, (op.name,)))


def _resolve(name: str) -> Any:
    if is_scipy(name):
        function = resolve(name)
        if function is None:
            raise KeyError(name)
        return function
    target: Any = np
    for part in name.split("."):
        target = getattr(target, part, None)
        if target is None:
            raise KeyError(name)
    return target


def _refuse_class(function: Any, name: str) -> Any:
    if isinstance(function, type):
        raise KeyError(name)
    return function


def _public_names() -> dict[Any, str]:
    """Callables of numpy and its linalg and fft, by their first public name."""
    names: dict[Any, str] = {}
    homes = (("", np), ("linalg.", np.linalg), ("fft.", np.fft), ("emath.", np.emath))
    for prefix, module in homes:
        for name, function in sorted(vars(module).items()):  # dir() would load f2py, testing …
            function = original_of(function)  # a trace is open
            if name.startswith("_") or not callable(function) or isinstance(function, type):
                continue
            preferred = own(function, "__name__", name)
            chosen = preferred if getattr(module, preferred, None) is function else name
            try:
                names.setdefault(function, prefix + chosen)
            except TypeError:  # an unhashable callable (np.r_) is not an op
                continue
    return names


_NAMES: dict[Any, str] = {}


def name_of(function: Any) -> str:
    """The public name of a callable: ``"linalg.inv"``; ``""`` for what is not NumPy's."""
    if not _NAMES:
        _NAMES.update(_public_names())
    return _NAMES.get(function, "")


def op_of(function: Any) -> Op:
    """The op of a NumPy (or SciPy) callable, made on first use."""
    found = BY_CALLABLE.get(function)
    return found if found is not None else _make(unhooked(function))


def _make(function: Any) -> Op:
    name = name_of(function)
    printed = f"np.{name}"
    if not name:
        module = own(function, "__module__") or type(function).__module__
        label = own(function, "__qualname__") or own(function, "__name__", "function")
        if isinstance(own(function, "__self__"), np.ufunc):
            owner = op_of(function.__self__)
            name = f"{owner.name}.{function.__name__}"
            printed = f"{owner.printed}.{function.__name__}"
        elif found := scipy_name(function):
            name = printed = found
        elif isinstance(function, np.ufunc) and _is_private_special(function):
            name = f"special.{function.__name__}"  # a ufunc behind a public Python function
            printed = f"special._ufuncs.{function.__name__}"
        else:
            name = printed = _importable(f"{module}.{label}", function)
    if name in FILES:
        raise errors.MissingRule(
            f"np.{name} reads or writes more than arrays.", None, "call it outside the trace"
        )
    if name in OPS:  # an alias (np.abs is np.absolute) or a second object of the same name
        op = OPS[name]
        BY_CALLABLE[function] = op
        return op
    symbol, python_operator, _ = OPERATORS.get(name, ("", None, None))
    schema = _schema(name, function)
    may_raise = name in MAY_RAISE_NAMES or name.startswith("scipy.")
    effects = MAY_RAISE if may_raise else frozenset()
    infer = INFER.get(name)
    op = Op(name, schema, function, printed, symbol, python_operator, infer, effects)
    return register(op, function)


# What must not run because a graph's text says so, nor be recorded: files, processes, settings.
FILES = frozenset(
    "load save savez savez_compressed loadtxt savetxt genfromtxt fromfile fromregex test info "
    "show_config show_runtime get_include set_printoptions seterr seterrcall setbufsize".split()
)


def _is_private_special(function: Any) -> bool:
    ufuncs = sys.modules.get("scipy.special._ufuncs")
    return ufuncs is not None and getattr(ufuncs, function.__name__, None) is function


def _importable(path: str, function: Any) -> str:
    """The dotted name, if it leads to a function of NumPy or SciPy: generated code will hold it.

    Raises
    ------
    MissingRule
        For a function of anybody else's.
    """
    parts = path.split(".")
    found: Any = sys.modules.get(parts[0])
    for part in parts[1:]:
        found = getattr(found, part, None) if part.isidentifier() else None
    if parts[0] not in ("numpy", "scipy") or found is not function:
        raise errors.MissingRule(
            f"{path!r} is no function of NumPy or SciPy, so it can't be recorded.",
            None,
            "call it outside the traced function, or give it a rule with tracer.custom_vjp",
        )
    return path


def _schema(name: str, function: Any) -> Schema:
    if isinstance(function, np.ufunc):
        return ELEMENTWISE if function.signature is None else Schema("gufunc", function.signature)
    if name in GUFUNC_SIGNATURES:
        return Schema("gufunc", GUFUNC_SIGNATURES[name])
    if is_scipy(name):
        return ELEMENTWISE if is_elementwise(name) else OPAQUE
    for schema, names in SCHEMAS.items():
        if name in names.split():
            return schema
    return OPAQUE


# -- ops that no NumPy callable names -----------------------------------------------------------
def _never(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("inputs and constants are values, they are not evaluated")


def _constant(value: Any) -> Any:
    return value


def _getitem(x: Any, index: Any) -> Any:
    return x[index]


def _setitem(x: Any, value: Any, index: Any) -> Any:
    out = np.copy(x)  # the layout stays, as in a write to x itself: sums depend on it
    out[index] = value
    return out


def _scatter_add(x: Any, value: Any, index: Any) -> Any:
    out = np.copy(x)
    np.add.at(out, index, value)
    return out


def _sum_to(x: Any, like: Any) -> Any:
    shape = np.shape(like)
    lead = np.ndim(x) - len(shape)
    axes = list(range(lead))
    axes += [i + lead for i, n in enumerate(shape) if n == 1 and np.shape(x)[i + lead] != 1]
    return np.sum(x, axis=tuple(axes), keepdims=True).reshape(shape) if axes else x


def _broadcast_like(x: Any, like: Any) -> Any:
    return np.broadcast_to(x, np.shape(like))


def _reshape_like(x: Any, like: Any) -> Any:
    return np.reshape(x, np.shape(like))


def _zeros_of(like: Any, dtype: Any = None) -> Any:
    return np.zeros(np.shape(like), dtype)


def _size_of(x: Any, axis: int) -> int:
    return int(np.shape(x)[axis])


def _same_size(a: Any, b: Any, axis_a: int, axis_b: int) -> bool:
    return np.shape(a)[axis_a] == np.shape(b)[axis_b]


def _text_is(x: Any, how: str, spec: str, text: str) -> bool:
    made = format(x, spec) if how == "format" else spec % x if how == "%" else TEXTS[how](x)
    return made == text


def _astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype) if isinstance(x, (np.ndarray, np.generic)) else np.dtype(dtype).type(x)


def _item(x: Any, *args: Any) -> Any:
    return x.item(*args) if isinstance(x, (np.ndarray, np.generic)) else x


def _call(node: Any, operands: Any) -> Any:
    from tracer.graph.evaluate import evaluate

    results = evaluate(node.regions[0], operands)
    return tuple(results) if len(node.specs) > 1 else results[0]


def _custom(node: Any, operands: Any) -> Any:
    first, count = node.params.kwargs["operands"], node.params.kwargs["outputs"]
    results = tuple(operands[first : first + count])
    return results if len(node.specs) > 1 else results[0]


INPUT = register(Op("input", STRUCTURAL, _never))
CONSTANT = register(Op("constant", STRUCTURAL, _constant))  # (Ref(value),) or a Python scalar
ITEM = register(Op("item", STRUCTURAL, operator.getitem))  # params: (%0, k)
GETITEM = register(Op("getitem", INDEXING, _getitem))  # params: (%0, index)
SETITEM = register(Op("setitem", INDEXING, _setitem))  # params: (%0, value, index): a new version
SCATTER_ADD = register(Op("scatter_add", INDEXING, _scatter_add))  # (%0, value, index): + at index
SUM_TO = register(Op("sum_to", SHAPE, _sum_to))  # (%0, like): undo broadcasting
BROADCAST_LIKE = register(Op("broadcast_like", SHAPE, _broadcast_like))  # (%0, like)
RESHAPE_LIKE = register(Op("reshape_like", SHAPE, _reshape_like))  # (%0, like)
ZEROS_OF = register(Op("zeros_of", CREATION, _zeros_of))  # (like, dtype=…)
SIZE_OF = register(Op("size_of", STRUCTURAL, _size_of))  # (%0, axis): a weak int
SAME_SIZE = register(Op("same_size", STRUCTURAL, _same_size))  # (%0, %1, axis, axis): a bool
TEXTS: dict[str, Any] = {"str": str, "repr": repr}
# (%0, "format" or "%" or one of TEXTS, the format, the text): whether the value's text is this
TEXT_IS = register(Op("text_is", STRUCTURAL, _text_is))
STOP_GRADIENT = register(Op("stop_gradient", ELEMENTWISE, _constant))  # the operand, as it is
# The operand as it is: what is computed from it anew is not shared with what was computed before.
RECOMPUTE = register(Op("recompute", ELEMENTWISE, _constant))
ASTYPE = register(Op("astype", ELEMENTWISE, _astype))  # (%0, dtype)
PYTHON_SCALAR = register(Op("python_scalar", ELEMENTWISE, _item, "ndarray.item"))
FLATTEN = register(Op("flatten", SHAPE, np.ndarray.flatten, "np.ndarray.flatten"))  # a copy
CALL = register(Op("call", REGION, _call))  # regions: (body,)
COND = register(Op("cond", REGION, run_cond))  # (bool, operands); regions: where true, where false
LOOP = register(Op("loop", REGION, run_loop))  # see graph/control.py; regions: body[, condition]
# (operands, results, residuals): the results, with the user's own derivative in regions[0]
CUSTOM = register(Op("custom", REGION, _custom))
POW = register(Op("pow", ELEMENTWISE, operator.pow, "", "**", operator.pow))

# Operands of which only the shape is read: never saved as residuals.
SHAPE_ONLY_SLOTS = {
    "sum_to": (1,),
    "broadcast_like": (1,),
    "reshape_like": (1,),
    "zeros_of": (0,),
    "zeros_like": (0,),
    "ones_like": (0,),
    "empty_like": (0,),
    "full_like": (0,),
    "size_of": (0,),
    "same_size": (0, 1),
}

for _reduce, _function in (
    (np.add.reduce, np.sum),
    (np.multiply.reduce, np.prod),
    (np.maximum.reduce, np.max),
    (np.minimum.reduce, np.min),
    (np.logical_and.reduce, np.all),
    (np.logical_or.reduce, np.any),
):
    BY_CALLABLE[_reduce] = op_of(_function)
for _alias, _function in (
    (np.amax, np.max),
    (np.amin, np.min),
    (np.around, np.round),
    (np.linalg.matmul, np.matmul),
    (np.linalg.vecdot, np.vecdot),
    (np.linalg.tensordot, np.tensordot),
    (np.linalg.matrix_transpose, np.matrix_transpose),
):
    BY_CALLABLE[_alias] = op_of(_function)
