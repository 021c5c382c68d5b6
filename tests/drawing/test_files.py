"""Saving: each suffix its writer, whole files or none, and what to install for PNG and PDF."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograd import AutogradError, Tensor, draw
from autograd.drawing.writers.files import _WRITERS, save
from tests.twins import assert_cases

FORMS = [".txt", ".mmd", ".dot", ".svg", ".html"]


class Words:
    """A drawing that writes a word for each form."""

    def __init__(self, dot: str = "digraph {\n  n0\n}\n") -> None:
        self.dot = dot

    def to_text(self) -> str:
        return "tree\n"

    def to_mermaid(self) -> str:
        return "chart\n"

    def to_dot(self) -> str:
        return self.dot

    def to_svg(self) -> str:
        return "picture ∂\n"

    def to_html(self) -> str:
        return "page\n"


WORDS = {".txt": "tree\n", ".mmd": "chart\n", ".dot": "digraph {\n  n0\n}\n",
         ".svg": "picture ∂\n", ".html": "page\n", ".TXT": "tree\n"}  # fmt: skip


def test_every_suffix_is_tried():
    assert_cases(_WRITERS, [*FORMS, ".png", ".pdf"], f"FORMS of {__name__}")


@pytest.mark.parametrize("suffix, word", WORDS.items(), ids=WORDS)
def test_the_suffix_says_the_form(suffix, word, tmp_path):
    path = tmp_path / f"graph{suffix}"
    assert save(Words(), path) is path
    assert path.read_bytes() == word.encode()


def test_an_error_of_the_system_names_the_file_and_not_the_temporary_one(tmp_path, monkeypatch):
    def fails(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied", str(arguments[0]))

    monkeypatch.setattr(os, "replace", fails)
    path = tmp_path / "graph.txt"
    with pytest.raises(PermissionError, match=r"save: Permission denied: .*graph\.txt'$"):
        save(Words(), path)


def test_a_str_is_a_path_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert save(Words(), "graph.txt") == "graph.txt"
    assert Path("graph.txt").read_text() == "tree\n"


@pytest.mark.parametrize("suffix", FORMS)
def test_graphs_save_themselves(suffix, tmp_path):
    graph = draw(Tensor(2.0, requires_grad=True, name="x") * 3.0)
    graph.save(tmp_path / f"graph{suffix}")
    assert (tmp_path / f"graph{suffix}").stat().st_size > 50


@pytest.mark.parametrize("suffix", [*FORMS, ".png", ".pdf"])
@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_files_have_the_theme_that_they_are_saved_with(suffix, theme, tmp_path):
    if suffix in (".png", ".pdf") and not graphviz_is_there():
        pytest.skip("the package graphviz or the program dot is not installed")
    x = Tensor(2.0, requires_grad=True, name="x")
    draw(x * 3.0).save(tmp_path / f"one{suffix}", theme=theme)
    draw(x * 3.0, theme=theme).save(tmp_path / f"other{suffix}")
    draw(x * 3.0, theme="light" if theme == "dark" else "dark").save(tmp_path / f"not{suffix}")
    one, other, others = ((tmp_path / f"{n}{suffix}").read_bytes() for n in ("one", "other", "not"))
    assert one == other
    assert (one == others) == (suffix == ".txt")


def test_a_file_is_not_written_in_a_theme_that_there_is_not(tmp_path):
    with pytest.raises(ValueError, match="save: theme is 'auto' .* got 'black'"):
        draw(Tensor(2.0, requires_grad=True) * 3.0).save(tmp_path / "graph.svg", theme="black")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "graph.txt"
    path.write_text("old")
    save(Words(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["graph.txt"]
    assert path.read_text() == "tree\n"


@pytest.mark.skipif(os.name == "nt", reason="links want rights on Windows")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    save(Words(), tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "tree\n"


def test_after_an_error_everything_is_as_it_was(tmp_path, monkeypatch):
    def fails(*paths: str) -> None:
        raise OSError("no space left")

    (tmp_path / "graph.txt").write_text("old")
    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="no space left"):
        save(Words(), tmp_path / "graph.txt")
    assert [file.name for file in tmp_path.iterdir()] == ["graph.txt"]
    assert (tmp_path / "graph.txt").read_text() == "old"


REFUSED = {
    "unknown suffix": ("graph.jpg", ValueError, r"\.txt, \.mmd, .*\.pdf; got 'graph\.jpg'"),
    "no suffix": ("graph", ValueError, r"must end in \.txt"),
    "only a suffix": (".svg", ValueError, "must end in"),
    "no folder": ("nowhere/graph.svg", FileNotFoundError, r"no folder .*nowhere.*os\.makedirs"),
    "a folder": ("folder.svg", IsADirectoryError, "is a folder"),
    "a number": (3, TypeError, "must be a str or a Path, got int"),
    "bytes": (b"graph.svg", TypeError, "must be a str or a Path, got bytes"),
}


@pytest.mark.parametrize("path, kind, message", REFUSED.values(), ids=REFUSED)
def test_refused(path, kind, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder.svg").mkdir()
    with pytest.raises(kind, match=message):
        save(Words(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["folder.svg"]


# ---- PNG and PDF ------------------------------------------------------------------------------

BEGINNINGS = {".png": b"\x89PNG\r\n", ".pdf": b"%PDF-"}
each_picture = pytest.mark.parametrize("suffix", BEGINNINGS)


def graphviz_is_there() -> bool:
    """Whether both parts are installed (asked of a fresh interpreter: some tests hide them)."""
    asked = [sys.executable, "-c", "import graphviz"]
    return bool(shutil.which("dot")) and not subprocess.run(asked, capture_output=True).returncode


needs_graphviz = pytest.mark.skipif(
    not graphviz_is_there(), reason="the package graphviz or the program dot is not installed"
)


@needs_graphviz
@each_picture
def test_graphviz_makes_the_pictures(suffix, tmp_path):
    graph = draw(Tensor(2.0, requires_grad=True, name='"<x>&') * 3.0)
    graph.save(tmp_path / f"graph{suffix}")
    assert (tmp_path / f"graph{suffix}").read_bytes().startswith(BEGINNINGS[suffix])


@needs_graphviz
@each_picture
def test_the_same_graph_gives_the_same_bytes(suffix, tmp_path):
    graph = draw(Tensor(2.0, requires_grad=True) * 3.0)
    for name in "ab":
        graph.save(tmp_path / f"{name}{suffix}")
        if suffix == ".pdf":  # its date is the one thing that could differ
            document = (tmp_path / f"{name}.pdf").read_bytes()
            assert b"/CreationDate (D:20000101000000" in document
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@each_picture
def test_without_the_package_it_says_what_to_install(suffix, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ImportError) as raised:
        save(Words(), tmp_path / f"graph{suffix}")
    for word in ('pip install "chalkgrad[graph]"', "apt install graphviz", "brew", "winget",
                 "choco", "Python package graphviz is missing", suffix):  # fmt: skip
        assert word in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@each_picture
def test_without_the_program_it_says_what_to_install(suffix, tmp_path, monkeypatch):
    pytest.importorskip("graphviz", reason="the package graphviz is not installed")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImportError, match="dot is not on the PATH(.|\n)*apt install graphviz"):
        save(Words(), tmp_path / f"graph{suffix}")
    assert list(tmp_path.iterdir()) == []


@needs_graphviz
def test_what_graphviz_says_is_passed_on(tmp_path):
    with pytest.raises(AutogradError, match="could not draw this graph: .*syntax error"):
        save(Words("digraph {\n  -> }"), tmp_path / "graph.png")
    assert list(tmp_path.iterdir()) == []
