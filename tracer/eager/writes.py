"""In-place writes to eager Tensors: a new version of the memory, and of whatever it is a view of.

>>> x = Tensor(np.zeros(3), name="x")
>>> row = x[1:]
>>> row += 2.0                   # also writes x: its node is now a setitem
>>> x
Tensor([0., 2., 2.], name='x')
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.eager.calls import CallTemplate, as_array, call, has_gradient, leak_error, operate, run
from tracer.eager.state import EagerArray, View, constant, merged, node_of, operand, place, shifted
from tracer.graph.node import HOLES, Node, Params, map_structure
from tracer.graph.op import Op
from tracer.graph.spec import array_spec
from tracer.ops import registry
from tracer.ops.normalise import normalise, parameters
from tracer.ops.stand_ins import original_of
from tracer.recording.recorder.histograms import histogramdd
from tracer.recording.recorder.specs import ABOUT_TYPES

IDENTITY = "np.asarray(t) gives the numbers, out = Tensor(np.zeros(n)) an array to write to"


def set_item(target: EagerArray, index: Any, value: Any) -> None:
    """``target[index] = value``."""
    if _is_itself(target, index, value):
        return
    split = CallTemplate((as_array(value), index), {})
    (concrete, where), _ = split.params.fill(split.values)
    if has_gradient(index):
        raise IndexError("arrays used as indices must be of integer (or boolean) type")

    def write(memory: np.ndarray) -> None:
        memory[where] = concrete

    old = node_of(target)
    params = Params((HOLES[0], *shifted(split.params.args, 1)))
    node = _node(registry.SETITEM, (old, *split.inputs), params, old)
    change(target, write, node, split.graph_inputs())


def _is_itself(target: EagerArray, index: Any, value: Any) -> bool:
    """Whether ``x[i] += v`` puts back the view that has just been written through."""
    view = value._view if isinstance(value, EagerArray) and value._node is not None else None
    if view is None or view.parent is not target or view.op is not registry.GETITEM:
        return False
    return view.params.key() == Params((HOLES[0], index)).key() and not value._foreign


def assign(target: EagerArray, value: Any, casting: Any = "same_kind") -> None:
    """All of ``target`` takes ``value``, broadcast and cast as an in-place operation does."""
    split = CallTemplate((value,), {})
    (concrete,), _ = split.params.fill(split.values)

    def write(memory: np.ndarray) -> None:
        np.copyto(memory, concrete, casting=casting)

    old = node_of(target)
    node = split.inputs[0] if split.inputs else None
    spec = old.specs[0]
    if node is None or node.specs[0].shape != spec.shape:
        params = Params((HOLES[0], *shifted(split.params.args, 1), Ellipsis))
        node = _node(registry.SETITEM, (old, *split.inputs), params, old)
    elif node.specs[0] != spec:
        node = _node(registry.ASTYPE, (node,), Params((HOLES[0], spec.dtype)), old)
    change(target, write, node, split.graph_inputs())


def _node(op: Op, inputs: tuple[Node, ...], params: Params, like: Node, shape: Any = None) -> Node:
    """A node at the user's line, with the spec and the name of another."""
    found = place()
    spec = array_spec(like.shape if shape is None else shape, like.dtype)
    return Node(op, inputs, params, (spec,), found.origin if found else None, like.name)


# -- versions ------------------------------------------------------------------------------------
def change(
    target: EagerArray, write: Callable[[np.ndarray], None], node: Node, inputs: dict
) -> None:
    """Run a write on the memory of ``target``, which is ``node`` from then on."""
    if node_of(target).specs[0].kind != "array":
        raise TypeError("a scalar Tensor does not support item assignment; make a new value")
    written = _writable(target._plain)
    chain = [target]
    nodes = [node]
    while chain[-1]._view is not None:
        view = chain[-1]._view
        nodes.append(_put_back(view, node_of(view.parent), nodes[-1]))
        chain.append(view.parent)
    memory = target._memory
    if memory.input is not None:  # graphs made so far go on with the values before the write
        memory.input.value = memory.input.value.copy(order="K")
        memory.input = None
    run(write, (written,), {})
    memory.version += 1
    every = merged([inputs, *[tensor._inputs for tensor in chain]])
    for tensor, made in zip(chain, nodes, strict=True):
        tensor._node = made
        tensor._inputs = every
        tensor._version = memory.version


def _writable(plain: np.ndarray) -> np.ndarray:
    """The memory itself; NumPy's own error if it was never meant to be written."""
    memory = plain.view()
    steps = zip(plain.strides, plain.shape, strict=True)
    if any(stride == 0 and size > 1 for stride, size in steps):
        raise ValueError("assignment destination is read-only")
    memory.flags.writeable = True
    return memory


def _put_back(view: View, parent: Node, node: Node) -> Node:
    """The parent's next version after a view of it became ``node``."""
    if node.dtype != parent.dtype:
        raise leak_error(
            "The real or imaginary part of a complex Tensor was written through a view.",
            "write the whole: z[...] = re + 1j * im",
        )
    if view.op is registry.GETITEM:
        params = Params((HOLES[0], HOLES[1], shifted(view.params.args[1], 1)))
        return _node(registry.SETITEM, (parent, node, *view.inputs[1:]), params, parent)
    values = [_value_of(one) for one in view.inputs]
    values[view.slot] = np.arange(np.prod(parent.shape, dtype=int)).reshape(parent.shape)
    args, kwargs = view.params.fill(values)
    positions = run(view.op.evaluate, args, kwargs)
    positions = np.array(positions if view.item < 0 else positions[view.item])
    if np.unique(positions).size != positions.size:
        raise leak_error(
            "A view in which elements occur more than once was written to.", "write to its base"
        )
    return _scatter(parent, positions, node)


def _value_of(node: Node) -> Any:
    """The value of a constant beside the parent of a view."""
    return node.params.args[0].value if node.op is registry.CONSTANT else None


def _scatter(old: Node, positions: np.ndarray, value: Any) -> Node:
    """``old`` with elements replaced, counted in C order."""
    reshape = registry.op_of(np.reshape)
    size = int(np.prod(old.shape, dtype=int))
    flat = _node(reshape, (old,), Params((HOLES[0], (-1,))), old, (size,))
    index = constant(positions)
    if isinstance(value, Node):
        params, inputs = Params((HOLES[0], HOLES[1], HOLES[2])), [flat, value, index]
    else:
        params, inputs = Params((HOLES[0], value, HOLES[1])), [flat, index]
    flat = _node(registry.SETITEM, tuple(inputs), params, old, (size,))
    return _node(reshape, (flat,), Params((HOLES[0], old.shape)), old)


# -- operators, out= and ufunc.at ------------------------------------------------------------------
def in_place(op: Op, target: EagerArray, other: Any) -> Any:
    """``target += other``: for scalars a new value, for arrays a new version."""
    if node_of(target).specs[0].kind != "array":
        return operate(op, (target, other))
    result = operate(op, (target, other))
    if result is NotImplemented:
        return result
    _check_shape(target, result)
    assign(target, result)
    return target


def _check_shape(out: Any, result: Any) -> None:
    if np.broadcast_shapes(out.shape, np.shape(result)) != out.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {out.shape} doesn't match the "
            f"broadcast shape {np.shape(result)}"
        )


def write_out(op: Op, args: Sequence[Any], kwargs: dict[str, Any], outs: Sequence[Any]) -> Any:
    """An op with ``out=``."""
    if any(one is not None and not isinstance(one, EagerArray) for one in outs):
        if has_gradient((tuple(args), kwargs)):
            raise leak_error(
                "A Tensor's result was written into a plain array, where its graph would be lost.",
                f"leave out= away (a = a + t for a += t); {IDENTITY}",
            )
        args, kwargs, outs = plain((tuple(args), kwargs, tuple(outs)))
        out: Any = outs if len(outs) > 1 else outs[0]
        return run(op.evaluate, args, {**kwargs, "out": out})
    where = kwargs.pop("where", True)
    with np.errstate() if where is True else np.errstate(all="ignore"):
        result = call(op, args, kwargs)
    results = result if isinstance(result, tuple) else (result,)
    made = []
    for out, value in zip(outs, results, strict=True):
        if out is not None:
            _check_shape(out, value)
            assign(out, value if where is True else np.where(where, value, out))
        made.append(value if out is None else out)
    return tuple(made) if isinstance(result, tuple) else made[0]


def ufunc_at(ufunc: Any, target: Any, index: Any, *values: Any) -> None:
    """``np.add.at(target, index, value)``.

    Raises
    ------
    LeakError
        For a plain target, and for ufuncs other than add and subtract.
    """
    if not isinstance(target, EagerArray):
        if has_gradient((index, values)):
            raise leak_error(f"np.{ufunc.__name__}.at wrote a Tensor into a plain array.", IDENTITY)
        ufunc.at(target, *plain((index, *values)))
        return
    if ufunc not in (np.add, np.subtract):
        raise leak_error(
            f"np.{ufunc.__name__}.at on a Tensor is not recorded.", "loop over the indices"
        )
    value = values[0] if ufunc is np.add else np.negative(values[0])
    assign(target, call(registry.SCATTER_ADD, (target, value, index), {}))


def plain(tree: Any) -> Any:
    """Nested arguments with plain arrays in place of Tensors."""
    return map_structure(lambda leaf: operand(leaf) if isinstance(leaf, EagerArray) else leaf, tree)


# -- functions that write to their first argument --------------------------------------------------
VALUES = {
    np.copyto: "src",
    np.put: "v",
    np.putmask: "values",
    np.place: "vals",
    np.put_along_axis: "values",
    np.fill_diagonal: "val",
}
NAMES = {np.copyto: ("dst", "src", "casting", "where"), np.putmask: ("a", "mask", "values")}


def scatter(written: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Run a function that moves values into an array, and write down where they went.

    The function is run once more on numbered elements: those of the target 0, 1, 2 …, those of the
    value from there on. What stands where afterwards tells which element went where.
    """
    written = original_of(written)
    known = NAMES.get(written) or tuple([name for name, _, _ in parameters(written) or ()])
    bound = dict(zip(known, args)) | kwargs
    target, value = bound.pop(known[0]), bound[VALUES[written]]
    if not isinstance(target, EagerArray):
        if has_gradient(value):
            raise leak_error(f"np.{written.__name__} wrote a Tensor into a plain array.", IDENTITY)
        return run(written, *_call(written, target, plain(bound)))
    if written is np.copyto and bound.get("where", True) is True:
        return assign(target, as_array(value), bound.get("casting", "same_kind"))
    value = as_array(value)
    old, size = node_of(target), target.size
    rest = plain(bound)
    tags = np.arange(np.size(value)).reshape(np.shape(value)) + size
    probe = np.arange(size).reshape(target.shape)
    quiet = {"casting": "unsafe"} if written is np.copyto else {}
    run(written, *_call(written, probe, rest | {VALUES[written]: tags} | quiet))
    changed = np.flatnonzero(probe.ravel() >= size)
    sources = probe.ravel()[changed] - size
    split = CallTemplate((_picked(value, sources),), {})
    moved = split.inputs[0] if split.inputs else split.params.args[0]
    concrete = rest | {VALUES[written]: plain(value)}
    change(
        target,
        lambda memory: run(written, *_call(written, memory, concrete)),
        _scatter(old, changed, moved),
        split.graph_inputs(),
    )
    return None


def _call(written: Any, target: Any, bound: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """Arguments in the order that functions written in C insist on."""
    if written is np.putmask:
        return (target, bound["mask"], bound["values"]), {}
    if written is np.copyto:
        return (target, bound["src"]), {k: v for k, v in bound.items() if k != "src"}
    return (target,), bound


def _picked(value: Any, sources: np.ndarray) -> Any:
    """The elements of a value that were written, in the target's order."""
    if np.ndim(value) == 0:
        return value
    return np.reshape(value, (-1,))[sources]


def nan_to_num(written: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """``np.nan_to_num(x, copy=False)`` writes to x."""
    bound = dict(zip(("x", "copy", "nan", "posinf", "neginf"), args)) | kwargs
    target, copied = bound.pop("x"), bound.pop("copy", True)
    op = registry.op_of(np.nan_to_num)
    if copied or not isinstance(target, EagerArray):
        return call(op, (target,), {k: v for k, v in bound.items() if v is not None})
    assign(target, call(op, (target,), {k: v for k, v in bound.items() if v is not None}))
    return target


def nested(written: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """``np.histogramdd``: its result is no flat tuple, so it is what it does."""
    return histogramdd(None, *args, **kwargs)


IN_PLACE: dict[Any, Callable[..., Any]] = {
    **dict.fromkeys(VALUES, scatter),
    np.nan_to_num: nan_to_num,
    np.histogramdd: nested,
}


def function(function: Any, args: Sequence[Any], kwargs: dict[str, Any], spelling: str = "") -> Any:
    """A NumPy function or ufunc method on Tensors, by name."""

    if getattr(function, "__name__", "") in ABOUT_TYPES:
        return run(function, *plain((tuple(args), kwargs)))
    special = IN_PLACE.get(function)
    if special is not None:
        return special(function, args, kwargs)
    kwargs = dict(kwargs)
    out = kwargs.pop("out", None)
    op, args, kwargs = normalise(function, args, kwargs)
    if kwargs.get("order") in ("A", "K") and op.name in ("ravel", "reshape"):
        kwargs["order"] = layout(args[0], kwargs["order"])
    out = kwargs.pop("out", None) if out is None else out
    outs = out if isinstance(out, tuple) else (out,)
    if all(one is None for one in outs):
        return call(op, args, kwargs, spelling)
    return write_out(op, args, kwargs, outs)


def layout(tensor: Any, order: str) -> str:
    """The order that ``"A"`` and ``"K"`` mean for this layout in memory, which graphs don't keep.

    Raises
    ------
    LeakError
        If it is neither C nor Fortran order.
    """
    if order not in ("A", "K") or not isinstance(tensor, EagerArray):
        return order
    if tensor.flags.c_contiguous or (order == "A" and not tensor.flags.f_contiguous):
        return "C"
    if tensor.flags.f_contiguous:
        return "F"
    raise leak_error("The order of this Tensor's memory has no name.", "use order='C' or order='F'")
