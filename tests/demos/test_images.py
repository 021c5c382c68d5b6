"""What the demo images shows: convolutions against simpler readers of the same digits."""

import re

import numpy as np
import pytest

from demos import images as demo
from demos import mnist
from tests import ROOT
from tests.demos.test_demos import plain, run
from tests.demos.test_mnist import NAMES, folder, untimed

__all__ = ["folder"]  # a fixture: MNIST's four files, of which one is packed

READERS = {"means": 7840, "linear": 7850, "conv": 2_770_634, "lenet": 108_970}


def right(text):
    """The percentages of the table, by reader; the counts beside them are those of the networks."""
    rows = re.findall(r"^(\w+) +([\d,]+) +([\d.]+)%$", text, re.MULTILINE)
    assert {name: int(count.replace(",", "")) for name, count, _ in rows} == READERS
    return {name: float(share) for name, _, share in rows}


def test_images_in_quick_has_lenet_ahead_after_two_epochs():
    text = plain("images", "--quick")
    assert "4,000 images to learn from, 1,000 to test" in text.splitlines()[0]
    shares = right(text)
    assert shares["lenet"] >= 90 and max(shares, key=shares.get) == "lenet"


def test_images_reaches_the_figures_of_the_readme():
    page = (ROOT / "demos/README.md").read_text(encoding="utf-8").split("\n## images.py: ")[1]
    page = " ".join(page.split())
    told = re.search(r"Expected: (.+?)% .+?, (.+?)% .+?, (.+?)% .+?, (.+?)% ", page)
    shares = right(plain("images"))
    for share, figure in zip(shares.values(), told.groups()):
        assert abs(share - float(figure)) <= 1
    assert shares["conv"] >= 93 and shares["lenet"] >= 97.8


def test_images_tells_what_the_means_read_on_average():
    told = re.search(r"([\d.]+)% right by the means", " ".join(demo.__doc__.split()))[1]
    shares = []
    for seed in range(3):
        demo.nn.manual_seed(seed)
        x, y, x_test, y_test = mnist.load_digits()
        shares.append(demo.nn.accuracy(demo.nearest_mean(x, y, x_test), y_test))
    assert f"{100 * np.mean(shares):.0f}" == told


def test_images_is_fixed_by_its_seed():
    first, again, other = (
        untimed(plain("images", "--quick", *options))
        for options in ([], ["--seed", "0"], ["--seed", "1"])
    )
    assert first == again != other


def test_images_draws_kernels_maps_and_mistakes(tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    path = tmp_path / "digits.png"
    text = run("demos/images.py", "--quick", "--save", str(path))
    assert text.splitlines()[-1] == f"saved {path}"
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert untimed(text).splitlines()[:-1] == untimed(plain("images", "--quick")).splitlines()[:-1]


def test_images_takes_mnists_own_files_also_where_nothing_is_misread(folder, tmp_path):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    options = ["--quick", "--epochs", "4", "--data", str(folder)]
    text = run("demos/images.py", *options, "--save", str(tmp_path / "patterns.svg"))
    assert f"MNIST from {folder}: 1,000 images to learn from, 200 to test" in text
    assert "\nepoch 4/4 " in text
    assert right(text)["means"] == right(text)["lenet"] == 100


def test_images_ends_with_one_line_about_a_bad_folder(tmp_path):
    text = run("demos/images.py", "--data", str(tmp_path), status=1)
    assert text == f"images.py: {tmp_path} lacks {', '.join(NAMES)} (plain or .gz)\n"


# ---- the parts ----------------------------------------------------------------------------------


def test_nearest_mean_finds_the_nearest_mean():
    rng = np.random.default_rng(0)
    x, x_test = rng.normal(size=(100, 1, 28, 28)), rng.normal(size=(20, 1, 28, 28))
    y = np.arange(100) % 10
    means = [x[y == digit].mean(axis=0) for digit in range(10)]
    distances = [[np.linalg.norm(image - mean) for mean in means] for image in x_test]
    nearest = np.argmin(distances, axis=1)
    assert demo.nearest_mean(x, y, x_test).argmax(axis=1).tolist() == nearest.tolist()


def test_images_that_are_not_warped_stay_as_they_are():
    images = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    same = demo.warped(images, np.random.default_rng(1), bend=0, shift=0)
    assert same.dtype == np.float32 and same.shape == images.shape
    np.testing.assert_allclose(same, images, atol=2e-3)  # the last are read just beside themselves


class Fixed:
    """A generator whose numbers are known."""

    def __init__(self, *values):
        self.values = list(values)

    def uniform(self, low, high, shape):
        return np.broadcast_to(self.values.pop(0), shape)


WARPS = {  # the matrix less 1, the shift, and the same by NumPy
    "down and right": (np.zeros((2, 2)), [[-2.0], [-3.0]], lambda x: np.roll(x, (2, 3), (2, 3))),
    "by half a pixel": (
        np.zeros((2, 2)), [[0.5], [0.0]], lambda x: (x + np.roll(x, -1, 2)) / 2,
    ),
    "a quarter turn": (
        np.array([[-1.0, 1.0], [-1.0, -1.0]]), [[0.0], [0.0]], lambda x: np.rot90(x, 1, (2, 3)),
    ),
    "mirrored": (np.array([[0.0, 0.0], [0.0, -2.0]]), [[0.0], [0.0]], lambda x: x[..., ::-1]),
}  # fmt: skip


@pytest.mark.parametrize("matrix, shift, expected", WARPS.values(), ids=WARPS)
def test_images_are_warped_about_their_middle(matrix, shift, expected):
    images = np.zeros((2, 1, 28, 28), np.float32)
    images[:, :, 8:20, 6:18] = np.random.default_rng(0).random((2, 1, 12, 12))
    warped = demo.warped(images, Fixed(matrix, np.array(shift)))
    np.testing.assert_allclose(warped, expected(images), atol=1e-5)


def test_each_image_is_warped_in_its_own_way():
    x = np.tile(mnist.load_digits()[0][:1].reshape(1, 1, 28, 28), (4, 1, 1, 1))
    warped = demo.warped(x, np.random.default_rng(0))
    assert len({image.tobytes() for image in warped}) == 4
    assert 0 <= warped.min() and warped.max() <= 1
    assert np.all(abs(warped.sum((1, 2, 3)) / x.sum((1, 2, 3)) - 1) < 0.5)
