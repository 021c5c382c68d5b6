"""What the demos share: the common options, the embedded data sets, saving a picture.

Nothing here is about networks; the lessons are in the other files.
"""

import argparse
import math
from pathlib import Path
from textwrap import wrap

import numpy as np

DATA = Path(__file__).resolve().parent / "data"
# Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"


def load(name):
    """The arrays of an embedded data set, by the name of its file in demos/data."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def digits():
    """The digits: images (1797, 64), float32 from -1 to 1, and labels (1797,) from 0 to 9."""
    data = load("digits")
    return (data["images"].reshape(-1, 64) / 8 - 1).astype(np.float32), data["labels"]


def authors():
    """Names of four authors, passages (6000,), and their labels (6000,): places among the names."""
    data = load("authors")
    texts = np.array(data["text"].tobytes().decode("utf-8").split("\n"))
    return ["Shakespeare", "Milton", "Austen", "King James"], texts, data["author"].astype(int)


# ---- options ------------------------------------------------------------------------------------


def options(document, picture=None):
    """A parser with what the demos have in common: --seed, --quick and, with a picture, --save.

    `document` is the docstring of the demo; `picture` the file name that is used without --save.
    """
    parser = argparse.ArgumentParser(description=document.split("\n")[0])
    parser.add_argument("--seed", type=natural, default=0, help="of all that is random (0)")
    parser.add_argument("--quick", action="store_true", help="less work, done in seconds")
    if picture:
        note = f"where the picture goes: PATH.png, .svg or .pdf (./{picture})"
        parser.add_argument("--save", type=target, default=picture, metavar="PATH", help=note)
    return parser


def natural(text):
    """For argparse's `type`: a whole number from 0 on."""
    return _whole(text, 0)


def count(text):
    """For argparse's `type`: a whole number from 1 on, of epochs, units or the like."""
    return _whole(text, 1)


def positive(text):
    """For argparse's `type`: a number above 0, and not infinite."""
    return _number(text, "above 0", lambda number: 0 < number < math.inf)


def not_negative(text):
    """For argparse's `type`: a number from 0 on, and not infinite."""
    return _number(text, "from 0 on", lambda number: 0 <= number < math.inf)


def share(text):
    """For argparse's `type`: a number from 0 on, and below 1."""
    return _number(text, "from 0 on, and below 1", lambda number: 0 <= number < 1)


def target(text):
    """For argparse's `type`: the path of a picture in a folder that exists."""
    return _path(text, ".png", ".svg", ".pdf")


def checkpoint(text):
    """For argparse's `type`: the path of a checkpoint, which may be there, in a folder that is."""
    return _path(text, ".npz", ".safetensors")


def _path(text, *endings):
    path = Path(text)
    if path.suffix.lower() not in endings:
        named = f"{', '.join(endings[:-1])} or {endings[-1]}"
        raise argparse.ArgumentTypeError(f"must end with {named}, not {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    return path


def reviews(text):
    """For argparse's `type`: a folder as IMDB's, with files in train/neg, train/pos, test/neg and
    test/pos; returns texts and labels 0 and 1, to learn, and the same of those held out."""
    found = []
    for part in (Path(text) / "train", Path(text) / "test"):
        paths = [sorted((part / kind).glob("*.txt")) for kind in ("neg", "pos")]
        if not all(paths):
            raise argparse.ArgumentTypeError(f"{part} needs the folders neg and pos, of .txt files")
        found.append([path.read_text("utf-8").replace("<br />", " ") for path in sum(paths, [])])
        found.append(np.repeat([0, 1], [len(kind) for kind in paths]))
    return found


def _whole(text, least):
    return _number(text, f"from {least} on", lambda number: number >= least, int, "whole number")


def _number(text, where, fits, kind=float, what="number"):
    try:
        if fits(kind(text)):
            return kind(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"must be a {what} {where}, not {text!r}")


# ---- pictures -----------------------------------------------------------------------------------


def new_figure(width, height):
    """An empty matplotlib Figure, in inches; None, and a line that says why, without matplotlib.

    A Figure of its own rather than pyplot's: no window, no display, no state left behind.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print('no picture, for matplotlib is missing: pip install "chalkgrad[plot]"')
        return None
    return Figure(figsize=(width, height), layout="constrained")


def save_picture(figure, path):
    """Write a Figure to path, and say so; a PNG with a palette, a third of the bytes."""
    figure.savefig(path, dpi=100)
    if Path(path).suffix.lower() == ".png":
        from PIL import Image  # matplotlib needs it, too

        with Image.open(path) as image:
            colours = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE)
            colours.save(path, optimize=True)
    print(f"saved {path}")


def show_words(axes, text, shares, word, lines=3, columns=62):
    """The words of a text on colours: orange for a share above 0, violet below, white for 0.

    `word` is the compiled pattern of a word; what goes beyond the last line is left out.
    """
    field, shares = np.zeros((lines, columns)), iter(shares)
    for row, line in enumerate(wrap(text, columns)[:lines]):
        for found in word.finditer(line):
            first, end = found.span()
            field[row, first:end] = next(shares, 0)
            middle = (first + end - 1) / 2
            axes.text(middle, row, found[0], ha="center", va="center", family="monospace", size=9)
    most = 1.6 * np.max(np.abs(field))  # the map's darkest colours would hide black letters
    cells = np.ma.masked_equal(field, 0)
    axes.imshow(cells, cmap="PuOr_r", vmin=-most, vmax=most, aspect="auto")
    axes.hlines(np.arange(lines - 1) + 0.5, -0.5, columns - 0.5, color="white", linewidth=3)
    axes.set_xlim(-0.5, columns + 2)
    axes.set_axis_off()
