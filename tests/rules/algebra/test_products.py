"""Products in all their forms, in both modes and to second order."""

import numpy as np
import pytest

from tests.rules.agreement import agree, build, complexes, reals
from tracer.transforms.reverse.joint_graph import reverse

A, B, v, w = reals(4, 3, seed=1), reals(3, 2, seed=2), reals(3, seed=3), reals(4, seed=4)
T, S, s, Z = reals(2, 3, 4, seed=5), reals(3, 3, seed=6), np.float64(1.5), complexes(4, 3, seed=7)
U = reals(2, 4, 3, seed=8)

MATMUL = [
    (A, B),
    (w, A),
    (A, v),
    (v, v),
    (T, A),
    (reals(5, 3), T),
    (T, w),
    (v, T),
    (reals(2, 1, 3, 4), reals(5, 4, 2)),
    (Z, B + 0j),
]
DOT = [
    (A, B),
    (A, v),
    (w, A),
    (v, v),
    (s, A),
    (A, s),
    (T, w),
    (w, U),
    (T, reals(5, 4, 2)),
    (B.T, T),
]
INNER = [(A, v), (v, v), (A, S), (T, w), (s, A), (w, T), (T, reals(5, 4))]


@pytest.mark.parametrize("a, b", MATMUL)
def test_matmul(a, b):
    agree(lambda x, y: x @ y, a, b)


@pytest.mark.parametrize("a, b", DOT)
def test_dot(a, b):
    agree(np.dot, a, b)


@pytest.mark.parametrize("a, b", INNER)
def test_inner(a, b):
    agree(np.inner, a, b)


CASES = {
    "outer": (np.outer, v, w),
    "outer of matrices": (np.outer, A, B),
    "linalg.outer": (np.linalg.outer, v, w),
    "add.outer": (lambda a, b: np.add.outer(a, b), A, v),
    "subtract.outer": (lambda a, b: np.subtract.outer(a, b), v, w),
    "multiply.outer": (lambda a, b: np.multiply.outer(a, b), v, A),
    "divide.outer": (lambda a, b: np.divide.outer(a, b), v, w),
    "vdot": (np.vdot, A, A * 2),
    "vdot complex": (np.vdot, Z, Z * 1j + 1),
    "vecdot": (np.vecdot, A, v),
    "vecdot complex": (np.vecdot, Z, Z * 1j + 1),
    "matvec": (np.matvec, T, w),
    "vecmat": (np.vecmat, v + 1j, T + 0.5j),
    "tensordot one": (lambda a, b: np.tensordot(a, b, axes=1), T, reals(4, 2)),
    "tensordot": (lambda a, b: np.tensordot(a, b, axes=([0, 2], [1, 0])), T, reals(4, 2, 3)),
    "tensordot two": (lambda a, b: np.tensordot(a, b), T, reals(3, 4)),
    "tensordot none": (lambda a, b: np.tensordot(a, b, axes=0), v, w),
    "kron": (np.kron, A, B),
    "kron vector": (np.kron, v, A),
    "trace": (np.trace, A),
    "trace of a stack": (lambda x: np.trace(x, 1, 2, 0), T),
    "linalg.trace": (np.linalg.trace, T),
    "cross": (np.cross, A, v),
    "cross axis": (lambda a, b: np.cross(a, b, axis=0), A.T, reals(3, 4)),
    "linalg.cross": (np.linalg.cross, A, A * A),
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    agree(*CASES[name])


EINSUM = {
    "ij,jk->ik": (A, B),
    "ij->": (A,),
    "ij->j": (A,),
    "ii->i": (S,),
    "ii": (S,),
    "ij->ji": (A,),
    "...ij,...jk": (T, reals(4, 2)),
    "ij,j,kj->ki": (A, v, reals(2, 3)),
    "ij,ij->i": (A, reals(1, 3)),
    "iij,j": (reals(3, 3, 4), w),
    "i,j->ij": (v, w),
    "...i->...": (T,),
    "bij,bjk->bik": (T, U),
}


@pytest.mark.parametrize("subscripts", EINSUM)
def test_einsum(subscripts):
    agree(lambda *operands: np.einsum(subscripts, *operands), *EINSUM[subscripts])


def test_einsum_with_lists():
    agree(lambda a, b: np.einsum(a, [0, 1], b, [1], [0]), A, v)


def test_matmul_reads_like_the_textbook():
    joint = reverse(build(lambda a, b: a @ b, A, B), [0, 1])
    left, right = joint.outputs[1:]
    assert [left.op.name, left.inputs[1].op.name] == ["matmul", "transpose"]
    assert [right.op.name, right.inputs[0].op.name] == ["matmul", "transpose"]
    assert left.spelling == "operator" and left.inputs[1].spelling == "attribute"
    assert len(joint.order) == 8
