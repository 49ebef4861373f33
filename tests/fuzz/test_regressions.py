"""Programs that random ones have found, made small; each gave something else traced than plain."""

import copy
import warnings

import numpy as np
import pytest

from tests.fuzz.comparison import compare
from tests.fuzz.preamble import PREAMBLE
from tests.fuzz.writer import Program
from tracer import errors, grad, trace, value_and_grad

# name: (kinds of the arguments, body of ``program(x, y, …)``)
FOUND = {
    # In-place writes keep the memory's order, and sums go by it.
    "sum of a written Fortran array": (("fortran", "single"), "x[None] += y\nreturn x.sum()"),
    "float32 sum of a written Fortran array": (
        ("vector", "fortran"),
        "y[1:] = x\nx.reshape(-1)[0] = np.sum(y, dtype=np.float32)\nreturn x",
    ),
    "product of a Fortran array written through its transpose": (
        ("fortran", "number"),
        "t = x.T\nnp.add(x, y, out=t)\nreturn t.sum() + (x @ x)",
    ),
    # An operation that may raise counts even if nobody needs its value.
    "unused Cholesky factor decides": (
        ("strided",),
        "try:\n    np.linalg.cholesky(np.diag(x))\nexcept Exception:\n    x[0], x[1] = x[1], x[0]\nreturn x",
    ),
    "unused masked write of the wrong size": (
        ("wide",),
        "t = 2 * x + W\nt[t < 0] = -x[x < 0]\nreturn x",
    ),
    "unused index out of bounds": (
        ("vector", "ints"),
        "try:\n    x[y + 1]\nexcept IndexError:\n    return x * 2\nreturn x",
    ),
    "a write that does not fit is handled": (
        ("wide", "bools"),
        "try:\n    x.T[0] = np.argwhere(y).ravel()\nexcept ValueError:\n    y |= True\nreturn x, y",
    ),
    # Aliases.
    "a written argument is returned": (("vector",), "x *= 2\nreturn x"),
    "views of a written argument are returned": (
        ("matrix",),
        "x[0] = 5\nreturn x[1:], x.T, x.reshape(-1)[::2], x",
    ),
    "ravel of an array with gaps is a copy": (
        ("strided",),
        "x.ravel()[-1] += 1.5\nx.T.reshape(-1)[0] = 9\nreturn x",
    ),
    "the transpose of a vector is another array": (
        ("vector",),
        "t = x.T\nreturn x * 2 if t is x else x * 3",
    ),
    "iteration sees writes": (("vector",), "for u in x:\n    x[...] = u + 1\nreturn x"),
    "iteration over rows sees writes": (
        ("matrix",),
        "for row in x:\n    x[:] = row[::-1] * 2\nreturn x",
    ),
    "views that were written look at one array": (
        ("fortran", "whole"),
        "t = x = x * 2\nu = x[::-1]\nnp.sin(x, out=u)\nreturn [u, x.T]",
    ),
    "a written view is returned beside its base": (
        ("vector",),
        "t = x * 2\nu = bump(t[1:])\nreturn u, t, t[::-1]",
    ),
    "a view of a written view is returned beside the base": (
        ("vector", "flag", "mode"),
        "t = np.add.reduceat(x, [0, 1])\nu = t[1:]\nnp.put_along_axis(u, np.array([0]), x[0], 0)\n"
        "return u[::-1], t",
    ),
    "parts of a split see writes": (
        ("strided", "mode"),
        "t, u = np.split(x, [1])\nv, w = np.split(u, [1])\nx[0], u[-1] = 0.5, w[0]\nv[0] = 2\nreturn x",
    ),
    "one part of a split is sorted": (
        ("strided", "ints"),
        "t, u = np.split(x, [1])\nv = t.T\nt.sort()\nw = v.T\nreturn x * 2",
    ),
    "a part of a split is the source of its base": (
        ("wide", "whole"),
        "t, u = np.split(x, [1])\nif np.argmax(x) == 1:\n    np.sin(u, out=x)\nelse:\n"
        "    u[0], x[-1] = y, t[0]\nreturn x * 2",
    ),
    # Sums with out=.
    "a cumulative sum into float32 is summed in float64": (
        ("single", "vector"),
        "np.cumsum(y, out=x)\nreturn x",
    ),
    "a sum of float32 into float64": (("single",), "t = np.zeros(())\nnp.sum(x, out=t)\nreturn t"),
    # Derivatives.
    "division by a literal zero": (("vector",), "return np.where(x > 9, x / 0, x)"),
    "tril of a vector": (("vector",), "return np.tril(x)"),
    "a polynomial with rows of coefficients": (("wide", "vector"), "return np.polyval(x, y)"),
    "a polynomial at a matrix": (("vector", "wide"), "return np.polyval(x, y)"),
    "a scatter out of bounds is handled": (
        ("vector", "ints"),
        "try:\n    np.maximum.at(x, y + 1, -0.3)\nexcept IndexError:\n    return x * 2\nreturn x",
    ),
    "ravel of an array with gaps is fresh": (("strided",), "return x.ravel().T, x.reshape(-1)"),
    "text in a function of an array with gaps": (
        ("strided",),
        "t = f'{sum(x):.3f}'\nx.ravel()[1] = 0\nreturn x",
    ),
    # State.
    "a masked write of as many elements in forward mode": (
        ("wide",),
        "x[x < 0] = -x[x < 0]\nreturn x",
    ),
    "pieces by masks in forward mode": (
        ("wide",),
        "t = np.diagonal(x * 1.7)\nu = np.piecewise(t, [t > 0.1], [lambda u: u * 2, 0.0])\n"
        "return u, np.piecewise(x, [x > 0.1], [lambda u: u * 2, 0.0])",
    ),
    "a running sum of float32 goes down the first column of a matrix": (
        ("matrix", "single"),
        "np.cumsum(y, out=x)\nreturn x",
    ),
    "a running sum into a matrix is refused": (
        ("matrix", "vector"),
        "try:\n    np.cumsum(y, out=x)\nexcept ValueError:\n    x += 1\nreturn x",
    ),
    "literals among traced numbers do not move": (
        ("vector",),
        "t = np.array([[x[0], np.bool(True), np.float32(2)], [True, x[1], np.int8(2)]])\n"
        "return t * x",
    ),
    "an error is handled below second derivatives": (
        ("vector",),
        "try:\n    np.linalg.inv(np.zeros((2, 2)))\nexcept ValueError:\n    return x * x\nreturn x",
    ),
    "arrays are given the size that they have": (
        ("vector",),
        "x.resize(x.shape)\nt = x.copy()\nt.reshape(-1)[0] = 2\nfor k in 'ab':\n"
        "    t.resize((2, 2))\nt.resize((5,))\nreturn t",
    ),
    "elements are copied in turn by .flat": (
        ("matrix",),
        "x.flat[1:3] = x\nx.flat[::-1] = x\nx[:, 1:].flat = x\nreturn x",
    ),
    "a copy comes first by .flat of another layout": (
        ("fortran",),
        "x.flat = x.T\nx.flat[:] = x[::-1]\nx.flat = x[::-1]\nreturn x",
    ),
    "a vector turned around by .flat": (
        ("vector",),
        "x.flat = x[::-1]\nt = x * 2\nt.flat[:] = t[::-1]\nreturn x, t",
    ),
    "masks with other axes and as many elements": (
        ("vector", "column"),
        "np.putmask(x, y > 0, x * 2)\nnp.place(x, y < 0, y)\nreturn x",
    ),
    "masks of another size": (
        ("wide", "vector"),
        "try:\n    np.putmask(x, y > 0, y)\nexcept ValueError:\n    x += 1\n"
        "try:\n    np.place(x, y > 0, y)\nexcept ValueError:\n    x *= 3\nreturn x",
    ),
    "nothing is put": (
        ("vector", "vector"),
        "np.put(x, [0, 1], np.empty((0, 3)))\nnp.putmask(x, y > 0, [])\n"
        "try:\n    np.place(x, x > -9, [])\nexcept ValueError:\n    x *= 3\nreturn x",
    ),
    "one of two outs": (
        ("matrix",),
        "t, u = np.modf(x, out=(x, None))\nu[1:] -= x[1:]\nreturn t, u, x",
    ),
    "a view of a row at a traced place is written": (
        ("matrix",),
        "x[np.argmax(x[0])].reshape(-1)[0] = 1\nt = x[np.argmax(x[1])]\nu = t[None].T\nu += x[0, 0]\n"
        "t *= 2\nv = np.squeeze(x[None])[np.argmin(x[0])].T\nv[0] = 3\nreturn x",
    ),
    "arrays of one shape broadcast are themselves": (
        ("fortran",),
        "t = np.broadcast_arrays(x, x)[1]\nt *= 2\nt.T[0] = 1\nreturn x",
    ),
    "a part of a grid is a view": (
        ("vector", "bools"),
        "t = np.ix_(x, y, [])[0]\nt *= 2\nx += 1\nreturn t, x, np.ix_(x, y)[1], np.ix_(x)[0] * x",
    ),
    ".flat at traced places": (
        ("strided", "ints"),
        "x.flat[y] = -0.3\nx.flat[int(y[0])] *= 2\nreturn x, x.flat[y], x.flat[x > 0]",
    ),
    "one of two outs is larger": (
        ("vector", "cube"),
        "t, u = np.modf(x, out=(y, None))\nu[0] += y[1]\nreturn t, u",
    ),
    "a number of Python's has no dtype": (
        ("vector", "number", "scalar"),
        "t = 1 if hasattr(y, 'dtype') else 2\nu = getattr(y * 2, 'ndim', 5)\n"
        "v = 4 if hasattr(z, 'dtype') else 3\nreturn x * t * u * v",
    ),
    "the real part of a complex number of Python's": (
        ("column", "scalar", "number"),
        "x[0] = complex(y).real\nx[1] = complex(z, y).imag + complex(z).real\nreturn x * y",
    ),
    "a running sum of nothing": (
        ("empty", "vector"),
        "np.cumsum(x, out=x)\ntry:\n    np.cumsum(x, out=y)\nexcept ValueError:\n    y += 1\n"
        "return x, y",
    ),
    "arrays joined in one that they are parts of": (
        ("matrix", "vector"),
        "np.concatenate([x[1:], x[:1]], out=x)\nnp.concatenate([y[1:], y[:1]], out=y)\n"
        "np.concatenate([x[:, :1], x[:, :-1]], axis=-1, out=x)\nreturn x, y",
    ),
    "zeros with numbers in them are broadcast": (
        ("vector",),
        "t = x[None, ::-1] * 2\nu = t + x\nt.flat[1:3] = u\nv = (t * 2)[0] + x\nv[:2] = u[0, 1:]\n"
        "return t, v",
    ),
    "nothing is written by .flat": (
        ("wide", "empty"),
        "x.flat[1:3] = y\nx.flat = []\nnp.fill_diagonal(x, [])\nreturn x",
    ),
    "a complex number's real part is added at a place": (
        ("vector", "column", "scalar"),
        "np.add.at(y, np.argmax(x), complex(z).real)\nreturn y * x",
    ),
    "views of a written argument at traced places": (
        ("matrix",),
        "x += 1\nk = np.argmax(x[0])\nt = x[np.argmax(x[:, 0])]\nt *= 2\n"
        "return x, t[::2], x[:, k], {'row': x[k][:2], 'column': x.T[np.argmin(x[1])]}",
    ),
    "a view of a written argument is put into a list at a traced place": (
        ("matrix", "nested"),
        "x *= 2\ny['deep'].append(x[np.argmax(x[:, 0])])\nreturn x[np.argmin(x[0])]",
    ),
    "a written argument is broadcast beside others": (
        ("vector", "matrix"),
        "x *= 2\nt = np.broadcast_arrays(y + 1, x)[1]\ny[0] = 1\nreturn t, np.broadcast_arrays(y, x)",
    ),
    "a last row is the largest by chance": (
        ("matrix", "column"),
        "x[np.argmax(x[:, 0])] = x[-1]\nx[0] = x[np.argmin(x[:, 1])]\n"
        "t, u = np.split(y, [1])\nu[np.argmax(u)] = u[-1]\nreturn x, y",
    ),
    "a row at a traced place keeps what was done to it": (
        ("matrix",),
        "x[np.argmax(x[:, 0])] *= 2\nx[np.argmin(x[:, 1]), :] -= 1\nx[np.int64(1)] += 1\n"
        "x[np.array(1)] += 1\nx[1][np.argmax(x[1])] -= 4\nreturn x",
    ),
    "written arrays that run backward": (
        ("backward", "matrix"),
        "x[1:] *= 2\nt = (y * 2).ravel()[::-1]\nt += 1\n"
        "return np.cbrt(x), np.exp(x), np.sinh(t), np.power(np.abs(t), t), np.log1p(t * t)",
    ),
    "vectors that run backward into other arrays": (
        ("backward", "fortran", "vector"),
        "np.exp(x, out=y[1:])\nnp.cbrt(x, out=z[::-1])\nt = x * 1\nnp.sinh(t[::-1], out=z)\n"
        "np.expm1(x, out=x)\nx *= 2\nnp.exp(x, out=y[:2])\nreturn t",
    ),
    "a product is computed as wide as its out": (
        ("single", "vector", "matrix"),
        "np.einsum('i,i->i', x, x, out=y)\nt = np.empty(())\nnp.einsum('i,i', x, x, out=t)\n"
        "np.einsum('i,j', x, y, out=z)\ntry:\n    np.einsum('i,i->i', x, y, out=x)\n"
        "except TypeError:\n    x += 1\nreturn t",
    ),
    "a pseudoinverse of a matrix with two equal rows": (
        ("matrix",),
        "x[0], x[1] = x[1], x[0]\nt = np.linalg.pinv(x)\n"
        "return t, np.linalg.pinv(x[:2]), t @ x, np.linalg.lstsq(x, x[:, 0] ** 2)[0]",
    ),
    "a diagonal of an array without rows": (
        ("column", "empty"),
        "try:\n    y[::-1][:2] = np.einsum('ii->i', y)\nexcept ValueError:\n    x += 1\nreturn x * 2",
    ),
    "swap of slices": (("vector", "vector"), "x[:], y[:] = y, x.copy()\nreturn x, y"),
    "three arrays in turn": (("vector", "vector", "vector"), "x[:] = y\ny[:] = z\nreturn x + y"),
}


def small(kinds, body):
    lines = "\n".join(f"    {line}" for line in body.split("\n"))
    text = f"{PREAMBLE}def program({', '.join('xyzw'[: len(kinds)])}):\n{lines}\n"
    return Program(text, kinds)


@pytest.mark.parametrize("name", FOUND)
def test_found_programs(name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compare(small(*FOUND[name]), str(tmp_path), tuple(range(6)))


def test_second_derivatives_of_a_handled_error():
    def objective(x):
        try:
            np.linalg.inv(np.diag(x))
        except np.linalg.LinAlgError:
            return np.sum(x**3)
        return np.sum(x**2)

    def sloped(x):
        return np.sum(grad(objective)(x) * x)

    for x in (np.array([1.0, 0.0, 2.0]), np.array([1.0, 3.0, 2.0])):
        wanted = 9 * x**2 if 0 in x else 4 * x
        np.testing.assert_allclose(grad(sloped)(x), wanted)


def test_a_changed_container_is_seen_by_the_caller():
    def put(params):
        params["new"] = params["w"] * 2
        return params["w"].sum()

    def drop(params):
        return params.pop("w")

    def grow(items):
        items.append(1.0)
        return items[0] * 2

    for function, argument in (
        (put, {"w": np.ones(2)}),
        (drop, {"w": np.ones(2)}),
        (grow, [np.ones(2)]),
    ):
        one, other = copy.deepcopy(argument), copy.deepcopy(argument)
        np.testing.assert_array_equal(trace(function)(one), function(other))
        np.testing.assert_equal(one, other)
    with pytest.raises(errors.TracerError):
        value_and_grad(put)({"w": np.ones(2)})
    np.testing.assert_array_equal(
        trace(lambda **options: options.pop("x") * 2)(x=np.ones(2)), [2, 2]
    )


@pytest.mark.parametrize("kind", [object, str, "datetime64[s]"])
def test_gradients_through_what_is_no_number_are_refused(kind):
    def program(x):
        return np.sum(x.astype(kind).astype(float) * 2.0)

    try:
        expected = program(np.array([1.0, 2.0]))
    except TypeError:
        return
    assert trace(program)(np.array([1.0, 2.0])) == expected
    with pytest.raises((errors.TracerError, TypeError)):
        value_and_grad(program)(np.array([1.0, 2.0]))


def test_text_of_values_is_not_a_number():
    def direct(x):
        return x * float(f"{x[0]:.3f}")

    def hidden(x):
        return x * float("".join(["", str(x[0])]))

    with pytest.raises(errors.LeakError):
        trace(direct)(np.ones(2))
    traced = trace(hidden)
    with pytest.raises((errors.CheckFailed, errors.LeakError)):
        for turn in range(3):
            x = np.ones(2) + turn
            np.testing.assert_array_equal(traced(x), hidden(x))


def test_raw_memory_is_never_a_result():
    def raw(x):
        return np.ndarray.__array__(x), memoryview(x)

    for function in (
        raw,
        lambda x: bytes(x),
        lambda x: bytearray(x),
        lambda x: np.frombuffer(bytearray(x)),
    ):
        with pytest.raises(errors.LeakError):
            trace(function)(np.ones(3))


def test_masks_of_one_array_under_two_names():
    """The trace's own copies share no memory, and a write through one name is not in the other."""

    def flip(x, y):
        np.subtract(x, 0.5, out=x)
        x[y < 0] = -x[x < 0]
        return x.sum()

    for seed in range(5):
        one = np.random.default_rng(seed).normal(size=7)
        other = one.copy()
        assert trace(flip)(one, one) == flip(other, other)
        np.testing.assert_array_equal(one, other)
    with pytest.raises(errors.ArgumentWrite):
        value_and_grad(flip)(one, one)


def test_an_integer_argument_is_read_beside_a_write():
    def program(x, n):
        out = np.zeros(3)
        out[int(n)] = x[0]
        return np.sum(out * x)

    for n in (0, 2, 1, 2):
        value, gradient = value_and_grad(program)(np.array([2.0, 3.0, 5.0]), np.int64(n))
        expected = {0: [4.0, 0, 0], 1: [3.0, 2.0, 0], 2: [5.0, 0, 2.0]}[n]
        assert value == program(np.array([2.0, 3.0, 5.0]), n) and gradient.tolist() == expected


COLUMNS = {
    "written": "t = y[:, 0]\nt[0] = 1.0\nreturn t @ t",
    "turned": "t = y[:, 0]\nu = t[::-1]\nu[[0, 0, 1]] *= 2\nreturn u @ t",
    "own": "z = y * 1.0\nt = z[::2, 0]\nt *= 3.0\nreturn np.dot(t, t), np.inner(t, t), np.vdot(t, t)",
    "matrix": "t = y[::-1, ::-2]\nt *= 2.0\nreturn t.T @ y[:, 0], t @ t.T",
    "einsum": "t = y[:, 0]\nt *= 2\nu = y[::-1, 1]\nu += 1\nreturn np.einsum('i,i', t, u), np.einsum('i,i', t, t)",
    "whole": "y[...] = y * 2\nreturn y.T @ y[:, 1]",
}


@pytest.mark.parametrize("layout", ["C", "F", "gaps"])
@pytest.mark.parametrize("name", COLUMNS)
def test_products_of_written_columns_have_numpys_bits(name, layout):
    """BLAS sums what lies with gaps in another order than what lies side by side."""
    scope = {"np": np}
    lines = COLUMNS[name].replace("\n", "\n    ")
    exec(compile(f"def program(y):\n    {lines}", "columns", "exec"), scope)
    plain, traced = scope["program"], trace(scope["program"])

    def parts(result):
        return result if isinstance(result, tuple) else (result,)

    def laid_out(values):
        if layout != "gaps":
            return values.copy(order=layout)
        room = np.zeros((48, 14))
        room[::2, ::2] = values
        return room[::2, ::2]

    for seed in range(40):
        values = np.random.default_rng(seed).normal(size=(24, 7))
        one, other = laid_out(values), laid_out(values)
        expected, found = plain(one), traced(other)
        np.testing.assert_array_equal(one, other)
        for left, right in zip(parts(expected), parts(found), strict=True):
            np.testing.assert_array_equal(left, right)


def test_unbound_methods_of_arrays_and_numbers():
    x, y = np.array([1.5, 2.5, -3.0]), np.array([2.0, 0.7, 2.0])

    def parts(*arrays):
        whole, rest = np.ndarray.__divmod__(*arrays)
        one, other = np.float64.__divmod__(arrays[0][0], arrays[1][1])
        return np.sum(rest) + np.sum(arrays[0].__divmod__(arrays[1])[1]) + whole[0] + one + other

    def numbers(*pair):
        return float.__divmod__(*pair)[1] * 2

    assert trace(parts)(x, y) == parts(x, y)
    assert value_and_grad(parts)(x, y)[1].tolist() == [3.0, 2.0, 2.0]
    assert trace(numbers)(2.5, 0.7) == numbers(2.5, 0.7)


def test_second_derivatives_beside_a_mask_without_hits():
    def empty(x):
        chosen = x[x > 9]
        return np.sum(chosen * np.ones(0) * chosen) + np.sum(x**3)

    def squared(x):
        return np.sum(grad(empty)(x) ** 2)

    x = np.array([1.0, 2.0])
    assert grad(squared)(x).tolist() == [36.0, 288.0]
    with pytest.raises(ValueError):
        grad(squared)(np.array([1.0, 10.0, 11.0]))


def test_a_mask_of_as_many_elements():
    def program(x, mask):
        np.place(x[:1], mask, 1.7)
        return x

    x = np.arange(9.0).reshape(3, 3)
    one, other = x.copy(), x.copy()
    mask = np.array([True, False, True])
    np.testing.assert_array_equal(trace(program)(one, mask), program(other, mask))


def test_a_running_sum_over_its_own_operand_is_what_numpy_makes_of_it():
    def program(x):
        try:
            np.cumsum(x[0], out=x)
        except ValueError:
            pass
        return x

    x = np.asfortranarray(np.random.default_rng(0).normal(size=(3, 3)))
    one, other = x.copy(order="K"), x.copy(order="K")
    np.testing.assert_array_equal(trace(program)(one), program(other))
    np.testing.assert_array_equal(one, other)


def test_a_running_sum_into_its_own_memory_laid_flat():
    def program(x):
        np.cumsum(x, out=x.reshape(-1))
        return x

    one, other = np.ones((2, 3)), np.ones((2, 3))
    np.testing.assert_array_equal(trace(program)(one), program(other))


def test_a_run_time_size_of_one_is_stretched():
    def left(x, w):
        return np.unique(x) * w

    def right(x, w):
        return np.sum(w**2 * (w + x[x > 1]))

    w = np.arange(6.0).reshape(2, 3)
    for plain in (left, right):
        traced = trace(plain)
        for x in ([2.0, 2, 2], [1.0, 5, 3], [4.0, 1, 1], [5.0, 2, 9], [3.0, 3, 3]):
            x = np.array(x)
            try:
                expected = plain(x, w)
            except ValueError:
                with pytest.raises(ValueError):
                    traced(x, w)
                continue
            np.testing.assert_array_equal(traced(x, w), expected)
    x = np.array([4.0, 1.0, 1.0])
    assert grad(right)(x, w).tolist() == [np.sum(w**2), 0, 0]
