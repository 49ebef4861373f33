"""The public functions: trace, grad, value_and_grad, vjp, jvp, jacobian, hessian, hvp and friends.

>>> value, (g_w, g_b) = value_and_grad(loss, argnums=("w", "b"))(w, b, x, y)
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, overload

import numpy as np

from tracer import errors
from tracer.function.flat_calls import MISSED, serve
from tracer.function.traced import TracedFunction, as_traced, decorated, wraps
from tracer.python.locks import IMPORTING
from tracer.python.tracebacks import BOUNDARY, clean

P = ParamSpec("P")
R = TypeVar("R")


@functools.cache
def _derivatives() -> Any:
    """What differentiates: loaded at the first call, so that ``import tracer`` stays light."""
    with IMPORTING:
        from tracer.function import derivatives
    return derivatives


@overload
def trace(function: Callable[P, R], /) -> TracedFunction[P, R]: ...
@overload
def trace(
    *, static: Sequence[str] = (), check: bool | None = None, backend: str | None = None
) -> Callable[[Callable[P, R]], TracedFunction[P, R]]: ...
def trace(
    function: Callable[..., Any] | None = None,
    /,
    *,
    static: Sequence[str] = (),
    check: bool | None = None,
    backend: str | None = None,
) -> Any:
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
        Called like the function, and with ``graph``, ``source``, ``save`` and ``explain``.

    Raises
    ------
    UnknownOption
        If there is no such backend.
    TypeError
        If it is no function. Calls raise what the function raises, and the errors of
        `tracer.errors` where it can't be traced.

    Examples
    --------
    >>> @trace
    ... def loss(w, x):
    ...     return np.mean((x @ w) ** 2)
    >>> loss(w, x), loss.source(w, x)
    """
    if backend not in (None, "numpy"):
        with BOUNDARY:
            raise errors.UnknownOption(
                f"backend is 'numpy', not {backend!r}.", None, "leave it out: there is no other yet"
            )
    if function is None:
        return functools.partial(decorated, static=static, check=check, backend=backend)
    return decorated(function, static, check, backend)


def _derivative(fn: Any, name: str, take: Callable[[Any], Any], *options: Any) -> Any:
    """A callable that looks like ``fn``; ``take`` takes what it calls from the derivatives."""
    traced = as_traced(fn)

    @wraps(fn, name, *options)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        with BOUNDARY:
            return take(_derivatives())(traced, args, kwargs, *options)

    return derivative


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
    what = (type(argnums), argnums, has_aux) if type(argnums) is not list else None

    @wraps(fn, argnums, has_aux)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        try:  # a training loop goes through this: `with BOUNDARY` would call two methods
            if what and not kwargs and (result := serve(traced, what, args)) is not MISSED:
                return result
            return _derivatives().value_and_grad(traced, args, kwargs, argnums, has_aux)
        except BaseException as error:
            clean(error)
            raise

    return value_and_gradient


def grad(fn: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a function that returns one real number; see `value_and_grad`.

    Parameters
    ----------
    fn, argnums, has_aux
        As for `value_and_grad`.

    Returns
    -------
    callable
        ``(*args) -> gradient``, or ``(gradient, aux)`` with ``has_aux``. A gradient has the tree,
        shapes and dtypes of its argument.

    Raises
    ------
    NonScalarOutput, IntegerArgument, ArgnumsError, MissingRule

    Examples
    --------
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    both = value_and_grad(fn, argnums, has_aux)

    @wraps(fn, argnums, has_aux)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        try:
            value, gradients = both(*args, **kwargs)
        except BaseException as error:
            clean(error)
            raise
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def vjp(fn: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value and pullback.

    Parameters
    ----------
    fn : callable
    *primals : trees of floating arrays and numbers
        The point.

    Returns
    -------
    out : the value of ``fn(*primals)``
    pullback : callable
        Takes a cotangent with the structure, shapes and dtypes of ``out``; returns a tuple with
        one cotangent per primal. It may be called again and is not affected by later changes of
        the inputs.

    Raises
    ------
    IntegerArgument, MissingRule
    UserShapeError
        By the pullback, if the cotangent is not like ``out``.

    Examples
    --------
    >>> out, pullback = vjp(np.sin, x)
    >>> (g_x,) = pullback(np.ones_like(out))
    """
    with BOUNDARY:
        return _derivatives().vjp(as_traced(fn), primals)


def jvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value and directional derivative, in one program.

    Parameters
    ----------
    fn : callable
    primals : sequence of trees of floating arrays and numbers
        The arguments.
    tangents : sequence
        A direction for each of them, of the same structure and shapes.

    Returns
    -------
    out : the value of ``fn(*primals)``
    tangent : like ``out``
        The Jacobian times the direction.

    Raises
    ------
    IntegerArgument, MissingRule
    ArgnumsError
        If there are more primals than tangents, or fewer.
    UserShapeError
        If a tangent's shape is not that of its primal.
    """
    with BOUNDARY:
        return _derivatives().jvp(as_traced(fn), tuple(primals), tuple(tangents))


def jacobian(
    fn: Callable[..., Any], argnums: Any = 0, mode: str | None = None
) -> Callable[..., Any]:
    """The Jacobian: every derivative of every result.

    Parameters
    ----------
    fn : callable
        Of arrays, numbers, or trees of them; returns an array, a number, or a tree of them.
    argnums : int, str, or tuple of them
        Which arguments; a tuple gives a tuple of Jacobians.
    mode : {None, "reverse", "forward"}
        None picks the mode that needs fewer passes. Results whose size is known at run time
        only, and complex results of real arguments, take the forward mode in any case.

    Returns
    -------
    callable
        ``(*args) -> array`` of shape ``out.shape + in.shape``; for trees, the tree of the result
        with the tree of the arguments in the place of each leaf. All rows (or columns) are
        computed by one program, which is compiled once per signature.

    Raises
    ------
    IntegerArgument, ArgnumsError, MissingRule
    """
    if mode not in (None, "reverse", "forward"):
        raise ValueError(f"mode is None, 'reverse' or 'forward', not {mode!r}")
    return _derivative(fn, "jacobian", lambda of: of.jacobian, argnums, mode)


def hessian(fn: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The Hessian: forward over reverse, all columns by one program.

    Parameters
    ----------
    fn, argnums
        As for `jacobian`.

    Returns
    -------
    callable
        ``(*args) -> array`` of shape ``in.shape + in.shape`` (``out.shape`` before them if ``fn``
        returns an array); for trees and tuples of ``argnums``, a tree of trees.

    Raises
    ------
    IntegerArgument, ArgnumsError, MissingRule
    """
    return _derivative(fn, "hessian", lambda of: of.hessian, argnums)


def hvp(fn: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Hessian times vector, without the Hessian: forward over reverse.

    Parameters
    ----------
    fn : callable
        Returns one real number.
    primals : sequence of trees of floating arrays and numbers
        The arguments.
    tangents : sequence
        The vector: a direction for each of them, of the same structure and shapes.

    Returns
    -------
    Like ``tangents``: a tuple, or one tree if there is one primal.

    Raises
    ------
    NonScalarOutput, IntegerArgument, MissingRule
    UserShapeError
        If a tangent's shape is not that of its primal.
    """
    with BOUNDARY:
        product = _derivatives().hvp(as_traced(fn), tuple(primals), tuple(tangents))
    return product if len(primals) > 1 else product[0]


def elementwise_grad(fn: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The derivative of each element of an elementwise function by its own input element.

    Parameters
    ----------
    fn : callable
        Works element by element.
    argnums : int, str, or tuple of them
        Which arguments.

    Returns
    -------
    callable
        ``(*args) -> array`` with the shape and dtype of the argument. For a function that is not
        elementwise, the sum of the Jacobian over the results.

    Raises
    ------
    IntegerArgument, ArgnumsError, MissingRule

    Examples
    --------
    >>> elementwise_grad(np.tanh)(np.zeros(2))
    array([1., 1.])
    """
    return _derivative(fn, "elementwise", lambda of: of.elementwise, argnums)


def linearize(fn: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Value and the linear map that `jvp` applies.

    Parameters
    ----------
    fn : callable
    *primals : trees of floating arrays and numbers
        The point.

    Returns
    -------
    out : the value of ``fn(*primals)``
    linear : callable
        ``linear(*tangents)`` is the tangent of ``out``. It uses what was saved when ``out`` was
        computed, may be called again, and is not affected by later changes of the primals.

    Raises
    ------
    IntegerArgument, MissingRule
    UserShapeError
        By the map, if a tangent's shape is not that of its primal.
    """
    with BOUNDARY:
        return _derivatives().linearize(as_traced(fn), primals)


def vmap(fn: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> TracedFunction[..., Any]:
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

    @wraps(fn, in_axes, out_axes)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        from tracer.function.vmap import call

        with BOUNDARY:
            return call(traced, args, kwargs, in_axes, out_axes)

    mapped.__tracer_unbound__ = True
    return as_traced(mapped)


__all__ = [
    "elementwise_grad",
    "errors",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
]
