"""Layers of attention and a small network, with ways around both; and stacks of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd import Tensor, relu
from nn.arguments import as_input_tensor
from nn.checks import flag, number, one_of, whole
from nn.layers.activations import gelu
from nn.layers.attention import MultiheadAttention
from nn.layers.dropout import Dropout
from nn.layers.linear import Linear
from nn.layers.normalization import LayerNorm
from nn.module import Module

__all__ = [
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"gelu": gelu, "relu": relu}


class _Layer(Module):
    """What layers of encoders and decoders share: the network at the end, and its activation."""

    self_attn: MultiheadAttention
    norm_first: bool
    activation: Any

    def _begin(
        self, d_model: int, nhead: int, width: int, dropout: float, activation: Any, eps: float,
        batch_first: bool, norm_first: bool, bias: bool, dtype: Any, rng: Any,
    ) -> MultiheadAttention:  # fmt: skip
        """The first attention, once all arguments are found right: nothing is drawn before."""
        name = type(self).__name__
        d_model = whole(f"{name}: d_model", d_model, least=1)
        nhead = whole(f"{name}: nhead", nhead, least=1)
        if d_model % nhead:
            raise ValueError(f"{name}: nhead must divide d_model, got {nhead} and {d_model}")
        whole(f"{name}: dim_feedforward", width, least=1)
        if not callable(activation):
            one_of(f"{name}: activation", activation, _ACTIVATIONS)
        number(f"{name}: layer_norm_eps", eps, least=0)
        self.norm_first = flag(f"{name}: norm_first", norm_first)
        return self._attention(d_model, nhead, dropout, batch_first, bias, dtype, rng)

    def _attention(
        self, d_model: int, nhead: int, dropout: float, batch_first: bool, bias: bool, dtype: Any,
        rng: Any,
    ) -> MultiheadAttention:  # fmt: skip
        return MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype, rng=rng
        )

    def _end(
        self, norms: int, d_model: int, width: int, dropout: float, activation: Any, eps: float,
        bias: bool, dtype: Any, rng: Any,
    ) -> None:  # fmt: skip
        """The parts behind attention, under PyTorch's names and in its order."""
        self.linear1 = Linear(d_model, width, bias, dtype=dtype, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(width, d_model, bias, dtype=dtype, rng=rng)
        for i in range(1, norms + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, eps, bias=bias, dtype=dtype))
        for i in range(1, norms + 1):
            setattr(self, f"dropout{i}", Dropout(dropout, rng=rng))
        self.activation = activation if callable(activation) else _ACTIVATIONS[activation]

    def _feed_forward(self, x: Any) -> Any:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _around(self, x: Any, i: int, part: Callable[[Any], Any]) -> Any:
        """x + dropout(part(x)), with the norm of this number before the part, or after the sum."""
        norm, dropout = getattr(self, f"norm{i}"), getattr(self, f"dropout{i}")
        if self.norm_first:
            return x + dropout(part(norm(x)))
        return norm(x + dropout(part(x)))

    def _taken(self, x: Any) -> Tensor:
        return as_input_tensor(x, self.linear1.weight.dtype)


class TransformerEncoderLayer(_Layer):
    """Attention of a sequence to itself, then a network of two layers for each of its places.

    y = norm1(x + dropout(attention(x))), norm2(y + dropout(linear2(dropout(f(linear1(y)))))).
    Args: d_model, the width; nhead, the number of heads, which divides it; dim_feedforward, the
        width between linear1 and linear2; dropout, p of all dropouts; activation f, "relu", "gelu"
        or a function; layer_norm_eps; batch_first, True for (N, L, E) instead of (L, N, E);
        norm_first, True for x + part(norm(x)) instead of norm(x + part(x)); bias, False for none;
        dtype; rng, where all randomness comes from.
    Called as layer(src, src_mask=None, src_key_padding_mask=None, is_causal=False), with masks as
    `nn.MultiheadAttention` has them. Shapes: (L, N, E), (N, L, E) or (L, E), as is the result.
    Source: Vaswani et al., Attention Is All You Need, 2017; PyTorch's nn.TransformerEncoderLayer.

    >>> layer = TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> layer(np.zeros((5, 3, 8)), is_causal=True).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.self_attn = self._begin(
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, dtype, rng,
        )  # fmt: skip
        self._end(
            2, d_model, dim_feedforward, dropout, activation, layer_norm_eps, bias, dtype, rng
        )

    def forward(
        self,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Any) -> Any:
            padding = src_key_padding_mask
            return self.self_attn(x, x, x, padding, False, src_mask, True, is_causal)[0]

        x = self._around(self._taken(src), 1, attend)
        return self._around(x, 2, self._feed_forward)

    def extra_repr(self) -> str:
        return f"norm_first={self.norm_first}"


class TransformerDecoderLayer(_Layer):
    """Attention of a sequence to itself, then to another one, then a network of two layers.

    Args as of `nn.TransformerEncoderLayer`. Called as layer(tgt, memory, tgt_mask=None,
    memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
    tgt_is_causal=False, memory_is_causal=False): memory, what an encoder made of the other
    sequence, (S, N, E), (N, S, E) or (S, E). The result has the shape of tgt.
    Source: Vaswani et al., 2017; PyTorch's nn.TransformerDecoderLayer.

    >>> layer = TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> layer(np.zeros((5, 3, 8)), np.zeros((5, 7, 8)), tgt_is_causal=True).shape
    (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        self.self_attn = self._begin(
            d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first,
            norm_first, bias, dtype, rng,
        )  # fmt: skip
        self.multihead_attn = self._attention(
            d_model, nhead, dropout, batch_first, bias, dtype, rng
        )  # fmt: skip
        self._end(
            3, d_model, dim_feedforward, dropout, activation, layer_norm_eps, bias, dtype, rng
        )

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        def attend(x: Any) -> Any:
            padding = tgt_key_padding_mask
            return self.self_attn(x, x, x, padding, False, tgt_mask, True, tgt_is_causal)[0]

        def look_up(x: Any) -> Any:
            padding, causal = memory_key_padding_mask, memory_is_causal
            return self.multihead_attn(
                x, memory, memory, padding, False, memory_mask, True, causal
            )[0]  # fmt: skip

        x = self._around(self._taken(tgt), 1, attend)
        x = self._around(x, 2, look_up)
        return self._around(x, 3, self._feed_forward)

    def extra_repr(self) -> str:
        return f"norm_first={self.norm_first}"


def _copies(name: str, layer: Module, count: int, kind: type[Module]) -> list[Module]:
    """Copies of a layer, which draw from the generator that it draws from: copies of that one
    would all drop the same."""
    if not isinstance(layer, Module):
        raise TypeError(f"{name}: it stacks copies of a Module, as {kind.__name__}, got {layer!r}")
    shared = [getattr(module, "rng", None) for module in layer.modules()]
    return [
        copy.deepcopy(layer, {id(rng): rng for rng in shared if rng is not None})
        for _ in range(whole(f"{name}: num_layers", count, least=1))
    ]


def _checked(name: str, norm: Any) -> Any:
    if norm is not None and not callable(norm):
        raise TypeError(f"{name}: norm must be a Module, as nn.LayerNorm(d_model), got {norm!r}")
    return norm


class TransformerEncoder(Module):
    """A chain of copies of an encoder layer, and a norm at the end, if one is given.

    Args: encoder_layer; num_layers; norm, as nn.LayerNorm(d_model). Called as encoder(src,
    mask=None, src_key_padding_mask=None, is_causal=False). The copies begin alike, as PyTorch's,
    and go on by themselves. Source: PyTorch's nn.TransformerEncoder.

    >>> encoder = TransformerEncoder(TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    >>> encoder(np.zeros((5, 3, 8))).shape
    (5, 3, 8)
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = _copies(
            "TransformerEncoder", encoder_layer, num_layers, TransformerEncoderLayer
        )
        self.norm = _checked("TransformerEncoder", norm)

    def forward(
        self,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool | None = False,
    ) -> Tensor:
        for layer in self.layers:
            src = layer(
                src,
                src_mask=mask,
                src_key_padding_mask=src_key_padding_mask,
                is_causal=False if is_causal is None else is_causal,
            )
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """A chain of copies of a decoder layer, and a norm at the end, if one is given.

    Args: decoder_layer; num_layers; norm, as nn.LayerNorm(d_model). Called with what a
    `nn.TransformerDecoderLayer` is called with. Source: PyTorch's nn.TransformerDecoder.

    >>> decoder = TransformerDecoder(TransformerDecoderLayer(8, 2, 16, batch_first=True), 2)
    >>> decoder(np.zeros((5, 3, 8)), np.zeros((5, 7, 8))).shape
    (5, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = _copies(
            "TransformerDecoder", decoder_layer, num_layers, TransformerDecoderLayer
        )
        self.norm = _checked("TransformerDecoder", norm)

    def forward(
        self,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool | None = False,
        memory_is_causal: bool | None = False,
    ) -> Tensor:
        for layer in self.layers:
            tgt = layer(
                tgt, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask,
                False if tgt_is_causal is None else tgt_is_causal,
                False if memory_is_causal is None else memory_is_causal,
            )  # fmt: skip
        return tgt if self.norm is None else self.norm(tgt)
