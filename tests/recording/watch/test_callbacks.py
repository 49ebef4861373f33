"""NumPy functions that call the user's: what those read from outside is seen, gradients flow."""

import numpy as np
import pytest

from tests.recording.agreement import agree_gradient, same
from tracer import trace

X, Y = np.array([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]]), np.array([0.5, 2.0, -1.0])
FACTOR = 2.0
times = np.vectorize(lambda t: t * FACTOR)
inner = np.vectorize(lambda a, b: a @ b * FACTOR, signature="(n),(n)->()")
CALLS = {
    "branch": lambda x: np.vectorize(lambda t: t**2 if t > 0 else -t)(x),
    "two": lambda x: np.vectorize(lambda a, b: a * b + a)(x, Y),
    "otypes": lambda x: np.vectorize(lambda t: t * 2, otypes=[complex])(x),
    "several": lambda x: np.vectorize(lambda t: (t * 2, t * t))(x),
    "excluded place": lambda x: np.vectorize(lambda t, p: t * np.sum(p), excluded={1})(x, x),
    "excluded name": lambda x: np.vectorize(lambda t, p: t * np.sum(p), excluded=["p"])(x, p=x),
    "keyword": lambda x: np.vectorize(lambda t, u: t * u)(x, u=Y),
    "scalar": lambda x: np.vectorize(lambda t: t * t)(x[0, 0]),
    "no axes": lambda x: np.vectorize(lambda t: t * t)(np.asarray(x[0, 0])),
    "signature": lambda x: np.vectorize(lambda a, b: (a @ b, a * b), signature="(n),(n)->(),(n)")(
        x, Y
    ),
    "made before": lambda x: times(x),
    "made before, signature": lambda x: inner(x, Y),
    "along": lambda x: np.apply_along_axis(lambda row: row * FACTOR / np.sum(row**2), 0, x),
    "along, list": lambda x: np.apply_along_axis(lambda row: [row[0], row[1] * row[2]], 1, x),
    "over": lambda x: np.apply_over_axes(np.sum, x, [0, -1]),
    "pieces": lambda x: np.piecewise(x, [x < 0, x > 1], [lambda t: t * FACTOR, np.sqrt, 7.0]),
    "from function": lambda x: np.fromfunction(lambda i, j: x * i + j, (2, 3)),
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name):
    function = CALLS[name]
    with np.errstate(invalid="ignore"):
        same(trace(function)(X), function(X))
        agree_gradient(function, X)


@pytest.mark.parametrize("name", ["made before", "made before, signature", "along", "pieces"])
def test_what_the_callback_reads_is_read_on_every_call(name, monkeypatch):
    function = trace(CALLS[name])
    with np.errstate(invalid="ignore"):
        function(X)
        monkeypatch.setitem(globals(), "FACTOR", 5.0)
        same(function(X), CALLS[name](X))


def test_padding_by_a_function():
    def border(row, width, axis, keywords):
        row[: width[0]] = keywords["before"]
        row[len(row) - width[1] :] = row[width[0]] * FACTOR

    function = lambda x: np.pad(x, ((1, 2), (0, 1)), border, before=x[0, 0])
    same(trace(function)(X), function(X))
    agree_gradient(function, X)


@pytest.mark.parametrize("last", [False, True])
def test_pieces_made_anew_keep_their_own_numbers(last):
    def made(factor):
        piece = lambda t: t * factor
        pieces = [0.0, piece] if last else [piece]
        return lambda x: np.piecewise(x, [x < 0 if last else x > 0], pieces)

    for factor in (2.0, 3.0, 4):
        same(trace(made(factor))(X), made(factor)(X))


TYPES = {
    "array": (lambda x: x * (2 if type(x) is np.ndarray else 3), np.ones(2)),
    "element": (lambda x: x * (2 if type(x[0]) is np.float32 else 3), np.ones(2, np.float32)),
    "float": (lambda x: x * (2 if type(x) is float else 3), 1.5),
    "int": (lambda x: x * (2 if type(x) in (int, bool) else 3), 5),
    "name": (lambda x: x * len(type(x).__name__), np.ones(2)),
    "key": (lambda x: x * {np.ndarray: 2}.get(type(x), 3), np.ones(2)),
    "constructor": (lambda x: type(x)(x) * 2, 1.5),
    "new class": (lambda x: type("A", (), {"v": 2.0}).v * x, np.ones(2)),
}


@pytest.mark.parametrize("name", TYPES)
def test_type_is_that_of_plain_code(name):
    function, x = TYPES[name]
    same(trace(function)(x), function(x))


def test_objects_are_refused():
    square = np.frompyfunc(lambda t: t * t, 1, 1)
    with pytest.raises(Exception, match="no function of NumPy"):
        trace(lambda x: square(x))(X)
