"""State of runs: found, saved, restored, switched; and others that use the model meanwhile."""

import collections
import copy
import functools
import itertools
import pickle
import random
import threading
import warnings

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor
from nn.random import generator, get_state
from tests import ROOT, runs
from tests.nn.training.test_trainer import Every, assert_same, data, trainer, weights

X, Y = data(36)
OLD = ROOT / "tests" / "old"


def state(t):
    """Everything that a run has learned and counted."""
    held = {name: t.model.state_dict()[name] for name in t.model.state_dict()}
    if isinstance(t.loss, nn.Module):
        held |= {f"loss.{name}": array for name, array in t.loss.state_dict().items()}
    return held


# ---- a run that has died goes on as if nothing had been ----------------------------------------


class Noise(nn.Module):
    """A layer with a generator of its own, under any name."""

    def __init__(self, name, rng):
        setattr(self, name, rng)
        self._name, self.calls = name, 0

    def forward(self, x):
        if not self.training:
            return x
        self.calls += 1
        rng = getattr(self, self._name)
        draw = rng.gauss if isinstance(rng, random.Random) else rng.normal
        return x + 0.1 * draw(0, 1) / self.calls


class Learned(nn.Module):
    """A loss with a parameter, a buffer, a generator and a count, which all move in training."""

    def __init__(self, rng=None):
        self.scale = Tensor(np.ones(1), requires_grad=True)
        self.mean = np.zeros(2)
        self.rng = rng
        self.steps = 0

    def forward(self, prediction, target):
        loss = nn.functional.cross_entropy(prediction * self.scale, target)
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * prediction.data.mean(axis=0)
            self.steps += 1
            loss = loss * (1 + (0.1 * self.rng.normal() if self.rng else 0) / self.steps)
        return loss + 0.1 * np.sum((np.mean(prediction, axis=0) - self.mean) ** 2)


class PlainLoss:
    """No Module, but it says its state."""

    def __init__(self):
        self.mean = 0.0

    def __call__(self, prediction, target):
        loss = nn.functional.cross_entropy(prediction, target)
        if autograd.is_grad_enabled():
            self.mean = 0.9 * self.mean + 0.1 * loss.item()
        return loss * (1 + self.mean)

    def state_dict(self):
        return {"mean": self.mean}

    def load_state_dict(self, state):
        self.mean = state["mean"]


class Counting:
    """No Module, and it says nothing: a number and an array that change."""

    def __init__(self):
        self.steps, self.weight = 0, np.ones(2)

    def __call__(self, prediction, target):
        if autograd.is_grad_enabled():
            self.steps += 1
            self.weight *= 0.99
        return nn.functional.cross_entropy(prediction, target, self.weight) / (1 + self.steps)


class Best:
    """A metric that remembers."""

    def __init__(self):
        self.found = np.zeros(())

    def __call__(self, prediction, target):
        self.found = np.maximum(self.found, np.mean(prediction.argmax(axis=1) == target))
        return self.found

    def state_dict(self):
        return {"found": self.found}

    def load_state_dict(self, state):
        self.found = state["found"]


class Shaken(nn.Callback):
    """Draws from a generator of its own, and changes the weights by it."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def on_epoch_end(self, trainer, logs):
        p = next(trainer.model.parameters())
        p.data = p.data + 0.01 * self.rng.normal(size=p.shape).astype(p.dtype)


def closure_loss(seed):
    inside, rng = Learned(), np.random.default_rng(seed)

    def loss(prediction, target):
        noise = rng.normal() if autograd.is_grad_enabled() else 0.0
        return inside(prediction, target) * (1 + 0.01 * noise)

    return loss


def body(kind, seed):
    """Layers that draw, each kind from elsewhere."""
    rng = np.random.default_rng(seed)
    return {
        "the library's": lambda: [nn.Linear(2, 6), nn.Dropout(0.3), nn.Linear(6, 2)],
        "own": lambda: [nn.Linear(2, 6), nn.Dropout(0.3, rng=rng), nn.Linear(6, 2)],
        "shared": lambda: [
            nn.Dropout(0.1, rng=rng), nn.Linear(2, 6), nn.Dropout(0.3, rng=rng), nn.Linear(6, 2),
        ],
        "an MLP's": lambda: [nn.MLP([2, 6, 6, 2], dropout=0.2, batch_norm=True, rng=rng)],
        "a layer's": lambda: [Noise("rng", rng), nn.Linear(2, 2)],
        "private": lambda: [nn.BatchNorm1d(2), Noise("_rng", rng), nn.Linear(2, 2)],
        "legacy": lambda: [Noise("rng", np.random.RandomState(seed)), nn.Linear(2, 2)],
        "Python's": lambda: [Noise("rng", random.Random(seed)), nn.Linear(2, 2)],
        "Mersenne's": lambda: [
            nn.Dropout(0.2, rng=np.random.Generator(np.random.MT19937(seed))), nn.Linear(2, 2),
        ],
    }[kind]()  # fmt: skip


def loss_of(kind, seed):
    rng = np.random.default_rng(seed + 1)
    return {
        "plain": lambda: nn.CrossEntropyLoss(weight=[1.0, 2.0]),
        "a function": lambda: nn.functional.cross_entropy,
        "learned": Learned,
        "learned, and draws": lambda: Learned(rng),
        "says its state": PlainLoss,
        "counts": Counting,
        "a closure": lambda: closure_loss(seed),
        "partial": lambda: functools.partial(Learned.__call__, Learned(rng)),
        "a method": lambda: Learned(rng).forward,
    }[kind]()


def transform_of(kind, seed):
    if kind == "none":
        return None
    rng = np.random.default_rng(seed + 2)
    if kind == "of a module":
        runs.rng = rng
        return lambda x: runs.shaken(x)
    if kind == "everybody's":
        return lambda x: x + 0.1 * np.random.normal(size=x.shape) + 0.1 * random.random()
    return lambda x: x + 0.1 * rng.normal(size=x.shape)


BODIES = ["the library's", "own", "shared", "an MLP's", "a layer's", "private", "legacy",
          "Python's", "Mersenne's"]  # fmt: skip
LOSSES = ["plain", "a function", "learned", "learned, and draws", "says its state", "counts",
          "a closure", "partial", "a method"]  # fmt: skip
TRANSFORMS = ["none", "own", "everybody's", "of a module"]


class Made:
    """A run of these kinds; another seed stands for another process, where all begins elsewhere."""

    def __init__(self, kinds, seed):
        body_kind, loss_kind, transform_kind, with_metric = kinds
        nn.manual_seed(seed)
        np.random.seed(seed), random.seed(seed)
        self.model = nn.Sequential(*body(body_kind, seed))
        loss = loss_of(loss_kind, seed)
        beside = loss.parameters() if isinstance(loss, nn.Module) else ()
        optimizer = nn.optim.Adam([*self.model.parameters(), *beside], lr=0.02)
        schedule = nn.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        metrics = {"best": Best()} if with_metric else ["accuracy"]
        self.trainer = nn.Trainer(
            self.model, optimizer, loss, metrics, scheduler=schedule, clip_norm=1.0
        )
        self.loader = nn.DataLoader(
            X, Y, batch_size=9, shuffle=True, rng=np.random.default_rng(seed + 3),
            transform=transform_of(transform_kind, seed),
        )  # fmt: skip
        self.stopping = nn.EarlyStopping(patience=3)
        self.callbacks = [Shaken(seed + 4), self.stopping]

    def fit(self, *callbacks, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            self.trainer.fit(
                self.loader, epochs=4, validation_data=(X, Y), progress=False,
                callbacks=[*self.callbacks, *callbacks], **options,
            )  # fmt: skip
        return self

    def outcome(self):
        metrics = [m.state_dict() for m in self.trainer.metrics.values() if isinstance(m, Best)]
        best = (self.stopping.best_epoch, self.stopping.waited)
        return state(self.trainer), self.trainer.history.history, metrics, best, get_state()


class Dies(nn.Callback):
    def __init__(self, batch, path):
        self.left, self.path = batch, path

    def on_batch_end(self, trainer):
        self.left -= 1
        if not self.left:
            nn.save_checkpoint(self.path, trainer=trainer)
            raise RuntimeError("the power is off")


def check_resumed(kinds, batch, path):
    expected = Made(kinds, 0).fit().outcome()
    with pytest.raises(RuntimeError, match="power"):
        Made(kinds, 0).fit(Dies(batch, path))
    again = Made(kinds, 50).fit(resume_from=path)
    np.testing.assert_equal(again.outcome(), expected)


@pytest.mark.parametrize("kind", BODIES)
def test_generators_of_layers_go_on(kind, tmp_path):
    check_resumed((kind, "plain", "none", False), 6, tmp_path / "run.npz")


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_go_on(kind, tmp_path):
    check_resumed(("own", kind, "none", False), 6, tmp_path / "run.npz")


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_generators_of_transforms_go_on(kind, tmp_path):
    check_resumed(("own", "learned", kind, True), 7, tmp_path / "run.npz")


@pytest.mark.parametrize("seed", range(24))
def test_runs_of_all_kinds_go_on_bit_for_bit(seed, tmp_path):
    choose = random.Random(seed)
    kinds = tuple(map(choose.choice, (BODIES, LOSSES, TRANSFORMS, [False, True])))
    check_resumed(kinds, choose.randint(1, 16), tmp_path / "run.npz")


def test_every_kind_draws_or_counts():
    """The runs above could not be resumed without what is saved of them: it moves."""
    for kinds in itertools.chain(
        ((b, "plain", "none", False) for b in BODIES[1:]),
        (("own", kind, "none", False) for kind in LOSSES[2:]),
        (("own", "plain", kind, True) for kind in TRANSFORMS[1:]),
    ):
        made = Made(kinds, 0).fit()
        before = Made(kinds, 0).trainer.state_dict()
        after = made.trainer.state_dict()
        moved = {
            key for key in ("parts", "generators", "counts")
            if repr(before[key]) != repr(after[key])
        }  # fmt: skip
        assert moved, kinds


def test_a_checkpoint_of_each_epoch_is_enough(tmp_path):
    kinds = ("shared", "learned, and draws", "own", True)
    expected = Made(kinds, 0).fit().outcome()
    checkpoint = nn.ModelCheckpoint(tmp_path / "run-{epoch}.npz")
    Made(kinds, 0).fit(checkpoint)
    for epoch in (1, 2, 3):
        again = Made(kinds, 60 + epoch).fit(resume_from=tmp_path / f"run-{epoch}.npz")
        np.testing.assert_equal(again.outcome(), expected)


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_a_run_that_is_loaded_before_fit_goes_on_too(kind, tmp_path):
    kinds, path = ("own", "learned, and draws", kind, True), tmp_path / "run.npz"
    with pytest.raises(RuntimeError, match="power"):
        Made(kinds, 0).fit(Dies(6, path))
    outcomes = []
    for load in (True, False):
        again = Made(kinds, 50)
        if load:  # epochs count from there
            nn.load_checkpoint(path, trainer=again.trainer)
            again.trainer.fit(again.loader, epochs=3, validation_data=(X, Y), progress=False,
                              callbacks=again.callbacks[:1])  # fmt: skip
        else:
            again.trainer.fit(again.loader, epochs=4, validation_data=(X, Y), progress=False,
                              callbacks=again.callbacks[:1], resume_from=path)  # fmt: skip
        outcomes.append(again.outcome()[:3])
    np.testing.assert_equal(*outcomes)


def test_a_callback_that_draws_to_begin_does_not_disturb_what_goes_on(tmp_path):
    class Look(nn.Callback):
        def on_train_begin(self, trainer):
            generator().normal(size=3), trainer.model[1].rng.normal(size=5)

    def run(seed, **options):
        made = Made(("own", "plain", "own", False), seed)
        made.callbacks.insert(0, Look())
        return made.fit(**options) if "callbacks" not in options else made

    path = tmp_path / "run.npz"
    expected = run(0).outcome()
    part = run(0, callbacks=())
    with pytest.raises(RuntimeError):
        part.fit(Dies(6, path))
    np.testing.assert_equal(run(70, resume_from=path).outcome(), expected)


def test_a_fit_begins_with_everything_as_it_is():
    """The rows that are tried before the first step move nothing."""
    made = Made(("shared", "learned, and draws", "everybody's", True), 0)
    model, loss = made.trainer.model, made.trainer.loss
    before = {}

    class First(nn.Callback):
        def on_train_begin(self, trainer):
            before.update(
                state=state(trainer), rng=get_state(model[0].rng), loss=get_state(loss.rng),
                steps=loss.steps, numpys=np.random.get_state()[1].tolist(), own=get_state(),
                python=random.getstate(), found=trainer.metrics["best"].found,
                modes=[m.training for m in model.modules()],
            )  # fmt: skip

    expected = Made(("shared", "learned, and draws", "everybody's", True), 0)
    First().on_train_begin(expected.trainer)
    fresh = dict(before)
    made = Made(("shared", "learned, and draws", "everybody's", True), 0)
    model, loss = made.trainer.model, made.trainer.loss
    made.fit(First())
    fresh["rng"], fresh["loss"] = (
        get_state(expected.trainer.model[0].rng), get_state(expected.trainer.loss.rng),
    )  # fmt: skip
    np.testing.assert_equal(before, fresh)


class Lazy(nn.Module):
    """Builds its layers when it is called first."""

    def __init__(self):
        self.layers, self.named, self.built = [nn.Linear(2, 4)], {}, False

    def forward(self, x):
        if not self.built:
            self.layers.append(nn.Linear(4, 2))
            self.named["out"] = np.zeros(2)
            self.built = True
        return self.layers[1](self.layers[0](x))


def test_what_is_built_in_the_first_call_is_built_once():
    model, began = Lazy(), []
    t = nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss())
    look = type(
        "Look", (), {"on_train_begin": lambda self, trainer: began.append(len(model.layers))}
    )
    with pytest.warns(UserWarning, match="forward of Lazy sets self.named.out, which counts as"):
        t.fit(X, Y, epochs=2, callbacks=[look()], progress=False)
    assert began == [1] and len(model.layers) == 2 and list(model.named) == ["out"]


# ---- plain values that a run keeps, wherever -----------------------------------------------------


def scaled(prediction, target, factor):
    return nn.functional.cross_entropy(prediction, target) * (1 + 0.1 * factor)


class Keeps(nn.Module):
    """A loss that is scaled by what it has noted of its own calls in training."""

    def __init__(self, kept, note, factor):
        self.kept, self._note, self._factor = kept, note, factor

    def forward(self, prediction, target):
        if self.training:
            self._note(self, float(np.mean(prediction.data)))
        return scaled(prediction, target, self._factor(self.kept))


class KeepsToo:
    """The same, and no Module."""

    def __init__(self, kept, note, factor):
        self.kept, self.note, self.factor = kept, note, factor

    def __call__(self, prediction, target):
        if autograd.is_grad_enabled():
            self.note(self, float(np.mean(prediction.data)))
        return scaled(prediction, target, self.factor(self.kept))


def rebinds(new):
    def note(holder, value):
        holder.kept = new(holder.kept, value)

    return note


def counted(holder, value):
    holder.kept["n"] += 1
    holder.kept["seen"].append(value)


def averaged(holder, value):
    holder.kept["n"] += 1
    holder.kept["mean"] = holder.kept["mean"] + value


KEPT = {  # at first, what is noted, and a number of it
    "a list": (list, lambda h, v: h.kept.append(v), lambda k: sum(k[-3:])),
    "a list of arrays": (list, lambda h, v: h.kept.append(np.full(2, v)), lambda k: np.sum(k)),
    "a dict": (lambda: {"n": 0, "seen": []}, counted, lambda k: k["n"] + sum(k["seen"])),
    "a dict with an array": (
        lambda: {"n": 0, "mean": np.zeros(2)}, averaged, lambda k: np.sum(k["mean"]) + k["n"],
    ),
    "a deque": (
        lambda: collections.deque(maxlen=3), lambda h, v: h.kept.append(v),
        lambda k: sum(k) + len(k),
    ),
    "a set": (set, lambda h, v: h.kept.add(round(v, 1)), len),
    "a counter": (collections.Counter, lambda h, v: h.kept.update(["a"]), lambda k: k["a"]),
    "a dict by NumPy's numbers": (
        dict, lambda h, v: h.kept.update({np.int64(len(h.kept)): np.float32(v)}),
        lambda k: sum(k.values()),
    ),
    "lists by name": (
        lambda: collections.defaultdict(list), lambda h, v: h.kept["a"].append(v),
        lambda k: sum(k["a"]),
    ),
    "a tuple": (lambda: (0.0, 0.0), rebinds(lambda k, v: (*k[1:], v)), sum),
    "nothing yet": (lambda: None, rebinds(lambda k, v: [*(k or []), v]), lambda k: sum(k or [])),
    "an array of no axes": (lambda: np.array(0), rebinds(lambda k, v: k + 1), float),
    "NumPy's float": (
        lambda: np.float64(0), rebinds(lambda k, v: np.float64(0.9 * k + v)), lambda k: k,
    ),
    "an array that grows": (
        lambda: np.zeros(0), rebinds(lambda k, v: np.append(k, v)), lambda k: k.sum(),
    ),
    "an array of another dtype": (
        lambda: np.zeros(1), rebinds(lambda k, v: np.full(1, v, np.float32)), lambda k: k[0],
    ),
}  # fmt: skip


def closure(seed):
    calls, seen = 0, []

    def loss(prediction, target):
        nonlocal calls
        if autograd.is_grad_enabled():
            calls += 1
            seen.append(prediction.data.mean())
        return scaled(prediction, target, calls + sum(seen))

    return loss


def with_attribute_of_its_own(seed):
    def loss(prediction, target):
        loss.calls += autograd.is_grad_enabled()
        return scaled(prediction, target, loss.calls)

    loss.calls = 0
    return loss


def with_a_default(seed):
    def loss(prediction, target, seen=[]):  # noqa: B006
        if autograd.is_grad_enabled():
            seen.append(1.0)
        return scaled(prediction, target, len(seen))

    return loss


calls, noted, noise = 0, [], np.random.default_rng(0)


def with_globals(seed):
    global calls, noise
    calls, noise = 0, np.random.default_rng(seed)
    noted.clear()

    def loss(prediction, target):
        global calls
        if autograd.is_grad_enabled():
            calls += 1
            noted.append(sum([noise.normal() for _ in range(2)]))
        return scaled(prediction, target, calls + sum(noted))

    return loss


FUNCTIONS = [closure, with_attribute_of_its_own, with_a_default, with_globals]


class Langevin(nn.optim.Optimizer):
    """Adds noise, of a generator of its own, that its count of steps makes smaller."""

    def __init__(self, params, rng):
        super().__init__(params, {"lr": 0.05})
        self.rng, self.steps = rng, 0

    def step(self, closure=None):
        self.steps += 1
        return super().step(closure)

    def update(self, value, gradient, state, settings):
        noise = self.rng.normal(size=value.shape).astype(value.dtype)
        return value - settings["lr"] * (gradient + 0.1 * noise / self.steps)


class Falling:
    """A schedule of one's own, without a state that it tells."""

    def __init__(self, optimizer):
        self.optimizer, self.steps = optimizer, 0

    def step(self):
        self.steps += 1
        self.optimizer.lr = 0.1 / self.steps


def drawn(optimizer, seed):
    rng = np.random.default_rng(seed)
    return nn.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.5 + rng.random())


def small(seed, loss=None, optimizer=None, scheduler=None, layers=(), **options):
    """A trainer, and what it is to fit."""
    nn.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 4), *layers, nn.Tanh(), nn.Linear(4, 2))
    made = (optimizer or nn.optim.Adam)(model.parameters())
    schedule = scheduler(made) if scheduler else None
    t = nn.Trainer(model, made, loss or nn.CrossEntropyLoss(), scheduler=schedule, **options)
    return t, {"batch_size": 9, "epochs": 4, "progress": False, "validation_data": (X, Y)}


def check_goes_on(make, path, batches=(1, 4, 6, 12)):
    """What `make` gives, with its callbacks, is the same run after it has died at any time."""

    def run(seed, *callbacks, **more):
        t, options, *own = make(seed)
        t.fit(X, Y, callbacks=[*own, *callbacks], **options, **more)
        return t.model.state_dict(), t.history.history, t.optimizer.state_dict(), get_state()

    expected = run(0)
    for batch in batches:
        with pytest.raises(RuntimeError, match="power"):
            run(0, Dies(batch, path))
        np.testing.assert_equal(run(50, resume_from=path), expected)


@pytest.mark.parametrize("holder", [Keeps, KeepsToo], ids=["a Module", "no Module"])
@pytest.mark.parametrize("kind", KEPT)
def test_what_a_loss_keeps_goes_on(kind, holder, tmp_path):
    first, note, factor = KEPT[kind]
    check_goes_on(lambda seed: small(seed, holder(first(), note, factor)), tmp_path / "run.npz")


@pytest.mark.parametrize("make", FUNCTIONS, ids=lambda make: make.__name__)
def test_what_functions_keep_goes_on(make, tmp_path):
    check_goes_on(lambda seed: small(seed, make(seed)), tmp_path / "run.npz")


def test_a_list_that_two_hold_is_one_afterwards(tmp_path):
    class Notes(nn.Module):
        def __init__(self, seen):
            self.seen = seen

        def forward(self, x):
            if self.training:
                self.seen.append(1.0)
            return x

    def make(seed):
        seen = []
        reads = lambda p, t: scaled(p, t, len(seen))  # noqa: E731
        return small(seed, reads, layers=[Notes(seen)])

    check_goes_on(make, tmp_path / "run.npz")


OTHER_PARTS = {
    "optimiser": lambda seed: small(
        seed, optimizer=lambda ps: Langevin(ps, np.random.default_rng(seed))
    ),
    "schedule": lambda seed: small(seed, scheduler=Falling),
    "schedule that draws": lambda seed: small(seed, scheduler=lambda o: drawn(o, seed)),
    "schedule by batch": lambda seed: small(
        seed, interval="batch", scheduler=lambda o: nn.optim.lr_scheduler.ExponentialLR(o, 0.9)
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", OTHER_PARTS.values(), ids=OTHER_PARTS)
def test_optimisers_and_schedules_of_ones_own_go_on(make, tmp_path):
    check_goes_on(make, tmp_path / "run.npz")


def test_a_hook_that_draws_goes_on(tmp_path):
    def make(seed):
        t, options = small(seed)
        rng = np.random.default_rng(seed)
        t.model[0].register_forward_hook(
            lambda layer, inputs, y: y + 0.1 * rng.normal() if layer.training else y
        )
        return t, options

    check_goes_on(make, tmp_path / "run.npz")


def once(epoch, act):
    """A callback that does something as one epoch begins, and never again."""

    class Once(nn.Callback):
        def on_epoch_begin(self, trainer):
            if trainer.epoch == epoch:
                act(trainer)

    return Once()


def frozen(seed):
    t, options = small(seed, layers=[nn.BatchNorm1d(4, affine=False)])
    t.model[:2].requires_grad_(False)
    return t, options, once(2, lambda trainer: trainer.model.requires_grad_(True))


DONE_ONCE = {
    "unfreeze": frozen,
    "freeze": lambda seed: (
        *small(seed, layers=[nn.BatchNorm1d(4)]),
        once(1, lambda t: t.model[:2].requires_grad_(False)),
    ),
    "one parameter": lambda seed: (
        *small(seed), once(1, lambda t: t.model[0].weight.requires_grad_(False))
    ),
    "evaluate": lambda seed: (
        *small(seed, layers=[nn.BatchNorm1d(4)]), once(1, lambda t: t.model[1].eval())
    ),
    "rate": lambda seed: (*small(seed), once(1, lambda t: setattr(t.optimizer, "lr", 0.1))),
    "weight": lambda seed: (
        *small(seed), once(1, lambda t: setattr(t.loss, "weight", np.array([1.0, 3.0])))
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", DONE_ONCE.values(), ids=DONE_ONCE)
def test_what_a_callback_has_done_once_stays_done(make, tmp_path):
    check_goes_on(make, tmp_path / "run.npz", (4, 5, 6, 9, 13))


def test_what_callbacks_do_to_begin_is_not_done_twice(tmp_path):
    """Neither for the run, nor for the epoch that was under way."""

    class Decays(nn.Callback):
        def on_train_begin(self, trainer):
            trainer.optimizer.lr = 0.1
            nn.init.ones_(trainer.model[0].bias)
            trainer.loss.label_smoothing = 0.2

        def on_epoch_begin(self, trainer):
            trainer.optimizer.lr *= 0.7
            trainer.loss.label_smoothing *= 0.9
            self.weight = trainer.model[0].weight
            self.weight.data = self.weight.data * np.float32(0.99)

        def on_epoch_end(self, trainer, logs):
            logs["norm"] = float((self.weight.data**2).sum())  # there, as it has begun

    def make(seed):
        return *small(seed), Decays()

    check_goes_on(make, tmp_path / "run.npz", range(1, 17))


def test_what_is_set_after_loading_stays(tmp_path):
    path = tmp_path / "run.npz"
    t, options = small(0)
    acts = [once(1, lambda t: t.model.requires_grad_(False)[2].requires_grad_(True))]
    acts += [once(1, lambda t: setattr(t.loss, "label_smoothing", 0.3))]
    t.fit(X, Y, callbacks=[*acts, nn.ModelCheckpoint(path)], **options)
    again, _ = small(1)
    nn.load_checkpoint(path, trainer=again)
    assert not again.model[0].weight.requires_grad and again.loss.label_smoothing == 0.3
    again.model.requires_grad_(True)
    again.loss.label_smoothing, again.optimizer.lr = 0.1, 0.05
    before = again.model[0].weight.data
    again.fit(X, Y, **{**options, "epochs": 1})
    assert again.model[0].weight.requires_grad and again.loss.label_smoothing == 0.1
    assert again.optimizer.lr == 0.05 and not np.array_equal(again.model[0].weight.data, before)


def test_what_has_not_changed_is_as_the_new_script_says(tmp_path):
    def make(smoothing):
        loss = nn.CrossEntropyLoss(label_smoothing=smoothing)
        t, options = small(0, Keeps([], KEPT["a list"][1], lambda k: 0.0))
        t.loss.base = loss
        t.model[0].requires_grad_(smoothing == 0)
        return t, options

    path = tmp_path / "run.npz"
    t, options = make(0.0)
    t.fit(X, Y, callbacks=[nn.ModelCheckpoint(path)], **{**options, "epochs": 1})
    again, _ = make(0.25)
    nn.load_checkpoint(path, trainer=again)
    assert again.loss.kept == t.loss.kept and len(t.loss.kept) == 4
    assert again.loss.base.label_smoothing == 0.25 and not again.model[0].weight.requires_grad


def test_a_state_that_is_refused_changes_nothing_of_it(tmp_path):
    def make(seed, width=4):
        t, options = small(seed, Keeps([], KEPT["a list"][1], sum))
        t.model[2] = nn.Linear(4, width)
        t.optimizer = nn.optim.SGD(t.model.parameters())
        return t, options

    t, options = make(0)
    t.fit(X, Y, **options)
    other, _ = make(1, width=3)
    other.loss.kept.append(5.0)
    held = other.loss.kept
    with pytest.raises(ValueError, match="wrong shape"):
        other.load_state_dict(t.state_dict())
    assert other.loss.kept is held and held == [5.0]


@pytest.mark.parametrize("holder", [Keeps, KeepsToo], ids=["a Module", "no Module"])
@pytest.mark.parametrize("kind", KEPT)
def test_the_rows_that_are_tried_leave_nothing(kind, holder):
    first, note, factor = KEPT[kind]
    always = lambda kept: note(loss, 1.0) or factor(kept)  # noqa: E731
    loss, began = holder(first(), note, always), []
    t, options = small(0, loss)
    plain = lambda kept: list(kept) if isinstance(kept, collections.deque) else kept  # noqa: E731
    look = type(
        "Look", (), {"on_train_begin": lambda *_: began.append(copy.deepcopy(plain(loss.kept)))}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of state that a forward makes
        t.fit(X, Y, callbacks=[look()], **options)
    np.testing.assert_equal(began, [plain(first())])


@pytest.mark.parametrize("make", FUNCTIONS, ids=lambda make: make.__name__)
def test_a_functions_first_call_is_that_of_the_first_batch(make, monkeypatch):
    monkeypatch.setattr(autograd, "is_grad_enabled", lambda: True)  # so every call is noted
    (explicit, _), loss, values = small(0), make(0), []
    for x, y in nn.DataLoader(X, Y, batch_size=9):
        explicit.optimizer.zero_grad()
        value = loss(explicit.model(x), y)
        values.append(value.item())
        value.backward()
        explicit.optimizer.step()
    t, _ = small(0, make(0))
    history = t.fit(X, Y, batch_size=9, shuffle=False, progress=False)
    assert history["loss"] == [pytest.approx(np.mean(values), rel=1e-12)]


# ---- what cannot be saved ----------------------------------------------------------------------


class Half:
    def state_dict(self):
        return {}

    def __call__(self, prediction, target):
        return nn.functional.cross_entropy(prediction, target)


def with_attribute(value):
    def build():
        t = trainer()
        t.model[1].held = value
        return t

    return build


UNSAVABLE = {
    "an iterator": (with_attribute(iter([1.0])), "model.1.held is a list_iterator, whose place"),
    "a generator": (with_attribute([(i for i in [1])]), "model.1.held.0 is a generator, whose"),
    "a count": (with_attribute({"a": itertools.count()}), "model.1.held.a is a count, whose place"),
    "no place": (with_attribute(random.SystemRandom()), "SystemRandom, which has no place"),
    "half a state": (lambda: trainer(loss=Half()), "loss is a Half, .* no load_state_dict"),
    "complex": (with_attribute(np.ones(2, complex)), "trainer/model/1.held holds complex128"),
}  # fmt: skip


@pytest.mark.parametrize("make, message", UNSAVABLE.values(), ids=UNSAVABLE)
def test_what_cannot_be_saved_is_refused_when_fit_begins(make, message, tmp_path):
    path = tmp_path / "run.npz"
    for options in ({"callbacks": [nn.ModelCheckpoint(path)]}, {"resume_from": path}):
        t = make()
        before = weights(t)
        with pytest.raises(TypeError, match=f"fit: nothing has changed; .*{message}"):
            t.fit(X, Y, progress=False, **options)
        np.testing.assert_equal(weights(t), before)
        assert t.epoch == 0 and not path.exists()
    make().fit(X, Y, progress=False)  # where nothing is to be saved, that is no fault


def test_a_file_that_is_only_written_is_no_state(tmp_path):
    with open(tmp_path / "log.txt", "w") as log:
        t = with_attribute(log)()
        t.fit(X, Y, progress=False, callbacks=[nn.ModelCheckpoint(tmp_path / "run.npz")])
    with open(tmp_path / "log.txt") as log, pytest.raises(TypeError, match="whose place cannot"):
        with_attribute(log)().fit(X, Y, progress=False, resume_from=tmp_path / "run.npz")


def test_a_callback_that_draws_from_nowhere_is_left_alone(tmp_path):
    look = Every(lambda *_: None)
    look.rng = random.SystemRandom()
    callbacks = [look, nn.ModelCheckpoint(tmp_path / "run.npz")]
    trainer().fit(X, Y, progress=False, callbacks=callbacks)
    t = trainer()
    t.fit(X, Y, epochs=2, progress=False, callbacks=callbacks, resume_from=tmp_path / "run.npz")
    assert t.epoch == 2


CHANGED = {
    "no generator": ("own", "the library's", "has a generator at model.1.rng, unlike this one"),
    "a generator": ("the library's", "own", "this Trainer has a generator at model.1.rng, unlike"),
}  # fmt: skip


@pytest.mark.parametrize("saved, now, message", CHANGED.values(), ids=CHANGED)
def test_a_run_that_was_made_otherwise_is_refused(saved, now, message, tmp_path):
    path = tmp_path / "run.npz"
    nn.save_checkpoint(path, trainer=Made((saved, "plain", "none", False), 0).fit().trainer)
    other = Made((now, "plain", "none", False), 1)
    before = state(other.trainer)
    with pytest.raises(nn.CheckpointError, match=message):
        other.fit(resume_from=path)
    np.testing.assert_equal(state(other.trainer), before)


@pytest.mark.parametrize("saved, now", [("learned", "a function"), ("says its state", "learned")])
def test_a_loss_of_another_kind_is_refused(saved, now, tmp_path):
    path = tmp_path / "run.npz"
    nn.save_checkpoint(path, trainer=Made(("own", saved, "none", False), 0).fit().trainer)
    other = Made(("own", now, "none", False), 1)
    before = state(other.trainer)
    with pytest.raises(nn.CheckpointError):
        other.fit(resume_from=path)
    np.testing.assert_equal(state(other.trainer), before)


# ---- a loss that learns ------------------------------------------------------------------------


def learned(**options):
    """A model and a loss whose parameters the optimiser trains both."""
    nn.manual_seed(0)
    model, loss = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2)), Learned()
    optimizer = nn.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    return nn.Trainer(model, optimizer, loss, **options)


def test_a_loss_evaluates_and_trains_with_the_model():
    t, seen = learned(), []
    look = Every(lambda *_: seen.append((t.model.training, t.loss.training)))
    before = t.loss.state_dict()
    first = t.evaluate(X, Y)
    np.testing.assert_equal(t.loss.state_dict(), before)
    assert t.loss.training and t.loss.steps == 0 and t.evaluate(X, Y) == first
    t.loss.eval(), t.model.eval()
    t.fit(X, Y, validation_data=(X, Y), callbacks=[look], progress=False)
    assert set(seen) == {(True, True)} and not t.loss.training and t.loss.steps == len(seen)


@pytest.mark.parametrize("hidden", [lambda m: lambda p, t: m(p, t),
                                    lambda m: functools.partial(type(m).__call__, m),
                                    lambda m: m.forward])  # fmt: skip
def test_a_loss_inside_a_function_evaluates_too(hidden):
    loss = Learned()
    t = trainer(loss=hidden(loss))
    t.evaluate(X, Y)
    assert loss.steps == 0 and loss.training
    t.fit(X, Y, batch_size=36, progress=False)
    assert loss.steps == 1


class Seen(nn.Module):
    """Passes on what it gets, and notes its mode."""

    def __init__(self):
        self.modes = []

    def forward(self, x):
        self.modes.append(self.training)
        return x


part = Seen()  # another one, under the name of an attribute


@pytest.mark.parametrize("also", [False, True], ids=["attribute", "both"])
def test_an_attribute_is_not_taken_for_the_global_of_its_name(also):
    class Holds:
        def __init__(self):
            self.part = Seen()

        def __call__(self, prediction, target):
            return nn.functional.cross_entropy(self.part(prediction), target)

    class HoldsBoth(Holds):
        def __call__(self, prediction, target):
            return super().__call__(part(prediction), target)

    loss = HoldsBoth() if also else Holds()
    t = trainer(loss=loss)
    t.evaluate(X, Y)
    assert loss.part.modes == [False] and part.modes == [False] * also
    places = [place for place in t.state_dict()["parts"] if place.startswith("loss")]
    assert len(places) == 1 + also
    part.modes.clear()


def test_clipping_and_early_stopping_take_the_loss_in():
    t, after = learned(clip_norm=1e-9), {}
    scale = t.loss.scale.data.copy()
    t.fit(X, Y, progress=False)
    assert np.allclose(t.loss.scale.data, scale, atol=1e-6)

    class Note(nn.Callback):
        def on_epoch_end(self, trainer, logs):
            after[trainer.epoch] = state(trainer)
            logs["odd"] = [3.0, 1.0, 2.0, 2.0, 2.0][trainer.epoch - 1]

    t = learned()
    stopping = nn.EarlyStopping("odd", patience=2, mode="min")
    t.fit(X, Y, epochs=5, callbacks=[Note(), stopping], progress=False)
    assert t.epoch == 4 and stopping.best_epoch == 2
    np.testing.assert_equal(state(t), after[2])
    assert after[2]["loss.scale"] != after[4]["loss.scale"]
    assert not np.array_equal(after[2]["loss.mean"], after[4]["loss.mean"])


def test_a_loss_alone_may_learn():
    t = learned()
    t.model.requires_grad_(False)
    before = state(t)
    t.fit(X, Y, progress=False)
    moved = {name for name, array in state(t).items() if not np.array_equal(array, before[name])}
    assert moved == {"loss.scale", "loss.mean"}


# ---- however it ends ---------------------------------------------------------------------------


class Ends(nn.Callback):
    def __init__(self):
        self.ended = 0

    def on_train_end(self, trainer):
        self.ended += 1


class At(nn.Callback):
    """Does something at a batch, or after an epoch."""

    def __init__(self, act, batch=None, epoch=None):
        self.act, self.batch, self.epoch, self.batches = act, batch, epoch, 0

    def on_batch_end(self, trainer):
        self.batches += 1
        if self.batches == self.batch:
            self.act(trainer)

    def on_epoch_end(self, trainer, logs):
        if trainer.epoch == self.epoch:
            self.act(trainer)


def explode(trainer):
    for p in trainer.model.parameters():
        p.data = p.data * np.float32(np.inf)


def fail(trainer):
    raise RuntimeError("a fault of the callback's")


def interrupt(trainer):
    raise KeyboardInterrupt


ENDS = {  # what happens, and what `fit` raises
    "the last epoch": (lambda trainer: None, None),
    "stop": (lambda trainer: trainer.stop(), None),
    "an exploding loss": (explode, FloatingPointError),
    "a fault in a callback": (fail, RuntimeError),
    "Ctrl-C of another handler": (interrupt, None),
}


@pytest.mark.parametrize("when", [{"batch": 7}, {"epoch": 2}, {"batch": 12}], ids=repr)
@pytest.mark.parametrize("act, error", ENDS.values(), ids=ENDS)
def test_the_best_weights_come_back_whatever_ends_training(act, error, when, recwarn):
    t, best, ends = trainer(), {}, Ends()

    class Note(nn.Callback):
        def on_epoch_end(self, trainer, logs):
            logs["odd"] = [1.0, 2.0, 3.0, 4.0][trainer.epoch - 1]
            if trainer.epoch == 1:
                best.update(weights(trainer))

    stopping = nn.EarlyStopping("odd", patience=9, mode="min")
    callbacks = [Note(), stopping, At(act, **when), ends]
    options = {"epochs": 4, "batch_size": 9, "callbacks": callbacks, "progress": False}
    if error is None:
        t.fit(X, Y, **options)
    else:
        with pytest.raises(error):
            t.fit(X, Y, **options)
    assert_same(weights(t), best)
    assert ends.ended == 1 and stopping.best_epoch == 1


def test_a_callback_that_fails_at_the_end_keeps_no_other_from_ending():
    class Fails(nn.Callback):
        def on_train_end(self, trainer):
            raise ValueError("at the end")

    ends = Ends()
    with pytest.raises(ValueError, match="at the end"):
        trainer().fit(X, Y, callbacks=[Fails(), ends], progress=False)
    with pytest.raises(RuntimeError, match="callback's") as caught:
        callbacks = [At(fail, batch=1), Fails(), ends]
        trainer().fit(X, Y, callbacks=callbacks, progress=False)
    assert ends.ended == 2
    notes = getattr(caught.value, "__notes__", ["on_train_end failed as well"])
    assert "on_train_end failed as well" in notes[-1]


# ---- files of older versions -------------------------------------------------------------------


@pytest.mark.parametrize("name", runs.NAMES[:2])
def test_a_run_of_an_older_version_goes_on(name):
    if name.endswith(".safetensors"):
        pytest.importorskip("safetensors", reason="reads .safetensors")
    end = nn.load(OLD / "end.npz")
    t = runs.trainer(seed=80)
    stopping = runs.fit(t, resume_from=OLD / name, seed=81)
    assert t.epoch == runs.EPOCHS and stopping.best_epoch > 0
    ours, theirs = {**weights(t), **t.history.history}, dict(end)
    for figures in (
        ours,
        theirs,
    ):  # since then an epoch's weighted loss is that of its rows together
        figures["loss"] = figures["loss"][:2]
    for key, array in ours.items():
        np.testing.assert_allclose(array, theirs[key], rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("kinds, places", [
    (("own", "plain"), "model.1.rng"), (("the library's", "learned"), "loss"),
    (("own", "learned"), "loss, model.1.rng"), (("the library's", "plain"), None),
])  # fmt: skip
def test_what_an_older_version_did_not_save_is_told(kinds, places, capsys, tmp_path):
    state = Made((*kinds, "none", False), 0).fit().trainer.state_dict()
    for key in ("parts", "generators", "counts"):
        del state[key]
    made = Made((*kinds, "none", False), 1)
    made.trainer.load_state_dict(state)
    made.trainer.fit(made.loader)
    told = f"saved by an older version, without the state of {places}: there the run goes on from"
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(told) if places else first.startswith("epoch")


def test_parts_and_a_model_of_an_older_version_are_read():
    t, rng = runs.trainer(seed=82), np.random.default_rng(1)
    parts = {name: getattr(t, name) for name in ("model", "optimizer", "scheduler")}
    assert nn.load_checkpoint(OLD / "parts.npz", **parts, rng=rng) == {"epoch": 2}
    assert rng.random() == np.random.default_rng(9).random()
    assert_same(weights(t), nn.load(OLD / "model.npz", like=t.model))
    assert t.optimizer.param_groups[0]["lr"] == t.scheduler.get_last_lr()[0] == 0.05 * 0.55


def test_the_old_files_are_of_this_script(tmp_path):
    pytest.importorskip("safetensors", reason="writes .safetensors")
    runs.write(tmp_path)
    for name in (n for n in runs.NAMES if n.endswith(".npz")):
        old, new = (
            nn.load_checkpoint(f / name) if name in ("run.npz", "parts.npz") else nn.load(f / name)
            for f in (OLD, tmp_path)
        )
        assert set(new.get("trainer", new)) >= set(old.get("trainer", old))


# ---- loaders made for training -----------------------------------------------------------------


def training_loader(**options):
    return nn.DataLoader(X, Y, **{"batch_size": 7, "shuffle": True, "drop_last": True, **options})


def place(loader):
    return {k: v for k, v in loader.state_dict().items() if k != "rng"}, get_state(loader.rng)


@pytest.mark.parametrize("taken", [0, 2, 5], ids=["new", "in an epoch", "at its end"])
@pytest.mark.parametrize("own", [False, True], ids=["the library's", "own"])
def test_a_training_loader_is_judged_in_the_datas_order_over_all_rows(taken, own):
    rng = np.random.default_rng(3) if own else None
    loader = training_loader(rng=rng)
    batches = iter(loader)
    for _ in range(taken):
        next(batches)
    t = trainer(metrics=["accuracy"])
    before = place(loader)
    np.testing.assert_array_equal(t.predict(loader), t.predict(X, batch_size=7))
    assert t.evaluate(loader) == t.evaluate(X, Y, batch_size=7)
    np.testing.assert_equal(place(loader), before)
    assert len(list(batches)) == 5 - taken  # the epoch under way goes on


def test_a_loader_that_fit_uses_may_be_judged_meanwhile():
    loader = training_loader(rng=np.random.default_rng(0))
    plain, watched = trainer(), trainer()
    plain.fit(loader, epochs=2, progress=False)
    loader, seen = training_loader(rng=np.random.default_rng(0)), []

    def judge(batch, t):
        seen.append(t.predict(loader))
        t.evaluate(loader)
        loader.state_dict()

    watched.fit(loader, epochs=2, validation_data=loader, callbacks=[Every(judge)], progress=False)
    assert_same(weights(plain), weights(watched))
    assert len(seen) == 10 and all(len(prediction) == len(X) for prediction in seen)


def test_validation_by_the_training_loader_is_of_all_rows():
    loader = training_loader()
    t = trainer(lr=0.0, metrics=["accuracy"])
    history = t.fit(loader, validation_data=loader, progress=False)
    expected = t.evaluate(X, Y)
    assert history["val_loss"] == [pytest.approx(expected["loss"], rel=1e-6)]
    assert history["val_accuracy"] == [expected["accuracy"]]


JUDGES = {
    "predict": lambda t, loader: t.predict(loader),
    "evaluate": lambda t, loader: t.evaluate(loader),
    "fit: validation_data": lambda t, loader: t.fit(
        X, Y, validation_data=loader, progress=False
    ),
}  # fmt: skip


@pytest.mark.parametrize("name, judge", JUDGES.items(), ids=JUDGES)
def test_a_loader_with_a_transform_is_not_judged(name, judge):
    loader = training_loader(transform=lambda x: x * 2)
    with pytest.raises(ValueError, match=f"{name}: this DataLoader has a transform.*loader.x and"):
        judge(trainer(), loader)


def test_a_loader_with_a_way_of_its_own_is_judged_in_order_too():
    class Doubled(nn.DataLoader):
        def __iter__(self):
            yield from ((2 * x, y) for x, y in super().__iter__())

    t = trainer(metrics=["accuracy"])
    loader = Doubled(X, Y, batch_size=7, shuffle=True, drop_last=True)
    next(iter(loader))
    before = loader.state_dict()
    np.testing.assert_array_equal(t.predict(loader), t.predict(2 * X, batch_size=7))
    assert t.evaluate(loader) == t.evaluate(2 * X, Y, batch_size=7)
    np.testing.assert_equal(loader.state_dict(), before)
    with pytest.raises(ValueError, match="predict: this DataLoader has a transform"):
        t.predict(Doubled(X, Y, transform=lambda x: x * 2))


def test_training_loaders_of_pytorch_are_judged_in_order_or_refused():
    torch = pytest.importorskip("torch")
    from torch.utils.data import (
        BatchSampler,
        DataLoader,
        IterableDataset,
        RandomSampler,
        SubsetRandomSampler,
        TensorDataset,
        WeightedRandomSampler,
    )

    rows = TensorDataset(torch.tensor(X), torch.tensor(Y))

    class Stream(IterableDataset):
        def __iter__(self):
            return iter(rows)

    joined = lambda samples: tuple(np.stack(part) for part in zip(*samples))  # noqa: E731
    t = trainer(metrics=["accuracy"])
    for loader in (
        DataLoader(rows, 7, shuffle=True),
        DataLoader(rows, 7, drop_last=True),
        DataLoader(rows, 7, shuffle=True, drop_last=True, collate_fn=joined),
        DataLoader(rows, batch_sampler=BatchSampler(RandomSampler(rows), 7, True)),
        DataLoader(Stream(), 7, drop_last=True),
    ):
        np.testing.assert_allclose(t.predict(loader), t.predict(X), rtol=1e-5, atol=1e-7)
        assert t.evaluate(loader) == pytest.approx(t.evaluate(X, Y))
        still = trainer(lr=0.0)
        history = still.fit(loader, validation_data=loader, progress=False)
        assert history["val_loss"][0] == pytest.approx(still.evaluate(X, Y)["loss"])
    again = DataLoader(rows, 7, sampler=RandomSampler(rows, replacement=True))
    weighted = DataLoader(rows, 7, sampler=WeightedRandomSampler(np.ones(36), 36))
    for loader, kind in ((again, "RandomSampler"), (weighted, "WeightedRandomSampler")):
        for judge in (t.predict, t.evaluate, lambda v: t.fit(X, Y, validation_data=v)):
            with pytest.raises(ValueError, match=f"this DataLoader draws its rows by a {kind}, wh"):
                judge(loader)
    some = range(5, 36, 3)  # a part that is held out: its loss is that of all its rows
    part = DataLoader(rows, 4, sampler=SubsetRandomSampler(some), drop_last=True)
    assert t.evaluate(part) == pytest.approx(t.evaluate(X[some], Y[some]))
    with pytest.raises(ValueError, match="predict: .* by a SubsetRandomSampler"):
        t.predict(part)


# ---- threads ------------------------------------------------------------------------------------


def deep(seed=0):
    nn.manual_seed(seed)
    rng = np.random.default_rng(seed)
    layers = [nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5, rng=rng)]
    model = nn.Sequential(nn.Sequential(*layers), nn.Dropout(0.5, rng=rng), nn.Linear(16, 2))
    return nn.Trainer(model, nn.optim.Adam(model.parameters(), lr=0.01), nn.CrossEntropyLoss())


def together(*works):
    """Run functions in threads at the same time; raise what one of them raised."""
    ready, failed = threading.Barrier(len(works)), []

    def run(work):
        ready.wait()
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.fixture(autouse=True)
def often():
    """Threads take turns as often as they can."""
    import sys

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def _predictions(t, seen):
    seen.extend(t.predict(X) for _ in range(10))


class Resting(nn.Dropout):
    """In evaluation until it is told to train."""

    training = False


def test_a_class_may_say_the_mode_to_begin_in():
    model = nn.Sequential(nn.Linear(2, 2), Resting(0.5))
    assert [m.training for m in model.modules()] == [True, True, False]
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), nn.CrossEntropyLoss())
    t.fit(X, Y, validation_data=(X, Y), progress=False), t.predict(X)
    assert [m.training for m in model.modules()] == [True, True, False]
    assert model.eval().train()[1].training and not copy.deepcopy(Resting()).training


@pytest.mark.parametrize("training", [True, False])
def test_predictions_of_many_threads_are_those_of_one(training):
    for seed in range(5):
        t = deep(seed)
        t.model.train(training)
        expected = deep(seed).predict(X)
        found = [[] for _ in range(4)]
        predict = functools.partial(_predictions, t)
        together(*(functools.partial(predict, seen) for seen in found))  # its very first calls
        assert all(np.array_equal(p, expected) for seen in found for p in seen)
        assert all(m.training is training for m in t.model.modules())


def test_predict_evaluate_and_summary_beside_fit_change_nothing():
    t, alone, ended = deep(), deep(), threading.Event()
    y = Y
    alone.fit(X, y, epochs=6, batch_size=6, shuffle=False, progress=False)
    seen = []

    def fit():
        try:
            t.fit(X, y, epochs=6, batch_size=6, shuffle=False, progress=False)
        finally:
            ended.set()

    def watch():
        while not ended.is_set():
            seen.append([m.training for m in t.model.modules()])
            assert t.predict(X).shape == (36, 2)
            assert np.isfinite(t.evaluate(X, y)["loss"])
            rows = t.model.summary(2).rows
            assert rows[0].output_shape == ("n", 2) and {row.calls for row in rows} == {1}

    t.model.eval()
    together(fit, watch, watch)
    assert_same(weights(t), weights(alone))
    assert t.history["loss"] == alone.history["loss"]
    assert all(not mode for modes in seen for mode in modes)  # fit's modes are its own
    assert not any(m.training for m in t.model.modules())


def test_a_thread_that_fit_started_sees_the_models_own_mode():
    t, seen = deep(), []
    t.model.eval()

    def look():
        seen.append(t.model.training)

    def act(trainer):
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        look()

    t.fit(X, Y, batch_size=36, callbacks=[At(act, batch=1)], progress=False)
    assert seen == [False, True]


def test_modes_end_with_an_error():
    class Breaks(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    model = nn.Sequential(nn.Linear(2, 2), Breaks())
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), nn.CrossEntropyLoss())
    for call in (t.predict, lambda x: t.evaluate(x, Y), lambda x: t.fit(x, Y, progress=False),
                 lambda x: model.summary(2)):  # fmt: skip
        with pytest.raises(ValueError, match="broken"):
            call(X)
        assert all(m.training for m in model.modules())
        assert model.eval().training is False and model.train().training is True


class Always(nn.Dropout):
    """Monte-Carlo Dropout: it stays on."""

    def train(self, mode=True):
        return super().train(True)


def test_a_part_that_stays_in_training_does_so_where_others_evaluate():
    model = nn.Sequential(nn.Linear(2, 64), Always(0.5), nn.Dropout(0.5), nn.Linear(64, 2))
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), nn.CrossEntropyLoss())
    assert not np.array_equal(t.predict(X), t.predict(X))
    assert all(m.training for m in model.modules())


class Keeper(nn.Module):
    """Holds a part privately, and hands its mode on to it."""

    def __init__(self):
        self.layer, self._drop = nn.Linear(2, 2), nn.Dropout(0.9)

    def train(self, mode=True):
        self._drop.train(mode)
        return super().train(mode)

    def forward(self, x):
        return self._drop(self.layer(x))


def test_private_parts_are_left_in_their_mode_too():
    model = Keeper()
    t = nn.Trainer(model, nn.optim.SGD(model.parameters()), nn.CrossEntropyLoss())
    np.testing.assert_array_equal(t.predict(X), t.predict(X))
    assert model._drop.training and model.training
    t.model.eval()
    t.fit(X, Y, validation_data=(X, Y), progress=False)
    assert not model._drop.training and not model.training


def test_copies_and_pickles_have_the_mode_that_is_seen():
    t, seen = deep(), []
    t.model.eval()

    def act(trainer):
        for other in (copy.deepcopy(t.model), pickle.loads(pickle.dumps(t.model))):
            seen.append({m.training for m in other.modules()})

    t.fit(X, Y, callbacks=[At(act, batch=1)], progress=False)
    assert seen == [{True}, {True}]
    assert not copy.deepcopy(t.model).training


# ---- what callbacks do to modes ----------------------------------------------------------------


def modes_after(act, layers=None, **when):
    """The modes of the layers in each batch of a fit in which a callback acts."""
    layers = layers or [nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)]
    t, seen = trainer(*layers), []
    look = Every(lambda *_: seen.append(tuple(m.training for m in t.model)))
    t.fit(X, Y, epochs=3, batch_size=18, callbacks=[look, At(act, **when)], progress=False)
    assert all(m.training for m in t.model)
    return seen


ON = (True,) * 4


@pytest.mark.parametrize("when", [{"batch": 1}, {"batch": 2}, {"epoch": 1}], ids=repr)
def test_a_callback_that_leaves_the_model_in_evaluation_does_not_end_its_training(when):
    assert modes_after(lambda t: t.model.eval(), **when) == [ON] * 6
    assert modes_after(lambda t: t.model.eval().train(), **when) == [ON] * 6
    assert modes_after(lambda t: t.evaluate(X, Y), **when) == [ON] * 6


def test_a_part_that_a_callback_puts_into_evaluation_stays_there():
    seen = modes_after(lambda t: t.model[1].eval(), epoch=1)
    assert seen == [ON] * 2 + [(True, False, True, True)] * 4


def frozen_layers():
    layers = [nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)]
    nn.Sequential(*layers[:3]).requires_grad_(False)
    return layers


def test_frozen_statistics_stay_whatever_callbacks_do():
    rest = (True, False, True, True)
    for act in (lambda t: t.model.eval(), lambda t: t.model.eval().train(),
                lambda t: t.model.train()):  # fmt: skip
        for when in ({"batch": 1}, {"epoch": 1}):
            assert modes_after(act, frozen_layers(), **when) == [rest] * 6


def test_freezing_and_unfreezing_between_epochs_counts_from_the_next_on():
    thaw = modes_after(lambda t: t.model.requires_grad_(), frozen_layers(), epoch=1)
    assert thaw == [(True, False, True, True)] * 2 + [ON] * 4
    freeze = modes_after(lambda t: t.model[:2].requires_grad_(False), epoch=2)
    assert freeze == [ON] * 4 + [(True, False, True, True)] * 2


# ---- frozen parts ------------------------------------------------------------------------------


def norm(**options):
    return nn.BatchNorm1d(4, **options)


class Branches(nn.Module):
    """A body under a name, in a dict and in a list; and Dropout as a function."""

    def __init__(self):
        self.body = nn.Sequential(nn.Linear(2, 4), norm(affine=False), nn.Sequential(norm()))
        self.more = {"norms": [norm(affine=False)]}
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        x = self.more["norms"][0](self.body(x))
        return self.head(nn.functional.dropout(x, 0.5, self.training))


def of(*layers):
    return nn.Sequential(*layers, nn.Linear(4, 2))


FROZEN = {  # the model, and how it is frozen
    "a slice": (lambda: of(nn.Linear(2, 4), norm(affine=False), nn.Dropout(0.5)),
                lambda m: m[:3].requires_grad_(False)),
    "with parameters": (lambda: of(nn.Linear(2, 4), norm(), nn.ReLU()),
                        lambda m: m[:3].requires_grad_(False)),
    "the layer itself": (lambda: of(nn.Linear(2, 4), norm(affine=False)),
                         lambda m: m[1].requires_grad_(False)),
    "all but the head": (lambda: of(nn.Linear(2, 4), norm(affine=False)),
                         lambda m: (m.requires_grad_(False), m[-1].requires_grad_())),
    "inside": (lambda: of(nn.Sequential(nn.Linear(2, 4), nn.Sequential(norm(affine=False)))),
               lambda m: m[0].requires_grad_(False)),
    "by parameters": (lambda: of(nn.Sequential(nn.Linear(2, 4), norm(affine=False))),
                      lambda m: [p.requires_grad_(False) for p in m[0].parameters()]),
    "a new layer": (lambda: of(nn.Linear(2, 4), nn.ReLU(), norm(affine=False)),
                    lambda m: (m.requires_grad_(False), m.__setitem__(3, nn.Linear(4, 2)))),
    "branches": (Branches, lambda m: (m.body.requires_grad_(False),
                                      m.more["norms"][0].requires_grad_(False))),
    "copied": (lambda: of(nn.Linear(2, 4), norm(affine=False)),
               lambda m: m[:2].requires_grad_(False)),
}  # fmt: skip


def statistics(model):
    return {n: b.copy() for n, b in model.named_buffers()}


@pytest.mark.parametrize("make, freeze", FROZEN.values(), ids=FROZEN)
def test_the_statistics_of_what_is_frozen_stay(make, freeze):
    for other in (lambda m: m, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        model = make()
        freeze(model)
        model = other(model)
        model.load_state_dict(model.state_dict())  # freezing is no part of a state
        before = statistics(model)
        parameters = [p for p in model.parameters() if p.requires_grad]
        t = nn.Trainer(model, nn.optim.SGD(parameters, lr=0.1), nn.CrossEntropyLoss())
        t.fit(X, Y, epochs=2, progress=False)
        np.testing.assert_equal(statistics(model), before)
        model.requires_grad_()
        t = nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss())
        t.fit(X, Y, progress=False)
        moved = {n for n, b in statistics(model).items() if not np.array_equal(b, before[n])}
        assert moved == set(before)


def test_dropout_goes_on_dropping_in_a_frozen_body():
    zeros = []

    class Look(nn.Module):
        def forward(self, x):
            if autograd.is_grad_enabled():
                zeros.append(np.mean(x.data == 0))
            return x

    body = nn.Sequential(nn.Linear(2, 64), nn.BatchNorm1d(64), nn.Dropout(0.5))
    body.requires_grad_(False)
    model = nn.Sequential(body, Look(), nn.Linear(64, 2))
    t = nn.Trainer(model, nn.optim.SGD(model[2].parameters(), lr=0.1), nn.CrossEntropyLoss())
    before = statistics(model)
    t.fit(X, Y, progress=False)
    assert all(0.4 < share < 0.6 for share in zeros) and zeros
    np.testing.assert_equal(statistics(model), before)


def test_an_explicit_loop_moves_the_statistics_as_in_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = norm(affine=False).requires_grad_(False), torch.nn.BatchNorm1d(4, affine=False)
    theirs.requires_grad_(False)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    ours(x), theirs(torch.from_numpy(x))
    np.testing.assert_allclose(ours.running_mean, theirs.running_mean, rtol=1e-5)
