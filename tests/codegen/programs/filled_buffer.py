"""A buffer that is filled element by element: the second target of generated code."""

import numpy as np


def path(x):
    out = np.zeros(len(x))
    for i in range(len(x)):
        out[i] = np.sin(x[i]) * x[i - 1]
    return out
