"""What else np.linalg has: NumPy 2's names in it, orthogonal factors, least squares, conditions.

Made of the primitives, but for `qr`, which has a rule of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd.ops.arguments import array_of, matrices_of, values_of
from autograd.ops.decompositions import close, transposed
from autograd.primitives import nondifferentiable, primitive
from autograd.rules import composes, operations
from autograd.tensor import Array, Tensor

__all__: list[str] = []


# ---- second names -----------------------------------------------------------------------------


@composes(np.linalg.matmul)
def matmul(x1: Any, x2: Any) -> Array:
    return np.matmul(x1, x2)


@composes(np.linalg.outer)
def outer(x1: Any, x2: Any) -> Array:
    x1, x2 = array_of(x1), array_of(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            f"np.linalg.outer: shapes {x1.shape} and {x2.shape}; it takes vectors (np.outer "
            "flattens others)"
        )
    return np.outer(x1, x2)


@composes(np.linalg.diagonal)
def diagonal(x: Any, *, offset: int = 0) -> Array:
    return np.diagonal(matrices_of(x, "linalg.diagonal"), offset, -2, -1)


@composes(np.linalg.trace)
def trace(x: Any, *, offset: int = 0, dtype: Any = None) -> Array:
    return np.trace(matrices_of(x, "linalg.trace"), offset, -2, -1, dtype=dtype)


@composes(np.linalg.cross)
def cross(x1: Any, x2: Any, *, axis: int = -1) -> Array:
    x1, x2 = array_of(x1), array_of(x2)
    if x1.shape[axis] != 3 or x2.shape[axis] != 3:
        raise ValueError(
            f"np.linalg.cross: the vectors must have 3 components, got shapes {x1.shape} and "
            f"{x2.shape}"
        )
    return np.cross(x1, x2, axis=axis)


@composes(np.linalg.vecdot)
def vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Array:
    options: Any = {"axis": axis}
    return np.vecdot(x1, x2, **options)


@composes(np.linalg.tensordot)
def tensordot(x1: Any, x2: Any, *, axes: Any = 2) -> Array:
    return np.tensordot(x1, x2, axes=axes)


@composes(np.linalg.matrix_transpose)
def matrix_transpose(x: Any) -> Array:
    return np.swapaxes(matrices_of(x, "linalg.matrix_transpose"), -1, -2)


@composes(np.linalg.matrix_norm)
def matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Array:
    return np.linalg.norm(array_of(x), ord, axis=(-2, -1), keepdims=keepdims)


@composes(np.linalg.vector_norm)
def vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Array:
    """All the axes meant are one vector."""
    if axis is None:
        axes = tuple(range(x.ndim))
    else:
        axes = np.lib.array_utils.normalize_axis_tuple(axis, x.ndim, "axis")
    if len(axes) == 1:
        return np.linalg.norm(x, ord, axes[0], keepdims)
    others = [i for i in range(x.ndim) if i not in axes]
    joined = math.prod(x.shape[i] for i in axes)
    rows = np.reshape(np.transpose(x, (*others, *axes)), (*[x.shape[i] for i in others], joined))
    found = np.linalg.norm(rows, ord, -1)
    return np.expand_dims(found, axes) if keepdims else found


@composes(np.linalg.svdvals)
def svdvals(x: Any) -> Array:
    return np.linalg.svd(x, compute_uv=False)


@composes(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Array:
    options: Any = {"UPLO": UPLO}
    if not a.requires_grad:  # the rule needs the vectors
        return Tensor(np.linalg.eigvalsh(a.data, **options))
    values = np.linalg.eigh(a, **options)[0]
    if np.isnan(values.data).any():  # what LAPACK refuses, it may refuse here alone
        np.linalg.eigvalsh(a.data, **options)
    return values


# ---- orthogonal factors -----------------------------------------------------------------------


def thin_qr(a: Array) -> Any:
    return np.linalg.qr(a)


def thin_qr_rule(g: Array, y: Array, a: Array) -> Array:
    """For m >= n (gq + q sym(M)) r⁻ᵀ, M = r grᵀ - gqᵀ q, mirrored from below its diagonal.

    Of a wide matrix the first m columns give q, and the others are q times those of r. Where these
    columns are linearly dependent q is not determined: nan. The cure: np.linalg.pinv or lstsq.
    """
    (gq, gr), (q, r) = g, y
    m = q.shape[-1]
    wide = a.shape[-1] > m
    if wide:
        others = gr[..., m:]
        gq, gr, r = gq + a[..., m:] @ transposed(others), gr[..., :m], r[..., :m]
    lower = r @ transposed(gr) - transposed(gq) @ q
    strict = np.tril(lower, -1)
    lengths = np.absolute(np.diagonal(values_of(r), axis1=-2, axis2=-1))
    tolerance = close(np.sort(lengths, axis=-1), a.shape)[..., 0]
    dependent = (lengths <= tolerance).any(-1)[..., None, None]
    r = np.where(dependent, np.eye(m, dtype=a.dtype), r)
    moved = gq + q @ (np.tril(lower) + transposed(strict))
    first = transposed(np.linalg.solve(r, transposed(moved)))
    first = first * np.where(dependent, np.nan, 1).astype(a.dtype)
    return np.concatenate([first, q @ others], axis=-1) if wide else first


thin_qr = primitive(thin_qr, thin_qr_rule, formula="(gq + q sym(r grᵀ - gqᵀ q)) r⁻ᵀ")
operations[thin_qr].name = "qr"


@composes(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    a = matrices_of(a, "linalg.qr")
    if mode == "r":
        return thin_qr(a)[1]
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        raise TypeError(
            "np.linalg.qr: the extra columns of mode='complete' are not determined for matrices of "
            f"shape {a.shape[-2:]}, nor differentiable; use mode='reduced'"
        )
    if mode not in ("reduced", "complete"):
        raise TypeError(f"np.linalg.qr: mode={mode!r} is not supported for Tensors; use 'reduced'")
    return thin_qr(a)


# ---- least squares, conditions, tensors as matrices -------------------------------------------


@composes(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """(solution, residuals, rank, singular values) by the pseudo-inverse, of constant rank."""
    a, b = array_of(a), array_of(b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ValueError(
            f"np.linalg.lstsq: shapes {a.shape} and {b.shape}; a matrix (m, n) is needed and a "
            "right side (m,) or (m, k)"
        )
    dtype = np.result_type(a.dtype, b.dtype)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    if np.float16 in (a.dtype, b.dtype):
        raise TypeError("np.linalg.lstsq: linear algebra takes no float16; convert by .astype")
    a, b = a.astype(dtype), b.astype(dtype)
    values = np.linalg.svd(a, compute_uv=False)
    eps = np.finfo(values.dtype).eps
    rtol = max(a.shape) * eps if rcond is None else eps if rcond < 0 else rcond
    known = values_of(values)
    rank = np.int32(np.sum(known > rtol * known.max(initial=0)))
    solution = np.linalg.pinv(a, rtol) @ b
    if not np.isfinite(values_of(a)).all() or np.isinf(values_of(b)).any():  # as NumPy: nan in all
        solution = solution * np.nan
    missed = b - a @ solution
    residuals = np.sum(missed * missed, axis=0).reshape(-1)
    if rank < a.shape[1] or a.shape[0] <= a.shape[1]:
        residuals = residuals[:0]
    return solution, residuals, rank, values


@composes(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Array:
    x = matrices_of(x, "linalg.cond")
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError(f"np.linalg.cond: a matrix of shape {x.shape} has none")
    try:
        return _condition(x, p)
    except np.linalg.LinAlgError:  # of inf and nan, where some versions of NumPy have an answer
        return Tensor(np.linalg.cond(values_of(x), p))


def _condition(x: Array, p: Any) -> Any:
    if p in (None, 2, -2):
        values = np.linalg.svd(x, compute_uv=False)
        first, last = values[..., 0], values[..., -1]
        with np.errstate(all="ignore"):
            ratio = last / first if p == -2 else first / last
        return _unless_given(np.where(first == 0, np.inf, ratio), x)
    singular = np.linalg.slogdet(values_of(x))[0][..., None, None] == 0
    regular = np.where(singular, np.eye(x.shape[-1], dtype=x.dtype), x)
    product = np.linalg.norm(x, p, (-2, -1)) * np.linalg.norm(np.linalg.inv(regular), p, (-2, -1))
    return _unless_given(np.where(singular[..., 0, 0], np.inf, product), x)


def _unless_given(y: Array, x: Array) -> Array:
    """A condition number with inf for nan, unless the matrix has a nan itself."""
    infinite = np.isnan(values_of(y)) & ~np.isnan(values_of(x)).any((-2, -1))
    return np.where(infinite, np.inf, y) if infinite.any() else y


@composes(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Array:
    if ind <= 0:
        raise ValueError(f"np.linalg.tensorinv: ind must be positive, got {ind}")
    above, below = a.shape[:ind], a.shape[ind:]
    return np.linalg.inv(np.reshape(a, (math.prod(below), -1))).reshape((*below, *above))


@composes(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Array:
    a, b = array_of(a), array_of(b)
    if axes is not None:
        moved = np.lib.array_utils.normalize_axis_tuple(axes, a.ndim, "axes")
        a = np.transpose(a, [i for i in range(a.ndim) if i not in moved] + list(moved))
    wanted = a.shape[b.ndim :]
    if math.prod(wanted) ** 2 != a.size:
        raise ValueError(
            f"np.linalg.tensorsolve: a of shape {a.shape} for b of shape {b.shape}; the product of "
            "a's first axes must be that of the others"
        )
    flat = np.linalg.solve(np.reshape(a, (-1, math.prod(wanted))), np.reshape(b, -1))
    return np.reshape(flat, wanted)


nondifferentiable(np.linalg.matrix_rank)
