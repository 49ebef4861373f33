"""What scipy.special has no derivative of, and why.

>>> no_rule(special.bernoulli, because="its argument is a whole number")
"""

from scipy import special

from tracer.rules.declare import no_rule

WHOLE = """bernoulli euler factorial2 factorialk stirling2
ai_zeros bi_zeros bei_zeros beip_zeros ber_zeros berp_zeros kei_zeros keip_zeros kelvin_zeros
ker_zeros kerp_zeros erf_zeros fresnel_zeros fresnelc_zeros fresnels_zeros jn_zeros jnp_zeros
jnjnp_zeros jnyn_zeros yn_zeros ynp_zeros y0_zeros y1_zeros y1p_zeros""".split()
ROOTS = """legendre chebyt chebyu chebyc chebys jacobi laguerre genlaguerre hermite hermitenorm
gegenbauer sh_legendre sh_chebyt sh_chebyu sh_jacobi""".split()
SEQUENCES = """lmbda pbdn_seq pbdv_seq pbvv_seq riccati_jn riccati_yn obl_cv_seq pro_cv_seq
mathieu_even_coef mathieu_odd_coef""".split()

no_rule(*[getattr(special, n) for n in WHOLE], because="its arguments are whole numbers")
for _name in ROOTS:
    no_rule(
        getattr(special, _name),
        getattr(special, f"roots_{_name}"),
        because="a polynomial's coefficients and roots have no closed derivative by its parameters",
    )
no_rule(
    *[getattr(special, n) for n in SEQUENCES],
    because="a sequence over all orders: call the function of one order",
)
no_rule(
    special.ellip_harm,
    special.ellip_harm_2,
    special.ellip_normal,
    because="ellipsoidal harmonics have no derivative in SciPy",
)
