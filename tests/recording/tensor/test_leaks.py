"""Every way out of a traced array, crossed with every use of what came out: right, or loud.

A number that was read while tracing and built into the program would be silently wrong in the
next call. So each combination is called with several inputs, and its gradient is compared with
differences; what can't be right must raise one of this package's errors.
"""

import re
import types

import numpy as np
import pytest

from tests.leaks.libraries import LIBRARIES
from tests.leaks.producers import INPUTS
from tests.leaks.producers import PRODUCERS as FIRST
from tests.leaks.scientific import SCIENTIFIC
from tracer import errors, trace, value_and_grad

PRODUCERS = {**FIRST, **LIBRARIES, **SCIENTIFIC}
OUTSIDE = np.zeros(3)
BOX = types.SimpleNamespace(value=None)
LOUD = (errors.TracerError, TypeError, NotImplementedError)


# -- what is done with it ------------------------------------------------------------------------
def multiplied(p, x):
    return np.sum(np.asarray(p) * 2.0) + np.sum(x)


def returned(p, x):
    return p


def written(p, x):
    made = np.zeros(np.shape(p))
    made[...] = p
    return made


def written_outside(p, x):
    OUTSIDE[0] = np.sum(p)
    return OUTSIDE.copy()


def asked(p, x):
    return x * 2 if np.sum(p) > 3.0 else -x


def indexed(p, x):
    return x[int(np.sum(p)) % 3]


def stacked(p, x):
    return np.array([np.sum(p), x[0]])


def stored(p, x):
    BOX.value = p
    return np.sum(BOX.value) + x


def collected(p, x):
    items = []
    items.append(p)
    return np.sum(np.array(items)) + x


def shown(p, x):
    return x * len(f"{type(p) is None} {p}"[:4])


CONSUMERS = [
    multiplied,
    returned,
    written,
    written_outside,
    asked,
    indexed,
    stacked,
    stored,
    collected,
    shown,
]


def outcome(function, x):
    OUTSIDE[:] = 0.0
    try:
        with np.errstate(all="ignore"):
            return function(x), None
    except Exception as error:
        return None, error
    finally:
        OUTSIDE[:] = 0.0
        BOX.value = None


def agrees(got, wanted):
    if isinstance(got, (list, tuple)) or isinstance(wanted, (list, tuple)):
        return (
            type(got) is type(wanted) and len(got) == len(wanted) and all(map(agrees, got, wanted))
        )
    if isinstance(wanted, np.ndarray) and wanted.dtype == object:
        return isinstance(got, np.ndarray) and got.dtype == object and np.array_equal(got, wanted)
    if isinstance(wanted, (np.ndarray, np.generic, int, float, complex)):
        return (
            isinstance(got, (np.ndarray, np.generic, int, float, complex))
            and np.shape(got) == np.shape(wanted)
            and np.result_type(got) == np.result_type(wanted)
            and np.array_equal(got, wanted, equal_nan=True)
        )
    return got == wanted


# float32, and digits that are lost: differences tell nothing.
ROUNDED = re.compile(
    "float32|astype|text|hex|format|percent|str|split|eval|join|json|round|list eq"
)


def slope(function, x, direction):
    ends = [np.sum(function(x + step * direction)) for step in (1e-6, -1e-6)]
    return (ends[0] - ends[1]) / 2e-6


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PRODUCERS)
def test_right_or_loud(name):
    produce = PRODUCERS[name]
    for consume in CONSUMERS:

        def program(x, produce=produce, consume=consume):
            return consume(produce(x), x)

        traced = trace(program)
        for turn, x in enumerate([*INPUTS, INPUTS[0]]):
            wanted, failure = outcome(program, x.copy())
            got, error = outcome(traced, x.copy())
            if isinstance(failure, pytest.skip.Exception):
                pytest.skip(str(failure))
            where = f"{name}, {consume.__name__}, call {turn}"
            if error is not None:
                assert isinstance(error, LOUD) or isinstance(error, type(failure)), (where, error)
                if failure is None:
                    break
                continue
            assert failure is None, f"{where}: {got!r} although plain NumPy raises {failure!r}"
            assert agrees(got, wanted), f"{where}: {got!r} instead of {wanted!r}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PRODUCERS)
def test_gradients_are_right_or_loud(name):
    produce = PRODUCERS[name]

    def program(x):
        return np.sum(multiplied(produce(x), x))

    differentiate = value_and_grad(program)
    for x in [x + 0.0173 for x in INPUTS]:  # off the kinks of int() and comparisons
        wanted, failure = outcome(program, x.copy())
        got, error = outcome(differentiate, x.copy())
        if error is not None:
            assert isinstance(error, LOUD) or isinstance(error, type(failure)), error
            return
        direction = np.array([0.3, -0.7, 1.1])
        numeric = slope(lambda v: outcome(program, v)[0], x, direction)
        if np.result_type(wanted) == np.float64 and not ROUNDED.search(name) and abs(numeric) < 1e6:
            np.testing.assert_allclose(got[1] @ direction, numeric, rtol=1e-4, atol=1e-4)
