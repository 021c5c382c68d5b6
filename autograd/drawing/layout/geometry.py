"""Where things stand: the boxes, routes and frames that a layout makes and a writer draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

__all__: list[str] = []

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, width, height, in pixels

ARROW = 7.0  # how long the straight end of every route is, at least: the arrow's head lies on it


class Placement(NamedTuple):
    """What a layout answers: nothing but places, in pixels, y downwards.

    A route is a row of cubic curves: its first point, then two control points and an end for each.
    It begins on the border of its source and ends on the border of its target.
    """

    boxes: Mapping[str, Box]
    routes: tuple[tuple[Point, ...], ...]  # in the order of the edges
    frames: tuple[Box | None, ...]  # in the order of the groups; None where none can be drawn
    width: float
    height: float
    notes: tuple[str, ...] = ()  # what the reader should know: which layout it was, and why


def fitted(
    boxes: Mapping[str, Box], routes: Sequence[tuple[Point, ...]], frames: Sequence[Box | None]
) -> Placement:
    """All moved to a page that is just large enough."""
    drawn = [*boxes.values(), *(frame for frame in frames if frame)]
    points = [p for route in routes for p in route]
    points += [corner for x, y, w, h in drawn for corner in ((x, y), (x + w, y + h))]
    left, top = (min((p[k] for p in points), default=0.0) for k in (0, 1))
    right, bottom = (max((p[k] for p in points), default=0.0) for k in (0, 1))
    return Placement(
        {i: (x - left, y - top, w, h) for i, (x, y, w, h) in boxes.items()},
        tuple(tuple((x - left, y - top) for x, y in route) for route in routes),
        tuple(f and (f[0] - left, f[1] - top, f[2], f[3]) for f in frames),
        right - left,
        bottom - top,
    )


def straight(start: Point, end: Point) -> tuple[Point, Point, Point]:
    """A line as the last three points of a cubic curve."""
    (x1, y1), (x2, y2) = start, end
    third = ((x2 - x1) / 3, (y2 - y1) / 3)
    return (x1 + third[0], y1 + third[1]), (x2 - third[0], y2 - third[1]), end


def pieces(route: tuple[Point, ...]) -> Iterator[tuple[Point, Point, Point, Point]]:
    """The cubic curves of a route, each by its four points."""
    for k in range(0, len(route) - 1, 3):
        yield route[k], route[k + 1], route[k + 2], route[k + 3]


def sampled(route: tuple[Point, ...], steps: int = 12) -> Iterator[Point]:
    """Points along a route, close enough together to see what it passes."""
    if route:
        yield route[0]
    for p, q, r, s in pieces(route):
        for k in range(1, steps + 1):
            t = k / steps
            a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            yield (
                a * p[0] + b * q[0] + c * r[0] + d * s[0],
                a * p[1] + b * q[1] + c * r[1] + d * s[1],
            )
