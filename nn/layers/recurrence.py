"""One layer of a recurrent network, in one direction: a step as a formula, and all as an operation.

A step is written three times over, as formulas of Tensors: `rnn_step`, `lstm_step`, `gru_step`. The
operation `recur` runs a whole sequence of them and goes back through time by hand, on plain arrays:
one product a step, for the input's products are taken together, and those of the weights' gradients
for some thousand rows at a time. Asked for higher orders its rule differentiates the formulas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd import Tensor, primitive, relu, sigmoid
from nn.layers.linear import linear
from nn.orders import recorded_gradients

__all__ = ["GATES", "gru_step", "lstm_step", "recur", "rnn_step"]

GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}  # how many rows of weights a unit has
_ROWS = 1024  # about as many at once as products take fastest

# ---- one step, as a formula ---------------------------------------------------------------------


def rnn_step(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, kind: str) -> Any:
    """h' = tanh(W x + b + V h + c), or relu of it."""
    total = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    return relu(total) if kind == "relu" else np.tanh(total)


def lstm_step(
    x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any
) -> tuple[Any, Any]:
    """c' = f c + i g and h' = o tanh(c'), with the gates i, f, o (sigmoids) and g (a tanh)."""
    i, f, g, o = _parts(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh), 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
    """h' = (1 - z) n + z h, with n = tanh(W x + b + r (V h + c)) and the sigmoids r and z."""
    xr, xz, xn = _parts(linear(x, w_ih, b_ih), 3)
    hr, hz, hn = _parts(linear(h, w_hh, b_hh), 3)
    z = sigmoid(xz + hz)
    n = np.tanh(xn + sigmoid(xr + hr) * hn)
    return n + z * (h - n)


def _parts(gates: Any, count: int) -> list[Any]:
    size = gates.shape[-1] // count
    return [gates[..., k * size : (k + 1) * size] for k in range(count)]


def _composed(tensors: Sequence[Any], kind: str, reverse: bool, lengths: Any) -> list[Any]:
    """What `recur` computes, of single operations, which every order of derivative goes through."""
    x, h, *others = tensors
    c = others.pop(0) if kind == "lstm" else None
    weights = others if len(others) == 4 else [*others, None, None]
    steps = range(x.shape[0])
    if lengths is not None:  # what padding holds is not to be multiplied, not even by 0
        x = np.where((np.arange(x.shape[0])[:, None] < lengths)[..., None], x, 0)
    y = [h] * x.shape[0]
    for t in reversed(steps) if reverse else steps:
        before = h, c
        if kind == "lstm":
            h, c = lstm_step(x[t], h, c, *weights)
        elif kind == "gru":
            h = gru_step(x[t], h, *weights)
        else:
            h = rnn_step(x[t], h, *weights, kind)
        y[t] = h
        if lengths is not None:
            runs = (t < lengths)[:, None]
            y[t] = np.where(runs, h, 0)
            h = np.where(runs, h, before[0])
            c = None if c is None else np.where(runs, c, before[1])
    return [np.stack(y), h] if c is None else [np.stack(y), h, c]


# ---- all steps at once --------------------------------------------------------------------------


class _Kept(NamedTuple):
    """What the forward leaves for the rule; rows of the batch in `order`, the longest first."""

    order: Any  # None: as they came
    rows: Any  # x, with a last column of ones beside a bias
    gates: Any  # (T, B, gates H): what came out of their sigmoids and tanhs
    states: Any  # (T + 1, B, H): h before the first step and after each; in time, also backwards
    cells: Any  # c likewise, or of a GRU (T, B, H) what r multiplies
    squashed: Any  # tanh(c)


def _recur(
    tensors: Sequence[Any], kind: str, reverse: bool = False, lengths: Any = None, _dx: bool = True
) -> tuple[Any, _Kept]:
    x, h, *others = tensors
    c = others.pop(0) if kind == "lstm" else None
    bias = len(others) == 4
    steps, batch, _ = x.shape
    size = h.shape[-1]
    dtype = np.result_type(*tensors)
    order = None if lengths is None else np.argsort(-lengths, kind="stable")
    counts = _counts(lengths, steps, batch)
    rows = _rows(x, order, counts, bias, dtype)
    states, cells = (_begun(s, steps, order, reverse, dtype) for s in (h, c))
    w_ih, w_hh, b_hn = _weights(kind, size, others, dtype)
    gates = rows.reshape((steps * batch, -1)).dot(w_ih).reshape((steps, batch, -1))
    squashed = None
    product = np.empty((batch, w_hh.shape[1]), dtype)
    walk = _walk(counts, reverse)
    if kind == "lstm":
        squashed = np.empty((steps, batch, size), dtype)
        _lstm(walk, product, w_hh, gates, states, cells, squashed)
    elif kind == "gru":
        cells = np.empty((steps, batch, size), dtype)
        _gru(walk, product, w_hh, b_hn, gates, states, cells)
    else:
        for t, old, new, n in walk:
            np.dot(states[old, :n], w_hh, out=product[:n])
            sums = gates[t, :n]
            sums += product[:n]
            if kind == "relu":
                np.maximum(sums, 0, out=states[new, :n])
            else:
                np.tanh(sums, out=states[new, :n])
        gates = None  # the states tell all
    y = states[:-1] if reverse else states[1:]
    results = [_last(s, lengths, order, reverse) for s in (states, cells)[: 1 + (c is not None)]]
    if lengths is not None:
        y = _placed(np.where((np.arange(steps)[:, None] < lengths[order])[..., None], y, 0), order)
    return (y, *results), _Kept(order, rows, gates, states, cells, squashed)


def _lstm(
    walk: Any, product: Any, w_hh: Any, gates: Any, states: Any, cells: Any, squashed: Any
) -> None:
    size = states.shape[-1]
    for t, old, new, n in walk:
        a, p, c = gates[t, :n], product[:n], cells[new, :n]
        np.dot(states[old, :n], w_hh, out=p)
        a += p
        np.tanh(a, out=a)
        _as_sigmoids(a[:, : 3 * size])
        i, f, o, g = (a[:, k * size : (k + 1) * size] for k in range(4))
        np.multiply(f, cells[old, :n], out=c)
        c += np.multiply(i, g, out=p[:, :size])
        np.multiply(o, np.tanh(c, out=squashed[t, :n]), out=states[new, :n])


def _gru(
    walk: Any, product: Any, w_hh: Any, b_hn: Any, gates: Any, states: Any, inner: Any
) -> None:
    size = states.shape[-1]
    for t, old, new, n in walk:
        a, p, q, h = gates[t, :n], product[:n], inner[t, :n], states[old, :n]
        np.dot(h, w_hh, out=p)
        q[...] = p[:, :size]
        if b_hn is not None:
            q += b_hn
        rz, r, z, n_ = a[:, : 2 * size], a[:, :size], a[:, size : 2 * size], a[:, 2 * size :]
        rz += p[:, size:]
        np.tanh(rz, out=rz)
        _as_sigmoids(rz)
        n_ += np.multiply(r, q, out=p[:, :size])
        np.tanh(n_, out=n_)
        y = np.subtract(h, n_, out=states[new, :n])
        y *= z
        y += n_


def _as_sigmoids(tanhs: Any) -> None:
    """sigmoid(x) = (1 + tanh(x / 2)) / 2: with half the weights one tanh serves all gates."""
    tanhs *= 0.5
    tanhs += 0.5


def _recur_by_all(
    g: Any, y: Any, tensors: Sequence[Any], kind: str, reverse: bool = False, lengths: Any = None,
    _dx: bool = True, saved: Any = None,
) -> list[Any]:  # fmt: skip
    """The gradients by all that `recur` was given: back through time."""
    if any(isinstance(tensor, Tensor) for tensor in tensors):
        return recorded_gradients(
            lambda *fresh: _composed(fresh, kind, reverse, lengths), tensors, g
        )
    if saved is None:
        saved = _recur(tensors, kind, reverse, lengths)[1]
    x, h, *others = tensors
    bias = len(others) - (kind == "lstm") == 4
    weights = others[1:] if kind == "lstm" else others
    steps, batch, _ = x.shape
    size, order, dtype = h.shape[-1], saved.order, saved.states.dtype
    counts = _counts(lengths, steps, batch)
    gy, dh, dc = (_sorted(part, order, dtype) for part in (*g, None)[:3])
    gy = gy if g.reached(0) else None
    dh, dc = np.array(dh), None if dc is None else np.array(dc)
    blocks = _BLOCKS[kind]
    w_ih, w_hh = (_arranged(w.astype(dtype, copy=False), p) for w, p in zip(weights, blocks))
    before = saved.states[1:] if reverse else saved.states[:-1]
    wide = w_ih.shape[0] + size * (kind == "gru")
    at_once = max(1, _ROWS // max(1, batch))
    deltas = np.empty((min(steps, at_once), batch, wide), dtype)
    space = np.empty((batch, size), dtype)
    dx = np.empty((steps, batch, x.shape[-1]), dtype) if _dx else None
    by_ih = np.zeros((w_ih.shape[0], saved.rows.shape[-1]), dtype)
    by_hh = np.zeros((w_hh.shape[0], size + (kind == "gru" and bias)), dtype)
    walk = list(_walk(counts, reverse))[::-1]
    for first in range(0, steps, at_once):
        part = walk[first : first + at_once]
        start = min(part[0][0], part[-1][0])
        for t, old, new, n in part:
            d, h, c = deltas[t - start], dh[:n], None if dc is None else dc[:n]
            if gy is not None:
                h += gy[t, :n]
            d[n:] = 0
            if kind == "lstm":
                _lstm_back(d[:n], h, c, saved, t, old, n, space[:n])
                np.dot(d[:n], w_hh, out=h)
            elif kind == "gru":
                _gru_back(d[:n], h, saved, t, old, n, space[:n])
                h += np.dot(d[:n, : 3 * size], w_hh, out=space[:n])
            else:
                s = saved.states[new, :n]
                if kind == "relu":
                    np.multiply(h, s > 0, out=d[:n])
                else:
                    np.subtract(1, np.multiply(s, s, out=space[:n]), out=space[:n])
                    np.multiply(h, space[:n], out=d[:n])
                np.dot(d[:n], w_hh, out=h)
        stop = start + len(part)
        flat = deltas[: len(part)].reshape((-1, wide))
        by_x = flat[:, size:] if kind == "gru" else flat
        by_h = flat[:, : 3 * size] if kind == "gru" else flat
        by_ih += by_x.T.dot(saved.rows[start:stop].reshape((len(flat), -1)))
        by_hh[:, :size] += by_h.T.dot(before[start:stop].reshape((len(flat), size)))
        if dx is not None:
            np.dot(by_x, w_ih, out=dx[start:stop].reshape((len(flat), -1)))
        if by_hh.shape[1] > size:
            by_hh[:, size] += np.ones(len(flat), dtype).dot(by_h)
    by_ih, by_hh = (_arranged(w, p, back=True) for w, p in zip((by_ih, by_hh), blocks))
    width = x.shape[-1]
    found = [by_ih[:, :width], by_hh[:, :size]]
    if bias:
        found += [by_ih[:, width], by_hh[:, size] if kind == "gru" else by_ih[:, width]]
    given = [dx if order is None or dx is None else _placed(dx, order)]
    given += [s if order is None else _placed(s, order, 0) for s in (dh, dc) if s is not None]
    return given + found


def _lstm_back(d: Any, dh: Any, dc: Any, saved: Any, t: int, old: int, n: int, space: Any) -> None:
    """dc becomes the gradient before the step, and d that of what the gates were made of."""
    size = dh.shape[-1]
    a, tanh = saved.gates[t, :n], saved.squashed[t, :n]
    i, f, o, g = (a[:, k * size : (k + 1) * size] for k in range(4))
    di, df, do, dg = (d[:, k * size : (k + 1) * size] for k in range(4))
    np.multiply(tanh, tanh, out=space)
    np.subtract(1, space, out=space)
    space *= o
    space *= dh
    dc += space
    np.multiply(a, a, out=d)
    np.subtract(a[:, : 3 * size], d[:, : 3 * size], out=d[:, : 3 * size])
    np.subtract(1, dg, out=dg)
    for part, one, other in ((di, dc, g), (df, dc, saved.cells[old, :n]), (do, dh, tanh)):
        part *= np.multiply(one, other, out=space)
    dg *= np.multiply(dc, i, out=space)
    dc *= f


def _gru_back(d: Any, dh: Any, saved: Any, t: int, old: int, n: int, space: Any) -> None:
    """d becomes the gradient of what r multiplies, and behind it those of r, z and n, before their
    sigmoids and tanh; dh that of the step's own share of the state before."""
    size = dh.shape[-1]
    a, q = saved.gates[t, :n], saved.cells[t, :n]
    r, z, n_ = (a[:, k * size : (k + 1) * size] for k in range(3))
    dq, dr, dz, dn = (d[:, k * size : (k + 1) * size] for k in range(4))
    np.multiply(a, a, out=d[:, size:])
    np.subtract(a[:, : 2 * size], d[:, size : 3 * size], out=d[:, size : 3 * size])
    np.subtract(1, dn, out=dn)
    np.subtract(saved.states[old, :n], n_, out=space)
    space *= dh
    dz *= space
    np.subtract(1, z, out=space)
    space *= dh
    dn *= space
    dr *= np.multiply(dn, q, out=space)
    np.multiply(dn, r, out=dq)
    dh *= z


recur = primitive(
    _recur, _recur_by_all, formula="back through time, step by step", saves=True, elementwise=False
)

# ---- what the two have in common ----------------------------------------------------------------

# The blocks of rows of W and of V: gates that are sigmoids first, and of a GRU's V that of n first.
_BLOCKS: dict[str, Any] = {
    "lstm": ([0, 1, 3, 2], [0, 1, 3, 2]), "gru": ([0, 1, 2], [2, 0, 1]),
    "tanh": ([0], [0]), "relu": ([0], [0]),
}  # fmt: skip


def _arranged(w: Any, blocks: list[int], back: bool = False) -> Any:
    """The blocks of rows in this order, or from it back in PyTorch's."""
    if blocks == sorted(blocks):
        return w
    if back:
        blocks = [blocks.index(k) for k in range(len(blocks))]
    parts = w.reshape((len(blocks), -1, *w.shape[1:]))
    return parts[blocks].reshape(w.shape)


def _weights(kind: str, size: int, weights: Any, dtype: Any) -> tuple[Any, Any, Any]:
    """[W b]ᵀ and Vᵀ, ready to be multiplied by rows; and of a GRU the bias that r multiplies."""
    w_ih, w_hh, b_ih, b_hh = weights if len(weights) == 4 else (*weights, None, None)
    b_hn = None
    if b_ih is not None:
        bias = b_ih.astype(dtype)
        if kind == "gru":
            bias[: 2 * size] += b_hh[: 2 * size]
            b_hn = b_hh[2 * size :]
        else:
            bias += b_hh
        w_ih = np.column_stack([w_ih, bias])
    (w_ih, w_hh), blocks = (w_ih, w_hh), _BLOCKS[kind]
    ready = [np.array(_arranged(w, p).T, dtype, order="C") for w, p in zip((w_ih, w_hh), blocks)]
    if kind == "lstm":
        ready[0][:, : 3 * size] *= 0.5
        ready[1][:, : 3 * size] *= 0.5
    elif kind == "gru":
        ready[0][:, : 2 * size] *= 0.5
        ready[1][:, size:] *= 0.5
    return ready[0], ready[1], b_hn


def _counts(lengths: Any, steps: int, batch: int) -> list[int]:
    """How many rows of the batch, the longest first, run at each time."""
    if lengths is None:
        return [batch] * steps
    return [int(n) for n in np.sum(np.arange(steps)[:, None] < lengths, axis=1)]


def _walk(counts: list[int], reverse: bool) -> Iterator[tuple[int, int, int, int]]:
    """(time, place of the state before, and after, rows that run), in the order of the steps."""
    if reverse:
        return ((t, t + 1, t, counts[t]) for t in range(len(counts) - 1, -1, -1))
    return ((t, t, t + 1, n) for t, n in enumerate(counts))


def _rows(x: Any, order: Any, counts: list[int], bias: bool, dtype: Any) -> Any:
    if order is None and not bias:
        return np.ascontiguousarray(x, dtype)
    steps, batch, width = x.shape
    rows = np.empty((steps, batch, width + bias), dtype)
    rows[:, :, :width] = x if order is None else x[:, order]
    rows[:, :, width:] = 1
    if order is not None:
        for t, n in enumerate(counts):
            rows[t, n:] = 0  # a nan in the padding would spread to the weights
    return rows


def _begun(state: Any, steps: int, order: Any, reverse: bool, dtype: Any) -> Any:
    """Room for all states, with the first in its place: of shorter rows in all that are free."""
    if state is None:
        return None
    states = np.empty((steps + 1, *state.shape), dtype)
    if order is None:
        states[steps if reverse else 0] = state
    else:
        states[...] = state[order]
    return states


def _last(states: Any, lengths: Any, order: Any, reverse: bool) -> Any:
    """The states after each row's last step."""
    if lengths is None:
        return states[0 if reverse else -1].copy()
    if reverse:
        return _placed(states[0], order, 0)
    return _placed(states[lengths[order], np.arange(len(order))], order, 0)


def _sorted(g: Any, order: Any, dtype: Any) -> Any:
    if g is None or order is None:
        return None if g is None else g.astype(dtype, copy=False)
    return g[..., order, :].astype(dtype, copy=False)


def _placed(rows: Any, order: Any, axis: int = 1) -> Any:
    """Rows that stand in `order`, each where it came from."""
    placed = np.empty_like(rows)
    placed[(slice(None),) * axis + (order,)] = rows
    return placed
