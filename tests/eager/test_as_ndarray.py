"""The eager Tensor is an ndarray: dtypes, copies, subclasses, partners, threads."""

import copy
import pickle
import threading

import numpy as np
import pytest

from tests.eager.examples import POSITIVE, A, B, V
from tracer import Tensor, errors, grad, trace


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
