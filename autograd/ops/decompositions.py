"""Inverse, solution, determinant and decompositions of matrices: hard calculus, read last.

Every function takes one matrix or a batch of them, (..., n, n). Derivations: M. Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).

May import: tensor and everything below it, and the other families.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.recording import primitive
from autograd.rules import composes, defvjp, operations

__all__: list[str] = []


def transposed(a: Any) -> Any:
    return a.swapaxes(-1, -2)


def symmetric(a: Any) -> Any:
    return 0.5 * (a + transposed(a))


# ---- inverse and solution ---------------------------------------------------------------------


def inv_rule(g: Any, y: Any, a: Any) -> Any:
    """From d(a⁻¹) = -a⁻¹ da a⁻¹."""
    return -transposed(y) @ g @ transposed(y)


def solve_by_matrix(g: Any, y: Any, a: Any, b: Any) -> Any:
    """From dy = -a⁻¹ da y."""
    if b.ndim == 1:  # one right side, also for a batch of matrices
        g, y = g[..., None], y[..., None]
    return -np.linalg.solve(transposed(a), g) @ transposed(y)


def solve_by_right_side(g: Any, y: Any, a: Any, b: Any) -> Any:
    """From dy = a⁻¹ db."""
    if b.ndim == 1 and a.ndim > 2:  # one right side for a batch of matrices
        return np.linalg.solve(transposed(a), g[..., None])[..., 0]
    return np.linalg.solve(transposed(a), g)


defvjp(np.linalg.inv, inv_rule, formula="-yᵀ g yᵀ")
defvjp(np.linalg.solve, solve_by_matrix, solve_by_right_side, formula="-a⁻ᵀ g yᵀ, a⁻ᵀ g")

# ---- determinant ------------------------------------------------------------------------------


def cofactors(a: Any, y: Any) -> Any:
    """The derivative of the determinant by each element.

    It is det(a) a⁻ᵀ; where a matrix is singular and has no inverse, the determinants of the n²
    minors, which costs n⁵ but is right.
    """
    n = a.shape[-1]
    if not np.any(y == 0):
        return y[..., None, None] * transposed(np.linalg.inv(a))
    if n == 1:
        return np.ones_like(a)
    others = np.array([[j for j in range(n) if j != i] for i in range(n)])
    minors = a[..., others[:, None, :, None], others[None, :, None, :]]
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return np.linalg.det(minors) * signs.astype(a.dtype)


def det_rule(g: Any, y: Any, a: Any) -> Any:
    return g[..., None, None] * cofactors(a, y)


def slogdet_rule(g: Any, y: Any, a: Any) -> Any:
    """d log|det a| = tr(a⁻¹ da); the sign is a constant."""
    return g[1][..., None, None] * transposed(np.linalg.inv(a))


defvjp(np.linalg.det, det_rule, formula="g det(a) a⁻ᵀ")
defvjp(np.linalg.slogdet, slogdet_rule, formula="g a⁻ᵀ")

# ---- decompositions ---------------------------------------------------------------------------


def cholesky_rule(g: Any, y: Any, a: Any, *, upper: Any = False) -> Any:
    """Symmetrised, since the forward takes a to be symmetric."""
    if upper:
        g, y = transposed(g), transposed(y)
    n = a.shape[-1]
    half = np.tril(np.ones((n, n), a.dtype)) - 0.5 * np.eye(n, dtype=a.dtype)
    inverse = np.linalg.inv(y)
    return symmetric(transposed(inverse) @ (half * (transposed(y) @ g)) @ inverse)


def turning(moved: Any, gaps: Any) -> Any:
    """How the vectors turn into each other: the antisymmetric part of vᵀ g, over the gaps.

    Where two values are equal that is infinite, or nan: what tells their vectors apart has no
    derivative. But nothing is nothing: 0 where no gradient came to either of the two vectors.
    """
    back = transposed(moved)
    nothing = (gaps == 0) & (moved == 0) & (back == 0)
    one = np.eye(gaps.shape[-1], dtype=gaps.dtype)  # on the diagonal, 0/1
    return np.where(nothing, 0, (moved - back) / np.where(nothing, 1, gaps + one))


def quotient(numerator: Any, denominator: Any) -> Any:
    """numerator / denominator, and 0 for 0/0."""
    nothing = (numerator == 0) & (denominator == 0)
    return np.where(nothing, 0, numerator / np.where(nothing, 1, denominator))


def eigh_rule(g: Any, y: Any, a: Any, UPLO: str = "L") -> Any:
    """Symmetrised. Infinite where eigenvalues are equal and the output tells vectors apart."""
    (g_values, g_vectors), (values, vectors) = g, y
    n = a.shape[-1]
    gaps = values[..., None, :] - values[..., :, None]
    turned = 0.5 * turning(transposed(vectors) @ g_vectors, gaps)
    inner = turned + g_values[..., None, :] * np.eye(n, dtype=a.dtype)
    return symmetric(vectors @ inner @ transposed(vectors))


def thin_svd(a: Any) -> Any:
    return np.linalg.svd(a, full_matrices=False)


def singular_values(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)


def singular_values_rule(g: Any, y: Any, a: Any) -> Any:
    u, _, vh = thin_svd(a)
    return (u * g[..., None, :]) @ vh


def thin_svd_rule(g: Any, y: Any, a: Any) -> Any:
    """Infinite where singular values are equal and the output tells their vectors apart."""
    (gu, gs, gvh), (u, s, vh) = g, y
    v, gv = transposed(vh), transposed(gvh)
    k = s.shape[-1]
    one = np.eye(k, dtype=a.dtype)
    s_row, s_column = s[..., None, :], s[..., :, None]
    gaps = s_row * s_row - s_column * s_column
    left, right = turning(transposed(u) @ gu, gaps), turning(transposed(v) @ gv, gaps)
    inner = left * s_row + s_column * right + gs[..., None, :] * one
    whole = u @ inner @ vh
    rows, columns = a.shape[-2:]
    if rows > k:  # what of gu leaves the space of u
        whole = whole + quotient(gu - u @ (transposed(u) @ gu), s_row) @ vh
    if columns > k:
        whole = whole + u @ transposed(quotient(gv - v @ (vh @ gv), s_row))
    return whole


def pinv_rule(
    g: Any, y: Any, a: Any, rcond: Any = None, hermitian: Any = False, *, rtol: Any = None
) -> Any:
    """Golub and Pereyra (1973), for matrices of constant rank."""
    yt, gt = transposed(y), transposed(g)
    outside_columns, outside_rows = gt - a @ (y @ gt), gt - (gt @ y) @ a
    return outside_columns @ y @ yt + yt @ y @ outside_rows - yt @ g @ yt


defvjp(np.linalg.cholesky, cholesky_rule, formula="L⁻ᵀ Φ(Lᵀ g) L⁻¹, symmetrised")
defvjp(np.linalg.eigh, eigh_rule, formula="v (diag(g) + (vᵀ gv)/gaps) vᵀ")
thin_svd = primitive(thin_svd, thin_svd_rule, formula="u (diag(g) + turning) vᵀ")
singular_values = primitive(singular_values, singular_values_rule, formula="u diag(g) vᵀ")
operations[thin_svd].name = operations[singular_values].name = "svd"
defvjp(np.linalg.pinv, pinv_rule, formula="-yᵀ g yᵀ + ...")


@composes(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if hermitian:
        raise TypeError("hermitian=True is not supported for Tensors; use np.linalg.eigh")
    if not compute_uv:
        return singular_values(a)
    if full_matrices and a.ndim > 1 and a.shape[-1] != a.shape[-2]:
        raise TypeError(
            "the extra singular vectors of full_matrices=True are not determined for matrices of "
            f"shape {a.shape[-2:]}, nor differentiable; use full_matrices=False"
        )
    return thin_svd(a)
