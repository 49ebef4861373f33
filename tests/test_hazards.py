"""Whatever cannot be traced soundly is an error at the user's line, never a wrong number."""

import ctypes
import functools
import math
import pickle
import struct
import threading

import numpy as np
import pytest
from scipy import special

from tracer import errors, grad, trace, value_and_grad

OUTSIDE = np.zeros(3)
STORE = []
X = np.array([0.5, 1.5, 2.5])


def name_space():
    return {
        (module.__name__, name): value
        for module in (np, np.linalg, np.fft, np.random, math)
        for name, value in vars(module).items()
    }


BEFORE = name_space()


@pytest.fixture(autouse=True)
def numpy_stays_itself():
    yield
    after = name_space()
    assert {k for k in BEFORE if after.get(k) is not BEFORE[k]} == set()
    OUTSIDE[:] = 0.0
    STORE.clear()


def write_outside(x):
    OUTSIDE[0] = x[0]
    return x


def write_outside_slice(x):
    OUTSIDE[1:] = x[1:]
    return x


def add_outside(x):
    OUTSIDE.__iadd__(x)
    return x


def out_outside(x):
    np.sin(x, out=OUTSIDE)
    return x


def at_outside(x):
    np.add.at(OUTSIDE, [0, 1, 2], x)
    return x


def copyto_outside(x):
    np.copyto(OUTSIDE, x)
    return x


def fill_outside(x):
    OUTSIDE.fill(x[0])
    return x


def put_outside(x):
    OUTSIDE.put([0], x[:1])
    return x


def hidden_write(x):
    made = np.ndarray(3)
    made[0] = x[0]
    return made


def converts(x):
    return float.__new__(float, x[0]) * x


def converts_complex(x):
    return complex.__new__(complex, x[0]) * x


def packs(x):
    return struct.unpack("d", struct.pack("d", x[0]))[0] * x


def uses_ctypes(x):
    return ctypes.c_double(x[0]).value * x


def views_memory(x):
    return memoryview(x)[0] * x


def reads_bytes(x):
    return np.frombuffer(x.tobytes()) * x


def reads_interface(x):
    return x.__array_interface__ and x


def reads_data(x):
    return x.ctypes.data * x


def views_dtype(x):
    return x.view(np.int64) + 0


def hashes(x):
    return {x[0]: 1}


def collects(x):
    return len({*x}) * x


def pickles(x):
    return pickle.loads(pickle.dumps(x))


def swallows(x):
    try:
        scale = float.__new__(float, x[0])
    except TypeError:
        scale = 1.0
    return x * scale


def swallows_everything(x):
    try:
        OUTSIDE[0] = x[0]
    except Exception:
        pass
    return x


def resizes(x):
    x.resize(6)
    return x


def sets_the_shape_of_an_argument(x):
    x.shape = (3, 1)
    return x


LEAKS = [
    value for value in list(globals().values())
    if getattr(value, "__module__", "") == __name__ and not hasattr(value, "_pytestfixturefunction")
    and callable(value) and getattr(value, "__name__", "") not in ("name_space", "numpy_stays_itself")
]  # fmt: skip


@pytest.mark.parametrize("program", LEAKS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("way", [trace, lambda f: value_and_grad(lambda x: np.sum(f(x)))])
def test_leaks_are_errors(program, way):
    with pytest.raises((errors.TracerError, TypeError, NotImplementedError)):
        way(program)(X.copy())
    assert not OUTSIDE.any()


def test_an_array_made_inside_may_be_given_another_shape():
    def program(x):
        x = x.copy()
        x.shape = (3, 1)
        return x * X

    np.testing.assert_array_equal(trace(program)(X), program(X))


def test_conversions_stay_traced():
    def program(x):
        scale = float(x[0]) * complex(x[1]).real + np.float64(x[2])
        return scale * x, isinstance(float(x[0]), float), float(x[:1].sum()) + float("2.5")

    for way in (trace(program), program):
        result = way(X)
        np.testing.assert_array_equal(result[0], (X[0] * X[1] + X[2]) * X)
        assert result[1] is True and type(result[2]) is float
    slope = grad(lambda x: float(x[0]) ** 2 * float(x[1]))(X)
    np.testing.assert_allclose(slope, [2 * X[0] * X[1], X[0] ** 2, 0.0])


def test_formatting_is_text_of_the_trace():
    import logging

    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            lines.append(record.getMessage())

    logger = logging.getLogger("tests.hazards")
    logger.addHandler(Keep())
    logger.setLevel(logging.INFO)

    def program(x):
        lines.append(f"{x[0]:.3f} {x[1]!r:>4} {float(x[0]):.1f}")
        lines.append("%.2f %s %d" % (x[0], x[1], x[2]))
        lines.append("{:.1f}{}".format(x[0], x.shape))
        lines.append(str(x[0]) + format(x[1], ".2e"))
        logger.info("loss %.2f of %s", x[0], x)
        print(x, x[0])
        return x * 2

    with pytest.raises(errors.LeakError):  # the list grows while the function is traced
        trace(program)(X)
    assert lines[1:] == ["0.50 1.5 2", "0.5(3,)", "0.51.50e+00", "loss 0.50 of [0.5 1.5 2.5]"]


def test_math_functions():
    for function in (math.sin, math.exp, math.sqrt):
        try:
            result = trace(lambda x, function=function: x * function(x[0]))(X)
        except errors.LeakError:
            continue
        np.testing.assert_allclose(result, X * function(X[0]))


def test_the_error_points_at_the_line():
    with pytest.raises(errors.ConversionError) as caught:
        trace(converts)(X)
    assert "return float.__new__(float, x[0]) * x" in str(caught.value)
    assert "^^^" in str(caught.value)
    assert "Fix:" in str(caught.value)


def test_user_shape_error_is_a_value_error():
    def program(x):
        return x @ np.ones((2, 2))

    with pytest.raises(ValueError) as caught:
        trace(program)(X)
    assert isinstance(caught.value, errors.UserShapeError)
    assert "x @ np.ones((2, 2))" in str(caught.value) and "^^^" in str(caught.value)


def test_escaped_tensors_raise_on_every_use():
    class Store:
        kept = None

    def program(x):
        Store.kept = x * 2
        return x

    trace(program)(X)
    escaped = Store.kept
    assert "Traced" in repr(escaped)
    for use in (
        lambda: escaped + 1, lambda: np.sin(escaped), lambda: escaped[0], lambda: escaped.sum(),
        lambda: np.asarray(escaped) + 1, lambda: float(escaped[0]), lambda: bool(escaped[0]),
        lambda: trace(lambda x: x + escaped)(X),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            use()


def test_a_list_that_grows_outside_is_an_error():
    def program(x):
        STORE.append(1)
        return x

    with pytest.raises(errors.CaptureMutationError):
        trace(program)(X)


def test_exceptions_pass_through_unchanged():
    class Own(Exception):
        pass

    error = Own("as it is")

    def program(x):
        if x[0] > 1:
            raise error
        return x

    f = trace(program)
    f(X)
    for function in (f, f, grad(lambda x: f(x).sum())):
        with pytest.raises(Own) as caught:
            function(X + 1)
        assert caught.value is error


def test_exceptions_of_numpy_come_from_the_users_line():
    def program(x):
        return np.linalg.inv(x)

    f = trace(program)
    f(np.eye(2))
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError) as caught:
            f(np.zeros((2, 2)))
        assert any(
            entry.path.samefile(__file__) and entry.name == "program"
            for entry in caught.traceback[1:]
        )
    np.testing.assert_array_equal(f(np.eye(2) * 2), np.eye(2) / 2)


def test_keyboard_interrupt_closes_the_trace():
    def program(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(program)(X)
    assert type(np.zeros(2)) is np.ndarray
    after = name_space()
    assert {k for k in BEFORE if after.get(k) is not BEFORE[k]} == set()


UNSUPPORTED = {
    "masked": np.ma.masked_array(X, [True, False, False]), "object": X.astype(object),
    "structured": np.zeros(2, [("a", float)]), "text": np.array(["a", "b"]),
    "dates": np.array(["2020-01-01"], "datetime64[D]"), "record": np.rec.array([(1, 2.0)]),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_unsupported_types(name):
    value = UNSUPPORTED[name]
    with pytest.raises(errors.UnsupportedType):
        trace(lambda x: x)(value)
    with pytest.raises(errors.UnsupportedType):
        trace(lambda x: np.where(x > 0, x, value[:1]))(X)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrix_and_sparse():
    with pytest.raises(errors.UnsupportedType):
        trace(lambda x: x * 2)(np.matrix([[1.0]]))
    sparse = pytest.importorskip("scipy.sparse")
    for make in (sparse.csr_matrix, sparse.coo_array):
        with pytest.raises(errors.UnsupportedType):
            trace(lambda x: x @ X)(make(np.eye(3)))


def test_derivative_errors():
    with pytest.raises(errors.NonScalarOutput):
        grad(lambda x: x * 2)(X)
    with pytest.raises(errors.NonScalarOutput):
        grad(lambda x: (x.sum(), x))(X)
    with pytest.raises(errors.NonScalarOutput):
        grad(lambda x: np.sum(x * 1j))(X)
    with pytest.raises(errors.IntegerArgument):
        grad(lambda x: np.sum(x * 2.0))(np.arange(3))
    with pytest.raises(errors.IntegerArgument):
        grad(lambda x: x * 2.0)(3)
    for argnums in (3, -4, "z", True, (0, 0), 1.5, None):
        with pytest.raises(errors.ArgnumsError):
            grad(lambda x, y, w: x, argnums=argnums)(1.0, 2.0, 3.0)
    with pytest.raises(errors.MissingRule) as caught:
        grad(lambda x: special.ellip_harm(2.0, 8.0, 1, 1, x).sum())(X)
    assert "special.ellip_harm(2.0" in str(caught.value)


def test_recursion_without_end():
    def program(x):
        return program(x + 1)

    with pytest.raises(RecursionError):
        trace(program)(X)
    assert type(np.zeros(2)) is np.ndarray


def scaled(x):
    x *= 2
    return x.sum()


def test_argument_writes_have_no_derivative():
    f = trace(scaled)
    x = X.copy()
    assert f(x) == 2 * X.sum()
    np.testing.assert_array_equal(x, 2 * X)
    from tracer import jvp, vjp

    for way in (
        lambda: grad(scaled)(X), lambda: grad(f)(X), lambda: vjp(scaled, X),
        lambda: jvp(scaled, (X,), (X,)), lambda: grad(lambda p: scaled(p["w"]))({"w": X}),
    ):  # fmt: skip
        with pytest.raises(errors.ArgumentWrite) as caught:
            way()
        assert ".copy()" in str(caught.value) and "x *= 2" in str(caught.value)
    np.testing.assert_array_equal(X, [0.5, 1.5, 2.5])


def test_read_only_arguments():
    x = X.copy()
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        trace(scaled)(x)


def test_generators_are_refused():
    def generator(x):
        yield x

    async def later(x):
        return x

    for function in (generator, later, lambda x: (v for v in x)):
        with pytest.raises(errors.UnsupportedType):
            trace(function)(X)


def test_threads_trace_at_once():
    results, failures = {}, []
    start = threading.Barrier(6)

    def work(number):
        def program(x):
            out = np.zeros(3)
            for i in range(3):
                out[i] = np.sin(x[i]) * number
            return np.array([out.sum(), number])

        try:
            start.wait()
            for _ in range(5):
                results[number] = trace(program)(X)
                grad(lambda x: program(x)[0] * float(number))(X)
        except Exception as error:
            failures.append(error)

    def plain():
        try:
            start.wait()
            for _ in range(3000):
                assert type(np.zeros(3)) is np.ndarray and type(np.array([1.0])) is np.ndarray
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 6)]
    threads.append(threading.Thread(target=plain))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for number, result in results.items():
        np.testing.assert_allclose(result, [np.sin(X).sum() * number, number])


def test_a_tensor_in_another_thread_raises():
    class Store:
        caught = None

    def program(x):
        def use():
            try:
                x + 1
            except errors.LeakError as error:
                Store.caught = error

        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
        return x

    trace(program)(X)
    assert isinstance(Store.caught, errors.LeakError)


def test_random_draws_are_refused_or_right():
    import random

    with pytest.raises(errors.TracerError):
        trace(lambda x: x * random.random())(X)
    noisy = trace(lambda x: x * np.random.rand())
    for _ in range(3):
        state = np.random.get_state()
        got = noisy(X)
        np.random.set_state(state)
        np.testing.assert_array_equal(got, X * np.random.rand())


def test_inner_writes_to_outer_tensors():
    def program(x):
        y = x * 2

        def inner(z):
            y[0] = z[0]
            return z.sum()

        return grad(inner)(x) + y

    with pytest.raises(errors.LeakError):
        trace(program)(X)


def test_captured_floats_change():
    state = {"scale": 1.0}
    f = trace(functools.partial(lambda x, state: x * state["scale"], state=state))
    for scale in (1.0, 2.0):
        state["scale"] = scale
        np.testing.assert_array_equal(f(X), X * scale)
