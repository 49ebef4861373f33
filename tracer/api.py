"""The public functions: trace, grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp and friends.

>>> value, (g_w, g_b) = value_and_grad(loss, argnums=("w", "b"))(w, b, x, y)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

from tracer import errors, trees
from tracer.function import TracedFunction, as_traced

P = ParamSpec("P")
R = TypeVar("R")


@overload
def trace(function: Callable[P, R], /) -> TracedFunction[P, R]: ...
@overload
def trace(
    *, static: Sequence[str] = (), check: bool | None = None, backend: str | None = None
) -> Callable[[Callable[P, R]], TracedFunction[P, R]]: ...
def trace(
    function: Callable[..., Any] | None = None, /, *, static: Sequence[str] = (),
    check: bool | None = None, backend: str | None = None,
) -> Any:  # fmt: skip
    """Trace a function: calls run a compiled program that is bit-equal to plain NumPy.

    Parameters
    ----------
    function : callable
        Plain NumPy code; methods, closures and lambdas too.
    static : sequence of str
        Arguments whose every value has its own program, although they are numbers.
    check : bool, optional
        Compare with the plain function on the first call, then on calls 2, 4, 8 …
    backend : str, optional
        ``"numpy"``.

    Returns
    -------
    TracedFunction
        With ``graph``, ``source``, ``save`` and ``explain``.
    """
    if function is None:
        return functools.partial(_trace, static=static, check=check, backend=backend)
    return _trace(function, static, check, backend)


def _trace(function: Any, static: Any, check: Any, backend: Any) -> TracedFunction:
    if isinstance(function, (staticmethod, classmethod)):
        raise TypeError("put @trace under @staticmethod or @classmethod, next to the function")
    if not callable(function):
        raise TypeError(f"trace takes a function, not {function!r}")
    return TracedFunction(function, static, check, backend)


def _wraps(function: Any, *recipe: Any) -> Any:
    """Make a wrapper look like the function; ``recipe`` says what it does to it."""
    static = getattr(function, "static", ())

    def decorate(wrapper: Any) -> Any:
        functools.update_wrapper(wrapper, getattr(function, "__tracer_function__", function))
        wrapper.__tracer_recipe__ = (wrapper.__code__, static, *[repr(part) for part in recipe])
        return wrapper

    return decorate


def value_and_grad(
    fn: Callable[..., Any], argnums: Any = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """Value and gradient in one program.

    Parameters
    ----------
    fn : callable
        Returns one real number; with ``has_aux``, a pair ``(number, anything)``.
    argnums : int, str, or tuple of them
        Which arguments; a tuple gives a tuple of gradients.
    has_aux : bool

    Returns
    -------
    callable
        ``(*args) -> (value, gradient)``; a gradient has the tree, shapes and dtypes of its
        argument. For complex arguments it is the conjugate of the steepest ascent direction, as
        JAX and HIPS autograd define it.

    Raises
    ------
    NonScalarOutput, IntegerArgument, ArgnumsError, MissingRule
    """
    traced = as_traced(fn)

    @_wraps(fn, argnums, has_aux)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        from tracer import engine

        return engine.value_and_grad(traced, args, kwargs, argnums, has_aux)

    return value_and_gradient


def grad(fn: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a function that returns one real number; see `value_and_grad`.

    Returns
    -------
    callable
        ``(*args) -> gradient``, or ``(gradient, aux)`` with ``has_aux``.
    """
    both = value_and_grad(fn, argnums, has_aux)

    @_wraps(fn, argnums, has_aux)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def vjp(fn: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value and pullback.

    Returns
    -------
    out : the value of ``fn(*primals)``
    pullback : callable
        Takes a cotangent with the structure, shapes and dtypes of ``out``; returns a tuple with
        one cotangent per primal. It may be called again and is not affected by later changes of
        the inputs.
    """
    from tracer import engine

    return engine.vjp(as_traced(fn), primals)


def jvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value and directional derivative: ``(fn(*primals), J @ tangents)``."""
    from tracer import engine

    return engine.jvp(as_traced(fn), tuple(primals), tuple(tangents))


def jacobian(
    fn: Callable[..., Any], argnums: int | str = 0, mode: str | None = None
) -> Callable[..., Any]:
    """The Jacobian of an array function of an array.

    Parameters
    ----------
    mode : {None, "reverse", "forward"}
        None picks the mode that needs fewer passes.

    Returns
    -------
    callable
        ``(*args) -> array`` of shape ``out.shape + in.shape``.
    """
    if mode not in (None, "reverse", "forward"):
        raise ValueError(f"mode is None, 'reverse' or 'forward', not {mode!r}")
    traced = as_traced(fn)

    @_wraps(fn, argnums, mode)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        position, function = _one_argument(traced, args, kwargs, argnums)
        x = args[position] if position < len(args) else kwargs[_name(traced, position)]
        out, pullback = vjp(function, x)
        size_in, size_out = np.size(x), np.size(out)
        if mode == "reverse" or (mode is None and size_out <= size_in):
            return _rows(pullback, out, x)
        return _columns(function, x, out)

    return jacobian_of


def _name(traced: TracedFunction, position: int) -> str:
    from tracer.function import signature_of

    signature = signature_of(traced.__tracer_function__)
    return list(signature.parameters)[position] if signature is not None else f"x{position}"


def _one_argument(
    traced: TracedFunction, args: tuple, kwargs: dict[str, Any], argnums: Any
) -> tuple[int, Callable[[Any], Any]]:
    from tracer.function import argument_names, check_argnums

    names = argument_names(traced, args, kwargs)
    (position,), _ = check_argnums(argnums, names, getattr(traced, "__name__", "f"))

    def of_one(x: Any) -> Any:
        if position < len(args):
            return traced(*args[:position], x, *args[position + 1 :], **kwargs)
        return traced(*args, **(kwargs | {names[position]: x}))

    return position, of_one


def _basis(like: Any) -> list[np.ndarray]:
    size, dtype = (
        np.size(like),
        np.asarray(like).dtype if not hasattr(like, "dtype") else like.dtype,
    )
    return list(np.eye(size, dtype=dtype).reshape(size, *np.shape(like)))


def _rows(pullback: Any, out: Any, x: Any) -> Any:
    rows = [pullback(row if np.ndim(out) else row[()])[0] for row in _basis(out)]
    if not rows:
        return np.zeros((*np.shape(out), *np.shape(x)), x.dtype)
    return np.stack(rows).reshape((*np.shape(out), *np.shape(x)))


def _columns(function: Any, x: Any, out: Any) -> Any:
    columns = [jvp(function, (x,), (e if np.ndim(x) else e[()],))[1] for e in _basis(x)]
    if not columns:
        return np.zeros((*np.shape(out), *np.shape(x)), np.asarray(out).dtype)
    stacked = np.stack(columns, axis=-1)
    return stacked.reshape((*np.shape(out), *np.shape(x)))


def hessian(fn: Callable[..., Any], argnums: int | str = 0) -> Callable[..., Any]:
    """The Hessian: ``(*args) -> array`` of shape ``in.shape + in.shape``; forward over reverse."""
    return jacobian(grad(fn, argnums), argnums, mode="forward")


def hvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Hessian times vector, without the Hessian: forward over reverse.

    Returns
    -------
    Like ``tangents``: a tuple, or one tree if there is one primal.
    """
    argnums = tuple(range(len(primals)))
    _, product = jvp(grad(fn, argnums), primals, tangents)
    return product if len(primals) > 1 else product[0]


def elementwise_grad(fn: Callable[..., Any], argnums: int | str = 0) -> Callable[..., Any]:
    """The derivative of each element of an elementwise function by its own input element."""
    traced = as_traced(fn)

    @_wraps(fn, argnums)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        position, function = _one_argument(traced, args, kwargs, argnums)
        x = args[position] if position < len(args) else kwargs[_name(traced, position)]
        out, pullback = vjp(function, x)
        return pullback(
            np.ones(np.shape(out), out.dtype)[()] if not np.ndim(out) else np.ones_like(out)
        )[0]

    return derivative


def linearize(fn: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Value and the linear map that `jvp` applies: ``(out, tangents -> tangent_out)``."""
    out, _ = jvp(fn, primals, trees.map(np.zeros_like, tuple(primals)))

    def linear(*tangents: Any) -> Any:
        return jvp(fn, primals, tangents)[1]

    return out, linear


def vmap(
    fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0
) -> TracedFunction[..., Any]:
    """Map a function over a batch: written for one example, run for all of them at once.

    Parameters
    ----------
    fn : callable
        Plain NumPy code for one example.
    in_axes : int, None, or a tuple with one entry per positional argument
        Which axis of the arguments counts the examples; None for what all of them share. An
        entry may be a tree of ints and None that is a prefix of its argument's tree. Arrays
        given by keyword are mapped over axis 0, numbers given by keyword are shared.
    out_axes : int, None, or a tree of them
        Where the batch goes in the results. None is for results that all examples share.

    Returns
    -------
    TracedFunction
        ``vmap(fn)(xs)`` equals ``np.stack([fn(x) for x in xs])``, in dtype too. Examples that
        take different branches are run one after the other.

    Raises
    ------
    BatchError
        If mapped axes differ in length, or no argument is mapped.

    Examples
    --------
    >>> vmap(np.dot, in_axes=(0, None))(rows, w)
    >>> vmap(grad(loss), in_axes=(None, 0, 0))(w, xs, ys)      # a gradient per example
    """
    if not isinstance(in_axes, (int, tuple, list, np.integer, type(None))):
        raise TypeError(f"vmap: in_axes is an int, None or a tuple, not {in_axes!r}")
    traced = as_traced(fn)

    @_wraps(fn, in_axes, out_axes)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        from tracer import mapping

        return mapping.call(traced, args, kwargs, in_axes, out_axes)

    mapped.__tracer_unbound__ = True
    return as_traced(mapped)


def __getattr__(name: str) -> Any:
    """Names whose home needs the compiler: loaded on first use."""
    if name in ("custom_vjp", "custom_jvp", "stop_gradient"):
        from tracer.transforms import custom

        return getattr(custom, name)
    if name == "Tensor":
        from tracer.recording.eager import Tensor

        return Tensor
    raise AttributeError(f"module 'tracer.api' has no attribute {name!r}")


__all__ = [
    "elementwise_grad", "errors", "grad", "hessian", "hvp", "jacobian", "jvp", "linearize", "trace",
    "value_and_grad", "vjp", "vmap",
]  # fmt: skip
