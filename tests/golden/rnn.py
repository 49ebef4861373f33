"""Value and gradient of loss(params, xs, target) with respect to params.

Made by calcgraph 0.1 from rnn.py:6 for
    params {b: f64[3], w_h: f64[3,3], w_x: f64[2,3]}, xs: f64[5,2], target: f64[3].
Plain NumPy: read it, edit it, ship it.
"""

import numpy as np


def forward(w_h, w_x, b, xs, target):
    # h = np.zeros(len(params["b"]))                                             rnn.py:7
    h = np.zeros(3)                                                            # (3,)
    # for x in xs:                                                               rnn.py:8
    x = xs[0]                                                                  # (2,)
    # h = np.tanh(h @ params["w_h"] + x @ params["w_x"] + params["b"])           rnn.py:9
    h_2 = np.tanh(h @ w_h + x @ w_x + b)                                       # (3,)
    # for x in xs:                                                               rnn.py:8
    x_2 = xs[1]                                                                # (2,)
    # h = np.tanh(h @ params["w_h"] + x @ params["w_x"] + params["b"])           rnn.py:9
    h_3 = np.tanh(h_2 @ w_h + x_2 @ w_x + b)                                   # (3,)
    # for x in xs:                                                               rnn.py:8
    x_3 = xs[2]                                                                # (2,)
    # h = np.tanh(h @ params["w_h"] + x @ params["w_x"] + params["b"])           rnn.py:9
    h_4 = np.tanh(h_3 @ w_h + x_3 @ w_x + b)                                   # (3,)
    # for x in xs:                                                               rnn.py:8
    x_4 = xs[3]                                                                # (2,)
    # h = np.tanh(h @ params["w_h"] + x @ params["w_x"] + params["b"])           rnn.py:9
    h_5 = np.tanh(h_4 @ w_h + x_4 @ w_x + b)                                   # (3,)
    # for x in xs:                                                               rnn.py:8
    x_5 = xs[4]                                                                # (2,)
    # h = np.tanh(h @ params["w_h"] + x @ params["w_x"] + params["b"])           rnn.py:9
    h_6 = np.tanh(h_5 @ w_h + x_5 @ w_x + b)                                   # (3,)
    # return np.sum((h - target) ** 2)                                           rnn.py:10
    error = h_6 - target                                                       # (3,)
    loss = np.sum(error**2)                                                    # ()
    return loss, (h_2, h_3, h_4, h_5, h_6, error, w_h, xs)


def backward(residuals, g_loss):
    h_2, h_3, h_4, h_5, h_6, error, w_h, xs = residuals
    # return np.sum((h - target) ** 2)                                           rnn.py:10
    g_h_6 = g_loss * 2 * error                                                 # (3,)
    # h = np.tanh(h @ params["w_h"] + x @ params["w_x"] + params["b"])           rnn.py:9
    g_pre = g_h_6 * (1 - h_6**2)                                               # (3,)
    x_5 = xs[4]                                                                # (2,)
    g_h_5 = w_h @ g_pre                                                        # (3,)
    g_pre_2 = g_h_5 * (1 - h_5**2)                                             # (3,)
    x_4 = xs[3]                                                                # (2,)
    g_h_4 = w_h @ g_pre_2                                                      # (3,)
    g_pre_3 = g_h_4 * (1 - h_4**2)                                             # (3,)
    x_3 = xs[2]                                                                # (2,)
    g_h_3 = w_h @ g_pre_3                                                      # (3,)
    g_pre_4 = g_h_3 * (1 - h_3**2)                                             # (3,)
    x_2 = xs[1]                                                                # (2,)
    g_h_2 = w_h @ g_pre_4                                                      # (3,)
    g_pre_5 = g_h_2 * (1 - h_2**2)                                             # (3,)
    x = xs[0]                                                                  # (2,)
    # h = np.zeros(len(params["b"]))                                             rnn.py:7
    h = np.zeros(3)                                                            # (3,)
    total = np.outer(h_5, g_pre) + np.outer(h_4, g_pre_2) + np.outer(h_3, g_pre_3)  # (3, 3)
    g_w_h = total + np.outer(h_2, g_pre_4) + np.outer(h, g_pre_5)              # (3, 3)
    total_2 = np.outer(x_5, g_pre) + np.outer(x_4, g_pre_2) + np.outer(x_3, g_pre_3)  # (2, 3)
    g_w_x = total_2 + np.outer(x_2, g_pre_4) + np.outer(x, g_pre_5)            # (2, 3)
    g_b = g_pre + g_pre_2 + g_pre_3 + g_pre_4 + g_pre_5                        # (3,)
    return g_w_h, g_w_x, g_b


def value_and_grad(params, xs, target):
    value, residuals = forward(params["w_h"], params["w_x"], params["b"], xs, target)
    gradients = backward(residuals, 1.0)
    return value, {"w_h": gradients[0], "w_x": gradients[1], "b": gradients[2]}
