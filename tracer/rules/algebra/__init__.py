"""Derivatives of products, decompositions, norms and polynomials."""
