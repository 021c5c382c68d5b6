"""What the demo text shows: its numbers, its classifiers, what they look at, IMDB's files."""

import argparse
import re

import numpy as np
import pytest

import nn
from autograd import softmax
from demos import text as demo
from demos import tools
from tests import ROOT
from tests.demos.test_demos import percentages, plain, run

# ---- the lesson ---------------------------------------------------------------------------------


def test_text_tells_authors_apart_in_seconds():
    printed = plain("text", "--quick")
    header, row, mean, *_ = printed.splitlines()
    assert header.split()[-3:] == ["counted", "pooled", "LSTM"]
    assert row.split()[:3] == ["0", "1,200", "300"]
    assert percentages(row) == percentages(mean)
    counted, pooled, lstm = percentages(mean)
    assert counted > 90 and pooled > 90 and lstm > 60  # by chance 25


SHORT = """
import sys
sys.modules["matplotlib"] = None
from demos import text
text.SIZE, text.LONGEST = 500, 5
text.main()
"""


def test_text_is_fixed_by_its_seed():
    first, again, other = (run("-c", SHORT, "--quick", "--seed", seed) for seed in "334")
    assert first == again != other


def prepared(seed):
    """What is learned and what is held out, as `main` prepares it, and the names."""
    nn.manual_seed(seed)
    names, texts, y, texts_out, y_out = demo.load(None, 1)
    numbers = demo.vocabulary(texts)
    return demo.encode(texts, numbers), y, demo.encode(texts_out, numbers), y_out, len(names)


def reached(seed):
    """The accuracy on what is held out, counted and pooled."""
    x, y, x_out, y_out, kinds = prepared(seed)
    counted = demo.count_words(x, y, kinds)[x_out].sum(axis=1)
    pooled = demo.train(demo.Pooled(kinds, 0), 0.01, x, y).predict(x_out)
    return [100 * nn.accuracy(logits, y_out) for logits in (counted, pooled)]


def figures(text):
    """Counted, pooled and LSTM, in percent, of the sentences that say what to expect."""
    return percentages(" ".join(text.split()).split("Expected")[1])[:3]


def test_text_keeps_what_its_docstring_promises():
    counted, pooled = np.mean([reached(seed) for seed in range(3)], axis=0)
    promised = figures(demo.__doc__)
    assert abs(counted - promised[0]) < 0.1 and abs(pooled - promised[1]) < 0.5
    assert pooled >= 95 and promised[2] >= 88


def test_the_lstm_gets_88_percent_as_in_the_articles():
    x, y, x_out, y_out, kinds = prepared(0)
    logits = demo.train(demo.LSTM(kinds, 128), 0.005, x, y).predict(x_out)
    assert nn.accuracy(logits, y_out) >= 0.88


def test_the_readme_says_what_the_docstring_says():
    page = (ROOT / "demos/README.md").read_text(encoding="utf-8")
    section = page.split("\n## text.py: ")[1].split("\n## ")[0]
    assert figures(section) == figures(demo.__doc__)


# ---- words and numbers --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, words",
    [
        ("Behold, the Man!", ["behold", ",", "the", "man", "!"]),
        ("Heav'n--and 1,000", ["heav", "'", "n", "-", "-", "and", "1", ",", "000"]),
        ("  \n", []),
        ("Éclair; straße", ["éclair", ";", "straße"]),
    ],
)  # fmt: skip
def test_words_are_small_and_signs_are_words(text, words):
    assert demo.words(text) == words


def test_the_vocabulary_has_a_fixed_order():
    texts = ["b a b", "c a b", "d"]
    assert demo.vocabulary(texts) == {"b": 2, "a": 3, "c": 4, "d": 5}
    assert list(demo.vocabulary(texts[::-1]).items()) == list(demo.vocabulary(texts).items())


def test_the_vocabulary_keeps_the_most_frequent(monkeypatch):
    monkeypatch.setattr(demo, "SIZE", 4)
    assert demo.vocabulary(["b a b", "c a b", "d"]) == {"b": 2, "a": 3}


def test_texts_are_rows_of_numbers(monkeypatch):
    numbers = {"b": 2, "a": 3}
    rows = demo.encode(["a b ?", "", "b"], numbers)
    assert rows.tolist() == [[3, 2, 1], [1, 0, 0], [2, 0, 0]] and rows.dtype.kind == "i"
    monkeypatch.setattr(demo, "LONGEST", 2)
    assert demo.encode(["a b ?"], numbers).tolist() == [[3, 2]]


def test_a_fifth_of_the_passages_is_held_out_by_author():
    names, texts, y, texts_out, y_out = demo.load(None, 1)
    assert len(names) == 4 and set(texts).isdisjoint(texts_out)
    assert (np.bincount(y).tolist(), np.bincount(y_out).tolist()) == ([1200] * 4, [300] * 4)


def test_the_authors_are_those_of_the_data():
    names, texts, labels = tools.authors()
    assert [name.replace(" ", "").lower() for name in names] == tools.load("authors")[
        "names"
    ].tolist()
    assert texts.shape == labels.shape == (6000,) and min(map(len, texts)) >= 160


# ---- the three ways -----------------------------------------------------------------------------


def test_counted_words_give_the_probabilities_of_bayes(monkeypatch):
    monkeypatch.setattr(demo, "SIZE", 4)  # padding, unknown, and two words
    x, y = np.array([[2, 2, 3], [3, 0, 0], [3, 2, 0]]), np.array([0, 1, 1])
    numbers = demo.count_words(x, y, 2)
    # With one more of each: 1, 3 and 2 of 6 in kind 0; 1, 2 and 3 of 6 in kind 1.
    assert numbers == pytest.approx(
        np.log([[1, 1], [1 / 6, 1 / 6], [3 / 6, 2 / 6], [2 / 6, 3 / 6]])
    )
    odds = softmax(numbers[[[2, 2, 3, 0]]].sum(axis=1))
    assert odds == pytest.approx(np.array([[18, 12]]) / 30)


NETWORKS = pytest.mark.parametrize("network", [demo.Pooled, demo.LSTM])


@pytest.fixture
def row():
    return np.array([5, 2, 9, 1, 7])


@NETWORKS
def test_what_stands_behind_the_end_is_not_read(network, row):
    model = network(3, 8)
    alone = model(row[None]).data
    assert model(np.array([[*row, 0, 0, 0], [4] * 8])).data[:1] == pytest.approx(alone, abs=1e-6)


def test_pooled_does_not_see_the_order_and_the_lstm_does(row):
    for network, sees in ((demo.Pooled, False), (demo.LSTM, True)):
        model = network(3, 8)
        change = np.abs(model(row[None]).data - model(row[None, ::-1]).data).max()
        assert (change > 1e-5) == sees


@NETWORKS
@pytest.mark.parametrize("kind", [0, 2])
def test_what_is_looked_at_is_the_slope_of_each_word(network, kind, row):
    model = network(3, 8).astype(np.float64)
    says, shares = demo.looked_at(model, row, kind)
    assert says == pytest.approx(softmax(model(row[None])).data[0])
    vectors, h = model.embedding(row[None]).data, 1e-5
    for k, share in enumerate(shares):
        ends = []
        for factor in (1 + h, 1 - h):  # the word's vector a bit longer, a bit shorter
            changed = vectors.copy()
            changed[0, k] *= factor
            logits = model.judge(changed, np.ones((1, 5), bool)).data[0]
            ends.append(logits[kind] - logits.mean())
        assert share == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8)


def test_of_the_pooled_network_they_add_up_to_its_answer(row):
    model = demo.Pooled(3, 0).astype(np.float64)
    _, shares = demo.looked_at(model, row, 1)
    logits, bias = model(row[None]).data[0], model.head.bias.data
    assert shares.sum() == pytest.approx(logits[1] - logits.mean() - (bias[1] - bias.mean()))


# ---- IMDB's folders -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Reviews as IMDB's, 40 to learn from and 8 to judge by; one of them has nothing in it."""
    good, bad = "A great film, and<br />moving {}.", "What a dull waste of {} hours!"
    for part, count in (("train", 20), ("test", 4)):
        for kind, text in (("pos", good), ("neg", bad)):
            (tmp_path / part / kind).mkdir(parents=True)
            for k in range(count):
                (tmp_path / part / kind / f"{k:02}_7.txt").write_text(text.format(k), "utf-8")
    (tmp_path / "train" / "pos" / "00_7.txt").write_text("", "utf-8")
    (tmp_path / "train" / "urls_pos.txt").write_text("no review", "utf-8")
    return tmp_path


def test_reviews_are_read_with_their_labels(folder):
    texts, y, texts_out, y_out = tools.reviews(str(folder))
    assert (y.tolist(), y_out.tolist()) == ([0] * 20 + [1] * 20, [0] * 4 + [1] * 4)
    assert texts[:2] == ["What a dull waste of 0 hours!", "What a dull waste of 1 hours!"]
    assert texts[20] == "" and texts_out[-1] == "A great film, and moving 3."


def test_text_reads_imdbs_folders(folder):
    header, row, mean, *_ = plain("text", "--quick", "--data", str(folder)).splitlines()
    assert row.split()[:3] == ["0", "40", "8"]
    assert percentages(mean)[0] == 100


@pytest.mark.parametrize("gone", ["train/neg", "test/pos"])
def test_folders_that_are_not_imdbs_are_refused(folder, gone):
    (folder / gone).rename(folder / "other")
    told = re.escape(f"{folder / gone.split('/')[0]} needs the folders neg and pos, of .txt files")
    with pytest.raises(argparse.ArgumentTypeError, match=told):
        tools.reviews(folder)


def test_text_says_which_folder_is_missing(tmp_path):
    told = run("demos/text.py", "--data", str(tmp_path), status=2)
    assert f"{tmp_path / 'train'} needs the folders neg and pos" in told


# ---- the picture --------------------------------------------------------------------------------


def test_text_saves_a_picture(folder):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    path = folder / "text.png"
    printed = run("demos/text.py", "--quick", "--data", str(folder), "--save", str(path))
    assert printed.endswith(f"saved {path}\n")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_text_does_the_rest_without_matplotlib():
    assert plain("text", "--quick").splitlines()[-1].endswith('pip install "chalkgrad[plot]"')


def test_words_are_shown_on_their_colours():
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    axes = tools.new_figure(4, 1).subplots()
    shares = [1, -2, 0, 3, 4, 5]  # the last word of the second line has none
    tools.show_words(axes, "Ay, me! said he. everlasting!", shares, demo.WORD, lines=2, columns=12)
    assert [word.get_text() for word in axes.texts] == ["Ay", ",", "me", "!", "said", "he", "."]
    (image,) = axes.images
    cells = image.get_array().filled(0)
    assert cells.tolist() == [
        [1, 1, -2, 0, 0, 0, 3, 0, 4, 4, 4, 4],
        [5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert image.get_clim() == (-8, 8)
    places = [word.get_position() for word in axes.texts]
    assert places[:3] + places[-1:] == [(0.5, 0), (2, 0), (4.5, 0), (2, 1)]
