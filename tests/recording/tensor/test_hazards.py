"""Whatever cannot be traced soundly is an error at the user's line, never a wrong number."""

import ctypes
import functools
import math
import pickle
import queue
import struct
import threading

import numpy as np
import pytest

from tests.namespaces import changed_names
from tracer import errors, grad, trace, value_and_grad

OUTSIDE = np.zeros(3)
STORE = []
X = np.array([0.5, 1.5, 2.5])


@pytest.fixture(autouse=True)
def numpy_stays_itself():
    yield
    assert changed_names() == set()
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
    value
    for value in list(globals().values())
    if getattr(value, "__module__", "") == __name__
    and not hasattr(value, "_pytestfixturefunction")
    and callable(value)
    and getattr(value, "__name__", "") not in ("name_space", "numpy_stays_itself")
]


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

    lines = queue.SimpleQueue()  # which nobody looks into

    class Keep(logging.Handler):
        def emit(self, record):
            lines.put(record.getMessage())

    logger = logging.getLogger("tests.hazards")
    logger.addHandler(Keep())
    logger.setLevel(logging.INFO)

    def program(x):
        lines.put(f"{x[0]:.3f} {x[1]!r:>4} {float(x[0]):.1f}")
        lines.put("%.2f %s %d" % (x[0], x[1], x[2]))
        lines.put("{:.1f}{}".format(x[0], x.shape))
        lines.put(str(x[0]) + format(x[1], ".2e"))
        logger.info("loss %.2f of %s", x[0], x)
        print(x, x[0])
        return x * 2

    trace(program)(X)
    assert [lines.get() for _ in range(5)][1:] == [
        "0.50 1.5 2",
        "0.5(3,)",
        "0.51.50e+00",
        "loss 0.50 of [0.5 1.5 2.5]",
    ]


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


def test_escaped_tensors_raise_on_every_use():
    way = queue.SimpleQueue()

    def program(x):
        way.put(x * 2)
        return x

    trace(program)(X)
    escaped = way.get()
    assert "Traced" in repr(escaped)
    for use in (
        lambda: escaped + 1,
        lambda: np.sin(escaped),
        lambda: escaped[0],
        lambda: escaped.sum(),
        lambda: np.asarray(escaped) + 1,
        lambda: float(escaped[0]),
        lambda: bool(escaped[0]),
        lambda: trace(lambda x: x + escaped)(X),
    ):
        with pytest.raises(TypeError):
            use()


def test_a_list_that_grows_outside_grows_in_every_call():
    def program(x):
        STORE.append(1)
        return x

    count, traced = len(STORE), trace(program)
    for turn in range(3):
        traced(X + turn)
        assert STORE[count:] == [1] * (turn + 1)


def test_keyboard_interrupt_closes_the_trace():
    def program(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(program)(X)
    assert type(np.zeros(2)) is np.ndarray
    assert changed_names() == set()


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

    with pytest.raises(errors.LeakError, match="another thread"):
        trace(program)(X)  # once more: the thread has swallowed it
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
