"""Rows of a table looked up by whole numbers, as function and Module."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, primitive
from nn.arguments import as_operand, at_first, values
from nn.checks import flag, whole
from nn.habits import told
from nn.init import normal_
from nn.module import Module

__all__ = ["Embedding", "embedding"]


@told
def embedding(input: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """The rows of weight that input names; their gradients are added up where they came from.

    Args: input, whole numbers from 0 on, of any shape; weight (V, D); padding_idx, a row that hands
        no gradient on (-1: the last).
    Shapes: the result (*input.shape, D). Raises TypeError for what is no whole number, ValueError
    for one below 0 or from V on, naming it. Source: PyTorch's embedding.

    >>> embedding([2, 0], Tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]))
    Tensor([[3., 3.],
            [1., 1.]])
    """
    places, weight = values(input), as_operand(weight)
    if weight.ndim != 2:
        raise ValueError(
            f"embedding: weight must be (V, D), a row for each number, got {weight.shape}"
        )
    rows = len(weight)
    kind = places.dtype.kind
    if kind not in "iu" and (places.size or kind != "f"):  # an empty list has floats
        raise TypeError(
            f"embedding: input must be whole numbers, the rows to look up, got {places.dtype}"
            + "; convert it: input.astype(np.int64)" * (kind == "f")
        )
    if places.size and (places.min() < 0 or places.max() >= rows):  # NumPy would count from the end
        place, told = at_first((places < 0) | (places >= rows))
        raise ValueError(
            f"embedding: input must be from 0 to {rows - 1}, for weight has {rows} rows, got "
            f"{places[place]}{told}"
        )
    places = places.astype(np.intp, copy=False)
    found = np.take(weight, places, axis=0)
    if padding_idx is None:
        return found
    padding = places == _padding("embedding", padding_idx, rows)
    if not padding.any():
        return found
    return _without_padding(found, padding[..., None], values(found))


def _held(rows: Any, padding: Any, _first: Any) -> Any:
    """The rows as they are; those of the padding stay what they were at first, as constants."""
    return rows if rows is _first else np.where(padding, _first, rows)


_without_padding = primitive(
    _held,
    lambda g, y, rows, padding, _first: np.where(padding, 0, g),
    formula="g, and 0 for the padding",
)


def _padding(name: str, padding_idx: Any, rows: int) -> int:
    found = whole(f"{name}: padding_idx", padding_idx)
    if not -rows <= found < rows:
        raise ValueError(
            f"{name}: padding_idx must be one of the {rows} rows, from {-rows} to {rows - 1}, got "
            f"{found}"
        )
    return found % rows


class Embedding(Module):
    """A vector for each of num_embeddings things, words or categories: rows of a table, learned.

    Args: num_embeddings V; embedding_dim D; padding_idx, a row of zeros at first that is not
        trained, for what only fills up (-1: the last); dtype; rng, where the first values come
        from: normal, of mean 0 and variance 1.
    Shapes: x whole numbers of any shape, the result (*x.shape, D); weight (V, D). Errors as of
    `nn.functional.embedding`. Source: PyTorch's nn.Embedding, without max_norm and sparse.

    >>> layer = Embedding(10, 3, padding_idx=0)
    >>> layer([[1, 2, 0, 0]]).shape, layer.weight.data[0]
    ((1, 4, 3), array([0., 0., 0.], dtype=float32))
    """

    _looks_up = True  # what `summary` gives it

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        rows = self.num_embeddings = whole("Embedding: num_embeddings", num_embeddings, least=1)
        self.embedding_dim = whole("Embedding: embedding_dim", embedding_dim, least=1)
        self.padding_idx = None if padding_idx is None else _padding("Embedding", padding_idx, rows)
        weight = Tensor(
            np.empty((rows, self.embedding_dim), dtype), requires_grad=True, name="weight"
        )
        self.weight = normal_(weight, rng=rng)
        if self.padding_idx is not None:
            first = np.array(weight.data)
            first[self.padding_idx] = 0
            weight.assign_(first)

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """An Embedding of these rows (V, D), a copy; frozen, unless freeze is False.

        Source: PyTorch's Embedding.from_pretrained, which keeps the dtype as this does.

        >>> Embedding.from_pretrained([[1.0, 2.0], [3.0, 4.0]])([1])
        Tensor([[3., 4.]])
        """
        rows = np.array(values(embeddings))
        if rows.ndim != 2 or 0 in rows.shape or rows.dtype.kind != "f":
            raise ValueError(
                "Embedding.from_pretrained: embeddings must be floats (V, D), a row for each "
                f"number, got {rows.dtype} {rows.shape}"
            )
        freeze = flag("Embedding.from_pretrained: freeze", freeze)
        count, width = rows.shape
        layer = cls(count, width, padding_idx, dtype=rows.dtype, rng=np.random.default_rng(0))
        layer.weight.assign_(rows)
        return layer.requires_grad_(not freeze)

    def forward(self, x: Any) -> Tensor:
        try:
            return embedding(x, self.weight, self.padding_idx)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(str(error).replace("embedding: input", f"{self}: its input", 1)) from None

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
