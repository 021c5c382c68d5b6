"""What the demos share: the common options, the embedded data sets, saving a picture.

Nothing here is about networks; the lessons are in the other files.
"""

import argparse
import math
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent / "data"
# Colours that people with any colour vision tell apart (Okabe and Ito, 2008).
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#777777"


def load(name):
    """The arrays of an embedded data set by name: "digits", "breast_cancer" or "diabetes"."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def digits():
    """The digits: images (1797, 64), float32 from -1 to 1, and labels (1797,) from 0 to 9."""
    data = load("digits")
    return (data["images"].reshape(-1, 64) / 8 - 1).astype(np.float32), data["labels"]


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


def target(text):
    """For argparse's `type`: the path of a picture in a folder that exists."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"must end with .png, .svg or .pdf, not {text!r}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {str(path.parent)!r}")
    return path


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
    """Write a Figure to path, and say so."""
    figure.savefig(path, dpi=100)
    print(f"saved {path}")
