"""One layer of a recurrent network, in one direction: a step as a formula, and all as an operation.

The steps are formulas of Tensors: `rnn_step`, `lstm_step`, `gru_step`. The operations run a whole
sequence of them and go back through time by hand, on plain arrays: one product a step, for those of
the input are taken together, and those of the weights' gradients for some thousand rows at a time.
Asked for higher orders their rule differentiates the formulas.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from autograd import Tensor, primitive, relu, sigmoid
from nn.layers.linear import linear
from nn.orders import recorded_gradients

__all__ = ["GATES", "OPERATIONS", "gru_step", "lstm_step", "rnn_step"]

GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}  # how many rows of weights a unit has
_ROWS = 1024  # about as many at once as products take fastest

# ---- one step, as a formula ---------------------------------------------------------------------


def rnn_step(kind: str, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any) -> Any:
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
    """The gates one by one: blocks of the last axis, of arrays as views."""
    size = gates.shape[-1] // count
    return [gates[..., k * size : (k + 1) * size] for k in range(count)]


def _composed(tensors: Sequence[Any], kind: str, reverse: bool, lengths: Any) -> list[Any]:
    """What the operation computes, of single ones, which every order of derivative goes through."""
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
            h = rnn_step(kind, x[t], h, *weights)
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


def _recur(tensors: Sequence[Any], kind: str, reverse: bool, lengths: Any) -> tuple[Any, _Kept]:
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
    gates = _flat(rows).dot(w_ih).reshape((steps, batch, w_ih.shape[1]))
    squashed = None
    product = np.empty((batch, w_hh.shape[1]), dtype)
    walk = _walk(counts, reverse)
    if kind == "lstm":
        squashed = np.empty((steps, batch, size), dtype)
        _lstm(walk, counts, product, w_hh, gates, states, cells, squashed)
    elif kind == "gru":
        cells = np.empty((steps, batch, size), dtype)
        _gru(walk, counts, product, w_hh, b_hn, gates, states, cells)
    else:
        for t, old, new, n in walk:
            sums, p = gates[t, :n], product[:n]
            np.dot(states[old, :n], w_hh, out=p)
            sums += p
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
    walk: Any, counts: Any, product: Any, w_hh: Any, gates: Any, states: Any, cells: Any,
    squashed: Any,
) -> None:  # fmt: skip
    size, a, tanh = states.shape[-1], _each(gates, counts), _each(squashed, counts)
    i, f, g, o = (_each(part, counts) for part in _parts(gates, 4))
    half, rest = np.full_like(product, 0.5), np.full_like(product, 0.5)
    half[:, 2 * size : 3 * size], rest[:, 2 * size : 3 * size] = 1, 0  # g stays a tanh
    for t, old, new, n in walk:
        p, c = product[:n], cells[new, :n]
        np.dot(states[old, :n], w_hh, out=p)
        np.add(a[t], p, out=a[t])
        np.tanh(a[t], out=a[t])
        np.multiply(a[t], half[:n], out=a[t])  # as _as_sigmoids, but whole rows: twice as fast
        np.add(a[t], rest[:n], out=a[t])
        np.multiply(f[t], cells[old, :n], out=c)
        c += np.multiply(i[t], g[t], out=p[:, :size])
        np.multiply(o[t], np.tanh(c, out=tanh[t]), out=states[new, :n])


def _gru(
    walk: Any, counts: Any, product: Any, w_hh: Any, b_hn: Any, gates: Any, states: Any, inner: Any
) -> None:
    size = states.shape[-1]
    sigmoids, q = _each(gates[..., : 2 * size], counts), _each(inner, counts)
    r, z, tanh = (_each(part, counts) for part in _parts(gates, 3))
    for t, old, new, n in walk:
        p, h = product[:n], states[old, :n]
        np.dot(h, w_hh, out=p)
        if b_hn is None:
            q[t][...] = p[:, 2 * size :]
        else:
            np.add(p[:, 2 * size :], b_hn, out=q[t])
        np.add(sigmoids[t], p[:, : 2 * size], out=sigmoids[t])
        np.tanh(sigmoids[t], out=sigmoids[t])
        _as_sigmoids(sigmoids[t])
        np.add(tanh[t], np.multiply(r[t], q[t], out=p[:, :size]), out=tanh[t])
        np.tanh(tanh[t], out=tanh[t])
        y = np.subtract(h, tanh[t], out=states[new, :n])
        y *= z[t]
        y += tanh[t]


def _each(array: Any, counts: list[int]) -> list[Any]:
    """The rows that run at each time; views that are made at once take half the time."""
    if min(counts) == array.shape[1]:
        return list(array)
    return [rows[:n] for rows, n in zip(array, counts)]


def _as_sigmoids(tanhs: Any) -> None:
    """sigmoid(x) = (1 + tanh(x / 2)) / 2: with half the weights one tanh serves all gates."""
    tanhs *= 0.5
    tanhs += 0.5


def _recur_by_all(
    g: Any, tensors: Sequence[Any], kind: str, reverse: bool, lengths: Any, dx_wanted: bool,
    saved: Any,
) -> list[Any]:  # fmt: skip
    """The gradients by all that the operation was given, of what came for its results."""
    if any(isinstance(tensor, Tensor) for tensor in tensors):
        return recorded_gradients(
            lambda *fresh: _composed(fresh, kind, reverse, lengths), tensors, g
        )
    x, h, *others = tensors
    weights = others[1:] if kind == "lstm" else others
    steps, batch, width = x.shape
    size, order, dtype = h.shape[-1], saved.order, saved.states.dtype
    counts = _counts(lengths, steps, batch)
    gy, dh, dc = (_sorted(part, order, dtype) for part in (*g, None)[:3])
    gy = gy if g.reached(0) else None
    dh, dc = np.array(dh), None if dc is None else np.array(dc)
    w_ih, w_hh = (w.astype(dtype, copy=False) for w in weights[:2])
    at_once = min(steps, max(1, _ROWS // max(1, batch)))
    room = _Room(at_once, batch, size, GATES[kind], dtype)
    dx = np.empty(x.shape, dtype) if dx_wanted else None
    by_ih = np.zeros((len(w_ih), saved.rows.shape[-1]), dtype)
    by_hh, by_b_hh = np.zeros((len(w_hh), size), dtype), np.zeros(len(w_hh), dtype)
    walk = list(_walk(counts, reverse))[::-1]
    for first in range(0, steps, at_once):
        part = walk[first : first + at_once]
        start = min(part[0][0], part[-1][0])
        here = slice(start, start + len(part))
        before = slice(start + reverse, start + reverse + len(part))
        after = slice(start + (not reverse), start + (not reverse) + len(part))
        deltas, by_h = _BACK[kind](
            part, counts[here], room, saved, here, before, after, gy, dh, dc, w_hh
        )
        flat, by_h = _flat(deltas), _flat(by_h)
        by_ih += flat.T.dot(_flat(saved.rows[here]))
        by_hh += by_h.T.dot(_flat(saved.states[before]))
        if dx is not None:
            np.dot(flat, w_ih, out=_flat(dx[here]))
        if kind == "gru" and len(weights) == 4:
            by_b_hh += np.ones(len(flat), dtype).dot(by_h)
    found = [by_ih[:, :width], by_hh]
    if len(weights) == 4:
        found += [by_ih[:, width], by_b_hh if kind == "gru" else by_ih[:, width]]
    given = [dx if order is None or dx is None else _placed(dx, order)]
    given += [s if order is None else _placed(s, order, 0) for s in (dh, dc) if s is not None]
    return given + found


class _Room:
    """Memory for the steps that go back at once, used again by the next ones."""

    def __init__(self, steps: int, batch: int, size: int, gates: int, dtype: Any) -> None:
        self.deltas = np.empty((steps, batch, gates * size), dtype)
        self.others = np.empty((steps, batch, (3 if gates == 3 else 1) * size), dtype)
        self.step = np.empty((batch, size), dtype)


# A step back is linear in what comes for its results, dh and dc: the factors of all steps of a part
# are computed first, few operations on large arrays, and then multiplied step by step. Each returns
# the gradients of what the gates were made of, of W x + b and of V h + c, before sigmoid and tanh;
# dh and dc, those of the states after the part, become those before it.


def _rnn_back(
    part: Any, counts: Any, room: Any, saved: Any, here: Any, before: Any, after: Any, gy: Any,
    dh: Any, dc: Any, w_hh: Any, rectified: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    deltas, states = room.deltas[: len(part)], saved.states[after]
    if rectified:
        np.logical_not(states <= 0, out=deltas, casting="unsafe")  # of nan 1, as relu's
    else:
        np.multiply(states, states, out=deltas)
        np.subtract(1, deltas, out=deltas)
    steps = _each(deltas, counts)
    for t, _, _, n in part:
        d, h = steps[t - here.start], dh[:n]
        if gy is not None:
            h += gy[t, :n]
        d *= h
        np.dot(d, w_hh, out=h)
    return _padded(deltas, counts), deltas


def _lstm_back(
    part: Any, counts: Any, room: Any, saved: Any, here: Any, before: Any, after: Any, gy: Any,
    dh: Any, dc: Any, w_hh: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """di, df, dg = dc (g, c, i) and do = dh tanh(c'), times the slopes; dc += dh o (1 - tanh²)."""
    deltas, through, tanh = room.deltas[: len(part)], room.others[: len(part)], saved.squashed[here]
    gates, size = saved.gates[here], saved.states.shape[-1]
    (i, f, g, o), (di, df, dg, do) = _parts(gates, 4), _parts(deltas, 4)
    np.multiply(gates, gates, out=deltas)
    np.subtract(gates, deltas, out=deltas)
    np.multiply(g, g, out=dg)
    np.subtract(1, dg, out=dg)
    for slope, other in ((di, g), (df, saved.cells[before]), (dg, i), (do, tanh)):
        slope *= other
    np.multiply(tanh, tanh, out=through)
    np.subtract(1, through, out=through)
    through *= o
    by_c = deltas[..., : 3 * size].reshape((*deltas.shape[:2], 3, size))
    rows, by_c, by_h, through, kept = (_each(a, counts) for a in (deltas, by_c, do, through, f))
    for t, _, _, n in part:
        k, h, c = t - here.start, dh[:n], dc[:n]
        if gy is not None:
            h += gy[t, :n]
        c += np.multiply(through[k], h, out=through[k])
        by_c[k] *= c[:, None]
        by_h[k] *= h
        c *= kept[k]
        np.dot(rows[k], w_hh, out=h)
    return _padded(deltas, counts), deltas


def _gru_back(
    part: Any, counts: Any, room: Any, saved: Any, here: Any, before: Any, after: Any, gy: Any,
    dh: Any, dc: Any, w_hh: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """dn = dh (1 - z) and dz = dh (h - n), times the slopes; dr = dn q, and dq = dn r."""
    deltas, by_q, q = room.deltas[: len(part)], room.others[: len(part)], saved.cells[here]
    gates, size = saved.gates[here], saved.states.shape[-1]
    (r, z, n_), (dr, dz, dn) = _parts(gates, 3), _parts(deltas, 3)
    np.multiply(gates, gates, out=deltas)
    np.subtract(gates, deltas, out=deltas)
    dn[...] = 1 - z
    dn *= 1 - n_ * n_
    dz *= saved.states[before] - n_
    dr *= dn * q
    by_q[..., : 2 * size] = deltas[..., : 2 * size]
    np.multiply(dn, r, out=by_q[..., 2 * size :])
    thirds = (*deltas.shape[:2], 3, size)
    by_x, by_h = deltas.reshape(thirds), by_q.reshape(thirds)
    by_x, by_h, rows, kept = (_each(a, counts) for a in (by_x, by_h, by_q, z))
    for t, _, _, n in part:
        k, h, space = t - here.start, dh[:n], room.step[:n]
        if gy is not None:
            h += gy[t, :n]
        by_x[k] *= h[:, None]
        by_h[k] *= h[:, None]
        h *= kept[k]
        h += np.dot(rows[k], w_hh, out=space)
    return _padded(deltas, counts), _padded(by_q, counts)


_BACK: dict[str, Any] = {
    "lstm": _lstm_back, "gru": _gru_back, "tanh": _rnn_back,
    "relu": partial(_rnn_back, rectified=True),
}  # fmt: skip


def _padded(deltas: Any, counts: list[int]) -> Any:
    """The same, with zeros where a sequence has ended."""
    if min(counts) < deltas.shape[1]:
        for rows, n in zip(deltas, counts):
            rows[n:] = 0
    return deltas


def _operation(kind: str, name: str) -> Any:
    """The operation of this kind, which drawings call by its own name."""

    def forward(
        tensors: Sequence[Any], reverse: bool = False, lengths: Any = None, _dx: bool = True
    ) -> Any:
        return _recur(tensors, kind, reverse, lengths)

    def rule(
        g: Any, y: Any, tensors: Sequence[Any], reverse: bool = False, lengths: Any = None,
        _dx: bool = True, saved: Any = None,
    ) -> Any:  # fmt: skip
        return _recur_by_all(g, tensors, kind, reverse, lengths, _dx, saved)

    forward.__name__ = name
    return primitive(forward, rule, formula=_formulas(kind), saves=True, elementwise=False)


def _formulas(kind: str) -> dict[str, str]:
    """The derivative by each member of the list, by its name."""
    said = {
        what: f"{{}}, with δ what comes back through time to {of}"
        for what, of in (("x", "w_ih x"), ("h", "w_hh h"))
    }
    found = {"x": said["x"].format("δ w_ih"), "h_0": said["h"].format("δ w_hh of the first step")}
    if kind == "lstm":
        found["c_0"] = "what of g the forget gates of all steps let through"
    elif kind == "gru":
        found["h_0"] += ", and what of g the gates z of all steps let through"
    found["w_ih"] = said["x"].format("Σ δᵀ x over the steps")
    found["w_hh"] = said["h"].format("Σ δᵀ h over the steps")
    found["b_ih"] = said["x"].format("Σ δ over the steps")
    found["b_hh"] = said["h"].format("Σ δ over the steps")
    return found


# One layer in one direction: (y of all steps, the last h[, the last c]) of the flat list [x (T, B,
# ...), h, (c,) W, V(, b, c)] of Tensors and arrays; reverse, from each sequence's last step to its
# first; lengths, of the sequences (None: all T); _dx, whether the gradient by x is wanted.
OPERATIONS = {
    kind: _operation(kind, name)
    for kind, name in {"tanh": "rnn", "relu": "rnn", "lstm": "lstm", "gru": "gru"}.items()
}

# ---- what the two have in common ----------------------------------------------------------------


def _flat(steps: Any) -> Any:
    """The rows of all steps, below each other."""
    return steps.reshape((steps.shape[0] * steps.shape[1], steps.shape[2]))


_SIGMOIDS = {"lstm": (0, 1, 3), "gru": (0, 1)}  # which of the gates


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
    ready = [np.array(w.T, dtype, order="C") for w in (w_ih, w_hh)]
    for w in ready:
        for block in _SIGMOIDS.get(kind, ()):
            w[:, block * size : (block + 1) * size] *= 0.5
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
