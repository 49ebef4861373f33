"""What NumPy decides by memory layout, by value or in place: shapes, orders, dtypes, counts."""

import numpy as np
import pytest

from tests.recording.agreement import agree_gradient, same, total, weigh
from tracer import errors, grad, trace

C = np.arange(12.0).reshape(3, 4) / 3
F = np.asfortranarray(C)
LAYOUTS = {"C": C, "F": F, "reversed": C[::-1, ::-1], "turned": C.T, "strided": C[:, ::2]}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("order", "CFAK")
def test_reading_orders(order, layout):
    x = LAYOUTS[layout]

    def functions(x):
        found = [np.ravel(x, order=order), x.flatten(order), x.copy(order).ravel("K")]
        found += [np.ravel(x.T * 2, order), np.array(x, order=order).ravel(order)]
        return found if order == "K" else [*found, np.reshape(x, (2, -1), order=order)]

    same(trace(functions)(x), functions(x))
    slopes = grad(lambda x: weigh(functions(x)))(x)
    for place in np.ndindex(x.shape):  # the functions are linear
        moved = x.copy("K")
        moved[place] += 1.0
        change = total(functions(moved)) - total(functions(x))
        np.testing.assert_allclose(slopes[place], change, rtol=1e-9, atol=1e-9)


def test_one_program_per_layout():
    function = trace(lambda x: np.ravel(x, order="K"))
    for x in (C, F, C, F):
        same(function(x), np.ravel(x, order="K"))


@pytest.mark.parametrize("order", [None, "C", "F"])
def test_asarray_copies_only_for_another_order(order):
    def written(x):
        x = x.copy("K")
        y = np.asarray(x, order=order)
        y[0] = 7.0
        return x, y

    for x in (C, F):
        same(trace(written)(x), written(x))


@pytest.mark.parametrize("name", ["ascontiguousarray", "asfortranarray", "require", "array"])
def test_scalars_and_arrays_that_are_laid_out_already(name):
    function = getattr(np, name)
    for x in (np.float64(2.0), np.array(2.0), C, F):
        same(trace(lambda x: function(x) * 1)(x), function(x) * 1)


def resized(x, *shape):
    y = x * 2
    y.resize(*shape, refcheck=False)
    y[0] *= 3
    return y


@pytest.mark.parametrize("shape", [(2,), ((2, 3),), (5, 4), ((12,),)])
def test_resize_in_place(shape):
    same(trace(lambda x: resized(x, *shape))(C), resized(C, *shape))
    agree_gradient(lambda x: resized(x, *shape), C)


def test_another_shape_in_place():
    def function(x):
        y = x * 2
        part = y[1]
        y.shape = (4, 3)
        y[2] = 0.0
        return y, part, y.ndim, y.T @ y

    same(trace(function)(C), function(C))
    agree_gradient(function, C)
    with pytest.raises(AttributeError, match="Incompatible shape"):
        trace(lambda x: setattr(x.T, "shape", (12,)))(C)
    with pytest.raises(errors.LeakError, match="copy it first"):
        trace(lambda x: setattr(x, "shape", (12,)))(C.copy())


def test_dtypes_that_values_decide():
    for name in ("sqrt", "log", "arccos"):
        function = getattr(np.emath, name)
        traced = trace(lambda x: (function(x), function(x).dtype.kind))
        for x in (np.array([0.25, 0.5]), np.array([-1.5, 0.5]), np.array([0.5, 0.75])):
            same(traced(x), (function(x), function(x).dtype.kind))
    roots = trace(lambda p: np.roots(p))
    for p in ([1.0, -3.0, 2.0], [1.0, 0.0, 1.0], [1.0, -3.0, 1.0]):
        same(roots(np.array(p)), np.roots(np.array(p)))


def test_counts_are_read():
    function = trace(lambda a, b: np.arange(a, b, 0.5) * a)
    for a, b in ((0.25, 2.0), (0.5, 2.1), (0.25, 4.0), (3.0, 1.0)):
        same(function(a, b), np.arange(a, b, 0.5) * a)
    trimmed = trace(lambda x: np.trim_zeros(x) * 2)
    for x in ([0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 2.0, 0.0], [0.0] * 4, [1.0, 2.0, 3.0, 4.0]):
        same(trimmed(np.array(x)), np.trim_zeros(np.array(x)) * 2)


def test_windows_by_strides():
    function = trace(lambda x: np.lib.stride_tricks.as_strided(x, (3, 2), (8, 8)))
    same(function(C.ravel()), np.lib.stride_tricks.as_strided(C.ravel(), (3, 2), (8, 8)))
    with pytest.raises(errors.LeakError, match="beyond the array"):
        trace(lambda x: np.lib.stride_tricks.as_strided(x, (30, 2), (8, 8)))(C)


def test_lists_in_keyword_and_in_other_places():
    x = np.array([0.5, 2.0, -1.0])
    functions = [
        lambda x: np.clip(x, [x[0], 0.0, -2.0], [1.0, x[1], x[0]]),
        lambda x: np.polyadd([x[0], 1.0], x),
        lambda x: np.pad([x[0], x[1]], 1),
        lambda x: np.average([x[0], x[1]], weights=[x[2] ** 2, 1.0]),
        lambda x: np.interp([x[0]], [-5.0, 0.0, 5.0], [x[1], x[2], 1.0]),
        lambda x: np.fft.fft([x[0], x[1]]),
        lambda x: np.emath.sqrt([x[0], x[1]]),
        lambda x: np.linalg.det([[x[0], 1.0], [2.0, x[1]]]),
        lambda x: np.hypot([x[0], 1.0], x[1]),
        lambda x: np.ediff1d([x[0], x[1], x[2]], to_end=[x[0]]),
    ]
    for function in functions:
        same(trace(function)(x), function(x))
        agree_gradient(function, x)
