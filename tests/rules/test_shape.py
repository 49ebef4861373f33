"""Rearranging, copying and cutting out, in both modes and to second order."""

import numpy as np
import pytest

from tests.rules.agreement import agree, reals

A, v, T = reals(4, 3, seed=1), reals(3, seed=2), reals(2, 3, 4, seed=3)
s = np.float64(1.5)
CASES = {
    "reshape": (lambda x: np.reshape(x, (2, -1)), A),
    "reshape F": (lambda x: np.reshape(x, (3, 4), order="F"), A),
    "ravel": (np.ravel, A),
    "ravel F": (lambda x: np.ravel(x, order="F"), A),
    "T": (lambda x: x.T, A),
    "transpose": (lambda x: np.transpose(x, (2, 0, 1)), T),
    "transpose all": (np.transpose, T),
    "swapaxes": (lambda x: np.swapaxes(x, 0, 2), T),
    "moveaxis": (lambda x: np.moveaxis(x, 0, -1), T),
    "moveaxis two": (lambda x: np.moveaxis(x, (0, 1), (2, 0)), T),
    "matrix_transpose": (np.matrix_transpose, T),
    "expand_dims": (lambda x: np.expand_dims(x, (0, 2)), A),
    "squeeze": (np.squeeze, reals(1, 3, 1)),
    "broadcast_to": (lambda x: np.broadcast_to(x, (5, 4, 3)), A),
    "flip": (np.flip, A),
    "flip one": (lambda x: np.flip(x, 1), A),
    "flipud": (np.flipud, A),
    "fliplr": (np.fliplr, A),
    "rot90": (lambda x: np.rot90(x, 3), A),
    "roll": (lambda x: np.roll(x, 2), A),
    "roll axes": (lambda x: np.roll(x, (1, -1), (0, 1)), A),
    "repeat": (lambda x: np.repeat(x, 3), A),
    "repeat axis": (lambda x: np.repeat(x, 3, axis=1), A),
    "repeat counts": (lambda x: np.repeat(x, [1, 2, 0], axis=1), A),
    "repeat scalar": (lambda x: np.repeat(x, 3), s),
    "tile": (lambda x: np.tile(x, 3), A),
    "tile more axes": (lambda x: np.tile(x, (2, 1, 3)), A),
    "tile fewer axes": (lambda x: np.tile(x, (2, 3)), T),
    "atleast_1d": (np.atleast_1d, s),
    "atleast_2d": (lambda a, b: np.atleast_2d(a, b), v, s),
    "atleast_3d": (np.atleast_3d, A),
    "tril": (lambda x: np.tril(x, 1), A),
    "triu": (np.triu, T),
    "diag of vector": (lambda x: np.diag(x, 1), v),
    "diag of matrix": (lambda x: np.diag(x, -1), A),
    "diagonal": (lambda x: np.diagonal(x, 1), A),
    "diagonal far axes": (lambda x: np.diagonal(x, 0, 0, 2), T),
    "diagonal turned": (lambda x: np.diagonal(x, -1, 2, 1), T),
    "diagflat": (lambda x: np.diagflat(x, 1), A),
    "copy": (np.copy, A),
    "pad": (lambda x: np.pad(x, 1), A),
    "pad constant": (lambda x: np.pad(x, ((1, 2), (0, 3)), constant_values=2.0), A),
    "meshgrid": (lambda a, b: np.meshgrid(a, b), v, A[:, 0]),
    "meshgrid ij": (lambda a, b: np.meshgrid(a, b, indexing="ij", sparse=True), v, A[:, 0]),
    "meshgrid three": (lambda a, b, c: np.meshgrid(a, b, c), v, A[:, 0], v),
    "broadcast_arrays": (lambda a, b: np.broadcast_arrays(a, b), A, v),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name])


@pytest.mark.parametrize("mode", ["edge", "wrap", "reflect", "symmetric"])
def test_pad_with_copies(mode):
    agree(lambda x: np.pad(x, ((1, 2), (2, 0)), mode=mode), A)


def test_rollaxis():
    for axis in range(-3, 3):
        for start in range(-3, 4):
            agree(lambda x: np.rollaxis(x, axis, start), T, order=1)
