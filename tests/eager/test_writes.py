"""Writes to eager Tensors and to views of them, and what the graph keeps of it."""

import operator

import numpy as np
import pytest

from tests.eager.examples import A, V, check
from tracer import Tensor, errors


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


@pytest.mark.parametrize(
    "write",
    [
        lambda t: operator.setitem(np.asarray(t), 0, 5.0),
        lambda t: np.add(1.0, 1.0, out=np.asarray(t)),
        lambda t: operator.setitem(t.view(np.ndarray), 0, 5.0),
    ],
    ids=range(3),
)
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


# -- any sequence of views and writes ---------------------------------------------------------------
VIEWS = [
    lambda y: y[0],
    lambda y: y[..., 1:],
    lambda y: y.T,
    lambda y: y.reshape(-1),
    lambda y: y[::-1],
    lambda y: y.swapaxes(0, -1),
    lambda y: y[None],
    lambda y: np.split(y, [1])[1],
    lambda y: y.squeeze(),
    lambda y: y[-1:],
]


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
