"""What can't be traced is refused in words of its own; exceptions of the user's pass unchanged."""

import numpy as np
import pytest
from scipy import special

from tests.namespaces import changed_names
from tracer import errors, grad, trace

X = np.array([0.5, 1.5, 2.5])


@pytest.fixture(autouse=True)
def numpy_stays_itself():
    yield
    assert changed_names() == set()


def test_user_shape_error_is_a_value_error():
    def program(x):
        return x @ np.ones((2, 2))

    with pytest.raises(ValueError) as caught:
        trace(program)(X)
    assert isinstance(caught.value, errors.UserShapeError)
    assert "x @ np.ones((2, 2))" in str(caught.value) and "^^^" in str(caught.value)


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


UNSUPPORTED = {
    "masked": np.ma.masked_array(X, [True, False, False]),
    "object": X.astype(object),
    "structured": np.zeros(2, [("a", float)]),
    "text": np.array(["a", "b"]),
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
    "record": np.rec.array([(1, 2.0)]),
}


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
        lambda: grad(scaled)(X),
        lambda: grad(f)(X),
        lambda: vjp(scaled, X),
        lambda: jvp(scaled, (X,), (X,)),
        lambda: grad(lambda p: scaled(p["w"]))({"w": X}),
    ):
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
