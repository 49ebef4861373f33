"""scipy.fft: Fourier transforms by NumPy's rules, cosine and sine transforms by their matrix.

>>> @composed(fft.rfft)
... def _(x, n=None, axis=-1, norm=None): return np.fft.rfft(x, n, axis, norm)
"""

from typing import Any

import numpy as np
from scipy import fft

from tracer.rules.declare import composed
from tracer.rules.helpers import shape_of

ONE_AXIS = "fft ifft rfft irfft hfft ihfft".split()
TWO_AXES = "fft2 ifft2 rfft2 irfft2".split()
ALL_AXES = "fftn ifftn rfftn irfftn".split()


def _alike(name: str, axes: Any) -> None:
    """The same transform of NumPy; SciPy's ``workers`` and ``overwrite_x`` change no number."""
    numpys = getattr(np.fft, name)
    if axes == -1:

        @composed(getattr(fft, name))
        def _(x: Any, n: Any = None, axis: int = -1, norm: Any = None, workers: Any = None) -> Any:
            return numpys(x, n, axis, norm)

    else:

        @composed(getattr(fft, name))
        def _(
            x: Any, s: Any = None, axes: Any = axes, norm: Any = None, workers: Any = None
        ) -> Any:
            return numpys(x, s, axes, norm)


for _name in ONE_AXIS:
    _alike(_name, -1)
for _name in TWO_AXES:
    _alike(_name, (-2, -1))
for _name in ALL_AXES:
    _alike(_name, None)


@composed(fft.fftshift)
def _(x, axes=None):
    return np.fft.fftshift(x, axes)


@composed(fft.ifftshift)
def _(x, axes=None):
    return np.fft.ifftshift(x, axes)


def _by_matrix(function: Any) -> None:
    """A cosine or sine transform is a product with that of the identity."""

    @composed(function)
    def _(
        x: Any,
        type: int = 2,
        n: Any = None,
        axis: int = -1,
        norm: Any = None,
        workers: Any = None,
        orthogonalize: Any = None,
    ) -> Any:
        unit = np.eye(shape_of(x)[axis], dtype=x.dtype)
        matrix = function(unit, type, n, 0, norm, orthogonalize=orthogonalize)
        return np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis)


for _f in (fft.dct, fft.idct, fft.dst, fft.idst):
    _by_matrix(_f)
