"""What the demos scalar, feedforward, binary, moons, regression and digits show."""

import re

import numpy as np
import pytest

from demos import compiled
from tests import ROOT
from tests.demos.test_demos import percentages, plain, run

# ---- digits -----------------------------------------------------------------------------------


def test_digits_learns_in_five_epochs():
    text = plain("digits", "--quick")
    assert "1347 images to train on, 450 to test" in text
    epochs = [line for line in text.splitlines() if re.match(r" +\d+  \d\.\d{4}", line)]
    losses = [float(line.split()[1]) for line in epochs]
    assert len(losses) == 5 and losses == sorted(losses, reverse=True)
    (test_accuracy,) = percentages(text.split("test accuracy")[1])
    assert test_accuracy > 92
    assert percentages(epochs[-1])[1] == test_accuracy


def test_digits_reads_98_percent_of_what_it_never_saw():
    outputs = [run("demos/digits.py", "--seed", str(seed)) for seed in range(5)]
    reached = [percentages(text.split("test accuracy")[1])[0] for text in outputs]
    assert sum(reached) / 5 >= 98 and min(reached) >= 97


def test_digits_draws_five_digits_with_their_predictions():
    picture = plain("digits", "--quick").split("test accuracy")[1].splitlines()[2:]
    assert len(picture) == 9
    assert len(re.findall(r"\d, read as \d", picture[-1])) == 5
    assert all(len(row) == 5 * 16 + 4 * 3 for row in picture[:8])
    assert "@@" in "".join(picture[:8])
    read = [digit == label for label, digit in re.findall(r"(\d), read as (\d)", picture[-1])]
    assert read == sorted(read)  # what is misread comes first


def test_digits_is_fixed_by_its_seed():
    first, again, other = (
        run("demos/digits.py", "--epochs", "1", "--hidden", "16", "--seed", seed) for seed in "334"
    )
    assert first == again != other


def test_digits_says_why_its_loss_does_not_fall_to_0():
    label = np.array([0.91] + 9 * [0.01])
    text = plain("digits", "--quick")
    assert f"no loss gets below {-np.sum(label * np.log(label)):.2f}, " in text
    assert "labels are smoothed, 10% of each is spread" in text
    losses = [float(loss) for loss in re.findall(r"^ +\d+  (\d\.\d{4})", text, re.M)]
    assert losses and min(losses) > 0.5


def test_digits_takes_a_batch_of_everything():
    assert "\n    1  " in run("demos/digits.py", "--epochs", "1", "--batch-size", "5000")


@pytest.mark.parametrize("option", ["--epochs", "--hidden", "--batch-size"])
def test_digits_refuses_nothing_to_do(option):
    text = run("demos/digits.py", option, "0", status=2)
    assert f"argument {option}: must be a whole number from 1 on, not '0'" in text


# ---- scalar -----------------------------------------------------------------------------------

BROKEN_TANH = """
import numpy as np
from autograd import defvjp
from demos import scalar
defvjp(np.tanh, lambda g, y, x: g * (1 + y * y))
scalar.main()
"""


def test_scalar_prints_and_checks_every_number():
    text = run("demos/scalar.py")
    rows = [line.rsplit(maxsplit=3) for line in text.splitlines()[1:13]]
    assert [row[0] for row in rows] == [
        "x1", "x2", "w1", "w2", "b", "target", "w1 x1", "w2 x2", "n", "y", "y - target", "loss",
    ]  # fmt: skip
    assert all(float(gradient) == float(difference) for _, _, gradient, difference in rows)
    assert text.endswith("loss 3.241797 before the step, 1.724069 after; all 17 checks passed\n")


def test_scalar_docstring_tells_what_it_prints():
    last_line = run("demos/scalar.py").splitlines()[-1]
    assert last_line in (ROOT / "demos/scalar.py").read_text(encoding="utf-8")


def test_scalar_fails_where_a_gradient_is_wrong():
    text = run("-c", BROKEN_TANH, status=1)
    assert "differs!" in text and "checks FAILED" in text


# ---- compiled ---------------------------------------------------------------------------------


def test_compiled_prints_a_backward_pass_that_gives_the_gradients():
    text, told = run("demos/compiled.py"), " ".join(compiled.__doc__.split())
    assert "# backward\n" in text and "dW2 = hidden.T @ dout" in text
    assert text.splitlines()[-1] in told and "µs: " in text.splitlines()[-2]


def test_compiled_trains_in_seconds():
    loss = run("demos/compiled.py", "--quick").split("end at loss ")[1].split()[0]
    assert f"trains 200 steps: loss {loss}" in compiled.__doc__


def test_compiled_fails_where_the_program_is_wrong():
    code = """
import numpy as np
from demos import compiled
given = compiled.loss_and_gradients
compiled.train = lambda function, weights, data, steps: (float(function is given), 1.0)
compiled.main()
"""
    assert "gives the engine's gradients" in run("-c", code, "--quick", status=1).replace(
        "does NOT give", "gives"
    )


# ---- feedforward ------------------------------------------------------------------------------

WRONG_SLOPE = """
from demos import feedforward
module, value, slope = feedforward.FUNCTIONS["sigmoid"]
feedforward.FUNCTIONS["sigmoid"] = module, value, lambda z, y: y * (1 + y)
feedforward.main()
"""


def by_hand(text, name):
    """The numbers that a line of feedforward.py gives, by hand and by the library."""
    for line in text.splitlines():
        if line.startswith(f"  {name} "):
            numbers = [float(n) for n in re.findall(r"-?\d+\.\d*", line.split(name, 1)[1])]
            yield numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]


@pytest.mark.parametrize(
    "name, numbers",
    [
        ("W x", [[4, 7]] * 3),
        ("dW", [[1, 2, -2, -4], [0.0177, 0.0353, -0.0007, -0.0013], [1, 2, -2, -4]]),
        ("hidden 1", [[2, 2]]),
        ("hidden 2", [[5, 5]]),
        ("output", [[11]]),
        ("dW1", [[2, 2]]),
        ("dW2", [[2, 2, 2, 2]]),
        ("dW3", [[5, 5]]),
        ("dx", [[0, -5], [0.0347, 0.0157], [0, -5], [4]]),
    ],
)
def test_feedforward_prints_the_numbers_of_its_docstring(name, numbers):
    pairs = list(by_hand(plain("feedforward"), name))
    assert [first for first, _ in pairs] == [second for _, second in pairs] == numbers


def test_feedforward_gives_y_for_identity_and_relu():
    ys = [first for first, _ in by_hand(plain("feedforward"), "y")]
    assert ys[0] == ys[2] == [4, 8]


def test_feedforward_docstring_tells_what_it_prints():
    last_line = run("demos/feedforward.py").splitlines()[-1]
    assert last_line == "y = [4. 8.], and the network's output is [11.]; all 75 checks passed"
    assert last_line in (ROOT / "demos/feedforward.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", ["1", "5", "7"])
def test_feedforward_agrees_on_random_numbers_too(seed):
    text = run("demos/feedforward.py", "--seed", seed)
    assert "all 75 checks passed" in text and "[4. 7.]" not in text


def test_feedforward_fails_where_a_slope_is_wrong():
    text = run("-c", WRONG_SLOPE, status=1)
    assert "differs!" in text and "checks FAILED" in text


# ---- binary -----------------------------------------------------------------------------------


def test_binary_learns_the_step_in_1000_epochs():
    text = plain("binary", "--quick")
    losses = re.findall(r"^ +(\d+)00  (\d\.\d{4})$", text, re.M)
    assert [int(hundred) for hundred, _ in losses] == list(range(1, 11))
    assert [loss for _, loss in losses] == sorted((loss for _, loss in losses), reverse=True)
    assert float(losses[-1][1]) < 0.005
    rows = re.findall(r"^input (.): actual (.), predicted (.+)$", text, re.M)
    assert [row[:2] for row in rows] == [("0", "0"), ("1", "1")]
    assert float(rows[0][2]) < 0.01 and float(rows[1][2]) > 0.99


def held_out(text):
    return percentages(text.split("held out: ")[1])[0]


def test_binary_tells_tumours_apart_in_seconds():
    text = plain("binary", "--quick")
    assert "426 tumours to learn from, 143 held out" in text and held_out(text) >= 94
    rows = re.findall(r"\[ *(\d+) +(\d+)\]", text)
    table = [[int(n) for n in row] for row in rows]
    assert sum(table[0]) == 53 and sum(table[1]) == 90  # malignant and benign in proportion
    assert held_out(text) == round(100 * (table[0][0] + table[1][1]) / 143, 1)


def test_binary_is_right_on_96_percent_held_out():
    reached = [held_out(plain("binary", "--seed", str(seed))) for seed in range(5)]
    assert reached[0] >= 96 and sum(reached) / 5 >= 96 and min(reached) >= 95


# ---- moons ------------------------------------------------------------------------------------


def test_moons_bends_in_seconds():
    text = plain("moons", "--quick")
    epochs = re.findall(r"^ +(\d+)  \d\.\d{4}    ([\d.]+)%$", text, re.M)
    assert [epoch for epoch, _ in epochs] == ["1", "4", "12", "40"]
    assert float(epochs[0][1]) < 90 and held_out(text) == float(epochs[-1][1]) >= 97


def test_moons_is_right_on_97_percent_held_out():
    assert held_out(plain("moons")) >= 97


# ---- regression -------------------------------------------------------------------------------


def test_regression_measures_both_in_seconds():
    text = plain("regression", "--quick")
    (split,) = re.findall(r"^ +1" + r" +(\d\.\d{3})" * 4 + r" +\d+$", text, re.M)
    summary = re.search(r"mean of 1: linear (\d\.\d{3}), network (\d\.\d{3})", text)
    assert summary.groups() == (split[1], split[3])
    assert all(0.3 < float(score) < 0.7 for score in split)


def test_regression_is_as_good_as_linear_regression():
    text = plain("regression")
    linear, network = (
        float(n) for n in re.search(r"mean of 5: linear (.+), network (.+)", text).groups()
    )
    assert abs(linear - 0.46) < 0.03 and abs(network - linear) < 0.04


# ---- pictures, with and without matplotlib ----------------------------------------------------

PICTURES = ["binary", "moons", "regression"]
NO_PICTURE = 'no picture, for matplotlib is missing: pip install "chalkgrad[plot]"'


def untimed(text):
    """Without the seconds that an epoch took."""
    return re.sub(r"\(\d+\.\d s\)", "", text)


@pytest.mark.parametrize("name", PICTURES)
def test_saves_a_picture(name, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    path = tmp_path / f"{name}.png"
    text = run(f"demos/{name}.py", "--quick", "--save", str(path))
    expected = plain(name, "--quick").replace(NO_PICTURE, f"saved {path}")
    assert untimed(text) == untimed(expected)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("name", PICTURES)
def test_does_the_rest_without_matplotlib(name):
    text = plain(name, "--quick")
    assert text.endswith(f"\n{NO_PICTURE}\n") and re.search("held out(:|, mean)", text)


@pytest.mark.parametrize(
    "name, option, value",
    [
        ("binary", "--hidden", "0"),
        ("binary", "--epochs", "ten"),
        ("moons", "--epochs", "0"),
        ("moons", "--noise", "nan"),
        ("moons", "--lr", "-1"),
        ("regression", "--splits", "0"),
        ("regression", "--weight-decay", "inf"),
        ("regression", "--patience", "1.5"),
    ],
)
def test_refuses_options_that_make_no_sense(name, option, value):
    text = run(f"demos/{name}.py", option, value, status=2)
    assert f"argument {option}: must be a " in text and repr(value) in text


@pytest.mark.parametrize("value", ["picture.jpeg", "no such folder/picture.png"])
def test_refuses_places_for_pictures_before_it_starts(value):
    text = run("demos/binary.py", "--save", value, status=2)
    assert "argument --save: " in text and "0 -> 0" not in text
