"""What an op's result looks like, from the specs of its operands alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracer.graph.node import Params
from tracer.graph.op import Op
from tracer.graph.spec import ArraySpec


def infer(op: Op, params: Params, specs: tuple[ArraySpec, ...], spelling: str = "") -> tuple[ArraySpec, ...]:
    """The specs of the outputs of ``op`` called with ``params`` on operands with ``specs``."""
    raise NotImplementedError
