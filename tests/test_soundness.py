"""Parameters that NumPy does not dispatch on, scalars, and tasks: right values and gradients."""

import asyncio
import math

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient, same
from tracer import errors, grad, trace

P = np.array([0.2, 0.9, 0.5, 0.7])
M = np.arange(12.0).reshape(3, 4) / 7
X = np.array([0.3, 0.8, 0.45, 0.6])


# -- a traced value where NumPy's dispatch does not look --------------------------------------------
PARAMETERS = {
    "take from outside": lambda x: np.take(P, np.argsort(x)) * x,
    "take by method": lambda x: P.take([0, 1]) * x[:2],
    "initial": lambda x: np.max(P, initial=x[1]) + np.sum(P, initial=x[0]) + np.min(x, initial=0.4),
    "initial of a product": lambda x: np.prod(P, initial=x[0]),
    "where of a sum": lambda x: np.sum(P, where=x > 0.4) + np.mean(M, axis=1, where=x > 0.4),
    "where of a ufunc": lambda x: np.add(P, x, where=x > 0.4, out=np.zeros(4)),
    "constant_values": lambda x: np.pad(P, 1, constant_values=x[0]),
    "end_values": lambda x: np.pad(x, 1, mode="linear_ramp", end_values=0.5),
    "full": lambda x: np.full((2, 4), x) * np.full(4, x[0]),
    "full_like": lambda x: np.full_like(P, x[1]) + np.full_like(M, x),
    "linspace ends": lambda x: np.linspace(P, x, 3) + np.linspace(x[0], 1.0, 4),
    "clip limits": lambda x: np.clip(P, x[0], x[1]) + P.clip(x[0], 0.8),
    "interp": lambda x: np.interp(P, [0.0, 1.0], [x[0], x[1]]) + np.interp(x, P.cumsum(), P),
    "searchsorted": lambda x: np.searchsorted(np.sort(P), x) * x,
    "digitize": lambda x: np.digitize(x, [0.25, 0.5, 0.75]) * x,
    "where choices": lambda x: np.where(P > 0.5, x, P) + np.where(P > 0.5, 1.0, x[0]),
    "select": lambda x: np.select([P > 0.6, P > 0.3], [x, x**2], default=x[0]),
    "choose": lambda x: np.choose([0, 1, 1, 0], [P, x]),
    "dot of a plain array": lambda x: P.dot(x) + M.dot(x)[0] + np.dot(P, x) + np.vdot(P, x),
    "operators of a plain array": lambda x: P + x - P * x / (1 + P**x) + (M @ x)[1],
    "outer and kron": lambda x: (
        np.outer(P, x) + np.multiply.outer(x, P) + np.kron(P, x).reshape(4, 4)
    ),
    "einsum": lambda x: np.einsum("ij,j->i", M, x) + np.einsum("i,i", P, x),
    "tensordot": lambda x: np.tensordot(M, x, axes=([1], [0])),
    "matmul out": lambda x: np.matmul(M, x, out=np.empty(3)),
    "insert and append": lambda x: np.insert(P, 1, x[0]) + np.append(P, x[1]),
    "place and put": lambda x: (
        lambda y: (np.place(y, P > 0.6, x[:2]), np.put(y, [0], x[2]), y)[2]
    )(np.zeros(4)),
    "copyto": lambda x: (lambda y: (np.copyto(y, x, where=P > 0.6), y)[1])(np.ones(4)),
    "fill": lambda x: (lambda y: (y.fill(x[1]), y)[1])(np.empty(3)),
    "weights": lambda x: np.average(P, weights=x) + np.average(M, axis=1, weights=x),
    "percentile": lambda x: np.percentile(x, 30) + np.quantile(x, [0.25, 0.5]),
    "convolve": lambda x: np.convolve(P, x[:2], mode="same"),
    "polyval": lambda x: np.polyval(P, x) + np.polyval(x, P),
    "trapezoid": lambda x: np.trapezoid(P, x) + np.trapezoid(x, dx=0.1),
    "gradient spacing": lambda x: np.gradient(P, 0.5) * x + np.gradient(x),
    "diff prepend": lambda x: np.diff(P, prepend=x[0]) + np.diff(x, append=0.0),
    "ediff1d": lambda x: np.ediff1d(x, to_begin=0.0, to_end=1.0),
    "cumsum dtype": lambda x: np.cumsum(x, dtype=np.float64) + x.cumprod(),
    "nan_to_num": lambda x: np.nan_to_num(np.where(x > 0.5, np.nan, x), nan=0.25),
    "heaviside": lambda x: np.heaviside(x - 0.5, 0.5) * x,
    "broadcast_to": lambda x: np.broadcast_to(x, (2, 4)) * M[:2],
    "take_along_axis": lambda x: np.take_along_axis(M * x, np.argsort(-M * x, axis=1), axis=1),
    "repeat and roll": lambda x: np.repeat(x, [1, 0, 2, 1]) + np.roll(P, 1) * np.roll(x, -1),
    "solve": lambda x: np.linalg.solve(np.diag(P) + 0.1, x) + np.linalg.inv(np.diag(x) + 0.2) @ P,
    "lists beside arrays": lambda x: np.stack([P, x, [1, 2, 3, 4]]) + np.vstack([x, P, [x[0]] * 4]),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name):
    program = PARAMETERS[name]
    agree(program, [(X,), (X[::-1],), (X * 0.9 + 0.01,)])
    agree_gradient(program, X)


# -- scalars ------------------------------------------------------------------------------------------
def test_scalars_are_immutable_and_unaliased():
    def program(x):
        s = x[0]
        t = s
        s += 1.0
        total = x.sum()
        before = total
        total *= 2
        return (
            x,
            s,
            t,
            total,
            before,
            isinstance(s, np.floating),
            np.isscalar(s),
            isinstance(s, float),
        )

    agree(program, [(X,), (X.astype(np.float32),)])


def test_python_numbers_are_weak():
    def program(x):
        item, listed = x[0].item(), x.tolist()
        return (
            item * np.float32(2),
            np.ones(2, np.float32) * listed[1],
            x * 2,
            2**x,
            x[0] * 1j,
            item + 1,
        )

    agree(program, [(X,), (X.astype(np.float32),), (X.astype(np.float16),)])


def test_numpy_scalars_are_strong():
    strong = np.float64(2.0)
    agree(lambda x: (x * strong, x * 2.0, x[0] * strong), [(X.astype(np.float32),), (X,)])


def test_integers_from_values_decide_sizes():
    def program(x):
        n = int(np.ceil(x.sum()))
        return np.zeros(n) + x[0], x[: n - 1], list(range(n)), np.arange(n) * x[1], [x[2]] * n

    agree(program, [(X,), (X * 2,), (X / 3,), (X,)])


# -- exceptions --------------------------------------------------------------------------------------
def test_what_raised_must_raise_again():
    def program(x):
        for size in (2.0, 1.0, 0.0):
            try:
                return np.linalg.cholesky(np.outer(x, x) - size * np.eye(4)), size
            except np.linalg.LinAlgError:
                continue
        try:
            return np.linalg.inv(np.diag(x - x[0])), -1.0
        except np.linalg.LinAlgError as error:
            return x * len(str(error)), -2.0

    agree(program, [(X,), (X * 0,), (np.eye(4)[0],), (X,)])


def test_an_assertion_about_values_is_checked_on_every_call():
    @trace
    def program(x):
        assert np.all(x > 0), "positive"
        if not np.isfinite(x).all():
            raise FloatingPointError("not finite")
        return np.log(x)

    same(program(X), np.log(X))
    for _ in range(2):
        with pytest.raises(AssertionError, match="positive"):
            program(-X)
        with pytest.raises(FloatingPointError):
            program(np.array([1.0, np.inf]))
        same(program(X), np.log(X))


# -- who else runs ------------------------------------------------------------------------------------
def test_tasks_trace_at_once():
    async def work(k):
        def program(x):
            out = np.zeros(4)
            for i in range(4):
                out[i] = math.sin(k) * x[i]
            return out.sum()

        results = []
        for _ in range(3):
            results.append(grad(program)(X))
            await asyncio.sleep(0)
        return results

    async def main():
        return await asyncio.gather(*[work(k) for k in range(4)])

    for k, results in enumerate(asyncio.run(main())):
        for result in results:
            np.testing.assert_allclose(result, np.full(4, math.sin(k)))


def test_what_is_put_into_a_container_is_a_plain_array():
    kept = {}

    def program(x):
        kept["x"] = x * 2
        return x

    traced = trace(program)
    for turn in range(3):
        traced(X + turn)
        assert type(kept["x"]) is np.ndarray
        np.testing.assert_array_equal(kept["x"], (X + turn) * 2)


@pytest.mark.parametrize(
    "convert", [memoryview, bytes, bytearray, lambda t: t.data, lambda t: t.tobytes()]
)
def test_memory_is_not_handed_out(convert):
    def program(x):
        convert(x)
        return x

    with pytest.raises((errors.TracerError, TypeError, BufferError)):
        trace(program)(X)
