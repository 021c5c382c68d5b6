"""Ten plays of Shakespeare, as the demo gpt needs them: numbered, guessed by counting, drawn.

Nothing here is about networks; the lesson is in gpt.py.
"""

import argparse
import functools

import numpy as np

from demos import tools


class Tokeniser:
    """Characters as whole numbers, in the order of the alphabet, and back."""

    def __init__(self, text):
        self.symbols = sorted(set(text))
        self.numbers = {symbol: number for number, symbol in enumerate(self.symbols)}

    def encode(self, text):
        if missing := sorted(set(text) - set(self.symbols)):
            raise ValueError(f"the plays have no {' and no '.join(map(repr, missing))}")
        return np.array([self.numbers[symbol] for symbol in text], dtype=np.int64)

    def decode(self, numbers):
        return "".join(self.symbols[number] for number in numbers)


@functools.cache
def load():
    """A Tokeniser; the first nine tenths of the plays, to learn from, and the last, as numbers."""
    text = bytes(tools.load("shakespeare")["text"]).decode()
    tokeniser = Tokeniser(text)
    numbers = tokeniser.encode(text)
    return tokeniser, *np.split(numbers, [len(numbers) * 9 // 10])


def prompt(text):
    """For argparse's `type`: some characters, which all are in the plays, as numbers."""
    try:
        if text:
            return load()[0].encode(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    raise argparse.ArgumentTypeError("must be one character at least")


def nats_of_counts(learned, unseen, symbols, n):
    """Nats a character of guessing each by the n - 1 before it: by what followed them how often."""
    shape = (symbols,) * n
    rows, tests = (tuple(x[k : len(x) + k + 1 - n] for k in range(n)) for x in (learned, unseen))
    counts = np.bincount(np.ravel_multi_index(rows, shape), minlength=symbols**n).reshape(shape)
    shares = (counts + 0.1) / (counts + 0.1).sum(axis=-1, keepdims=True)  # nothing is impossible
    return -np.mean(np.log(shares[tests]))


def draw(losses, shown, guesses, line, looks):
    """A Figure: left the nats by step, right how much each character of a line looks at each.

    `looks` has for each block (heads, t, t); of every other one is drawn the head that looks most
    at single characters. None without matplotlib.
    """
    figure = tools.new_figure(11.5, 4.3)
    if figure is None:
        return None
    left, right = figure.subfigures(1, 2, width_ratios=[1, 2])
    axes = left.subplots()
    several = 1 + len(losses) // 100
    means = np.convolve(losses, np.ones(several) / several, "valid")
    axes.plot(several + np.arange(len(means)), means, color=tools.GREY, label="training")
    axes.plot(*zip(*shown), "o", color=tools.BLUE, label="never seen")
    for n, guess in enumerate(guesses, 1):
        axes.axhline(guess, color=tools.ORANGE, linestyle=":", zorder=0)
        axes.text(len(losses), guess, f"counts of {n}", ha="right", va="bottom", fontsize=8)
    axes.set(title="nats a character", xlabel="step")
    axes.legend(fontsize=8)
    blocks, names = range(0, len(looks), 2), list(line.replace(" ", "·").replace("\n", "↵"))
    for block, axes in zip(blocks, right.subplots(1, len(blocks), squeeze=False)[0]):
        head = np.argmax(looks[block].max(axis=2).mean(axis=1))
        axes.imshow(looks[block][head], cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(names)), names, fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.tick_params(length=0)
        axes.set(title=f"block {block + 1}, head {head + 1}", xlabel="looked at")
    return figure
