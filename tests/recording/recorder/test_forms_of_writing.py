"""Writes of every form, on C, Fortran, reversed and strided arrays, as NumPy carries them out."""

import warnings

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view

from tests.recording.agreement import agree, agree_gradient
from tracer import errors, grad, trace

X = np.array([[0.5, -1.0, 2.0], [3.0, -4.5, 0.25], [1.5, 2.5, -0.75]])


def swapv(x):
    x[0], x[1] = x[1], x[0]
    return x


def swapc(x):
    x[::2], x[1:2] = x[1:2], x[::2][:1].copy()
    return x


def flat1(x):
    x.flat = [1.0, 2.0, 3.0]
    return x


def flat2(x):
    x.flat[1:4] = x.flat[5:8]
    x.flat[::3] *= 2
    x.flat[[1, 2]] = 9
    return x


def flat3(x):
    x.T.flat[2] = 7
    x.flat[x.flat[:] > 1] = 0
    return x


def put1(x):
    np.put(x, [0, 4, -1, 0], [1.0, 2.0])
    x.put([1], 5, mode="clip")
    np.put(x, [20], [3.0], mode="wrap")
    return x


def place1(x):
    np.place(x, x > 0, [1.0, 2.0, 3.0])
    return x


def putmask1(x):
    np.putmask(x, x < 0, x * 2)
    np.putmask(x.T, x.T > 1, [5.0, 6.0])
    return x


def copyto1(x):
    np.copyto(x, x.T, where=x > 0)
    np.copyto(x[0], 3)
    np.copyto(x, [1, 2, 3], where=[True, False, True])
    return x


def at1(x):
    np.add.at(x, ([0, 0, 1], [1, 1, 2]), x[0])
    np.multiply.at(x, 0, 2.0)
    np.negative.at(x, [0, 0])
    np.maximum.at(x, (slice(None), 0), 1.0)
    return x


def outw(x):
    r = np.zeros_like(x)
    np.add(x, 1, out=r, where=x > 0)
    np.sqrt(x, out=x, where=x > 0)
    np.multiply(x, r, x)
    return r, x


def divm(x):
    q = np.empty((3, 3))
    r = np.empty((3, 3))
    np.divmod(x, 0.7, out=(q, r))
    np.divmod(x, 0.7, q, x)
    np.modf(x, out=(x, None))
    return q, r, x


def frexp1(x):
    m = np.empty((3, 3))
    e = np.empty((3, 3), np.int32)
    np.frexp(x, m, e)
    np.frexp(x, out=(x, None))
    return m, e, x


def eins(x):
    o = np.zeros((3, 3))
    np.einsum("ij,jk->ik", x, x, out=o)
    np.einsum("ij->ji", x, out=x)
    return o, x


def mm(x):
    np.matmul(x, x, out=x)
    np.dot(x, x, out=x) if x.flags.c_contiguous else 0
    np.matmul(x[0], x, out=x[1])
    return x


def take1(x):
    o = np.zeros((2, 3))
    np.take(x, [0, 5], axis=0, out=o, mode="clip")
    x.take([0, 1, 2], out=x[2])
    return o, x


def choose1(x):
    o = np.zeros(3)
    np.choose([0, 1, 2], x, out=o)
    np.choose([0, 1, 0], [x[0], x[1]], out=x[2])
    return o, x


def sort1(x):
    x[:, ::-1].sort(axis=0)
    x.T.sort()
    x[1].partition(1)
    return x


def sort2(x):
    x[::2].sort(axis=None) if 0 else x[0, ::-1].sort()
    x.sort(0)
    return x


def shape1(x):
    y = x.copy()
    y.shape = (9,)
    y[3] = 1
    return y


def swv(x):
    w = sliding_window_view(x[0], 2)
    return w * 2


def tolist1(x):
    l = x.tolist()
    l[0][0] = 3.0
    return np.array(l) * 2


def nditer1(x):
    with np.nditer(x, op_flags=["readwrite"]) as it:
        for v in it:
            v[...] = v * 2
    return x


def ndenum(x):
    for i, v in np.ndenumerate(x):
        x[i] = v * i[0]
    return x


def setfl(x):
    x.setflags(write=False)
    x[0] = 1
    return x


def setfl3(x):
    y = x[0]
    y.setflags(write=False)
    x[0] = 1
    return y * 2


def dunder(x):
    np.ndarray.__setitem__(x, 0, 5.0)
    np.ndarray.__iadd__(x, 1)
    x.__setitem__((1, 1), 2)
    return x


def ix(x):
    x[np.ix_([0, 2], [1, 2])] = x[np.ix_([1, 0], [0, 1])] * 2
    x[np.ix_([True, False, True], [0])] += 1
    return x


def idxt(x):
    x[np.s_[::2, 1]] = np.r_[1.0, x[0, 0]]
    x[np.mgrid[0:2, 0:2][0], np.ogrid[0:2, 0:2][1]] = 3
    x[np.tril_indices(3)] = 0
    x[np.diag_indices(3)] = x[0]
    return x


def bigger(x):
    x[0] = np.longdouble(3) / 7
    x[1] = 1 + 0j
    return x


def castc(x):
    x[0] = x[0] * 1j
    return x


def iadc(x):
    x += 1j
    return x


def intw(x):
    y = x.astype(int)
    y[0] = x[1]
    y[1] = 2.9
    y += x
    return y


def intw2(x):
    y = x.astype(np.int8)
    y[0] = 300
    return y


def intw3(x):
    y = x.astype(np.uint8)
    y[0] = -1
    return y


def lists(x):
    x[0] = [1, 2, 3]
    x[1] = (x[0, 0], 2, 3)
    x[:, 0] = [[1, 2, 3]]
    return x


def strw(x):
    x[0] = "3.5"
    return x


def bcerr(x):
    x[0] = [1, 2]
    return x


def bcerr2(x):
    x[:, 0] = x[:2, 1]
    return x


def bcerr3(x):
    x[x > 0] = [1, 2]
    return x


def bcerr4(x):
    x += np.ones((2, 3, 3))
    return x


def rows(x):
    for r in x:
        r += 1
        r[0] = r.sum()
    return x


def enum(x):
    for i, r in enumerate(x):
        r *= i
        r[i] = 5
    for a, b in zip(x, x.T):
        a[0] = b[1]
    for r in reversed(x):
        r[1] += r[0]
    return x


def inter(x):
    y = x.ravel().copy()
    y[::2], y[1::2] = np.append(y[1::2], 0), y[::2][:4].copy()
    return y


def inter2(x):
    x[0, ::2], x[0, 1:2] = x[0, 1:2], x[0, ::2].copy()[:1]
    return x


def chain(x):
    x[...][1:][0] = 3
    x[:, 1:][:, ::-1].T[0][1] = 8
    x.reshape(-1)[2:][1] = 4
    x.swapaxes(0, 1)[0][:] = 1
    return x


def cumo(x):
    np.cumsum(x[0, :-1], out=x[0, 1:])
    np.add.accumulate(x, out=x.T)
    return x


def redo(x):
    np.add.reduce(x, axis=0, out=x[0])
    np.max(x, axis=1, out=x[:, 1])
    np.mean(x, axis=0, out=x[2])
    np.clip(x, -1, 1, out=x)
    np.round(x, 1, out=x)
    return x


def outer(x):
    np.add.outer(x[0], x[1], out=x)
    np.multiply.outer(x[0], x[1], x.T)
    return x


def overlap1(x):
    x[1:] += x[:-1]
    x[:, 1:] = x[:, :-1]
    x[::-1] -= x
    x.T[...] += x
    return x


def overlap2(x):
    x[1:] = x[:-1] * 2
    np.add(x[:-1], x[1:], out=x[1:])
    np.negative(x[::-1], out=x)
    np.copyto(x[1:], x[:-1])
    return x


def diag(x):
    d = np.einsum("ii->i", x)
    d *= 2
    np.fill_diagonal(x[::-1], 7)
    x.diagonal().sum()
    return x


def diagw(x):
    x.diagonal()[0] = 3
    return x


def fill(x):
    x[1].fill(x[0, 0])
    x.T[0].fill(2)
    x.real[...] = x.real * 2
    return x


def bc(x):
    y = np.broadcast_to(x[0], (3, 3))
    y[0] = 1
    return y


def newax(x):
    x[None][0, 1] = 3
    x[:, None, :][1, 0] *= 2
    np.expand_dims(x, 0)[0, 0] = 1
    np.squeeze(x[None])[2] = 4
    np.atleast_3d(x)[0, 0, 0] = 9
    return x


def split(x):
    a, b, c = np.split(x, 3)
    a[...] = b
    c *= 2
    l, r = np.hsplit(x, [1])
    l[...] = r[:, :1]
    u = np.array_split(x, 2)[1]
    u[0] = 0
    return x


def roll(x):
    np.moveaxis(x, 0, 1)[0] = 1
    np.rollaxis(x, 1)[1] = 2
    np.rot90(x)[0] = 3
    np.flip(x)[0] = 4
    np.flipud(x)[2] = 5
    return x


def ell(x):
    x[..., 0] = x[0, ...]
    x[()] = x * 2
    x[...] = x[::-1]
    return x


def neg(x):
    x[-1, -2:] = x[0, :2]
    x[-1:-3:-1] = x[:2]
    x[2:0:-1, ::-2] *= 3
    return x


def fancy(x):
    x[[0, 0, 1]] = x[[1, 2, 0]]
    x[[0, 0], [1, 1]] += 1
    x[:, [2, 0]] = x[:, [0, 2]]
    x[np.array([[0, 1], [2, 0]]), 1] = [[1, 2], [3, 4]]
    return x


def boolw(x):
    x[np.array([True, False, True])] = x[1]
    x[:, [True, False, False]] = 5
    x[x[:, 0] > 1] *= 2
    x[x > 2] = x[x > 2] ** 2
    x[~(x < 0)] -= 0.5
    return x


def zerod(x):
    s = np.array(x[0, 0])
    s[...] = 3
    s += x[1, 1]
    s[()] *= 2
    return s


def zerod2(x):
    s = x[0, 0, ...]
    s[...] = 5
    return x


def aug(x):
    x[0] **= 2
    x[1] //= 2
    x[2] %= 2
    x @= np.eye(3)
    return x


def aug2(x):
    x[0] /= 0
    x[1] = np.log(x[1])
    return x


def shift(x):
    y = x.astype(int)
    y <<= 1
    y &= 3
    y |= 4
    y ^= 1
    y >>= 1
    return y


def f32(x):
    y = x.astype(np.float32)
    y += np.float64(1e-9)
    y[0] = x[1]
    y *= x
    np.add(y, x, out=y)
    return y


def f16(x):
    y = x.astype(np.float16)
    y[0] = 70000.0
    y /= 3
    return y


def nanint(x):
    y = np.zeros(3, int)
    y[:] = x[0]
    y[0] = np.nan if 0 else 2
    return y


def where_red(x):
    o = np.zeros(3)
    np.sum(x, axis=0, out=o, where=x > 0)
    np.add.reduce(x, axis=1, out=x[0], where=x < 1, initial=2.0)
    return o, x


def logic(x):
    o = np.zeros((3, 3), bool)
    np.greater(x, 0, out=o)
    np.logical_and(o, x > 1, out=o)
    np.isnan(x, out=o)
    return o


def casting(x):
    y = np.zeros((3, 3), int)
    np.add(x, 1, out=y, casting="unsafe")
    return y


def casting2(x):
    y = np.zeros((3, 3), int)
    np.add(x, 1, out=y)
    return y


def casting3(x):
    np.copyto(x.astype(int), x)
    return x


def putal(x):
    np.put_along_axis(x, np.argsort(x, axis=0), x[::-1], axis=0)
    np.put_along_axis(x, np.array([[0], [1], [2]]), 9, 1)
    return x


def compressw(x):
    np.compress([True, False, True], x, axis=0, out=x[:2])
    return x


def percento(x):
    o = np.zeros(3)
    np.percentile(x, 30, axis=0, out=o)
    np.median(x, axis=1, out=x[0])
    np.nanmax(x, 0, out=x[1])
    return o, x


def ffto(x):
    o = np.zeros((3, 3), complex)
    np.fft.fft(x, out=o)
    return o


def searchw(x):
    x[0][np.searchsorted(np.sort(x[0]), 0.7) % 3] = 5
    return x


def triu(x):
    x[np.triu(np.ones((3, 3), bool), 1)] = x.T[np.triu(np.ones((3, 3), bool), 1)]
    return x


def vect(x):
    np.vectorize(lambda r: r * 2)(x)
    x[:] = np.apply_along_axis(lambda r: r[::-1], 1, x)
    return x


def lst(x):
    rows = [x[0], x[1]]
    rows[0] += 1
    rows[1][:] = rows[0]
    d = {"r": x[2]}
    d["r"] *= 3
    d["r"][0] = d["r"][1]
    return x


def cls(x):
    class B:
        pass

    b = B()
    b.v = x[1:]
    b.v += 1
    b.v[0] = b.v[1]
    return x


def exc(x):
    try:
        x[5] = 1
    except IndexError:
        x[0] = 9
    try:
        x[0] = [1, 2, 3, 4]
    except ValueError:
        x[1] = 8
    try:
        x += "a"
    except Exception:
        x[2] = 7
    return x


def walrus(x):
    (y := x[0])[:] = 5
    return x, y


def delit(x):
    del x[0]
    return x


PROGRAMS = [
    swapv,
    swapc,
    flat1,
    flat2,
    flat3,
    put1,
    place1,
    putmask1,
    copyto1,
    at1,
    outw,
    divm,
    frexp1,
    eins,
    mm,
    take1,
    choose1,
    sort1,
    sort2,
    shape1,
    swv,
    tolist1,
    nditer1,
    ndenum,
    setfl,
    setfl3,
    dunder,
    ix,
    idxt,
    bigger,
    castc,
    iadc,
    intw,
    intw2,
    intw3,
    lists,
    strw,
    bcerr,
    bcerr2,
    bcerr3,
    bcerr4,
    rows,
    enum,
    inter,
    inter2,
    chain,
    cumo,
    redo,
    outer,
    overlap1,
    overlap2,
    diag,
    diagw,
    fill,
    bc,
    newax,
    split,
    roll,
    ell,
    neg,
    fancy,
    boolw,
    zerod,
    zerod2,
    aug,
    aug2,
    shift,
    f32,
    f16,
    nanint,
    where_red,
    logic,
    casting,
    casting2,
    casting3,
    putal,
    compressw,
    percento,
    ffto,
    searchw,
    triu,
    vect,
    lst,
    cls,
    exc,
    walrus,
    delit,
]
# Rounded, or of few digits: no derivative that differences could show.
ROUGH = {aug2, f16, f32, frexp1, redo, zerod}
LAYOUTS = {
    "C": lambda x: x.copy(),
    "F": np.asfortranarray,
    "reversed": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "strided": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_values(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layout in LAYOUTS.values():
            agree(program, [(layout(X),), (layout(-X),)])


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_gradients(program):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            program(X.copy())
        except Exception:
            return  # what raises has no derivative
        if program not in ROUGH:
            agree_gradient(lambda x: program(x.copy()), X)


def windows_to_write(x):
    sliding_window_view(x[0], 2, writeable=True)[0] = 5
    return x


def joined_in_itself(x):
    np.stack([x[0], x[1], x[2]], out=x.T)
    return x


@pytest.mark.parametrize("program", [windows_to_write, joined_in_itself])
def test_what_writes_elements_in_turn_is_refused(program):
    with pytest.raises(errors.LeakError):
        trace(program)(X.copy())


def test_writes_through_strides_are_refused():
    def program(x):
        as_strided(x, (3,), (32,))[:] = 1
        return x

    with pytest.raises(ValueError, match="read-only"):
        trace(program)(X.copy())


def later_strided(x):
    diagonal, everything = as_strided(x, (3,), (x.strides[0] + x.strides[1],)), as_strided(x)
    x[1] = 50
    return diagonal * 1, everything * 1


def later_windows(x):
    windows = sliding_window_view(x, (2, 2))
    x += 1
    return windows.sum((2, 3))


def later_broadcast(x):
    row, whole = np.broadcast_arrays(x[0], x)
    x[0] = 5
    return row * 1, whole * 1


@pytest.mark.parametrize("program", [later_strided, later_windows, later_broadcast])
def test_views_see_what_is_written_later(program):
    for x in (X, np.asfortranarray(X)):
        agree(program, [(x,), (-x,)])
    agree_gradient(lambda x: program(x.copy()), X)


@pytest.mark.parametrize("places", [[0, 1], [8, 1], [1, -9], [-1, -3], [-4, 0]])
def test_places_out_of_bounds_raise_what_numpy_raises(places):
    def f(x, places):
        np.put(x, places, [5.0, 6.0])
        return x * 2

    traced = trace(f)
    traced(np.ones(3), np.array([0, 2]))  # the program is there
    outcomes = []
    for function in (f, traced):
        try:
            outcomes.append(function(np.ones(3), np.array(places)).tolist())
        except IndexError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_a_write_out_of_bounds_raises_though_nobody_reads_what_was_written():
    def f(x):
        room = x * 2
        room[np.argmax(x) + 1] = 3.0
        return x * x

    for traced in (trace(f), grad(lambda x: f(x).sum())):
        traced(np.array([3.0, 1.0, 2.0]))
        with pytest.raises(IndexError, match="index 3 is out of bounds"):
            traced(np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize("part", [np.s_[:], np.s_[::-1], np.s_[:, ::-1], np.s_[1:, 1:]])
def test_a_diagonal_filled_from_its_own_array(part):
    """NumPy writes one element after the other, and reads what it has just written."""

    def f(x):
        np.fill_diagonal(x[part], x[0])
        return x * 2

    traced = trace(f)
    for _ in range(2):
        plain, own = np.arange(9.0).reshape(3, 3), np.arange(9.0).reshape(3, 3)
        assert np.array_equal(traced(own), f(plain)) and np.array_equal(own, plain)
    slope = grad(lambda x: (f(x.copy()) * np.arange(9.0).reshape(3, 3)).sum())
    x = np.arange(9.0).reshape(3, 3)
    steps = np.eye(9).reshape(9, 3, 3) * 1e-6
    weights = np.arange(9.0).reshape(3, 3)
    plain = [((f(x + h) - f(x - h)) * weights).sum() / 2e-6 for h in steps]
    assert np.allclose(slope(x), np.reshape(plain, (3, 3)))
