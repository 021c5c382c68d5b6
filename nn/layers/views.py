"""Windows as one would write them by hand: one view for all of them, (N, C, *counts, *kernel).

For plain forms, which are read. What runs lays windows out in memory as BLAS wants them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from nn.layers.windows import Windows, span

__all__ = ["around_each", "between", "few_enough", "small_enough", "under_each"]

MUCH = 1 << 24  # elements of all windows; a text of more is not worth their memory


def few_enough(how: Windows, elements: int) -> bool:
    """Whether all windows, of so many elements of samples and channels, may be laid out."""
    return elements * math.prod(how.counts) * math.prod(how.kernel) <= MUCH


def under_each(x: Any, how: Windows, fill: float = 0) -> Any:
    """What stands under each window of x, with this number around."""
    lengths = zip(how.lengths, how.padding, how.spans())
    around = [(0, 0)] * (x.ndim - len(how.kernel))
    # Behind what the last window reaches there is no need of more.
    around += [(ahead, max(0, reach - ahead - n)) for n, (ahead, _), reach in lengths]
    padded = x
    if any(map(any, around)):
        options: dict[str, Any] = {} if fill == 0 else {"constant_values": fill}
        padded = np.pad(x, tuple(around), **options)
    return _windows(padded, how, how.counts, how.stride)


def around_each(g: Any, how: Windows) -> Any:
    """For each element of x what is at the windows that it is in, the last one first: so are the
    kernel's places, turned round."""
    ahead = g.ndim - len(how.kernel)
    spread: Any = g
    if max(how.stride) > 1:
        lengths = ((count - 1) * s + 1 for count, s in zip(how.counts, how.stride))
        spread = np.zeros_like(g, shape=(*g.shape[:ahead], *lengths))
        spread[(..., *(slice(None, None, s) for s in how.stride))] = g
    around, inside = [(0, 0)] * ahead, []
    along = zip(how.lengths, how.padding, how.kernel, how.dilation, spread.shape[ahead:])
    for length, (padding, _), kernel, dilation, seen in along:
        before = span(kernel, dilation) - 1 - padding
        after = length + span(kernel, dilation) - 1 - before - seen
        around.append((max(0, before), max(0, after)))
        inside.append(slice(max(0, -before) or None, min(0, after) or None))
    if any(part != slice(None) for part in inside):
        spread = spread[(..., *inside)]
    padded = np.pad(spread, tuple(around)) if any(map(any, around)) else spread
    return _windows(padded, how, how.lengths, (1,) * len(how.stride))


SMALL = 64  # elements of a matrix that a text shows


def small_enough(matrices: list[Any]) -> bool:
    """Whether matrices may stand in a text."""
    return all(matrix.size <= SMALL for matrix in matrices)


def between(x: Any, axes: list[int], matrices: list[Any], back: bool = False) -> Any:
    """Each of these axes of x multiplied by its matrix (results, elements), or by its transpose."""
    pairs = sorted(zip(axes, matrices), key=lambda pair: pair[0])
    elements, results = "hwd"[: len(axes)], "ijk"[: len(axes)]
    terms = [r + e for e, r in zip(elements, results)]
    before, after = (results, elements) if back else (elements, results)
    subscripts = f"{','.join([f'...{before}', *terms])}->...{after}"
    return np.einsum(subscripts, x, *(m.astype(x.dtype) for _, m in pairs), optimize=True)


def _windows(padded: Any, how: Windows, counts: tuple[int, ...], stride: tuple[int, ...]) -> Any:
    axes = tuple(range(padded.ndim - len(how.kernel), padded.ndim))
    spans = tuple(map(span, how.kernel, how.dilation))
    windows = sliding_window_view(padded, spans, axis=axes)
    steps = []
    for n, reach, count, s in zip(padded.shape[axes[0] :], spans, counts, stride):
        every = slice(None, None, s if s > 1 else None)
        steps.append(every if len(range(0, n - reach + 1, s)) == count else slice(0, count * s, s))
    steps += [slice(None, None, d if d > 1 else None) for d in how.dilation]
    if all(step == slice(None) for step in steps):
        return windows
    return windows[(..., *steps)]
