"""DataLoader, train_test_split, standardize and load_idx: what they give, keep and refuse."""

import gzip
import re
import struct

import numpy as np
import pytest

import nn
from autograd import Tensor
from nn import DataLoader, load_idx, standardize, train_test_split
from tests.makers import rng

X = np.arange(20.0, dtype=np.float32).reshape(10, 2)
Y = np.arange(10)


def labels_of(loader):
    """The labels of one epoch, batch by batch."""
    return [y.tolist() for _, y in loader]


# ---- DataLoader: batches ------------------------------------------------------------------------


def test_batches_in_order_with_a_smaller_last_one():
    assert labels_of(DataLoader(X, Y, 4)) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_drop_last_leaves_the_smaller_one_out():
    loader = DataLoader(X, Y, 4, drop_last=True)
    assert labels_of(loader) == [[0, 1, 2, 3], [4, 5, 6, 7]] and len(loader) == 2


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", range(1, 11))
def test_len_is_the_number_of_batches(batch_size, drop_last):
    loader = DataLoader(X, Y, batch_size, drop_last=drop_last)
    assert len(loader) == len(list(loader)) >= 1


@pytest.mark.parametrize("rows, expected", [(5, 5), (32, 32), (100, 32)])
def test_without_a_batch_size_it_is_32_or_all_rows(rows, expected):
    assert DataLoader(np.zeros((rows, 1))).batch_size == expected


def test_without_y_a_batch_is_x_alone():
    batches = list(DataLoader(X, batch_size=5))
    assert np.array_equal(np.concatenate(batches), X)


@pytest.mark.parametrize("shuffle", [False, True])
def test_x_and_y_stay_together(shuffle):
    loader = DataLoader(X, Y, 3, shuffle, rng=rng())
    for x, y in loader:
        assert np.array_equal(x, X[y])


def test_each_shuffled_epoch_has_a_new_order_of_all_rows():
    loader = DataLoader(X, Y, 3, shuffle=True, rng=rng())
    epochs = [sum(labels_of(loader), []) for _ in range(5)]
    assert len({tuple(e) for e in epochs}) == 5
    assert all(sorted(e) == list(range(10)) for e in epochs)


def test_the_order_is_fixed_by_its_generator_or_by_the_seed():
    by_rng = [labels_of(DataLoader(X, Y, 3, True, rng=rng(5))) for _ in range(2)]
    assert by_rng[0] == by_rng[1]
    by_seed = []
    for seed in (7, 7, 8):
        nn.manual_seed(seed)
        by_seed.append(labels_of(DataLoader(X, Y, 3, True)))
    assert by_seed[0] == by_seed[1] != by_seed[2]


@pytest.mark.parametrize("shuffle", [False, True])
def test_writing_into_a_batch_does_not_change_the_data(shuffle):
    x, y = X.copy(), Y.copy()
    for batch, labels in DataLoader(x, y, 10, shuffle):
        batch[:] = -1
        labels[:] = -1
    assert np.array_equal(x, X) and np.array_equal(y, Y)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u1", "?"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_dtype_and_shape_are_kept(dtype, shuffle):
    (batch,) = DataLoader(np.ones((3, 4, 5), dtype), shuffle=shuffle)
    assert batch.dtype == dtype and batch.shape == (3, 4, 5)


SOURCES = {
    "lists": ([[1, 2], [3, 4]], [0, 1]),
    "tuples": (((1, 2), (3, 4)), (0, 1)),
    "arrays": (np.array([[1, 2], [3, 4]]), np.array([0, 1])),
    "Fortran's order": (np.array([[1, 2], [3, 4]], order="F"), np.array([0, 9, 1, 9])[::2]),
    "Tensors": (Tensor([[1, 2], [3, 4]]), Tensor([0, 1])),
    "read-only": (np.broadcast_to([[1, 2], [3, 4]], (2, 2)), np.array([0, 1])),
}


@pytest.mark.parametrize("x, y", SOURCES.values(), ids=SOURCES)
def test_everything_like_an_array_is_taken(x, y):
    ((xs, ys),) = DataLoader(x, y)
    assert type(xs) is np.ndarray and xs.tolist() == [[1, 2], [3, 4]] and ys.tolist() == [0, 1]


def test_pandas_is_taken():
    pd = pytest.importorskip("pandas", reason="takes pandas objects")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}, index=[7, 3])
    ((x, y),) = DataLoader(frame, pd.Series([1, 0], index=[7, 3]))
    assert x.tolist() == [[1, 3], [2, 4]] and y.tolist() == [1, 0]
    frame["c"] = ["red", "blue"]
    with pytest.raises(TypeError, match="x must hold numbers, got object: .*encode or drop"):
        DataLoader(frame)


def test_a_model_trains_on_batches():
    nn.manual_seed(0)
    x = rng().normal(size=(64, 2))
    y = (x[:, 0] > x[:, 1]).astype(np.int64)
    model, loss_function = nn.Linear(2, 2), nn.CrossEntropyLoss()
    optimizer = nn.optim.Adam(model.parameters(), lr=0.1)
    loader = DataLoader(x, y, 16, shuffle=True)
    for _ in range(20):
        for xs, ys in loader:
            optimizer.zero_grad()
            loss_function(model(xs), ys).backward(retain_graph=False)
            optimizer.step()
    assert nn.accuracy(model(x), y) > 0.95


def test_repr_tells_the_settings():
    assert repr(DataLoader(X, Y, 4, True)) == (
        "DataLoader(10 rows, batch_size=4, shuffle=True, drop_last=False)"
    )


# ---- DataLoader: transform ----------------------------------------------------------------------


def test_transform_is_applied_to_each_x_batch():
    shapes = []

    def double(x):
        shapes.append(x.shape)
        x *= 2  # in place, as augmentations do
        return x

    xs, ys = zip(*DataLoader(X, Y, 4, transform=double))
    assert np.array_equal(np.concatenate(xs), 2 * X) and np.array_equal(np.concatenate(ys), Y)
    assert shapes == [(4, 2), (4, 2), (2, 2)]
    assert X[0, 1] == 1


@pytest.mark.parametrize(
    "transform, got",
    [(lambda x: None, "NoneType"), (lambda x: x[:1], r"shape \(1, 2\)"), (np.sum, r"shape \(\)")],
    ids=["None", "fewer rows", "a number"],
)
def test_transform_must_give_the_rows_back(transform, got):
    with pytest.raises(ValueError, match=f"the batch's 4 rows, got {got}"):
        next(iter(DataLoader(X, Y, 4, transform=transform)))


# ---- DataLoader: refused ------------------------------------------------------------------------


class Pairs:
    """A data set of PyTorch's kind, of one part in a tuple."""

    def __len__(self):
        return 3

    def __getitem__(self, k):
        if k > 2:
            raise IndexError
        return (X[k],)


REFUSED = {
    "unequal lengths": (lambda: DataLoader(X, Y[:9]), ValueError, "x has 10, y has 9 rows"),
    "no rows": (lambda: DataLoader(X[:0], Y[:0]), ValueError, "the data is empty"),
    "empty list": (lambda: DataLoader([]), ValueError, "the data is empty"),
    "samples": (lambda: DataLoader([(x, x) for x in X]), TypeError, "x holds samples that have"),
    "labelled": (lambda: DataLoader([(x, 1) for x in X]), TypeError, "x, y = map.np.stack, zip"),
    "a data set": (lambda: train_test_split(Pairs()), TypeError, "array 0 holds samples that have"),
    "ragged": (lambda: DataLoader([[1, 2], [3]]), ValueError, "x holds lists of unequal lengths"),
    "ragged pair": (lambda: DataLoader(([[1], [2]], [0])), ValueError, "x and y as two arguments"),
    "ragged three": (lambda: DataLoader(([[1]], [0], [1])), ValueError, "as many values$"),
    "ragged y": (lambda: DataLoader(X[:2], [[1], []]), ValueError, "y holds lists of unequal"),
    "a number": (lambda: DataLoader(3.0), TypeError, "one row a sample, got one number"),
    "None": (lambda: DataLoader(None), TypeError, "one row a sample, got NoneType"),
    "a generator": (lambda: DataLoader(i for i in X), TypeError, "got generator"),
    "a dict": (lambda: DataLoader({"x": 1}), TypeError, "got dict"),
    "names": (lambda: DataLoader(X[:2], ["a", "b"]), TypeError, "np.unique.*return_inverse"),
    "objects": (lambda: DataLoader([[1, None]]), TypeError, "x must hold numbers, got object: N"),
    "complex": (lambda: DataLoader([1j]), TypeError, "x must hold numbers, got complex128: "),
    "dates": (lambda: DataLoader(np.array(["2020-01-01"], "M8")), TypeError, "got datetime64"),
    "masked": (lambda: DataLoader(np.ma.array([1, 2], mask=[0, 1])), TypeError, "filled"),
    "a gradient": (lambda: DataLoader(Tensor([1.0], requires_grad=True)), TypeError, "detach"),
    "batch_size 0": (lambda: DataLoader(X, Y, 0), ValueError, "must be >= 1, got 0"),
    "batch_size -1": (lambda: DataLoader(X, Y, -1), ValueError, "must be >= 1, got -1"),
    "batch_size 2.0": (lambda: DataLoader(X, Y, 2.0), TypeError, "a whole number, got 2.0"),
    "batch_size True": (lambda: DataLoader(X, Y, True), TypeError, "a whole number, got True"),
    "batch_size '4'": (lambda: DataLoader(X, Y, "4"), TypeError, "a whole number, got '4'"),
    "batch_size 11": (
        lambda: DataLoader(X, Y, 11), ValueError, "batch_size 11 is larger than the data, 10 rows",
    ),
    "shuffle": (lambda: DataLoader(X, Y, 4, rng()), TypeError, "shuffle must be True or False"),
    "drop_last": (lambda: DataLoader(X, Y, 4, True, 1), TypeError, "drop_last must be True or"),
    "rng": (lambda: DataLoader(X, Y, rng=3), TypeError, "numpy.random.Generator"),
    "transform": (lambda: DataLoader(X, Y, transform="flip"), TypeError, "must be a function"),
}  # fmt: skip


@pytest.mark.parametrize("call, error, text", REFUSED.values(), ids=REFUSED)
def test_loader_refuses(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_numpy_numbers_are_batch_sizes():
    assert DataLoader(X, Y, np.int64(4)).batch_size == 4


# ---- DataLoader: several loops, and resuming ----------------------------------------------------


@pytest.mark.parametrize("shuffle", [False, True])
def test_loops_inside_each_other_are_independent(shuffle):
    loader = DataLoader(X, Y, 4, shuffle, rng=rng())
    outer, inner = [], []
    for _, y in loader:
        outer += y.tolist()
        inner.append(sum(labels_of(loader), []))
    assert sorted(outer) == list(range(10))
    assert [sorted(i) for i in inner] == [list(range(10))] * 3


def test_two_loops_have_no_one_place():
    loader = DataLoader(X, Y, 4)
    for k, _ in enumerate(loader):
        list(loader)
        if k:
            with pytest.raises(RuntimeError, match="two loops over this loader"):
                loader.state_dict()
    assert loader.state_dict()["position"] == 0


def test_a_look_at_one_batch_leaves_no_trace_in_the_next_epoch():
    loader = DataLoader(X, Y, 4)
    looking = iter(loader)
    next(looking)
    places = [loader.state_dict()["position"] for _ in loader]
    assert places == [1, 2, 3] and loader.state_dict()["position"] == 0


def test_the_place_of_a_loop_that_was_broken_off_is_kept():
    loader = DataLoader(X, Y, 4, shuffle=True, rng=rng())
    for _ in loader:
        break
    assert loader.state_dict()["position"] == 1
    assert sum(labels_of(loader), []) != [] and len(list(loader)) == 3, "a new loop starts afresh"


def make(source, seed, shuffle, drop_last=False):
    """A loader with its own generator, or with the library's."""
    nn.manual_seed(seed)
    own = {"rng": rng(seed)} if source == "own" else {}
    return DataLoader(X, Y, 3, shuffle, drop_last, **own)


def states(loader):
    """The loader's state and the library's generator's, as a checkpoint holds them."""
    return loader.state_dict(), nn.random.generator().bit_generator.state


def run(loader, epochs, noise):
    """Labels and numbers drawn from the library's generator in turn, as Dropout draws them."""
    for _ in range(epochs):
        for _, y in loader:
            yield y.tolist(), nn.random.generator().random() if noise else None


@pytest.mark.parametrize("noise", [False, True], ids=["alone", "with dropout"])
@pytest.mark.parametrize("drop_last", [False, True], ids=["all", "drop_last"])
@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("source", ["own", "library"])
@pytest.mark.parametrize("stop", range(1, 9))
def test_resumes_exactly_at_every_batch(stop, source, shuffle, drop_last, noise):
    unbroken = list(run(make(source, 3, shuffle, drop_last), 4, noise))
    loader = make(source, 3, shuffle, drop_last)
    going = run(loader, 4, noise)
    before = [next(going) for _ in range(stop)]
    loader_state, library_state = states(loader)

    other = make(source, 99, shuffle, drop_last)
    other.load_state_dict(loader_state)
    nn.random.generator().bit_generator.state = library_state
    rest = 4 - (stop - 1) // len(loader)
    assert before + list(run(other, rest, noise)) == unbroken


@pytest.mark.parametrize("source", ["own", "library"])
def test_resumes_exactly_between_epochs(source):
    loader = make(source, 3, True)
    first = labels_of(loader)
    loader_state, library_state = states(loader)
    unbroken = [labels_of(loader) for _ in range(2)]
    other = make(source, 99, True)
    other.load_state_dict(loader_state)
    nn.random.generator().bit_generator.state = library_state
    assert loader_state["order"] is None and loader_state["position"] == 0
    assert [labels_of(other) for _ in range(2)] == unbroken and first not in unbroken


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_resumes_every_generator_of_numpy(kind):
    def loader(seed):
        bits = getattr(np.random, kind)(seed)
        return DataLoader(X, Y, 3, True, rng=np.random.Generator(bits))

    first, second = loader(1), loader(2)
    labels_of(first)
    second.load_state_dict(first.state_dict())
    assert labels_of(first) == labels_of(second)


@pytest.mark.parametrize("kind", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_resumes_from_a_file(kind, tmp_path):
    def loader(seed):
        bits = getattr(np.random, kind)(seed)
        return DataLoader(X, Y, 3, True, rng=np.random.Generator(bits))

    first, second = loader(1), loader(2)
    going = iter(first)
    next(going)
    nn.save_checkpoint(tmp_path / "run.npz", loader=first)
    nn.load_checkpoint(tmp_path / "run.npz", loader=second)
    assert [y.tolist() for _, y in going] == labels_of(second)
    assert labels_of(first) == labels_of(second)


def test_a_state_is_a_copy_and_loads_twice():
    loader = DataLoader(X, Y, 3, True, rng=rng())
    going = iter(loader)
    next(going)
    state = loader.state_dict()
    rest = [y.tolist() for _, y in going]
    again = []
    for _ in range(2):
        loader.load_state_dict(state)
        again.append(labels_of(loader))
    assert again == [rest, rest]
    state["order"][:] = 0
    assert labels_of(loader) != [[0] * 3, [0] * 3, [0] * 3, [0]]


def test_state_before_the_first_batch_of_a_restored_epoch_is_the_same():
    loader = DataLoader(X, Y, 3, True, rng=rng())
    next(iter(loader))
    state = loader.state_dict()
    other = DataLoader(X, Y, 3, True, rng=rng(9))
    other.load_state_dict(state)
    again = other.state_dict()
    assert again.pop("order").tolist() == state.pop("order").tolist() and again == state


def test_at_an_epochs_end_other_data_and_batches_may_follow():
    state = DataLoader(X, Y, 3).state_dict()
    loader = DataLoader(X[:5], Y[:5], 5)
    loader.load_state_dict(state)
    assert labels_of(loader) == [[0, 1, 2, 3, 4]]


def begun(shuffle=True, **changes):
    loader = DataLoader(X, Y, 3, shuffle, rng=rng())
    next(iter(loader))
    return loader.state_dict() | changes


MISFITS = {
    "no dict": (3, "expected a dict of .* got int"),
    "keys": ({"order": None}, r"got \['order'\]"),
    "rows": (begun(rows=9), "rows was 9 when the epoch began, and is 10 here"),
    "batch_size": (begun(batch_size=5), "batch_size was 5"),
    "position": (begun(position=5), "position must be an int from 0 to 4, got 5"),
    "position's kind": (begun(position=1.0), "got 1.0"),
    "order twice": (begun(order=np.zeros(10, int)), "each number from 0 to 9 once"),
    "order short": (begun(order=np.arange(9)), "each number from 0 to 9 once"),
    "order of floats": (begun(order=np.arange(10.0)), "each number from 0 to 9 once"),
    "not shuffled": (begun(shuffle=False), "was not shuffled, but shuffle=True here"),
    "no generator": (begun(rng=None), "used the library's generator: leave rng out"),
    "another generator": (
        begun(rng=np.random.MT19937(1).state), "does not fit rng: .* a PCG64 generator is needed",
    ),
    "a broken generator": (begun(rng={"bit_generator": "PCG64"}), "this is no state of a PCG64"),
    "several": (begun(rows=9, rng=None), "rows was 9.*; the saved loader used"),
}  # fmt: skip


@pytest.mark.parametrize("state, text", MISFITS.values(), ids=MISFITS)
def test_a_state_that_does_not_fit_changes_nothing(state, text):
    loader, twin = (DataLoader(X, Y, 3, True, rng=rng(4)) for _ in range(2))
    with pytest.raises(ValueError, match=text):
        loader.load_state_dict(state)
    assert labels_of(loader) == labels_of(twin)


def test_a_state_with_a_generator_needs_one():
    with pytest.raises(ValueError, match=re.escape("give this one rng=...")):
        DataLoader(X, Y, 3, True).load_state_dict(begun())


def test_a_place_beyond_a_generators_buffer_is_refused():
    generator = np.random.Generator(np.random.MT19937(1))
    state = DataLoader(X, Y, 3, True, rng=generator).state_dict()
    state["rng"]["state"]["pos"] = 10**6  # from where NumPy would read
    with pytest.raises(ValueError, match="the place 1000000 in a buffer of 624"):
        DataLoader(X, Y, 3, True, rng=generator).load_state_dict(state)


def test_a_shuffled_state_does_not_fit_a_loader_in_order():
    with pytest.raises(ValueError, match="the epoch was shuffled, but shuffle=False here"):
        DataLoader(X, Y, 3, rng=rng()).load_state_dict(begun())


# ---- train_test_split ---------------------------------------------------------------------------

COUNTS = [  # rows, test_size, rows of the test: rounded up, as scikit-learn does
    (10, 0.25, 3), (100, 0.25, 25), (10, 0.01, 1), (10, 0.1, 1), (30, 0.1, 3), (100, 0.07, 7),
    (10, 0.9, 9), (3, 0.5, 2), (10, 1, 1), (10, 9, 9), (1797, 450, 450), (10, np.int32(4), 4),
    (10, np.float32(0.5), 5),
]  # fmt: skip


@pytest.mark.parametrize("rows, test_size, expected", COUNTS)
def test_split_counts(rows, test_size, expected):
    train, test = train_test_split(np.arange(rows), test_size=test_size, rng=rng())
    assert len(test) == expected
    assert sorted([*train, *test]) == list(range(rows))


def test_split_keeps_rows_together_and_names_them_in_scikit_learns_order():
    x_train, x_test, y_train, y_test = train_test_split(X, Y, rng=rng())
    assert np.array_equal(x_train, X[y_train]) and np.array_equal(x_test, X[y_test])
    assert x_train.dtype == np.float32 and (len(x_train), len(x_test)) == (7, 3)


def test_split_without_shuffle_takes_the_last_rows():
    train, test = train_test_split(Y, test_size=0.2, shuffle=False)
    assert train.tolist() == list(range(8)) and test.tolist() == [8, 9]


@pytest.mark.parametrize("shuffle", [False, True])
def test_split_gives_copies(shuffle):
    y = Y.copy()
    for part in train_test_split(y, shuffle=shuffle):
        part[:] = -1
    assert np.array_equal(y, Y)


def test_split_is_fixed_by_its_generator_or_by_the_seed():
    def tests(**options):
        return train_test_split(np.arange(1000), **options)[1].tolist()

    assert tests(rng=rng(1)) == tests(rng=rng(1)) != tests(rng=rng(2))
    nn.manual_seed(5)
    first = tests()
    second = tests()
    nn.manual_seed(5)
    assert tests() == first != second


def test_split_takes_everything_with_rows():
    names = ["ant", "bee", "cat", "dog"]
    parts = train_test_split(
        names, Tensor([1.0, 2, 3, 4]), [[1], [2], [3], [4]], test_size=1, shuffle=False
    )
    assert [p.tolist() for p in parts] == [
        ["ant", "bee", "cat"], ["dog"], [1, 2, 3], [4], [[1], [2], [3]], [[4]],
    ]  # fmt: skip


STRATA = {
    "even": ([50, 50], 20, [10, 10]),
    "rare": ([90, 10], 10, [9, 1]),
    "largest remainder": ([5, 4, 2], 4, [2, 1, 1]),  # 1.82, 1.45, 0.73
    "ties: the first": ([3, 3, 3, 3], 6, [2, 2, 1, 1]),
    "digits": ([178, 182, 177, 183, 181, 182, 181, 179, 174, 180], 450,
               [45, 46, 44, 46, 45, 46, 45, 45, 43, 45]),
}  # fmt: skip


@pytest.mark.parametrize("sizes, count, expected", STRATA.values(), ids=STRATA)
@pytest.mark.parametrize("seed", range(3))
def test_split_keeps_classes_in_proportion(sizes, count, expected, seed):
    labels = rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = np.arange(len(labels))
    train, test = train_test_split(rows, test_size=count, stratify=labels, rng=rng(seed))
    assert np.bincount(labels[test]).tolist() == expected
    assert sorted([*train, *test]) == rows.tolist()


def test_stratified_parts_are_in_random_order_and_choose_evenly():
    labels = np.repeat([0, 1], [30, 10])
    chosen, generator = np.zeros(40), rng()
    for _ in range(2000):
        _, test = train_test_split(np.arange(40), test_size=12, stratify=labels, rng=generator)
        chosen[test] += 1
    assert np.all(np.abs(chosen / 2000 - 0.3) < 0.05)  # five standard deviations
    _, test = train_test_split(labels, test_size=12, stratify=labels, rng=rng())
    assert test.tolist() != sorted(test)


@pytest.mark.parametrize(
    "stratify",
    [["no", "yes"] * 5, np.eye(2)[[0, 1] * 5], [False, True] * 5, Tensor([0, 1] * 5)],
    ids=["names", "one-hot rows", "bools", "a Tensor"],
)
def test_stratify_takes_every_kind_of_class(stratify):
    _, test = train_test_split(np.arange(10), test_size=4, stratify=stratify, rng=rng())
    assert np.bincount(test % 2).tolist() == [2, 2]


SPLITS_REFUSED = {
    "nothing": (lambda: train_test_split(), ValueError, "at least one array"),
    "unequal": (
        lambda: train_test_split(X, Y[:9]), ValueError, "array 0 has 10, array 1 has 9 rows",
    ),
    "stratify unequal": (
        lambda: train_test_split(X, stratify=Y[:9]), ValueError, "the data has 10, stratify has 9",
    ),
    "0": (lambda: train_test_split(X, test_size=0), ValueError, "leaves a part empty"),
    "0.0": (lambda: train_test_split(X, test_size=0.0), ValueError, "leaves a part empty"),
    "all": (lambda: train_test_split(X, test_size=10), ValueError, "an int from 1 to 9"),
    "1.0": (lambda: train_test_split(X, test_size=1.0), ValueError, "leaves a part empty"),
    "too much": (lambda: train_test_split(X, test_size=0.95), ValueError, "leaves a part empty"),
    "negative": (lambda: train_test_split(X, test_size=-1), ValueError, "leaves a part empty"),
    "nan": (lambda: train_test_split(X, test_size=np.nan), ValueError, "leaves a part empty"),
    "True": (lambda: train_test_split(X, test_size=True), TypeError, "got True"),
    "None": (lambda: train_test_split(X, test_size=None), TypeError, "got None"),
    "one row": (lambda: train_test_split([1]), ValueError, "1 rows do not make two parts"),
    "no rows": (lambda: train_test_split([]), ValueError, "0 rows do not make two parts"),
    "lonely class": (
        lambda: train_test_split(Y, stratify=["a"] * 9 + ["b"]), ValueError,
        "class 'b' of stratify has 1 row",
    ),
    "no room in the test": (
        lambda: train_test_split(Y, test_size=1, stratify=[0, 1] * 5), ValueError,
        "a test part of 1 rows has no room for the 2 classes",
    ),
    "no room in the train part": (
        lambda: train_test_split(Y, test_size=9, stratify=[0, 1] * 5), ValueError,
        "a train part of 1 rows has no room for the 2 classes",
    ),
    "stratify in order": (
        lambda: train_test_split(Y, stratify=[0, 1] * 5, shuffle=False), ValueError, "shuffle=True",
    ),
    "stratify of mixed kinds": (
        lambda: train_test_split(Y, stratify=np.array([None, "a"] * 5)), TypeError, "be sorted",
    ),
    "shuffle": (lambda: train_test_split(Y, shuffle=1), TypeError, "must be True or False, got 1"),
    "rng": (lambda: train_test_split(Y, rng=1), TypeError, "numpy.random.Generator"),
    "ragged": (lambda: train_test_split([[1], [1, 2]]), ValueError, "array 0 holds lists of"),
}  # fmt: skip


@pytest.mark.parametrize("call, error, text", SPLITS_REFUSED.values(), ids=SPLITS_REFUSED)
def test_split_refuses(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ---- standardize --------------------------------------------------------------------------------


def test_standardize_uses_the_train_parts_statistics():
    train, test = rng().normal(5, 3, (50, 4)), rng(1).normal(5, 3, (20, 4))
    scaled, other = standardize(train, test)
    mean, std = train.mean(axis=0), train.std(axis=0)
    assert np.allclose(scaled, (train - mean) / std, rtol=0, atol=1e-13)
    assert np.allclose(other, (test - mean) / std, rtol=0, atol=1e-13)
    assert np.allclose(scaled.mean(axis=0), 0) and np.allclose(scaled.std(axis=0), 1)


def test_standardize_gives_one_array_for_one_and_a_tuple_for_more():
    assert type(standardize(X)) is np.ndarray
    assert [len(part) for part in standardize(X, X[:3], X[:0])] == [10, 3, 0]


@pytest.mark.parametrize(
    "dtype, expected",
    [("f2", "f2"), ("f4", "f4"), ("f8", "f8"), ("i8", "f8"), ("u1", "f8"), ("?", "f8")],
)
def test_standardize_keeps_floats_and_makes_integers_floats(dtype, expected):
    (train, test) = standardize(np.array([[0], [1]], dtype), np.array([[1]], dtype))
    assert train.dtype == test.dtype == expected and train.tolist() == [[-1], [1]]


@pytest.mark.parametrize("shape", [(40,), (40, 3), (40, 3, 2)])
def test_standardize_works_along_the_rows(shape):
    scaled = standardize(rng().normal(2, 5, shape))
    assert np.allclose(scaled.mean(axis=0), 0) and np.allclose(scaled.std(axis=0), 1)


@pytest.mark.parametrize("constant", [0.0, 0.1, -1 / 3, 1e8, 1e300, 1e-310])
def test_a_constant_column_becomes_zero(constant):
    train = np.full((1001, 2), constant)
    train[:, 1] = np.arange(1001)
    scaled, other = standardize(train, [[constant + 2, 0.0]])
    assert np.all(scaled[:, 0] == 0) and scaled[:, 1].std() == pytest.approx(1)
    assert other[0, 0] == constant + 2 - constant


def test_one_row_becomes_zero():
    assert standardize([[3.0, -7.0]]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("scale, offset", [(1e-200, 0), (1e-320, 0), (1e200, 0), (1, 1e9)])
def test_standardize_in_extreme_units(scale, offset):
    steps = np.arange(100.0)
    scaled = standardize(steps * scale + offset)
    assert np.allclose(scaled, (steps - steps.mean()) / steps.std(), rtol=0, atol=1e-2)


def test_standardize_many_rows_block_by_block():
    train = rng().normal(1e4, 1, (3000, 800)).astype(np.float32)
    scaled = standardize(train)
    double = train.astype(np.float64)
    expected = (double - double.mean(axis=0)) / double.std(axis=0)
    assert np.abs(scaled - expected).max() < 1e-6


def test_standardize_does_not_change_its_arguments():
    train = X.copy()
    standardize(train)[:] = 7
    assert np.array_equal(train, X)


STANDARDIZE_REFUSED = {
    "nan": ([[[1.0, 2], [3, np.nan]]], ValueError, "train part holds nan in row 1, column 1"),
    "inf": ([[[1.0, np.inf]]], ValueError, "train part holds inf in row 0, column 1"),
    "nan in another": ([X, [[np.nan, 1]]], ValueError, "part 1 holds nan in row 0, column 0"),
    "nan in one column": ([[1.0, np.nan]], ValueError, "holds nan in row 1 "),
    "nan in images": ([np.full((1, 2, 2), np.nan)], ValueError, r"row 0, column \(0, 0\)"),
    "empty": ([[]], ValueError, r"the train part is empty, its shape is \(0,\)"),
    "columns": ([X, X[:, :1]], ValueError, r"part 1 has rows of shape \(1,\), the train part of"),
    "names": ([[["a"]]], TypeError, "train part must hold numbers, got <U1"),
    "span": ([[-1.7e308, 1.7e308]], ValueError, "larger unit"),
}


@pytest.mark.parametrize("arguments, error, text", STANDARDIZE_REFUSED.values(),
                         ids=STANDARDIZE_REFUSED)  # fmt: skip
def test_standardize_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        standardize(*arguments)


# ---- load_idx -----------------------------------------------------------------------------------

TYPES = {8: "u1", 9: "i1", 11: "i2", 12: "i4", 13: "f4", 14: "f8"}


def idx(array, code):
    """An IDX file's bytes, written out here by struct."""
    header = struct.pack(">BBBB", 0, 0, code, array.ndim)
    header += b"".join(struct.pack(">I", n) for n in array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


IMAGES = rng().integers(0, 256, (3, 4, 5)).astype(np.uint8)
PLAIN = idx(IMAGES, 8)
PACKED = gzip.compress(PLAIN)


@pytest.fixture
def write(tmp_path):
    def write(data, name="images-idx3-ubyte"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (3, 4, 5), (2, 0, 3), (1, 2, 1, 2, 1, 2)])
@pytest.mark.parametrize("code", TYPES)
def test_idx_files_of_every_type_and_shape(write, code, shape, packed):
    array = rng().normal(0, 50, shape)
    array = np.abs(array).astype(TYPES[code]) if code == 8 else np.array(array, TYPES[code])
    data = idx(array, code)
    loaded = load_idx(write(gzip.compress(data) if packed else data))
    assert loaded.dtype == array.dtype and loaded.dtype.isnative and loaded.flags.writeable
    assert loaded.shape == shape and np.array_equal(loaded, array)


@pytest.mark.parametrize("name", ["x.gz", "x", "x.idx"])
@pytest.mark.parametrize("data", [PLAIN, PACKED], ids=["plain", "packed"])
def test_gzip_is_seen_by_its_content(write, data, name):
    path = write(data, name)
    assert np.array_equal(load_idx(path), IMAGES) and np.array_equal(load_idx(str(path)), IMAGES)


def test_gzip_in_several_members(write):
    data = gzip.compress(PLAIN[:30]) + gzip.compress(PLAIN[30:])
    assert np.array_equal(load_idx(write(data)), IMAGES)


@pytest.mark.parametrize("data", [PLAIN, PACKED], ids=["plain", "packed"])
def test_every_truncated_file_raises(write, data):
    for length in range(len(data)):
        with pytest.raises(ValueError, match="load_idx: .*images-idx3-ubyte"):
            load_idx(write(data[:length]))


def flipped(data, bit):
    data = bytearray(data)
    data[bit // 8] ^= 1 << bit % 8
    return bytes(data)


def test_every_flipped_bit_of_a_gzip_file_raises_or_changes_nothing(write):
    """What gzip does not check (time, system, level) does not matter to the values."""
    seen = set()
    for bit in range(8 * len(PACKED)):
        try:
            assert np.array_equal(load_idx(write(flipped(PACKED, bit))), IMAGES)
            seen.add("same")
        except ValueError as error:
            assert "images-idx3-ubyte" in str(error)
            seen.add("raised")
    assert seen == {"same", "raised"}


def header(code, *shape, zeros=b"\0\0"):
    return zeros + bytes([code, len(shape)]) + b"".join(struct.pack(">I", n) for n in shape)


BROKEN = {
    "empty": (b"", "holds 0 bytes, too few"),
    "html": (b"<!DOCTYPE html><html>", "is no IDX file: it begins with the bytes 3c 21 44 4f"),
    "wrong magic": (b"\0\1" + PLAIN[2:], "begins with the bytes 00 01 08 03"),
    "unknown type": (b"\0\0\x0a" + PLAIN[3:], "is no IDX file"),
    "too many axes": (b"\0\0\x08\xff" + 255 * b"\0\0\0\1" + b"\0", "is no IDX file"),
    "within the lengths": (b"\0\0\x08\x03\0\0", "ends within the lengths of its 3 axes"),
    "too short": (PLAIN[:-1], r"\(3, 4, 5\), 60 bytes, but there are only 59"),
    "too long": (PLAIN + b"\0", r"\(3, 4, 5\), 60 bytes, but there are more"),
    "hostile": (header(14, *[2**32 - 1] * 30) + b"\0" * 100, "which the file is too small for"),
    "larger than the file": (header(8, 2**31) + b"\0", "2147483648 bytes, which the file is too"),
}
BROKEN_GZIP = {
    "hostile": (gzip.compress(header(14, 2**31, 2**31)), "which the file is too small for"),
    "a gigabyte": (gzip.compress(header(8, 2**30)), "which the file is too small for"),
    "too short": (gzip.compress(PLAIN[:-1]), "but there are only 59"),
    "too long": (gzip.compress(PLAIN + b"\0"), "but there are more"),
    "empty": (gzip.compress(b""), "holds 0 bytes, too few"),
    "html": (gzip.compress(b"<html>"), "is no IDX file"),
    "checksum": (flipped(PACKED, 8 * (len(PACKED) - 6)), "damaged or truncated gzip file"),
    "rubbish after it": (PACKED + b"rubbish", "damaged or truncated gzip file"),
    "gzip's two bytes alone": (b"\x1f\x8b", "damaged or truncated gzip file"),
}


@pytest.mark.parametrize("data, text", BROKEN.values(), ids=BROKEN)
def test_broken_files_raise(write, data, text):
    with pytest.raises(ValueError, match=text) as raised:
        load_idx(write(data))
    assert "images-idx3-ubyte" in str(raised.value)


@pytest.mark.parametrize("data, text", BROKEN_GZIP.values(), ids=BROKEN_GZIP)
def test_broken_gzip_files_raise(write, data, text):
    with pytest.raises(ValueError, match=text) as raised:
        load_idx(write(data, "images.gz"))
    assert "images.gz" in str(raised.value)


def test_no_file_is_the_systems_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_idx(tmp_path / "nowhere")
