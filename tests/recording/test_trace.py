"""What goes in and out: trees, dtypes, layouts, closures, methods, nested traces."""

import dataclasses
import functools
from collections import namedtuple

import numpy as np
import pytest

from tests.recording.agreement import agree, agree_gradient, same
from tracer import grad, trace, value_and_grad, vjp

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Layer:
    weight: np.ndarray
    bias: float = 0.5


def compute(x):
    return np.tanh(x * 2 + 1) - x.sum(), x.max(), x[..., :1] * x


X = np.array([[0.3, -0.7, 0.2], [1.4, 0.5, -0.6]])
LAYOUTS = {
    "float32": X.astype(np.float32),
    "float16": X.astype(np.float16),
    "longdouble": X.astype(np.longdouble),
    "complex": X + 1j * X[::-1],
    "complex64": (X - 2j * X).astype(np.complex64),
    "fortran": np.asfortranarray(X),
    "negative strides": X[::-1, ::-1],
    "strided": np.repeat(X, 2, axis=1)[:, ::2],
    "0-d": np.array([0.5]),
    "column": X[:, :1],
    "broadcast": np.broadcast_to(X[0], (2, 3)),
    "int": (X * 10).astype(int),
    "uint8": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "big endian": X.astype(">f8"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_dtypes_and_layouts(name):
    agree(compute, [(LAYOUTS[name],), (LAYOUTS[name][::-1],)])


def test_zero_dimensional_and_empty():
    def program(x):
        return x * 2, x + np.float32(1), np.sum(x), np.zeros_like(x), -x

    agree(program, [(np.array(1.5),), (np.float64(1.5),), (1.5,), (2 + 1j,), (np.float32(2),)])
    agree(program, [(np.zeros((0, 3)),), (np.zeros(0, np.float32),), (np.array(3),), (3,), (True,)])


@pytest.mark.parametrize("name", ["float32", "complex", "complex64", "longdouble", "fortran"])
def test_gradient_has_the_type_of_its_argument(name):
    x = LAYOUTS[name]
    gradient = grad(lambda x: np.sum(np.abs(x * 2) ** 2))(x)
    assert gradient.dtype == x.dtype and gradient.shape == x.shape
    np.testing.assert_allclose(gradient, 8 * np.conj(x), rtol=1e-5)


def test_trees_of_arguments_and_results():
    def program(params, pair, layer):
        hidden = layer.weight @ params["w"] + layer.bias * pair.left
        return {"hidden": hidden, "pair": Pair(hidden[0], [pair.right, None, "text", 3])}

    calls = []
    for scale in (1.0, 2.0):
        calls.append(({"w": X[0] * scale, "b": []}, Pair(scale, X), Layer(X * scale, scale)))
    agree(program, calls)


def test_gradient_of_trees():
    def loss(params, layer):
        return np.sum((layer.weight @ params["w"] + layer.bias) ** 2) + params["more"][0]

    params, layer = {"w": X[0], "more": (2.0, X)}, Layer(X, 0.5)
    (g_params, g_layer) = grad(loss, argnums=(0, 1))(params, layer)
    error = 2 * (X @ X[0] + 0.5)
    np.testing.assert_allclose(g_params["w"], X.T @ error)
    assert g_params["more"][0] == 1.0 and type(g_params["more"]) is tuple
    assert not g_params["more"][1].any()
    np.testing.assert_allclose(g_layer.weight, np.outer(error, X[0]))
    assert isinstance(g_layer, Layer) and type(g_layer.bias) is np.float64
    np.testing.assert_allclose(g_layer.bias, error.sum())


class Model:
    def __init__(self, scale):
        self.scale = scale
        self.matrix = np.eye(3) * scale
        self.options = {"power": 2, "shift": 0.5}

    def predict(self, x):
        return (x @ self.matrix + self.options["shift"]) ** self.options["power"]

    @trace
    def traced(self, x):
        return self.predict(x) * self.scale

    @property
    def doubled(self):
        return self.matrix * 2

    @staticmethod
    @trace
    def fixed(x):
        return x * 3

    @classmethod
    @trace
    def built(cls, x):
        return cls(2.0).predict(x)

    def __call__(self, x):
        return np.sin(x @ self.doubled)


def test_methods_read_their_object_anew():
    model, other = Model(2.0), Model(3.0)
    predict = trace(model.predict)
    for _ in range(2):
        same(predict(X), model.predict(X))
        same(model.traced(X), model.predict(X) * model.scale)
        same(other.traced(X), other.predict(X) * other.scale)
        same(trace(model)(X), model(X))
        same(Model.fixed(X), X * 3)
        same(Model.built(X), Model(2.0).predict(X))
        model.matrix[0, 1] += 1.0
        model.options["power"] += 1
        model.options["shift"] = 0.25
        model.scale = 1.5


def test_gradients_of_methods():
    model = Model(2.0)
    expected = grad(lambda x: np.sum((x @ model.matrix + 0.5) ** 2 * 2.0))(X)
    np.testing.assert_allclose(grad(lambda x: model.traced(x).sum())(X), expected)
    np.testing.assert_allclose(grad(lambda x: np.sum(model.traced(x)))(X), expected)


SCALE = 2.0
TABLE = {"a": np.arange(3.0), "k": 2}


def reads_globals(x):
    return x * SCALE + TABLE["a"] ** TABLE["k"]


def test_globals_are_read_anew(monkeypatch):
    f = trace(reads_globals)
    same(f(X), reads_globals(X))
    monkeypatch.setitem(globals(), "SCALE", 5.0)
    same(f(X), reads_globals(X))
    TABLE["a"][0] = 7.0
    same(f(X), reads_globals(X))
    monkeypatch.setitem(TABLE, "k", 3)
    same(f(X), reads_globals(X))
    monkeypatch.setitem(TABLE, "a", np.float64(2))
    same(f(X), reads_globals(X))
    monkeypatch.setitem(globals(), "SCALE", 5)
    same(f(X), reads_globals(X))


def test_lambdas_in_a_loop():
    functions = [lambda x: x * k for k in range(3)]
    bound = [lambda x, k=k: x * k for k in range(3)]
    floats = [(lambda s: lambda x: x * s)(s) for s in (1.0, 2.5, -1.0)]
    for function in (*functions, *bound, *floats):
        same(trace(function)(X), function(X))
        np.testing.assert_allclose(grad(lambda x: function(x).sum())(X), function(np.ones_like(X)))


def test_fresh_lambdas_share_programs():
    def loss(w, batch):
        return np.sum((w - batch) ** 2)

    for k in range(5):
        batch = X * k
        np.testing.assert_allclose(grad(lambda w: loss(w, batch))(X), 2 * (X - batch))


def test_partial_and_defaults_and_keywords():
    def program(x, y=2.0, *rest, scale=1.0, **more):
        return x * y * scale + sum(rest) + sum(more.values())

    f = trace(program)
    for args, kwargs in [
        ((X,), {}),
        ((X, 3.0), {}),
        ((X,), {"y": X}),
        ((X, 1.0, X, 2.0), {"scale": 4.0}),
        ((X,), {"scale": X[0], "extra": X}),
        ((), {"x": X}),
    ]:
        same(f(*args, **kwargs), program(*args, **kwargs))
    part = functools.partial(program, y=X, scale=3.0)
    same(trace(part)(X), part(X))
    part = functools.partial(program, X)
    same(trace(part)(4.0), part(4.0))
    np.testing.assert_allclose(grad(lambda x: functools.partial(program, y=X)(x).sum())(X), X)
    np.testing.assert_allclose(grad(lambda x, y: (x * y).sum())(X, y=X), X)
    np.testing.assert_allclose(grad(lambda x, y: (x * y).sum(), argnums="y")(X, y=2 * X), X)


def test_callable_objects_and_ufuncs_and_builtins():
    class Scaled:
        __slots__ = ("by",)

        def __init__(self, by):
            self.by = by

        def __call__(self, x):
            return x * self.by

    scaled = Scaled(3.0)
    f = trace(scaled)
    same(f(X), scaled(X))
    scaled.by = 4.0
    same(f(X), scaled(X))
    same(trace(np.sin)(X), np.sin(X))
    same(trace(np.mean)(X), np.mean(X))
    same(trace(np.linalg.norm)(X), np.linalg.norm(X))


def test_dynamic_calls():
    operations = {"sin": np.sin, "own": lambda v: v * 2}

    def program(x, which):
        return operations[which](x) + getattr(np, "cos")(x) + sum(map(np.sum, [x, x]))

    agree(program, [(X, "sin"), (X, "own")])


def test_nested_traced_functions():
    inner = trace(lambda x: np.sin(x) * 2)

    @trace
    def outer(x):
        return inner(x) + inner(x[0])

    agree(outer.__tracer_function__, [(X,), (2 * X,)], outer)
    agree_gradient(outer, X)


def test_gradient_inside_a_traced_function():
    def program(x, s):
        inner = grad(lambda y: np.sum(np.sin(y) * s * x[0, 0]))
        return x + inner(x)

    expected = lambda x, s: x + np.cos(x) * s * x[0, 0]
    f = trace(program)
    for s in (1.0, 2.0):
        np.testing.assert_allclose(f(X, s), expected(X, s))
    agree_gradient_of = grad(lambda x: np.sum(program(x, 2.0)))(X)
    step, numeric = 1e-6, np.zeros_like(X)
    for at in np.ndindex(X.shape):
        e = np.zeros_like(X)
        e[at] = step
        numeric[at] = (expected(X + e, 2.0).sum() - expected(X - e, 2.0).sum()) / (2 * step)
    np.testing.assert_allclose(agree_gradient_of, numeric, rtol=1e-6)


def test_gradient_of_gradient_with_closure():
    def outer(a):
        return grad(lambda x: np.sin(x * a) * a)(0.5)

    def third(x):
        return grad(grad(grad(np.sin)))(x)

    h = 1e-6
    numeric = (outer(0.7 + h) - outer(0.7 - h)) / (2 * h)
    np.testing.assert_allclose(grad(outer)(0.7), numeric, rtol=1e-6)
    np.testing.assert_allclose(third(0.3), -np.cos(0.3))


def test_inner_gradient_that_branches():
    @trace
    def program(x):
        g = grad(lambda y: np.sum(y**2) if y[0] > 0 else np.sum(y**3))(x)
        return g * 2

    for sign in (1.0, -1.0):
        x = np.array([0.5, 2.0]) * sign
        np.testing.assert_allclose(program(x), 2 * (2 * x if sign > 0 else 3 * x**2))


def test_aliased_arguments():
    def program(x, y):
        x += 1.0
        return x * y

    f = trace(program)
    for traced in (program, f, f):
        a, b = X.copy(), X.copy()
        same(traced(a, a), (X + 1) * (X + 1))
        same(traced(a, b), (X + 2) * X)
    np.testing.assert_allclose(grad(lambda x, y: (x * y).sum(), (0, 1))(X, X), (X, X))


def test_overlapping_arguments():
    def program(x, y):
        x[0] = 9.0
        return y * 2

    f = trace(program)
    for traced in (program, f, f):
        base = np.arange(5.0)
        same(traced(base[:3], base[:3]), np.array([18.0, 2.0, 4.0]))
        base = np.arange(5.0)
        same(traced(base[1:], base[:3]), np.array([0.0, 18.0, 4.0]))
        base = np.arange(5.0)
        same(traced(base[:2], base[3:]), np.array([6.0, 8.0]))


def test_arguments_written_through_views():
    def program(x, y):
        x[1:][0] *= 2
        y["a"].T[0] = 1.0
        x.sort()
        return x[0]

    agree(
        program,
        [(np.array([3.0, 1.0, 2.0]), {"a": X}), (np.array([0.0, 1.0, 5.0]), {"a": X.copy("F")})],
    )


def test_results_alias_as_in_numpy():
    f = trace(lambda x: (x, x[1:], x.T, x * 1))
    a = X.copy()
    for result, shared in zip(f(a), (True, True, True, False), strict=True):
        assert np.shares_memory(result, a) == shared


def test_results_of_a_buffer_do_not_alias_each_other():
    f = trace(lambda x: (np.zeros(3), np.zeros(3), x * 0))
    first = f(X)
    first[0][0] = 5.0
    assert f(X)[0][0] == 0.0 and first[1][0] == 0.0


def test_pullback_ignores_later_changes():
    x = X.copy()
    out, pullback = vjp(lambda x: np.sin(x) * x, x)
    expected = pullback(np.ones_like(X))[0].copy()
    x[:] = 0.0
    out[:] = 0.0
    np.testing.assert_array_equal(pullback(np.ones_like(X))[0], expected)


def test_has_aux():
    value, gradient = value_and_grad(lambda x: (np.sum(x**2), {"x": x * 2, "n": 3}), has_aux=True)(
        X
    )
    same(value, (np.sum(X**2), {"x": X * 2, "n": 3}))
    np.testing.assert_allclose(gradient, 2 * X)


def test_constants_of_the_function():
    agree(lambda x: (3, "a", None, 2.5, np.ones(2), x.shape, x.dtype.name), [(X,), (X[0],)])
    agree(lambda x: np.arange(len(x)) * x[:, 0] + np.linspace(0, 1, x.shape[0]), [(X,), (X[:1],)])


def test_errstate_inside():
    def program(x):
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(x - x)

    import warnings

    f = trace(program)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            same(f(X), np.full_like(X, -np.inf))


def test_callable_objects_stay_what_they_are_for_builtins():
    class Layer:
        def __init__(self, weight):
            self.weight = weight

        def __call__(self, x):
            return x * self.weight

    def loss(x):
        layers = []
        layers.append(Layer(x))
        assert type(layers[0]) is Layer
        return sum(np.sum(layer(x)) for layer in layers if isinstance(layer, Layer))

    assert trace(loss)(np.full(2, 3.0)) == 18
