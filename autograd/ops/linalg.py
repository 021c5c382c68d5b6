"""Matrix products, by `@` and by Einstein's summation."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from autograd.primitives import primitive
from autograd.rules import composes, defvjp, operations
from autograd.tensor import Array, Tensor
from autograd.values import plain_array

__all__: list[str] = []


def matmul_by_left(g: Array, y: Array, x1: Array, x2: Array) -> Array:
    """g @ x2ᵀ; a vector takes part as a matrix with one row or one column."""
    if x2.ndim == 2 and x1.ndim == 2:
        return g @ x2.T
    if x1.ndim == 1:
        if x2.ndim == 1:
            return g * x2
        return (x2 @ g[..., None])[..., 0]
    if x2.ndim == 1:
        return g[..., None] * x2
    return g @ x2.swapaxes(-1, -2)


def matmul_by_right(g: Array, y: Array, x1: Array, x2: Array) -> Array:
    """x1ᵀ @ g; a vector takes part as a matrix with one row or one column."""
    if x1.ndim == 2 and x2.ndim == 2:
        return x1.T @ g
    if x1.ndim == 1:
        if x2.ndim == 1:
            return g * x1
        return x1[:, None] * g[..., None, :]
    if x2.ndim == 1:
        return (x1.swapaxes(-1, -2) @ g[..., None])[..., 0]
    return x1.swapaxes(-1, -2) @ g


defvjp(
    np.matmul, matmul_by_left, matmul_by_right,
    formula="g x2ᵀ, x1ᵀ g", sign="@", pattern="{} @ {}",
)  # fmt: skip

# ---- cross ------------------------------------------------------------------------------------

_AHEAD, _BEHIND = np.array([1, 2, 0]), np.array([2, 0, 1])


def cross_product(a: Array, b: Array) -> Array:
    """The vector at right angles to two, along the last axis, of three components."""
    return a.take(_AHEAD, -1) * b.take(_BEHIND, -1) - a.take(_BEHIND, -1) * b.take(_AHEAD, -1)


cross_product = primitive(
    cross_product,
    lambda g, y, a, b: cross_product(b, g),
    lambda g, y, a, b: cross_product(g, a),
    formula="the cross product of g and the other",
)
operations[cross_product].name = "cross"

# ---- einsum -----------------------------------------------------------------------------------
# Every call is brought to one form, explicit letters for every axis: 'ij,jk->ik'. Two operands are
# multiplied as matrices, by BLAS, in the forward and in the rules; of more operands one pair after
# the other, in the order that costs least. What letters and shapes decide is found out once.

# Capitals first, as in ASCII: the axes of an implicit result are sorted.
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SMALL = 1000  # products: with fewer all operands at once cost less than one pair after the other
ROOM = 1 << 20  # elements that a result on the way may have, even where all operands are small

Shapes = tuple[tuple[int, ...], ...]


@composes(np.einsum)
def einsum(
    *operands: Any, optimize: Any = False, dtype: Any = None, casting: Any = "safe"
) -> Array:
    """Both ways of calling it: letters first, or each operand followed by a list of numbers."""
    subscripts, given = _separated(operands)
    arrays = [a if isinstance(a, Tensor) else plain_array(a, "einsum") for a in given]
    if dtype is not None:
        arrays = [_cast(a, np.dtype(dtype), casting) for a in arrays]
    terms, output = explicit(subscripts, tuple([a.shape for a in arrays]))
    if any(a.dtype != arrays[0].dtype for a in arrays):
        dtype = np.result_type(*[a.dtype for a in arrays])
        if dtype.kind == "f":  # every product in the precision of the result, as NumPy
            arrays = [a if a.dtype == dtype else a.astype(dtype) for a in arrays]
    return contract(arrays, terms, output, optimize)


def _cast(a: Array, dtype: Any, casting: Any) -> Array:
    if not np.can_cast(a.dtype, dtype, casting):
        raise TypeError(f"{a.dtype} is not cast to {dtype} with casting={casting!r}; use .astype")
    return a.astype(dtype)


def _separated(operands: Any) -> tuple[str, Any]:
    """The subscripts as letters, and the operands."""
    if isinstance(operands[0], str):
        return operands[0], operands[1:]
    if isinstance(operands[0], bytes):
        return operands[0].decode(), operands[1:]
    pairs = len(operands) // 2
    arrays, lists, output = operands[: 2 * pairs : 2], operands[1::2], operands[2 * pairs :]
    if not pairs:
        raise ValueError("each operand needs its list of numbers, or letters stand before them all")
    # NumPy itself refuses what it does not read: arrays with as many axes stand for the operands.
    units: list[Any] = [np.ones((1,) * np.ndim(a)) for a in arrays]
    np.einsum(*[part for pair in zip(units, lists) for part in pair], *output)
    arrow = ["->" + _letters(numbers) for numbers in output]
    return ",".join(map(_letters, lists)) + "".join(arrow), arrays


def _letters(numbers: Any) -> str:
    return "".join("..." if n is Ellipsis else ALPHABET[n] for n in numbers)


@lru_cache(maxsize=1024)
def explicit(subscripts: str, shapes: Shapes) -> tuple[tuple[str, ...], str]:
    """The letters of each operand and of the result, with '...' spelled out."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(
            f"{subscripts!r} describes {len(terms)} operands, but {len(shapes)} were given"
        )
    spare = [c for c in ALPHABET if c not in subscripts]
    hidden = [
        len(shape) - len(term.replace("...", "")) if "..." in term else 0
        for term, shape in zip(terms, shapes)
    ]
    longest = "".join(spare[: max(hidden)])
    if longest and arrow and "..." not in output:
        raise ValueError(
            f"{subscripts!r}: '...' stands for {len(longest)} axes of an operand, which the result "
            f"must keep; write {inputs}->...{output}, or give a letter to each axis to sum over"
        )
    # NumPy itself refuses what it does not read: arrays with as many axes stand for the operands.
    np.einsum(subscripts, *[np.ones((1,) * len(shape)) for shape in shapes])
    terms = [t.replace("...", longest[len(longest) - h :]) for t, h in zip(terms, hidden)]
    _check_lengths(terms, shapes)
    if arrow:
        return tuple(terms), output.replace("...", longest)
    letters = "".join(terms)
    once = sorted(c for c in set(letters) if c not in longest and letters.count(c) == 1)
    return tuple(terms), longest + "".join(once)


def _check_lengths(terms: list[str], shapes: Shapes) -> None:
    """One letter, one length (or 1): NumPy's own message does not say which letter it was."""
    lengths: dict[str, tuple[int, int]] = {}
    for k, (term, shape) in enumerate(zip(terms, shapes)):
        for c, n in zip(term, shape):
            before, operand = lengths.setdefault(c, (n, k))
            if before == 1 and operand != k:
                lengths[c] = n, k
            elif n != before and (n != 1 or operand == k):
                raise ValueError(
                    f"the letter {c} has length {before} in operand {operand} and {n} in operand "
                    f"{k}; they must be equal"
                )


def _lengths(terms: Any, shapes: Any) -> dict[str, int]:
    """The length of each letter: 1 only where it is 1 in every operand."""
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes):
        for c, n in zip(term, shape):
            if lengths.get(c, 1) == 1:
                lengths[c] = n
    return lengths


# ---- more than two operands -------------------------------------------------------------------


def contract(operands: Any, terms: tuple[str, ...], output: str, optimize: Any = False) -> Array:
    """einsum of Tensors or arrays whose letters are all explicit."""
    if len(operands) == 2 and optimize is False:
        return einsum_of_two(operands[0], operands[1], terms[0], terms[1], output)
    if isinstance(optimize, list):
        optimize = tuple(tuple(p) if isinstance(p, list) else p for p in optimize)
    steps = _steps(terms, output, tuple([a.shape for a in operands]), optimize)
    left = list(operands)
    half = len(steps) > 1 and all(a.dtype == np.float16 for a in left)
    if half:  # as NumPy: half a precision is summed in a whole one
        left = [a.astype(np.float32) for a in left]
    for places, taken, result in steps:
        arrays = [left.pop(place) for place in places]
        if len(arrays) == 2:
            left.append(einsum_of_two(arrays[0], arrays[1], taken[0], taken[1], result))
        else:
            left.append(einsum_of_list(arrays, taken, result))
    return left[0].astype(np.float16) if half else left[0]


@lru_cache(maxsize=1024, typed=True)  # 0 is not False
def _steps(
    terms: tuple[str, ...], output: str, shapes: Shapes, optimize: Any
) -> list[tuple[tuple[int, ...], tuple[str, ...], str]]:
    """Which operands are joined, step by step: their places among those left (a result comes last),
    their letters, and those of the result."""
    products = math.prod(_lengths(terms, shapes).values())
    if optimize is False and (len(terms) < 3 or products < SMALL):
        return [((0,) * len(terms), terms, output)]
    if optimize is False:
        room = max(ROOM, *(math.prod(shape) for shape in shapes))
        optimize = ("optimal" if len(terms) < 5 else "greedy", room)
    if isinstance(optimize, tuple) and optimize[:1] == ("einsum_path",):
        optimize = list(optimize)
    units = [np.broadcast_to(1.0, shape) for shape in shapes]
    path = np.einsum_path(f"{','.join(terms)}->{output}", *units, optimize=optimize)[0][1:]
    steps, left = [], list(terms)
    for n, group in enumerate(path):
        places = tuple(sorted(group, reverse=True))
        taken = tuple(left.pop(place) for place in places)
        wanted = "".join([*left, output])
        joined = "".join(c for c in dict.fromkeys("".join(taken)) if c in wanted)
        left.append(output if n == len(path) - 1 else joined)
        steps.append((places, taken, left[-1]))
    return steps


# ---- two operands -----------------------------------------------------------------------------


def einsum_of_two(x1: Array, x2: Array, left: str, right: str, output: str) -> Array:
    """np.einsum of two arrays, as a product of matrices where that is faster."""
    with np.errstate(all="ignore"):  # np.einsum does not warn
        return _of_two(x1, x2, left, right, output)


def _of_two(x1: Array, x2: Array, left: str, right: str, output: str) -> Array:
    precisions = x1.dtype.char + x2.dtype.char
    layout = _layout(left, right, output, x1.shape, x2.shape) if precisions in _BY_BLAS else None
    if layout is None:
        return np.einsum(f"{left},{right}->{output}", x1, x2)
    if precisions == "ee":
        x1, x2 = x1.astype(np.float32), x2.astype(np.float32)
    swapped, one, other, flat, shape, order = layout
    if swapped:
        x1, x2 = x2, x1
    x1, x2 = _matrix(x1, *one), _matrix(x2, *other)
    if flat is None:
        y = x1 @ x2
    else:  # an array of its own, and no view that the sweep would copy
        y = np.empty_like(x1, np.result_type(x1, x2), "C", shape=shape)
        np.matmul(x1, x2, out=y.reshape(flat))
    if order is not None:
        y = y.transpose(order)
    y = y if shape else y[()]
    return y.astype(np.float16) if precisions == "ee" else y


_BY_BLAS = frozenset(a + b for a in "efd" for b in "efd")


def _matrix(x: Any, subscripts: str, order: Any, shape: Any) -> Any:
    """An operand as a matrix or a stack of them, in a way that BLAS reads."""
    if subscripts:
        x = np.einsum(subscripts, x)
    elif order is not None:
        x = x.transpose(order)
    if x.shape != shape:
        x = x.reshape(shape)
    return x if x.itemsize in x.strides[-2:] else x.copy("C")


@lru_cache(maxsize=4096)
def _layout(left: str, right: str, output: str, shape1: Any, shape2: Any) -> Any:
    """How two operands are laid out as matrices; None where np.einsum is as fast as their product.

    Letters that both have are stacked, if the result has them, or joined: summed over by the
    product. Those of one alone make the rows or the columns. Letters that only one has and the
    result has not are summed before, and so is a length of 1 where the other's is more.
    """
    lengths = _lengths((left, right), (shape1, shape2))
    ours, theirs = (
        [c for c, n in zip(term, shape) if n == lengths[c]]
        for term, shape in ((left, shape1), (right, shape2))
    )
    stack = [c for c in output if c in ours and c in theirs]
    joined = [c for c in dict.fromkeys(ours) if c in theirs and c not in output]
    rows = [c for c in output if c in ours and c not in theirs]
    columns = [c for c in output if c in theirs and c not in ours]
    if not joined or (stack and not rows and not columns):
        return None
    if rows and columns and output.index(columns[0]) < output.index(rows[0]):
        layout = _layout(right, left, output, shape2, shape1)
        return layout and (True, *layout[1:])
    if math.prod(lengths.values()) < SMALL and not (
        len(left) == len(stack + rows + joined) and len(right) == len(stack + joined + columns)
    ):
        return None

    def laid_out(term: str, *groups: list[str]) -> tuple[str, Any, Any]:
        letters = [*stack, *groups[0], *groups[1]]
        shape = [lengths[c] for c in stack] + [math.prod(lengths[c] for c in g) for g in groups]
        if len(term) == len(letters):
            return "", _order(term, letters), tuple(shape)
        return f"{term}->{''.join(letters)}", None, tuple(shape)

    one, other = laid_out(left, rows, joined), laid_out(right, joined, columns)
    found = [*stack, *rows, *columns]
    shape, flat = tuple(lengths[c] for c in found), (*one[2][:-1], other[2][-1])
    return False, one, other, None if flat == shape else flat, shape, _order(found, output)


def _order(given: Any, wanted: Any) -> tuple[int, ...] | None:
    """How a transposition brings given letters into the wanted order; None where they are."""
    order = tuple(given.index(c) for c in wanted)
    return None if order == tuple(range(len(order))) else order


def _by_first(
    g: Array, y: Array, x1: Array, x2: Array, left: str, right: str, output: str
) -> Array:
    return gradient_of_operand(g, x1.shape, left, output, [x2], (right,))


def _by_second(
    g: Array, y: Array, x1: Array, x2: Array, left: str, right: str, output: str
) -> Array:
    return gradient_of_operand(g, x2.shape, right, output, [x1], (left,))


# ---- the gradient of an operand ---------------------------------------------------------------


def gradient_of_operand(
    g: Array, shape: Any, term: str, output: str, others: Any, terms: tuple[str, ...]
) -> Array:
    """An einsum too: of g and the other operands, to the operand's own letters."""
    known = tuple([a.shape for a in others])
    letters, absent, repeated = _way_back(term, shape, output, terms, known)
    if terms or letters != output:
        g = contract([g, *others], (output, *terms), letters)
    if absent:  # summed away in this operand alone: the same gradient all along the axis
        g = np.expand_dims(g, absent)
    for first, again in repeated:  # a diagonal, 'ii': nothing beside it
        n = shape[first]
        diagonal = np.eye(n, dtype=bool).reshape(
            [n if axis in (first, again) else 1 for axis in range(len(shape))]
        )
        g = np.where(diagonal, g, 0)
    return g if g.shape == shape else np.broadcast_to(g, shape)


@lru_cache(maxsize=4096)
def _way_back(
    term: str, shape: tuple[int, ...], output: str, terms: tuple[str, ...], shapes: Shapes
) -> tuple[str, tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The letters of an operand's gradient, the axes that these leave out, and the pairs of axes
    that have one letter. A length of 1 where others are longer is summed over, and left out."""
    lengths = _lengths((term, *terms), (shape, *shapes))
    known = "".join([output, *terms])
    letters, absent, repeated = "", [], []
    for axis, (c, n) in enumerate(zip(term, shape)):
        if c in term[:axis]:
            absent.append(axis)
            repeated.append((term.index(c), axis))
        elif c in known and n == lengths[c]:
            letters += c
        else:
            absent.append(axis)
    return letters, tuple(absent), tuple(repeated)


# ---- one operand, or many small ones ----------------------------------------------------------


def einsum_of_list(operands: Any, terms: Any, output: str) -> Any:
    """np.einsum itself, with the operands in one list and all letters explicit."""
    return np.einsum(f"{','.join(terms)}->{output}", *operands)


def _by_each(g: Array, y: Array, operands: Any, terms: Any, output: str) -> list[Any]:
    terms = tuple(terms)
    return [
        gradient_of_operand(
            g, a.shape, terms[k], output,
            [*operands[:k], *operands[k + 1 :]], terms[:k] + terms[k + 1 :],
        )
        for k, a in enumerate(operands)
    ]  # fmt: skip


_formula = "einsum of g and the others"
einsum_of_two = primitive(einsum_of_two, _by_first, _by_second, formula=_formula, elementwise=False)
einsum_of_list = primitive(einsum_of_list, _by_each, formula=_formula, elementwise=False)
operations[einsum_of_two].name = operations[einsum_of_list].name = "einsum"
