"""What the demo mnist shows, on files like MNIST's made here; its downloader, on a server here."""

import gzip
import hashlib
import re
import struct
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from demos import download
from demos import mnist as demo_of_mnist
from tests.demos.test_demos import percentages, plain, run

NAMES = [
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
]  # fmt: skip


def idx(array):
    shape = b"".join(struct.pack(">I", n) for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


def fake_mnist(train=1000, test=200):
    """The content of four files: ten patterns of 28 by 28 pixels under noise, easily told apart."""
    rng = np.random.default_rng(0)
    patterns = rng.integers(0, 128, (10, 28, 28))
    content = []
    for rows in (train, test):
        labels = rng.integers(0, 10, rows)
        images = patterns[labels] + rng.integers(0, 128, (rows, 28, 28))
        content += [idx(images.astype(np.uint8)), idx(labels.astype(np.uint8))]
    return dict(zip(NAMES, content))


FAKE = fake_mnist()


@pytest.fixture
def folder(tmp_path):
    """A folder with the four files, of which one is packed."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in FAKE.items():
        (folder / name).write_bytes(content)
    (folder / NAMES[0]).unlink()
    (folder / f"{NAMES[0]}.gz").write_bytes(gzip.compress(FAKE[NAMES[0]]))
    return folder


# ---- the lesson ---------------------------------------------------------------------------------


def on_test(text):
    return percentages(text.split("\n\n")[-1])


def untimed(text):
    """Without the seconds that an epoch took."""
    return re.sub(r"\(\d+\.\d s\)", "", text)


def test_mnist_trains_both_networks_on_the_files_of_a_folder(folder):
    text = plain("mnist", "--quick", "--data", str(folder))
    assert f"MNIST from {folder}: 1,000 images to learn from, 200 to test" in text
    assert "784-64-64-10: 55,050 parameters" in text and "784-128-10: 101,770 parameters" in text
    assert len(re.findall(r"^epoch \d/3 .* val_loss .* val_accuracy ", text, re.MULTILINE)) == 6
    assert len(on_test(text)) == 2 and min(on_test(text)) >= 95


def test_mnist_without_a_folder_says_so_and_reads_the_embedded_digits():
    text = plain("mnist", "--quick")
    assert text.splitlines()[0] == (
        "5,000 of MNIST's digits (all with --download or --data): "
        "4,000 images to learn from, 1,000 to test"
    )
    assert len(on_test(text)) == 2 and min(on_test(text)) >= 85
    assert re.search(r"784-128-10 misread \d+, \d+ times a \d as a \d\n", text)


def test_mnist_reaches_the_figure_of_its_docstring():
    text, told = plain("mnist"), " ".join(demo_of_mnist.__doc__.split())
    least, most = re.search(r"and (\d+) to (\d+)% of the 1,000 are read right", told).groups()
    assert text.count("epoch 10/10") == 2
    assert int(least) - 0.5 <= min(on_test(text)) <= max(on_test(text)) <= int(most) + 0.5


def test_mnist_is_fixed_by_its_seed():
    first, again, other = (
        untimed(plain("mnist", *options))
        for options in (["--epochs", "1"], ["--epochs", "1", "--seed", "0"],
                        ["--epochs", "1", "--seed", "1"])
    )  # fmt: skip
    assert first == again != other


def test_mnist_draws_curves_and_misread_digits(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    path = tmp_path / "digits.png"
    text = run("demos/mnist.py", "--quick", "--save", str(path))
    assert text.splitlines()[-1] == f"saved {path}"
    assert untimed(text).splitlines()[:-1] == untimed(plain("mnist", "--quick")).splitlines()[:-1]
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_mnist_does_the_rest_without_matplotlib():
    assert plain("mnist", "--quick").endswith('is missing: pip install "chalkgrad[plot]"\n')


@pytest.mark.parametrize("option", [["--epochs", "0"], ["--epochs", "1.5"]])
def test_mnist_refuses_nothing_to_do(option):
    assert "must be a whole number from 1 on" in run("demos/mnist.py", *option, status=2)


def test_embedded_digits_are_split_with_each_digit_in_proportion():
    x_train, y_train, x_test, y_test = demo_of_mnist.load_digits()
    assert x_train.shape == (4000, 784) and x_test.shape == (1000, 784)
    assert x_train.dtype == np.float32 and x_train.min() == 0 and x_train.max() == 1
    assert np.bincount(y_train).tolist() == [400] * 10
    assert np.bincount(y_test).tolist() == [100] * 10


def broken(content):
    def change(folder):
        (folder / NAMES[1]).write_bytes(content)

    return change


BAD_FOLDERS = {
    "a file is missing": (
        lambda folder: (folder / NAMES[3]).unlink(), "lacks t10k-labels-idx1-ubyte (plain or .gz)",
    ),
    "truncated": (broken(FAKE[NAMES[1]][:-1]), "1000 bytes, but there are only 999"),
    "no IDX file": (broken(b"<html>"), "is no IDX file"),
    "a broken .gz": (broken(gzip.compress(FAKE[NAMES[1]])[:-9]), "truncated gzip file"),
    "labels of other images": (broken(FAKE[NAMES[3]]), "(1000, 28, 28) and (200,)"),
    "labels above 9": (broken(idx(np.full(1000, 10, np.uint8))), "n labels 0 to 9"),
    "images for labels": (broken(FAKE[NAMES[0]]), "n labels 0 to 9"),
}  # fmt: skip


@pytest.mark.parametrize("change, text", BAD_FOLDERS.values(), ids=BAD_FOLDERS)
def test_mnist_refuses_a_folder(folder, change, text):
    change(folder)
    with pytest.raises(ValueError, match=re.escape(text)) as raised:
        demo_of_mnist.load_mnist(folder)
    assert str(folder) in str(raised.value)


def test_mnist_ends_with_one_line_about_a_bad_folder(tmp_path):
    text = run("demos/mnist.py", "--data", str(tmp_path), status=1)
    assert text == f"mnist.py: {tmp_path} lacks {', '.join(NAMES)} (plain or .gz)\n"


def test_mnist_takes_data_or_download():
    text = run("demos/mnist.py", "--data", "a", "--download", "b", status=2)
    assert "not allowed with argument" in text


# ---- the downloader -----------------------------------------------------------------------------

FILES = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in FAKE.items()}
NAME = f"{NAMES[0]}.gz"
CONTENT = FILES[NAME]
SIZE, SHA256 = len(CONTENT), hashlib.sha256(CONTENT).hexdigest()


class Mirror(BaseHTTPRequestHandler):
    """Mirrors with different habits: the first part of the path names one."""

    protocol_version = "HTTP/1.0"  # the connection ends with the answer

    def do_GET(self):
        _, habit, name = self.path.split("/")
        start = self.asked_from()
        self.server.asked.append((habit, start))
        content = FILES.get(name)
        if content is None or habit == "missing":
            return self.send_error(404)
        if habit == "small" and start:
            return self.send_error(416)
        content = {
            "wrong": bytes(len(content)), "page": b"<html>", "small": content[:100],
            "long": content + b"more",
        }.get(habit, content)  # fmt: skip
        start = 0 if habit == "no-range" else start
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if habit != "silent":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        rest = content[start:]
        cut = {"cut": len(rest) // 2 + 1, "cut-at-once": 0, "silent": len(rest) // 2}
        with suppress(ConnectionError):  # whoever asked may have hung up
            self.wfile.write(rest[: cut.get(habit)])

    def asked_from(self):
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(server, tmp_path):
    """Fetch the file from mirrors with these habits, "dead" for a port where nobody listens."""

    def fetch(*habits, before=None):
        base = f"http://127.0.0.1:{server.server_port}"
        mirrors = ["http://127.0.0.1:1/" if h == "dead" else f"{base}/{h}/" for h in habits]
        if before is not None:
            (tmp_path / f"{NAME}.part").write_bytes(before)
        download.fetch(tmp_path / NAME, SIZE, SHA256, mirrors)
        assert [path.name for path in tmp_path.iterdir()] == [NAME]
        assert (tmp_path / NAME).read_bytes() == CONTENT
        return server.asked

    return fetch


def test_fetches_a_file(fetch, capsys):
    assert fetch("good") == [("good", 0)]
    assert f"{NAME}: {SIZE:,} bytes from http://127.0.0.1" in capsys.readouterr().out


def test_goes_on_where_an_earlier_run_was_cut(fetch):
    assert fetch("good", before=CONTENT[:1000]) == [("good", 1000)]


def test_goes_on_after_each_cut(fetch, capsys):
    asked = fetch("cut")
    starts = [start for _, start in asked]
    assert starts[:2] == [0, SIZE // 2 + 1] and starts == sorted(set(starts)) and len(starts) > 5
    assert f"the connection broke at {SIZE // 2 + 1:,} bytes; going on" in capsys.readouterr().out


def test_goes_on_after_a_cut_that_no_length_shows(fetch):
    """It may end without a last byte, so the rest comes from elsewhere."""
    asked = fetch("silent", "good")
    assert asked[0] == ("silent", 0) and asked[1] == ("silent", SIZE // 2)


def test_goes_on_from_another_mirror(fetch):
    half = CONTENT[: SIZE // 2]
    asked = fetch("dead", "cut-at-once", "missing", "good", before=half)
    assert asked == [(habit, len(half)) for habit in ("cut-at-once", "missing", "good")]


def test_a_server_without_range_sends_everything(fetch):
    assert fetch("no-range", before=CONTENT[:1000]) == [("no-range", 1000)]


def test_what_is_whole_already_is_only_checked(fetch):
    assert fetch("good", before=CONTENT) == []


@pytest.mark.parametrize(
    "before",
    [b"?" * 1000, bytes(SIZE), CONTENT + b"more"],
    ids=["wrong beginning", "wrong file", "longer than the file"],
)
def test_a_beginning_that_is_wrong_is_fetched_again(fetch, before):
    assert fetch("good", before=before)[-1] == ("good", 0)


@pytest.mark.parametrize("habit", ["wrong", "page", "small", "long", "missing", "dead"])
@pytest.mark.parametrize("before", [None, CONTENT[:1000]], ids=["anew", "resumed"])
def test_a_bad_mirror_then_a_good_one(fetch, habit, before, capsys):
    asked = fetch(habit, "good", before=before)
    assert asked[-1][0] == "good"
    assert f"{NAME}: nothing from http://127.0.0.1" in capsys.readouterr().out


FAILURES = {
    "wrong": "the SHA-256 is wrong: not the file that it should be; it was deleted",
    "page": f"it has a file of 6 bytes instead of {SIZE:,}",
    "long": f"it has a file of {SIZE + 4:,} bytes instead of {SIZE:,}",
    "missing": "HTTP Error 404: Not Found",
    "cut-at-once": f"the file ended after 0 of {SIZE:,} bytes",
    "dead": "refused",
}


@pytest.mark.parametrize("habit, reason", FAILURES.items(), ids=FAILURES)
def test_says_what_was_wrong_with_every_mirror(fetch, habit, reason, tmp_path):
    with pytest.raises(OSError, match=f"{NAME} could not be fetched:") as raised:
        fetch(habit, "missing")
    lines = str(raised.value).splitlines()
    assert reason in lines[1].lower() or reason in lines[1]
    assert "404" in lines[2] and str(tmp_path) in lines[3]
    assert not (tmp_path / NAME).exists()


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(fetch, tmp_path):
    (tmp_path / NAME).write_bytes(b"old")
    with pytest.raises(OSError, match="could not be fetched"):
        fetch("wrong")
    assert (tmp_path / NAME).read_bytes() == b"old"
    fetch("good")


PATCHED = """
import runpy, sys
from demos import download
sys.modules["matplotlib"] = None
download.MNIST = {files!r}
download.MNIST_MIRRORS = {mirrors!r}
runpy.run_path("demos/mnist.py", run_name="__main__")
"""


def test_mnist_downloads_once_and_trains(server, tmp_path):
    files = [(n, len(c), hashlib.sha256(c).hexdigest()) for n, c in FILES.items()]
    base = f"http://127.0.0.1:{server.server_port}"
    code = PATCHED.format(files=files, mirrors=[f"{base}/missing/", f"{base}/good/"])
    first, second = (run("-c", code, "--quick", "--download", str(tmp_path / "a")) for _ in "12")
    for name, content in FILES.items():
        assert (tmp_path / "a" / name).read_bytes() == content
        assert f"{name}: {len(content):,} bytes from {base}/good/" in first
        assert f"{name}: already in {tmp_path / 'a'}" in second
    assert len(server.asked) == 2 * len(FILES)
    assert min(on_test(first)) >= 95 and on_test(first) == on_test(second)


def test_mnist_without_a_network_says_what_to_do(tmp_path):
    code = PATCHED.format(files=[(NAME, SIZE, SHA256)], mirrors=["http://127.0.0.1:1/"])
    text = run("-c", code, "--download", str(tmp_path), status=1)
    assert f"mnist.py: {NAME} could not be fetched:" in text and "Traceback" not in text
    assert f"put the file into {tmp_path} by hand" in text


def test_the_checksums_are_sha256_of_mnists_four_files():
    assert [name for name, _, _ in download.MNIST] == [f"{name}.gz" for name in NAMES]
    assert all(re.fullmatch("[0-9a-f]{64}", sha256) for _, _, sha256 in download.MNIST)
    assert len({sha256 for _, _, sha256 in download.MNIST}) == 4
    assert all(mirror.endswith("/") for mirror in download.MNIST_MIRRORS)
