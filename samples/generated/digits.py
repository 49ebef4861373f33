"""Value and gradient of loss(params, x, labels) with respect to params.

Made by calcgraph 0.1 from digits.py:18 for
    params {b1: f64[32], b2: f64[10], w1: f64[64,32], w2: f64[32,10]}, x: f64[128,64], labels: i64[128].
Plain NumPy: read it, edit it, ship it.
"""

import numpy as np


def forward(w1, b1, w2, b2, x, labels):
    # hidden = np.tanh(x @ params["w1"] + params["b1"])                          digits.py:20
    hidden = np.tanh(x @ w1 + b1)                                              # (128, 32)
    # logits = hidden @ params["w2"] + params["b2"]                              digits.py:21
    logits = hidden @ w2 + b2                                                  # (128, 10)
    # shifted = logits - logits.max(axis=1, keepdims=True)                       digits.py:22
    shifted = logits - logits.max(axis=1, keepdims=True)                       # (128, 10)
    # log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))   digits.py:23
    exps = np.exp(shifted)                                                     # (128, 10)
    total = exps.sum(axis=1, keepdims=True)                                    # (128, 1)
    log_probs = shifted - np.log(total)                                        # (128, 10)
    # return -log_probs[np.arange(len(labels)), labels].mean()                   digits.py:24
    loss = -log_probs[np.arange(128), labels].mean()                           # ()
    return loss, (hidden, exps, total, w2, x, labels)


def backward(residuals, g_loss):
    hidden, exps, total, w2, x, labels = residuals
    # log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))   digits.py:23
    g_shifted = g_loss / 128 / total * exps                                    # (128, 10)
    # shifted = logits - logits.max(axis=1, keepdims=True)                       digits.py:22
    g_shifted[np.arange(128), labels] -= g_loss / 128
    # logits = hidden @ params["w2"] + params["b2"]                              digits.py:21
    g_b2 = g_shifted.sum(axis=0)                                               # (10,)
    g_hidden = g_shifted @ w2.T                                                # (128, 32)
    g_w2 = hidden.T @ g_shifted                                                # (32, 10)
    # hidden = np.tanh(x @ params["w1"] + params["b1"])                          digits.py:20
    g_pre = g_hidden * (1 - hidden**2)                                         # (128, 32)
    g_b1 = g_pre.sum(axis=0)                                                   # (32,)
    g_w1 = x.T @ g_pre                                                         # (64, 32)
    return g_w1, g_b1, g_w2, g_b2


def value_and_grad(params, x, labels):
    value, residuals = forward(params["w1"], params["b1"], params["w2"], params["b2"], x, labels)
    gradients = backward(residuals, 1.0)
    return value, {"w1": gradients[0], "b1": gradients[1], "w2": gradients[2], "b2": gradients[3]}
