"""Branches, loops and sizes that depend on values: every call gives what plain NumPy gives."""

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient, same
from tracer import grad, trace, value_and_grad


def branch(x):
    if x.sum() > 0:
        return x * 2
    return -x


def chained_comparison(x):
    return x * 3 if 0.0 < x[0] < 1.0 else x


def elif_chain(x):
    top = x.max()
    if top > 2:
        return x / top
    elif top > 1:
        return x - 1
    elif top < 0:
        return np.zeros(3)
    return x


def while_loop(x):
    while np.abs(x).max() > 1.0:
        x = x / 2
    return x


def newton(x):
    guess = x[0] * x[0] + 1.0
    target = guess + 1.0
    for _ in range(50):
        step = (guess * guess - target) / (2 * guess)
        guess = guess - step
        if abs(step) < 1e-10:
            break
    return guess


def counted(x):
    total = 0.0
    for i in range(int(abs(x[0]) * 3)):
        total = total + x[1] ** i
    return total


def builtin_extremes(x):
    return max(x), min(x[0], x[1]), max(x[0], 0.5), sorted(x), sorted([x[1], x[0]], reverse=True)


def builtin_sum(x):
    return sum(x), sum(v * v for v in x), abs(x[0]), round(x[1], 1), divmod(x[2], 0.7), pow(x[0], 2)


def membership(x):
    return x + 1 if 0.5 in x else x - 1


def boolean_operators(x):
    return x * 2 if x[0] > 0 and not x[1] > 0 or x[2] > 5 else x * 3


def any_all(x):
    if (x > 0).all():
        return np.log(x)
    if np.any(x > 1):
        return x**2
    return x


def tolerance(x):
    return x if np.allclose(x, 0.5) else x - x.mean()


def integer_from_value(x):
    k = int(x.argmax())
    return x[k] * 2, x[: k + 1]


def argsort_loop(x):
    out = np.zeros(3)
    for rank, i in enumerate(np.argsort(x)):
        out[i] = rank * x[i]
    return out


def masked_sum(x):
    return x[x > 0].sum()


def masked_pipeline(x):
    positive = x[x > 0]
    return (
        np.exp(positive).sum() + (positive * 2 - 1).sum() + positive.mean()
        if positive.size
        else 0.0
    )


def masked_length(x):
    return x * len(x[x > 0]), x[x > 0].shape[0]


def masked_zeros(x):
    kept = x[x > 0]
    out = np.zeros(len(kept))
    for i in range(len(kept)):
        out[i] = kept[i] ** 2
    return out


def nonzero_write(x):
    x = x.copy()
    x[np.nonzero(x > 0)] = 0.25
    return x, np.flatnonzero(x), np.argwhere(x > 0)


def unique_values(x):
    return np.unique(np.round(x)), np.count_nonzero(x > 0)


def assertion(x):
    assert x.shape == (3,), "three"
    assert x.sum() < 100
    return x


def raised(x):
    if x[0] < 0:
        raise ValueError(f"negative: {len(x)}")
    return np.sqrt(x[0])


def caught(x):
    try:
        return np.linalg.inv(np.outer(x, x) + np.diag(x))
    except np.linalg.LinAlgError:
        return np.zeros((3, 3))


def early_return_in_loop(x):
    for i, v in enumerate(x):
        if v < 0:
            return x * i
    return x


def list_of_parts(x):
    parts = [v for v in x if v > 0]
    return np.array(parts) if parts else np.zeros(1)


def dictionary(x):
    table = {"a": x[0], "b": x[1] * 2}
    table["c"] = table["a"] + table["b"]
    return table


def ternary_scalar(x):
    return 1.0 if x[0] > x[1] else 0.0


def zip_and_enumerate(x):
    return sum(i * a * b for i, (a, b) in enumerate(zip(x[:-1], x[1:])))


def clip_in_python(x):
    return np.array([min(max(v, 0.0), 1.0) for v in x])


def walrus(x):
    if (n := np.linalg.norm(x)) > 1:
        return x / n
    return x * n


def recursion(x, depth=3):
    return x if depth == 0 else recursion(np.sin(x), depth - 1)


def match_statement(x):
    match int(np.sign(x[0])):
        case 1:
            return x * 2
        case -1:
            return x * 3
        case _:
            return x


def item_and_list(x):
    return x[0].item() * x, x.tolist()[1] * x[2], x.item(1)


def unpacking(x):
    a, *rest = x
    first, second = rest
    return a * second - first


def printed(x):
    f"{x[0]:.3f} {x} {float(len(x))}"
    return x


def is_type(x):
    return x * 2 if isinstance(x[0], np.floating) and np.isscalar(x[0]) and x.ndim == 1 else x


def power_spellings(x):
    return x**2, x**0.5, x**-1, 2**x, np.power(x, 2), x**3, x[0] ** 2, x**x


def weak_scalars(x):
    return x * 2, x[0] * 2, 2 * x[0], x // 0.3, x % 0.3, -x, +x, x.astype(np.float32) * 2.0


PROGRAMS = [
    value for name, value in list(globals().items()) if getattr(value, "__module__", "") == __name__
]
INPUTS = [
    np.array([0.4, 0.9, 0.2]),
    np.array([-1.2, 0.3, 2.5]),
    np.array([0.5, -0.5, 0.7]),
    np.array([-0.1, -0.2, -0.3]),
    np.array([3.0, 1.0, 2.0]),
    np.zeros(3),
    np.array([1.0, 1.0, 1.0]),
]
KINKED = {
    "masked_length",
    "unique_values",
    "weak_scalars",
    "caught",
    "ternary_scalar",
    "printed",
    "builtin_sum",
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values(program):
    agree(program, [(x,) for x in INPUTS])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_gradient(program):
    if program.__name__ not in KINKED:
        for x in INPUTS[:2]:
            if program is not raised or x[0] > 0:
                with np.errstate(all="ignore"):
                    x = np.abs(x) if program is power_spellings else x
                    agree_gradient(program, x)


def test_one_program_serves_every_count():
    @trace
    def f(x):
        return x[x > 0].sum()

    for count in range(1, 6):
        x = np.arange(6.0) - count + 0.5
        same(f(x), masked_sum(x))
        value, gradient = value_and_grad(f)(x)
        same(value, masked_sum(x))
        np.testing.assert_array_equal(gradient, (x > 0).astype(float))
    assert f.explain().count("nodes,") == 1


def test_both_branches_stay_compiled():
    @trace
    def f(x):
        if x.sum() > 0:
            return x * 2
        return -x

    for sign in (1, -1, 1, -1):
        same(f(np.full(3, 0.5) * sign), branch(np.full(3, 0.5) * sign))
    assert f.explain().count("nodes,") == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda m: np.kron(m, m),
        lambda m: np.pad(m, 1, "reflect"),
        lambda m: np.convolve(m, m),
        lambda m: np.abs(np.fft.rfft(m)),
        lambda m: np.cov(m, m**2),
        lambda m: np.median(m),
        lambda m: np.cumprod(m),
        lambda m: np.repeat(m, 2),
        lambda m: np.split(m, [1])[1] ** 2,
    ],
    ids=["kron", "pad", "convolve", "rfft", "cov", "median", "cumprod", "repeat", "split"],
)
def test_rules_that_need_sizes_get_a_program_for_each(function):
    def total(x):
        return np.sum(function(x[x > 0]))

    traced, gradient = trace(total), grad(total)
    for x in (np.array([0.5, -1.0, 0.7, 1.4, 2.0]), np.array([0.9, 0.3, -0.7, 1.1, 2.5])) * 2:
        assert traced(x) == total(x)
        steps = 1e-6 * np.eye(5)
        wanted = [(total(x + step) - total(x - step)) / 2e-6 for step in steps]
        np.testing.assert_allclose(gradient(x), wanted, atol=1e-5)
    x = np.array([-0.9, 0.3, -0.7, 1.1, 2.5])  # another count
    assert traced(x) == total(x)
    wanted = [(total(x + step) - total(x - step)) / 2e-6 for step in 1e-6 * np.eye(5)]
    np.testing.assert_allclose(gradient(x), wanted, atol=1e-5)
