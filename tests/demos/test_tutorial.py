"""The tutorial: its cells run, in order, and show what is stored in it; its answers hold."""

import base64
import re
import shutil
import subprocess
import sys

import pytest

from demos import notebook
from tests import ROOT
from tests.demos.test_drawings import alike, texts

TUTORIAL = notebook.read()
CELLS = TUTORIAL["cells"]
CODE = notebook.code_cells(TUTORIAL)
WORDS = {cell["id"]: "".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown"}


@pytest.fixture(scope="module")
def outputs():
    """What the cells show when they run now, by id; the answers run in between."""
    return dict(zip([cell["id"] for cell in CODE], notebook.run(TUTORIAL, answers=True)))


def pieces(outputs):
    """(kind, text) of all that a cell shows; of pictures what is written in them."""
    for output in outputs:
        shown = output["data"] if "data" in output else {output["name"]: output["text"]}
        for kind in sorted(shown):
            text = "".join(shown[kind])
            if kind == "text/html":
                text = image_in(text)
            picture = kind in ("image/svg+xml", "text/html")
            yield from ((kind, t) for t in (texts(text) if picture else [text]))


def image_in(html):
    """The SVG of the one image that HTML shows, and that notebooks show before they are trusted."""
    head, _, data = html.removesuffix('">').partition('" src="data:image/svg+xml;base64,')
    assert re.fullmatch(r'<img alt="[^"]+" width="[\d.]+" height="[\d.]+', head)
    return base64.b64decode(data).decode()


def plain(outputs):
    """What a cell shows as plain text, its prints in one piece: Jupyter stores them in several."""
    printed = "".join("".join(o["text"]) for o in outputs if o["output_type"] == "stream")
    results = [o["data"]["text/plain"] for o in outputs if "data" in o]
    shown = [{"name": "stdout", "text": printed}] if printed else []
    return shown + [{"data": {"text/plain": text}} for text in results]


def differences(new, old):
    new, old = list(pieces(new)), list(pieces(old))
    found = [pair for pair in zip(new, old) if pair[0][0] != pair[1][0] or not alike_text(*pair)]
    return found + new[len(old) :] + old[len(new) :]


def alike_text(new, old):
    """The same but for rounding, which also moves the border of what a network answers a little."""
    if alike(new[1], old[1]):
        return True
    changed = [{a, b} for a, b in zip(new[1], old[1]) if a != b]
    moved = len(new[1]) == len(old[1]) and all(pair == {" ", "."} for pair in changed)
    return moved and len(changed) <= 20


# ---- it runs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CODE, ids=[cell["id"] for cell in CODE])
def test_cells_show_what_is_stored(cell, outputs):
    assert differences(outputs[cell["id"]], cell["outputs"]) == []


def test_it_runs_in_jupyter_too(outputs):
    nbformat = pytest.importorskip("nbformat", reason="Jupyter's nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="Jupyter's nbclient is not installed")
    pytest.importorskip("ipykernel", reason="Jupyter's ipykernel is not installed")
    book = nbformat.read(notebook.TUTORIAL, as_version=4)
    nbformat.validate(book)
    where = {"metadata": {"path": str(ROOT / "demos")}}
    nbclient.NotebookClient(book, timeout=600, resources=where).execute()
    for cell in notebook.code_cells(book):
        assert differences(plain(cell["outputs"]), plain(outputs[cell["id"]])) == []


def book_of(*sources):
    cells = [
        {"id": f"cell-{k}", "cell_type": "code", "source": notebook.lines(text)}
        for k, text in enumerate(sources)
    ]
    return {"cells": cells}


@pytest.mark.parametrize(
    "source, shown",
    [
        ("x = 1", []),
        ("print(1)\nprint(2)", [("stdout", "1\n2\n")]),
        ("print(1)\n'a' * 2", [("stdout", "1\n"), ("text/plain", "'aa'")]),
        ("None", []),
    ],
    ids=["nothing", "prints", "last line", "None"],
)
def test_a_cell_shows_what_jupyter_would(source, shown):
    assert list(pieces(notebook.run(book_of(source))[0])) == shown


def test_an_assert_that_fails_stops_it():
    with pytest.raises(AssertionError):
        notebook.run(book_of("x = 1", "assert x == 2"))


def test_an_answer_that_fails_stops_it():
    text = "<details>\n\n```python\nassert x == 2\n```\n\n</details>"
    book = book_of("x = 1")
    book["cells"].append({"id": "words", "cell_type": "markdown", "source": [text]})
    assert notebook.run(book) == [[]]
    with pytest.raises(AssertionError):
        notebook.run(book, answers=True)


@pytest.mark.parametrize(
    "new, old, same",
    [
        ("1.5", "1.5001", True),
        ("1.5", "1.6", False),
        ("o ..+", "o  .+", True),
        ("o ..+", "o ..o", False),
        ("o ..+", "o ..", False),
        ("1.5", "", False),
    ],
)
def test_differences_are_seen(new, old, same):
    shown = [[{"name": "stdout", "text": text}] if text else [] for text in (new, old)]
    assert (differences(*shown) == []) == same


# ---- the file -----------------------------------------------------------------------------------


def test_the_file_is_as_the_command_writes_it(tmp_path):
    notebook.write(TUTORIAL, tmp_path / "copy.ipynb")
    assert (tmp_path / "copy.ipynb").read_bytes() == notebook.TUTORIAL.read_bytes()


def test_the_command_stores_what_cells_show(tmp_path):
    path = tmp_path / "small.ipynb"
    notebook.write(book_of("print('one')", "2 + 2"), path)
    notebook.remake(path)
    first, second = notebook.code_cells(notebook.read(path))
    assert first["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["one\n"]}]
    assert second["outputs"][0]["data"] == {"text/plain": ["4"]}
    assert [first["execution_count"], second["outputs"][0]["execution_count"]] == [1, 2]


def test_the_format_is_4_5():
    assert (TUTORIAL["nbformat"], TUTORIAL["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in CELLS]
    assert len(ids) == len(set(ids)) and all(re.fullmatch(r"[\w-]{1,64}", i) for i in ids)
    needed = {"id", "cell_type", "metadata", "source"}
    assert all(set(cell) == needed for cell in CELLS if cell["cell_type"] == "markdown")
    assert all(set(cell) == needed | {"outputs", "execution_count"} for cell in CODE)


def test_it_reads_well_unexecuted():
    pictures = [cell["id"] for cell in CODE if '"image/svg+xml"' in str(cell).replace("'", '"')]
    assert len(pictures) >= 7
    silent = [cell for cell in CODE if not cell["outputs"]]
    assert all(
        re.search(r"\bassert |^(def|class|import) ", "".join(c["source"]), re.M) for c in silent
    )


def test_every_picture_is_there_before_the_notebook_is_trusted():
    """Untrusted, SVG is dropped; an image in HTML is not, and it is the same picture."""
    pictures = [o["data"] for cell in CODE for o in cell["outputs"] if "image/svg+xml" in str(o)]
    assert len(pictures) >= 7
    for shown in pictures:
        assert image_in("".join(shown["text/html"])) == "".join(shown["image/svg+xml"])


# ---- outside of its folder ----------------------------------------------------------------------

SOURCES = {cell["id"]: "".join(cell["source"]) for cell in CODE}
LOADING = SOURCES["digits-train"].partition("x_train")[0] + "print(images.shape)"


def alone(folder, *sources, first=""):
    """What a process of its own prints, in a folder where nothing but the library is installed."""
    installed = folder / "site"
    if not installed.exists():
        for package in ("autograd", "nn"):
            shutil.copytree(ROOT / package, installed / package)
    first = f"import sys; sys.path.insert(0, {str(installed)!r}); {first}"
    code = "\n".join([first, *sources])
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def test_it_begins_with_the_installed_library(tmp_path):
    where = alone(tmp_path, SOURCES["setup"], "print(nn.__file__)").strip()
    assert where == str(tmp_path / "site" / "nn" / "__init__.py")


def test_it_says_which_file_is_missing_and_takes_it_from_beside_itself(tmp_path):
    last = alone(tmp_path, SOURCES["setup"], LOADING).splitlines()[-1]
    assert last.startswith("FileNotFoundError: the images are not here: copy demos/data/digits.npz")
    shutil.copy(ROOT / "demos" / "data" / "digits.npz", tmp_path)
    assert alone(tmp_path, SOURCES["setup"], LOADING) == "(1797, 64)\n"


def test_without_the_library_it_says_what_to_do(tmp_path):
    told = alone(tmp_path, SOURCES["setup"], first="sys.modules['nn'] = None")
    last = told.splitlines()[-1]
    assert last.startswith("ImportError: chalkgrad is not installed, and ")
    assert "open the notebook inside that folder, or run `pip install -e .` there" in last


# ---- what it teaches ----------------------------------------------------------------------------

CHAPTERS = [
    "slope", "chain rule", "graph", "by hand", "by the engine", "order", "broadcasting", "neuron",
    "layer", "network", "Training", "Fine-tuning", "Convolution", "recurrent step", "Attention",
    "engine of your own", "program", "go on",
]  # fmt: skip


def test_chapters_come_in_their_order():
    titles = [t for text in WORDS.values() for t in re.findall(r"^## (.*)$", text, re.M)]
    assert [title.split(".")[0] for title in titles] == [str(k + 1) for k in range(len(CHAPTERS))]
    assert [word for word, title in zip(CHAPTERS, titles) if word not in title] == []


def test_every_exercise_has_an_answer_that_is_checked():
    parts = re.split(r"\*\*Exercise (\d+)\.\*\*", "\n".join(WORDS.values()))
    assert [int(number) for number in parts[1::2]] == list(range(1, len(parts) // 2 + 1))
    for text in parts[2::2]:
        (answer, *_) = notebook.answers_in(text)
        assert "assert " in answer


def test_the_engine_has_about_40_lines():
    cells = [c["source"] for c in CODE if c["id"] in ("own-node", "own-order", "own-walk")]
    lines = [line for cell in cells for line in cell if line.strip() and '"""' not in line]
    assert len(cells) == 3 and len(lines) <= 45


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", "\n".join(WORDS.values()))
    assert links and [link for link in links if not (ROOT / "demos" / link).exists()] == []
