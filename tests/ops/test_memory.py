"""The table of memory is NumPy's: each of its ops runs on samples, and so do the functions left out."""

from __future__ import annotations

import numpy as np
import pytest

from tracer import grad, trace, vjp, vmap
from tracer.graph.node import HOLES, Node, Params
from tracer.graph.spec import spec_of
from tracer.ops import registry
from tracer.ops.memory import BUFFERS, FREE, FRESH, MAY_BE_VIEWS, MOVES, TABLE, VIEWS, viewed

V = np.arange(1.0, 7.0)
M = np.arange(1.0, 10.0).reshape(3, 3) + np.eye(3)
T = np.arange(24.0).reshape(2, 3, 4)
C = M + 1j
I = np.arange(3)
# How an op that takes more than one array, or is told where and how, is called.
CALLS = {
    "swapaxes": [(M, 0, 1), (M, 0, 0)],
    "moveaxis": [(M, 0, 1)],
    "rollaxis": [(M, 1)],
    "expand_dims": [(M, 0)],
    "reshape": [(M, (9,)), (M.T, (9,))],
    "reshape_like": [(M, V[:3].reshape(3, 1) * np.ones(3))],
    "broadcast_to": [(V, (2, 6))],
    "broadcast_like": [(V, np.ones((2, 6)))],
    "getitem": [(M, 0), (M, (slice(1), 0)), (M, I), (M, M > 3)],
    "item": [((M, V), 0)],
    "split": [(V, 2)],
    "array_split": [(V, 4)],
    "hsplit": [(V, 2)],
    "vsplit": [(M, 3)],
    "dsplit": [(T, 2)],
    "broadcast_arrays": [(M,)],
    "sum_to": [(M, M), (M, V[:3]), (M, M[:1])],
    "imag": [(M,), (C,)],
    "real": [(M,), (C,)],
    "real_if_close": [(M,), (C,)],
    "einsum": [("ij->ji", M), ("ii->i", M), ("ij->j", M), ("ij,jk->ik", M, M), ("ij", M)],
    "meshgrid": [(V, V)],
    "numpy.lib.stride_tricks.sliding_window_view": [(V, 2)],
    "histogram": [(V, V)],
    "histogram2d": [(V, V, V)],
    "histogramdd": [(M, [V, V, V])],
    "histogram_bin_edges": [(V, V)],
    "zeros": [(3,)],
    "zeros_of": [(M,)],
    "ones": [(3,)],
    "full": [(3, V[:1])],
    "empty": [(3,)],
    "full_like": [(M, V[:3])],
    "eye": [(3,)],
    "identity": [(3,)],
    "arange": [(3,)],
    "tri": [(3,)],
    "roll": [(V, 0), (V, 1), (M, 0, 0)],
    "concatenate": [((V,),), ((V, V),)],
    "stack": [((V, V),)],
    "vstack": [((M,),)],
    "hstack": [((V,),)],
    "dstack": [((T,),)],
    "column_stack": [((M,),)],
    "dot": [(M, M)],
    "vdot": [(V, V)],
    "inner": [(M, M)],
    "outer": [(V, V)],
    "tensordot": [(M, M, 1)],
    "kron": [(M, M)],
    "linspace": [(V, V, 1)],
    "logspace": [(V, V, 1)],
    "geomspace": [(V, V, 1)],
    "where": [(M > 0, M, M)],
    "clip": [(M, None, None), (M, 0, M)],
    "repeat": [(V, 1), (M, 1, 0)],
    "tile": [(V, 1)],
    "sum": [(M,), (M, ()), (M[:1], 0)],
    "max": [(M,), (M, ())],
    "pow": [(V, 1), (V, V)],
    "take": [(V, I), (M, I, 0)],
    "take_along_axis": [(M, np.zeros((3, 3), int), 0)],
    "compress": [(V > 0, V)],
    "astype": [(V, np.float64), (V, np.float32)],
    "setitem": [(M, 1.0, 0), (V, V, slice(None))],
    "scatter_add": [(M, 1.0, 0)],
    "linalg.solve": [(M, M)],
    "linalg.cholesky": [(np.eye(3),)],
    "size_of": [(M, 0)],
    "same_size": [(M, M, 0, 0)],
    "squeeze": [(M,), (M[:1],)],
    "stop_gradient": [(M,)],
    "constant": [(3.0,)],
}
CALLS |= dict.fromkeys(("copy", "array", "transpose", "ravel"), [(V,), (M,), (M.T,), (M[:, :1],)])


def arrays(value):
    if isinstance(value, (list, tuple)):
        return [array for item in value for array in arrays(item)]
    return [value] if isinstance(value, np.ndarray) and value.size else []


def op_of(name):
    if name.startswith("numpy.lib"):
        return registry.op_of(np.lib.stride_tricks.sliding_window_view)
    return registry.op_named(name)


def shares(name, args):
    operands = arrays(args)
    results = arrays(op_of(name).evaluate(*args))
    return [any(np.may_share_memory(r, operand) for operand in operands) for r in results]


def calls_of(name):
    return CALLS.get(name, [(M,), (M[:, ::2],), (T,)] if name in VIEWS else [(M,)])


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_views(name):
    assert all(all(shares(name, args)) for args in calls_of(name))


@pytest.mark.parametrize("name", sorted(FRESH))
def test_fresh(name):
    assert not any(any(shares(name, args)) for args in calls_of(name))


@pytest.mark.parametrize("name", sorted(MAY_BE_VIEWS - {"array", "meshgrid"}))
def test_may_be_views(name):
    assert any(any(shares(name, args)) for args in calls_of(name))


@pytest.mark.parametrize("name", ["sum_to", "einsum", "meshgrid"])
def test_a_call_that_gives_no_view_is_seen(name):
    for args in CALLS[name]:
        operands = [a for a in args if isinstance(a, np.ndarray)]
        inputs = [Node(registry.INPUT, (), Params(), (spec_of(o),)) for o in operands]
        holes = iter(HOLES)
        params = Params([next(holes) if isinstance(a, np.ndarray) else a for a in args])
        op = registry.op_named(name)
        made = op.evaluate(*args)
        specs = tuple([spec_of(item) for item in (made if type(made) is tuple else (made,))])
        node = Node(op, tuple(inputs), params, specs)
        assert (viewed(node) is not None) == any(shares(name, args)), args


def test_each_op_stands_in_one_row():
    names = [name for row in TABLE for name in row.names.split()]
    assert len(names) == len(set(names))
    assert {"array"} == BUFFERS - FRESH
    assert not MOVES - VIEWS - MAY_BE_VIEWS - FRESH


@pytest.mark.parametrize("name", sorted(MOVES))
def test_what_moves_elements_makes_none(name):
    for args in calls_of(name):
        made = {x for a in arrays(registry.op_named(name).evaluate(*args)) for x in a.flat}
        assert made <= {x for a in arrays(args) for x in a.flat}


def test_what_is_free_computes_nothing():
    schemas = {registry.op_named(name).schema.kind for name in FREE - {"stop_gradient"}}
    assert schemas == {"shape", "creation", "structural"}


# Public functions whose results were seen to share memory with an operand, and are no ops: what
# is its operand when it runs is recorded as that operand.
IDENTITIES = {
    "array": {"copy": None},
    "asarray_chkfinite": {},
    "asfortranarray": {},
    "diff": {"n": 0},
    "nan_to_num": {"copy": False},
    "require": {},
    "trim_zeros": {},
}


@pytest.mark.parametrize("name", IDENTITIES)
def test_results_that_are_operands_stay_so(name):
    def f(x):
        y = x * 2
        z = getattr(np, name)(y, **IDENTITIES[name])
        z[0] = 7
        return y

    np.testing.assert_array_equal(trace(f)(V), f(V))


# -- bugs that were -------------------------------------------------------------------------------
VIEWING = {
    "einsum": lambda x: np.einsum("ij->ji", x),
    "einsum of a diagonal": lambda x: np.einsum("ii->i", x),
    "meshgrid": lambda x: np.meshgrid(x[0], x[1], copy=False)[0],
    "windows": lambda x: np.lib.stride_tricks.sliding_window_view(x[0], 2),
    "edges": lambda x: np.histogram(V, x[0])[1],
}


@pytest.mark.parametrize("view", VIEWING.values(), ids=VIEWING)
def test_equal_arrays_are_not_merged_under_a_view_that_is_returned(view):
    def f(x):
        a, b = x + 1, x + 1
        return view(a), b

    assert not np.shares_memory(*f(M))
    assert not np.shares_memory(*trace(f)(M))


def test_gradients_through_an_einsum_that_transposes_are_the_callers_own():
    def f(x):
        return np.einsum("ij->ji", x)

    out, pull = vjp(f, M)
    ct = np.ones_like(out)
    first, second = pull(ct)[0], pull(ct)[0]
    assert not np.shares_memory(first, ct)
    assert not np.shares_memory(first, second)
    one, other = vjp(lambda x, y: f(x) + f(y), M, M + 1)[1](ct)
    assert not np.shares_memory(one, other)
    weights = M.copy()
    assert not np.shares_memory(grad(lambda x, w: np.sum(f(x) * w))(M, weights), weights)


@pytest.mark.parametrize("part", [lambda x: np.split(x, 3)[0], np.unstack])
def test_parts_of_a_batch_are_no_memory_of_the_callers(part):
    x = np.arange(12.0).reshape(2, 6)
    made = vmap(part)(x)
    assert not any(np.shares_memory(array, x) for array in arrays(list(made)))


@pytest.mark.parametrize("f", [lambda x: np.einsum("ij->ji", x), lambda x: np.ascontiguousarray(x)])
def test_views_of_a_batch_are_no_memory_of_the_callers(f):
    x = np.arange(24.0).reshape(2, 3, 4)
    assert not np.shares_memory(vmap(f)(x), x)


def test_an_array_that_copies_in_one_layout_alone_is_not_written_to_in_place():
    def f(x):
        y = np.array(x, order="F", copy=None)
        y[0] = 7.0
        return x * 1

    traced = trace(f)
    for x in (M.copy(), np.asfortranarray(M)):
        np.testing.assert_array_equal(traced(x.copy("K")), f(x.copy("K")))
