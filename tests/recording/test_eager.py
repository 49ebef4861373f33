"""The eager Tensor: gradients against central differences, writes, views, and being an ndarray."""

import copy
import operator
import pickle
import threading

import numpy as np
import pytest
from scipy import linalg, special, stats

from tracer import Tensor, custom_vjp, errors, grad, stop_gradient, trace, vmap

RNG = np.random.default_rng(7)
A = RNG.normal(size=(3, 4))
B = RNG.normal(size=(4, 2))
V = RNG.normal(size=4)
POSITIVE = RNG.uniform(0.5, 2.0, size=4)


def numeric(program, values, step=1e-6):
    """Central differences of a program of plain arrays, one gradient per argument."""
    found = []
    for k, value in enumerate(values):
        gradient = np.zeros(value.shape)
        for i in np.ndindex(value.shape):
            ends = []
            for sign in (1, -1):
                moved = [np.array(v) for v in values]
                moved[k][i] += sign * step
                ends.append(float(program(*moved)))
            gradient[i] = (ends[0] - ends[1]) / (2 * step)
        found.append(gradient)
    return found


def check(program, *values):
    """Values as plain NumPy's to the last bit, gradients as central differences."""
    tensors = [Tensor(value, name=f"x{k}") for k, value in enumerate(values)]
    result = program(*tensors)
    assert isinstance(result, Tensor)
    assert np.asarray(result)[()] == program(*[np.array(v) for v in values])
    result.backward()
    for tensor, expected in zip(tensors, numeric(program, values), strict=True):
        np.testing.assert_allclose(tensor.grad, expected, rtol=1e-5, atol=1e-7)
        assert tensor.grad.shape == tensor.shape
        assert tensor.grad.dtype == tensor.dtype


def filled(x):
    out = x * 0
    for i in range(1, len(x)):
        out[i] = np.sin(x[i]) * x[i - 1]
    return out.sum()


def in_place(x):
    y = x.copy()
    y += x
    y *= y
    y[1:] -= x[:-1] * 2
    return (y * x).sum()


def through_views(x):
    y = x * 1.0
    row = y[1]
    row *= 3.0
    column = y.T[0]
    column += row[0]
    flat = y.reshape(-1)
    flat[2:4] = flat[:2] * 2
    return (y * y * row.sum()).sum()


def stale_views(x):
    y = x * 2.0
    row, column, corner = y[0], y[:, 1], y[1:][:, :2]
    y[0, 1] = x[2, 3] * 5
    return (row * 2).sum() + (column**2).sum() + corner.sum()


def put_and_copy(x):
    y = x * 2
    np.put(y, [0, 2], x[1:3] ** 2)
    np.copyto(y, x * 7, where=np.array([False, False, False, True]))
    np.putmask(y, np.array([False, True, False, False]), x * 3)
    return (y * y).sum()


def ufunc_at(x):
    y = x * 1.0
    np.add.at(y, [0, 0, 2], x[1:] * 2)
    np.subtract.at(y, [1], x[3])
    return (y**2).sum()


def with_out(x):
    y = x * 0.0
    np.multiply(x, x, out=y)
    np.add(y, x, out=y, where=np.array([True, False, True, True]))
    return np.sin(y).sum()


def fortran(x):
    y = x.T * 2
    y[0] = 1.0
    flat = y.ravel(order="K")
    flat[1] *= 3
    return (flat[2:5] ** 2).sum() + (y.reshape(-1, order="A")[:6] ** 2).sum() + y.flatten("F")[3]


def diagonal(x):
    y = x[:, :3] * 1.0
    np.fill_diagonal(y, x[:, 3])
    return (y @ y).sum()


PROGRAMS = {
    "network": (lambda x, w: np.mean((np.tanh(x @ w) - 0.5) ** 2), A, B),
    "softmax": (lambda x: -np.log(np.exp(x) / np.exp(x).sum(axis=1, keepdims=True))[0, 1], A),
    "where": (lambda x: np.where(x > 0, x * x, np.exp(x)).sum(), V),
    "moments": (lambda x: np.std(x) + np.var(x) * np.mean(x) + np.linalg.norm(x), V),
    "joining": (lambda x, y: (np.concatenate([x, y]) * np.stack([x, y]).ravel()).sum(), V, POSITIVE),
    "einsum": (lambda x, w: np.einsum("ij,jk->ik", x, w).T.reshape(-1)[1:4].sum(), A, B),
    "methods": (lambda x: x.T.swapaxes(0, 1).reshape(2, 6).transpose(1, 0).ravel().dot(
        np.arange(12.0)) + x.diagonal().sum() + x.take([0, 3]).prod() + x.squeeze().repeat(2).max()
        + x.astype(float).copy().flatten()[2] + x.mT[1, 1] + x.clip(-1, 1).sum() + x.trace(), A),
    "iteration": (lambda x: sum([row @ row for row in x]), A),
    "powers": (lambda x: (2.0**x + x**3 - x**0.5 / 3 + abs(-x) % 0.7).sum(), POSITIVE),
    "indices": (lambda x: (x[[0, 2]] * x[x > 0.6][:1] + x[..., None][1:3, 0] ** 2).sum(), POSITIVE),
    "split": (lambda x: np.dot(*np.split(x, 2)) + np.linalg.slogdet(np.outer(x, x) + np.eye(4))[1], V),
    "solve": (lambda x: np.linalg.solve(np.eye(4) * 3 + np.outer(x, x), x).sum(), V),
    "flat": (lambda x: sum(x.flat) + (x.flat[3] * x.flat[1:3]).sum(), A),
    "accumulated": (lambda x: np.cumsum(x)[-2] + np.multiply.reduce(x) + np.add.outer(x, x)[1, 2], V),
    "filled": (filled, V), "in place": (in_place, V), "through views": (through_views, A),
    "stale views": (stale_views, A), "put and copy": (put_and_copy, POSITIVE),
    "ufunc.at": (ufunc_at, V), "out": (with_out, V), "diagonal": (diagonal, A),
    "fortran": (fortran, A),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients(name):
    program, *values = PROGRAMS[name]
    check(program, *values)


# -- the graph and backward -----------------------------------------------------------------------
def test_graph_names_and_origins():
    x = Tensor(A)
    weights = Tensor(B, name="w")
    hidden = np.tanh(x @ weights)
    loss = hidden.sum()
    graph = loss.graph
    assert [node.name for node in graph.inputs] == ["x", "w"]
    assert [node.op.name for node in graph.order] == ["input", "input", "matmul", "tanh", "sum"]
    assert graph.outputs[0].name == loss.name == "loss"
    assert graph.order[3].name == "hidden"
    assert graph.order[3].origin.statement == "hidden = np.tanh(x @ weights)"
    assert graph.order[3].origin.function.endswith("test_graph_names_and_origins")


def test_backward_overwrites_grad_and_takes_a_cotangent():
    x = Tensor(V)
    y = x * x
    assert x.grad is None
    y.sum().backward()
    y.backward(np.arange(4.0))
    np.testing.assert_allclose(x.grad, 2 * V * np.arange(4.0))
    x.sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(4))
    x.backward(V)
    np.testing.assert_array_equal(x.grad, V)


def test_backward_refuses():
    x = Tensor(V)
    with pytest.raises(errors.NonScalarOutput, match="shape"):
        (x * 2).backward()
    with pytest.raises(errors.UserShapeError):
        (x * 2).backward(np.ones(3))
    with pytest.raises(errors.IntegerArgument):
        (x > 0).backward(np.ones(4))
    with pytest.raises(errors.NonScalarOutput, match="complex"):
        (x * 1j).sum().backward()
    with pytest.raises(errors.UnsupportedType):
        (x * 2).backward(np.ones(4) * 1j)
    with pytest.raises(errors.MissingRule):
        special.jv(x, 1.0).sum().backward()
    with pytest.raises(errors.UnsupportedType):
        Tensor(np.ma.masked_array(V, V > 0))
    with pytest.raises(errors.UnsupportedType):
        Tensor(["a", "b"])


def test_several_uses_and_a_dead_leaf():
    x = Tensor(V)
    y = x * Tensor(POSITIVE) + x
    y.sum().backward()
    np.testing.assert_allclose(x.grad, POSITIVE + 1)


def test_a_long_chain():
    x = Tensor(1.0)
    y = x
    for _ in range(3000):
        y = y * 1.0001
    y.backward()
    np.testing.assert_allclose(x.grad, 1.0001**3000)


def test_a_plain_operand_may_be_changed_afterwards():
    x, scale = Tensor(V), np.ones(4)
    y = (x * scale).sum()
    scale[:] = 100.0
    y.backward()
    np.testing.assert_array_equal(x.grad, np.ones(4))


# -- writing --------------------------------------------------------------------------------------
def test_saved_graphs_keep_the_values_before_a_write():
    x = Tensor(V)
    y = (x * x).sum()
    x[:] = 100.0
    y.backward()
    np.testing.assert_allclose(x.grad, 2 * V)
    (x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad, np.zeros(4))


def test_a_descent_in_place():
    w = Tensor(np.array([3.0, -2.0]))
    for _ in range(5):
        loss = (w * w).sum()
        loss.backward()
        step = Tensor(w)
        step -= 0.1 * (2 * np.asarray(w))
        w = Tensor(step)
    np.testing.assert_allclose(np.asarray(w), np.array([3.0, -2.0]) * 0.8**5)


@pytest.mark.parametrize("write", [
    lambda t: operator.setitem(np.asarray(t), 0, 5.0), lambda t: np.add(1.0, 1.0, out=np.asarray(t)),
    lambda t: operator.setitem(t.view(np.ndarray), 0, 5.0),
], ids=range(3))  # fmt: skip
def test_memory_cannot_be_written_behind_the_graphs_back(write):
    t = Tensor(V)
    with pytest.raises(ValueError, match="read-only"):
        write(t)
    assert np.asarray(t).tolist() == V.tolist()


REFUSED = {
    "plain out": lambda t: np.multiply(t, 2, out=np.zeros(4)),
    "plain in-place": lambda t: operator.iadd(np.zeros(4), t),
    "plain copyto": lambda t: np.copyto(np.zeros(4), t),
    "plain at": lambda t: np.add.at(np.zeros(4), [0, 1, 2, 3], t),
    "multiply.at": lambda t: np.multiply.at(t, [0], 2.0),
    "shape": lambda t: setattr(t, "shape", (2, 2)),
    "dtype": lambda t: setattr(t, "dtype", np.int64),
    "view": lambda t: t.view(np.int64),
    "resize": lambda t: t.resize(8),
    "setflags": lambda t: t.setflags(write=True),
    "subok": lambda t: np.array(t, subok=True) * 2,
    "order": lambda t: np.ones((2, 3, 4, 1))[:, :, ::2].view(Tensor).ravel(order="K"),
    "part": lambda t: operator.setitem((t * 1j).imag, 0, 2.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_the_graph_is_refused(name):
    with pytest.raises(errors.LeakError):
        REFUSED[name](Tensor(V))


def test_numpys_own_errors():
    x = Tensor(V)
    with pytest.raises(ValueError, match="broadcast"):
        x += np.ones((2, 4))
    with pytest.raises(ValueError, match="could not broadcast"):
        x[:2] = np.ones(3)
    with pytest.raises(np.exceptions.AxisError):
        x.sum(axis=3)
    with pytest.raises(TypeError):
        x += 1j
    with pytest.raises(ValueError, match="read-only"):
        np.broadcast_to(x, (2, 4))[0] = 1.0
    with pytest.raises(TypeError, match="0-d"):
        iter(Tensor(1.0))
    assert np.asarray(x).tolist() == V.tolist()


def test_writing_methods():
    x = Tensor(V)
    y = x * 1.0
    y.sort()
    assert np.asarray(y).tolist() == sorted(V.tolist())
    (y * np.arange(4.0)).sum().backward()
    np.testing.assert_array_equal(x.grad, np.argsort(np.argsort(V)))
    y.put([0], x[1])
    y.partition(2)
    y.fill(x[2])
    y.flat[1:3] = x[:2]
    np.nan_to_num(y, copy=False)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 1.0, 2.0, 0.0])
    z = Tensor(V + 1j)
    part = z * 1
    part.real = np.zeros(4)
    part.imag = part.imag * 2
    assert np.asarray(part).tolist() == (2j * np.ones(4)).tolist()
    np.abs(part).sum().backward()
    assert np.all(np.isfinite(z.grad))


def test_scalars_are_values():
    total = Tensor(V).sum()
    before = total
    total += 1.0
    assert float(total) == float(before) + 1.0
    with pytest.raises(TypeError, match="item assignment"):
        total[...] = 3.0
    variable = Tensor(2.0)
    variable[...] = 3.0
    assert float(variable) == 3.0


# -- dtypes and shapes ------------------------------------------------------------------------------
@pytest.mark.parametrize("shape", [(0,), (2, 0), (), (1,), (1, 1)])
def test_small_shapes(shape):
    x = Tensor(np.ones(shape))
    (x * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(shape, 3.0))
    assert x.grad.shape == shape


def test_float32_stays_float32():
    x = Tensor(V.astype(np.float32))
    y = np.tanh(x * 2.0) @ np.ones(4, np.float32)
    assert y.dtype == np.float32
    y.backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad, 2 / np.cosh(2 * V) ** 2, rtol=1e-4)
    x += np.ones(4)
    assert x.dtype == np.float32


def test_complex():
    z = Tensor(V + 0.5j * POSITIVE)
    np.sum(np.abs(z) ** 2).backward()
    plain = np.asarray(z)
    expected = grad(lambda z: np.sum(np.abs(z) ** 2))(plain)
    np.testing.assert_allclose(z.grad, expected)
    (z * (1 + 2j)).backward(np.ones(4))
    assert z.grad.dtype == complex


def test_integers_have_no_gradient():
    n = Tensor([1, 2, 3])
    x = Tensor([1.0, 2.0, 3.0])
    (n * x).sum().backward()
    assert n.grad is None
    np.testing.assert_array_equal(x.grad, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(x[n - 1], [1.0, 2.0, 3.0])


# -- being an ndarray -----------------------------------------------------------------------------
def test_it_is_an_ndarray():
    data = np.array(A)
    x = Tensor(data)
    assert isinstance(x, np.ndarray)
    assert (x.shape, x.dtype, x.ndim, x.size, len(x)) == ((3, 4), np.dtype(float), 2, 12, 3)
    assert type(np.asarray(x)) is np.ndarray
    assert type(np.array(x)) is np.ndarray
    assert type(x.view(np.ndarray)) is np.ndarray
    assert type(x.item(3)) is float
    assert x.tolist() == data.tolist()
    assert type(x.argmax()) is np.int64
    assert type(x.sum() > 0) is np.bool
    assert type(float(x.sum())) is float
    assert x.astype(str).dtype.kind == "U"
    assert np.shape(x) == (3, 4) and np.ndim(x) == 2 and np.size(x) == 12
    assert np.result_type(x, 1j) == np.dtype(complex)
    assert np.may_share_memory(x, x)
    assert np.shares_memory(x, x.T)
    assert np.allclose(x, data) is True
    assert data[0, 0] in x
    assert bool(Tensor([True])[0])
    assert (x == None).all() == (data == None).all()  # noqa: E711
    with pytest.raises(TypeError, match="unhashable"):
        hash(x)


def test_a_view_of_a_plain_array_is_a_leaf():
    data = np.array(V)
    x = data.view(Tensor)
    y = (x * x).sum()
    data[:] = 0.0
    y.backward()
    np.testing.assert_allclose(x.grad, 2 * V)


def test_subclasses_stay():
    class Weights(Tensor):
        pass

    assert type(Weights(V) * 2) is Weights
    assert type(Weights(V)[1:]) is Weights


def test_repr():
    assert repr(Tensor([1.0, 2.0], name="x")) == "Tensor([1., 2.], name='x')"
    assert repr(Tensor([1.0, 2.0]) * 2) == "Tensor([2., 4.])"
    text = repr(Tensor(np.ones((2, 2), np.float32), name="x"))
    assert text == "Tensor([[1., 1.],\n        [1., 1.]], dtype=float32, name='x')"
    assert str(Tensor([1.0, 2.0])) == "[1. 2.]"
    assert f"{Tensor(1.5):.2f}" == "1.50"


@pytest.mark.parametrize(
    "again", [copy.deepcopy, *[lambda t, p=p: pickle.loads(pickle.dumps(t, p)) for p in (2, 4, 5)]]
)
def test_pickle_and_deepcopy_start_anew(again):
    x = Tensor(A[:, ::2], name="x")
    (x * x).sum().backward()
    for source in (x, x.T):
        other = again(source)
        assert type(other) is Tensor
        np.testing.assert_array_equal(np.asarray(other), np.asarray(source))
    other = again(x)
    assert other.name == "x"
    np.testing.assert_array_equal(other.grad, x.grad)
    (other * 3).sum().backward()
    np.testing.assert_array_equal(x.grad, 2 * A[:, ::2])


def test_copy_is_part_of_the_graph():
    x = Tensor(V)
    copy.copy(x).sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(4))
    old = Tensor(x)
    (old * 5).sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones(4))


def test_partners_with_protocols_of_their_own_decide():
    class Partner:
        __array_ufunc__ = None

        def __radd__(self, other):
            return "partner"

    assert Tensor(V) + Partner() == "partner"
    with pytest.raises(TypeError):
        Tensor(V) + object()
    with pytest.raises(errors.UnsupportedType):
        Tensor(V) + np.ma.masked_array(V)
    assert np.asarray(Tensor([1.0, 2.0]) + [1, 2]).tolist() == [2.0, 4.0]


def test_traced_functions_take_it_as_an_array():
    x, w = Tensor(V), Tensor(POSITIVE)
    traced = trace(lambda x: (x * x).sum())
    assert type(traced(x)) is np.float64
    gradient = grad(lambda x: (np.sin(x) * w).sum())(x)
    assert type(gradient) is np.ndarray
    np.testing.assert_allclose(gradient, np.cos(V) * POSITIVE)


def test_threads():
    w = Tensor(B, name="w")
    failures = []

    def work(seed):
        try:
            x = Tensor(np.random.default_rng(seed).normal(size=(3, 4)))
            for _ in range(20):
                y = np.tanh(x @ w)
                y[0] = 0.0
                y.sum().backward()
            expected = (1 - np.tanh(np.asarray(x) @ B) ** 2) * [[0.0], [1.0], [1.0]] @ B.T
            np.testing.assert_allclose(x.grad, expected)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


# -- any sequence of views and writes ---------------------------------------------------------------
VIEWS = [
    lambda y: y[0], lambda y: y[..., 1:], lambda y: y.T, lambda y: y.reshape(-1),
    lambda y: y[::-1], lambda y: y.swapaxes(0, -1), lambda y: y[None], lambda y: np.split(y, [1])[1],
    lambda y: y.squeeze(), lambda y: y[-1:],
]  # fmt: skip


def shuffled_writes(seed):
    """A program that takes views at random, writes through them and reads old ones."""

    def program(x):
        rng = np.random.default_rng(seed)
        known = [x * 1.0]
        total = 0.0
        for _ in range(12):
            source = known[rng.integers(len(known))]
            if source.ndim == 0 or source.shape[0] == 0:
                continue
            action = rng.integers(5)
            if action == 0:
                source *= 1.5
            elif action == 1:
                source[0] = known[0].ravel()[2] * 0.5
            elif action == 2:
                total = total + (source**2).sum()
            else:
                known.append(VIEWS[rng.integers(len(VIEWS))](source))
        return total + sum((one * k).sum() for k, one in enumerate(known, 1))

    return program


@pytest.mark.parametrize("seed", range(25))
def test_any_views_and_writes(seed):
    check(shuffled_writes(seed), A[:, :3] * 0.5)


# -- rules of the user's own, and traces -------------------------------------------------------------
def test_stop_gradient():
    x = Tensor(V)
    (stop_gradient(x) * x).sum().backward()
    np.testing.assert_array_equal(x.grad, V)
    assert stop_gradient({"a": 1.0})["a"] == 1.0


def test_custom_rules_hold_for_tensors():
    @custom_vjp
    def steep(x):
        return np.sin(x)

    steep.defvjp(lambda x: (np.sin(x), x), lambda x, ct: (ct * 100.0,))
    x = Tensor(V)
    y = steep(x * 2.0)
    np.testing.assert_array_equal(np.asarray(y), np.sin(V * 2.0))
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.full(4, 200.0))


def test_a_tensor_made_in_a_traced_function_is_traced():
    gradient = grad(lambda v: (Tensor(v) * Tensor(np.ones(4)) * v).sum())(V)
    np.testing.assert_allclose(gradient, 2 * V)


def test_what_scipy_records_in_part_is_refused():
    x = Tensor([0.5, 1.5, 2.0])
    with pytest.raises(errors.LeakError, match="logsumexp"):
        special.logsumexp(x)
    with pytest.raises(errors.LeakError, match="logsumexp"):
        special.logsumexp(np.arange(3.0), b=x)
    np.testing.assert_allclose(grad(special.logsumexp)(np.asarray(x)), special.softmax(x))


def test_what_scipy_records_wholly_is_followed():
    values, step = np.array([0.5, 1.5, 2.0]), 1e-6
    for function in (
        lambda x: np.sum(stats.zscore(x) * x),
        lambda x: np.sum(special.jvp(1, x)),
        lambda x: np.sum(special.gammaln(x)),
    ):
        x = Tensor(values)
        function(x).backward()
        shifts = step * np.eye(3)
        change = [(function(values + e) - function(values - e)) / (2 * step) for e in shifts]
        np.testing.assert_allclose(x.grad, change, rtol=1e-5, atol=1e-7)


def test_transforms_take_it_as_an_array():
    x = Tensor([0.5, 1.5, 2.0])
    for found in (
        grad(lambda v: np.sum(v**2))(x),
        vmap(lambda v: 2 * v)(x),
        linalg.expm(x[None, :1]),
    ):
        assert type(found) is np.ndarray
