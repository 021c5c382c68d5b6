"""What training, judging and predicting take beside the data, as NumPy tells tracemalloc."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import nn
from nn.metrics import mean_absolute_error, mean_squared_error

ROWS, WIDTH = 20_000, 64


def peak(call):
    """Bytes that were in use at most during a call, beside those before it."""
    call()  # what is made once is not counted
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def images(dtype=np.float32, rows=ROWS):
    return np.random.default_rng(0).normal(size=(rows, WIDTH)).astype(dtype)


def autoencoder(loss=None, metrics=()):
    nn.manual_seed(0)
    model = nn.MLP([WIDTH, 8, WIDTH], "tanh")
    return nn.Trainer(
        model, nn.optim.SGD(model.parameters(), lr=0.01), loss or nn.MSELoss(), metrics
    )


@pytest.mark.parametrize("rows", [2500, ROWS])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_predict_takes_its_result_and_little_more(dtype, rows):
    x, t = images(dtype, rows), autoencoder()
    assert peak(lambda: t.predict(x)) < 1.2 * t.predict(x).nbytes


def test_predict_of_results_that_are_wider_than_the_data():
    model = nn.Linear(1, 256)
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), nn.MSELoss())
    x = np.ones((ROWS, 1))
    assert peak(lambda: t.predict(x)) < 1.2 * t.predict(x).nbytes


def test_predict_of_several_outputs():
    class Both(nn.Module):
        def __init__(self):
            self.one, self.two = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 2 * WIDTH)

        def forward(self, a, b):
            return self.one(a), self.two(b)

    model = Both()
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), lambda p, t: p[0])
    x = images()
    result = t.predict((x, x))
    assert peak(lambda: t.predict((x, x))) < 1.2 * sum(part.nbytes for part in result)


ADDED_UP = {
    "mse": (nn.MSELoss, ["mae", "mse"]),
    "sum": (lambda: nn.L1Loss("sum"), {"e": mean_absolute_error, "f": mean_squared_error}),
    "huber": (nn.HuberLoss, []),
    "function": (lambda: nn.functional.smooth_l1_loss, []),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("loss, metrics", ADDED_UP.values(), ids=ADDED_UP)
def test_evaluate_takes_nothing_in_proportion_to_the_data(loss, metrics, dtype):
    x, t = images(dtype), autoencoder(loss(), metrics)
    assert peak(lambda: t.evaluate(x, x)) < 0.25 * x.nbytes
    longer = np.concatenate([x] * 4)
    assert peak(lambda: t.evaluate(longer, longer)) < 0.1 * longer.nbytes


def test_evaluate_of_a_classifier_takes_nothing_in_proportion_either():
    x, y = images(), np.random.default_rng(0).integers(0, 10, ROWS)
    model = nn.Linear(WIDTH, 10)
    loss = nn.CrossEntropyLoss(weight=np.arange(10) + 1.0)
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), loss, ["accuracy", "f1", "recall"])
    assert peak(lambda: t.evaluate(x, y)) < 0.25 * x.nbytes
    weight = np.ones(ROWS)
    assert peak(lambda: t.evaluate(x, y, sample_weight=weight)) < 0.3 * x.nbytes


def test_every_other_loss_and_metric_sees_all_predictions_at_once():
    seen = []

    def own(prediction, target):
        seen.append((prediction.shape, target.shape))
        return np.mean(np.abs(prediction - target))

    def metric(prediction, target):
        seen.append((prediction.shape, target.shape))
        assert not target.flags.writeable
        return 0.0

    x, t = images(rows=3000), autoencoder(own, [metric])
    t.evaluate(x, x)
    assert seen == [((3000, WIDTH), (3000, WIDTH))] * 2
    x.flags.writeable, t = True, autoencoder(nn.MSELoss(), [metric])
    assert peak(lambda: t.evaluate(x, x)) < 1.5 * x.nbytes, "the predictions alone"


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("options", [{}, {"validation_split": 0.25}], ids=["whole", "split"])
def test_fit_copies_nothing_and_makes_no_mask(options, dtype):
    x, t = images(dtype, 4 * ROWS), autoencoder(metrics=["mse"])
    order = 3 * 8 * len(x)  # three arrays of row numbers may be there at once
    fit = lambda: t.fit(x, x, batch_size=256, progress=False, **options)  # noqa: E731
    assert peak(fit) < 0.1 * x.nbytes + order


LAID_OUT = {
    "columns first": np.asfortranarray,
    "every second": lambda x: np.repeat(x, 2, axis=0)[::2],
    "backwards": lambda x: x[::-1],
    "a part of the columns": lambda x: np.concatenate([x, x], axis=1)[:, : x.shape[1]],
    "not aligned": lambda x: np.frombuffer(b"." + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
}


@pytest.mark.parametrize("options", [{}, {"validation_split": 0.25}], ids=["whole", "split"])
@pytest.mark.parametrize("lay_out", LAID_OUT.values(), ids=LAID_OUT)
def test_fit_copies_nothing_however_the_data_lie_in_memory(lay_out, options):
    """A table of pandas lies with its columns first: NumPy's take would copy it for each batch."""
    x, t = lay_out(images()), autoencoder()
    call = lambda: t.fit(x, x, batch_size=256, progress=False, **options)  # noqa: E731
    assert peak(call) < 0.5 * x.nbytes


@pytest.mark.parametrize("lay_out", LAID_OUT.values(), ids=LAID_OUT)
def test_batches_are_the_rows_however_the_data_lie_in_memory(lay_out):
    x = lay_out(np.arange(60.0).reshape(10, 6))
    for one in (x, np.asfortranarray(x.reshape(10, 2, 3))):
        loader = nn.DataLoader(one, batch_size=4, shuffle=True, rng=np.random.default_rng(0))
        order = np.random.default_rng(0).permutation(10)
        for k, batch in enumerate(loader):
            np.testing.assert_array_equal(batch, [one[row] for row in order[4 * k : 4 * k + 4]])
            assert batch.flags.c_contiguous and not np.shares_memory(batch, one)


def test_fit_of_a_file_that_is_mapped_into_memory(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, images("f8", 2 * ROWS))
    x = np.load(path, mmap_mode="r")
    t = autoencoder()
    call = lambda: t.fit(x, x, batch_size=256, validation_split=0.1, progress=False)  # noqa: E731
    assert peak(call) < 0.2 * x.nbytes
    assert peak(lambda: t.evaluate(x, x)) < 0.1 * x.nbytes


def test_a_nan_is_found_in_every_block():
    x = images(rows=6000)
    t = autoencoder()
    for row in (0, 4095, 4096, 5999):
        bad = x.copy()
        bad[row, 3] = np.inf
        with pytest.raises(
            ValueError, match=rf"x holds inf at \[{row}, 3\] .the row comes first.; l"
        ):
            t.fit(bad, x, progress=False)
    bad = x.copy()
    bad[[5, 5000], 1] = np.nan
    with pytest.raises(ValueError, match=r"y holds nan at \[5, 1\].*and 1 more such values"):
        t.fit(x, bad, progress=False)


@pytest.mark.parametrize("row", [5, 2**18 + 7, 2**19 + 2])
@pytest.mark.parametrize("label", [9, -7])
def test_a_label_out_of_range_is_found_in_every_block(row, label):
    """The highest and the lowest are tried before the first step, wherever they stand."""
    x, y = np.zeros((2**19 + 3, 1), np.float32), np.zeros(2**19 + 3, np.int64)
    y[row] = label
    model = nn.Linear(1, 2)
    before = model.state_dict()
    t = nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss())
    with pytest.raises(ValueError, match=f"label {label} at position .* is out of range"):
        t.fit(x, y, batch_size=2**18, shuffle=False, progress=False)
    assert all(np.array_equal(before[name], value) for name, value in model.state_dict().items())


def test_rows_of_another_shape_or_dtype_in_a_later_block():
    class Changes(nn.Module):
        def __init__(self, width):
            self.layer, self._width = nn.Linear(2, 2), width

        def forward(self, x):
            late = x[0, 0] > 100
            if self._width:
                return np.zeros((len(x), 3 if late else 2))
            return np.full(len(x), 0.5, "f8" if late else "f4")

    x = np.arange(4000.0).reshape(-1, 2)
    model = Changes(width=True)
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), nn.MSELoss())
    with pytest.raises(
        ValueError, match=r"rows of one shape: it gave \(2,\) for the first rows, an"
    ):
        t.predict(x)
    model._width = False
    assert t.predict(x).dtype == np.float64 and t.predict(x).tolist() == [0.5] * 2000
