"""Attention, as operation, function and Module: what is looked up in a sequence, by likeness.

Each query is compared with all keys, and gets the values, averaged with the shares that its
likenesses have: softmax(q kᵀ / √d) v.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor, primitive, softmax
from nn.arguments import as_floats, as_input_tensor, as_tensor, at_least_single
from nn.checks import flag, number, whole
from nn.habits import told
from nn.init import xavier_uniform_
from nn.layers.dropout import check_probability
from nn.layers.linear import Linear, linear
from nn.module import Module
from nn.orders import recorded_gradients
from nn.random import generator, uniform

__all__ = ["MultiheadAttention", "scaled_dot_product_attention"]

# Queries q (..., L, d), keys k (..., S, d), values v (..., S, e); of the scores (..., L, S) `bias`
# is added to them, `allowed` is True where a key takes part, and `kept` where dropout leaves a
# share; what is left is divided by `left`. None of the last three has a gradient.
#
# One operation takes less than two thirds of the time of its parts: exp(scores) stays as it is, and
# what comes out, which is smaller, is divided by the sums. The gradient is the same for all three
# (or four) arguments up to a last product, so they are one list.

_NEAR = 40  # scores up to here need no maximum taken away: exp has room for sums and products


def _exponentials(scores: Any, allowed: Any) -> Any:
    """exp(scores), in their memory, up to a factor for each row; 0 where a key takes no part."""
    if (
        np.minimum.reduce(scores, axis=None, initial=0) >= -_NEAR
        and np.maximum.reduce(scores, axis=None, initial=0) <= _NEAR
    ):
        np.exp(scores, out=scores)
        if allowed is not None:
            scores *= allowed
        return scores
    if allowed is not None:
        np.copyto(scores, -np.inf, where=~allowed)
    top = np.maximum.reduce(scores, axis=-1, keepdims=True, initial=-np.inf)
    top[top == -np.inf] = 0  # a row of nothing
    scores -= top
    return np.exp(scores, out=scores)


def _sums(e: Any) -> Any:
    """Of each row, by BLAS, in a tenth of the time; 1 for a row of nothing, which stays nothing."""
    *rows, keys = e.shape
    sums = e.reshape(math.prod(rows), keys).dot(np.ones(keys, e.dtype))
    sums[sums == 0] = 1
    return sums.reshape(*rows, 1)


def _attended(
    arrays: Any, allowed: Any, kept: Any, scale: float, left: float, out: Any = None
) -> tuple[Any, Any]:
    """The result, and the exponentials and their sums."""
    q, k, v, *bias = arrays
    scores = np.matmul(q * q.dtype.type(scale), k.swapaxes(-1, -2))
    if bias:
        scores = scores + bias[0]
    e = _exponentials(scores, allowed)
    sums = _sums(e)
    y = np.matmul(e if kept is None else e * kept, v, out=out)
    y /= sums if left == 1 else sums * sums.dtype.type(left)
    return y, (e, sums)


def _gradients(
    g: Any, y: Any, arrays: Any, kept: Any, scale: float, left: float, saved: Any,
    outs: Any = (None, None, None),
) -> list[Any]:  # fmt: skip
    q, k, v, *bias = arrays
    (e, sums), (q_out, k_out, v_out) = saved, outs
    scale, left = e.dtype.type(scale), e.dtype.type(left)
    g = g / (sums if left == 1 else sums * left)
    by_v = np.matmul((e if kept is None else e * kept).swapaxes(-1, -2), g, out=v_out)
    by_scores = np.matmul(g, v.swapaxes(-1, -2))
    if kept is not None:
        by_scores *= kept
    by_scores -= np.einsum("...i,...i->...", g, y)[..., None] * left
    by_scores *= e
    by_q = np.matmul(by_scores, k, out=q_out)
    by_q *= scale
    by_k = np.matmul(by_scores.swapaxes(-1, -2), q, out=k_out)
    by_k *= scale
    return [by_q, by_k, by_v, *[by_scores] * len(bias)]


def _composed(
    arrays: Any, allowed: Any, kept: Any = None, scale: float = 1.0, left: float = 1.0
) -> tuple[Any, Any]:
    """The same, and the shares, by single operations: where these are asked for, and for second
    derivatives."""
    q, k, v, *bias = arrays
    scores = (q * scale) @ np.swapaxes(k, -1, -2)
    if bias:
        scores = scores + bias[0]
    if allowed is None:
        shares = softmax(scores)
    else:
        nothing = ~allowed.any(axis=-1, keepdims=True)
        shares = softmax(np.where(allowed | nothing, scores, -np.inf)) * ~nothing
    if kept is not None:
        shares = shares * (kept / scores.dtype.type(left))
    return shares @ v, shares


def _attention(
    arrays: Any, allowed: Any, _kept: Any, scale: float, _left: float
) -> tuple[Any, Any]:
    return _attended(arrays, allowed, _kept, scale, _left)


def _attention_rule(
    g: Any, y: Any, arrays: Any, allowed: Any, _kept: Any, scale: float, _left: float, saved: Any
) -> list[Any]:
    if saved is not None:
        return _gradients(g, y, arrays, _kept, scale, _left, saved)
    return recorded_gradients(
        lambda *own: _composed(own, allowed, _kept, scale, _left)[0], arrays, g
    )


def _weights(y: Any, *args: Any, saved: Any) -> Any:
    """softmax(scores), before dropout: what drawings show."""
    e, sums = saved
    return e / sums


_SCORES = "with the weights p and, of the scores, s = p (g vᵀ - its mean by p)"
_fused_attention = primitive(
    _attention, _attention_rule, saves=True, shows=_weights,
    formula={
        "q": f"scale s k, {_SCORES}", "k": f"scale sᵀ q, {_SCORES}",
        "v": "pᵀ g, with the weights p", "bias": f"s, {_SCORES}",
    },
)  # fmt: skip


# Where queries, keys and values come from one sequence, they are one array (.., .., 3 E), and so is
# their gradient, into whose parts the products go straight.


def _parts(packed: Any, heads: int, batch_first: bool) -> Any:
    """q, k and v (N, heads, T, d), as views of one array (N, T, 3E) or (T, N, 3E)."""
    first, second, width = packed.shape
    apart = packed.reshape(first, second, 3, heads, width // (3 * heads))
    return apart.transpose((2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4))


def _heads(y: Any, heads: int, batch_first: bool) -> Any:
    """(N, T, E) or (T, N, E) as (N, heads, T, d), a view of a plain array."""
    first, second, width = y.shape
    apart = y.reshape(first, second, heads, width // heads)
    return apart.transpose((0, 2, 1, 3) if batch_first else (1, 2, 0, 3))


def _self_attention(
    packed: Any, heads: int, batch_first: bool, allowed: Any, _kept: Any, bias: Any, _left: float
) -> tuple[Any, Any]:
    first, second, width = packed.shape
    y = np.empty((first, second, width // 3), packed.dtype)
    parts = [*_parts(packed, heads, batch_first), *([] if bias is None else [bias])]
    scale = 1 / math.sqrt(parts[0].shape[-1])
    return y, _attended(parts, allowed, _kept, scale, _left, _heads(y, heads, batch_first))[1]


def _self_attention_rule(
    g: Any, y: Any, packed: Any, heads: int, batch_first: bool, allowed: Any, _kept: Any, bias: Any,
    _left: float, saved: Any,
) -> Any:  # fmt: skip
    extra = [] if bias is None else [bias]
    scale = 1 / math.sqrt(packed.shape[-1] // (3 * heads))
    if saved is None:

        def composition(own: Any) -> Any:
            parts = _parts(own, heads, batch_first)
            y = _composed([parts[0], parts[1], parts[2], *extra], allowed, _kept, scale, _left)[0]
            return y.transpose((0, 2, 1, 3) if batch_first else (2, 0, 1, 3)).reshape(g.shape)

        return recorded_gradients(composition, [packed], g)[0]
    whole = np.empty(packed.shape, packed.dtype)
    g, y = _heads(g, heads, batch_first), _heads(y, heads, batch_first)
    parts = [*_parts(packed, heads, batch_first), *extra]
    outs = _parts(whole, heads, batch_first)
    _gradients(g, y, parts, _kept, scale, _left, saved, outs)
    return whole


_fused_self_attention = primitive(
    _self_attention, _self_attention_rule, saves=True, shows=_weights,
    formula=f"s k/√d, sᵀ q/√d and pᵀ g for q, k and v, {_SCORES}",
)  # fmt: skip


# ---- as a function ----------------------------------------------------------------------------


@told
def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    rng: np.random.Generator | None = None,
) -> Any:
    """softmax(query keyᵀ scale + mask) value: for each query the values, by the likeness of keys.

    Args: attn_mask, bool, True where a key takes part, or numbers to add to the scores, of a shape
        that broadcasts to theirs; dropout_p, the probability of a share to be left out (in training
        and without: give 0 then); is_causal, True to let query i see the keys 0 to i; scale, None
        for 1/√d; enable_gqa, True for fewer heads of keys and values, each for several of queries;
        rng, where dropout's choice comes from.
    Shapes: query (..., heads, L, d), key (..., heads, S, d), value (..., heads, S, e), the result
    (..., heads, L, e); what stands ahead of the last two axes broadcasts. A query that no key takes
    part in gives 0, with gradient 0. Raises ValueError for other shapes, and for a mask together
    with is_causal. Source: Vaswani et al., Attention Is All You Need, 2017; PyTorch's
    scaled_dot_product_attention.

    >>> keys, seen = np.array([[9.0, 0.0], [0.0, 9.0]]), [[10.0], [20.0]]
    >>> scaled_dot_product_attention(Tensor([[9.0, 0.0]]), keys, seen).round(3)
    Tensor([[10.]])
    """
    name = "scaled_dot_product_attention"
    q, k, v = (as_floats(x) for x in (query, key, value))
    _check_shapes(name, q, k, v)
    is_causal = flag(f"{name}: is_causal", is_causal)
    groups = _groups(name, q, k, v) if flag(f"{name}: enable_gqa", enable_gqa) else 1
    q = _spread(name, q, k, v, 2 if groups == 1 else 3)
    p = check_probability(name, dropout_p)
    scale = 1 / math.sqrt(max(1, q.shape[-1])) if scale is None else number(f"{name}: scale", scale)
    scores = (*q.shape[:-1], k.shape[-2])
    if is_causal and attn_mask is not None:
        raise ValueError(f"{name}: give attn_mask or is_causal, which is a mask itself, not both")
    if is_causal:
        allowed, bias = causal(*scores[-2:]), None
    else:
        allowed, bias = _masks(name, attn_mask, scores)
    if groups > 1:  # a group's queries stand on an axis of their own, along which keys are repeated
        q = _grouped(q, groups)
        k, v = (x.reshape((*x.shape[:-2], 1, *x.shape[-2:])) for x in (k, v))
        allowed, bias = (_grouped(mask, groups) for mask in (allowed, bias))
    dtype = np.result_type(q.dtype, k.dtype, v.dtype)
    arrays = [at_least_single(x) for x in (q, k, v, bias) if x is not None]
    kept, left = _dropped((*q.shape[:-1], k.shape[-2]), p, rng)
    y = _fused_attention(arrays, allowed, kept, scale, left)
    y = y if y.dtype == dtype else y.astype(dtype)
    return y if groups == 1 else y.reshape((*scores[:-1], y.shape[-1]))


def causal(length: int, keys: int) -> np.ndarray:
    """Where query i sees the keys 0 to i: True on and below the diagonal from the top left."""
    return np.tri(length, keys, dtype=bool)


def _dropped(
    scores: tuple[int, ...], p: float, rng: np.random.Generator | None
) -> tuple[Any, float]:
    """Which shares dropout leaves, None for all, and what they are divided by."""
    if p == 0:
        return None, 1.0
    if p == 1:
        return np.zeros(scores, bool), 1.0
    return uniform(rng, scores) >= p, 1 - p


def _masks(name: str, mask: Any, scores: tuple[int, ...], ignored: bool = False) -> tuple[Any, Any]:
    """A mask as (where a key takes part, what is added to the scores), None for what is not there.

    `ignored`: True in a mask of truth values means the opposite.
    """
    if mask is None:
        return None, None
    mask = as_tensor(name, "attn_mask", mask)
    try:
        fits = np.broadcast_shapes(mask.shape, scores) == scores
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name}: the mask has shape {mask.shape}, which does not broadcast to that of the "
            f"scores, {scores}: (..., queries, keys)"
        )
    if mask.dtype.kind == "b":
        return (~mask.data if ignored else mask.data), None
    if mask.dtype.kind != "f":
        raise TypeError(
            f"{name}: a mask is bool, or numbers to add, as floats; got {mask.dtype}; "
            "mask.astype(bool) makes one of 0 and 1"
        )
    blocked = mask.data == -np.inf
    if not blocked.any():
        return None, mask
    if not mask.requires_grad and not np.any(mask.data[~blocked]):
        return ~blocked, None  # nothing but 0 and -inf
    return ~blocked, np.where(blocked, 0, mask)


def _check_shapes(name: str, q: Any, k: Any, v: Any) -> None:
    shapes = f"query {q.shape}, key {k.shape}, value {v.shape}"
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise ValueError(f"{name}: each must be (..., length, width), got {shapes}")
    if q.shape[-1] != k.shape[-1]:
        raise ValueError(f"{name}: queries and keys must be of one width, axis -1, got {shapes}")
    if k.shape[-2] != v.shape[-2]:
        raise ValueError(f"{name}: there must be a value for each key, got {shapes}")


def _spread(name: str, q: Any, k: Any, v: Any, inner: int) -> Any:
    """The queries, repeated along the leading axes (not the inner ones) of keys and values."""
    try:
        lead = np.broadcast_shapes(*(x.shape[:-inner] for x in (q, k, v)))
    except ValueError:
        raise ValueError(
            f"{name}: the leading axes of queries, keys and values must broadcast, got query "
            f"{q.shape}, key {k.shape}, value {v.shape}; enable_gqa=True lets several heads of "
            "queries share one of keys"
        ) from None
    return q if q.shape[:-inner] == lead else np.broadcast_to(q, (*lead, *q.shape[-inner:]))


def _groups(name: str, q: Any, k: Any, v: Any) -> int:
    """How many heads of queries share one of keys and values."""
    shapes = f"query {q.shape}, key {k.shape}, value {v.shape}"
    if min(q.ndim, k.ndim, v.ndim) < 3:
        raise ValueError(f"{name}: enable_gqa needs (..., heads, length, width), got {shapes}")
    if k.shape[-3] != v.shape[-3] or not k.shape[-3] or q.shape[-3] % k.shape[-3]:
        raise ValueError(
            f"{name}: with enable_gqa the heads of queries, axis -3, must be a multiple of those "
            f"of keys and values, which must be as many, got {shapes}"
        )
    return q.shape[-3] // k.shape[-3]


def _grouped(x: Any, groups: int) -> Any:
    """(..., heads, a, b) as (..., heads/groups, groups, a, b); a mask may have fewer axes, or 1."""
    if x is None or x.ndim < 3:
        return x
    heads = x.shape[-3]
    apart = (1, 1) if heads == 1 else (heads // groups, groups)
    return x.reshape((*x.shape[:-3], *apart, *x.shape[-2:]))


# ---- as a Module ------------------------------------------------------------------------------


class MultiheadAttention(Module):
    """Attention of several heads, each of queries, keys and values by linear maps of its own.

    Args: embed_dim E, the width of queries and results; num_heads, which divides it; dropout, the
        probability of a share to be left out while training; bias, False for none; kdim and vdim,
        the widths of keys and values (None: E); batch_first, True for (N, L, E) instead of
        (L, N, E); dtype; rng, where first values (Glorot's) and dropout's choice come from.
    Called as attention(query, key, value, key_padding_mask=None, need_weights=True,
    attn_mask=None, average_attn_weights=True, is_causal=False). Masks are bool, True where a key is
    ignored, or numbers to add: key_padding_mask (N, S), attn_mask (L, S) or (N heads, L, S);
    is_causal lets query i see the keys 0 to i. Without a batch axis (L, E) is taken, too.
    Returns (result, weights): the weights (N, L, S), the mean of all heads, or of each,
    (N, heads, L, S); None without need_weights, which takes half the time. Where no key takes part
    both are 0. Raises ValueError for other shapes. Source: Vaswani et al., Attention Is All You
    Need, 2017; PyTorch's nn.MultiheadAttention.

    >>> attention = MultiheadAttention(8, 2, batch_first=True)
    >>> x = np.zeros((5, 3, 8))
    >>> y, weights = attention(x, x, x)
    >>> y.shape, weights.shape
    ((5, 3, 8), (5, 3, 3))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        name = "MultiheadAttention"
        self.embed_dim = width = whole(f"{name}: embed_dim", embed_dim, least=1)
        self.num_heads = whole(f"{name}: num_heads", num_heads, least=1)
        if width % self.num_heads:
            raise ValueError(
                f"{name}: num_heads must divide embed_dim, got {self.num_heads} and {width}"
            )
        self.kdim = width if kdim is None else whole(f"{name}: kdim", kdim, least=1)
        self.vdim = width if vdim is None else whole(f"{name}: vdim", vdim, least=1)
        self.dropout = check_probability(name, dropout)
        self.batch_first = flag(f"{name}: batch_first", batch_first)
        self.rng = None if rng is None else generator(rng)
        bias = flag(f"{name}: bias", bias)
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == width:
            self.in_proj_weight = _glorot("in_proj_weight", (3 * width, width), dtype, rng)
        else:
            self.q_proj_weight = _glorot("q_proj_weight", (width, width), dtype, rng)
            self.k_proj_weight = _glorot("k_proj_weight", (width, self.kdim), dtype, rng)
            self.v_proj_weight = _glorot("v_proj_weight", (width, self.vdim), dtype, rng)
        self.in_proj_bias = (
            Tensor(np.zeros(3 * width, dtype), requires_grad=True, name="in_proj_bias")
            if bias else None
        )  # fmt: skip
        self.out_proj = Linear(width, width, bias, dtype=dtype, rng=rng)
        if self.out_proj.bias is not None:
            self.out_proj.bias.assign_(np.zeros(width))

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        name = type(self).__name__
        need_weights = flag(f"{name}: need_weights", need_weights)
        average_attn_weights = flag(f"{name}: average_attn_weights", average_attn_weights)
        is_causal = flag(f"{name}: is_causal", is_causal)
        alone = query is key is value
        dtype = self.out_proj.weight.dtype
        query, key, value = (as_input_tensor(x, dtype) for x in (query, key, value))
        self._check(query, key, value)
        batched, heads = query.ndim == 3, self.num_heads
        first = self.batch_first or not batched
        if not batched:
            query, key, value = (x.reshape((1, *x.shape)) for x in (query, key, value))
        length, keys = query.shape[first], key.shape[first]
        scores = (query.shape[not first], heads, length, keys)
        allowed, bias = self._masks(attn_mask, key_padding_mask, is_causal, scores)
        kept, left = _dropped(scores, self.dropout if self.training else 0.0, self.rng)
        shares = None
        packed = None
        if alone and self.in_proj_weight is not None:
            packed = linear(query, self.in_proj_weight, self.in_proj_bias)
        if packed is not None and not need_weights and not getattr(bias, "requires_grad", False):
            packed, bias = at_least_single(packed), None if bias is None else bias.data
            y = _fused_self_attention(packed, heads, first, allowed, kept, bias, left)
        else:
            arrays = self._projected(packed, query, key, value, first)
            arrays = [at_least_single(x) for x in arrays] + [bias] * (bias is not None)
            scale = 1 / math.sqrt(self.embed_dim // heads)
            if need_weights:
                y, shares = _composed(arrays, allowed, kept, scale, left)
            else:
                y = _fused_attention(arrays, allowed, kept, scale, left)
            y = y.transpose((0, 2, 1, 3) if first else (2, 0, 1, 3)).reshape(query.shape)
        y = self.out_proj(y if y.dtype == query.dtype else y.astype(query.dtype))
        if shares is not None:
            shares = np.mean(shares, axis=1) if average_attn_weights else shares
            shares = shares if shares.dtype == y.dtype else shares.astype(y.dtype)
        if not batched:
            y, shares = y.reshape(y.shape[1:]), None if shares is None else shares[0]
        return y, shares

    def _projected(self, packed: Any, query: Any, key: Any, value: Any, first: bool) -> list[Any]:
        """Queries, keys and values of each head (N, heads, length, d)."""
        if packed is not None:
            parts = _parts(packed, self.num_heads, first)
            return [parts[0], parts[1], parts[2]]
        width, found = self.embed_dim, []
        weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        for i, x in enumerate((query, key, value)):
            part = slice(i * width, (i + 1) * width)
            weight = weights[i] if self.in_proj_weight is None else self.in_proj_weight[part]
            bias = None if self.in_proj_bias is None else self.in_proj_bias[part]
            y = linear(x, weight, bias)
            apart = y.reshape((*y.shape[:2], self.num_heads, width // self.num_heads))
            found.append(apart.transpose((0, 2, 1, 3) if first else (1, 2, 0, 3)))
        return found

    def _masks(
        self, attn_mask: Any, padding: Any, is_causal: bool, scores: tuple[int, ...]
    ) -> tuple[Any, Any]:
        """Both masks and the causal one as (where a key takes part, what is added)."""
        name = type(self).__name__
        batch, heads, length, keys = scores
        allowed, bias = (causal(length, keys) if is_causal else None), None
        shapes: dict[str, Any] = {"attn_mask": ((length, keys), (batch * heads, length, keys))}
        shapes["key_padding_mask"] = ((batch, keys), (keys,) if batch == 1 else (batch, keys))
        for what, mask in (("attn_mask", attn_mask), ("key_padding_mask", padding)):
            if mask is None:
                continue
            mask = as_tensor(name, what, mask)
            if mask.shape not in shapes[what]:
                one, other = shapes[what]
                raise ValueError(
                    f"{name}: {what} must have the shape {one}"
                    + f" or {other}" * (one != other) + f", got {mask.shape}"
                )  # fmt: skip
            if what == "key_padding_mask":
                mask = mask.reshape((batch, 1, 1, keys))
            elif mask.ndim == 3:
                mask = mask.reshape(scores)
            part, added = _masks(name, mask, scores, ignored=True)
            if part is not None:
                allowed = part if allowed is None else allowed & part
            if added is not None:
                bias = added if bias is None else bias + added
        return allowed, bias

    def _check(self, query: Any, key: Any, value: Any) -> None:
        given = {"query": query, "key": key, "value": value}
        shapes = ", ".join(f"{what} {x.shape}" for what, x in given.items())
        widths = (self.embed_dim, self.kdim, self.vdim)
        name = f"{type(self).__name__}({self.embed_dim}, {self.num_heads})"
        axes = "(N, L, E)" if self.batch_first else "(L, N, E)"
        if not query.ndim == key.ndim == value.ndim or query.ndim not in (2, 3):
            raise ValueError(f"{name}: each must be {axes} or (L, E), got {shapes}")
        if tuple(x.shape[-1] for x in given.values()) != widths:
            raise ValueError(f"{name}: the last axes must be {widths} long, got {shapes}")
        if key.shape[:-1] != value.shape[:-1]:
            raise ValueError(f"{name}: there must be a value for each key, got {shapes}")
        batch = 0 if self.batch_first else 1
        if query.ndim == 3 and query.shape[batch] != key.shape[batch]:
            raise ValueError(
                f"{name}: queries and keys must be of one batch, axis {batch} of {axes}, got "
                f"{shapes}"
            )

    def extra_repr(self) -> str:
        widths = "" if self.kdim == self.vdim == self.embed_dim else (
            f"kdim={self.kdim}, vdim={self.vdim}, "
        )  # fmt: skip
        return (
            f"{self.embed_dim}, {self.num_heads}, dropout={self.dropout}, "
            f"bias={self.in_proj_bias is not None}, {widths}batch_first={self.batch_first}"
        )


def _glorot(
    name: str, shape: tuple[int, ...], dtype: Any, rng: np.random.Generator | None
) -> Tensor:
    return xavier_uniform_(Tensor(np.empty(shape, dtype), requires_grad=True, name=name), rng=rng)
