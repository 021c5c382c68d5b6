"""What notebooks are given: pictures that are shown before they are trusted, the page in a frame.

JupyterLab and its kin drop SVG and frames from a notebook that nobody has trusted yet, but show an
image in HTML, whose script they know cannot run.
"""

from __future__ import annotations

import re
from base64 import b64encode
from html import escape
from typing import Any

from autograd.drawing.writers.marks import number

__all__: list[str] = []

ROOM = 930.0  # how wide the output of a cell is, about
WORDS = 360.0  # the height of what stands around the picture in the frame
LOWEST, HIGHEST = 460, 800  # of a frame, as it comes

_PLACE = "grid-area:1/1;max-width:100%;"  # of picture and frame: the same


def image(svg: str) -> str:
    """An SVG document as an image in HTML.

    >>> print(image('<svg aria-label="y" viewBox="0 0 8 4"/>'))                 # doctest: +ELLIPSIS
    <img alt="y" width="8" height="4" src="data:image/svg+xml;base64,PHN2Zy...
    """
    width, height = _size(svg)
    found = re.search(r' aria-label="([^"]*)"', svg)
    return (
        f'<img alt="{found[1] if found else ""}" width="{number(width)}" height="{number(height)}" '
        f'src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}">'
    )


def _size(svg: str) -> tuple[float, float]:
    found = re.search(r' viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    return (float(found[1]), float(found[2])) if found else (0.0, 0.0)


class Frame:
    """A page in a frame of its own, which shows itself in notebooks; it touches nothing outside.

    Made by `Graph.stepper`. Where frames are not shown, in a notebook that is not trusted, the
    picture is, which lies below.
    """

    def __init__(self, page: str, svg: str, height: int | None = None) -> None:
        self.page, self.svg = page, svg
        self.height = _height(svg) if height is None else height

    def _repr_html_(self) -> str:
        below = image(self.svg).replace(
            "<img ", f'<img style="{_PLACE}max-height:{self.height}px" '
        )
        return (
            f'<div style="display:grid">{below}<iframe sandbox="allow-scripts" '
            'title="Forwards and backwards, step by step" '
            f'style="{_PLACE}width:100%;height:{self.height}px;border:0;background:#fff" '
            f'srcdoc="{escape(self.page)}"></iframe></div>'
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"<a page in a frame, {self.height} pixels high, which a notebook shows>"


def _height(svg: str) -> int:
    """So high that picture and words have room, and not higher than a screen."""
    width, height = _size(svg)
    drawn = height * max(0.65, min(1.5, ROOM / max(width, 1.0)))  # as the page draws it
    return round(min(max(drawn + WORDS, LOWEST), HIGHEST))
