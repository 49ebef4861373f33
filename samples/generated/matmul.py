"""Value and gradient of product(a, b) with respect to a, b.

Made by calcgraph 0.1 from matmul.py:22 for
    a: f64[3,4], b: f64[4,2].
Plain NumPy: read it, edit it, ship it.
"""


def forward(a, b):
    # return a @ b                                                               matmul.py:24
    product = a @ b                                                            # (3, 2)
    return product, (a, b)


def backward(residuals, g_product):
    a, b = residuals
    # return a @ b                                                               matmul.py:24
    g_a = g_product @ b.T                                                      # (3, 4)
    g_b = a.T @ g_product                                                      # (4, 2)
    return g_a, g_b
