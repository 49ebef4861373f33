"""Derivatives of Fourier transforms: the matrix of a transform is symmetric, so it is its own
transpose; what was padded is cut off again, and the other way round.

>>> linear(np.fft.fft): ct -> np.fft.fft(ct)
>>> linear(np.fft.irfft): ct -> weights * np.conj(np.fft.rfft(ct, norm="forward"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracer.rules.declare import composed, linear
from tracer.rules.helpers import shape_of

OPPOSITE = {None: "forward", "backward": "forward", "forward": "backward", "ortho": "ortho"}


def fitted(ct: Any, size: int, axis: int) -> Any:
    """``ct`` cut or filled up with zeros to ``size`` along ``axis``."""
    ndim = len(shape_of(ct))
    axis = axis % ndim
    have = shape_of(ct)[axis]
    if have > size:
        return ct[(*(slice(None),) * axis, slice(None, size))]
    if have < size:
        return np.pad(ct, [(0, size - have) if at == axis else (0, 0) for at in range(ndim)])
    return ct


def options(axis: int, norm: str | None) -> dict[str, Any]:
    """The arguments of a transform that are not defaults."""
    return ({} if axis == -1 else {"axis": axis}) | ({} if norm is None else {"norm": norm})


def _one(function: Callable[..., Any]):
    def transpose(ct, a, n=None, axis=-1, norm=None):
        return fitted(function(ct, **options(axis, norm)), shape_of(a)[axis], axis)

    return transpose


linear(np.fft.fft, _one(np.fft.fft))
linear(np.fft.ifft, _one(np.fft.ifft))


def _axes(s: Any, axes: Any, ndim: int) -> list[int]:
    if axes is None:
        return list(range(ndim)) if s is None else list(range(ndim - len(s), ndim))
    return [int(axis) % ndim for axis in axes]


def _several(function: Callable[..., Any], default: tuple[int, ...] | None):
    def transpose(ct, a, s=None, axes=default, norm=None):
        along = _axes(s, axes, len(shape_of(a)))
        extra = {} if norm is None else {"norm": norm}
        ct = function(ct, axes=tuple(along), **extra)
        for axis in along:
            ct = fitted(ct, shape_of(a)[axis], axis)
        return ct

    return transpose


for _function, _plain, _default in (
    (np.fft.fftn, np.fft.fftn, None),
    (np.fft.fft2, np.fft.fftn, (-2, -1)),
    (np.fft.ifftn, np.fft.ifftn, None),
    (np.fft.ifft2, np.fft.ifftn, (-2, -1)),
):
    linear(_function, _several(_plain, _default))


# -- real transforms ----------------------------------------------------------------------------
def _rfft(ct, a, n=None, axis=-1, norm=None):
    size = shape_of(a)[axis] if n is None else n
    whole = np.fft.fft(fitted(ct, size, axis), **options(axis, norm))
    return fitted(np.real(whole), shape_of(a)[axis], axis)


def _irfft(ct, a, n=None, axis=-1, norm=None):
    size = shape_of(ct)[axis]
    half = np.conjugate(np.fft.rfft(ct, **options(axis, OPPOSITE[norm])))
    return fitted(_weights(size, axis, len(shape_of(ct))) * half, shape_of(a)[axis], axis)


def _weights(size: int, axis: int, ndim: int) -> Any:
    """2 for frequencies that stand for two, 1 for the first and (of an even size) the last."""
    weights = np.full(size // 2 + 1, 2.0)
    weights[0] = 1.0
    if size % 2 == 0:
        weights[-1] = 1.0
    return weights.reshape((-1,) + (1,) * (ndim - 1 - axis % ndim))


linear(np.fft.rfft, _rfft)
linear(np.fft.irfft, _irfft)


def _fit_all(ct: Any, a: Any, axes: Sequence[int]) -> Any:
    for axis in axes:
        ct = fitted(ct, shape_of(a)[axis], axis)
    return ct


def _rfftn(default: tuple[int, ...] | None):
    def transpose(ct, a, s=None, axes=default, norm=None):
        *others, last = _axes(s, axes, len(shape_of(a)))
        extra = {} if norm is None else {"norm": norm}
        if others:
            ct = _fit_all(np.fft.fftn(ct, axes=tuple(others), **extra), a, others)
        return _rfft(ct, a, None if s is None or s[-1] == -1 else s[-1], last, norm)

    return transpose


def _irfftn(default: tuple[int, ...] | None):
    def transpose(ct, a, s=None, axes=default, norm=None):
        *others, last = _axes(s, axes, len(shape_of(a)))
        extra = {} if norm is None else {"norm": norm}
        ct = _irfft(ct, a, None, last, norm)
        return _fit_all(np.fft.ifftn(ct, axes=tuple(others), **extra), a, others) if others else ct

    return transpose


linear(np.fft.rfftn, _rfftn(None))
linear(np.fft.rfft2, _rfftn((-2, -1)))
linear(np.fft.irfftn, _irfftn(None))
linear(np.fft.irfft2, _irfftn((-2, -1)))
linear(np.fft.fftshift, lambda ct, x, axes=None: np.fft.ifftshift(ct, axes))
linear(np.fft.ifftshift, lambda ct, x, axes=None: np.fft.fftshift(ct, axes))


# -- Hermitian transforms and frequencies -------------------------------------------------------
@composed(np.fft.hfft)
def _(a, n=None, axis=-1, norm=None):
    extra = {} if n is None else {"n": int(n)}
    return np.fft.irfft(np.conjugate(a), **extra, **options(axis, OPPOSITE[norm]))


@composed(np.fft.ihfft)
def _(a, n=None, axis=-1, norm=None):
    extra = {} if n is None else {"n": int(n)}
    return np.conjugate(np.fft.rfft(a, **extra, **options(axis, OPPOSITE[norm])))


@composed(np.fft.fftfreq)
def _(n, d=1.0):
    return np.fft.fftfreq(int(n)) / d


@composed(np.fft.rfftfreq)
def _(n, d=1.0):
    return np.fft.rfftfreq(int(n)) / d
