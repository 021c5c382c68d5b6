"""Inverse, solution, determinant and decompositions of matrices: hard calculus, read last.

Every function takes one matrix or a batch of them, (..., n, n). Derivations: M. Giles, "Collected
matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from autograd.ops.arguments import values_of
from autograd.primitives import primitive
from autograd.rules import composes, defvjp, operations
from autograd.tensor import Array, Tensor

__all__: list[str] = []


def transposed(a: Array) -> Array:
    return a.swapaxes(-1, -2)


def symmetric(a: Array) -> Array:
    return 0.5 * (a + transposed(a))


# ---- inverse and solution ---------------------------------------------------------------------


def inv_rule(g: Array, y: Array, a: Array) -> Array:
    """From d(a⁻¹) = -a⁻¹ da a⁻¹."""
    return -transposed(y) @ g @ transposed(y)


def solve_by_matrix(g: Array, y: Array, a: Array, b: Array) -> Array:
    """From dy = -a⁻¹ da y."""
    if b.ndim == 1:  # one right side, also for a batch of matrices
        g, y = g[..., None], y[..., None]
    return -np.linalg.solve(transposed(a), g) @ transposed(y)


def solve_by_right_side(g: Array, y: Array, a: Array, b: Array) -> Array:
    """From dy = a⁻¹ db."""
    if b.ndim == 1 and a.ndim > 2:  # one right side for a batch of matrices
        return np.linalg.solve(transposed(a), g[..., None])[..., 0]
    return np.linalg.solve(transposed(a), g)


defvjp(np.linalg.inv, inv_rule, formula="-yᵀ g yᵀ", sign="x⁻¹")
defvjp(np.linalg.solve, solve_by_matrix, solve_by_right_side, formula="-a⁻ᵀ g yᵀ, a⁻ᵀ g")

# ---- determinant ------------------------------------------------------------------------------
# Every order of derivative of the determinant is a sum of minors, and finite; the formulas with the
# inverse lose digits with 1/det. So there is one operation for all orders, `cofactors`: the mixed
# derivative of the determinant's gradient in any number of directions. Its own rule is itself, with
# one direction more. It computes with numbers a + b e1 + c e2 + d e1 e2 ..., where ei² = 0: what
# stands at e1 e2 ... ek is the derivative in k directions. A list holds what stands at 1, e1, e2,
# e1 e2, e3, ...: bit i of a place is set where e(i+1) takes part.


def cofactors_by_matrix(g: Array, y: Array, a: Array, directions: Any, _det: Any = None) -> Array:
    """The derivatives of a determinant are symmetric, so g is one more direction."""
    return cofactors(a, [*directions, g], _det)


def cofactors_by_directions(
    g: Array, y: Array, a: Array, directions: Any, _det: Any = None
) -> list[Any]:
    return [
        cofactors(a, [g if i == k else d for i, d in enumerate(directions)], _det)
        for k in range(len(directions))
    ]


def _cofactors(a: Array, directions: Any, _det: Any = None) -> Array:
    """The derivative of det by each element, differentiated again in the directions: in n³ time.

    det(a) a⁻ᵀ, where the inverse is near enough and the determinant well within the range of
    numbers; minors of small matrices; otherwise `turned_cofactors`.
    """
    n, order, info = a.shape[-1], len(directions), np.finfo(a.dtype)
    _det = np.linalg.det(a) if _det is None else _det
    size, least = np.absolute(_det), info.tiny / info.eps
    regular = ((size >= least) & (size <= 1 / least)).all()
    if regular and not order:
        return _det[..., None, None] * transposed(np.linalg.inv(a))
    if n <= max(3, order + 1):
        return small_cofactors(a, directions)
    if regular:
        inverse = np.linalg.inv(a)
        if not np.any(_sizes(a) * _sizes(inverse) > info.eps ** (-0.25 / order)):
            return bordered(in_directions(a, directions), inverse, _det, 0)
    return turned_cofactors(a, directions)


def in_directions(a: Array, directions: Any) -> list[Any]:
    """The number a + d1 e1 + d2 e2 + ..."""
    parts = [a]
    for direction in directions:
        parts += [direction] + [np.zeros_like(a)] * (len(parts) - 1)
    return parts


def evened(a: Array) -> tuple[Any, Any]:
    """Matrices whose largest element is around 1, and the powers of two they were divided by."""
    largest = np.max(np.absolute(a), axis=(-2, -1), keepdims=True)
    exponents = np.frexp(np.where(np.isfinite(largest), largest, 1))[1]
    return np.ldexp(a, -exponents), exponents


def small_cofactors(a: Array, directions: Any) -> Array:
    """As they are, so that no small element is lost; evened where products are infinite."""
    y = minors(in_directions(a, directions))[-1]
    if np.isfinite(y).all():
        return y
    (a, exponents), pairs = evened(a), [evened(d) for d in directions]
    exponents = exponents * max(a.shape[-1] - 1 - len(directions), 0) + sum(e for _, e in pairs)
    even = np.ldexp(minors(in_directions(a, [d for d, _ in pairs]))[-1], exponents)
    return np.where(np.isfinite(y), y, even)


def turned_cofactors(a: Any, directions: Any) -> Array:
    """With the singular values s on the diagonal, and nothing divided by the smallest of them.

    The rows of the larger are divided by them, the others by the least of the larger. So every
    number on the way is about as large as a direction, at most; what was divided by is multiplied
    in at the end, and nothing leaves the range of numbers that the result does not leave.
    """
    n, pairs = a.shape[-1], [evened(direction) for direction in directions]
    finite = np.isfinite(a).all((-2, -1))[..., None, None]  # of others nan, and not LAPACK's error
    u, s, vh = thin_svd(np.where(finite, a, 0))
    large, small = s[..., : n - 1 - len(directions)], s[..., n - 1 - len(directions) :]
    zero = large[..., -1:] == 0
    large = np.where(zero, 1, large)
    least, one = large[..., -1:], np.ones_like(large)
    rows = np.concatenate([least / large, np.ones_like(small)], axis=-1)[..., None]
    turned = [rows * (transposed(u) @ d @ transposed(vh)) for d, _ in pairs]
    diagonal = np.concatenate([one, small / least], axis=-1)[..., None, :]
    parts = in_directions(diagonal * np.eye(n, dtype=a.dtype), turned)
    eye = np.broadcast_to(np.eye(large.shape[-1], dtype=a.dtype), (*one.shape, one.shape[-1]))
    inner = bordered(parts, eye, one[..., 0], small.shape[-1])
    exponents = np.frexp(large * math.sqrt(0.5))[1]
    product = np.prod(np.ldexp(large, -exponents), axis=-1, keepdims=True, dtype=np.float64)
    product = np.where(zero, 0, product)[..., None]
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    exponents = np.sum(exponents, axis=-1)[..., None, None] + sum(e for _, e in pairs)
    y = np.ldexp(product * (sign * (u @ (rows * inner) @ vh)), exponents)
    return np.where(finite, y, np.nan).astype(a.dtype)


def _sizes(a: Array) -> Array:
    return np.sqrt(np.sum(a * a, axis=(-2, -1)))


def times(left: Any, right: Any, product: Any = np.multiply) -> list[Any]:
    """The product of two such numbers, or matrices of them."""
    places = range(len(left))
    return [
        sum(product(left[i], right[i ^ place]) for i in places if i | place == place)
        for place in places
    ]


def minors(parts: Any) -> list[Any]:
    """The cofactors of a small matrix by Leibniz' formula, without a division."""
    n = parts[0].shape[-1]
    others = np.array([[j for j in range(n) if j != i] for i in range(n)], int)
    others = others.reshape(n, max(n - 1, 0))
    rows, columns = others[:, None, :], others[None, :, :]
    one = np.ones_like(parts[0])
    total = [np.zeros_like(one) for _ in parts]
    for order in itertools.permutations(range(n - 1)):
        inversions = sum(p > q for p, q in itertools.combinations(order, 2))
        term = [one * (-1) ** inversions] + [0 * one] * (len(parts) - 1)
        for i, j in enumerate(order):
            term = times(term, [part[..., rows[..., i], columns[..., j]] for part in parts])
        total = [t + s for t, s in zip(total, term)]
    signs = (-1) ** np.add.outer(np.arange(n), np.arange(n))
    return [t * signs.astype(one.dtype) for t in total]


def bordered(parts: Any, inverse: Array, det: Array, small: int) -> Array:
    """The cofactors of [[A, B], [C, D]], D of `small` rows, given A's inverse and determinant.

    The determinant is det(A) det(D - C A⁻¹ B). Only A is inverted; of D minors are taken.
    """
    n = parts[0].shape[-1] - small
    inverses, dets = [inverse], [det]
    corner = [part[..., :n, :n] for part in parts]
    for place in range(1, len(parts)):
        bits = [1 << i for i in range(place.bit_length()) if place >> i & 1]
        inverses.append(-inverse @ sum(corner[bit] @ inverses[place ^ bit] for bit in bits))
        before, last = place ^ bits[-1], corner[bits[-1]]
        dets.append(  # d det(A) = det(A) tr(A⁻¹ dA)
            sum(
                dets[i] * np.sum(transposed(inverses[before ^ i]) * last, axis=(-2, -1))
                for i in range(before + 1)
                if i | before == before
            )
        )
    dets = [d[..., None, None] for d in dets]
    if not small:
        return times(dets, [transposed(x) for x in inverses])[-1]
    above = times(inverses, [part[..., :n, n:] for part in parts], np.matmul)
    left = times([part[..., n:, :n] for part in parts], inverses, np.matmul)
    below = times([part[..., n:, :n] for part in parts], above, np.matmul)
    rest = [part[..., n:, n:] - part_below for part, part_below in zip(parts, below)]
    inner = minors(rest)
    det_rest = times(  # along the first row
        [r[..., :1, :] for r in rest], [transposed(m[..., :1, :]) for m in inner], np.matmul
    )
    inner = times(dets, inner)
    right = times(inner, [transposed(x) for x in above], np.matmul)
    under = times([transposed(x) for x in left], inner, np.matmul)
    whole = times([transposed(x) for x in left], right, np.matmul)[-1]
    whole = whole + times(times(dets, det_rest), [transposed(x) for x in inverses])[-1]
    top = np.concatenate([whole, -under[-1]], axis=-1)
    return np.concatenate([top, np.concatenate([-right[-1], inner[-1]], axis=-1)], axis=-2)


def det_rule(g: Array, y: Array, a: Array) -> Array:
    derivative = cofactors if isinstance(a, Tensor) else _cofactors
    return g[..., None, None] * derivative(a, [], values_of(y))


def slogdet_rule(g: Any, y: Any, a: Array) -> Array:
    """d log|det a| = tr(a⁻¹ da); the sign is a constant. Infinite or nan where a is singular."""
    singular = values_of(y[1]) == -np.inf
    if not singular.any():
        return g[1][..., None, None] * transposed(np.linalg.inv(a))
    singular = singular[..., None, None]
    regular = np.where(singular, np.eye(a.shape[-1], dtype=a.dtype), a)
    steep = np.where(singular, cofactors(a, [], np.exp(values_of(y[1]))), 0) / (1.0 - singular)
    return g[1][..., None, None] * np.where(singular, steep, transposed(np.linalg.inv(regular)))


cofactors: Any = primitive(
    _cofactors, cofactors_by_matrix, cofactors_by_directions, formula="cofactors in the direction g"
)
defvjp(np.linalg.det, det_rule, formula="g det(a) a⁻ᵀ")
defvjp(np.linalg.slogdet, slogdet_rule, formula="g a⁻ᵀ")

# ---- decompositions ---------------------------------------------------------------------------


def cholesky_rule(g: Array, y: Array, a: Array, *, upper: Any = False) -> Array:
    """Symmetrised, since the forward takes a to be symmetric."""
    if upper:
        g, y = transposed(g), transposed(y)
    n = a.shape[-1]
    half = np.tril(np.ones((n, n), a.dtype)) - 0.5 * np.eye(n, dtype=a.dtype)
    inverse = np.linalg.inv(y)
    return symmetric(transposed(inverse) @ (half * (transposed(y) @ g)) @ inverse)


def certain(vanishing: Any, free: Array, dtype: Any) -> Any:
    """1, but where a gap vanishes 0 for what nobody used, and nan for the rest.

    What tells the vectors of equal values apart has no derivative, however small the numerator.
    """
    return np.where(vanishing, np.where(free, 0, np.nan), 1).astype(dtype)


def usual(vanishing: Any) -> bool:
    """Whether no gaps vanish but those between each value and itself."""
    return np.count_nonzero(vanishing) * vanishing.shape[-1] == vanishing.size


def reached(g: Array, i: int) -> bool:
    """Whether the output depends on result i; g may be a tuple of anybody's, which does not say."""
    return g.reached(i) if hasattr(g, "reached") else True


def came(g: Array, i: int) -> Any:
    """On which elements of result i the output may depend."""
    return g.came(i) if hasattr(g, "came") else np.ones(g[i].shape, bool)


def unused(g: Array, of_values: int, *of_vectors: tuple[int, int]) -> tuple[Any, Any]:
    """Which vectors have no influence, and of which of them that is not certain.

    A vector is unused if the output does not depend on it, or if no gradient came to it, while none
    can have come to its value. (With its value it may be part of a product, u s vᵀ: where s is 0,
    the gradient of u is 0, and yet what it tells is not.) In the second case another gradient might
    come: then the derivative by it has to be nan.
    """
    absent, silent = np.True_, ~came(g, of_values)
    for i, axis in of_vectors:
        absent = absent & ~came(g, i).any(axis)
        silent = silent & (values_of(g[i]) == 0).all(axis)
    return absent | silent, silent & ~absent


def doubts(g: Array, doubtful: Any, vanishing: Any, *of_vectors: tuple[int, int]) -> Any:
    """A 0 whose derivative by the gradient of a doubtful vector is nan where a gap vanishes."""
    doubtful, total = doubtful & vanishing, 0
    if np.any(doubtful):
        for i, axis in of_vectors:
            if isinstance(g[i], Tensor):
                total = total + uncertain(g[i], np.expand_dims(doubtful, axis))
    return total


def _uncertain(x: Array, where: Any) -> Array:
    return np.zeros((*x.shape[:-2], 1, 1), x.dtype)


def _uncertain_rule(g: Array, y: Array, x: Array, where: Any) -> Array:
    return g * np.where(np.broadcast_to(where, x.shape), np.nan, 0).astype(y.dtype)


uncertain: Any = primitive(_uncertain, _uncertain_rule, formula="nan where it is not certain")


def both(free: Any) -> Any:
    """Which pairs of vectors are unused; the diagonal is: a vector does not turn into itself."""
    return (free[..., None, :] & free[..., :, None]) | np.eye(free.shape[-1], dtype=bool)


def close(values: Array, shape: Any) -> Any:
    """How near two values, sorted, or one and 0, are the same, as far as rounding can tell."""
    largest = np.maximum(np.absolute(values[..., :1]), np.absolute(values[..., -1:]))
    return max(shape[-2:]) * np.finfo(values.dtype).eps * largest[..., None]


def of_values(g: Array, where: Any, left: Array, right: Array) -> Any:
    """left diag(g) right, of those values alone to which a gradient came."""
    used = where.any(tuple(range(where.ndim - 1)))
    if not used.all():
        left, g, right = left[..., used], g[..., used], right[..., used, :]
    return (left * g[..., None, :]) @ right


def eigh_rule(g: Array, y: Array, a: Array, UPLO: str = "L") -> Array:
    """Symmetrised. Where eigenvalues are equal and their vectors were used, nan.

    The cure: use functions of the eigenvalues alone, or of the matrix (np.linalg.inv, matrix_power,
    norm), or only those vectors whose values are distinct, v[:, k:].
    """
    (g_values, g_vectors), (values, vectors) = g, y
    back = transposed(vectors)
    whole = of_values(g_values, came(g, 0), vectors, back)
    if reached(g, 1):
        moved = back @ g_vectors
        turned, doubt = moved - transposed(moved), 0
        gaps = values[..., None, :] - values[..., :, None]
        vanishing = np.absolute(values_of(gaps)) <= close(values_of(values), a.shape)
        if not usual(vanishing):
            free, doubtful = unused(g, 0, (1, -2))
            doubt = doubts(g, doubtful, vanishing.sum(-1) > 1, (1, -2))
            turned = turned * certain(vanishing, both(free), a.dtype)
            gaps = np.where(vanishing, 1, gaps)
        turned = turned / (gaps + np.eye(a.shape[-1], dtype=a.dtype))
        whole = whole + vectors @ (0.5 * turned) @ back + doubt
    return symmetric(whole)


def thin_svd(a: Array) -> Any:
    return np.linalg.svd(a, full_matrices=False)


def thin_svd_rule(g: Array, y: Array, a: Array) -> Array:
    """Where singular values are equal or 0 and their vectors were used, nan.

    (One 0 of a square matrix is no harm.) The cure: np.linalg.pinv, norm or the singular values
    alone, or only those vectors whose values are distinct and not 0: u[:, :k], s[:k], vh[:k].
    """
    (gu, gs, gvh), (u, s, vh) = g, y
    whole = of_values(gs, came(g, 1), u, vh)
    if not reached(g, 0) and not reached(g, 2):
        return whole
    v, gv = transposed(vh), transposed(gvh)
    s_row, s_column = s[..., None, :], s[..., :, None]
    left, right = transposed(u) @ gu, transposed(v) @ gv
    left, right = left - transposed(left), right - transposed(right)
    apart, sums, doubt, factor = s_row - s_column, s_row + s_column, 0, 1.0
    tolerance, (rows, columns) = close(values_of(s), a.shape), a.shape[-2:]
    equal, zero = np.absolute(values_of(apart)) <= tolerance, values_of(s_row) <= tolerance
    apart = apart + np.eye(s.shape[-1], dtype=a.dtype)
    if zero.any() or not usual(equal):
        free, doubtful = unused(g, 1, (0, -2), (2, -1))
        vanishing = (equal.sum(-1) > 1) | (zero[..., 0, :] & (rows != columns))
        doubt = doubts(g, doubtful, vanishing, (0, -2), (2, -1))
        none = values_of(sums) <= tolerance
        left_right = (left + right) * certain(equal, both(free), a.dtype)
        apart, sums = np.where(equal, 1, apart), np.where(none, 1, sums)
        inner = left_right / apart + (left - right) * certain(none, both(free), a.dtype) / sums
        factor = certain(zero, free[..., None, :], a.dtype)
        s_row = np.where(zero, 1, s_row)
    else:
        inner = (left + right) / apart + (left - right) / sums
    whole = whole + u @ (0.5 * inner) @ vh + doubt
    if rows > columns:  # what of gu leaves the space of u
        whole = whole + ((gu - u @ (transposed(u) @ gu)) * factor / s_row) @ vh
    if columns > rows:
        whole = whole + u @ transposed((gv - v @ (vh @ gv)) * factor / s_row)
    return whole


def pinv_rule(
    g: Array, y: Array, a: Array, rcond: Any = None, hermitian: Any = False, *, rtol: Any = None
) -> Array:
    """Golub and Pereyra (1973), for matrices of constant rank."""
    yt, gt = transposed(y), transposed(g)
    outside_columns, outside_rows = gt - a @ (y @ gt), gt - (gt @ y) @ a
    return outside_columns @ y @ yt + yt @ y @ outside_rows - yt @ g @ yt


defvjp(np.linalg.cholesky, cholesky_rule, formula="L⁻ᵀ Φ(Lᵀ g) L⁻¹, symmetrised")
defvjp(np.linalg.eigh, eigh_rule, formula="v (diag(g) + (vᵀ gv)/gaps) vᵀ")
thin_svd = primitive(thin_svd, thin_svd_rule, formula="u (diag(g) + turning) vᵀ")
operations[thin_svd].name = "svd"
defvjp(np.linalg.pinv, pinv_rule, formula="-yᵀ g yᵀ + ...")


@composes(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if hermitian:
        raise TypeError("hermitian=True is not supported for Tensors; use np.linalg.eigh")
    if not compute_uv:
        if a.requires_grad:  # the rule needs the vectors
            return thin_svd(a)[1]
        return Tensor(np.linalg.svd(a.data, compute_uv=False))
    if full_matrices and a.ndim > 1 and a.shape[-1] != a.shape[-2]:
        raise TypeError(
            "the extra singular vectors of full_matrices=True are not determined for matrices of "
            f"shape {a.shape[-2:]}, nor differentiable; use full_matrices=False"
        )
    return thin_svd(a)
