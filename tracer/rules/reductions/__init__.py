"""Derivatives of what makes fewer numbers of many: sums, statistics, order, running totals."""
