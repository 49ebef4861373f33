"""scipy.special's hypergeometric functions, by their argument (DLMF 13.3, 15.5).

>>> hypergeometric(lambda v, z: special.hyp0f1(v + 1, z) / v, "v")(special.hyp0f1)
"""

from scipy import special

from tracer.rules.scipy.special_helpers import by_argument


def hypergeometric(slope, parameters):
    reasons = [f"the parameter {name}: it has no closed form" for name in parameters]
    return by_argument(slope, *reasons)


hypergeometric(lambda v, z: special.hyp0f1(v + 1, z) / v, "v")(special.hyp0f1)
hypergeometric(lambda a, b, x: a / b * special.hyp1f1(a + 1, b + 1, x), "ab")(special.hyp1f1)
hypergeometric(lambda a, b, x: -a * special.hyperu(a + 1, b + 1, x), "ab")(special.hyperu)
hypergeometric(lambda a, b, c, z: a * b / c * special.hyp2f1(a + 1, b + 1, c + 1, z), "abc")(
    special.hyp2f1
)
