"""Fourier transforms, in both modes and to second order."""

import numpy as np
import pytest

from tests.rules.agreement import agree, complexes, reals

A, Z, F = reals(4, 5, seed=1), complexes(4, 5, seed=2), np.fft


@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("n, axis", [(None, -1), (None, 0), (7, -1), (3, -1), (6, 0)])
@pytest.mark.parametrize("function", [F.fft, F.ifft, F.rfft, F.irfft])
def test_one_axis(function, n, axis, norm):
    agree(lambda x: function(x, n, axis, norm), A if function is F.rfft else Z)


@pytest.mark.parametrize("function", [F.fft2, F.fftn, F.ifft2, F.ifftn, F.irfft2, F.irfftn])
def test_several_axes(function):
    agree(function, Z)
    agree(lambda x: function(x, s=(3, 6), axes=(1, 0), norm="ortho"), Z)


@pytest.mark.parametrize("function", [F.rfft2, F.rfftn, F.fftn, F.fftshift, F.ifftshift])
def test_real(function):
    agree(function, A)
    agree(lambda x: function(x, axes=(1, 0)), A)
