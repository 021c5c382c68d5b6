"""What the demo gpt shows, and the plays that it reads."""

import re
import sys

import numpy as np
import pytest

import nn
from autograd import no_grad
from demos import gpt, plays
from tests import ROOT
from tests.demos.test_demos import plain, run

QUICK = ["--quick", "--steps", "120", "--top-k", "5"]


@pytest.fixture
def model():
    """Two blocks, not trained, with weights that are large enough to matter."""
    model = gpt.GPT(20, 16, 2, 12, 3, 0.1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5, rng=np.random.default_rng(parameter.size))
    return model.eval()


@pytest.fixture
def numbers():
    return np.random.default_rng(0).integers(0, 20, (3, 16))


def logits(model, *inputs):
    with no_grad():
        return model(*inputs).data


# ---- the plays ----------------------------------------------------------------------------------


def test_tokens_are_characters_in_the_order_of_the_alphabet():
    tokeniser = plays.Tokeniser("banana!")
    assert tokeniser.symbols == ["!", "a", "b", "n"]
    assert tokeniser.encode("ban").tolist() == [2, 1, 3]
    assert tokeniser.decode(tokeniser.encode("a banana"[2:])) == "banana"
    with pytest.raises(ValueError, match="the plays have no 'x' and no 'é'"):
        tokeniser.encode("baéx")


def test_the_plays_are_read_as_they_are():
    tokeniser, learned, unseen = plays.load()
    assert len(tokeniser.symbols) == 80 and len(learned) == 1274068 * 9 // 10
    text = tokeniser.decode(learned) + tokeniser.decode(unseen)
    with np.load(ROOT / "demos/data/shakespeare.npz") as file:
        assert text.encode("ascii") == file["text"].tobytes()
    assert text.startswith("ACT I.\n") and "wherefore art thou Romeo?" in text


@pytest.mark.parametrize("n", [1, 2, 3])
def test_guesses_by_counts_are_what_counting_gives(n):
    rng = np.random.default_rng(n)
    learned, unseen = rng.integers(0, 4, 200), rng.integers(0, 5, 30)
    total = 0
    for k in range(len(unseen) - n + 1):
        *before, last = unseen[k : k + n]
        followed = [
            learned[j + n - 1]
            for j in range(len(learned) - n + 1)
            if learned[j : j + n - 1].tolist() == list(before)
        ]
        total -= np.log((followed.count(last) + 0.1) / (len(followed) + 0.5))
    found = plays.nats_of_counts(learned, unseen, 5, n)
    assert abs(found - total / (len(unseen) - n + 1)) < 1e-12


# ---- the network --------------------------------------------------------------------------------


def test_no_place_sees_what_comes_later(model, numbers):
    changed = numbers.copy()
    changed[:, 9:] = (changed[:, 9:] + 1) % 20
    old, new = logits(model, numbers), logits(model, changed)
    assert np.array_equal(old[:, :9], new[:, :9]) and np.all(old[:, 9:] != new[:, 9:])


def test_what_is_kept_gives_what_the_whole_gives(model, numbers):
    whole, past = logits(model, numbers), {}
    parts = [logits(model, part, past) for part in np.split(numbers, [1, 6, 7, 8], axis=1)]
    assert np.allclose(np.concatenate(parts, axis=1), whole, rtol=1e-4, atol=1e-4)
    assert [kept[0].shape for kept in past.values()] == [(3, 3, 16, 4)] * 2


@pytest.mark.parametrize("temperature, top_k", [(1.0, 20), (0.5, 3), (2.0, 99), (1.0, 1)])
def test_samples_are_those_of_the_forward_without_what_is_kept(model, numbers, temperature, top_k):
    start, rng = numbers[0, :11].tolist(), np.random.default_rng(1)
    found = gpt.sample(model, start, 40, temperature, top_k, np.random.default_rng(1))
    text, begun = list(start), 0
    for k in range(40):
        if k % 8 == 0:  # the second half of what fits goes on
            begun = len(text) - 8
        scores = logits(model, [text[begun:]])[0, -1].astype(float) / temperature
        likeliest = np.argsort(-scores, kind="stable")[:top_k]
        p = np.zeros(20)
        p[likeliest] = np.exp(scores[likeliest] - scores.max())
        text.append(int(rng.choice(20, p=p / p.sum())))
    assert found == text and found[:11] == start


def test_colder_and_fewer_are_more_likely(model):
    def likelihood(temperature, top_k):
        text = gpt.sample(model, [1] * 8, 200, temperature, top_k, np.random.default_rng(0))
        windows = np.lib.stride_tricks.sliding_window_view(text, 9)
        with no_grad():
            return gpt.loss_of(model, windows).item()

    assert likelihood(0.3, 20) < likelihood(1.0, 20) < likelihood(5.0, 20)
    assert likelihood(5.0, 2) < likelihood(5.0, 20)


def test_nats_are_the_mean_over_windows_that_do_not_overlap(model, numbers):
    text = np.random.default_rng(2).integers(0, 20, 16 * 40 + 5)
    each = []
    for k in range(40):
        scores = logits(model, text[None, 16 * k : 16 * k + 16]).astype(float)[0]
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        each.append(-np.log(shares[np.arange(16), text[16 * k + 1 : 16 * k + 17]]))
    assert abs(gpt.nats(model, text) - np.mean(each)) < 1e-5


def test_shares_are_those_that_attention_mixes_by(model, numbers):
    shares = gpt.shares(model, numbers[0])
    assert len(shares) == 2 and all(block.shape == (3, 16, 16) for block in shares)
    with no_grad():
        attention = model.blocks[0].attention
        x = model.characters(numbers[:1]) + model.places(np.arange(16))
        q, k, _ = (part.data[0].astype(float) for part in attention.parts(model.blocks[0].norm1(x)))
    scores = np.exp(q @ k.transpose(0, 2, 1) / 2) * np.tri(16)
    assert np.allclose(shares[0], scores / scores.sum(axis=-1, keepdims=True), atol=1e-5)


def test_it_begins_as_gpt_2_does():
    model = gpt.GPT(80, 64, 8, 64, 4, 0.0)
    found = {name: parameter.data for name, parameter in model.named_parameters()}
    assert abs(found["blocks.3.up.weight"].std() - 0.02) < 0.001
    assert abs(found["blocks.3.down.weight"].std() - 0.02 / 4) < 0.0003
    assert abs(found["blocks.0.attention.out.weight"].std() - 0.02 / 4) < 0.0003
    assert all(np.all(found[name] == 0) for name in found if name.endswith("bias"))
    assert all(np.all(found[name] == 1) for name in found if ".norm1.weight" in name)


# ---- the lesson ---------------------------------------------------------------------------------


def told(text):
    """Nats by step."""
    rows = re.findall(r"^after (\d+) steps, ([\d.]+) nats a character", text, re.M)
    return {int(step): float(nats) for step, nats in rows}


def test_gpt_learns_more_than_pairs_in_seconds():
    text = plain("gpt", "--quick")
    assert text.startswith("nats a character by counts of 1, 2, 3: 3.32 2.51 2.11\n")
    assert list(told(text)) == [2, 10, 40, 100, 200] and told(text)[2] > 4 > 2.51 > told(text)[200]
    samples = re.findall(r"(?:^    \| .*\n)+", text, re.M)
    assert [len(sample) > 160 for sample in samples] == [True] * 5
    assert all(sample.startswith("    | ROMEO.\n") for sample in samples)


def test_gpt_is_fixed_by_its_seed():
    first, again, other = (
        plain.__wrapped__("gpt", "--quick", "--steps", "20", "--seed", seed) for seed in "001"
    )
    assert first == again != other


@pytest.fixture
def run_here(monkeypatch, capsys, tmp_path):
    def run_here(*options):
        save = ["--save", str(tmp_path / "gpt.png")]
        monkeypatch.setattr(sys, "argv", ["gpt.py", *QUICK, *save, *map(str, options)])
        gpt.main()
        return capsys.readouterr().out

    return run_here


def arrays(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_gpt_goes_on_bit_for_bit(run_here, monkeypatch, tmp_path, capsys):
    unbroken, broken = tmp_path / "a.npz", tmp_path / "b.npz"
    save = nn.save_checkpoint

    def save_and_stop(path, **parts):
        save(path, **parts)
        raise KeyboardInterrupt

    text = run_here("--dropout", "0.1", "--checkpoint", unbroken)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(nn, "save_checkpoint", save_and_stop)
        run_here("--dropout", "0.1", "--checkpoint", broken)
    assert list(told(capsys.readouterr().out)) == [1, 6, 24, 60]
    half = nn.load_checkpoint(broken)
    rest = run_here("--dropout", "0.1", "--checkpoint", broken)
    assert len(half["losses"]) == 100 and told(rest) == {120: told(text)[120]}
    first, second = arrays(unbroken), arrays(broken)
    assert list(first) == list(second) and len(first) > 60
    assert all(np.array_equal(first[name], second[name]) for name in first)
    end = nn.load_checkpoint(broken)
    assert len(end["losses"]) == 120 and end["losses"][:100] == half["losses"]

    prompted = run_here("--dropout", "0.1", "--checkpoint", broken, "--prompt", "Love")
    assert told(prompted) == told(rest) and "\n    | Love" in prompted  # nothing is left to train
    assert all(np.array_equal(array, second[name]) for name, array in arrays(broken).items())
    with pytest.raises(SystemExit, match="b.npz is of another run, .*'seed': 0.*'seed': 1"):
        run_here("--dropout", "0.1", "--checkpoint", broken, "--seed", "1")


def test_gpt_draws_losses_and_attention(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    path = tmp_path / "gpt.png"
    text = run("demos/gpt.py", *QUICK, "--save", str(path))
    assert text.endswith(f"saved {path}\n") and path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_picture_has_the_characters_on_its_axes():
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    even, sharp = np.tri(5) / np.arange(1, 6)[:, None], np.eye(5)
    looks = [np.stack(heads) for heads in ([even, sharp], [even, even], [sharp, even])]
    figure = plays.draw([4, 3, 2.5], [[1, 3.5], [3, 2.6]], (3.3, 2.5), "to\nbe", looks)
    losses, *heads = figure.get_axes()
    assert [text.get_text() for text in losses.texts] == ["counts of 1", "counts of 2"]
    assert [axes.get_title() for axes in heads] == ["block 1, head 2", "block 3, head 1"]
    for axes in heads:
        assert np.array_equal(axes.images[0].get_array(), sharp)
        for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
            assert [label.get_text() for label in labels] == list("to↵be")


def test_gpt_does_the_rest_without_matplotlib():
    assert plain("gpt", "--quick").endswith('is missing: pip install "chalkgrad[plot]"\n')


@pytest.mark.parametrize(
    "option, value, says",
    [
        ("--steps", "0", "must be a whole number from 1"),
        ("--top-k", "0", "must be a whole number from 1"),
        ("--temperature", "0", "must be a number above 0"),
        ("--dropout", "1", "must be a number from 0 on, and below 1"),
        ("--prompt", "é", "the plays have no 'é'"),
        ("--prompt", "", "must be one character at least"),
        ("--checkpoint", "gpt.pt", "must end with .npz or .safetensors"),
    ],
)
def test_gpt_refuses_options_that_make_no_sense(option, value, says):
    assert says in run("demos/gpt.py", option, value, status=2)
