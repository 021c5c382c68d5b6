"""Drawings as files: which suffix means which writer, and files that appear whole or not at all.

PNG and PDF are made by the program `dot` of Graphviz, through the Python package graphviz; all the
others need nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from typing import Any, Protocol

from autograd.errors import AutogradError

__all__: list[str] = []

_DOTS_PER_INCH = 144  # sharp on today's screens


class Drawing(Protocol):
    """What is saved: a Graph, or whatever writes itself in the same words."""

    def to_text(self) -> str: ...
    def to_mermaid(self) -> str: ...
    def to_dot(self) -> str: ...
    def to_svg(self) -> str: ...
    def to_html(self) -> str: ...


_WRITERS: dict[str, Callable[[Drawing], str | bytes]] = {
    ".txt": lambda graph: graph.to_text(),
    ".mmd": lambda graph: graph.to_mermaid(),
    ".dot": lambda graph: graph.to_dot(),
    ".svg": lambda graph: graph.to_svg(),
    ".html": lambda graph: graph.to_html(),
    ".png": lambda graph: _graphviz(graph.to_dot(), "png"),
    ".pdf": lambda graph: _undated(_graphviz(graph.to_dot(), "pdf")),
}


def save(graph: Drawing, path: Any) -> Any:
    """Write a drawing to a file, in the format that its suffix says; returns the path.

    Args: path, a str or a Path that ends in .txt, .mmd, .dot, .svg, .html, .png or .pdf. A file of
    that name is replaced at once when everything is written, and stays as it was on an error.

    Raises ValueError for another suffix, OSError where no file can be, ImportError for .png and
    .pdf without Graphviz, and says what to install.
    """
    name, writer = checked(path)
    content = writer(graph)
    _replace(os.path.realpath(name), content if isinstance(content, bytes) else content.encode())
    return path


def checked(path: Any) -> tuple[str, Callable[[Drawing], str | bytes]]:
    """A path that can be written to, and what writes there; raises as `save` does."""
    name = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(name, str):
        raise TypeError(f"save: the path must be a str or a Path, got {type(path).__name__}")
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in _WRITERS:
        raise ValueError(
            f"save: the name of the file must end in {', '.join(_WRITERS)}; got {name!r}"
        )
    folder = os.path.dirname(os.path.realpath(name))  # a link stays: what it points to is replaced
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"save: there is no folder {folder!r} for {name!r}; make it first: "
            f"os.makedirs({folder!r})"
        )
    if os.path.isdir(name):
        raise IsADirectoryError(f"save: {name!r} is a folder; give the name of a file in it")
    return name, _WRITERS[suffix]


def _replace(target: str, content: bytes) -> None:
    """Write a temporary file beside the target, and put it in its place."""
    temporary = os.path.join(os.path.dirname(target), f".chalkgrad-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.strerror:  # which names the temporary file
            raise type(error)(error.errno, f"save: {error.strerror}", target) from error
        raise


# ---- Graphviz -----------------------------------------------------------------------------------

_INSTALL = """save: .{} files are made by Graphviz, and {}. Install both parts:
    pip install "chalkgrad[graph]"          (the Python package graphviz)
    and the program dot:  apt install graphviz  (Debian, Ubuntu),  brew install graphviz  (macOS),
                          winget install Graphviz.Graphviz  or  choco install graphviz  (Windows)
Or save as .svg or .html, which need nothing."""


def _graphviz(source: str, kind: str) -> bytes:
    """The picture that `dot` makes of a graph in its language."""
    try:
        import graphviz
    except ImportError as error:
        raise ImportError(
            _INSTALL.format(kind, "the Python package graphviz is missing")
        ) from error
    sharp = source.replace("digraph {\n", f"digraph {{\n  dpi={_DOTS_PER_INCH}\n", 1)
    try:
        return bytes(graphviz.Source(sharp if kind == "png" else source).pipe(format=kind))
    except graphviz.ExecutableNotFound as error:
        raise ImportError(_INSTALL.format(kind, "its program dot is not on the PATH")) from error
    except graphviz.CalledProcessError as error:
        reason = (error.stderr or b"").decode(errors="replace").strip()
        raise AutogradError(f"save: Graphviz could not draw this graph: {reason}") from error


def _undated(document: bytes) -> bytes:
    """A PDF with zeros for its date, in the same length, so that the same graph gives the same."""
    return re.sub(
        rb"(?<=/CreationDate \(D:)[^)]*",
        lambda date: re.sub(rb"\d", b"0", date[0]).replace(b"00000000", b"20000101", 1),
        document,
    )
