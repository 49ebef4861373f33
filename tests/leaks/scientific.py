"""Ways out of a traced array through C and Fortran code of scientific libraries, and of NumPy.

>>> SCIENTIFIC["blas"](np.array([0.5, 1.5, 2.5]))
8.75
"""

import io

import numpy as np
import pytest


def of(name):
    """The library's module; a test that needs one that is not there is skipped."""
    return pytest.importorskip(name)


def saved(x):
    file = io.BytesIO()
    of("scipy.io").savemat(file, {"x": x})
    file.seek(0)
    return of("scipy.io").loadmat(file)["x"]


def weighted(x):
    graph = of("networkx").Graph()
    graph.add_edge(0, 1, weight=x[0])
    return of("networkx").adjacency_matrix(graph).toarray()[0, 1]


def hierarchy(x):
    file = of("h5py").File("memory", "w", driver="core", backing_store=False)
    file["x"] = x
    return file["x"][:]


def structured(x):
    made = np.zeros(3, [("a", float)])
    made["a"] = x
    return made["a"] * 1.0


def objects(x):
    made = np.empty(2, object)
    made[0], made[1] = x, x * 2
    return made[0] + made[1]


def allocated(x):
    rows = np.nditer([x, None], op_flags=[["readonly"], ["writeonly", "allocate"]])
    with rows:
        for one, other in rows:
            np.multiply(one, 2.0, out=other)
        return rows.operands[1]


def placed(x):
    made = np.zeros(3)
    np.maximum.at(made, [0, 1, 1], x)
    return made


def loops(x):
    total = 0.0
    for value in np.nditer(x):
        total = total + value * 2
    return total


KNOTS = np.arange(3.0)
SCIENTIFIC = {
    "blas": lambda x: of("scipy.linalg.blas").ddot(x, x),
    "blas axpy": lambda x: of("scipy.linalg.blas").daxpy(x, np.ones(3), a=2.0),
    "lapack": lambda x: of("scipy.linalg.lapack").dgesv(np.diag(x), np.ones(3))[2],
    "cdist": lambda x: of("scipy.spatial.distance").cdist(x[:, None], x[:, None]),
    "pdist": lambda x: of("scipy.spatial.distance").pdist(x[:, None]),
    "cKDTree": lambda x: of("scipy.spatial").cKDTree(np.c_[x, x]).query([1.0, 1.0])[0],
    "map_coordinates": lambda x: of("scipy.ndimage").map_coordinates(x, [[0.5, 1.5]], order=1),
    "convolve1d": lambda x: of("scipy.ndimage").convolve1d(x, [1.0, 2.0, 1.0]),
    "label": lambda x: of("scipy.ndimage").label(x > 1)[1],
    "interp1d": lambda x: of("scipy.interpolate").interp1d(KNOTS, x)(0.5),
    "pchip": lambda x: of("scipy.interpolate").PchipInterpolator(KNOTS, x)(0.5),
    "rbf": lambda x: of("scipy.interpolate").RBFInterpolator(KNOTS[:, None], x)([[0.5]]),
    "grid": lambda x: of("scipy.interpolate").RegularGridInterpolator((KNOTS,), x)([0.5]),
    "sparse diags": lambda x: of("scipy.sparse").diags(x).toarray(),
    "sparse @": lambda x: of("scipy.sparse").eye(3).tocsr() @ x,
    "sparse coo": lambda x: of("scipy.sparse").coo_matrix((x, ([0, 1, 2], [0, 1, 2]))).sum(),
    "sparse multiply": lambda x: of("scipy.sparse").csr_matrix(np.eye(3)).multiply(x).toarray(),
    "sparse cg": lambda x: of("scipy.sparse.linalg").cg(np.eye(3) * 2, x)[0],
    "lfilter": lambda x: of("scipy.signal").lfilter([1.0], [1.0, 0.5], x),
    "fftconvolve": lambda x: of("scipy.signal").fftconvolve(x, x),
    "brentq": lambda x: of("scipy.optimize").brentq(lambda t: t * t - x[0], 0, 3),
    "nnls": lambda x: of("scipy.optimize").nnls(np.eye(3), x)[0],
    "assignment": lambda x: of("scipy.optimize").linear_sum_assignment(np.outer(x, x))[1],
    "simpson": lambda x: of("scipy.integrate").simpson(x),
    "norm.cdf": lambda x: of("scipy.stats").norm.cdf(x),
    "rankdata": lambda x: of("scipy.stats").rankdata(x),
    "linkage": lambda x: of("scipy.cluster.hierarchy").linkage(x[:, None])[:, 2],
    "savemat": saved,
    "networkx": weighted,
    "h5py": hierarchy,
    "numexpr": lambda x: of("numexpr").evaluate("x * 2"),
    "numba": lambda x: of("numba").njit(lambda v: v.sum())(x),
    "data frame": lambda x: of("pandas").DataFrame({"a": x})["a"].sum(),
    "jax": lambda x: np.asarray(of("jax.numpy").sin(x), float),
    "sklearn scale": lambda x: of("sklearn.preprocessing").scale(x),
    # NumPy's own
    "structured": structured,
    "objects": objects,
    "objects reduced": lambda x: np.frompyfunc(lambda a, b: a + b, 2, 1).reduce(x),
    "nditer allocate": allocated,
    "nditer sum": loops,
    "maximum.at": placed,
    "logical reduceat": lambda x: np.logical_or.reduceat(x > 1, [0, 2]),
    "outer out": lambda x: np.multiply.outer(x, x, out=np.empty((3, 3))),
    "over axes": lambda x: np.apply_over_axes(np.sum, x[:, None], [0]),
    "vectorize signature": lambda x: np.vectorize(lambda a, b: a @ b, signature="(n),(n)->()")(
        x, x
    ),
    "vectorize otypes": lambda x: np.vectorize(lambda v: v * 2.0, otypes=[float])(x),
    "strings": lambda x: np.strings.str_len(x.astype("U8")),
    "multiply text": lambda x: np.char.multiply(x.astype("U8"), 1).astype(float),
    "timedelta64": lambda x: x.astype("m8[s]").astype(float),
    "masked greater": lambda x: np.ma.masked_greater(x, 1.0).sum(),
    "filled": lambda x: np.ma.array(x, mask=x > 1).filled(0.0),
    "unpackbits": lambda x: np.unpackbits(x.astype(np.uint8)),
    "view void": lambda x: x.view("V8").view(float),
    "view uint8": lambda x: x.view(np.uint8)[:3],
    "base_repr": lambda x: np.base_repr(int(x[0] * 8)).count("1"),
    "write_array": lambda x: written(x),
    "savez": lambda x: archived(x),
}


def written(x):
    file = io.BytesIO()
    np.lib.format.write_array(file, x)
    file.seek(0)
    return np.lib.format.read_array(file)


def archived(x):
    file = io.BytesIO()
    np.savez_compressed(file, a=x)
    file.seek(0)
    return np.load(file)["a"]
