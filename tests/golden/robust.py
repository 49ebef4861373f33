"""Value and gradient of loss(r) with respect to r.

Made by calcgraph 0.1 from robust.py:3 for
    r: f64[8].
Plain NumPy: read it, edit it, ship it.
"""

import numpy as np


def value_and_grad(r):
    # if np.abs(r).max() > 1.0:                                                  robust.py:4
    size = np.abs(r)                                                           # (8,)
    if size.max() > 1.0:
        # return np.sum(2 * np.abs(r) - 1)                                       robust.py:5
        loss = np.sum(2 * size - 1)                                            # ()
        g_r = 2.0 * np.sign(r)                                                 # (8,)
        return loss, g_r
    else:
        # return np.sum(r**2)                                                    robust.py:6
        loss = np.sum(r**2)                                                    # ()
        g_r = 2.0 * r                                                          # (8,)
        return loss, g_r
