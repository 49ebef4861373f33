"""vmap as it is used: writes, axes, trees, branches, loops, other transforms, errors."""

import numpy as np
import pytest

from tests.transforms.batch.examples import B, C, I, M, N, T, V, W, agree
from tracer import (
    cond,
    custom_jvp,
    custom_vjp,
    errors,
    fori_loop,
    grad,
    jacobian,
    jvp,
    scan,
    settings,
    stop_gradient,
    trace,
    value_and_grad,
    vjp,
    vmap,
    while_loop,
)
from tracer.trees import flatten


# -- writes -------------------------------------------------------------------------------------
def write_element(x):
    x = x.copy()
    x[1] = x[0] * 2
    x[2:] += 1
    return x


def write_rows(x):
    out = np.zeros((2, 4))
    out[0] = x
    out[1, ::2] = x[:2]
    return out


def write_gathered(x, i):
    out = np.zeros((4, 5))
    out[i[:2]] = x[:2]
    out[:, i[0]] = 7
    return out


def write_apart(x, i):
    out = np.zeros((2, 4, 5))
    out[i % 2, :, i] = x[0, 0, :4]
    out[0, :, [1, 2]] = x[0, :2, :4]
    return out


def write_before(x, i):
    out = np.zeros((4, 5, 4))
    out[:, i] = x[0, :, 0][:, None, None] + x[0, 0, :4]
    return out


def add_at(x, i):
    out = np.zeros(4)
    np.add.at(out, i, x[0] + np.arange(6.0))
    return out


def write_mask(x):
    x = x.copy()
    x[x < 0] = 0.5
    x[np.array([True, False, False, True])] *= 2
    return x


def write_masked_values(x):
    y = x.copy()
    y[x > 0] = np.sqrt(x[x > 0])
    return y


def loop_writes(x):
    out = np.zeros(4)
    for k in range(4):
        out[k] = np.sum(x[: k + 1]) * k
    return out


def fill(x):
    y = np.empty((3, 4))
    y.fill(2.0)
    y[1:] = x
    np.fill_diagonal(y, x[0])
    return y


WRITES = {
    "element": (write_element, (V,)),
    "rows": (write_rows, (V,)),
    "loop": (loop_writes, (V,)),
    "gathered": (write_gathered, (M, I)),
    "apart": (write_apart, (T, I)),
    "before": (write_before, (T, I)),
    "add.at": (add_at, (V, I)),
    "mask": (write_mask, (V,)),
    "masked values": (write_masked_values, (V,)),
    "fill": (fill, (V,)),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    f, args = WRITES[name]
    agree(f, *args)
    one = lambda *a: np.sum(f(*a) ** 2)
    want = np.stack([grad(one)(*[a[k] for a in args]) for k in range(3)])
    np.testing.assert_allclose(vmap(grad(one))(*args), want, rtol=1e-10, atol=1e-12)


def test_argument_is_written_as_plain_code_does():
    def halve(x):
        x /= 2
        return x.sum()

    plain, ours = V.copy(), V.copy()
    want = np.stack([halve(row) for row in plain])
    np.testing.assert_array_equal(vmap(halve)(ours), want)
    np.testing.assert_array_equal(ours, plain)


def test_a_shared_argument_is_written_in_turn():
    def accumulate(total, x):
        total += x
        return total * 1.0

    plain, ours = np.zeros(4), np.zeros(4)
    want = np.stack([accumulate(plain, row) for row in V])
    np.testing.assert_array_equal(vmap(accumulate, (None, 0))(ours, V), want)
    np.testing.assert_array_equal(ours, plain)


# -- axes ---------------------------------------------------------------------------------------
def test_axes_of_trees():
    params = {"w": M, "b": (C, 2.0)}
    f = lambda p, x: {"y": x @ p["w"] + p["b"][0][0] * p["b"][1], "n": np.sum(x)}
    got = vmap(f, ({"w": 0, "b": None}, 0))(params, V)
    want = [f({"w": M[k], "b": (C, 2.0)}, V[k]) for k in range(3)]
    np.testing.assert_allclose(got["y"], np.stack([row["y"] for row in want]))
    np.testing.assert_allclose(got["n"], np.stack([row["n"] for row in want]))
    got = vmap(f, ({"w": 0, "b": (None, None)}, -1))(params, V.T)
    np.testing.assert_allclose(got["y"], np.stack([row["y"] for row in want]))


def test_out_axes():
    f = lambda x: (x, np.sum(x), x[None] * 2, "note", 7)
    moved = vmap(f, out_axes=(1, 0, -1, 0, 0))(V)
    np.testing.assert_array_equal(moved[0], V.T)
    np.testing.assert_array_equal(moved[2], np.moveaxis(V[:, None] * 2, 0, -1))
    assert moved[3] == "note" and moved[4].tolist() == [7, 7, 7]
    shared, own = vmap(lambda x: (C * 2, x), out_axes=(None, 0))(V)
    np.testing.assert_array_equal(shared, C * 2)
    np.testing.assert_array_equal(own, V)
    repeated = vmap(lambda x: C * 2)(V)
    np.testing.assert_array_equal(repeated, np.stack([C * 2] * 3))
    repeated[0] = 0  # memory of its own
    assert repeated[1].any()
    with pytest.raises(errors.BatchError, match="out_axes"):
        vmap(lambda x: x, out_axes=None)(V)
    with pytest.raises(errors.BatchError, match="out_axes"):
        vmap(np.sum, out_axes=1)(V)


def test_keywords_defaults_and_methods():
    def f(x, y=2.0, *, mode="sum", z=None):
        found = x * y if z is None else x * y + z
        return found.sum() if mode == "sum" else found

    np.testing.assert_allclose(vmap(f)(V), 2 * V.sum(1))
    np.testing.assert_allclose(vmap(f)(V, mode="all", z=W), 2 * V + W)
    np.testing.assert_allclose(vmap(f)(V, y=3.0), 3 * V.sum(1))
    np.testing.assert_allclose(vmap(f)(x=V), 2 * V.sum(1))
    np.testing.assert_allclose(vmap(f, 1)(V.T, z=W, mode="all"), 2 * V + W)

    class Model:
        scale = 3.0

        def predict(self, x):
            return self.scale * x[0]

    model = Model()
    mapped = vmap(model.predict)
    np.testing.assert_allclose(mapped(V), 3 * V[:, 0])
    model.scale = 4.0
    np.testing.assert_allclose(mapped(V), 4 * V[:, 0])


def test_errors():
    with pytest.raises(errors.BatchError, match="x1 has 3, x2 has 4"):
        vmap(np.multiply)(V, B)
    with pytest.raises(ValueError, match="number"):
        vmap(lambda x, y: x * y)(V, 2.0)
    with pytest.raises(ValueError, match="axis 2"):
        vmap(lambda x: x, 2)(V)
    with pytest.raises(ValueError, match="no argument is mapped"):
        vmap(lambda x: x, None)(V)
    with pytest.raises(ValueError, match="entries"):
        vmap(lambda x: x, (0, 0))(V)
    with pytest.raises(ValueError, match="structure"):
        vmap(lambda x: x["a"], ({"b": 0},))({"a": V})
    for wrong in ("0", 1.0, True, {"x": 0}):
        with pytest.raises(TypeError):
            vmap(lambda x: x, wrong)(V)
    with pytest.raises(ValueError, match="shapes"):
        vmap(lambda x: x[x > 0])(np.array([[1.0, 2.0], [1.0, -1.0]]))


# -- branches and sizes that differ ---------------------------------------------------------------
def test_examples_take_their_own_branches():
    def f(x):
        if x.sum() > 0:
            return np.sqrt(x.sum()) * x
        return -x

    agree(f, V)
    agree(f, np.abs(V))
    mapped = vmap(f)
    for batch_ in (V, np.abs(V), -np.abs(V), V[::-1].copy()):
        np.testing.assert_allclose(mapped(batch_), np.stack([f(row) for row in batch_]))
    want = np.stack([grad(lambda x: np.sum(f(x)))(row) for row in V])
    np.testing.assert_allclose(vmap(grad(lambda x: np.sum(f(x))))(V), want)
    np.testing.assert_allclose(grad(lambda x: np.sum(vmap(f)(x)))(V), want)


def test_loops_of_unequal_length():
    def collatz(n):
        steps = 0
        while n > 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    numbers = np.array([1, 2, 3, 6, 7])
    assert vmap(collatz)(numbers).tolist() == [collatz(n) for n in numbers.tolist()]


def test_masked_sums():
    agree(lambda x: np.sum(x[x > 0] ** 2), V)
    agree(lambda x: np.mean(x[np.isfinite(x)]), V)


def test_errstate_of_the_function():
    def f(x):
        with np.errstate(all="raise"):
            return x / x.sum()

    agree(f, V)
    with pytest.raises(FloatingPointError):
        vmap(f)(V * 0)
    with pytest.raises(FloatingPointError):
        vmap(grad(lambda x: np.sum(f(x) ** 2)))(V * 0)


def test_exception_of_one_example():
    with pytest.raises(np.linalg.LinAlgError):
        vmap(np.linalg.inv)(np.stack([np.eye(2), np.zeros((2, 2))]))

    def safe(a):
        try:
            return np.linalg.inv(a)
        except np.linalg.LinAlgError:
            return a * 0

    agree(safe, np.stack([np.eye(2), np.zeros((2, 2))]))
    agree(safe, np.stack([np.zeros((2, 2)), np.eye(2)]))


@pytest.mark.parametrize("f", [np.sum, np.tanh, lambda x: x @ x, lambda x: x[x > 0].sum()])
def test_empty_batch(f):
    got = vmap(f)(np.ones((0, 4), np.float32))
    one = f(np.ones(4, np.float32))
    assert got.shape == (0, *np.shape(one)) and got.dtype == one.dtype


def test_batch_of_one_and_odd_memory():
    agree(lambda x: np.tanh(x) @ x, V[:1])
    agree(lambda x: np.tanh(x).T @ x, np.asfortranarray(M))
    agree(lambda x: np.cumsum(x[::-1]), V[::-1, ::-2])
    agree(lambda x: x.ravel(order="K"), np.asfortranarray(M))


# -- with other transforms ------------------------------------------------------------------------
def loss(w, x, y):
    return (np.tanh(x @ w) - y) ** 2


def test_gradient_of_each_example():
    gradients = vmap(grad(loss), (None, 0, 0))(C, V, N)
    want = np.stack([grad(loss)(C, x, y) for x, y in zip(V, N)])
    np.testing.assert_allclose(gradients, want)
    values, again = vmap(value_and_grad(loss), (None, 0, 0))(C, V, N)
    np.testing.assert_allclose(again, want)
    np.testing.assert_allclose(values, np.stack([loss(C, x, y) for x, y in zip(V, N)]))
    total = grad(lambda w: np.sum(vmap(loss, (None, 0, 0))(w, V, N)))(C)
    np.testing.assert_allclose(total, want.sum(0))


def test_nested_and_of_derivatives():
    f = lambda a, b: np.exp(a * b)
    table = vmap(vmap(f, (None, 0)), (0, None))(N, C)
    np.testing.assert_allclose(table, np.exp(np.outer(N, C)))
    slope = vmap(vmap(grad(f), (None, 0)), (0, None))(N, C)
    np.testing.assert_allclose(slope, C * np.exp(np.outer(N, C)))
    g = lambda x: np.tanh(B.T @ x)
    want = np.stack([jacobian(g)(x) for x in V])
    for mode in ("reverse", "forward"):
        np.testing.assert_allclose(vmap(jacobian(g, mode=mode))(V), want)
    pushed = vmap(lambda x, t: jvp(g, (x,), (t,))[1])(V, W)
    np.testing.assert_allclose(pushed, np.einsum("bij,bj->bi", want, W))
    pulled = vmap(lambda x, ct: vjp(g, x)[1](ct)[0])(V, np.ones((3, 5)))
    np.testing.assert_allclose(pulled, want.sum(1))
    whole = jacobian(vmap(g))(V)
    np.testing.assert_allclose(np.einsum("bibj->bij", whole), want)
    second = jacobian(vmap(grad(lambda x: np.sum(g(x) ** 2))))(V)
    one = jacobian(grad(lambda x: np.sum(g(x) ** 2)))
    np.testing.assert_allclose(np.einsum("bibj->bij", second), np.stack([one(x) for x in V]))


def test_in_a_traced_function():
    @trace
    def f(w, x):
        rows = vmap(lambda row: np.tanh(row @ w))(x)
        return np.sum(vmap(np.multiply, (0, None))(rows, 2.0))

    want = 2 * np.sum(np.tanh(V @ C))
    np.testing.assert_allclose(f(C, V), want)
    np.testing.assert_allclose(grad(f)(C, V), grad(lambda w: 2 * np.sum(np.tanh(V @ w)))(C))


def test_decorators_in_any_order():
    @trace
    @vmap
    def both(x):
        return x @ x

    @vmap
    @trace
    def other(x):
        return x @ x

    for f in (both, other, trace(trace(both))):
        np.testing.assert_allclose(f(V), np.sum(V**2, axis=1))
        np.testing.assert_allclose(grad(lambda x, f=f: np.sum(f(x)))(V), 2 * V)


def test_programs_are_kept():
    reasons = []
    for _ in range(3):
        mapped = vmap(grad(lambda w, x: np.sum(np.tanh(x @ w))), (None, 0))
        mapped(C, V)
        reasons = mapped.cache.reasons
    assert len(reasons) == 1
    scale = 2.0
    mapped = vmap(lambda x: x * scale)
    np.testing.assert_array_equal(mapped(V), V * 2)
    scale = 3.0
    np.testing.assert_array_equal(mapped(V), V * 3)
    for factor in (4.0, 5.0):
        np.testing.assert_array_equal(vmap(lambda x: x * factor)(V), V * factor)


def test_source_is_short():
    source = vmap(grad(loss), (None, 0, 0)).source(C, V, N, mode="forward")
    body = [line for line in source.split("def forward")[1].splitlines() if "=" in line]
    assert len(body) <= 4 and "np.stack" not in source
    scope = {}
    exec(source, scope)
    np.testing.assert_array_equal(
        scope["forward"](C, V, N)[0], vmap(grad(loss), (None, 0, 0))(C, V, N)
    )


def test_checked_calls_compare_with_a_loop():
    with settings.using(check=True):
        for x in (V, V[:0]):
            got = vmap(lambda x, s: (np.tanh(x) * s, np.sum(x)), (0, None))(x, 2.0)
            np.testing.assert_array_equal(got[0], np.tanh(x) * 2)
            assert got[1].shape == (len(x),)
        gradient = grad(lambda x: np.sum(vmap(np.tanh)(x)))(V)
        np.testing.assert_allclose(gradient, 1 - np.tanh(V) ** 2)


# -- loops, branches and rules of one's own ---------------------------------------------------------
def doubled_slope():
    @custom_vjp
    def f(x):
        return x**2

    f.defvjp(lambda x: (x**2, x), lambda x, ct: (20 * x * ct,))
    return f


def tripled_tangent():
    @custom_jvp
    def f(x):
        return x**3

    f.defjvp(lambda primals, tangents: (primals[0] ** 3, 3 * tangents[0]))
    return f


SLOPE = doubled_slope()
REGIONS = {
    "own branches": lambda x: cond(x.sum() > 0, np.sin, np.cos, x),
    "shared branch": lambda x: cond(C[0] > 5, lambda v: (v, C), lambda v: (C * 2, v * 3), x)[1],
    "fori": lambda x: fori_loop(0, 3, lambda i, c: c * x + i, x),
    "fori counter": lambda x: fori_loop(0, 3, lambda i, c: (c[0] + 1, c[1] * x + c[0]), (0, x))[1],
    "fori from shared": lambda x: fori_loop(0, 3, lambda i, c: c * x[0] + i, C),
    "scan": lambda x: scan(lambda c, v: (c + v, c * v), 0.0, x),
    "scan shared rows": lambda x: scan(lambda c, v: (c * v + x, c[0] * v), x, C),
    "scan back": lambda x: scan(lambda c, v: (c * v + x, c), x, C, reverse=True)[1],
    "while": lambda x: while_loop(lambda c: c.sum() < 9, lambda c: c + np.abs(x) + 1, x),
    "while counted": lambda x: while_loop(
        lambda c: c[1].sum() < 9, lambda c: (c[0] + 1, c[1] + np.abs(x) + 1), (0, x)
    ),
    "while shared": lambda x: while_loop(
        lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * x), (0, x)
    ),
    "custom_vjp": SLOPE,
    "custom_jvp": tripled_tangent(),
    "custom beside shared": lambda x: SLOPE(C) * x + SLOPE(x),
    "stop_gradient": lambda x: stop_gradient(x) * x,
}


@pytest.mark.parametrize("name", REGIONS)
def test_regions_and_rules(name):
    f = REGIONS[name]
    agree(f, V)
    total = lambda x: sum([np.sum(leaf * 1.0) for leaf in flatten(f(x))[0]], 0.0)
    want = np.stack([grad(total)(row) for row in V])
    np.testing.assert_allclose(vmap(grad(total))(V), want, rtol=1e-10, atol=1e-12)
    through = grad(lambda x: np.sum(vmap(total)(x)))(V)
    np.testing.assert_allclose(through, want, rtol=1e-10, atol=1e-12)


def test_loops_stay_loops():
    many = np.concatenate([V] * 20)
    for name in ("fori", "fori counter", "scan", "scan shared rows", "while counted"):
        assert len(vmap(REGIONS[name]).graph(many, mode="forward").order) < 20


def test_shared_operands_of_custom_rules_add_up():
    f = doubled_slope()
    slope = grad(lambda c: np.sum(vmap(lambda x: f(c) * x)(V)))(C)
    np.testing.assert_allclose(slope, 20 * C * V.sum(0))


def test_random_numbers_are_drawn_in_turn():
    def noisy(x, rng):
        return x + rng.normal(size=4)

    got = vmap(noisy, (0, None))(V, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(got, np.stack([noisy(x, rng) for x in V]))


def test_results_own_their_memory():
    x = V.copy()
    for f in (lambda v: v, lambda v: v[::-1], lambda v: (v, v), lambda v: (v * 2, (v * 2)[1:])):
        for leaf in flatten(vmap(f)(x))[0]:
            leaf[:] = 7
        np.testing.assert_array_equal(x, V)
    first, second = vmap(lambda v: (lambda y: (y, y[1:]))(v * 2))(x)
    first[:] = 0
    np.testing.assert_array_equal(second, 2 * V[:, 1:])
