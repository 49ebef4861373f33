"""Value and gradient of path(x) with respect to x.

Made by calcgraph 0.1 from filled_buffer.py:6 for
    x: f64[6].
Plain NumPy: read it, edit it, ship it.
"""

import numpy as np


def forward(x):
    # out = np.zeros(len(x))                                                     filled_buffer.py:7
    out = np.zeros(6)                                                          # (6,)
    # out[i] = np.sin(x[i]) * x[i - 1]                                           filled_buffer.py:9
    part = x[0]                                                                # ()
    sine = np.sin(part)                                                        # ()
    out[0] = sine * x[-1]
    part_2 = x[1]                                                              # ()
    sine_2 = np.sin(part_2)                                                    # ()
    out[1] = sine_2 * part
    part_3 = x[2]                                                              # ()
    sine_3 = np.sin(part_3)                                                    # ()
    out[2] = sine_3 * part_2
    part_4 = x[3]                                                              # ()
    sine_4 = np.sin(part_4)                                                    # ()
    out[3] = sine_4 * part_3
    part_5 = x[4]                                                              # ()
    sine_5 = np.sin(part_5)                                                    # ()
    out[4] = sine_5 * part_4
    sine_6 = np.sin(x[5])                                                      # ()
    out[5] = sine_6 * part_5
    return out, (sine, sine_2, sine_3, sine_4, sine_5, sine_6, x)


def backward(residuals, g_out):
    sine, sine_2, sine_3, sine_4, sine_5, sine_6, x = residuals
    # out[i] = np.sin(x[i]) * x[i - 1]                                           filled_buffer.py:9
    g_out_2 = g_out[5]                                                         # ()
    part_5 = x[4]                                                              # ()
    g_out_3 = g_out[4]                                                         # ()
    part_4 = x[3]                                                              # ()
    g_out_4 = g_out[3]                                                         # ()
    part_3 = x[2]                                                              # ()
    g_out_5 = g_out[2]                                                         # ()
    part_2 = x[1]                                                              # ()
    g_out_6 = g_out[1]                                                         # ()
    part = x[0]                                                                # ()
    g_out_7 = g_out[0]                                                         # ()
    g_x = np.zeros(6)                                                          # (6,)
    g_x[4] = g_out_2 * sine_6
    g_x[4] += g_out_3 * part_4 * np.cos(part_5)
    g_x[5] = g_out_2 * part_5 * np.cos(x[5])
    g_x[-1] += g_out_7 * sine
    g_x[3] = g_out_3 * sine_5
    g_x[3] += g_out_4 * part_3 * np.cos(part_4)
    g_x[2] = g_out_4 * sine_4
    g_x[2] += g_out_5 * part_2 * np.cos(part_3)
    g_x[1] = g_out_5 * sine_3
    g_x[1] += g_out_6 * part * np.cos(part_2)
    g_x[0] = g_out_6 * sine_2
    g_x[0] += g_out_7 * x[-1] * np.cos(part)
    return g_x
