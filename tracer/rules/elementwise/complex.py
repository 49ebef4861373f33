"""Derivatives of the parts of complex numbers, in the convention of JAX and HIPS autograd.

A real function of a complex operand declares p with dy = Re(p dz); gradients of real losses are
then the conjugate of the direction of steepest ascent, as in both libraries.

>>> elementwise(np.imag, lambda z: -1j)
"""

from __future__ import annotations

import numpy as np

from tracer.rules.declare import By, elementwise


def is_complex(z):
    return z.dtype.kind == "c"


elementwise(np.real, lambda z: 1)
elementwise(np.imag, lambda z: -1j if is_complex(z) else 0)
elementwise(np.conjugate, lambda z: By(np.conjugate) if is_complex(z) else 1)


def angle_slope(z, deg=False):
    """-1j conj(z) / |z|², in degrees if asked; real numbers jump, they do not turn."""
    if not is_complex(z):
        return 0
    slope = -1j * np.conjugate(z) / np.absolute(z) ** 2
    return slope * (180 / np.pi) if deg else slope


elementwise(np.angle, angle_slope)
