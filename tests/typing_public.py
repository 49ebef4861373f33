"""The public names as a type checker sees them; checked by pyright and mypy, never run."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np

from tracer import errors, grad, settings, testing, trace, trees, value_and_grad


@trace
def loss(w: float, scale: float = 1.0) -> float:
    return w * w * scale


@trace(check=True)
def checked(w: float) -> float:
    return w * 2.0


class Model:
    k = 2.0

    @trace
    def energy(self, x: float) -> float:
        return self.k * x


assert_type(Model().energy(1.0), float)
assert_type(Model.energy(Model(), 1.0), float)
assert_type(Model().energy.source(1.0), str)
assert_type(grad(Model().energy)(1.0), Any)
assert_type(loss(1.0, scale=2.0), float)
assert_type(checked(3.0), float)
assert_type(loss.source(1.0), str)
gradient = grad(loss)(1.0)
value, gradients = value_and_grad(loss, argnums=(0, 1))(1.0, 2.0)
testing.check_grads(loss, (1.0,))
with settings.using(check=True) as chosen:
    assert_type(chosen.numerics, str)
leaves, structure = trees.flatten({"w": np.ones(3)})
fault: errors.TracerError = errors.MissingRule(
    "special.ellip_harm has no rule", fix="stop_gradient"
)
