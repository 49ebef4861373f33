"""All Fourier transforms: lengths, axes, norms, real and complex."""

import numpy as np

from tests.rules.table import complexes, each, reals, row

A, T, V, W, S = reals(4, 6), reals(2, 3, 4), reals(5), reals(6), reals()
CA, CV, CW = complexes(4, 6), complexes(5), complexes(6)
NORMS = each(None, "ortho", "forward")
SIZES = each(None, 3, 4, 8, 9)
OF_COMPLEX = ("fft", "ifft", "irfft", "hfft")
OF_REAL = ("rfft", "ihfft")
SEVERAL = ("fft2", "ifft2", "fftn", "ifftn", "irfft2", "irfftn")

LINES = [
    *[row(f"fft.{name}", each(V, W), n=SIZES, norm=NORMS) for name in OF_COMPLEX + OF_REAL],
    *[row(f"fft.{name}", each(CV, CW), n=SIZES, norm=NORMS) for name in OF_COMPLEX],
    *[
        row(f"fft.{name}", A, axis=each(0, 1, -2)).but(dtypes="fgi")
        for name in OF_COMPLEX + OF_REAL
    ],
    *[row(f"fft.{name}", CA, n=5, axis=each(0, -1)).but(dtypes="F") for name in OF_COMPLEX],
    *[
        row(f"fft.{f.__name__}", lambda x, f=f: f([x[0], x[1], 1.0]), V)
        for f in (np.fft.fft, np.fft.ifft, np.fft.rfft)
    ],
]

PLANES = [
    *[row(f"fft.{name}", x, norm=NORMS) for name in SEVERAL for x in (A, CA, T)],
    *[row(f"fft.{name}", x, s=each((3, 5), (5, 8))) for name in SEVERAL for x in (A, CA)],
    *[row(f"fft.{name}", CA, axes=each((0, 1), (1, 0), (-1,))) for name in SEVERAL],
    *[row(f"fft.{name}", CA, s=(3, 4), axes=each((1, 0), (0, 1))) for name in SEVERAL],
    *[row(f"fft.{name}", T, axes=(0, 2)) for name in SEVERAL],
    *[row(f"fft.{name}", each(A, T), norm=NORMS) for name in ("rfft2", "rfftn")],
    *[
        row(f"fft.{name}", A, s=each((3, 5), (5, 8), [4, -1]), axes=each((0, 1), (1, 0)))
        for name in ("rfft2", "rfftn")
    ],
    row("fft.fftn", T, s=(2, 3), axes=(0, 1)),
    row("fft.fftn", A, axes=(0, 0)),
    row("fft.fftshift", A, axes=each(None, 0, (1,))),
    row("fft.ifftshift", reals(5, 3), axes=each(None, 0, (1,))),
    row("fft.fftfreq", lambda d: np.fft.fftfreq(5, d), reals(low=0.5)),
    row("fft.rfftfreq", lambda d: np.fft.rfftfreq(6, d=d), reals(low=0.5)),
    row("fft.fftfreq", lambda x: np.fft.fftfreq(5, 0.1) * x, V),
]

ROWS = [*LINES, *PLANES]
