"""What the rules can't tell of NumPy's public names: one table, by state and by reason.

>>> METHODS["not traceable"]["it works on files"]
('fromfile', 'fromregex', …)
"""

from __future__ import annotations

from tracer.recording.recorder.unsupported import REASONS

NAMESPACES = (
    "",
    "linalg.",
    "fft.",
    "emath.",
    "polynomial.",
    "polynomial.polynomial.",
    "polynomial.chebyshev.",
    "polynomial.hermite.",
    "polynomial.hermite_e.",
    "polynomial.laguerre.",
    "polynomial.legendre.",
)
SERIES = ("polynomial", "chebyshev", "hermite", "hermite_e", "laguerre", "legendre")
ELSEWHERE = (
    "r_",
    "c_",
    "s_",
    "index_exp",
    "mgrid",
    "ogrid",
    "lib.stride_tricks.sliding_window_view",
    "lib.stride_tricks.as_strided",
)
UFUNC_METHODS = ("reduce", "accumulate", "reduceat", "outer", "at")


def _names(text: str, prefix: str = "") -> tuple[str, ...]:
    return tuple([prefix + name for name in text.split()])


def _refused(reason: str) -> tuple[str, ...]:
    return _names(REASONS[reason])


# Everything else in these is plain Python that calls functions of NumPy's: it is traced through.
TRACED_THROUGH = "polynomial."


METHODS: dict[str, dict[str, tuple[str, ...]]] = {
    "rule": {
        "a write into an array: the next version of it": _names(
            "copyto put place putmask put_along_axis fill_diagonal ufunc.at"
        )
        + _names(
            "__setitem__ fill put sort partition __iadd__ __isub__ __imul__ __itruediv__ "
            "__ipow__ __imod__ __ifloordiv__ __imatmul__",
            "ndarray.",
        ),
        "an operator: the rule of its ufunc": _names(
            "__abs__ __add__ __sub__ __mul__ __truediv__ __mod__ __pow__ __matmul__ __neg__ "
            "__pos__ __divmod__ __radd__ __rsub__ __rmul__ __rtruediv__ __rmod__ __rpow__ "
            "__rmatmul__ __rdivmod__ __getitem__ __iter__ astype conj flatten copy tolist item "
            "view __copy__ __deepcopy__",
            "ndarray.",
        ),
        "the rules of the methods of each ufunc": _names(
            "reduce accumulate reduceat outer", "ufunc."
        ),
        "the rule of its namesake": _names("linalg.trace linalg.diagonal row_stack"),
    },
    "zero": {
        "an answer about shapes, types or memory": _names(
            "broadcast_shapes can_cast common_type isdtype isfortran isscalar issubdtype iterable "
            "min_scalar_type mintypecode promote_types typename may_share_memory shares_memory "
            "finfo iinfo dtype broadcast ndindex datetime_data einsum_path s_ index_exp "
            "ndarray.__len__ ndarray.__contains__ ndarray.setflags"
        ),
        "indices": _names(
            "diag_indices diag_indices_from tril_indices tril_indices_from triu_indices "
            "triu_indices_from mask_indices ix_ linalg.matrix_rank mgrid ogrid"
        ),
        "it depends on no data": _names("bartlett blackman hamming hanning"),
        "bits of integers": _names("packbits unpackbits"),
        "a truth value or an integer": _names(
            "__bool__ __int__ __index__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __and__ __or__ "
            "__xor__ __invert__ __lshift__ __rshift__ __rand__ __ror__ __rxor__ __rlshift__ "
            "__rrshift__ __iand__ __ior__ __ixor__ __ilshift__ __irshift__ __floordiv__ "
            "__rfloordiv__",
            "ndarray.",
        ),
        "integers and truth values do not vary": _names(
            "bool bool_ byte short intc int_ intp long longlong ubyte ushort uintc uint uintp "
            "ulong ulonglong int8 int16 int32 int64 uint8 uint16 uint32 uint64"
        ),
    },
    "composed": {
        "it calls a function of the user's, which is traced": _names(
            "apply_along_axis apply_over_axes piecewise vectorize fromfunction fromiter"
        ),
        "a cast": _names(
            "half single double longdouble csingle cdouble clongdouble float16 float32 float64 "
            "float128 complex64 complex128 complex256 ndarray.__float__ ndarray.__complex__"
        ),
        "it is made of functions that have rules": _names(
            "r_ c_ ndenumerate nditer asarray_chkfinite errstate require "
            "lib.stride_tricks.as_strided histogramdd poly1d"
        ),
    },
    "not traceable": {
        "it works on files": _refused("it works on files")
        + _names("memmap ndarray.tofile ndarray.dump"),
        "it reads raw memory": _refused("it reads raw memory")
        + _names("nested_iters flatiter")
        + _names(
            "__array__ __dlpack__ __dlpack_device__ byteswap tostring "
            "dumps getfield setfield tobytes to_device resize __reduce__ __reduce_ex__ "
            "__setstate__ __sizeof__",
            "ndarray.",
        ),
        "it makes or reads text": _refused("it makes or reads text")
        + _names(
            "array2string array_repr array_str format_float_positional format_float_scientific "
            "info bytes_ character flexible str_ ndarray.__format__ ndarray.__repr__ "
            "ndarray.__str__"
        ),
        "it is state of the interpreter": _names(
            "get_include get_printoptions getbufsize geterr geterrcall printoptions "
            "set_printoptions setbufsize seterr seterrcall show_config show_runtime test "
            "linalg.test fft.test linalg.LinAlgError polynomial.set_default_printstyle "
            "polynomial.test special.geterr special.seterr"
        ),
        "dates are not numbers": _refused("dates are not numbers")
        + _names("busdaycalendar datetime64 isnat timedelta64"),
        "arrays of another kind": _refused("arrays of another kind")
        + _names(
            "matrix object_ recarray record void frompyfunc ndarray ufunc generic number "
            "inexact floating complexfloating integer signedinteger unsignedinteger"
        )
        + tuple([f"polynomial.{kind}.ABCPolyBase" for kind in SERIES]),
        "it is a part of Python's protocols": _names(
            "__array_finalize__ __array_function__ __array_ufunc__ __array_wrap__ "
            "__array_namespace__ __class_getitem__ __delitem__ __new__",
            "ndarray.",
        ),
    },
    "missing": {},
}
