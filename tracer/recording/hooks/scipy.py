"""SciPy's namespaces while a trace is open: its Python functions and distributions record nodes.

>>> rows_of("special")[0]
(<module 'scipy.special'>, 'ai_zeros', <function ai_zeros>, <function ai_zeros>)

SciPy's ufuncs dispatch by themselves. The rest would copy a Tensor's memory: each public function
is replaced by a wrapper that passes straight through unless an argument is traced, and so are the
methods that all distributions share. SciPy is never imported from here: a subpackage is hooked
once somebody else has loaded it.
"""

from __future__ import annotations

import sys
from functools import wraps
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer import errors
from tracer.ops.normalise import normalise
from tracer.ops.scipy_names import CHAPTERS, distribution_method
from tracer.ops.stand_ins import stand_in
from tracer.python.attributes import own
from tracer.recording.random.streams import GLOBAL
from tracer.recording.tensor.active import ACTIVE, leak
from tracer.recording.tensor.leaks import contains_tensor

if TYPE_CHECKING:
    from tracer.recording.recorder.recorder import Recorder

Row = tuple[Any, str, Any, Any]

# Neither computes nor can meet a Tensor.
NOT_HOOKED = frozenset(
    "geterr seterr errstate test get_workers set_workers set_backend skip_backend "
    "register_backend set_global_backend get_blas_funcs get_lapack_funcs".split()
)
# They estimate norms from numbers that they draw; the result does not depend on these.
ESTIMATES = frozenset({"scipy.linalg.logm", "scipy.linalg.fractional_matrix_power"})
VALUES = "pdf logpdf pmf logpmf cdf logcdf sf logsf ppf isf".split()
MOMENTS = "stats entropy moment median mean var std interval support expect nnlf".split()
DRAWS = ["rvs"]


def loaded_chapters() -> list[str]:
    """The subpackages that are imported by now, not those that are just being imported."""
    return [name for name in CHAPTERS if _is_loaded(sys.modules.get(f"scipy.{name}"))]


def _is_loaded(module: ModuleType | None) -> bool:
    return module is not None and not getattr(module.__spec__, "_initializing", False)


def rows_of(chapter: str) -> list[Row]:
    """``(owner, name, original, wrapper)`` of everything to replace in a subpackage."""
    module = sys.modules[f"scipy.{chapter}"]
    rows = []
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name, None)
        if name in NOT_HOOKED or isinstance(value, (type, np.ufunc, ModuleType)):
            continue
        if callable(value) and hasattr(value, "__name__"):
            rows.append((module, name, value, _wrapper(value)))
    return rows + (_distribution_rows() if chapter == "stats" else [])


def _wrapper(original: Any) -> Any:
    @wraps(original)
    def hook(*args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None or not (contains_tensor(args) or contains_tensor(kwargs)):
            return original(*args, **kwargs)
        return record(recorder, original, args, kwargs)

    return stand_in(hook, original)


def record(recorder: Recorder, function: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A call of one of SciPy's functions as a node.

    ``overwrite_a=True`` is left out: it lets SciPy use up its argument, which is the trace's own.
    """
    op, args, kwargs = normalise(function, args, kwargs)
    kwargs = {name: v for name, v in kwargs.items() if not name.startswith("overwrite_")}
    args = tuple([own(a, "__tracer_plain_function__", a) for a in args])
    if kwargs.get("out") is not None:
        return recorder.function(function, args, kwargs)
    args = tuple(
        [recorder.as_array(a) if type(a) is list and contains_tensor(a) else a for a in args]
    )
    state = GLOBAL.get_state(legacy=False) if op.name in ESTIMATES else None
    try:
        result = recorder.call(op, args, kwargs, "")
    except errors.LeakError as error:
        if not any(isinstance(a, FunctionType) for a in args):
            raise
        raise leak(
            f"The function that {op.name} calls reads a traced value from outside.",
            "hand it over: odeint(func, y0, t, args=(value,))",
        ) from error
    if state is not None:
        GLOBAL.set_state(state)
    if op.name == "scipy.linalg.cho_factor":  # which triangle it is, is no number
        return result[0], result[1]._value
    return result


# -- distributions --------------------------------------------------------------------------------
def _distribution_rows() -> list[Row]:
    """Methods of the base classes, and of the multivariate distributions' own classes."""
    infrastructure = sys.modules["scipy.stats._distn_infrastructure"]
    rows: list[Row] = []
    for owner in ("rv_generic", "rv_continuous", "rv_discrete"):
        rows += _method_rows(vars(infrastructure)[owner], _univariate)
    multivariate = sys.modules["scipy.stats._multivariate"]
    for name, owner in vars(multivariate).items():
        if isinstance(owner, type) and name.endswith("_gen") and not name.startswith("multi_rv"):
            rows += _method_rows(owner, _multivariate)
            if "__call__" in vars(owner):
                rows.append((owner, "__call__", vars(owner)["__call__"], _freeze(owner)))
        elif isinstance(owner, type) and name.endswith("_frozen"):
            rows += _method_rows(owner, _refused)
    return rows


def _method_rows(owner: type, make: Any) -> list[Row]:
    rows = []
    for name in (*VALUES, *MOMENTS, *DRAWS):
        original = vars(owner).get(name)
        if original is not None and callable(original):
            made = _draw(original) if name in DRAWS else make(original)
            rows.append((owner, name, original, made))
    return rows


def _univariate(original: Any) -> Any:
    """``norm.logpdf(x, loc=m)`` becomes ``norm.logpdf(x, m)``: operands by position."""

    @wraps(original)
    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None or not (contains_tensor(args) or contains_tensor(kwargs)):
            return original(self, *args, **kwargs)
        method = _bound(self, original)
        first, rest = (args[:1], args[1:]) if original.__name__ in VALUES else ((), args)
        if original.__name__ in VALUES:
            first = first or (kwargs.pop("q" if "q" in kwargs else "x"),)
            shapes, loc, scale = self._parse_args(*rest, **kwargs)
            discrete = hasattr(self, "pmf")
            rest, kwargs = tuple(shapes), {}
            if discrete:
                rest += () if _is_number(loc, 0) else (loc,)
            elif not _is_number(scale, 1):
                rest += (loc, scale)
            elif not _is_number(loc, 0):
                rest += (loc,)
        return record(recorder, method, (*first, *rest), kwargs)

    return stand_in(hook, original)


def _is_number(value: Any, number: int) -> bool:
    return type(value) is int and value == number


def _bound(distribution: Any, original: Any) -> Any:
    """The method of the public distribution that this one is, or is a copy of."""
    name = distribution_method(distribution, original.__name__)
    if not name:
        raise errors.MissingRule(
            f"{type(distribution).__name__}.{original.__name__} of a distribution that is not one "
            "of scipy.stats' own can't be traced.",
            None,
            "write its density with NumPy",
        )
    public = getattr(sys.modules["scipy.stats"], name.split(".")[2])
    return MethodType(original, public)


def _multivariate(original: Any) -> Any:
    @wraps(original)
    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = ACTIVE.get()
        if recorder is None or not (contains_tensor(args) or contains_tensor(kwargs)):
            return original(self, *args, **kwargs)
        return record(recorder, _bound(self, original), args, kwargs)

    return stand_in(hook, original)


class Frozen:
    """A distribution with traced parameters: each method is called with them.

    >>> Frozen(stats.multivariate_normal, (mean, cov), {}).logpdf(x)
    """

    def __init__(self, distribution: Any, args: tuple, kwargs: dict[str, Any]):
        self.distribution, self.args, self.kwargs = distribution, args, kwargs

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.distribution, name)
        if name not in VALUES:
            return method
        return lambda x: method(x, *self.args, **self.kwargs)


def _freeze(owner: type) -> Any:
    original = vars(owner)["__call__"]

    @wraps(original)
    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        if ACTIVE.get() is not None and (contains_tensor(args) or contains_tensor(kwargs)):
            return Frozen(self, args, kwargs)
        return original(self, *args, **kwargs)

    return stand_in(hook, original)


# What a frozen distribution keeps of its parameters, for those that keep all of them.
FROZEN_PARAMETERS = {"multivariate_normal": ("mean", "cov"), "dirichlet": ("alpha",)}


def _refused(original: Any) -> Any:
    """A frozen multivariate distribution may hold factors, not parameters, of its density."""

    @wraps(original)
    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        if ACTIVE.get() is not None and (contains_tensor(args) or contains_tensor(kwargs)):
            name = type(self).__name__.removesuffix("_frozen")
            if name in FROZEN_PARAMETERS:
                kept = {key: getattr(self, key) for key in FROZEN_PARAMETERS[name]}
                public = getattr(sys.modules["scipy.stats"], name)
                return getattr(public, original.__name__)(*args, **kwargs, **kept)
            raise leak(
                f"A frozen {name} distribution was given a traced array.",
                f"call scipy.stats.{name}.{original.__name__}(x, ...) with its parameters",
            )
        return original(self, *args, **kwargs)

    return stand_in(hook, original)


def _draw(original: Any) -> Any:
    """Draws from a traced stream are seen; others would be the same in every call."""

    @wraps(original)
    def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
        if ACTIVE.get() is not None and not contains_tensor(kwargs.get("random_state")):
            raise leak(
                "rvs() draws random numbers in a traced function.",
                "pass it a generator that is an argument: rvs(..., random_state=rng)",
            )
        return original(self, *args, **kwargs)

    return stand_in(hook, original)
