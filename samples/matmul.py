"""The Jacobian of a matrix product: derived, computed, and read from the generated code.

For one row ``c = a @ B`` with ``a`` of n numbers and ``B`` of shape (n, p),

    c[j] = sum over l of a[l] * B[l, j]        so    ∂c[j]/∂a[l] = B[l, j],

and the Jacobian, whose rows are the results and whose columns are the inputs, is ``B.T``.
Rows do not see each other: for ``C = A @ B`` it is ∂C[i, j]/∂A[k, l] = δ[i, k] B[l, j].
A cotangent Ḡ of C meets that Jacobian from the left, row by row, and in the same way for B:

    Ā = Ḡ @ B.T        (m, p) @ (p, n) -> (m, n)
    B̄ = A.T @ Ḡ        (n, m) @ (m, p) -> (n, p)

No array with four axes is ever made: that is what reverse mode is for.
"""

import numpy as np

from tracer import jacobian, trace, vjp


@trace
def product(a, b):
    return a @ b


def main(m: int = 3, n: int = 4, p: int = 2) -> None:
    draw = np.random.default_rng(0).normal
    a, b, g = draw(size=(m, n)), draw(size=(n, p)), draw(size=(m, p))

    row = jacobian(product)(a[0], b)
    print(f"one row:  ∂(a @ B)/∂a has the shape {row.shape} and is B.T: {np.allclose(row, b.T)}")

    whole = jacobian(product)(a, b)
    blocks = np.einsum("ik,lj->ijkl", np.eye(m), b)
    print(f"the whole: shape {whole.shape}, δ[i,k] B[l,j]: {np.allclose(whole, blocks)}")

    _, pullback = vjp(product, a, b)
    g_a, g_b = pullback(g)
    print(
        f"pullback: Ā = Ḡ @ B.T: {np.allclose(g_a, g @ b.T)}, "
        f"B̄ = A.T @ Ḡ: {np.allclose(g_b, a.T @ g)}"
    )
    print()
    print(product.source(a, b, argnums=(0, 1)))


if __name__ == "__main__":
    main()
