"""Points at which scipy.special's functions are checked: every name, every operand.

An entry is ``name arguments``: a float argument is differentiated, a whole number is static, and
``!`` marks a float whose derivative must be refused with its reason.
"""

from scipy import special

POINTS = """
expit .3 | logit .3 | log_expit .3 | softplus .3 | log1p .3 | expm1 .3 | exp2 .3 | exp10 .3
exprel .3 | exprel 0. | cbrt .3 | cosm1 .3 | powm1 .7 1.3 | boxcox .7 .4 | boxcox .7 0.
boxcox1p .7 .4 | boxcox1p .7 0. | inv_boxcox .7 .4 | inv_boxcox .7 0. | inv_boxcox1p .7 .4
inv_boxcox 1.7 -.4 | inv_boxcox1p .7 0.
sindg 30. | cosdg 30. | tandg 30. | cotdg 30. | radian 30. 20. 10.
huber 1.1 .7 | huber 1.1 -2.3 | pseudo_huber 1.1 .7 | pseudo_huber 1.1 -2.3
xlogy .4 .7 | xlog1py .4 .7 | entr .4 | rel_entr .4 .7 | kl_div .4 .7
wrightomega .4 | spence .4 | spence 1. | spence 2.5 | agm .4 .7 | agm 1.3 .2 | agm .6 .6001
diric .4 !5 | diric 0. !5
gamma .4 | gamma -.6 | gammaln .4 | gammaln -.6 | loggamma .4 | rgamma .4 | rgamma -1.4 | rgamma 0.
psi .4 | digamma .4 | digamma -1.3 | polygamma !2 .4 | multigammaln 3.4 !3 | poch 2.3 .4
beta .4 .7 | betaln .4 .7 | binom 4.3 2.1 | comb 4.3 2.1 | perm 4.3 2.1
zeta !2.3 .7 | zeta !2.3 | zetac !2.3 | gammasgn .4
factorial .4 | factorial 2.3 | factorial -1.4
gammainc !1.3 .7 | gammaincc !1.3 .7 | gammaincinv !1.3 .7 | gammainccinv !1.3 .7
betainc !1.3 !.7 .4 | betaincc !1.3 !.7 .4 | betaincinv !1.3 !.7 .4 | betainccinv !1.3 !.7 .4
erf .4 | erfc .4 | erfcx .4 | erfi .4 | dawsn .4 | erfinv .4 | erfcinv .4
ndtr .4 | ndtri .4 | log_ndtr .4 | ndtri_exp -.9 | owens_t .4 .7 | voigt_profile .4 .7 .3
fresnel .4 | modfresnelp .4 | modfresnelm .4 | exp1 .4 | expi .4 | expn !3 .4 | expn !1 .4
expn !0 .4 | sici .4 | sici -.9 | shichi .4 | shichi -.9 | wofz .4
jv !1.3 .7 | yv !1.3 .7 | iv !1.3 .7 | kv !1.3 .7 | hankel1 !1.3 .7 | hankel2 !1.3 .7
jve !1.3 .7 | yve !1.3 .7 | ive !1.3 .7 | kve !1.3 .7 | hankel1e !1.3 .7 | hankel2e !1.3 .7
jn !2 .7 | yn !2 .7 | kn !2 .7 | jn !0 .7 | yn !0 .7 | kn !0 .7 | ive !2 -.7
j0 .4 | y0 .4 | i0 .4 | k0 .4 | j1 .4 | y1 .4 | i1 .4 | k1 .4 | i0e .4 | i1e -.4 | k0e .4 | k1e .4
jvp !1.3 .7 | yvp !1.3 .7 | ivp !1.3 .7 | kvp !1.3 .7 | h1vp !1.3 .7 | h2vp !1.3 .7
jvp !1.3 .7 2 | kvp !1.3 .7 2
spherical_jn !2 .7 | spherical_yn !2 .7 | spherical_in !2 .7 | spherical_kn !2 .7
spherical_jn !0 .7 | spherical_yn !0 .7 | spherical_in !0 .7 | spherical_kn !0 .7
itj0y0 .7 | iti0k0 .7 | it2j0y0 .7 | it2i0k0 .7 | itstruve0 .7 | it2struve0 .7 | itmodstruve0 .7
besselpoly .7 !1.2 !2. | struve !1.3 .7 | modstruve !1.3 .7 | struve !2 -.7
ber .7 | bei .7 | ker .7 | kei .7 | berp .7 | beip .7 | kerp .7 | keip .7 | kelvin .7
airy .7 | airy -.7 | airye .7 | itairy .7 | wright_bessel !.4 !.7 .3 | log_wright_bessel !.4 !.7 .3
pbdv !1.3 .7 | pbvv !1.3 .7 | pbwa !1.3 .7
ellipk .4 | ellipk -.6 | ellipk 0. | ellipkm1 .4 | ellipe .4 | ellipe 0.
ellipkinc .7 .4 | ellipkinc 4.7 .4 | ellipeinc .7 .4 | ellipeinc -4.7 .4 | ellipj .7 .4
elliprc .7 .4 | elliprc .4 .7 | elliprc .4 -.7 | elliprd .7 .4 .9 | elliprf .7 .4 .9
elliprg .7 .4 .9 | elliprj .7 .4 .9 .3 | elliprf 0 .4 .9 | elliprd 0 .4 .9
hyp0f1 !1.3 .7 | hyp1f1 !1.3 !.7 .4 | hyp2f1 !1.3 !.7 !2.4 .4 | hyperu !1.3 !.7 .4
eval_legendre !3 .4 | eval_chebyt !3 .4 | eval_chebyu !3 .4 | eval_chebyc !3 .4 | eval_chebys !3 .4
eval_gegenbauer !3 !.6 .4 | eval_jacobi !3 !.6 !.7 .4 | eval_sh_legendre !3 .4 | eval_sh_chebyt !3 .4
eval_sh_chebyu !3 .4 | eval_sh_jacobi !3 !2.6 !1.7 .4 | eval_laguerre !3 .4 | eval_hermite !3 .4
eval_genlaguerre !3 !.6 .4 | eval_hermitenorm !3 .4 | assoc_laguerre .4 !3 !.6
eval_legendre !2.5 .4 | eval_chebyt !2.5 .4 | eval_laguerre !2.5 .4 | eval_jacobi !2.5 !.6 !.7 .4
eval_legendre !0 .4 | eval_chebyt !0 .4 | eval_hermite !0 .4 | eval_jacobi !0 !.6 !.7 .4
eval_legendre !3 1. | eval_sh_jacobi !0 !2.6 !1.7 .4 | eval_hermite !1 .4 | eval_laguerre !0 .4
lpmv !1 !2.3 .4 | lpmv !1 !2 .4 | lqn !3 .4 | lqmn !2 !3 .4
legendre_p !3 .4 | legendre_p_all !3 .4 | assoc_legendre_p !3 !1 .4 | assoc_legendre_p_all !3 !1 .4
sph_legendre_p !3 !1 .4 | sph_legendre_p_all !3 !1 .4 | sph_harm_y !3 !1 .4 .7
sph_harm_y_all !3 !1 .4 .7
mathieu_a !2 !.7 | mathieu_b !2 !.7 | mathieu_cem !2 !.7 20. | mathieu_sem !2 !.7 20.
mathieu_modcem1 !2 !.7 .4 | mathieu_modcem2 !2 !.7 .4 | mathieu_modsem1 !2 !.7 .4
mathieu_modsem2 !2 !.7 .4 | pro_cv !1 !2 !.7 | obl_cv !1 !2 !.7
pro_ang1 !1 !2 !.7 .4 | pro_rad1 !1 !2 !.7 1.4 | pro_rad2 !0 !1 !2. 1.4
obl_ang1 !1 !2 !.7 .4 | obl_rad1 !1 !2 !.7 1.4
pro_ang1_cv !1 !2 !.7 !cv .4 | obl_rad1_cv !1 !2 !.7 !cv 1.4 | obl_rad2 !1 !2 !.7 !1.4
pro_rad1_cv !1 !2 !.7 !cv 1.4 | pro_rad2_cv !0 !1 !2. !cv 1.4
obl_ang1_cv !1 !2 !.7 !cv .4 | obl_rad2_cv !1 !2 !.7 !cv !1.4
stdtr !4.3 .7 | stdtrit !4.3 .7 | stdtridf !.7 !.4 | chdtr !4.3 .7 | chdtrc !4.3 .7 | chdtri !4.3 .7
chdtriv !.7 !4.3 | fdtr !4.3 !3.1 .7 | fdtrc !4.3 !3.1 .7 | fdtri !4.3 !3.1 .7
fdtridfd !4.3 !.4 !.7 | gdtr 1.3 !2.1 .7 | gdtrc 1.3 !2.1 .7 | gdtrix 1.3 !2.1 .7
gdtria .4 !2.1 .7 | gdtrib !1.3 !.4 !.7 | btdtria !.4 !1.3 !.7 | btdtrib !1.3 !.4 !.7
bdtr 2.4 !5 .4 | bdtrc 2.4 !5 .4 | bdtri 2.4 !5 .4 | bdtrik !.4 !5. !.3 | bdtrin !2. !.4 !.3
nbdtr 2 5 .4 | nbdtrc 2 5 .4 | nbdtri 2 5 .4 | nbdtrik !.4 !5. !.3 | nbdtrin !2. !.4 !.3
pdtr 2.4 .7 | pdtrc 2.4 .7 | pdtri 2 .4 | pdtrik !.4 !.7
chndtr .7 !3.3 1.2 | chndtrix .4 !3.3 1.2 | chndtrinc .7 !3.3 .07 | chndtridf !.7 !.1 !1.2
ncfdtr !3.3 !4.1 1.2 .7 | ncfdtri !3.3 !4.1 1.2 .4 | ncfdtrinc !3.3 !4.1 .2 .7
ncfdtridfd !3.3 !.4 !1.2 !.7 | ncfdtridfn !.4 !3.3 !1.2 !.7
nctdtr !3.3 !1.2 .7 | nctdtrit !3.3 !1.2 .4 | nctdtridf !.4 !1.2 !.7 | nctdtrinc !3.3 !.4 !.7
nctdtr !3.3 !1.2 0. | nrdtrimn .4 1.2 .7 | nrdtrisd .3 .7 1.2 | tklmbda .7 .4 | tklmbda .7 -.4
kolmogorov .7 | kolmogi .4 | smirnov !5 .37 | smirnovi !5 .4 | round .4
"""
# SciPy finds these by iteration, to fewer digits than differences need.
ROUGH = {"ncfdtrinc": 1e-4, "chndtrinc": 1e-5, "pro_rad2": 1e-5, "pro_rad2_cv": 1e-5}
FIRST_ORDER_ONLY = {"kolmogorov", "kolmogi", "smirnov", "smirnovi"}  # a slope without a slope


def number(word, name, before):
    """A number; ``cv`` is the characteristic value that belongs to what stands before it."""
    if word == "cv":
        return float((special.pro_cv if name.startswith("pro") else special.obl_cv)(*before))
    return float(word) if "." in word else int(word)


def points():
    """``(name, arguments, refused)``: refused operands have no derivative, and say why."""
    for entry in POINTS.replace("\n", "|").split("|"):
        name, *words = entry.split() or [""]
        if name:
            refused = [k for k, word in enumerate(words) if word.startswith("!")]
            arguments = []
            for word in words:
                arguments.append(number(word.lstrip("!"), name, tuple(arguments)))
            yield name, arguments, refused
