"""scipy.special: each rule against central differences, in both modes and to second order."""

import numpy as np
import pytest

from tracer import grad, hvp, jvp

special = pytest.importorskip("scipy.special")

UNARY = """
expit logit log_expit log1p expm1 exp2 exp10 cbrt gamma gammaln loggamma rgamma digamma erf erfc
erfcx erfi dawsn erfinv erfcinv ndtr ndtri log_ndtr entr j0 y0 i0 k0 j1 y1 i1 k1 exp1 expi spence
""".split()
BINARY = ["beta", "betaln", "xlogy", "xlog1py", "rel_entr", "kl_div"]
IN_THE_ARGUMENT = ["jv", "yv", "iv", "kv", "zeta"]
X = np.array([0.21, 0.48, 0.77])
Y = np.array([0.33, 0.52, 0.91])
DIRECTION = np.array([1.0, -0.5, 2.0])


def check(function, *primals):
    """Directional derivatives of the first primal, first and second order."""
    step = 1e-5

    def moved(f, sign):
        return f(primals[0] + sign * step * DIRECTION, *primals[1:])

    slope = (moved(function, 1) - moved(function, -1)) / (2 * step)
    gradient = grad(function)
    assert np.dot(gradient(*primals), DIRECTION) == pytest.approx(slope, rel=1e-6)
    tangents = (DIRECTION, *[np.zeros_like(p) for p in primals[1:]])
    assert jvp(function, primals, tangents)[1] == pytest.approx(slope, rel=1e-6)
    bend = (moved(gradient, 1) - moved(gradient, -1)) / (2 * step)
    product = hvp(lambda x: function(x, *primals[1:]), (primals[0],), (DIRECTION,))
    np.testing.assert_allclose(product, bend, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", UNARY)
def test_of_one_argument(name):
    function = getattr(special, name)
    check(lambda x: function(x).sum(), X)


@pytest.mark.parametrize("name", BINARY)
def test_of_two_arguments(name):
    function = getattr(special, name)
    check(lambda x, y: function(x, y).sum(), X, Y)
    check(lambda y, x: function(x, y).sum(), Y, X)


@pytest.mark.parametrize("name", IN_THE_ARGUMENT)
def test_in_the_argument_only(name):
    from tracer.errors import MissingRule

    function = getattr(special, name)
    check(lambda x: function(2.5, x).sum(), X)
    with pytest.raises(MissingRule):
        grad(lambda v: function(v, X).sum())(2.5)
