"""Module.summary: names, counts and shapes against PyTorch's, the table, and what it leaves."""

import numpy as np
import pytest

import nn
from autograd import Tensor


def network(lib):
    return lib.Sequential(
        lib.Flatten(), lib.Linear(12, 8), lib.BatchNorm1d(8), lib.ReLU(),
        lib.Sequential(lib.Linear(8, 6, bias=False), lib.LayerNorm(6), lib.Dropout(0.5)),
        lib.Linear(6, 3),
    )  # fmt: skip


class Two(nn.Module):
    """Two inputs, two outputs, one layer called twice, one never."""

    def __init__(self):
        self.shared = nn.Linear(3, 4)
        self.unused = nn.Linear(2, 2)
        self.scale = Tensor(np.ones(4, np.float32), requires_grad=True)

    def forward(self, a, b):
        a, b = self.shared(a), self.shared(b) * self.scale
        return {"sum": a + b, "parts": (a, b), "loss": (a * b).sum()}


class Restless(nn.Module):
    """Changes all that a forward can change, in training or not; fails if told to."""

    def __init__(self, fails=False):
        self.inner = nn.BatchNorm1d(3)
        self.count = np.zeros(2)
        self.rng = np.random.default_rng(1)
        self.drop = nn.Dropout(0.5, rng=np.random.default_rng(2))
        self.fails = fails

    def forward(self, x):
        assert not self.training and not self.inner.training
        self.inner.train()
        self.drop.train()
        self.count += 1
        self.steps = 1
        x = self.drop(self.inner(x)) + self.rng.normal() + nn.random.generator().normal()
        if self.fails:
            raise ValueError("broken")
        return x


# ---- against PyTorch --------------------------------------------------------------------------


def test_names_counts_and_shapes_are_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    reference = network(torch.nn)
    shapes = {}
    for name, module in reference.named_modules():
        module.register_forward_hook(
            lambda module, args, y, name=name: shapes.update({name: tuple(y.shape)})
        )
    reference(torch.zeros(2, 3, 4))
    expected = [
        (name, type(module).__name__, ("n", *shapes[name][1:]),
         sum(p.numel() for p in module.parameters(recurse=False)))
        for name, module in reference.named_modules()
    ]  # fmt: skip
    summary = network(nn).summary((3, 4))
    assert [row[:4] for row in summary.rows] == expected
    assert summary.total == sum(p.numel() for p in reference.parameters())
    state = [*reference.parameters(), *reference.buffers()]
    assert summary.memory == sum(t.numel() * t.element_size() for t in state)


# ---- the table --------------------------------------------------------------------------------


def test_the_table():
    model = nn.MLP([784, 64, 10], batch_norm=True)
    model[0].requires_grad_(False)
    model[1].bias.requires_grad_(False)
    table = """\
name  class        output shape  parameters  trainable
---------------------------------------------------------------------
      MLP          (n, 10)                0          0
0     Linear       (n, 64)           50,240          0  frozen
1     BatchNorm1d  (n, 64)              128         64  partly frozen
2     ReLU         (n, 64)                0          0
3     Linear       (n, 10)              650        650
---------------------------------------------------------------------
parameters 51,018
trainable     714
frozen     50,304
memory     199.8 KiB (204,592 bytes)"""
    assert repr(model.summary(784)) == str(model.summary((784,))) == table


def test_without_an_input_shape_the_column_is_left_out():
    summary = nn.Linear(2, 3).summary()
    assert str(summary).splitlines() == [
        "name  class   parameters  trainable",
        "-----------------------------------",
        "      Linear           9          9",
        "-----------------------------------",
        "parameters 9",
        "trainable  9",
        "frozen     0",
        "memory     36 bytes",
    ]
    assert summary.rows[0].output_shape is None and summary.rows[0].calls == 0


def test_several_inputs_and_outputs_and_calls():
    summary = Two().summary([3, (3,)])
    rows = {row.name: row for row in summary.rows}
    part = ("n", 4)
    assert rows[""].output_shape == {"sum": part, "parts": [part, part], "loss": ()}
    assert rows["shared"].note == "called 2 times" and rows["shared"].calls == 2
    assert rows["unused"].note == "not called" and rows["unused"].output_shape is None
    assert rows[""].parameters == 4
    assert summary.total == 4 + 16 + 6
    assert "{sum: (n, 4), parts: [(n, 4), (n, 4)], loss: ()}" in str(summary)


def test_shared_parameters_are_counted_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    model.append(model[0])  # the same layer again
    summary = model.summary(3)
    assert summary.total == 15 == sum(p.size for p in model.parameters())
    assert [row.parameters for row in summary.rows] == [0, 12, 0, 3]
    assert summary.rows[3].note == "shares parameters, counted above"
    assert summary.rows[1].note == "called 2 times"


def test_counts_follow_freezing():
    model = nn.MLP([4, 8, 3])
    assert (model.summary().trainable, model.summary().frozen) == (67, 0)
    model[:-1].requires_grad_(False)
    assert (model.summary().trainable, model.summary().frozen) == (27, 40)


@pytest.mark.parametrize("shape, seen", [(5, (2, 5)), ((), (2,)), ((3, 4), (2, 3, 4))])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_goes_through_the_model(shape, seen, dtype):
    class Look(nn.Module):
        def __init__(self):
            self.p = Tensor(np.zeros(1, dtype))

        def forward(self, x):
            found.append((x.shape, x.dtype, x.data.any()))
            return x

    found = []
    assert Look().summary(shape).rows[0].output_shape == ("n", *seen[1:])
    assert found == [(seen, dtype, False)]


@pytest.mark.parametrize("count, text", [
    (7, "7 bytes"), (1023, "1,023 bytes"), (1024, "1.0 KiB (1,024 bytes)"),
    (5 << 20, "5.0 MiB (5,242,880 bytes)"), (3 << 40, "3.0 TiB (3,298,534,883,328 bytes)"),
])  # fmt: skip
def test_memory_has_units(count, text):
    assert str(nn.summary.Summary([], count, True)).splitlines()[-1] == f"memory     {text}"


# ---- what it leaves ---------------------------------------------------------------------------


def everything(model):
    """All that a summary could change; of attributes, which objects they are."""
    return (
        [{key: id(value) for key, value in vars(m).items()} for m in model.modules()],
        model.state_dict(),
        [model.rng.bit_generator.state, model.drop.rng.bit_generator.state],
        nn.random.generator().bit_generator.state,
        [m.training for m in model.modules()],
    )


@pytest.mark.parametrize("fails", [False, True], ids=["runs", "raises"])
@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_as_it_was(fails, training):
    model = Restless(fails).train(training)
    before = everything(model)
    if fails:
        with pytest.raises(ValueError, match="broken"):
            model.summary(3)
    else:
        model.summary(3)
    np.testing.assert_equal(everything(model), before)
    assert not model.count.any() and not hasattr(model, "steps")


def test_a_forward_of_ones_own_on_the_instance_stays():
    layer = nn.Linear(2, 3)
    layer.forward = own = lambda x: x
    assert layer.summary(2).rows[0].output_shape == ("n", 2)
    assert layer.forward is own


def test_calling_the_model_afterwards_notes_nothing():
    model = nn.MLP([2, 3, 1])
    summary = model.summary(2)
    text = str(summary)
    model(np.ones((4, 2)))
    assert str(summary) == text and all("forward" not in vars(m) for m in model.modules())


# ---- wrong shapes -----------------------------------------------------------------------------

WRONG = {
    "width": (5, ValueError, r"expected an input of width 4 .*shape \(2, 5\)"),
    "float": (4.0, TypeError, "int or a tuple of ints, without the batch axis, .*got 4.0"),
    "with None": ((None, 4), TypeError, r"got \(None, 4\)"),
    "negative": ((-1, 4), ValueError, r"\(-1, 4\) has a negative length"),
}


@pytest.mark.parametrize("shape, kind, message", WRONG.values(), ids=WRONG)
def test_wrong_input_shapes(shape, kind, message):
    with pytest.raises(kind, match=message):
        nn.MLP([4, 3]).summary(shape)


# ---- layers with inputs and outputs of their own ------------------------------------------------


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_the_axis_of_the_batch_is_found_in_states(kind, batch_first):
    layer = getattr(nn, kind)(3, 4, 2, batch_first=batch_first, bidirectional=True)
    states = [(4, "n", 4)] * 2 if kind == "LSTM" else (4, "n", 4)
    y = ("n", 5, 8) if batch_first else (5, "n", 8)
    assert layer.summary((5, 3)).rows[0].output_shape == [y, states]


def test_axes_that_are_as_long_as_the_batch_by_chance_are_no_batch():
    class Two(nn.Module):
        def forward(self, x):
            return x[:, :2], {"turned": x[:, :2].T, "none": None, "table": np.zeros((2, 2))}

    (row,) = Two().summary(5).rows
    assert row.output_shape == [("n", 2), {"turned": (2, "n"), "none": None, "table": (2, 2)}]
    assert "[(n, 2), {turned: (2, n), none: None, table: (2, 2)}]" in str(Two().summary(5))


def test_attention_takes_three_inputs_and_may_give_no_weights():
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    assert layer.summary([(5, 8), (4, 8), (4, 8)]).rows[0].output_shape == [
        ("n", 5, 8), ("n", 5, 4),
    ]  # fmt: skip
    encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    rows = {row.name: row.output_shape for row in encoder.summary((5, 8)).rows}
    assert rows["self_attn"] == [("n", 5, 8), None] and rows["linear1"] == ("n", 5, 16)


def test_images_and_words():
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2),
                          nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))  # fmt: skip
    shapes = [row.output_shape for row in model.summary((1, 28, 28)).rows]
    assert shapes == [
        ("n", 2), *[("n", 6, 26, 26)] * 3, ("n", 6, 13, 13), ("n", 6, 1, 1), ("n", 6), ("n", 2)
    ]  # fmt: skip
    assert nn.Embedding(10, 3).summary(5).rows[0].output_shape == ("n", 5, 3)
