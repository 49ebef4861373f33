"""Inference says of a call what NumPy makes of it, over drawn shapes, dtypes and arguments."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ops.calls import assert_inferred
from tracer.graph.node import HOLES, POSITIONAL, Params
from tracer.graph.spec import WEAK_SPECS, Dim, array_spec, scalar_spec, spec_of
from tracer.ops import registry
from tracer.ops.infer import infer
from tracer.ops.registry import op_named, op_of

few = settings(max_examples=30, deadline=None, derandomize=True)
DTYPES = ["?", "i1", "u2", "i8", "f2", "f4", "f8", "c8", "c16"]
FLOATS = ["f4", "f8", "c16"]


def arrays(shape=None, dtypes=DTYPES):
    """Arrays of ones, 0-d ones and NumPy scalars among them."""
    shapes = st.just(shape) if shape is not None else hnp.array_shapes(min_dims=0, max_side=4)
    made = st.builds(lambda s, d: np.ones(s, d), shapes, st.sampled_from(dtypes))
    return st.builds(lambda a, bare: a[()] if bare and a.ndim == 0 else a, made, st.booleans())


numbers = st.sampled_from([True, 1, 2.0, 1j])
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.floor_divide,
    np.power,
    np.maximum,
    np.less,
    np.arctan2,
    np.logical_and,
    np.divmod,
    np.hypot,
]


@few
@given(st.sampled_from(BINARY), st.data())
def test_binary_ufuncs(function, data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    left, right = (data.draw(arrays(shape) | numbers) for shape in shapes.input_shapes)
    if isinstance(left, (np.ndarray, np.generic)) or isinstance(right, (np.ndarray, np.generic)):
        assert_inferred(function, left, right)


@few
@given(
    st.sampled_from(
        [
            np.sin,
            np.abs,
            np.isnan,
            np.negative,
            np.sign,
            np.real,
            np.imag,
            np.angle,
            np.modf,
            np.frexp,
            np.round,
            np.nan_to_num,
            np.sinc,
        ]
    ),
    arrays(),
)
def test_unary_functions(function, x):
    assert_inferred(function, x)


@few
@given(arrays(dtypes=FLOATS), st.data())
def test_where_and_clip(x, data):
    assert_inferred(np.where, x > 0, x, data.draw(numbers))
    assert_inferred(np.clip, x.real, 0.0, np.float32(3))
    assert_inferred(np.add, x, x, where=x > 0)
    assert_inferred(np.add, x, 1, dtype=np.complex128)


REDUCTIONS = [
    np.sum,
    np.prod,
    np.max,
    np.min,
    np.mean,
    np.var,
    np.std,
    np.all,
    np.any,
    np.ptp,
    np.nansum,
    np.median,
    np.count_nonzero,
    np.amax,
]


@few
@given(st.sampled_from(REDUCTIONS), arrays(), st.booleans(), st.data())
def test_reductions(function, x, keepdims, data):
    axes = [None, *range(-x.ndim, x.ndim)]
    axis = data.draw(
        st.sampled_from(axes) | st.sets(st.sampled_from(range(x.ndim or 1))).map(tuple)
    )
    assert_inferred(function, x, axis=axis, keepdims=keepdims)
    assert_inferred(function, x, axis)


@few
@given(arrays(dtypes=["i4", "f4"]), st.data())
def test_argmax_cumulative_and_sorted(x, data):
    axis = data.draw(st.sampled_from([None, *range(-x.ndim, x.ndim)]))
    for function in (np.argmax, np.argmin, np.cumsum, np.cumprod, np.sort, np.argsort):
        assert_inferred(function, x, axis=axis)
    assert_inferred(np.sum, x, axis=axis, dtype=np.float64, where=x > 0, initial=1.0)
    assert_inferred(np.std, x, axis=axis, ddof=1)
    assert_inferred(np.sort, x)
    assert_inferred(np.add.reduce, x)
    assert_inferred(np.add.accumulate, x)
    assert_inferred(np.maximum.accumulate, x)
    assert_inferred(np.flip, x, axis)
    assert_inferred(np.roll, x, 1, axis)


@few
@given(
    hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3),
    st.sampled_from(DTYPES),
    st.sampled_from(DTYPES),
)
def test_matmul(shapes, first, second):
    left, right = shapes.input_shapes
    assert_inferred(np.matmul, np.ones(left, first), np.ones(right, second))


@few
@given(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3), st.integers(0, 3))
def test_products(shape, more):
    x, y = np.ones(shape), np.ones((*shape[:-1][:more], shape[-1]), "f4")
    for function in (np.inner, np.outer, np.kron, np.vdot, np.dot):
        assert_inferred(function, x, y)
    assert_inferred(np.dot, x, np.ones((shape[-1], 2)))
    assert_inferred(np.dot, x, np.float32(2))
    assert_inferred(np.tensordot, x, x, axes=0)
    assert_inferred(np.tensordot, x, x, axes=([-1], [-1]))
    assert_inferred(np.tensordot, x, np.ones((*shape, 2)), axes=len(shape))
    assert_inferred(np.trace, x, 0)


@pytest.mark.parametrize(
    "subscripts, shapes",
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("i,i", [(3,), (3,)]),
        ("...ij,...jk->...ik", [(5, 1, 2, 3), (4, 3, 2)]),
        ("ij", [(2, 3)]),
        ("ba", [(2, 3)]),
        ("i...->...", [(2, 3, 4)]),
        ("i,j->", [(2,), (1,)]),
        ("ij,ij->i", [(2, 3), (1, 3)]),
    ],
)
@pytest.mark.parametrize("options", [{}, {"optimize": True}])
def test_einsum(subscripts, shapes, options):
    assert_inferred(np.einsum, subscripts, *[np.ones(shape) for shape in shapes], **options)


def test_einsum_with_lists():
    assert_inferred(np.einsum, np.ones((2, 3)), [0, 1], np.ones((4, 3)), [2, 1], [0, 2])


@few
@given(
    hnp.array_shapes(min_dims=0, max_dims=3, max_side=4), st.sampled_from(["f4", "i8"]), st.data()
)
def test_shapes(shape, dtype, data):
    x = np.ones(shape, dtype)
    for function in (
        np.ravel,
        np.transpose,
        np.squeeze,
        np.atleast_1d,
        np.atleast_2d,
        np.copy,
        np.atleast_3d,
        np.zeros_like,
        np.ones_like,
        np.asarray,
        np.diagflat,
    ):
        assert_inferred(function, x)
    assert_inferred(np.reshape, x, -1)
    assert_inferred(np.reshape, x, (1, -1))
    assert_inferred(np.expand_dims, x, data.draw(st.integers(-x.ndim - 1, x.ndim)))
    assert_inferred(np.broadcast_to, x, (2, *shape))
    assert_inferred(np.pad, x, data.draw(st.sampled_from([1, (1, 2), ((0, 1),)])))
    assert_inferred(np.tile, x, data.draw(st.sampled_from([2, (2, 1), (1, 2, 1, 1)])))
    assert_inferred(np.repeat, x, 2)
    axis = data.draw(st.integers(-max(x.ndim, 1), max(x.ndim, 1) - 1))
    assert_inferred(np.concatenate, [x, x.astype("f8")], axis=axis)
    assert_inferred(np.stack, [x, x], axis=axis)
    for function in (np.vstack, np.hstack, np.dstack, np.column_stack):
        assert_inferred(function, [x, x])
    assert_inferred(np.append, x, 1.5)
    assert_inferred(np.array_split, x, 2)
    assert_inferred(np.moveaxis, x, 0, -1)
    assert_inferred(np.meshgrid, x.ravel(), x.ravel())
    assert_inferred(np.diag, x)
    assert_inferred(np.tril, x)
    assert_inferred(np.full_like, x, 2.5)
    assert_inferred(np.block, [[x, x]])


@few
@given(st.data(), hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_basic_and_advanced_indexing(data, shape):
    x = np.ones(shape, "f4")
    index = data.draw(hnp.basic_indices(shape, allow_ellipsis=True, allow_newaxis=True))
    assert infer(registry.GETITEM, Params((HOLES[0], index)), (spec_of(x),)) == (spec_of(x[index]),)
    places = data.draw(hnp.integer_array_indices(shape))
    params = Params((HOLES[0], tuple(HOLES[1 : len(places) + 1])))
    specs = tuple([spec_of(item) for item in (x, *places)])
    assert infer(registry.GETITEM, params, specs) == (spec_of(x[places]),)


def test_lookups():
    x, i = np.ones((4, 3)), np.array([0, 2, 2])
    assert_inferred(np.take, x, i)
    assert_inferred(np.take, x, i, axis=1)
    assert_inferred(np.take_along_axis, x, np.argsort(x, axis=1), axis=1)
    assert_inferred(np.choose, i, [i, i, i])
    assert_inferred(np.select, [x > 0, x < 0], [x, x.astype("f4")], default=1)


LINALG = [
    np.linalg.inv,
    np.linalg.det,
    np.linalg.cholesky,
    np.linalg.slogdet,
    np.linalg.eigh,
    np.linalg.eigvalsh,
    np.linalg.qr,
    np.linalg.svd,
    np.linalg.pinv,
    np.linalg.norm,
    np.linalg.matrix_rank,
    np.linalg.svdvals,
    np.linalg.cond,
]


@pytest.mark.parametrize("function", LINALG)
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
@pytest.mark.parametrize("stack", [(), (2,), (3, 1)])
def test_linalg(function, dtype, stack):
    assert_inferred(function, np.broadcast_to(np.eye(3, dtype=dtype), (*stack, 3, 3)))


def test_linalg_with_arguments():
    matrix, tall = np.eye(3, dtype="f4"), np.eye(4, 3)
    assert_inferred(np.linalg.solve, matrix, np.ones(3))
    assert_inferred(np.linalg.solve, np.stack([matrix] * 2), np.ones((2, 3, 5)))
    assert_inferred(np.linalg.svd, tall, full_matrices=False)
    assert_inferred(np.linalg.svd, tall, compute_uv=False)
    assert_inferred(np.linalg.qr, tall)
    assert_inferred(np.linalg.norm, tall, axis=0)
    assert_inferred(np.linalg.norm, tall, 1, keepdims=True)
    assert_inferred(np.linalg.lstsq, tall, np.ones(4))
    assert_inferred(np.linalg.matrix_power, matrix, 3)
    assert_inferred(np.fft.rfft, tall)
    assert_inferred(np.fft.irfft, tall, n=6)


def test_creation():
    for shape in (3, (2, 3), ()):
        for function in (np.zeros, np.ones, np.empty):
            assert_inferred(function, shape)
            assert_inferred(function, shape, np.float32)
        assert_inferred(np.full, shape, 2)
        assert_inferred(np.full, shape, np.float32(2))


# -- spellings and kinds ------------------------------------------------------------------------
WEAK_INT, WEAK_FLOAT = WEAK_SPECS[int], WEAK_SPECS[float]


@pytest.mark.parametrize(
    "operator, left, right, wanted",
    [
        ("+", WEAK_INT, WEAK_FLOAT, WEAK_FLOAT),
        ("/", WEAK_INT, WEAK_INT, WEAK_FLOAT),
        ("<", WEAK_FLOAT, WEAK_FLOAT, WEAK_SPECS[bool]),
        ("+", scalar_spec(np.dtype("f4")), WEAK_FLOAT, scalar_spec(np.dtype("f4"))),
        ("+", array_spec((), np.dtype("f4")), WEAK_FLOAT, scalar_spec(np.dtype("f4"))),
        ("*", array_spec((2,), np.dtype("i4")), WEAK_FLOAT, array_spec((2,), np.dtype("f8"))),
        (
            "@",
            array_spec((2,), np.dtype("i4")),
            array_spec((2,), np.dtype("f4")),
            scalar_spec(np.dtype("f8")),
        ),
    ],
)
def test_operators_on_weak_numbers_are_pythons(operator, left, right, wanted):
    name = next(n for n, (symbol, _, _) in registry.OPERATORS.items() if symbol == operator)
    assert infer(op_named(name), POSITIONAL[2], (left, right), "operator") == (wanted,)


def test_functions_on_weak_numbers_give_numpy_scalars():
    assert infer(op_of(np.add), POSITIONAL[2], (WEAK_INT, WEAK_FLOAT)) == (
        scalar_spec(np.dtype("f8")),
    )


def test_powers_of_ints():
    ints = array_spec((3,), np.dtype("i4"))
    assert infer(registry.POW, Params((HOLES[0], 2)), (ints,), "operator") == (ints,)
    with pytest.raises(ValueError):
        infer(registry.POW, Params((HOLES[0], -1)), (ints,), "operator")


# -- large arrays and run-time sizes ------------------------------------------------------------
@pytest.mark.parametrize(
    "function, shapes, wanted",
    [
        (np.matmul, [(10**6, 10**6), (10**6, 10**6)], (10**6, 10**6)),
        (np.sum, [(10**9, 10**9)], ()),
        (np.dot, [(10**7, 10**7), (10**7,)], (10**7,)),
        (np.outer, [(10**9,), (10**9,)], (10**9, 10**9)),
        (np.add, [(10**9, 1), (10**9,)], (10**9, 10**9)),
        (np.transpose, [(10**9, 10**8)], (10**8, 10**9)),
        (np.cumsum, [(10**9, 10**9)], None),
        (np.linalg.inv, [(10**6, 10**6)], (10**6, 10**6)),
    ],
)
def test_no_memory_is_used(function, shapes, wanted):
    specs = tuple([array_spec(shape, np.dtype("f8")) for shape in shapes])
    if wanted is not None:
        assert infer(op_of(function), POSITIONAL[len(shapes)], specs)[0].shape == wanted
    kept = array_spec((10**9, 10**9), np.dtype("f8"))
    assert infer(op_of(np.cumsum), Params((HOLES[0],), {"axis": 0}), (kept,)) == (kept,)


def spec_with(*sizes):
    return array_spec(sizes, np.dtype("f8"))


def test_a_mask_gives_a_size_that_is_known_at_run_time():
    mask = array_spec((5,), np.dtype(bool))
    (found,) = infer(registry.GETITEM, POSITIONAL[2], (spec_with(5), mask))
    (size,) = found.shape
    assert isinstance(size, Dim)
    (again,) = infer(op_of(np.tanh), POSITIONAL[1], (found,))
    assert again.shape == (size,)
    assert infer(op_of(np.multiply), POSITIONAL[2], (found, again))[0].shape == (size,)
    assert infer(op_of(np.sum), POSITIONAL[1], (found,)) == (scalar_spec(np.dtype("f8")),)
    (column,) = infer(registry.GETITEM, Params((HOLES[0], (slice(None), None))), (found,))
    assert column.shape == (size, 1)
    (shorter,) = infer(registry.GETITEM, Params((HOLES[0], slice(1, None))), (found,))
    assert isinstance(shorter.shape[0], Dim) and shorter.shape[0] is not size
    (grown,) = infer(op_of(np.concatenate), Params(([HOLES[0], HOLES[1]],)), (found, spec_with(2)))
    assert isinstance(grown.shape[0], Dim)


@pytest.mark.parametrize("function", [np.unique, np.nonzero, np.flatnonzero, np.trim_zeros])
def test_results_that_depend_on_values(function):
    (found,) = infer(op_of(function), POSITIONAL[1], (spec_with(5),))
    assert isinstance(found.shape[0], Dim)


def test_a_traced_bound_of_a_slice():
    params = Params((HOLES[0], slice(None, HOLES[1])))
    (found,) = infer(registry.GETITEM, params, (spec_with(5), WEAK_INT))
    assert isinstance(found.shape[0], Dim)


def test_repeating_an_inference_gives_the_same_object():
    specs = (spec_with(4, 1), spec_with(3))
    first = infer(op_of(np.add), POSITIONAL[2], specs)
    assert infer(op_of(np.add), POSITIONAL[2], specs) is first


def test_writes_keep_the_whole():
    params = Params((HOLES[0], HOLES[1], 0))
    assert infer(registry.SETITEM, params, (spec_with(4, 3), spec_with(3))) == (spec_with(4, 3),)
    assert infer(registry.SUM_TO, POSITIONAL[2], (spec_with(4, 3), spec_with(3))) == (spec_with(3),)


def test_an_element_inside_and_one_outside():
    x = spec_with(4, 3)
    element = scalar_spec(np.dtype("f8"))
    for index in ((0, 1), (3, -3), (-4, 2)):
        assert infer(registry.GETITEM, Params((HOLES[0], index)), (x,)) == (element,)
    with pytest.raises(IndexError):
        infer(registry.GETITEM, Params((HOLES[0], (4, 0))), (x,))
