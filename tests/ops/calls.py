"""What inference says of a call, beside what NumPy does."""

from __future__ import annotations

import warnings

import numpy as np

from tracer.graph.node import Params, hole, map_structure
from tracer.graph.spec import spec_of
from tracer.ops.infer import infer
from tracer.ops.normalise import normalise


def as_node(function, args, kwargs):
    """The op, template and operands of a call: arrays and NumPy scalars are operands."""
    op, args, kwargs = normalise(function, args, kwargs)
    operands = []

    def place(leaf):
        if isinstance(leaf, (np.ndarray, np.generic)):
            operands.append(leaf)
            return hole(len(operands) - 1)
        return leaf

    params = Params(map_structure(place, tuple(args)), map_structure(place, kwargs))
    return op, params, operands


def assert_inferred(function, *args, **kwargs):
    """Inference equals NumPy in shape, dtype and kind; both refuse or neither does."""
    op, params, operands = as_node(function, args, kwargs)
    specs = tuple([spec_of(x) for x in operands])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = function(*args, **kwargs)
        except (TypeError, ValueError, IndexError, np.linalg.LinAlgError) as error:
            refused = error
        else:
            refused = None
    if refused is not None:
        return
    results = result if isinstance(result, (tuple, list)) else (result,)
    found = infer(op, params, specs)
    assert found == tuple([spec_of(item) for item in results]), (op, params, specs)
