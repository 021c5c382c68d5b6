"""Matrix products, by `@` and by Einstein's summation.

May import: tensor and everything below it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.recording import primitive
from autograd.rules import composes, defvjp, operations
from autograd.tensor import Tensor

__all__: list[str] = []


def matmul_by_left(g: Any, y: Any, x1: Any, x2: Any) -> Any:
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


def matmul_by_right(g: Any, y: Any, x1: Any, x2: Any) -> Any:
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


defvjp(np.matmul, matmul_by_left, matmul_by_right, formula="g x2ᵀ, x1ᵀ g")

# ---- einsum -----------------------------------------------------------------------------------
# Every call is brought to one form, explicit letters for every axis: 'ij,jk->ik'.

# Capitals first, as in ASCII: the axes of an implicit result are sorted.
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def explicit(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, with '...' spelled out."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(
            f"{subscripts!r} describes {len(terms)} operands, but {len(ndims)} were given"
        )
    spare = [c for c in ALPHABET if c not in subscripts]
    hidden = [n - len(t.replace("...", "")) if "..." in t else 0 for t, n in zip(terms, ndims)]
    longest = spare[: max(hidden, default=0)]
    terms = [t.replace("...", "".join(longest[len(longest) - h :])) for t, h in zip(terms, hidden)]
    if arrow:
        return terms, output.replace("...", "".join(longest))
    letters = "".join(terms)
    once = sorted(c for c in set(letters) if c not in longest and letters.count(c) == 1)
    return terms, "".join(longest) + "".join(once)


def einsum_of_list(operands: Any, terms: Any, output: str, optimize: Any = False) -> Any:
    """np.einsum with the operands in one list and all letters explicit."""
    return np.einsum(f"{','.join(terms)}->{output}", *operands, optimize=optimize)


def einsum_rule(
    g: Any, y: Any, operands: Any, terms: Any, output: str, optimize: Any = False
) -> list[Any]:
    """The gradient of an operand is an einsum too: of g and the others, to its own letters."""
    gradients = []
    spare = [c for c in ALPHABET if c not in output and not any(c in term for term in terms)]
    for k, (operand, term) in enumerate(zip(operands, terms)):
        with_g = [(g, output)] + [pair for i, pair in enumerate(zip(operands, terms)) if i != k]
        fresh = iter(spare)
        wanted = ""
        for n, c in zip(operand.shape, term):
            if c in wanted:  # a diagonal, 'ii': the identity ties a new letter to the old one
                tied = next(fresh)
                with_g.append((np.eye(n, dtype=operand.dtype), c + tied))
                c = tied
            elif all(
                c not in letters or a.shape[letters.index(c)] == 1 != n for a, letters in with_g
            ):  # summed away inside this operand alone: the same gradient all along the axis
                with_g.append((np.ones(n, dtype=operand.dtype), c))
            wanted += c
        gradients.append(
            einsum_of_list([a for a, _ in with_g], [t for _, t in with_g], wanted, optimize)
        )
    return gradients


einsum_of_list = primitive(einsum_of_list, einsum_rule, formula="einsum of g and the others")
operations[einsum_of_list].name = "einsum"


@composes(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Any:
    """Both ways of calling it: letters first, or each operand followed by a list of numbers."""
    if isinstance(operands[0], str):
        subscripts, *arrays = operands
    else:
        arrays = list(operands[: len(operands) // 2 * 2 : 2])
        lists = [_letters(numbers) for numbers in operands[1::2]]
        subscripts = ",".join(lists)
        if len(operands) % 2:
            subscripts += "->" + _letters(operands[-1])
    arrays = [a if isinstance(a, Tensor) else np.asarray(a) for a in arrays]
    terms, output = explicit(subscripts, [a.ndim for a in arrays])
    _check_lengths(terms, arrays)
    return einsum_of_list(arrays, terms, output, optimize)


def _check_lengths(terms: list[str], arrays: list[Any]) -> None:
    """One letter, one length (or 1): NumPy's own message does not say which letter it was."""
    lengths: dict[str, tuple[int, int]] = {}
    for k, (term, a) in enumerate(zip(terms, arrays)):
        if len(term) != a.ndim:
            raise ValueError(
                f"operand {k} has shape {a.shape}, but {term!r} names {len(term)} axes"
            )
        for c, n in zip(term, a.shape):
            before, operand = lengths.setdefault(c, (n, k))
            if before == 1:
                lengths[c] = n, k
            elif n not in (1, before):
                raise ValueError(
                    f"the letter {c} has length {before} in operand {operand} and {n} in operand "
                    f"{k}; they must be equal"
                )


def _letters(numbers: Any) -> str:
    return "".join("..." if n is Ellipsis else ALPHABET[n] for n in numbers)
