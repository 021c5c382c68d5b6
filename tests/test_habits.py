"""What people bring along from PyTorch: its names, hooks, named parameters, shifted prefixes."""

import copy
import gc
import inspect
import pickle
import subprocess
import sys
import warnings
import weakref

import numpy as np
import pytest

import autograd
import nn
from autograd import Tensor
from autograd import habits as names_of_autograd
from nn import habits as names_of_nn
from tests import ROOT

# ---- names --------------------------------------------------------------------------------------

T = Tensor([[1.0, 2.0]], requires_grad=True)
OF_TENSORS = {
    "view": "reshape", "unsqueeze": "np.expand_dims", "numel": "size", "zero_": "assign_",
    "permute": "transpose", "cuda": "one device", "to": "one device", "contiguous": "leave it out",
    "masked_fill": "np.where", "half": "astype", "dim": "ndim", "clamp": "clip", "mm": "@",
    "gather": "np.take_along_axis", "add_": "x + y", "norm": "np.linalg.norm",
}  # fmt: skip


@pytest.mark.parametrize("name", OF_TENSORS)
def test_methods_of_pytorch_lead_to_ours(name):
    with pytest.raises(AttributeError, match=f"Tensor has no attribute '{name}'; ") as caught:
        getattr(T, name)
    assert OF_TENSORS[name] in str(caught.value)


@pytest.mark.parametrize(
    "owner", [T, T * 2, Tensor, Tensor([1])], ids=["leaf", "result", "class", "int"]
)
@pytest.mark.parametrize("name", names_of_autograd.TENSOR)
def test_asking_for_one_says_no(owner, name):
    assert not hasattr(owner, name) and getattr(owner, name, 5) == 5


def test_editors_do_not_complete_them():
    for owner, names in ((T, names_of_autograd.TENSOR), (nn.ReLU(), names_of_nn.MODULE)):
        assert not set(names) & set(dir(owner)) and len(dir(owner)) > 30
    assert "reshape" in dir(T) and "forward" in dir(nn.ReLU())


def test_what_a_tensor_has_is_not_among_them():
    plain = {n for kind in Tensor.__mro__ for n in vars(kind)} - set(names_of_autograd.TENSOR)
    assert {"reshape", "clip", "detach", "requires_grad_"} <= plain
    for name, told in names_of_autograd.TENSOR.items():
        assert not told.startswith(f"use {name}(")


def test_a_subclass_may_have_them():
    class Mine(Tensor):
        def view(self, *shape):
            return self.reshape(*shape)

    assert Mine([1.0, 2.0]).view(2, 1).shape == (2, 1) and "view" in dir(Mine([1.0]))
    assert pickle.loads(pickle.dumps(T)).tolist() == T.tolist() == copy.deepcopy(T).tolist()


PLACES = [
    (nn, names_of_nn.LAYERS), (nn.functional, names_of_nn.FUNCTIONS),
    (nn.optim, names_of_nn.OPTIMIZERS), (nn.optim.lr_scheduler, names_of_nn.SCHEDULES),
    (autograd, names_of_autograd.MODULE),
]  # fmt: skip


@pytest.mark.parametrize("module, names", PLACES, ids=[m.__name__ for m, _ in PLACES])
def test_modules_tell_of_names_that_they_have_not(module, names):
    here = set(names) & set(dir(module))
    assert not here, f"{module.__name__} has {here} now: take them out of its habits.py"
    for name, told in names.items():
        with pytest.raises(AttributeError, match=f"'{module.__name__}'.*'{name}'; ") as caught:
            getattr(module, name)
        assert str(caught.value).endswith(told) and not hasattr(module, name)
    for name in ("__wrapped__", "_nobody"):
        with pytest.raises(AttributeError, match=f"'{name}'$"):
            getattr(module, name)


@pytest.mark.parametrize("module, name, near", [
    (nn, "Relu", "ReLU"), (nn, "Crossentropyloss", "CrossEntropyLoss"), (nn, "linear", "Linear"),
    (nn.functional, "crossentropy", "cross_entropy"), (nn.optim, "Adagrat", "Adagrad"),
    (nn.optim.lr_scheduler, "ExponentLR", "ExponentialLR"),
])  # fmt: skip
def test_the_nearest_name_is_told(module, name, near):
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'; did you mean '{near}'"):
        getattr(module, name)


def test_parameters_and_lists_of_modules_lead_to_ours():
    with pytest.raises(AttributeError, match="Tensor in an attribute is a parameter"):
        _ = nn.Parameter
    with pytest.raises(AttributeError, match="plain list in an attribute"):
        _ = nn.ModuleList
    with pytest.raises(ImportError):
        exec("from nn import ModuleList")


@pytest.mark.parametrize("name", names_of_nn.MODULE)
def test_modules_tell_of_methods_that_they_have_not(name):
    for module in (nn.Linear(2, 3), nn.Sequential(), nn.MSELoss()):
        assert not hasattr(module, name)
        with pytest.raises(AttributeError, match=f"{type(module).__name__} has no .*'{name}'; "):
            getattr(module, name)


@pytest.mark.parametrize("name, ours", [("dim", "axis="), ("keepdim", "keepdims=")])
def test_pytorchs_arguments_lead_to_ours(name, ours):
    with pytest.raises(TypeError, match=f"softmax: the argument {name}= .* it is called {ours}"):
        nn.functional.softmax(Tensor([1.0]), **{name: 0})


RENAMED = {"axis": "dim", "keepdims": "keepdim", "start_axis": "start_dim", "end_axis": "end_dim"}
OTHERS = [
    *((getattr(nn.functional, n), n) for n in nn.functional.__all__),
    *((getattr(nn, n), n) for n in (*nn.layers.__all__, *nn.losses.__all__)),
]
WITH_AXES = [
    pytest.param(owner, ours, RENAMED[ours], id=f"{name} {ours}")
    for owner, name in OTHERS
    for ours in inspect.signature(owner).parameters
    if ours in RENAMED
]


@pytest.mark.parametrize("owner, ours, theirs", WITH_AXES)
def test_all_that_has_an_axis_tells_what_it_is_called(owner, ours, theirs):
    given = () if isinstance(owner, type) else (T, T)[: 1 + ("x2" in str(inspect.signature(owner)))]
    with pytest.raises(TypeError, match=f"{owner.__name__}.* {theirs}=.*; it is called {ours}="):
        owner(*given, **{theirs: 1})


def test_some_have_axes():
    assert len(WITH_AXES) > 12


@pytest.mark.parametrize("name", sorted(set(names_of_nn.ARGUMENTS) - set(RENAMED.values())))
@pytest.mark.parametrize("kind", ["Linear", "ReLU", "Softmax", "LSTM", "BatchNorm2d", "MSELoss"])
def test_classes_tell_of_arguments_that_they_have_not(kind, name):
    told = names_of_nn.ARGUMENTS[name]
    with pytest.raises(TypeError, match=f"^{kind} has no argument {name}=; ") as caught:
        getattr(nn, kind)(**{name: None})
    assert str(caught.value).endswith(told)


def test_what_a_class_of_ones_own_takes_is_its_own_matter():
    class Net(nn.Linear):
        def __init__(self, device, **options):
            super().__init__(2, 3, **options)

    assert Net(device="cpu").out_features == 3
    with pytest.raises(TypeError, match="^Linear has no argument inplace=; results are always new"):
        Net("cpu", inplace=True)
    assert list(inspect.signature(nn.Linear).parameters)[:2] == ["in_features", "out_features"]


def test_a_module_may_have_what_is_called_so():
    class Net(nn.Module):
        def __init__(self):
            self.add, self.to = 3, nn.Linear(2, 2)

        def predict(self):
            return 7

    net = Net()
    assert (net.add, net.predict()) == (3, 7) and {"add", "to", "predict"} <= set(dir(net))
    assert list(net.state_dict()) == ["to.weight", "to.bias"]


# ---- what made a Tensor -------------------------------------------------------------------------


def test_what_made_a_tensor_is_known():
    a, b = Tensor([1.0], requires_grad=True), Tensor([2.0])
    y = np.concatenate([a * b, b, a])
    assert y.made_by == "concatenate" and y.made_of[1] is a and len(y.made_of) == 2
    assert (y.made_of[0].made_by, y.made_of[0].made_of) == ("multiply", (a,))
    assert (a.made_by, a.made_of, (b * 2).made_by, (b * 2).made_of) == (None, (), "multiply", ())
    u, s, _ = np.linalg.svd(Tensor(np.eye(2), requires_grad=True))
    assert all(isinstance(t, Tensor) for part in (u, s) for t in part.made_of)
    y.sum().backward(retain_graph=False)
    assert y.made_by == "concatenate" and y.made_of == ()


# ---- hooks on the forward -----------------------------------------------------------------------


def test_a_hook_sees_inputs_and_output_and_may_replace_it():
    layer, seen = nn.Linear(2, 3), []
    x = np.ones((5, 2))
    plain = layer(x).data
    handle = layer.register_forward_hook(lambda *seen_now: seen.append(seen_now))
    other = layer.register_forward_hook(lambda module, inputs, output: output * 2)
    last = layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
    y = layer(x)
    module, inputs, output = seen[0]
    assert module is layer and inputs[0] is x and len(inputs) == 1
    np.testing.assert_array_equal(output.data, plain)
    np.testing.assert_array_equal(y.data, 2 * plain)
    assert seen[1] is y
    for h in (handle, other, last, other):
        h.remove()
    np.testing.assert_array_equal(layer(x).data, plain)
    assert len(seen) == 2 and type(layer._scope) is autograd.scope


def test_hooks_are_as_those_of_pytorch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    results = []
    for library, data in ((nn, Tensor), (torch.nn, torch.tensor)):
        calls = []

        class Twice(library.Module):
            def forward(self, x, *, scale=1):
                return x * 2 * scale

        module = Twice()
        a = module.register_forward_hook(lambda m, i, o, c=calls: c.append((len(i), o.tolist())))
        module.register_forward_hook(lambda m, i, o: o + 1)
        module.register_forward_hook(lambda m, i, o, c=calls: c.append((len(i), o.tolist())))
        first = module(data([1.0]), scale=3).tolist()
        a.remove()
        results.append((first, module(data([1.0])).tolist(), calls))
    assert results[0] == results[1]


def test_gradients_flow_through_what_a_hook_gives():
    layer = nn.Linear(2, 1)
    with layer.register_forward_hook(lambda module, inputs, output: output * 3):
        layer(np.ones((1, 2))).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [[3, 3]])
    layer.zero_grad()
    layer(np.ones((1, 2))).sum().backward()
    np.testing.assert_array_equal(layer.weight.grad, [[1, 1]])


def test_a_hook_may_remove_itself():
    layer, calls = nn.ReLU(), []

    def once(module, inputs, output):
        calls.append(1)
        handle.remove()

    handle = layer.register_forward_hook(once)
    other = layer.register_forward_hook(lambda *a: calls.append(2))
    layer([1.0])
    layer([1.0])
    assert calls == [1, 2, 2]
    other.remove()


def test_hooks_stay_on_copies_and_hold_no_module():
    calls = []
    model = nn.Sequential(nn.Linear(2, 2))
    model[0].register_forward_hook(lambda *a: calls.append(a[0]))
    model(np.ones((1, 2)))
    twin = copy.deepcopy(model)
    twin(np.ones((1, 2)))
    assert calls == [model[0], twin[0]] and model.summary(2).total == 6
    assert list(twin.state_dict()) == ["0.weight", "0.bias"]
    calls.clear()
    gone = weakref.ref(model[0])
    gc.disable()
    try:
        del model
        assert gone() is None
    finally:
        gc.enable()
    with pytest.raises(TypeError, match="register_forward_hook needs a function"):
        twin.register_forward_hook(3)


# ---- attributes that become state ---------------------------------------------------------------


class Looking(nn.Module):
    """Its forward does something to itself."""

    def __init__(self, act):
        self.layer, self.seen, self.last, self._act = nn.Linear(2, 2), [], None, act
        self.by_name = {}
        self.running = np.zeros(2)

    def forward(self, x):
        y = self.layer(x)
        self._act(self, x, y)
        return y


def helper(module, y):
    module.last = y.data


STATES = {
    "an input": (lambda m, x, y: setattr(m, "last_input", x), "last_input", "a buffer"),
    "instead of None": (lambda m, x, y: setattr(m, "last", x), "last", "a buffer"),
    "a result": (lambda m, x, y: setattr(m, "hidden", y), "hidden", "a parameter"),
    "a constant": (lambda m, x, y: setattr(m, "hidden", y.detach()), "hidden", "a parameter"),
    "a pair": (lambda m, x, y: setattr(m, "both", (x, y)), "both", "parameters and buffers"),
    "appended": (lambda m, x, y: m.seen.append(y.data), "seen", "a buffer"),
    "by name": (lambda m, x, y: m.by_name.update(x=x), "by_name", "a buffer"),
    "in a function": (lambda m, x, y: helper(m, y), "last", "a buffer"),
    "a list": (lambda m, x, y: setattr(m, "layer2", [y]), "layer2", "parameters and buffers"),
}  # fmt: skip


def warned(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("act, name, kind", STATES.values(), ids=STATES)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_state_that_forward_makes_is_told_once(act, name, kind, mode):
    module = getattr(Looking(act), mode)()
    (text,) = warned(lambda: module(np.ones((1, 2))))
    assert f"forward of Looking sets self.{name}" in text and kind in text
    assert f"call it self._{name}" in text
    assert warned(lambda: module(np.ones((1, 2)))) == []


@pytest.mark.parametrize("kind, name", [("a buffer", "out"), ("a parameter", "hidden")])
def test_state_that_a_hook_makes_is_told_once(kind, name):
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())

    def keep(module, inputs, output):
        setattr(module, name, output.data if name == "out" else output)

    model[0].register_forward_hook(keep)
    (text,) = warned(lambda: model(np.ones((1, 2))))
    assert f"a hook of Linear sets self.{name}" in text and kind in text
    assert warned(lambda: model(np.ones((1, 2)))) == []
    model[1].register_forward_hook(lambda module, inputs, output: setattr(module, "_out", output))
    assert warned(lambda: model(np.ones((1, 2)))) == []


def test_state_that_only_training_makes_is_told_as_well():
    module = Looking(lambda m, x, y: setattr(m, "last", x) if m.training else None)
    assert warned(lambda: module.eval()(np.ones((1, 2)))) == []
    assert len(warned(lambda: module.train()(np.ones((1, 2))))) == 1


FINE = {
    "an underscore": lambda m, x, y: setattr(m, "_last", x),
    "a number": lambda m, x, y: setattr(m, "count", 3),
    "numbers": lambda m, x, y: m.seen.append(3.0),
    "a buffer moves": lambda m, x, y: setattr(m, "running", m.running + 1),
    "a parameter made late": lambda m, x, y: setattr(m, "late", Tensor([1.0], requires_grad=True)),
    "a layer made late": lambda m, x, y: setattr(m, "late", nn.BatchNorm1d(2)),
    "of another object": lambda m, x, y: setattr(type(m), "shown", 1),
}


@pytest.mark.parametrize("act", FINE.values(), ids=FINE)
def test_what_is_no_state_or_is_meant_is_not_told(act):
    module = Looking(act)
    assert warned(lambda: (module(np.ones((1, 2))), module(np.ones((1, 2))))) == []


def test_state_set_from_outside_is_not_told():
    module = Looking(lambda m, x, y: None)
    module(np.ones((1, 2)))
    assert warned(lambda: setattr(module, "table", np.ones(3))) == []
    assert "table" in module.state_dict()


# ---- counting batches ---------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.1, None])
def test_an_empty_batch_is_counted_as_pytorch_does(momentum):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    ours, theirs = nn.BatchNorm1d(3, momentum=momentum), torch.nn.BatchNorm1d(3, momentum=momentum)
    rng = np.random.default_rng(0)
    for rows in (4, 0, 5, 0):
        x = rng.normal(size=(rows, 3)).astype(np.float32)
        assert ours(x).shape == tuple(theirs(torch.from_numpy(x)).shape)
        assert int(ours.num_batches_tracked) == int(theirs.num_batches_tracked)
    np.testing.assert_allclose(ours.running_mean, theirs.running_mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(ours.running_var, theirs.running_var.numpy(), rtol=1e-5)


# ---- named parameters ---------------------------------------------------------------------------


def test_optimisers_take_named_parameters_and_keep_the_names():
    model = nn.MLP([2, 3, 1])
    names = [name for name, _ in model.named_parameters()]
    for make in (nn.optim.Adam, nn.optim.SGD):
        named, plain = make(model.named_parameters()), make(model.parameters())
        assert named.param_groups[0]["param_names"] == names
        state = named.state_dict()
        assert state["param_groups"][0]["param_names"] == names
        plain.load_state_dict(state)
        assert "param_names" not in plain.param_groups[0]
        named.load_state_dict(plain.state_dict())
        assert named.param_groups[0]["param_names"] == names
        assert "param_names" not in repr(named)


def test_named_groups_and_steps():
    a, b = nn.MLP([2, 3, 1], rng=np.random.default_rng(0)), nn.MLP([2, 3, 1])
    b.load_state_dict(a.state_dict())
    named = nn.optim.Adam([
        {"params": a[0].named_parameters(), "lr": 0.1}, {"params": list(a[2].named_parameters())}
    ])  # fmt: skip
    plain = nn.optim.Adam([{"params": b[0].parameters(), "lr": 0.1}, {"params": b[2].parameters()}])
    for _ in range(3):
        for model, optimizer in ((a, named), (b, plain)):
            optimizer.zero_grad()
            model(np.ones((4, 2))).sum().backward()
            optimizer.step()
    assert all(np.array_equal(p.data, q.data) for p, q in zip(a.parameters(), b.parameters()))
    assert named.param_groups[1]["param_names"] == ["weight", "bias"]
    assert all(len(group["params"]) == 2 for group in named.param_groups)


def test_names_for_some_parameters_are_refused():
    p, q = Tensor([1.0], requires_grad=True), Tensor([2.0], requires_grad=True)
    with pytest.raises(TypeError, match="1 parameters come with a name and 1 without"):
        nn.optim.SGD([("p", p), q])
    with pytest.raises(TypeError, match="parameter 0 must be a Tensor, got tuple"):
        nn.optim.SGD([(p, q)])


def test_a_state_with_names_goes_to_pytorch_and_comes_back():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    theirs = torch.nn.Linear(2, 1)
    try:
        o = torch.optim.Adam(theirs.named_parameters())
    except TypeError:
        pytest.skip("this PyTorch takes no named parameters")
    ours = nn.Linear(2, 1)
    mine = nn.optim.Adam(ours.named_parameters())
    ours(np.ones((1, 2))).sum().backward()
    mine.step()
    state = mine.state_dict()
    assert (
        state["param_groups"][0]["param_names"] == o.state_dict()["param_groups"][0]["param_names"]
    )
    mine.load_state_dict(o.state_dict())
    assert mine.state == {}


# ---- shifted prefixes ---------------------------------------------------------------------------


class Body(nn.Module):
    def __init__(self, name="backbone", head=""):
        setattr(self, name, nn.MLP([4, 8, 3]))
        if head:
            setattr(self, head, nn.Linear(3, 2))

    def forward(self, x):
        return x


SHIFTS = {
    "in the state": (Body(), nn.MLP([4, 8, 3]), "have 'backbone.' before them"),
    "in the model": (nn.MLP([4, 8, 3]), Body("body"), "have 'body.' before them"),
    "another": (Body("module"), Body("model"), "begin with 'module.', those wanted with 'model.'"),
    "two levels": (nn.Sequential(Body()), nn.MLP([4, 8, 3]), "have '0.backbone.' before them"),
}


@pytest.mark.parametrize("source, target, words", SHIFTS.values(), ids=SHIFTS)
def test_a_shifted_prefix_is_told_with_its_cure(source, target, words, tmp_path):
    state = source.state_dict()
    with pytest.raises(ValueError, match="load_state_dict: the state does not fit") as caught:
        target.load_state_dict(state)
    text = str(caught.value)
    assert words in text
    cure = text.splitlines()[-1].strip()
    target.load_state_dict(eval(cure, {"state": state}))
    assert all(np.array_equal(a, b) for a, b in zip(target.state_dict().values(), state.values()))
    nn.save(tmp_path / "a.npz", source)
    with pytest.raises(nn.CheckpointError) as caught:
        nn.load(tmp_path / "a.npz", like=target)
    assert words in str(caught.value)
    (warning,) = warned(lambda: target.load_state_dict(state, strict=False))
    assert "no name of the state" in warning and words in warning


@pytest.mark.parametrize("plain", [False, True], ids=["another", "none"])
def test_a_shifted_body_beside_a_head_that_fits(plain):
    source, target = Body("backbone", "head"), Body("body", "head")
    state = source.state_dict()
    if plain:
        state = {name.removeprefix("backbone."): value for name, value in state.items()}
    with pytest.raises(ValueError) as caught:
        target.load_state_dict(state)
    cure = str(caught.value).splitlines()[-1].strip()
    (warning,) = warned(lambda: target.load_state_dict(state, strict=False))
    assert "has 6 names, and only 2 of them are in the state" in warning and cure in warning
    target.load_state_dict(eval(cure, {"state": state}))
    assert all(map(np.array_equal, target.state_dict().values(), source.state_dict().values()))


def test_most_that_fits_is_loaded_without_a_word():
    """A head that is called otherwise may be meant to stay."""
    state = Body("body", "fc").state_dict()
    assert warned(lambda: Body("body", "head").load_state_dict(state, strict=False)) == []


@pytest.mark.parametrize("shift", [1, 3])
def test_layers_with_other_numbers_are_no_shifted_prefix(shift):
    """Each has a number of its own: one prefix for all would put them into each other's place."""
    source = nn.Sequential(*[nn.Linear(4, 4) for _ in range(4)])
    target = nn.Sequential(*[nn.Flatten()] * shift, *[nn.Linear(4, 4) for _ in range(4)])
    for one, other in ((source, target), (target, source)):
        with pytest.raises(ValueError) as caught:
            other.load_state_dict(one.state_dict())
        assert "state.items()" not in str(caught.value)


def test_states_that_are_something_else_get_no_such_hint():
    wrong = [nn.MLP([4, 9, 3]), nn.BatchNorm1d(4), nn.Linear(8, 4)]
    for source in wrong:
        with pytest.raises(ValueError) as caught:
            nn.MLP([4, 8, 3]).load_state_dict(source.state_dict())
        assert "before them" not in str(caught.value) and "begin with" not in str(caught.value)
    part = {"0.weight": np.zeros((8, 4)), "extra": np.zeros(7)}
    assert warned(lambda: nn.MLP([4, 8, 3]).load_state_dict(part, strict=False)) == []


LATER = """
import nn
nn.save = "of my own"
assert nn.load.__module__ == "nn.files.state" and nn.save == "of my own"
"""


def test_a_name_of_my_own_stays_when_the_names_of_its_file_are_loaded():
    run = subprocess.run([sys.executable, "-c", LATER], cwd=ROOT)
    assert run.returncode == 0


# ---- calls that do not fit ----------------------------------------------------------------------


def _modules():
    kinds = [getattr(nn, n) for n in (*nn.layers.__all__, *nn.losses.__all__) if n[0].isupper()]
    own = [k for k in kinds if issubclass(k, nn.Module) and k.__init__ is not object.__init__]
    return [pytest.param(k, id=k.__name__) for k in own]


@pytest.mark.parametrize("kind", _modules())
def test_a_class_tells_of_arguments_that_do_not_fit(kind):
    names = [p for p in inspect.signature(kind).parameters if p not in ("dtype", "rng")]
    calls = {"unknown argument 'zzz'": ((), {"zzz": 1})}
    if kind is not nn.Sequential:
        calls["too many positional arguments"] = ((None,) * 30, {})
    needed = inspect.signature(kind).parameters.values()
    if any(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in needed):
        calls["missing a required argument: "] = ((), {})
    for why, (args, options) in calls.items():
        with pytest.raises(TypeError, match=rf"^{kind.__name__}: {why}.*; it takes ") as caught:
            kind(*args, **options)
        assert all(name in str(caught.value) for name in names or ["no arguments"])


@pytest.mark.parametrize("kind", _modules())
def test_a_class_tells_the_nearest_name_of_an_argument(kind):
    for name in inspect.signature(kind).parameters:
        if len(name) > 4 and kind is not nn.Sequential:
            wrong = name[:2] + name[3:]
            with pytest.raises(TypeError, match=f"{kind.__name__}: .*{wrong}'; did you mean '"):
                kind(**{wrong: 1})


def test_nearest_names_and_forwards_of_layers():
    x = np.ones((1, 3, 4, 4), np.float32)
    with pytest.raises(TypeError, match="^Conv2d: unknown .* 'kernal_size'; did you mean 'kernel_"):
        nn.Conv2d(3, 8, kernal_size=3)
    for call, message in [
        (lambda: nn.Conv2d(3, 8, 1)(), r"^Conv2d.forward: missing .* 'x'; it takes \(x\)$"),
        (lambda: nn.Conv2d(3, 8, 1)(x, x), r"^Conv2d.forward: too many positional arguments; "),
        (lambda: nn.LSTM(3, 8)(x[0], lenghts=[1]), "^LSTM.forward: .*'; did you mean 'lengths'"),
        (lambda: nn.MSELoss()(x), "^MSELoss.forward: missing .* 'target'; it takes"),
        (lambda: nn.Sequential(nn.ReLU())(x, x), "^Sequential.forward: too many "),
    ]:
        with pytest.raises(TypeError, match=message):
            call()

    class Net(nn.Conv2d):
        def __init__(self):
            super().__init__(3, 8)

    class Own(nn.Module):
        def forward(self, x):
            return len(3)

    with pytest.raises(TypeError, match="^Conv2d: missing a required argument: 'kernel_size'"):
        Net()
    with pytest.raises(TypeError, match=r"Own.forward\(\) missing 1 required"):
        Own()()
    with pytest.raises(TypeError, match=r"^object of type 'int' has no len"):
        nn.Sequential(Own())(x)


@pytest.mark.parametrize("name", nn.functional.__all__)
def test_a_function_names_itself_when_arguments_do_not_fit(name):
    function = getattr(nn.functional, name)
    for args, options in [((), {}), ((1.0,) * 30, {}), ((1.0,), {"zzz": 1})]:
        with pytest.raises(TypeError, match=rf"^{function.__name__}\b"):
            function(*args, **options)


OF_NN = [n for n in nn.functional.__all__ if getattr(nn.functional, n).__module__.startswith("nn.")]


@pytest.mark.parametrize("name", OF_NN)
def test_a_function_tells_the_nearest_name_of_an_argument(name):
    function = getattr(nn.functional, name)
    parameters = inspect.signature(function).parameters
    assert len(inspect.signature(inspect.unwrap(function)).parameters) == len(parameters)
    for parameter in parameters:
        if len(parameter) > 4:
            wrong = parameter[:2] + parameter[3:]
            with pytest.raises(TypeError, match=f"^{function.__name__}: .*{wrong}'; did you mean"):
                function(**{wrong: 1})


def test_most_functions_are_of_nn():
    assert len(OF_NN) > 70
