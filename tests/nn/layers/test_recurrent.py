"""RNN, LSTM, GRU and their cells: values and derivatives beside PyTorch's, and beside the formulas.

Without PyTorch the operation is compared with a loop over cells and with finite differences.
"""

import contextlib
import copy
import itertools
import pickle

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor, draw, explain, grad, gradcheck, gradgradcheck, no_grad
from nn import functional

KINDS = {
    "RNN": {},
    "RNN of relu": {"nonlinearity": "relu"},
    "LSTM": {},
    "GRU": {},
}
each_kind = pytest.mark.parametrize("kind", KINDS)
CELLS = {"RNN": "RNNCell", "RNN of relu": "RNNCell", "LSTM": "LSTMCell", "GRU": "GRUCell"}
OPTIONS = {
    "one layer": {},
    "without bias": {"bias": False},
    "two layers": {"num_layers": 2},
    "both directions": {"bidirectional": True},
    "batch first": {"batch_first": True},
    "all": {"num_layers": 3, "bidirectional": True, "batch_first": True, "bias": False},
}
SHAPES = {"usual": (5, 3), "one step": (1, 3), "one row": (4, 1), "empty batch": (4, 0)}
IN, HIDDEN = 3, 4


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def made(kind, lib=nn, **options):
    return getattr(lib, kind.split()[0])(IN, HIDDEN, **KINDS[kind], **options)


def layer_of(kind, **options):
    return made(kind, dtype=np.float64, rng=np.random.default_rng(0), **options)


def inputs_of(layer, steps, batch):
    """x and the first states, as arrays."""
    shape = (batch, steps, IN) if layer.batch_first else (steps, batch, IN)
    count = layer.num_layers * (1 + layer.bidirectional)
    states = [random(count, batch, HIDDEN, seed=2 + k) for k in range(len(layer._states))]
    return [random(*shape, seed=1), *states]


def as_hx(states):
    return tuple(states) if len(states) > 1 else states[0]


def flat(result):
    """y and the last states as a list, of ours or of PyTorch's layers."""
    y, last = result
    return [y, *(last if isinstance(last, tuple) else (last,))]


def both_orders(lib, results, inputs):
    loss = sum((r * r * r).sum() for r in results)
    first = lib.grad(loss, inputs, create_graph=True)
    second = lib.grad(sum((g * g).sum() for g in first), inputs)
    return [*results, *first, *second]


def assert_close(ours, theirs, tolerance=1e-9):
    assert len(ours) == len(theirs)
    for k, (a, b) in enumerate(zip(ours, theirs)):
        a, b = (np.asarray(getattr(v, "detach", lambda v=v: v)()) for v in (a, b))
        assert a.shape == b.shape
        scale = max(1.0, abs(b).max(initial=0))
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=str(k))


def twins(kind, **options):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    layer = layer_of(kind, **options)
    reference = made(kind, torch.nn, dtype=torch.float64, **options)
    reference.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    return torch, layer, reference


# ---- beside PyTorch -----------------------------------------------------------------------------


@each_kind
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("given", [True, False], ids=["hx", "no hx"])
def test_layers_agree_with_pytorch_at_first_and_second_order(kind, options, shape, given):
    torch, layer, reference = twins(kind, **options)
    arrays = inputs_of(layer, *shape)
    arrays = arrays if given else arrays[:1]
    found = []
    for lib, model, leaf in (
        (autograd, layer, Tensor),
        (torch.autograd, reference, torch.tensor),
    ):
        inputs = [leaf(a, requires_grad=True) for a in arrays]
        results = flat(model(inputs[0], as_hx(inputs[1:])) if given else model(inputs[0]))
        found.append(both_orders(lib, results, [*inputs, *model.parameters()]))
    assert_close(*found)


LENGTHS = {
    "falling": [5, 3, 3, 1],
    "unsorted": [2, 5, 1, 4],
    "all full": [5, 5, 5, 5],
    "none full": [1, 2, 1, 3],
}


@each_kind
@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_lengths_agree_with_pytorchs_packed_sequences(kind, lengths, options):
    torch, layer, reference = twins(kind, **options)
    arrays = inputs_of(layer, 5, 4)
    rnn, first = torch.nn.utils.rnn, layer.batch_first
    inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
    packed = rnn.pack_padded_sequence(inputs[0], lengths, first, enforce_sorted=False)
    y, last = reference(packed, as_hx(inputs[1:]))
    y, _ = rnn.pad_packed_sequence(y, first, total_length=5)
    theirs = both_orders(torch.autograd, flat((y, last)), [*inputs, *reference.parameters()])

    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    results = flat(layer(inputs[0], as_hx(inputs[1:]), lengths=lengths))
    assert_close(both_orders(autograd, results, [*inputs, *layer.parameters()]), theirs)

    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    packed = nn.pack_padded_sequence(inputs[0], lengths, first, enforce_sorted=False)
    y, last = layer(packed, as_hx(inputs[1:]))
    assert isinstance(y, nn.PackedSequence)
    y, found = nn.pad_packed_sequence(y, first, total_length=5)
    assert found.tolist() == lengths
    results = flat((y, last))
    assert_close(both_orders(autograd, results, [*inputs, *layer.parameters()]), theirs)


@each_kind
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_states_have_pytorchs_names_order_and_shapes(kind, options):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    mine = {k: v.shape for k, v in made(kind, **options).state_dict().items()}
    theirs = {k: tuple(v.shape) for k, v in made(kind, torch.nn, **options).state_dict().items()}
    assert list(mine.items()) == list(theirs.items())


@pytest.mark.parametrize("repeat", range(2))
@each_kind
def test_weights_are_even_within_one_over_the_root_of_the_units(kind, repeat):
    layer = getattr(nn, kind.split()[0])(30, 64, rng=np.random.default_rng(repeat))
    for parameter in layer.parameters():
        assert parameter.dtype == np.float32 and parameter.requires_grad
        assert 0.9 / 8 < abs(parameter.data).max() <= 1 / 8


@each_kind
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("leading", [(3,), (), (0,)], ids=str)
def test_cells_agree_with_pytorch_at_first_and_second_order(kind, bias, leading):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    cells = [getattr(lib, CELLS[kind]) for lib in (nn, torch.nn)]
    options = {**KINDS[kind], "bias": bias}
    layer = cells[0](IN, HIDDEN, **options, dtype=np.float64)
    reference = cells[1](IN, HIDDEN, **options, dtype=torch.float64)
    assert list(layer.state_dict()) == list(reference.state_dict())
    reference.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    arrays = [random(*leading, IN)] + [
        random(*leading, HIDDEN, seed=3 + k) for k in range(1 + (kind == "LSTM"))
    ]
    for given in (True, False):
        found = []
        for lib, model, leaf in (
            (autograd, layer, Tensor),
            (torch.autograd, reference, torch.tensor),
        ):
            inputs = [leaf(a, requires_grad=True) for a in (arrays if given else arrays[:1])]
            y = model(inputs[0], as_hx(inputs[1:])) if given else model(inputs[0])
            results = list(y) if isinstance(y, tuple) else [y]
            found.append(both_orders(lib, results, [*inputs, *model.parameters()]))
        assert_close(*found)


# ---- by itself ----------------------------------------------------------------------------------


def by_cells(kind, layer, x, states, lengths, reverse=False):
    """One layer as a loop over its cell."""
    cell = getattr(nn, CELLS[kind])(IN, HIDDEN, **KINDS[kind], dtype=np.float64)
    ending = "_l0_reverse" if reverse else "_l0"
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(cell, name, getattr(layer, name + ending))
    rows, ends = [], []
    for b, length in enumerate(lengths):
        h = [s[b] for s in states]
        y = [0 * h[0]] * len(x)
        for t in range(length)[::-1] if reverse else range(length):
            found = cell(x[t, b], as_hx(h))
            h = list(found) if isinstance(found, tuple) else [found]
            y[t] = h[0]
        rows.append(np.stack(y))
        ends.append(h)
    return [np.stack(rows, axis=1), *(np.stack(s) for s in zip(*ends))]


@each_kind
@pytest.mark.parametrize("lengths", [None, [2, 4, 1]], ids=["all", "lengths"])
def test_a_layer_is_a_loop_over_its_cell_in_each_direction(kind, lengths):
    layer = layer_of(kind, bidirectional=True)
    arrays = inputs_of(layer, 4, 3)
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    wanted = [*inputs, *layer.parameters()]
    mine = flat(layer(inputs[0], as_hx(inputs[1:]), lengths))
    loops = [
        by_cells(kind, layer, inputs[0], [s[k] for s in inputs[1:]], lengths or [4] * 3, k == 1)
        for k in range(2)
    ]
    y = np.concatenate([loop[0] for loop in loops], axis=-1)
    loop = [y, *(np.stack(ends) for ends in zip(*(loop[1:] for loop in loops)))]
    assert_close(both_orders(autograd, mine, wanted), both_orders(autograd, loop, wanted))


@each_kind
@pytest.mark.parametrize("lengths", [None, [1, 3]], ids=["all", "lengths"])
@pytest.mark.parametrize("result", [0, 1])
def test_layers_agree_with_finite_differences(kind, lengths, result):
    layer = layer_of(kind)
    names = [name for name, _ in layer.named_parameters()]
    arrays = inputs_of(layer, 3, 2)
    count = len(arrays)

    def call(*tensors):
        for name, tensor in zip(names, tensors[count:]):
            setattr(layer, name, tensor)
        return flat(layer(tensors[0], as_hx(tensors[1:count]), lengths))[result]

    inputs = [Tensor(a, requires_grad=True) for a in arrays] + list(layer.parameters())
    assert gradcheck(call, inputs)
    assert gradgradcheck(lambda *some: call(*some, *inputs[count:]), inputs[:count], rtol=1e-4)


def test_one_step_of_an_lstm_by_hand():
    layer = nn.LSTM(1, 1, dtype=np.float64)
    for p in layer.parameters():
        p.assign_(np.zeros(p.shape))
    layer.weight_ih_l0.assign_([[1.0], [2.0], [3.0], [4.0]])  # i, f, g, o
    y, (h, c) = layer([[[0.5]]], (np.zeros((1, 1, 1)), np.full((1, 1, 1), 2.0)))
    sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    expected = sigmoid(1.0) * 2 + sigmoid(0.5) * np.tanh(1.5)
    np.testing.assert_allclose(c.data.item(), expected, rtol=1e-14)
    np.testing.assert_allclose(h.data.item(), sigmoid(2.0) * np.tanh(expected), rtol=1e-14)
    assert y.data.item() == h.data.item()


def test_one_step_of_a_gru_by_hand():
    layer = nn.GRU(1, 1, dtype=np.float64)
    for p in layer.parameters():
        p.assign_(np.zeros(p.shape))
    layer.weight_ih_l0.assign_([[1.0], [2.0], [3.0]])  # r, z, n
    layer.bias_hh_l0.assign_([0.0, 0.0, 0.7])  # which r multiplies
    _, h = layer([[[0.5]]], np.full((1, 1, 1), 2.0))
    r, z = 1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(-1.0))
    expected = (1 - z) * np.tanh(1.5 + r * 0.7) + z * 2
    np.testing.assert_allclose(h.data.item(), expected, rtol=1e-14)


@each_kind
def test_a_state_made_of_a_weight_is_not_counted_twice_at_higher_orders(kind):
    """x depends on a weight of the same layer: its gradient must not flow through both at once."""
    layer = layer_of(kind)

    def losses(fused):
        w = Tensor(layer.weight_hh_l0.data, requires_grad=True)
        own = copy.deepcopy(layer)
        own.weight_hh_l0 = w
        x = np.sin(w[:3, :IN]).reshape((3, 1, IN)) if len(w) >= 3 else None
        states = [np.zeros((1, 1, HIDDEN))] * len(layer._states)
        if fused:
            y = own(x)[0]
        else:
            y = by_cells(kind, own, x, [s[0] for s in states], [3])[0]
        (slope,) = grad((y**3).sum(), w, create_graph=True)
        return [slope, *grad((slope**2).sum(), [w])]

    assert_close(losses(True), losses(False))


@each_kind
def test_what_stands_in_the_padding_changes_nothing(kind):
    layer = layer_of(kind, num_layers=2, bidirectional=True)
    found = []
    for padding in (0.0, np.nan, np.inf):
        x = random(4, 3, IN)
        x[2:, 0] = x[3:, 2] = padding
        x = Tensor(x, requires_grad=True)
        results = flat(layer(x, lengths=[2, 4, 3]))
        assert not results[0].data[2:, 0].any() and not results[0].data[3:, 2].any()
        found.append(both_orders(autograd, results, [x, *layer.parameters()]))
        assert not found[-1][len(results)].data[2:, 0].any()
    for other in found[1:]:
        for a, b in zip(found[0], other):
            np.testing.assert_allclose(a.data, b.data, rtol=1e-12, atol=1e-12)


@each_kind
def test_the_order_of_the_rows_does_not_matter(kind):
    layer, order = layer_of(kind, bidirectional=True), [2, 0, 1]
    x = random(5, 3, IN)
    y, last = layer(x, lengths=[5, 2, 3])
    z, other = layer(x[:, order], lengths=np.array([5, 2, 3])[order])
    np.testing.assert_allclose(z.data, y.data[:, order], rtol=1e-12)
    for a, b in zip(flat((y, last)), flat((z, other))):
        np.testing.assert_allclose(b.data, a.data[:, order], rtol=1e-12)


@each_kind
def test_long_sequences_and_large_batches_go_back_in_blocks(kind):
    """More rows than one block of a thousand: three blocks, the last one shorter."""
    layer = layer_of(kind, bidirectional=True)
    for steps, batch in ((700, 3), (3, 1200)):
        x = Tensor(random(steps, batch, IN), requires_grad=True)
        inputs = [x, *layer.parameters()]
        lengths = np.random.default_rng(0).integers(1, steps + 1, batch)
        whole = grad((layer(x, lengths=lengths)[0] ** 2).sum(), inputs)
        parts = [
            grad((layer(x[:n, k : k + 1])[0] ** 2).sum(), inputs)
            for k, n in itertools.islice(enumerate(lengths), 40)
        ]
        if batch > 40:
            some = (layer(x[:, :40], lengths=lengths[:40])[0] ** 2).sum()
            whole = grad(some, inputs)
        for a, *others in zip(whole, *parts):
            np.testing.assert_allclose(a.data, sum(o.data for o in others), rtol=1e-8, atol=1e-9)


@each_kind
def test_a_sequence_without_a_batch(kind):
    layer = layer_of(kind, num_layers=2, bidirectional=True, batch_first=True)
    x = random(5, IN)
    single, batched = flat(layer(x)), flat(layer(x[None]))
    assert single[0].shape == (5, 2 * HIDDEN) and single[1].shape == (4, HIDDEN)
    for a, b in zip(single, batched):
        np.testing.assert_array_equal(a.data, b.data.reshape(a.shape))
    states = [random(4, HIDDEN, seed=k) for k in range(len(single) - 1)]
    given = flat(layer(x, as_hx(states), lengths=[3]))
    same = flat(layer(x[None], as_hx([s[:, None] for s in states]), lengths=[3]))
    np.testing.assert_array_equal(given[0].data, same[0].data[0])


@each_kind
def test_backward_twice_adds_up_and_the_graph_keeps_its_values(kind):
    layer = layer_of(kind)
    x = Tensor(random(4, 2, IN), requires_grad=True)
    loss = (layer(x)[0] ** 2).sum()
    loss.backward()
    once = [p.grad.copy() for p in (x, *layer.parameters())]
    loss.backward()
    for p, g in zip((x, *layer.parameters()), once):
        np.testing.assert_array_equal(p.grad, 2 * g)


@each_kind
@pytest.mark.parametrize("used", range(3))
def test_a_result_that_is_not_used_brings_nothing(kind, used):
    layer = layer_of(kind)
    arrays = inputs_of(layer, 4, 2)
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    results = flat(layer(inputs[0], as_hx(inputs[1:])))
    if used >= len(results):
        used = -1
    part = grad((results[used] ** 2).sum(), inputs)
    weights = [float(k == used % len(results)) for k in range(len(results))]
    whole = grad(sum(w * (r**2).sum() for w, r in zip(weights, results)), inputs)
    assert_close(part, whole)


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_dtypes_stay(kind, dtype):
    layer = made(kind, dtype=dtype, bidirectional=True, num_layers=2)
    x = Tensor(random(4, 3, IN).astype(dtype), requires_grad=True)
    results = flat(layer(x, lengths=[4, 1, 2]))
    sum(r.sum() for r in results).backward()
    assert {r.dtype for r in results} == {np.dtype(dtype)} == {x.grad.dtype}
    assert {p.grad.dtype for p in layer.parameters()} == {np.dtype(dtype)}
    wide = copy.deepcopy(layer).astype(np.float64)
    exact = flat(wide(x.data.astype(np.float64), lengths=[4, 1, 2]))
    for a, b in zip(results, exact):
        np.testing.assert_allclose(a.data, b.data, atol=4 * np.finfo(dtype).eps)


def test_half_a_precision_adds_up_in_a_whole_one():
    layer = nn.RNN(40000, 1, nonlinearity="relu", dtype=np.float16)
    for p in layer.parameters():
        p.assign_(np.full(p.shape, 1 / 8, np.float16))
    y, _ = layer(np.full((1, 1, 40000), 0.5, np.float16))
    assert y.dtype == np.float16 and y.data.item() == 2500.0
    cell = nn.RNNCell(40000, 1, nonlinearity="relu", dtype=np.float16)
    for p in cell.parameters():
        p.assign_(np.full(p.shape, 1 / 8, np.float16))
    h = cell(np.full((1, 40000), 0.5, np.float16))
    assert h.dtype == np.float16 and h.data.item() == 2500.0


@each_kind
def test_inputs_of_other_kinds_are_taken(kind):
    layer = layer_of(kind, batch_first=True)
    expected = layer(np.array([[[1.0, 2.0, 3.0]]]))[0].data
    for x in ([[[1, 2, 3]]], np.array([[[1, 2, 3]]], np.uint8), Tensor([[[1.0, 2.0, 3.0]]])):
        np.testing.assert_array_equal(layer(x)[0].data, expected)
    view = np.ones((3, 6, 4))[::2].transpose(2, 0, 1)[:, :, ::2]
    np.testing.assert_array_equal(layer(view)[0].data, layer(view.copy())[0].data)


@each_kind
def test_nothing_is_recorded_without_grad(kind):
    layer = layer_of(kind)
    with no_grad():
        assert not any(r.requires_grad for r in flat(layer(random(4, 2, IN))))
    frozen = layer.requires_grad_(False)
    assert not any(r.requires_grad for r in flat(frozen(random(4, 2, IN))))


@each_kind
def test_a_frozen_weight_gets_no_gradient_and_the_others_theirs(kind):
    layer = layer_of(kind)
    other, x = copy.deepcopy(layer), random(4, 2, IN)
    layer(x)[0].sum().backward()
    expected = {name: p.grad for name, p in layer.named_parameters()}
    other.weight_ih_l0.requires_grad_(False)
    other(x)[0].sum().backward()
    for name, p in other.named_parameters():
        if name == "weight_ih_l0":
            assert p.grad is None
        else:
            np.testing.assert_array_equal(p.grad, expected[name])


@each_kind
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_a_copy_computes_the_same(kind, copied):
    layer = layer_of(kind, num_layers=2)
    x = random(4, 2, IN)
    layer(x)
    other = copied(layer)
    np.testing.assert_array_equal(other(x)[0].data, layer(x)[0].data)
    assert repr(other) == repr(layer)


@each_kind
def test_files_keep_a_layer(kind, tmp_path):
    layer, other = (made(kind, num_layers=2, bidirectional=True) for _ in range(2))
    nn.save(tmp_path / "layer.npz", layer)
    other.load_state_dict(nn.load(tmp_path / "layer.npz"))
    x = random(4, 2, IN)
    np.testing.assert_array_equal(other(x)[0].data, layer(x)[0].data)


# ---- dropout, training --------------------------------------------------------------------------


@each_kind
def test_dropout_works_between_layers_while_training(kind):
    layer = layer_of(kind, num_layers=2, dropout=0.5)
    x = random(6, 3, IN)
    calm = layer.eval()(x)[0].data
    np.testing.assert_array_equal(layer(x)[0].data, calm)
    layer.train()
    first, second = layer(x)[0].data, layer(x)[0].data
    assert not np.array_equal(first, calm) and not np.array_equal(first, second)
    all_gone = layer_of(kind, num_layers=2, dropout=1.0)
    none = np.zeros((6, 3, HIDDEN))
    top = made(kind, dtype=np.float64)
    top = type(top)(HIDDEN, HIDDEN, **KINDS[kind], dtype=np.float64)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(top, f"{name}_l0", getattr(all_gone, f"{name}_l1"))
    np.testing.assert_allclose(all_gone(x)[0].data, top(none)[0].data, rtol=1e-14)


@each_kind
def test_dropout_of_one_layer_does_nothing_and_says_so(kind):
    with pytest.warns(UserWarning, match="dropout works between layers, and num_layers=1"):
        layer = layer_of(kind, dropout=0.5)
    x = random(4, 2, IN)
    np.testing.assert_array_equal(layer(x)[0].data, layer(x)[0].data)


class Reader(nn.Module):
    """A sequence of words to a class, by the state after the last one."""

    def __init__(self, kind, **options):
        self.words = nn.Embedding(10, IN, padding_idx=0)
        self.steps = made(kind, num_layers=2, dropout=0.3, batch_first=True, **options)
        self.out = nn.Linear(HIDDEN, 2)

    def forward(self, x):
        lengths = np.sum(np.asarray(x) > 0, axis=1)
        return self.out(
            self.steps(self.words(x), lengths=lengths)[0][np.arange(len(x)), lengths - 1]
        )


def sentences():
    rng = np.random.default_rng(0)
    x = rng.integers(1, 10, (24, 6))
    x[np.arange(6) >= rng.integers(1, 7, 24)[:, None]] = 0
    return x, (x[:, 0] > 5).astype(np.int64)


@pytest.mark.parametrize("own", [False, True], ids=["library's generator", "its own"])
@each_kind
def test_a_run_goes_on_bit_for_bit(kind, own, tmp_path):
    x, y = sentences()

    def trained(*epochs):
        for count in epochs:
            nn.manual_seed(0)
            options = {"rng": np.random.default_rng(5)} if own else {}
            model = Reader(kind, **options)
            trainer = nn.Trainer(
                model, nn.optim.Adam(model.parameters(), 0.01), nn.CrossEntropyLoss()
            )
            path = tmp_path / f"run{len(epochs)}.npz"
            trainer.fit(
                x, y, epochs=count, batch_size=8, progress=False,
                callbacks=[nn.ModelCheckpoint(path)], resume_from=path,
            )  # fmt: skip
        return trainer, model

    (whole, model), (_, other) = trained(4), trained(2, 4)
    assert whole.history["loss"][-1] < whole.history["loss"][0]
    for (name, p), q in zip(model.named_parameters(), other.parameters()):
        np.testing.assert_array_equal(p.data, q.data, err_msg=name)
    assert not model.words.weight.data[0].any()


# ---- what people see ----------------------------------------------------------------------------


def test_a_layer_is_one_operation_with_its_formula():
    layer = nn.LSTM(2, 2, rng=np.random.default_rng(0))
    x = Tensor(random(5, 1, 2).astype("f4"), requires_grad=True)
    loss = layer(x)[0].sum()
    loss.backward()
    graph = draw(loss, names={"x": x, "layer": layer})
    assert [n.operation for n in graph.nodes if n.operation in ("lstm", "recur")] == ["lstm"]
    text = str(explain(loss, layer.weight_hh_l0))
    assert "Σ δᵀ h over the steps, with δ what comes back through time to weight_hh_l0 h" in text
    assert "they agree" in text and "lstm(x, h_0, c_0, …)" in text


def test_an_explanation_tells_the_rule_of_each_argument():
    state = Tensor(random(2, 3), requires_grad=True, name="before")
    first = Tensor(random(2, 3, seed=1), requires_grad=True, name="cell")
    rules = {}
    for kind in ("LSTM", "GRU", "RNN"):
        layer = getattr(nn, kind)(2, 3, dtype=float)
        x = Tensor(random(4, 2, 2), requires_grad=True, name="x")
        given = (state[None], first[None]) if kind == "LSTM" else state[None]
        y = layer(x, given)[0].sum()
        for what in (x, layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0):
            use = explain(y, what).uses[0]
            rules[kind, what._name] = use.rule.split(" = ", 1)[1].split(", with")[0]
    for kind in ("LSTM", "GRU", "RNN"):
        assert rules[kind, "x"] == "δ weight_ih_l0"
        assert rules[kind, "weight_ih_l0"] == "Σ δᵀ x over the steps"
        assert rules[kind, "weight_hh_l0"] == "Σ δᵀ h over the steps"
        assert rules[kind, "bias_hh_l0"] == rules[kind, "bias_ih_l0"] == "Σ δ over the steps"


@pytest.mark.parametrize("kind, name", [("RNN", "rnn"), ("GRU", "gru"), ("LSTM", "lstm")])
def test_a_drawing_calls_each_by_its_name(kind, name):
    y = made(kind)(random(3, 2, IN))[0].sum()
    assert name in str(draw(y))


def test_a_loop_over_a_cell_is_drawn_as_one_box():
    class Loop(nn.Module):
        def __init__(self):
            self.cell = nn.RNNCell(IN, HIDDEN)

        def forward(self, x):
            h = None
            for step in x:
                h = self.cell(step, h)
            return h

    model = Loop()
    y = model(random(8, 2, IN)).sum()
    graph = draw(y, names=model, depth=1)
    (box,) = [n for n in graph.nodes if n.name == "cell"]
    assert box.settings == {"used": 8}
    assert "used 8 times" in str(graph)


def test_repr_says_what_differs():
    assert repr(nn.LSTM(3, 4)) == "LSTM(3, 4)"
    assert repr(nn.GRU(3, 4, 2, False, True, 0.5, True)) == (
        "GRU(3, 4, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)"
    )
    assert repr(nn.RNN(3, 4, 1, "relu")) == "RNN(3, 4, nonlinearity='relu')"
    assert repr(nn.RNNCell(3, 4, False, "relu")) == "RNNCell(3, 4, bias=False, nonlinearity='relu')"
    assert repr(nn.LSTMCell(3, 4)) == "LSTMCell(3, 4)"


def test_summary_counts_and_shows_what_comes_out():
    class Last(nn.Module):
        def __init__(self):
            self.steps, self.out = nn.GRU(3, 4, batch_first=True), nn.Linear(4, 2)

        def forward(self, x):
            return self.out(self.steps(x)[1][-1])

    summary = Last().summary((5, 3))
    assert summary.total == 3 * 4 * (3 + 4 + 2) + 10
    assert summary.rows[-1].output_shape == ("n", 2)


# ---- mistakes -----------------------------------------------------------------------------------

layer, first, two = nn.LSTM(3, 4), nn.GRU(3, 4, batch_first=True), nn.RNN(3, 4, 2)
x = np.zeros((5, 2, 3))
WRONG_CALLS = {
    "width": (lambda: layer(np.zeros((5, 2, 4))), ValueError,
        r"^LSTM\(3, 4\): expected an input of shape \(T, B, 3\), or \(T, 3\) of one sequence, got"
        r" \(5, 2, 4\)"),
    "width, batch first": (lambda: first(np.zeros((5, 2, 4))), ValueError, r"\(B, T, 3\)"),
    "axes": (lambda: layer(np.zeros(3)), ValueError, r"got \(3,\)"),
    "no steps": (lambda: layer(np.zeros((0, 2, 3))), ValueError, "one step at least, axis 0 has"),
    "no steps, batch first": (lambda: first(np.zeros((2, 0, 3))), ValueError, "axis 1 has none"),
    "hx of an LSTM": (lambda: layer(x, np.zeros((1, 2, 4))), TypeError,
        r"hx must be a tuple \(h, c\), got ndarray"),
    "hx of three": (lambda: layer(x, (1, 2, 3)), TypeError, r"tuple of two, \(h, c\), got 3"),
    "hx of a GRU": (lambda: first(x, (x, x)), TypeError, "hx must be one array, h, got tuple"),
    "shape of hx": (lambda: two(x, np.zeros((1, 2, 4))), ValueError,
        r"h of hx must have the shape \(2, 2, 4\), got \(1, 2, 4\)"),
    "shape of c": (lambda: layer(x, (np.zeros((1, 2, 4)), np.zeros((1, 2, 5)))), ValueError,
        r"c of hx must have the shape \(1, 2, 4\), got \(1, 2, 5\)"),
    "length 0": (lambda: layer(x, lengths=[5, 0]), ValueError,
        "LSTM: lengths must be from 1 to the 5 steps of the input, got 0 at position 1; leave out"),
    "length beyond": (lambda: layer(x, lengths=[6, 1]), ValueError, "got 6 at position 0"),
    "lengths of others": (lambda: layer(x, lengths=[1] * 5), ValueError,
        "5 lengths for a batch of 2 sequences; is the batch the first axis"),
    "lengths of floats": (lambda: layer(x, lengths=[1.0, 2.0]), TypeError, "whole numbers, one"),
    "one length": (lambda: layer(x, lengths=3), TypeError, "whole numbers, one for each"),
    "packed, and lengths": (
        lambda: layer(nn.pack_padded_sequence(x, [5, 5]), lengths=[5, 5]), TypeError,
        "a PackedSequence knows its lengths"),
    "packed width": (
        lambda: layer(nn.pack_padded_sequence(np.zeros((2, 2, 4)), [2, 1])), ValueError,
        r"\(all steps, 3\) in its PackedSequence, got \(3, 4\)"),
    "hidden_size": (lambda: nn.LSTM(3, 0), ValueError, "LSTM: hidden_size must be >= 1, got 0"),
    "num_layers": (lambda: nn.GRU(3, 4, 0), ValueError, "GRU: num_layers must be >= 1, got 0"),
    "nonlinearity": (lambda: nn.RNN(3, 4, 1, "gelu"), ValueError, "'tanh' or 'relu', got 'gelu'"),
    "batch_first": (lambda: nn.GRU(3, 4, batch_first=2), TypeError, "batch_first must be True"),
    "dropout": (lambda: nn.LSTM(3, 4, 2, dropout=2), ValueError, "LSTM, dropout: p, the prob"),
    "rng": (lambda: nn.LSTM(3, 4, rng=3), TypeError, "rng must be a numpy.random.Generator"),
    "proj_size": (lambda: nn.LSTM(3, 4, proj_size=2), TypeError, "proj_size"),
    "cell, width": (lambda: nn.GRUCell(3, 4)(np.zeros((2, 4))), ValueError,
        r"^GRUCell\(3, 4\): expected an input of shape \(B, 3\), or \(3,\) of one sample, got"),
    "cell, axes": (lambda: nn.GRUCell(3, 4)(x), ValueError, r"got \(5, 2, 3\)"),
    "cell, hx": (lambda: nn.LSTMCell(3, 4)(x[0], x), TypeError, "a tuple .h, c., got ndarray"),
    "cell, shape of hx": (lambda: nn.RNNCell(3, 4)(x[0], np.zeros((3, 4))), ValueError,
        r"h of hx must have the shape \(2, 4\), got \(3, 4\)"),
    "cell, nonlinearity": (lambda: nn.RNNCell(3, 4, True, "elu"), ValueError, "got 'elu'"),
}  # fmt: skip


@pytest.mark.parametrize("call, kind, message", WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_mistakes_are_told_and_change_nothing(call, kind, message):
    before = [m.state_dict() for m in (layer, first, two)]
    with pytest.raises(kind, match=message):
        call()
    for module, state in zip((layer, first, two), before):
        assert all(np.array_equal(v, state[k]) for k, v in module.state_dict().items())


def test_functions_and_layers_are_found_where_people_look():
    with pytest.raises(AttributeError, match="nn.pack_padded_sequence"):
        nn.utils  # noqa: B018
    assert functional.embedding is nn.layers.embedding.embedding


AFTER = {
    "Linear": lambda y: nn.Linear(4, 2)(y),
    "Conv1d": lambda y: nn.Conv1d(4, 2, 1)(y),
    "ReLU6": lambda y: nn.ReLU6()(y),
    "LSTM": lambda y: nn.LSTM(4, 2)(y),
    "MultiheadAttention": lambda y: nn.MultiheadAttention(4, 2)(y, y, y),
    "CrossEntropyLoss": lambda y: nn.CrossEntropyLoss()(y, [0, 1]),
}


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("recording", [True, False])
def test_all_that_a_layer_returns_is_no_input_of_the_next(after, recording):
    layer, x = nn.LSTM(3, 4), np.ones((5, 2, 3))
    with contextlib.nullcontext() if recording else no_grad():
        y = layer(x)
        with pytest.raises(TypeError, match=r"a tuple of 2 was given .* as in y, _ = layer\(x\)"):
            AFTER[after](y)


def test_packed_sequences_are_for_recurrent_layers():
    packed = nn.LSTM(3, 4)(nn.pack_padded_sequence(np.ones((5, 2, 3)), [5, 2]))[0]
    with pytest.raises(TypeError, match="a PackedSequence is for recurrent layers; take its data"):
        nn.Linear(4, 2)(packed)
    assert nn.Linear(4, 2)(packed.data).shape == (7, 2)
