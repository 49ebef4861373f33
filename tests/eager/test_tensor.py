"""The eager Tensor: gradients against central differences, the graph, rules and traces."""

import numpy as np
import pytest
from scipy import linalg, special, stats

from tests.eager.examples import POSITIVE, A, B, V, check
from tracer import Tensor, custom_vjp, errors, grad, stop_gradient, vmap


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
    "joining": (
        lambda x, y: (np.concatenate([x, y]) * np.stack([x, y]).ravel()).sum(),
        V,
        POSITIVE,
    ),
    "einsum": (lambda x, w: np.einsum("ij,jk->ik", x, w).T.reshape(-1)[1:4].sum(), A, B),
    "methods": (
        lambda x: (
            x.T.swapaxes(0, 1).reshape(2, 6).transpose(1, 0).ravel().dot(np.arange(12.0))
            + x.diagonal().sum()
            + x.take([0, 3]).prod()
            + x.squeeze().repeat(2).max()
            + x.astype(float).copy().flatten()[2]
            + x.mT[1, 1]
            + x.clip(-1, 1).sum()
            + x.trace()
        ),
        A,
    ),
    "iteration": (lambda x: sum([row @ row for row in x]), A),
    "powers": (lambda x: (2.0**x + x**3 - x**0.5 / 3 + abs(-x) % 0.7).sum(), POSITIVE),
    "indices": (lambda x: (x[[0, 2]] * x[x > 0.6][:1] + x[..., None][1:3, 0] ** 2).sum(), POSITIVE),
    "split": (
        lambda x: np.dot(*np.split(x, 2)) + np.linalg.slogdet(np.outer(x, x) + np.eye(4))[1],
        V,
    ),
    "solve": (lambda x: np.linalg.solve(np.eye(4) * 3 + np.outer(x, x), x).sum(), V),
    "flat": (lambda x: sum(x.flat) + (x.flat[3] * x.flat[1:3]).sum(), A),
    "accumulated": (
        lambda x: np.cumsum(x)[-2] + np.multiply.reduce(x) + np.add.outer(x, x)[1, 2],
        V,
    ),
    "filled": (filled, V),
    "in place": (in_place, V),
    "through views": (through_views, A),
    "stale views": (stale_views, A),
    "put and copy": (put_and_copy, POSITIVE),
    "ufunc.at": (ufunc_at, V),
    "out": (with_out, V),
    "diagonal": (diagonal, A),
    "fortran": (fortran, A),
}


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
