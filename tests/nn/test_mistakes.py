"""The commonest mistakes of learners: refused where they cannot be meant, else told once."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

import nn
from autograd import Tensor, log_softmax, no_grad, primitive, softmax
from nn import functional as F
from tests.makers import random

X = random(6, 4).astype(np.float32)
LABELS = np.array([0, 1, 2, 0, 1, 2])
YES_NO = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0], np.float32)[:, None]


@pytest.fixture(autouse=True)
def seeded():
    nn.manual_seed(0)  # by chance a model may give what looks like a mistake


def told(call):
    """The warnings of a call, as texts."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    assert all(w.category is UserWarning and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught]


def model(width, *last):
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, width), *last)


class By(nn.Module):
    """A model with a last step of its own."""

    def __init__(self, width, last):
        self.body, self._last = model(width), last

    def forward(self, x):
        return self._last(self.body(x))


def exp(x):
    return np.exp(x - np.max(x, axis=1, keepdims=True))


SOFTMAXES = {
    "module": lambda x: nn.Softmax()(x),
    "function": F.softmax,
    "by hand": lambda x: exp(x) / np.sum(exp(x), axis=1, keepdims=True),
    "scaled": lambda x: exp(x) * (1 / np.sum(exp(x), axis=1, keepdims=True)),
    "reshaped": lambda x: F.softmax(x).reshape(-1, 3),
    "squeezed": lambda x: F.softmax(x)[:, :, None].squeeze(2),
    "looked up": lambda x: F.softmax(x)[:],
    "clipped": lambda x: F.softmax(x).clip(1e-6, 1),
    "cast": lambda x: F.softmax(x).astype(np.float64),
    "joined": lambda x: np.concatenate([F.softmax(x[:3]), F.softmax(x[3:])]),
    "of two": lambda x: (
        np.stack([F.sigmoid(x[:, 0]), 1 - F.sigmoid(x[:, 0])], axis=1)[:, [0, 1, 1]] * [1, 0.5, 0.5]
    ),
    "over the batch": lambda x: F.softmax(x, axis=0),
}


@pytest.mark.parametrize("last", SOFTMAXES.values(), ids=SOFTMAXES)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "without a gradient"])
def test_softmax_before_cross_entropy_is_told(last, recorded):
    net = By(3, last)
    with no_grad() if not recorded else warnings.catch_warnings():
        (text,) = told(lambda: nn.CrossEntropyLoss()(net(X), LABELS))
    assert "probabilities" in text and "takes logits" in text and "Take the Softmax out" in text
    assert "above 0.55" in text  # log(1 + 2/e)


@pytest.mark.parametrize("options", [{}, {"weight": [1, 2, 3]}, {"label_smoothing": 0.1}], ids=str)
def test_it_is_told_whatever_the_options(options):
    assert len(told(lambda: F.cross_entropy(F.softmax(model(3)(X)), LABELS, **options))) == 1
    assert (
        len(told(lambda: F.cross_entropy(F.softmax(model(3)(X)), np.eye(3)[LABELS], **options)))
        == 1
    )


def test_probabilities_with_more_axes_are_told():
    images = Tensor(random(2, 3, 5), requires_grad=True) * 1
    assert len(told(lambda: F.cross_entropy(F.softmax(images, axis=1), np.zeros((2, 5), int)))) == 1
    assert len(told(lambda: F.cross_entropy(F.softmax(images[0, :, 0]), 1))) == 1


@pytest.mark.parametrize(
    "kind", [nn.Sigmoid, nn.Tanh, nn.ReLU, nn.Hardtanh, nn.Hardsigmoid, nn.Softsign]
)
def test_an_activation_after_the_last_layer_is_told(kind):
    name = kind.__name__.lower()
    (text,) = told(lambda: nn.CrossEntropyLoss()(model(3, kind())(100 * X), LABELS))
    assert f"out of a {name}" in text and "softmax itself" in text and f"Take the {name}" in text
    (text,) = told(lambda: nn.BCEWithLogitsLoss()(model(1, kind())(100 * X), YES_NO))
    assert f"out of a {name}" in text and "sigmoid itself" in text and f"Take the {name}" in text


SIGMOIDS = {
    "function": F.sigmoid,
    "method": lambda x: x.sigmoid(),
    "by hand": lambda x: 1 / (1 + np.exp(-x)),
    "the other way": lambda x: np.exp(x) / (1 + np.exp(x)),
    "reshaped": lambda x: F.sigmoid(x).reshape(-1, 1),
    "a column": lambda x: F.sigmoid(x)[:, 0][:, None],
    "clipped": lambda x: F.sigmoid(x).clip(1e-7, 1 - 1e-7),
}


@pytest.mark.parametrize("last", SIGMOIDS.values(), ids=SIGMOIDS)
def test_sigmoid_before_a_loss_of_logits_is_told(last):
    (text,) = told(lambda: nn.BCEWithLogitsLoss()(By(1, last)(X), YES_NO))
    assert "comes out of a sigmoid" in text and "never falls below 1/2" in text
    assert "BCELoss" in text


def test_sigmoid_without_a_gradient_is_told_as_well():
    with no_grad():
        assert len(told(lambda: nn.BCEWithLogitsLoss()(model(1, nn.Sigmoid())(X), YES_NO))) == 1


@pytest.mark.parametrize("loss", [
    nn.BCELoss(), nn.MSELoss(), nn.L1Loss(), nn.HuberLoss(), nn.SmoothL1Loss(),
    nn.BCEWithLogitsLoss(),
], ids=repr)  # fmt: skip
@pytest.mark.parametrize("shaped", [lambda y: y, lambda y: y[:, 0], lambda y: y.reshape(-1)])
def test_the_softmax_of_one_output_is_refused(loss, shaped):
    with pytest.raises(ValueError, match="softmax of one output, which is always 1.*BCEWithLogits"):
        loss(shaped(model(1, nn.Softmax())(X)), shaped(YES_NO))


@pytest.mark.parametrize("target", [LABELS * 0, YES_NO], ids=["labels", "numbers"])
def test_one_class_alone_is_refused(target):
    with pytest.raises(ValueError, match=r"shape \(6, 1\) has one class.*BCEWithLogitsLoss"):
        nn.CrossEntropyLoss()(model(1)(X), target)
    assert F.cross_entropy(model(1)(X)[:0], target[:0], reduction="sum").item() == 0


def test_the_softmax_of_one_class_is_refused():
    with pytest.raises(ValueError, match="cross_entropy: .* softmax of one output"):
        nn.CrossEntropyLoss()(model(1, nn.Softmax())(X), LABELS * 0)


@pytest.mark.parametrize("last, found", [
    (nn.Softmax(), "these are probabilities[.]"), (None, "these are logits[.]"),
    (nn.Sigmoid(), "probabilities, or logits"),
])  # fmt: skip
def test_log_probabilities_that_are_none_are_refused(last, found):
    net = model(3, *([last] if last else []))
    with pytest.raises(ValueError, match=f"nll_loss: .*at most 0: .*{found}.*LogSoftmax"):
        nn.NLLLoss()(net(X), LABELS)


def test_probabilities_in_a_plain_array_are_no_log_probabilities_either():
    with pytest.raises(ValueError, match="nll_loss: the prediction holds 0.7, .* probabilities"):
        nn.NLLLoss()([[0.3, 0.7], [0.5, 0.5]], [0, 1])
    with pytest.raises(ValueError, match="kl_div takes their logarithms; use log_softmax"):
        F.kl_div(F.softmax(model(3)(X)), np.full((6, 3), 1 / 3))


def test_a_softmax_over_the_batch_is_told():
    losses = {
        "softmax": lambda y: nn.MSELoss()(F.softmax(y, axis=0), np.eye(3)[LABELS]),
        "log_softmax": lambda y: nn.NLLLoss()(F.log_softmax(y, axis=0), LABELS),
    }
    for name, loss in losses.items():
        (text,) = told(lambda loss=loss: loss(model(3)(X)))
        assert f"the {name} was not taken over the classes" in text and "axis=-1" in text


RIGHT = {
    "logits": lambda: nn.CrossEntropyLoss()(model(3)(X), LABELS),
    "log softmax and nll": lambda: nn.NLLLoss()(model(3, nn.LogSoftmax())(X), LABELS),
    "log of softmax": lambda: nn.NLLLoss()(np.log(F.softmax(model(3)(X))), LABELS),
    "log softmax, harmless": lambda: nn.CrossEntropyLoss()(model(3, nn.LogSoftmax())(X), LABELS),
    "log softmax of images": lambda: F.nll_loss(
        log_softmax(Tensor(random(2, 3, 5), True) * 2, axis=1), np.zeros((2, 5), int)
    ),
    "some classes": lambda: F.nll_loss(F.log_softmax(model(3)(X))[:, :2], LABELS // 2),
    "sigmoid and its loss": lambda: nn.BCELoss()(model(1, nn.Sigmoid())(X), YES_NO),
    "sigmoid and a distance": lambda: nn.MSELoss()(model(1, nn.Sigmoid())(X), YES_NO),
    "softmax and a distance": lambda: nn.MSELoss()(model(3, nn.Softmax())(X), np.eye(3)[LABELS]),
    "softmax of classes": lambda: nn.BCELoss()(model(3, nn.Softmax())(X), np.eye(3)[LABELS]),
    "a softmax as the target": lambda: nn.CrossEntropyLoss()(model(3)(X), softmax(random(6, 3))),
    "relu and a distance": lambda: nn.L1Loss()(model(1, nn.ReLU())(X), YES_NO),
    "scaled tanh": lambda: nn.CrossEntropyLoss()(np.tanh(model(3)(X)) * 30, LABELS),
    "temperature": lambda: nn.CrossEntropyLoss()(model(3)(X) / 2, LABELS),
    "attention": lambda: nn.CrossEntropyLoss()(F.softmax(model(6)(X)) @ model(3)(X), LABELS),
    "far bounds": lambda: nn.CrossEntropyLoss()(model(3, nn.Hardtanh(-30, 30))(X), LABELS),
    "far bounds of one": lambda: nn.BCEWithLogitsLoss()(model(1, nn.Hardtanh(-9, 9))(X), YES_NO),
    "ranked rows": lambda: nn.MSELoss()(F.softmax(model(1)(X), axis=0), np.ones((6, 1)) / 6),
    "gelu": lambda: nn.CrossEntropyLoss()(model(3, nn.GELU())(X), LABELS),
    "zeros": lambda: F.cross_entropy(np.zeros((6, 3)), LABELS),
    "one-hot rows": lambda: F.cross_entropy(np.eye(3)[LABELS], LABELS),
    "a leaf": lambda: F.cross_entropy(Tensor([[0.25, 0.75]], requires_grad=True), [0]),
    "a leaf of logs": lambda: F.nll_loss(Tensor([[0.25, 0.75]], requires_grad=True), [0]),
    "sums far from 1": lambda: F.cross_entropy(model(3)(X) * 0 + 0.5, LABELS),
    "one of many rows adds up": lambda: F.cross_entropy(
        (model(3)(X) * 0 + 1) * [[0.2, 0.3, 0.5], *[[2, 3, 5]] * 5], LABELS
    ),
    "nothing": lambda: F.cross_entropy(model(3)(X)[:0], LABELS[:0], reduction="sum"),
    "nan": lambda: F.nll_loss(model(3)(X) * np.nan, LABELS),
}


@pytest.mark.parametrize("call", RIGHT.values(), ids=RIGHT)
def test_what_may_be_meant_is_not_told(call):
    assert told(call) == []


def test_an_operation_of_ones_own_of_the_same_name_is_not_judged():
    def softmax(x):  # some other thing
        return x * 3

    def sigmoid(x):
        return x * 3

    for function in (softmax, sigmoid):
        own = primitive(function, lambda g, y, x: g * 3)
        assert told(lambda own=own: F.cross_entropy(own(model(3)(X)), LABELS)) == []
    assert told(lambda: F.binary_cross_entropy_with_logits(own(model(1)(X)), YES_NO)) == []


def test_fit_tells_once_at_the_line_that_calls_it():
    net = model(3, nn.Softmax())
    trainer = nn.Trainer(net, nn.optim.SGD(net.parameters(), lr=0.1), nn.CrossEntropyLoss())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        trainer.fit(X, LABELS, epochs=3, batch_size=2, progress=False)
    assert [w.filename for w in caught] == [__file__]


def test_a_loop_tells_once():
    script = """
import numpy as np, nn
model = nn.Sequential(nn.Linear(4, 3), nn.Softmax())
for _ in range(5):
    nn.CrossEntropyLoss()(model(np.eye(4)), [0, 1, 2, 0]).backward()
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.returncode == 0 and run.stderr.count("UserWarning") == 1


# ---- switches that do nothing -------------------------------------------------------------------

MODULES = [nn.Linear(2, 2), nn.MLP([2, 3, 1]), nn.ReLU(), nn.CrossEntropyLoss(), nn.BatchNorm1d(2)]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("name", ["requires_grad", "trainable"])
def test_a_switch_that_a_module_has_not_is_refused(module, name):
    for value in (False, True):
        with pytest.raises(AttributeError, match=rf"would change nothing.*requires_grad_\({value}"):
            setattr(module, name, value)
    assert not hasattr(module, name) and getattr(module, name, 7) == 7
    with pytest.raises(AttributeError, match="requires_grad_"):
        getattr(module, name)


def test_a_module_may_have_a_setting_trainable_of_its_own():
    class Part(nn.Module):
        def __init__(self, trainable):
            self.trainable = trainable

    class Fixed(nn.Module):
        trainable = requires_grad = False

    assert Part(False).trainable is False and Fixed().requires_grad is False
    fixed = Fixed()
    fixed.trainable = True
    assert fixed.trainable is True
    with pytest.raises(AttributeError, match="would change nothing"):
        Part(True).trainable = False


# ---- settings of optimisers ---------------------------------------------------------------------


def optimizer(kind=nn.optim.SGD, **settings):
    weight = Tensor([1.0, 2.0], requires_grad=True)
    bias = Tensor([3.0], requires_grad=True)
    weight.grad, bias.grad = [1.0, 1.0], [1.0]
    return kind([{"params": [weight]}, {"params": [bias], "lr": 0.5}], **settings), weight, bias


def test_the_rate_as_an_attribute_is_that_of_all_groups():
    o, weight, bias = optimizer(lr=0.1)
    o.lr = 0
    o.step()
    assert weight.tolist() == [1, 2] and bias.tolist() == [3]
    assert [group["lr"] for group in o.param_groups] == [0, 0] and o.lr == 0
    o.lr += 1.0
    o.step()
    assert weight.tolist() == [0, 1] and bias.tolist() == [2]
    assert "lr" not in vars(o) and o.state_dict()["param_groups"][1]["lr"] == 1


def test_groups_with_a_rate_each_have_none_together():
    o, _, _ = optimizer(lr=0.1)
    with pytest.raises(AttributeError, match=r"a lr each, \[0.1, 0.5\].*param_groups"):
        _ = o.lr
    assert o.momentum == 0 and not hasattr(o, "betas")


@pytest.mark.parametrize("name", nn.optim.__all__)
def test_every_setting_is_an_attribute(name):
    kind = getattr(nn.optim, name)
    if not isinstance(kind, type) or kind is nn.optim.Optimizer:
        return
    o, weight, bias = optimizer(kind)
    plain, other, another = optimizer(kind)
    for key, value in o.defaults.items():
        new = value if isinstance(value, (bool, tuple)) else value * 0.5
        setattr(o, key, new)
        for group in plain.param_groups:
            group[key] = new
    for _ in range(2):
        o.step()
        plain.step()
    assert weight.tolist() == other.tolist() and bias.tolist() == another.tolist()
    assert all(getattr(o, key) == o.param_groups[0][key] for key in o.defaults)


@pytest.mark.parametrize("name, cure", [
    ("learning_rate", "'lr'"), ("betas", "settings of SGD are lr, momentum"),
    ("amsgrad", "settings of SGD"), ("decay", "'weight_decay'"), ("beta1", "settings of SGD"),
])  # fmt: skip
def test_a_setting_that_it_has_not_is_refused(name, cure):
    o, _, _ = optimizer()
    with pytest.raises(AttributeError, match=f"SGD.{name} = 0.5 would change nothing.*{cure}"):
        setattr(o, name, 0.5)
    assert not hasattr(o, name)


def test_a_class_that_keeps_its_rate_itself_goes_on_doing_so():
    class Own(nn.optim.Optimizer):
        def __init__(self, params, lr, learning_rate):
            self.lr, self.learning_rate = lr, learning_rate
            super().__init__(params, {"momentum": 0.5})

        def update(self, value, gradient, state, settings):
            self.lr *= 0.5
            return value - self.lr * gradient

    p = Tensor([1.0], requires_grad=True)
    p.grad = [1.0]
    o = Own([p], 1.0, 2.0)
    o.step()
    assert (p.item(), o.lr, o.learning_rate) == (0.5, 0.5, 2.0)
    o.lr = 0.25
    o.step()
    assert p.item() == 0.375


def test_a_schedule_has_no_rate_to_set():
    o, _, _ = optimizer()
    schedule = nn.optim.lr_scheduler.StepLR(o, 1)
    for name in ("lr", "learning_rate"):
        with pytest.raises(
            AttributeError, match="StepLR: .*would change nothing; set optimizer.lr"
        ):
            setattr(schedule, name, 0)


INF, NAN = float("inf"), float("nan")
KINDS = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [INF, NAN, -INF, np.float32(INF), np.array(NAN)], ids=str)
def test_no_setting_is_nan_or_infinite(kind, value):
    make = getattr(nn.optim, kind)
    o, _, _ = optimizer(make)
    for name, default in o.defaults.items():
        if isinstance(default, bool):
            continue
        bad = (value, 0.9) if isinstance(default, tuple) else value
        with pytest.raises(ValueError, match=name):
            optimizer(make, **{name: bad})
        with pytest.raises(ValueError, match=name):
            setattr(o, name, bad)
        with pytest.raises(ValueError, match=name):
            make([{"params": [Tensor([1.0], True)], name: bad}])
    assert o.defaults == optimizer(make)[0].defaults
    assert o.param_groups[0]["lr"] == o.defaults["lr"]


@pytest.mark.parametrize("value", [INF, NAN, -1.0], ids=str)
def test_a_rate_set_by_hand_is_checked_at_the_step(value):
    o, weight, _ = optimizer()
    o.param_groups[1]["lr"] = value
    with pytest.raises(ValueError, match="SGD: lr must be"):
        o.step()
    assert weight.tolist() == [1, 2]


def test_a_setting_of_ones_own_may_be_infinite_but_not_nan():
    class Clipped(nn.optim.Optimizer):
        def update(self, value, gradient, state, settings):
            return value - np.clip(gradient, -settings["most"], settings["most"])

    assert optimizer(Clipped, defaults={"lr": 1.0, "most": INF})[0].param_groups[0]["most"] == INF
    with pytest.raises(ValueError, match="Clipped: most must be a number, got nan"):
        optimizer(Clipped, defaults={"lr": 1.0, "most": NAN})


@pytest.mark.parametrize("value", [INF, NAN], ids=str)
def test_schedules_lead_to_no_such_rate(value):
    o, _, _ = optimizer(lr=0.1)
    with pytest.raises(ValueError, match="gamma must be"):
        nn.optim.lr_scheduler.ExponentialLR(o, gamma=value)
    with pytest.raises(ValueError, match="LambdaLR: .*(finite|got nan)"):
        nn.optim.lr_scheduler.LambdaLR(o, lambda epoch: value)


# ---- layers that the optimiser does not have ---------------------------------------------------


def fitted(net, parameters, **options):
    trainer = nn.Trainer(net, nn.optim.SGD(parameters, lr=0.1), nn.CrossEntropyLoss())
    return told(lambda: trainer.fit(X, LABELS, progress=False, **options))


def test_fit_tells_of_layers_that_the_optimizer_does_not_have():
    net = model(3)
    (text,) = fitted(net, net[0].parameters())
    assert "does not have 2.weight, 2.bias" in text and "SGD(model.parameters(), ...)" in text


def test_a_layer_added_later_is_told():
    net = model(8)
    parameters = list(net.parameters())
    net.append(nn.Linear(8, 3))
    (text,) = fitted(net, parameters)
    assert "3.weight, 3.bias" in text and "before a layer was added" in text


def test_what_is_frozen_may_be_left_out():
    net = model(3)
    net[0].requires_grad_(False)
    assert fitted(net, net[2].parameters()) == []
    assert fitted(net, net.parameters()) == []


def own(act, **attributes):
    """A model of a program, with attributes and a last step of its own."""

    class Own(nn.Module):
        def __init__(self):
            self.body = model(3)
            for name, value in attributes.items():
                setattr(self, name, value)

        def forward(self, x):
            return act(self, self.body(x), x)

    return Own()


def quietly(self, y, x):
    with no_grad():
        aim = self._teacher(x)
    return y + aim


def remembering(self, y, x):
    self._last = y
    return y


UNDERSCORES = {
    "a layer": own(lambda self, y, x: self._head(y), _head=nn.Linear(3, 3)),
    "a list": own(lambda self, y, x: self._head[0](y), _head=[nn.Linear(3, 3)]),
    "a Tensor": own(lambda self, y, x: y + self._head, _head=Tensor(random(3), True)),
    "deeper": own(lambda self, y, x: self.a._head(y), a=own(None, _head=nn.Linear(3, 3))),
    "one of several outputs": own(lambda self, y, x: (y, self._head(y)), _head=nn.Linear(3, 3)),
}


@pytest.mark.parametrize("net", UNDERSCORES.values(), ids=UNDERSCORES)
def test_parameters_under_a_name_with_an_underscore_are_told(net):
    loss = nn.CrossEntropyLoss()
    first = net(X).__class__ is tuple
    trainer = nn.Trainer(
        net, nn.optim.SGD(net.parameters()), lambda y, t: loss(y[0] if first else y, t)
    )
    (text,) = told(lambda: trainer.fit(X, LABELS, progress=False))
    assert "computes with parameters in _head" in text and "Call it self.head" in text


MEANT = {
    "frozen": own(lambda self, y, x: self._a(y), _a=nn.Linear(3, 3).requires_grad_(False)),
    "a teacher": own(quietly, _teacher=model(3)),
    "not used": own(lambda self, y, x: y, _other=model(3)),
    "found elsewhere": own(lambda self, y, x: self._a(y), a=(head := nn.Linear(3, 3)), _a=head),
    "remembered": own(remembering),
}


@pytest.mark.parametrize("net", MEANT.values(), ids=MEANT)
def test_what_has_an_underscore_because_it_is_no_layer_is_not_told(net):
    net(X)
    assert fitted(net, net.parameters()) == []


# ---- what is put in the place of a parameter ---------------------------------------------------


@pytest.mark.parametrize(
    "kind", [np.zeros, lambda shape: Tensor(np.zeros(shape))], ids=["an array", "a Tensor"]
)
def test_what_takes_the_place_of_a_parameter_and_is_not_trained_is_told(kind):
    layer = nn.Linear(2, 3)
    (text,) = told(lambda: setattr(layer, "weight", kind((3, 2))))
    assert "Linear.weight was a parameter, and the" in text and "weight.assign_(array)" in text
    assert told(lambda: setattr(layer, "weight", kind((3, 2)))) == []


def test_what_may_take_the_place_of_a_parameter():
    class Fixed(nn.Linear):
        def __init__(self):
            super().__init__(2, 3)
            self.weight = np.eye(3, 2)

    def change():
        layer = nn.Linear(2, 3)
        layer.weight = Tensor(np.zeros((3, 2)), requires_grad=True)
        layer.bias = None
        layer.requires_grad_(False)
        layer.weight = np.zeros((3, 2))
        assert [name for name, _ in Fixed().named_parameters()] == ["bias"]

    assert told(change) == []
