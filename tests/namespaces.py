"""NumPy's names, which must be the original ones after every trace."""

import math

import numpy as np


def name_space():
    return {
        (module.__name__, name): value
        for module in (np, np.linalg, np.fft, np.random, math)
        for name, value in vars(module).items()
    }


BEFORE = name_space()


def changed_names():
    """The names that stand for something else than they did at first."""
    after = name_space()
    return {k for k in BEFORE if after.get(k) is not BEFORE[k]}
