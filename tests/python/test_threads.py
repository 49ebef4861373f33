"""Threads, tasks, processes and interrupts: a trace is seen by nobody else and leaves nothing."""

import asyncio
import concurrent.futures
import contextvars
import ctypes
import math
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

from tracer import errors, grad, settings, trace, value_and_grad
from tracer.ops.seeds import CALL
from tracer.recording.tensor.active import ACTIVE, COMPUTING

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
X = np.array([0.5, 1.5, 2.5])
MODULES = (np, np.linalg, np.fft, np.random, np.ma, np.lib.stride_tricks, math)


def namespaces():
    return {(m.__name__, name): value for m in MODULES for name, value in vars(m).items()}


BEFORE = namespaces()


@pytest.fixture(autouse=True)
def numpy_stays_itself():
    """Every attribute of NumPy is the very object it was, after every test."""
    yield
    assert changed() == set()


def changed():
    after = namespaces()
    return {key for key in BEFORE if after.get(key) is not BEFORE[key]}


def run_all(works):
    """Start the functions together; the first failure of any."""
    barrier, failures = threading.Barrier(len(works)), []

    def start(work):
        try:
            barrier.wait()
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def loop(x, scale):
    out = np.zeros(3)
    for i in range(3):
        out[i] = np.sin(x[i]) * scale
    made = np.array([out.sum(), scale])
    return np.concatenate([made, np.linspace(0, 1, 2) * np.sum(x)])


# -- threads ------------------------------------------------------------------------------------
def test_threads_trace_different_functions_at_once():
    def work(number):
        def run():
            for turn in range(6):
                x = X + number + turn
                got = trace(lambda x, scale=float(number): loop(x, scale))(x)
                np.testing.assert_array_equal(got, loop(x, float(number)))
                slope = grad(lambda x: loop(x, 2.0)[0])(x)
                np.testing.assert_allclose(slope, 2 * np.cos(x))

        return run

    run_all([work(number) for number in range(6)])


def test_a_plain_thread_never_sees_a_trace():
    done = threading.Event()

    def traces():
        try:
            for turn in range(40):
                trace(lambda x, turn=turn: loop(x, turn + 0.5))(X)
        finally:
            done.set()

    def plain():
        seen = 0
        while not done.is_set() or not seen:
            made = [
                np.zeros(3),
                np.array([1.0, 2.0]),
                np.asarray(X),
                np.full(2, 1.5),
                np.arange(3.0),
            ]
            made += [
                np.linspace(0, 1, 3),
                np.concatenate([X, X]),
                np.linalg.inv(np.eye(2)),
                np.fft.fft(X),
            ]
            assert all(type(value) is np.ndarray for value in made)
            assert made[0].dtype == float and made[1].tolist() == [1.0, 2.0]
            assert type(X.sum()) is np.float64 and type(np.sum(X)) is np.float64
            assert type(math.sqrt(2.0)) is float and type(float(X[0])) is float
            assert np.isscalar(X[0]) and np.broadcast_shapes((3,), (1,)) == (3,)
            seen += 1

    run_all([traces, plain, plain])


def test_one_function_is_first_called_by_many_threads():
    for numerics in ("fast", "exact"):
        f = trace(lambda x: loop(x, 1.5))
        differentiate = value_and_grad(lambda x: loop(x, 1.5)[0])
        results = []

        def run(f=f, differentiate=differentiate, results=results, numerics=numerics):
            with settings.using(numerics=numerics):
                results.append((f(X.copy()), differentiate(X.copy())))

        run_all([run] * 8)
        for value, (number, slope) in results:
            np.testing.assert_array_equal(value, loop(X, 1.5))
            assert number == loop(X, 1.5)[0]
            np.testing.assert_allclose(slope, 1.5 * np.cos(X))


def test_branches_and_signatures_from_many_threads():
    @trace
    def f(x):
        if np.sum(x) > 0:
            return x * 2
        while np.sum(x) < -1:
            x = x / 2
        return x - 1

    def run():
        rng = np.random.default_rng(threading.get_ident() % 1000)
        for _ in range(60):
            x = rng.normal(size=int(rng.integers(1, 5)))
            np.testing.assert_array_equal(f(x), f.__wrapped__(x))

    run_all([run] * 6)


def test_writes_to_arguments_from_many_threads():
    @trace
    def scaled(x):
        x *= 2
        x[0] += 1
        return x.sum()

    def run():
        for _ in range(50):
            x = X.copy()
            assert scaled(x) == (2 * X + [1, 0, 0]).sum()
            np.testing.assert_array_equal(x, 2 * X + [1, 0, 0])

    run_all([run] * 6)


def test_a_thread_started_inside_a_trace_is_outside_of_it():
    class Seen:
        kind = caught = None

    def f(x):
        def inside():
            Seen.kind = type(np.zeros(2))
            try:
                x + 1
            except errors.LeakError as error:
                Seen.caught = error

        thread = threading.Thread(target=inside)
        thread.start()
        thread.join()
        return x * 2

    with pytest.raises(errors.LeakError, match="another thread"):
        trace(f)(X)  # once more: the thread has swallowed it
    assert Seen.kind is np.ndarray and isinstance(Seen.caught, errors.LeakError)


def test_a_pool_inside_a_trace_is_loud():
    def f(x):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return sum(pool.map(lambda v: v * 2, list(x)))

    with pytest.raises(errors.TracerError):
        trace(f)(X)


def test_threads_in_the_context_of_a_trace_record_in_it():
    """``asyncio.to_thread`` and ``context.run`` take the trace along, two at once, too."""

    def part(x, number):
        total = np.zeros(1)
        for step in range(20):
            total += np.sum(np.sin(x * number + step))
        return total[0]

    def in_pool(x):
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            contexts = [contextvars.copy_context() for _ in range(3)]
            waiting = [pool.submit(c.run, part, x, k) for k, c in enumerate(contexts)]
            return sum(one.result() for one in waiting)

    def in_loop(x):
        async def both():
            return sum(await asyncio.gather(*[asyncio.to_thread(part, x, k) for k in range(3)]))

        return asyncio.run(both())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for function in (in_pool, in_loop):
            traced, step = trace(function), 1e-6
            assert traced(X) == function(X) and traced(X + 1) == function(X + 1)
            numeric = [function(X + step * e) - function(X - step * e) for e in np.eye(3)]
            np.testing.assert_allclose(
                grad(function)(X), np.array(numeric) / (2 * step), rtol=1e-5, atol=1e-6
            )
    finally:
        sys.setswitchinterval(interval)


# -- tasks --------------------------------------------------------------------------------------
def test_tasks_trace_and_wait_in_turn():
    async def work(number):
        for turn in range(3):
            await asyncio.sleep(0)
            value = trace(lambda x: loop(x, float(number)))(X + turn)
            np.testing.assert_array_equal(value, loop(X + turn, float(number)))
            assert type(np.zeros(2)) is np.ndarray

    async def main():
        await asyncio.gather(*[work(number) for number in range(5)])

    asyncio.run(main())


def test_a_loop_inside_a_trace():
    async def later(x):
        await asyncio.sleep(0)
        return np.sum(x * 2)

    def f(x):
        return asyncio.new_event_loop().run_until_complete(later(x))

    try:
        value = trace(f)(X)
    except errors.TracerError:
        return
    assert value == np.sum(X * 2)
    assert trace(f)(X + 1) == np.sum((X + 1) * 2)


def test_a_trace_in_a_copied_context():
    context = contextvars.copy_context()
    np.testing.assert_array_equal(context.run(trace(lambda x: x * 2), X), X * 2)

    def f(x):
        inner = contextvars.copy_context()
        return inner.run(lambda: np.sum(x * 2))

    assert trace(f)(X) == np.sum(X * 2)


# -- context variables --------------------------------------------------------------------------
RATE: contextvars.ContextVar = contextvars.ContextVar("RATE", default=1.0)
UNSET: contextvars.ContextVar = contextvars.ContextVar("UNSET")


def rated(x):
    return np.sum(x) * RATE.get()


def rated_if_set(x):
    try:
        return np.sum(x * UNSET.get())
    except LookupError:
        return np.sum(x * 7.0)


def rated_anew(x):
    token = RATE.set(10.0)
    try:
        return rated(x)
    finally:
        RATE.reset(token)


TABLE = {"np": np, "RATE": RATE}
exec("def sourceless(x):\n    return np.sum(x) * RATE.get()", TABLE)


@pytest.mark.parametrize("function", [rated, rated_if_set, rated_anew, TABLE["sourceless"]])
def test_context_variables_are_read_on_every_call(function):
    traced = trace(function)

    def same():
        assert traced(X) == function(X)
        np.testing.assert_allclose(grad(function)(X), np.full(3, function(np.ones(3)) / 3))

    def changing():
        same()
        for value in (4.0, 0.5, 2, 3, np.float32(0.1)):
            RATE.set(value)
            UNSET.set(value)
            same()

    async def task(number):
        RATE.set(float(number))
        UNSET.set(2.0 * number)
        await asyncio.sleep(0)
        same()

    async def tasks():
        await asyncio.gather(*[task(number) for number in range(5)])

    contextvars.copy_context().run(changing)
    contextvars.copy_context().run(asyncio.run, tasks())
    run_all([lambda k=k: (RATE.set(float(k)), same()) for k in range(4)])
    same()


def test_a_context_variable_that_stays_set_is_refused():
    def f(x):
        RATE.set(3.0)
        return np.sum(x)

    with pytest.raises(errors.CaptureMutationError, match="RATE"):
        contextvars.copy_context().run(trace(f), X)
    assert RATE.get() == 1.0


def test_what_a_function_sets_by_itself_stays():
    def f(x):
        np.seterr(divide="ignore")
        return np.sum(1 / x)

    def run():
        trace(f)(X)
        return np.geterr()["divide"]

    assert contextvars.copy_context().run(run) == "ignore" != np.geterr()["divide"]


def test_generators_and_coroutines_are_refused():
    def generator(x):
        yield x * 2

    async def coroutine(x):
        return x * 2

    async def both(x):
        yield x * 2

    class Late:
        async def __call__(self, x):
            return x

    for function in (
        generator,
        coroutine,
        both,
        Late(),
        lambda x: (v for v in x),
        lambda x: coroutine(x),
    ):
        with pytest.raises(errors.UnsupportedType):
            trace(function)(X)


def test_a_generator_that_is_used_up_inside_is_traced():
    def f(x):
        def pieces():
            for v in x:
                yield v * 2

        return np.array(list(pieces())).sum() + sum(pieces())

    assert trace(f)(X) == f(X)
    np.testing.assert_allclose(grad(f)(X), [4.0] * 3)


# -- exceptions ---------------------------------------------------------------------------------
class Stop(BaseException):
    """Comes from outside, as KeyboardInterrupt does."""


@pytest.mark.parametrize(
    "kind", [KeyboardInterrupt, SystemExit, Stop, MemoryError, RecursionError, ValueError]
)
@pytest.mark.parametrize("after", [1, 3, 6])
def test_an_exception_at_any_operation_leaves_nothing(kind, after):
    count = 0

    def f(x):
        nonlocal count
        for _ in range(8):
            count += 1
            x = np.sin(x) + np.array([1.0, 2.0, 3.0])
            if count == after:
                raise kind("now")
        return x

    def program(x):
        y = x
        for step in range(8):
            y = np.sin(y) + np.array([1.0, 2.0, 3.0])
            if step == after:
                raise kind("now")
        return y

    for way in (trace(program), grad(lambda x: program(x).sum())):
        with pytest.raises(BaseException) as caught:
            way(X)
        assert isinstance(caught.value, kind)
        assert type(np.zeros(2)) is np.ndarray and changed() == set()


def test_interrupts_at_random_moments():
    """An asynchronous exception may come between any two instructions."""
    rng = random.Random(5)

    def work():
        while True:
            trace(lambda x: loop(x, 1.5))(X)

    for _ in range(300 if NIGHTLY else 25):
        outcome = []

        def run(outcome=outcome):
            try:
                work()
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(rng.random() * 0.03)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt)
        )
        thread.join(20)
        assert not thread.is_alive()
        assert len(outcome) == 1 and isinstance(outcome[0], KeyboardInterrupt), outcome
        assert changed() == set()
        np.testing.assert_array_equal(trace(lambda x: loop(x, 2.0))(X), loop(X, 2.0))


# State that a trace sets and takes back, as pairs of a name and what reads it.
STATE = {
    "recorder": ACTIVE.get,
    "computing": COMPUTING.get,
    "entropy": CALL.get,
    "errors": lambda: tuple(np.geterr().items()),
    "settings": settings.current,
    "stream": lambda: np.random.get_state()[1].tobytes(),
    "zeros": lambda: type(np.zeros(2)),
}
FACTOR = 1.5
tripled = trace(lambda x: np.sum(loop(x, 3.0)))


def entwined(x):
    """Draws, branches, warnings held back, a traced function and a gradient inside."""
    y = loop(x, FACTOR) / np.array([1.0, 2.0, 3.0, 4.0])
    if np.sum(y) > 0:
        y = y * 2
    slopes = grad(lambda z: np.sum(loop(z, 2.0)))(x)
    return np.sum(y) + tripled(x) + slopes[0] + math.sqrt(x[0]) + np.random.default_rng(0).random()


def events_until(event, number, run):
    """Run, interrupted at the n-th line or instruction of ours or of the user's; those it met."""
    count = 0

    def follow(frame, kind, argument):
        nonlocal count
        name = frame.f_code.co_filename
        if name != __file__ and f"{os.sep}tracer{os.sep}" not in name:
            return None
        frame.f_trace_opcodes = event == "opcode"
        if kind == event:
            count += 1
            if count == number:
                raise KeyboardInterrupt
        return follow

    before = sys.gettrace()
    sys.settrace(follow)
    try:
        run()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    ("way", "event"), [(trace, "line"), (trace, "opcode"), (value_and_grad, "line")]
)
def test_an_interrupt_at_any_instruction_leaves_nothing(way, event):
    def fresh():
        return way(types.FunctionType(entwined.__code__.replace(), globals()))(X)

    expected, state = fresh(), {name: read() for name, read in STATE.items()}
    total = events_until(event, 0, fresh)
    rng = random.Random(total)
    for number in rng.sample(range(1, total * 9 // 10), 2000 if NIGHTLY else 12):
        assert events_until(event, number, fresh) == number
        assert {name: read() for name, read in STATE.items()} == state, number
        assert changed() == set(), number
    np.testing.assert_equal(fresh(), expected)


def test_a_function_that_was_interrupted_works_later():
    state = {"stop": True}

    @trace
    def f(x):
        y = np.sin(x)
        if state["stop"]:
            raise KeyboardInterrupt
        return y * 2

    with pytest.raises(KeyboardInterrupt):
        f(X)
    state["stop"] = False
    np.testing.assert_array_equal(f(X), np.sin(X) * 2)


# -- processes ----------------------------------------------------------------------------------
@trace
def doubled(x):
    return np.concatenate([x * 2, np.array([np.sum(x)])])


def apply(function, x):
    return function(x)


def in_child(queue):
    queue.put((doubled(X), type(np.zeros(1)) is np.ndarray, value_and_grad(np.sum)(X)[1]))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_forked_children():
    doubled(X)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=in_child, args=(queue,))
    child.start()
    value, plain, slope = queue.get()
    child.join()
    np.testing.assert_array_equal(value, doubled(X))
    assert plain and slope.tolist() == [1.0] * 3 and child.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_fork_while_another_thread_traces():
    """The child has no other threads: no lock may stay held, no hook in place."""
    stop = threading.Event()

    def traces():
        while not stop.is_set():
            trace(lambda x: loop(x, 1.0))(X)

    thread = threading.Thread(target=traces)
    thread.start()
    try:
        for _ in range(8):
            child = os.fork()
            if not child:
                good = False
                try:
                    value = trace(lambda x: loop(x, 3.0))(X)
                    good = np.array_equal(value, loop(X, 3.0)) and type(np.zeros(1)) is np.ndarray
                finally:
                    os._exit(0 if good else 1)
            deadline = time.monotonic() + 20
            while (status := os.waitpid(child, os.WNOHANG))[0] == 0:
                if time.monotonic() > deadline:
                    os.kill(child, 9)
                    os.waitpid(child, 0)
                    pytest.fail("the child waits for a lock")
                time.sleep(0.01)
            assert os.waitstatus_to_exitcode(status[1]) == 0
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:This process")
def test_a_fork_inside_a_trace():
    """Both processes go on with the trace, and both end it."""
    parent = os.getpid()

    def f(x):
        y = np.sin(x)
        os.fork()
        return loop(y, 2.0)

    good = np.array_equal(trace(f)(X), loop(np.sin(X), 2.0))
    good = good and changed() == set() and ACTIVE.get() is None
    if os.getpid() != parent:
        os._exit(0 if good else 1)
    assert good and os.waitstatus_to_exitcode(os.wait()[1]) == 0


def test_traced_functions_are_pickled():
    again = pickle.loads(pickle.dumps(doubled))
    np.testing.assert_array_equal(again(X), doubled(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(trace(apply)))(np.sin, X), np.sin(X))


def test_joblib():
    joblib = pytest.importorskip("joblib")
    threads = threading.active_count()
    for backend in ("threading", "loky"):
        found = joblib.Parallel(n_jobs=2, backend=backend)(
            joblib.delayed(doubled)(X + k) for k in range(4)
        )
        for k, value in enumerate(found):
            np.testing.assert_array_equal(value, doubled(X + k))
    pytest.importorskip("joblib.externals.loky").get_reusable_executor().shutdown(wait=True)
    assert threading.active_count() == threads  # other tests look at threads


def test_traces_at_exit_and_in_daemons():
    """The interpreter goes down while a daemon traces: no crash, no message."""
    code = (
        "import threading, time, numpy as np\n"
        "from tracer import trace\n"
        "def work():\n"
        "    while True:\n"
        "        trace(lambda x: np.sin(x) + np.zeros(3))(np.ones(3))\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "time.sleep(0.5)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=os.path.abspath(os.path.join(__file__, *[os.pardir] * 3)),
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
