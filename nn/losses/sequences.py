"""The loss of a sequence whose labels come in a known order, but at unknown times (CTC).

Operation, function and Module. This file is loaded when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import Tensor, is_grad_enabled, logsumexp, primitive
from nn.arguments import as_floats, as_tensor, at_first, in_dtype, values
from nn.checks import flag, whole
from nn.habits import told
from nn.losses.mistakes import check_log_probabilities
from nn.losses.reduction import _Loss, check_reduction, divided_by, summarised
from nn.orders import recorded_gradients

__all__ = [
    "CTCLoss",
    "ctc_loss",
]

# The labels l1 l2 ... of a sequence are read along a track of 2S + 1 places, - l1 - l2 - ... -,
# where - is the blank. A path starts before the first place; at each time it stays, goes one place
# on, or two, where that passes a blank between two different labels. Arrays are (T, N, 2S + 1): T
# times, N sequences; all probabilities are logarithms.


def _track(labels: Any, blank: int) -> Any:
    """What stands at each place: (N, S) labels as (N, 2S + 1), a blank around each."""
    track = np.full((labels.shape[0], 2 * labels.shape[1] + 1), blank)
    track[:, 1::2] = labels
    return track


def _skips(track: Any, blank: int) -> Any:
    """0 where a path may come from two places before, and -inf elsewhere."""
    skips = np.full(track.shape, -np.inf)
    skips[:, 2:][(track[:, 2:] != blank) & (track[:, 2:] != track[:, :-2])] = 0
    return skips


def _flat(labels: Any, classes: int) -> Any:
    """Where (N, ...) labels are in (N, C), laid end to end: NumPy looks them up there faster."""
    return labels + np.arange(len(labels))[:, None] * classes


def _paths(emissions: Any, skips: Any, start: Any, waits: Any) -> Any:
    """How probable it is to be at each place after each time, over all paths up to there.

    emissions (T, N, L) are those of the places; start and waits (N,): where each sequence starts,
    and how many times it stays there at first, which do not count. The result is (T + 1, N, L): its
    first row is the start.
    """
    times, rows, width = emissions.shape
    dtype = emissions.dtype
    padded = np.full((times + 1, rows, width + 2), -np.inf, dtype)  # before the track is nothing
    padded[0, np.arange(rows), start + 2] = 0
    places = padded[:, :, 2:]
    from_before = np.lib.stride_tricks.sliding_window_view(padded, width, axis=2)
    from_before = from_before.transpose(0, 2, 1, 3)  # of each time: two places on, one, none
    ways = np.zeros((3, rows, width), dtype)
    ways[0] = skips
    sums, most = np.empty_like(ways), np.empty((rows, width), dtype)
    waiting, lowest = int(waits.max(initial=0)), np.finfo(dtype).min
    with np.errstate(divide="ignore"):  # log(0) is meant
        for t, (came, now, emitted) in enumerate(zip(from_before, places[1:], emissions)):
            np.add(came, ways, sums)
            np.maximum.reduce(sums, 0, out=most, initial=lowest)
            np.subtract(sums, most, sums)
            np.exp(sums, sums)
            np.add.reduce(sums, 0, out=now)
            np.log(now, now)
            now += most
            now += emitted
            if t < waiting:
                np.copyto(now, places[0], where=(waits > t)[:, None])
    return places


def _ctc(
    log_probs: Any, labels: Any, times: Any, lengths: Any, blank: int, zero_infinity: bool,
    _both: bool,
) -> Any:  # fmt: skip
    track, (all_times, rows, classes) = _track(labels, blank), log_probs.shape
    flat = log_probs.reshape(all_times, rows * classes).take(_flat(track, classes), axis=1)
    emissions = flat.astype(np.result_type(log_probs, np.float32), copy=False)
    # The likeliest place of each time is given 0, so that sums over many times keep their digits.
    highest = np.maximum.reduce(emissions, axis=2, initial=-np.inf)
    highest[np.isneginf(highest)] = 0
    emissions -= highest[:, :, None]
    passed = np.arange(all_times)[:, None] >= times
    offsets = np.where(passed, 0, highest).sum(axis=0, dtype=np.float64)

    steps, skips = emissions, _skips(track, blank)
    start, waits = np.zeros_like(lengths), np.zeros_like(times)
    if _both:  # backwards in time and along the track, the same paths counted from the other end
        steps = np.concatenate([emissions, emissions[::-1, :, ::-1]], axis=1)
        skips = np.concatenate([skips, _skips(track[:, ::-1], blank)])
        start = np.concatenate([start, track.shape[1] - 1 - 2 * lengths])
        waits = np.concatenate([waits, all_times - times])
    places = _paths(steps, skips, start, waits)
    before, after = places[1:, :rows], places[:0:-1, rows:, ::-1]

    each = np.arange(rows)
    ends = places[times, each]
    ends = np.logaddexp(
        ends[each, 2 * lengths], np.where(lengths, ends[each, 2 * lengths - 1], -np.inf)
    )
    losses = 0 - (ends + offsets)  # a minus alone makes -0 of 0
    if zero_infinity:
        losses[np.isposinf(losses)] = 0
    return losses.astype(log_probs.dtype), (emissions, before, after, ends, passed)


def _ctc_rule(
    g: Any, y: Any, log_probs: Any, labels: Any, times: Any, lengths: Any, blank: int,
    zero_infinity: bool, _both: bool, saved: Any,
) -> Any:  # fmt: skip
    """-g times the probability of each label at each time, given that the sequence is right."""
    if saved is None:  # to be differentiated itself
        return recorded_gradients(
            lambda own: _composed(own, labels, times, lengths, blank, zero_infinity), [log_probs], g
        )[0]
    emissions, before, after, ends, passed = saved
    shares = after - emissions  # which both have counted
    shares += before
    shares -= ends[:, None]
    np.exp(shares, out=shares)
    shares[np.isneginf(emissions)] = 0
    shares[passed] = 0
    # One label may stand at several places: each of them is given what all have together.
    same = (labels[:, :, None] == labels[:, None, :]).astype(shares.dtype)
    of_labels = np.matmul(shares[:, :, 1::2].transpose(1, 0, 2), same).transpose(1, 0, 2)
    slope = np.zeros(log_probs.shape, shares.dtype)
    flat = slope.reshape(len(slope), -1)  # a view
    flat[:, _flat(labels, slope.shape[2])] = of_labels
    slope[:, :, blank] = np.add.reduce(shares[:, :, ::2], axis=2)  # also of what only pads
    slope *= -g[:, None]
    slope[~passed & np.isneginf(ends)] = 0 if zero_infinity else np.nan
    return in_dtype(slope, log_probs.dtype)


def _composed(
    log_probs: Any, labels: Any, times: Any, lengths: Any, blank: int, zero_infinity: bool
) -> Any:
    """The losses by single operations, which can be differentiated as often as one likes."""
    track, rows = _track(labels, blank), np.arange(len(lengths))
    emissions = np.take_along_axis(log_probs, track[None], axis=2)
    start = np.full(track.shape, -np.inf)
    start[:, 0] = 0
    skips = _skips(track, blank)
    places: Any = Tensor(start)
    nowhere = np.full((len(track), 2), -np.inf)
    for t in range(len(emissions)):
        padded = np.concatenate([nowhere, places], axis=1)
        ways = np.stack([padded[:, 2:], padded[:, 1:-1], padded[:, :-2] + skips])
        now = logsumexp(ways, axis=0) + emissions[t]
        places = np.where((times > t)[:, None], now, places)
    before = np.where(lengths > 0, places[rows, 2 * lengths - 1], -np.inf)
    losses = -logsumexp(np.stack([places[rows, 2 * lengths], before]), axis=0)
    return np.where(np.isinf(values(losses)) & zero_infinity, 0, losses)


_fused_ctc = primitive(
    _ctc, _ctc_rule, formula=("-g P(label at this time | sequence)",), elementwise=False, saves=True
)  # fmt: skip


def _sequences(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, *options: Any,
    reduction: str = "mean", sample_weight: Any = None, **more: Any,
) -> float | None:  # fmt: skip
    """What a mean over sequences divides by: their number."""
    if reduction == "sum":
        return None
    if sample_weight is not None:
        return sample_weight.sum(dtype=np.float64).item()  # type: ignore[no-any-return]
    return np.size(values(input_lengths))


@told
@divided_by(_sequences)
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """-log of the probability that the outputs read as the target: connectionist temporal
    classification, for speech and handwriting, where the times of the labels are not known.

    Outputs read as a target where it is left after equal neighbours are joined and blanks are then
    taken out. Args: log_probs (T, N, C), log probabilities of C classes, of them one blank, at T
        times (or (T, C), of one sequence); targets, integers, (N, S) padded, or all of them end to
        end; input_lengths and target_lengths (N,); blank, the class that is no label; reduction,
        "mean" (of each loss divided by the length of its target), "sum" or "none" (N,);
        zero_infinity, True to count 0 for a target that does not fit into its times.
    Raises ValueError for lengths and labels out of range. The gradient is that by log_probs alone;
    PyTorch's has that of a log_softmax before it added, so both agree by the logits. Source: Graves
    et al., "Connectionist temporal classification", 2006; PyTorch's ctc_loss.

    >>> ctc_loss(np.log(np.full((3, 1, 2), 0.5)), [[1]], [3], [1])     # 6 of 8 outputs read as 1
    Tensor(0.28768207)
    """
    name = "ctc_loss"
    check_reduction(name, reduction)
    zero_infinity = flag(f"{name}: zero_infinity", zero_infinity)
    log_probs = as_floats(as_tensor(name, "log_probs", log_probs))
    if log_probs.ndim not in (2, 3) or not log_probs.shape[-1]:
        raise ValueError(
            f"{name}: log_probs must have the shape (T, N, C), times, sequences, classes, or "
            f"(T, C), got {log_probs.shape}"
        )
    blank = whole(f"{name}: blank", blank, least=0)
    classes, alone = log_probs.shape[-1], log_probs.ndim == 2
    if blank >= classes:
        raise ValueError(f"{name}: blank must be one of the {classes} classes, got {blank}")
    check_log_probabilities(name, log_probs, log_probs.ndim - 1)
    if alone:
        log_probs = np.expand_dims(log_probs, 1)
    count = log_probs.shape[1]
    times = _lengths("input_lengths", input_lengths, count, log_probs.shape[0])
    lengths = _lengths("target_lengths", target_lengths, count, None)
    labels = _labels(targets, lengths, classes, blank, alone)
    both = log_probs.requires_grad and is_grad_enabled()
    losses = _fused_ctc(log_probs, labels, times, lengths, blank, zero_infinity, both)
    if reduction == "mean":
        losses = losses / in_dtype(np.maximum(lengths, 1), losses.dtype)
    return losses[0] if alone and reduction == "none" else summarised(losses, reduction)


def _integers(what: str, given: Any) -> Any:
    try:
        found = np.asarray(values(given))
    except ValueError:
        raise ValueError(f"ctc_loss: {what} are lists of unequal lengths; pad them") from None
    if found.dtype.kind not in "iu" and found.size:
        raise TypeError(
            f"ctc_loss: {what} must be integers, got {found.dtype}; use {what}.astype(np.int64)"
        )
    return found.astype(np.intp)


def _lengths(what: str, given: Any, count: int, most: int | None) -> Any:
    """Lengths of so many sequences, each from 0 to `most`."""
    lengths = _integers(what, given)
    if lengths.shape != (count,) and not (count == 1 and lengths.shape == ()):
        raise ValueError(
            f"ctc_loss: {what} must have the shape ({count},), one for each sequence, got "
            f"{lengths.shape}; log_probs are (T, N, C): times first, then sequences"
        )
    lengths = lengths.reshape(-1)
    wrong = lengths < 0 if most is None else (lengths < 0) | (lengths > most)
    if wrong.any():
        place, at = at_first(wrong)
        end = "" if most is None else f" up to {most}, the length of log_probs"
        raise ValueError(f"ctc_loss: {what} must be from 0 on{end}, got {lengths[place]}{at}")
    return lengths


def _labels(targets: Any, lengths: Any, classes: int, blank: int, alone: bool) -> Any:
    """Targets, padded or end to end, as (N, S) labels, padded with blanks."""
    given = _integers("targets", targets)
    known = np.arange(lengths.max(initial=0)) < lengths[:, None]
    labels = np.full(known.shape, blank, np.intp)
    padded = given.ndim == 2 and len(given) == len(lengths) and given.shape[1] >= known.shape[1]
    if padded:
        labels[known] = given[:, : known.shape[1]][known]
    elif given.ndim == 1 and len(given) == lengths.sum():
        labels[known] = given
    elif given.ndim == 1 and alone and len(given) > lengths.sum():
        labels[known] = given[: known.shape[1]]
    else:
        raise ValueError(
            f"ctc_loss: targets of shape {given.shape} do not fit {len(lengths)} sequences of up "
            f"to {known.shape[1]} labels, {lengths.sum()} together: give ({len(lengths)}, "
            f"{known.shape[1]}), padded, or ({lengths.sum()},), end to end"
        )
    wrong = known & ((labels < 0) | (labels >= classes) | (labels == blank))
    if wrong.any():
        place, _ = at_first(wrong)
        raise ValueError(
            f"ctc_loss: label {labels[place]} of sequence {place[0]} "
            + (
                f"is the blank, {blank}, which stands in no target"
                if labels[place] == blank
                else f"is out of range: with {classes} classes labels go from 0 to {classes - 1}"
            )
        )
    return labels


class CTCLoss(_Loss):
    """The loss of labels in a known order, at unknown times; see `nn.functional.ctc_loss`.

    It takes (log_probs, targets, input_lengths, target_lengths): put a LogSoftmax before it. A
    Trainer, whose batches are rows, takes `lambda outputs, targets: loss_function(
    outputs.transpose(1, 0, 2), *targets)`.

    >>> CTCLoss()(np.log(np.full((3, 1, 2), 0.5)), [[1]], [3], [1])
    Tensor(0.28768207)
    """

    _function = staticmethod(ctc_loss)

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(
            blank=whole("CTCLoss: blank", blank, least=0),
            reduction=reduction,
            zero_infinity=flag("CTCLoss: zero_infinity", zero_infinity),
        )

    def forward(  # type: ignore[override]
        self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any
    ) -> Tensor:
        options = {name: getattr(self, name) for name in self._options}
        return ctc_loss(log_probs, targets, input_lengths, target_lengths, **options)

    def divisor(  # type: ignore[override]
        self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any,
        sample_weight: Any = None,
    ) -> float | None:  # fmt: skip
        """The number of sequences, by which the mean was divided; None for a sum."""
        return _sequences(
            log_probs, targets, input_lengths, target_lengths, reduction=self.reduction,
            sample_weight=sample_weight,
        )  # fmt: skip
