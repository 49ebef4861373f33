"""Every elementwise rule: both modes, second order, broadcasting, dtypes, special points."""

import numpy as np
import pytest

from tests.rules.harness import build, check, complexes, reals
from tracer.graph.evaluate import evaluate
from tracer.ops import registry
from tracer.ops.builder import apply
from tracer.rules.declare import RULES, rule_for
from tracer.transforms.forward.jvp_graph import forward
from tracer.transforms.reverse.joint_graph import reverse

UNARY = {
    np.negative: (-2, 2),
    np.positive: (-2, 2),
    np.square: (-2, 2),
    np.sqrt: (0.5, 3),
    np.cbrt: (0.5, 3),
    np.reciprocal: (0.5, 3),
    np.exp: (-2, 2),
    np.exp2: (-2, 2),
    np.expm1: (-2, 2),
    np.log: (0.5, 3),
    np.log2: (0.5, 3),
    np.log10: (0.5, 3),
    np.log1p: (-0.5, 3),
    np.sin: (-2, 2),
    np.cos: (-2, 2),
    np.tan: (-1, 1),
    np.sinh: (-2, 2),
    np.cosh: (-2, 2),
    np.tanh: (-2, 2),
    np.arcsin: (-0.8, 0.8),
    np.arccos: (-0.8, 0.8),
    np.arctan: (-2, 2),
    np.arcsinh: (-2, 2),
    np.arccosh: (1.5, 3),
    np.arctanh: (-0.8, 0.8),
    np.absolute: (-2, 2),
    np.fabs: (-2, 2),
    np.deg2rad: (-90, 90),
    np.rad2deg: (-2, 2),
    np.radians: (-90, 90),
    np.degrees: (-2, 2),
    np.sinc: (-2, 2),
    np.i0: (-2, 2),
    np.nan_to_num: (-2, 2),
    np.floor: (-2, 2),
    np.ceil: (-2, 2),
    np.trunc: (-2, 2),
    np.rint: (-2, 2),
    np.sign: (-2, 2),
    np.round: (-2, 2),
    np.real: (-2, 2),
    np.imag: (-2, 2),
    np.conjugate: (-2, 2),
    np.angle: (-2, 2),
    np.spacing: (1.1, 1.9),
    np.real_if_close: (-2, 2),
}
BINARY = {
    np.add: (-2, 2),
    np.subtract: (-2, 2),
    np.multiply: (-2, 2),
    np.divide: (0.5, 3),
    np.power: (0.5, 2),
    np.float_power: (0.5, 2),
    np.maximum: (-2, 2),
    np.minimum: (-2, 2),
    np.fmax: (-2, 2),
    np.fmin: (-2, 2),
    np.hypot: (-2, 2),
    np.arctan2: (-2, 2),
    np.logaddexp: (-2, 2),
    np.logaddexp2: (-2, 2),
    np.copysign: (-2, 2),
    np.heaviside: (-2, 2),
    np.remainder: (0.7, 3),
    np.fmod: (0.7, 3),
    np.floor_divide: (0.7, 3),
}
HOLOMORPHIC = [
    np.negative,
    np.square,
    np.sqrt,
    np.reciprocal,
    np.exp,
    np.exp2,
    np.expm1,
    np.log,
    np.log2,
    np.log10,
    np.log1p,
    np.sin,
    np.cos,
    np.tan,
    np.sinh,
    np.cosh,
    np.tanh,
    np.arcsin,
    np.arccos,
    np.arctan,
    np.arcsinh,
    np.arccosh,
    np.arctanh,
    np.conjugate,
    np.real,
    np.imag,
    np.absolute,
    np.angle,
]


@pytest.mark.parametrize("function", UNARY, ids=lambda f: f.__name__)
def test_unary(function):
    low, high = UNARY[function]
    check(function, reals(2, 3, low=low, high=high))


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
def test_binary_broadcasts(function):
    low, high = BINARY[function]
    one = reals(2, 1, low=low, high=high)
    check(function, one, reals(3, low=low, high=high, seed=1))
    check(function, one, np.float64(1.3), order=1)


@pytest.mark.parametrize("function", HOLOMORPHIC, ids=lambda f: f.__name__)
def test_complex(function):
    check(function, complexes(3))


@pytest.mark.parametrize("function", [np.add, np.multiply, np.divide, np.subtract, np.power])
def test_complex_with_real(function):
    check(function, complexes(3), reals(3, low=0.5), order=1)
    check(function, reals(2, 3, low=0.5), complexes(3), order=1)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("function", [np.multiply, np.divide, np.maximum, np.arctan2, np.power])
def test_single_precision(function, dtype):
    if dtype == np.complex64 and function in (np.maximum, np.arctan2):
        pytest.skip("real only")
    x = reals(4, low=0.5, dtype=dtype)
    check(function, x, reals(4, low=0.5, seed=1, dtype=dtype), order=1)
    check(function, x, np.float64(0.7), order=1)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1,)])
@pytest.mark.parametrize("function", [np.multiply, np.maximum, np.hypot, np.divide])
def test_small_shapes(function, shape):
    check(function, reals(*shape, low=0.5), reals(3, 1, 1, low=0.5, seed=1), order=1)


def test_python_scalars():
    graph = build(lambda x, y: np.sum(x * y), np.ones(3, np.float32), 2.0)
    value, g_x, g_y = evaluate(reverse(graph, [0, 1], "ones"), [np.ones(3, np.float32), 2.0])
    assert g_x.dtype == np.float32
    assert type(g_y) is np.float64 and g_y == 3


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, 2.0, -2])
def test_power_with_a_literal(exponent):
    check(lambda x: x**exponent, reals(4, low=0.5))
    check(lambda x: np.power(x, float(exponent)), reals(4, low=0.5), order=1)


def test_power_with_a_literal_base():
    check(lambda y: 2.0**y, reals(4))
    check(lambda y: 0.0**y, reals(4, low=0.5), order=1)


def test_power_at_zero():
    x = np.array([0.0, 0.0, 0.0, 2.0])
    for y in (np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 1, 2, 3])):
        graph = build(lambda x, y: x**y, x, y)
        wrt = [0, 1] if y.dtype.kind == "f" else [0]
        gradients = evaluate(reverse(graph, wrt), [x, y, np.ones(4)])[1:]
        assert np.array_equal(gradients[0], [0, 1, 0, 12])
        if len(gradients) > 1:
            assert np.allclose(gradients[1], [0, 0, 0, 8 * np.log(2)])


# -- choices ------------------------------------------------------------------------------------
def gradient(function, *arguments):
    graph = build(function, *arguments)
    with np.errstate(all="raise"):
        return evaluate(reverse(graph, [0], "ones"), list(arguments))[len(graph.outputs)]


def test_ties_are_shared_evenly():
    x = np.array([-1.0, 0.0, 1.0])
    assert np.array_equal(gradient(lambda x: np.sum(np.maximum(x, 0)), x), [0, 0.5, 1])
    assert np.array_equal(gradient(lambda x: np.sum(np.minimum(0.0, x)), x), [1, 0.5, 0])
    assert np.array_equal(gradient(lambda x: np.sum(np.maximum(x, x[1])), x), [0, 2, 1])
    assert gradient(lambda x: np.sum(np.maximum(x, x)), x).tolist() == [1, 1, 1]


def test_infinite_ties():
    x = np.array([np.inf, -np.inf, 1.0])
    graph = build(np.maximum, x, np.full(3, -np.inf))
    got = evaluate(reverse(graph, [0]), [x, np.full(3, -np.inf), np.ones(3)])[1]
    assert np.array_equal(got, [1, 0.5, 1])


def test_kinks_have_gradient_zero():
    assert gradient(lambda x: np.sum(np.abs(x)), np.zeros(2)).tolist() == [0, 0]
    assert gradient(lambda x: np.sum(np.abs(x)), np.zeros(2, complex)).tolist() == [0, 0]
    assert gradient(lambda x: np.sum(np.hypot(x, 0.0)), np.zeros(2)).tolist() == [0, 0]


def test_masked_cotangents_are_finite():
    x = np.array([-1.0, 0.0, 4.0])
    got = gradient(lambda x: np.sum(np.where(x > 0, np.sqrt(x) * 2, 0.0)), np.maximum(x, 0))
    assert np.array_equal(got, [0, 0, 0.5])
    for sign in (1, -1):
        graph = build(lambda x: np.where(x > 0, np.log(x) ** 2 / x, sign * x), x)
        with np.errstate(all="ignore"):
            assert np.isfinite(evaluate(reverse(graph, [0]), [x, np.ones(3)])[1]).all()


def test_opposite_masks_join():
    joint = reverse(build(lambda x: np.where(x > 0, x**2, x), np.ones(3)), [0])
    assert sum(node.op.name == "where" for node in joint.order) == 2


def test_where_broadcasts():
    mask = np.array([[True], [False]])
    check(lambda m, x, y: np.where(m, x, y), mask, reals(3), np.float64(0.5))
    check(lambda m, x: np.where(m, x, 0.0), mask, reals(3, dtype=np.float32), order=1)


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (None, 1.0), (-1.0, None)])
def test_clip(bounds):
    check(lambda x: np.clip(x, *bounds), reals(5))


def test_clip_with_arrays():
    check(np.clip, reals(5), reals(5, low=-1, high=0, seed=1), reals(5, low=0, high=1, seed=2))


@pytest.mark.filterwarnings("ignore:'where' used")
def test_ufunc_where():
    mask = np.array([True, False, True])
    graph = build(lambda x, m: np.exp(x, where=m), reals(3), mask)
    got = evaluate(reverse(graph, [0]), [reals(3), mask, np.ones(3)])[1]
    assert got[1] == 0 and np.allclose(got[::2], np.exp(reals(3))[::2])


def test_several_outputs():
    check(lambda x: np.modf(x), reals(4))
    check(lambda x: np.frexp(x), reals(4, low=0.6, high=0.9), order=1)
    check(lambda x, y: np.divmod(x, y), reals(4, low=0.6), reals(4, low=0.6, seed=1), order=1)


def test_casts():
    check(lambda x: x.astype(np.float32) * x, reals(4), order=1)
    check(lambda x: x.astype(np.complex128) * (1 + 2j), reals(4))


def test_ldexp():
    check(np.ldexp, reals(3), np.array([1, 2, 3]))


def test_bessel_derivative():
    special = pytest.importorskip("scipy.special")
    x = np.array([-8.0, -1.0, 0.0, 0.5, 20.0])
    assert np.allclose(gradient(lambda x: np.sum(np.i0(x)), x), special.i1(x), rtol=1e-12)


# -- the table ----------------------------------------------------------------------------------
def test_every_ufunc_has_a_state():
    missing = []
    for name in sorted(dir(np)):
        function = getattr(np, name)
        if isinstance(function, np.ufunc) and rule_for(registry.op_of(function)) is None:
            missing.append(name)
    assert missing == []


def test_every_zero_has_a_reason():
    rule_for(registry.POW)
    assert all(rule.because for rule in RULES.values() if rule.kind in ("zero", "missing"))


def test_forward_of_buffer_writes():
    def fill(x):
        out = x.builder.emit(registry.op_of(np.zeros), (3,))
        for k in range(3):
            out = apply(registry.SETITEM, out, np.sin(x[k]) * x[k - 1], k)
        return out

    check(fill, reals(3))
    assert forward(build(fill, reals(3)), [0]).roles == {"value": 1, "tangent": 1}
