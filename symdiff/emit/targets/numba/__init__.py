"""Numba: NumPy's target, whose loops are compiled functions.

In: what lowering has decided. Out: NumPy's text, and kernels that Numba compiles.
Invariant: only what Numba computes as NumPy does is in a kernel, node by node; all else
is the text of the NumPy target, outside of kernels.
"""
