"""Recurrent layers: RNN, LSTM and GRU over whole sequences, and their single steps as cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import Tensor
from nn.arguments import as_input, as_tensor, at_least_single
from nn.checks import flag, one_of, whole
from nn.habits import warn
from nn.init import uniform_
from nn.layers.dropout import check_probability, dropout
from nn.layers.packed import PackedSequence, as_lengths, packed_rows, padded_rows, unpacked
from nn.layers.recurrence import GATES, OPERATIONS, gru_step, lstm_step, rnn_step
from nn.module import Module
from nn.random import generator

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]


class _Weights(Module):
    """What layers and cells share: sizes, and weights even within ±1/sqrt(hidden_size)."""

    _kind = "tanh"
    _states: tuple[str, ...] = ("h",)

    def _begin(self, input_size: Any, hidden_size: Any, bias: Any) -> None:
        name = type(self).__name__
        self.input_size = whole(f"{name}: input_size", input_size, least=1)
        self.hidden_size = whole(f"{name}: hidden_size", hidden_size, least=1)
        self.bias = flag(f"{name}: bias", bias)

    def _add(self, ending: str, width: int, dtype: Any, rng: Any) -> None:
        """The weights of one layer and direction, under their names."""
        rows, bound = GATES[self._kind] * self.hidden_size, 1 / math.sqrt(self.hidden_size)
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (rows, width), "weight_hh": (rows, self.hidden_size)
        }  # fmt: skip
        if self.bias:
            shapes.update(bias_ih=(rows,), bias_hh=(rows,))
        for what, shape in shapes.items():
            name = what + ending
            fresh = Tensor(np.empty(shape, dtype), requires_grad=True, name=name)
            setattr(self, name, uniform_(fresh, -bound, bound, rng=rng))

    def _weights(self, ending: str = "") -> list[Any]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")[: 4 if self.bias else 2]
        return [getattr(self, name + ending) for name in names]

    def _wrong(self, shape: tuple[int, ...], expected: str) -> ValueError:
        return ValueError(f"{self}: expected an input of shape {expected}, got {shape}")

    def _given_states(self, hx: Any, shape: tuple[int, ...], dtype: Any) -> list[Any]:
        """The first states, each of this shape: zeros where none are given."""
        if hx is None:
            return [np.zeros(shape, dtype)] * len(self._states)
        several = len(self._states) > 1
        if isinstance(hx, (tuple, list)) != several and (several or isinstance(hx, tuple)):
            wanted = f"a tuple ({', '.join(self._states)})" if several else "one array, h"
            raise TypeError(f"{self}: hx must be {wanted}, got {type(hx).__name__}")
        given = list(hx) if several else [hx]
        if len(given) != len(self._states):
            raise TypeError(f"{self}: hx must be a tuple of two, (h, c), got {len(given)}")
        states = []
        for name, state in zip(self._states, given):
            state = as_input(as_tensor(self, f"{name} of hx", state), dtype)
            states.append(state)
            if state.shape != shape:
                raise ValueError(
                    f"{self}: {name} of hx must have the shape {shape}, got {state.shape}"
                )
        return states


# ---- whole sequences ----------------------------------------------------------------------------


class _Recurrent(_Weights):
    """Layers of steps over time: each takes the sequence of the one below it."""

    weight_ih_l0: Tensor

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool,
        dropout: float, bidirectional: bool, dtype: Any, rng: np.random.Generator | None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self._begin(input_size, hidden_size, bias)
        self.num_layers = whole(f"{name}: num_layers", num_layers, least=1)
        self.batch_first = flag(f"{name}: batch_first", batch_first)
        self.dropout = check_probability(f"{name}, dropout", dropout)
        self.bidirectional = flag(f"{name}: bidirectional", bidirectional)
        self.rng = None if rng is None else generator(rng)
        if self.dropout and self.num_layers == 1:
            warn(
                f"{name}: dropout works between layers, and num_layers=1 leaves nothing between "
                "them: it will do nothing"
            )
        self._directions = ("", "_reverse") if self.bidirectional else ("",)
        for layer in range(self.num_layers):
            width = self.hidden_size * len(self._directions) if layer else self.input_size
            for direction in self._directions:
                self._add(f"_l{layer}{direction}", width, dtype, rng)

    def forward(self, x: Any, hx: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        if isinstance(x, PackedSequence):
            return self._packed(x, hx, lengths)
        x = as_input(x, self.weight_ih_l0.dtype)
        single = x.ndim == 2  # one sequence, without a batch
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            axes = "B, T" if self.batch_first else "T, B"
            raise self._wrong(
                x.shape, f"({axes}, {self.input_size}), or (T, {self.input_size}) of one sequence"
            )
        axis = 0 if single else 1 if self.batch_first else 0
        if single:
            x = x.reshape((len(x), 1, self.input_size))
        elif self.batch_first:
            x = x.swapaxes(0, 1)
        steps, batch, _ = x.shape
        if steps == 0:
            raise ValueError(f"{self}: a sequence needs one step at least, axis {axis} has none")
        if lengths is not None:
            lengths = as_lengths(type(self).__name__, lengths, batch, steps)
        states = self._first_states(hx, batch, single, x.dtype)
        y, last = self._run(x, states, lengths)
        if single:
            y = y.reshape((steps, y.shape[-1]))
            last = [s.reshape((len(s), self.hidden_size)) for s in last]
        elif self.batch_first:
            y = y.swapaxes(0, 1)
        return y, tuple(last) if len(last) > 1 else last[0]

    def _packed(self, x: PackedSequence, hx: Any, lengths: Any) -> tuple[Any, Any]:
        if lengths is not None:
            raise TypeError(f"{self}: a PackedSequence knows its lengths; leave lengths= out")
        data, sizes, back = unpacked(type(self).__name__, x)
        data = as_input(data, self.weight_ih_l0.dtype)
        if data.ndim != 2 or data.shape[-1] != self.input_size:
            raise self._wrong(data.shape, f"(all steps, {self.input_size}) in its PackedSequence")
        states = self._first_states(hx, len(sizes), False, data.dtype)
        if x.sorted_indices is not None:
            states = [state[:, x.sorted_indices] for state in states]
        y, last = self._run(padded_rows(data, sizes), states, sizes)
        last = last if back is None else [state[:, back] for state in last]
        return x._replace(data=packed_rows(y, sizes)), tuple(last) if len(last) > 1 else last[0]

    def _first_states(self, hx: Any, batch: int, single: bool, dtype: Any) -> list[Any]:
        count = self.num_layers * len(self._directions)
        middle = () if single else (batch,)
        states = self._given_states(hx, (count, *middle, self.hidden_size), dtype)
        return [s.reshape((count, batch, self.hidden_size)) for s in states]

    def _run(self, x: Any, states: list[Any], lengths: Any) -> tuple[Any, list[Any]]:
        """All layers and directions, x (T, B, ...): the last one's steps, and all last states."""
        last: list[Any] = []
        for layer in range(self.num_layers):
            if layer:
                x = dropout(x, self.dropout, self.training, rng=self.rng)
            both = []
            for direction in self._directions:
                weights = self._weights(f"_l{layer}{direction}")
                first = [state[len(last)] for state in states]
                y, *ends = _recurrence(x, first, weights, self._kind, direction != "", lengths)
                both.append(y)
                last.append(ends)
            x = both[0] if len(both) == 1 else np.concatenate(both, axis=-1)
        return x, [np.stack(ends) for ends in zip(*last)]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        told = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
                "bidirectional": False}  # fmt: skip
        for name, usual in told.items():
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text


def _recurrence(
    x: Any, first: list[Any], weights: list[Any], kind: str, reverse: bool, lengths: Any
) -> Any:
    """One layer in one direction; half a precision computes in a whole one."""
    operation, tensors = OPERATIONS[kind], [x, *first, *weights]
    dtype = np.result_type(*(tensor.dtype for tensor in tensors))
    wanted = isinstance(x, Tensor) and x.requires_grad
    if dtype != np.float16:
        return operation(tensors, reverse, lengths, _dx=wanted)
    whole = [at_least_single(tensor) for tensor in tensors]
    return [y.astype(dtype) for y in operation(whole, reverse, lengths, _dx=wanted)]


class RNN(_Recurrent):
    """h' = tanh(W x + b + V h + c) at each step (or relu of it), over whole sequences.

    Args: input_size; hidden_size; num_layers, of which each takes the steps of the one below;
        nonlinearity, "tanh" or "relu"; bias, False for none; batch_first, True for x and y with the
        batch before the time; dropout, p of dropping what goes from a layer to the next, while
        training; bidirectional, True for a second direction, from the last step to the first, whose
        values stand behind the others; dtype; rng, where weights and dropout come from: weights
        even within ±1/sqrt(hidden_size).
    Call it as (x, hx=None, lengths=None): hx, the first states (zeros if None); lengths, of each
    sequence of a padded batch, in any order: behind its end y is 0, and the last state is that of
    its own last step. A PackedSequence comes back as one. Returns (y, h).
    Shapes: x (T, B, input_size), or (T, input_size) of one sequence; y (T, B, D hidden_size), D the
    number of directions; h (num_layers D, B, hidden_size), also if batch_first. Names of the state
    and source: PyTorch's nn.RNN.

    >>> y, h = RNN(3, 4)(np.zeros((5, 2, 3)))
    >>> y.shape, h.shape
    ((5, 2, 4), (1, 2, 4))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._kind = one_of("RNN: nonlinearity", nonlinearity, ("tanh", "relu"))
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, dtype, rng)  # fmt: skip

    def extra_repr(self) -> str:
        relu = ", nonlinearity='relu'" if self.nonlinearity == "relu" else ""
        return super().extra_repr() + relu


class LSTM(_Recurrent):
    """Long short-term memory: c' = f c + i g and h' = o tanh(c') at each step.

    The gates i, f, o = sigmoid and g = tanh, each of its own W x + b + V h + c, stand in the rows
    of the weights in the order i, f, g, o. Args, `lengths` and x as of `nn.RNN`; hx is a tuple
    (h, c), and so is the second result: (y, (h, c)). Source: Hochreiter and Schmidhuber, Long
    Short-Term Memory, 1997; PyTorch's nn.LSTM (without proj_size).

    >>> y, (h, c) = LSTM(3, 4, num_layers=2, batch_first=True)(np.zeros((2, 5, 3)), lengths=[5, 3])
    >>> y.shape, h.shape, c.shape
    ((2, 5, 4), (2, 2, 4), (2, 2, 4))
    """

    _kind, _states = "lstm", ("h", "c")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, dtype, rng)  # fmt: skip


class GRU(_Recurrent):
    """A gated recurrent unit: h' = (1 - z) n + z h, n = tanh(W x + b + r (V h + c)), at each step.

    The gates r and z = sigmoid, each of its own W x + b + V h + c, and n stand in the rows of the
    weights in the order r, z, n. Args, `lengths`, shapes and results as of `nn.RNN`. Source: Cho et
    al., 2014, in the form of PyTorch's nn.GRU, where r multiplies V h + c.

    >>> y, h = GRU(3, 4, bidirectional=True)(np.zeros((5, 2, 3)))
    >>> y.shape, h.shape
    ((5, 2, 8), (2, 2, 4))
    """

    _kind = "gru"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, dtype, rng)  # fmt: skip


# ---- single steps -------------------------------------------------------------------------------


class _Cell(_Weights):
    """One step, of the formula itself: for loops of your own."""

    weight_ih: Tensor

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, dtype: Any,
        rng: np.random.Generator | None,
    ) -> None:  # fmt: skip
        self._begin(input_size, hidden_size, bias)
        self._add("", self.input_size, dtype, rng)

    def forward(self, x: Any, hx: Any = None) -> Any:
        x = as_input(x, self.weight_ih.dtype)
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            size = self.input_size
            raise self._wrong(x.shape, f"(B, {size}), or ({size},) of one sample")
        states = self._given_states(hx, (*x.shape[:-1], self.hidden_size), x.dtype)
        weights = self._weights() if self.bias else [*self._weights(), None, None]
        tensors = [x, *states, *weights]
        dtype = np.result_type(*(t.dtype for t in tensors if t is not None))
        if dtype == np.float16:  # in a whole precision, as the layers
            tensors = [None if t is None else at_least_single(t) for t in tensors]
        found = self._step(*tensors)
        found = found if isinstance(found, tuple) else (found,)
        if dtype == np.float16:
            found = tuple(state.astype(dtype) for state in found)
        return found if len(found) > 1 else found[0]

    def _step(self, *tensors: Any) -> Any:
        raise NotImplementedError

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ", bias=False" * (not self.bias)


class RNNCell(_Cell):
    """One step of `nn.RNN`: h' = tanh(W x + b + V h + c), or relu of it.

    Args: input_size; hidden_size; bias, False for none; nonlinearity, "tanh" or "relu"; dtype; rng.
    Shapes: x (B, input_size) or (input_size,); hx (B, hidden_size) or (hidden_size,), zeros if
    None; the new state likewise. Source: PyTorch's nn.RNNCell.

    >>> cell, h = RNNCell(3, 4), None
    >>> for x in np.zeros((5, 2, 3)):
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._kind = one_of("RNNCell: nonlinearity", nonlinearity, ("tanh", "relu"))
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, dtype, rng)

    def _step(self, *tensors: Any) -> Any:
        return rnn_step(self._kind, *tensors)

    def extra_repr(self) -> str:
        relu = ", nonlinearity='relu'" if self.nonlinearity == "relu" else ""
        return super().extra_repr() + relu


class LSTMCell(_Cell):
    """One step of `nn.LSTM`: (h', c') from x and hx = (h, c), zeros if None.

    Args and shapes as of `nn.RNNCell`, without nonlinearity. Source: PyTorch's nn.LSTMCell.

    >>> h, c = LSTMCell(3, 4)(np.zeros((2, 3)))
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    _kind, _states = "lstm", ("h", "c")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype, rng)

    def _step(self, *tensors: Any) -> Any:
        return lstm_step(*tensors)


class GRUCell(_Cell):
    """One step of `nn.GRU`: h' from x and hx = h, zeros if None.

    Args and shapes as of `nn.RNNCell`, without nonlinearity. Source: PyTorch's nn.GRUCell.

    >>> GRUCell(3, 4)(np.zeros((2, 3))).shape
    (2, 4)
    """

    _kind = "gru"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        dtype: Any = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, dtype, rng)

    def _step(self, *tensors: Any) -> Any:
        return gru_step(*tensors)
