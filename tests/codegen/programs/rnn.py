"""A recurrent network: the fourth target of generated code."""

import numpy as np


def loss(params, xs, target):
    h = np.zeros(len(params["b"]))
    for x in xs:
        h = np.tanh(h @ params["w_h"] + x @ params["w_x"] + params["b"])
    return np.sum((h - target) ** 2)
