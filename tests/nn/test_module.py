"""Module: how its state is found, named, saved, loaded and converted; scopes; memory.

The rules: a Tensor is a parameter, an ndarray a buffer, attributes, lists, tuples and dicts are
walked in the order in which they were set, names that start with "_" are private.
"""

import copy
import gc
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref
from collections import namedtuple

import numpy as np
import pytest

import nn
from autograd import Tensor, no_grad
from tests import ROOT


class Bag(nn.Module):
    """A Module with whatever attributes it is given."""

    def __init__(self, **attributes):
        vars(self).update(attributes)

    def forward(self, x):
        return x


class Net(nn.Module):
    """Layers in an attribute, a list and a dict, and a buffer."""

    def __init__(self):
        self.inner = nn.Linear(3, 4)
        self.more = [nn.Linear(4, 4), nn.Tanh()]
        self.heads = {"out": nn.Linear(4, 2, bias=False)}
        self.shift = np.array([1.0, 2.0], np.float32)

    def forward(self, x):
        for layer in (self.inner, *self.more, self.heads["out"]):
            x = layer(x)
        return x + self.shift


def leaf(*shape):
    return Tensor(np.zeros(shape), requires_grad=True)


def parameter_names(module):
    return [name for name, _ in module.named_parameters()]


def buffer_names(module):
    return [name for name, _ in module.named_buffers()]


# ---- finding state ----------------------------------------------------------------------------


def test_parameters_come_in_the_order_in_which_they_were_set():
    names = ["inner.weight", "inner.bias", "more.0.weight", "more.0.bias", "heads.out.weight"]
    assert parameter_names(Net()) == names
    assert buffer_names(Net()) == ["shift"]


HELD = {
    "attribute": (Bag(p=leaf(1)), ["p"]),
    "list": (Bag(ps=[leaf(1), 3, leaf(2)]), ["ps.0", "ps.2"]),
    "tuple": (Bag(ps=(leaf(1), "x", leaf(2))), ["ps.0", "ps.2"]),
    "dict": (Bag(ps={"a": leaf(1), 7: leaf(2)}), ["ps.a", "ps.7"]),
    "nested": (Bag(ps=[{"a": (leaf(1), [leaf(2)])}]), ["ps.0.a.0", "ps.0.a.1.0"]),
    "own before and after a child": (
        Bag(a=leaf(1), child=Bag(c=leaf(2)), b=leaf(3)),
        ["a", "child.c", "b"],
    ),
    "private attribute": (Bag(_p=leaf(1), p=leaf(1), _list=[leaf(1)]), ["p"]),
    "private key": (Bag(d={"_p": leaf(1), "p": leaf(1)}), ["d.p"]),
    "frozen": (Bag(p=Tensor([1.0])), ["p"]),
    "computed without a graph": (Bag(p=Tensor([1.0]) * 2), ["p"]),
    "nothing": (Bag(number=3, text="weight", none=None), []),
}


@pytest.mark.parametrize("module, names", HELD.values(), ids=HELD)
def test_where_tensors_are_found(module, names):
    assert parameter_names(module) == names
    assert list(module.parameters()) == [tensor for _, tensor in module.named_parameters()]


def test_numpy_scalars_and_private_arrays_are_no_buffers():
    module = Bag(a=np.zeros(2), b=np.float64(3), _c=np.zeros(2), d=[np.zeros(1)], e=np.array(1))
    assert buffer_names(module) == ["a", "d.0", "e"]


@pytest.mark.parametrize(
    "names",
    [
        np.array(["cat", "dog"]), np.array([b"cat"]), np.array(["cat", None], object),
        np.array(["2024-01-01"], "datetime64[D]"), np.zeros(2, [("a", float)]),
    ],
    ids=lambda names: names.dtype.kind,
)  # fmt: skip
def test_names_beside_a_model_are_no_state(names, tmp_path):
    """Nothing that is no number could be saved, or cast as it is loaded."""
    model = nn.Linear(2, 3)
    model.classes, model.table = names, {"names": names}
    assert list(model.state_dict()) == ["weight", "bias"]
    model.load_state_dict(model.state_dict())
    nn.save(tmp_path / "model.npz", model)
    x = np.random.default_rng(0).normal(size=(20, 2))
    trainer = nn.Trainer(model, nn.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())
    callbacks = [nn.EarlyStopping(), nn.ModelCheckpoint(tmp_path / "run.npz")]
    trainer.fit(x, x @ np.ones((2, 3)), validation_split=0.2, callbacks=callbacks, progress=False)
    assert model.classes is names and model.table["names"] is names


def test_a_module_needs_no_init_of_its_base():
    class Bare(nn.Module):
        def __init__(self):
            self.p = leaf(2)

        def forward(self, x):
            return self.p * x

    assert parameter_names(Bare()) == ["p"] and Bare().training
    assert Bare()(2.0).shape == (2,)


def test_a_shared_tensor_or_module_is_counted_once():
    p, layer = leaf(2), nn.Linear(2, 2)
    module = Bag(a=p, b=[p], first=layer, second=Bag(inner=layer))
    assert parameter_names(module) == ["a", "first.weight", "first.bias"]
    assert [name for name, _ in module.named_modules()] == ["", "first", "second"]
    assert [name for name, _ in Bag(a=layer, b=layer, c=nn.ReLU()).named_children()] == ["a", "c"]


def test_cycles_are_followed_once():
    module, ring = Bag(p=leaf(1)), []
    ring.append(ring)
    module.me, module.ring, module.child = module, ring, Bag(parent=module, q=leaf(1))
    assert parameter_names(module) == ["p", "child.q"]
    assert len(list(module.modules())) == 2
    assert repr(module).count("Bag(") == 4  # itself, the child, and twice "Bag(...)"
    assert "(me): Bag(...)" in repr(module)


def test_a_deep_chain_of_modules_needs_no_recursion():
    module = inner = Bag()
    for _ in range(5_000):
        inner.next = Bag()
        inner = inner.next
    inner.p = leaf(1)
    assert len(list(module.modules())) == 5_001
    assert parameter_names(module)[0].count("next") == 5_000


def test_a_tensor_with_a_graph_raises_and_suggests_the_underscore():
    x = leaf(2)
    module = Bag(w=x, cache=[x * 2])
    for ask in (module.parameters, module.state_dict, module.zero_grad):
        with pytest.raises(ValueError, match=r"cache\.0 of Bag.*operation made.*underscore"):
            list(ask() or ())
    module = Bag(w=x, _cache=[x * 2])
    assert parameter_names(module) == ["w"]


def test_two_entries_of_one_name_raise():
    module = Bag(**{"a.b": leaf(1), "a": {"b": leaf(1)}})
    with pytest.raises(ValueError, match=r"two entries of Bag are called 'a\.b'"):
        module.state_dict()


def test_modules_and_children():
    net = Net()
    assert [name for name, _ in net.named_modules()] == [
        "", "inner", "more.0", "more.1", "heads.out",
    ]  # fmt: skip
    assert list(net.children()) == [net.inner, *net.more, net.heads["out"]]
    assert list(Bag(a=net).children()) == [net]


# ---- state dict -------------------------------------------------------------------------------


def test_state_dict_is_a_copy_by_name():
    net = Net()
    state = net.state_dict()
    assert list(state) == [
        "inner.weight", "inner.bias", "more.0.weight", "more.0.bias", "heads.out.weight", "shift",
    ]  # fmt: skip
    assert all(type(array) is np.ndarray for array in state.values())
    state["inner.weight"][:] = 0
    state["shift"][:] = 0
    assert np.all(net.inner.weight.data != 0) and np.all(net.shift != 0)


def test_load_state_dict_takes_over_values_and_keeps_dtypes_and_objects():
    source, target = Net(), Net()
    weight = target.inner.weight
    state = {k: v.astype(np.float64) for k, v in source.state_dict().items()}
    assert target.load_state_dict(state) == ([], [])
    assert target.inner.weight is weight and weight.dtype == np.float32
    assert target.shift.dtype == np.float32
    for name, array in source.state_dict().items():
        np.testing.assert_array_equal(target.state_dict()[name], array)


def test_loading_shares_nothing_with_the_given_state():
    net, state = Net(), Net().state_dict()
    net.load_state_dict(state)
    before = net.state_dict()
    for array in state.values():
        array[:] = 7
    assert all(np.array_equal(net.state_dict()[name], before[name]) for name in before)


def test_loading_takes_tensors_and_lists():
    layer = nn.Linear(1, 2)
    layer.load_state_dict({"weight": Tensor([[1.0], [2.0]], requires_grad=True), "bias": [3, 4]})
    assert layer.weight.tolist() == [[1.0], [2.0]] and layer.bias.tolist() == [3.0, 4.0]


def spoiled(**changes):
    """A state of Net with some entries replaced, or (None) left out."""
    state = {**Net().state_dict(), **{k.replace("__", "."): v for k, v in changes.items()}}
    return {name: value for name, value in state.items() if value is not None}


MISFITS = {
    "a checkpoint of PyTorch": (
        {"epoch": 3, "model_state_dict": Net().state_dict()},
        TypeError,
        r"give that: load_state_dict\(state\['model_state_dict'\]\)",
    ),
    "missing": (spoiled(shift=None), ValueError, r"missing: shift$"),
    "unexpected": (spoiled(extra=np.zeros(1)), ValueError, r"unexpected: extra$"),
    "shape": (
        spoiled(inner__bias=np.zeros(5)),
        ValueError,
        r"wrong shape: inner\.bias is \(5,\), expected \(4,\)",
    ),
    "a shape that would broadcast": (
        spoiled(inner__bias=np.zeros(1)),
        ValueError,
        r"inner\.bias is \(1,\)",
    ),
    "buffer": (spoiled(shift=np.zeros(3)), ValueError, r"shift is \(3,\), expected \(2,\)"),
    "all at once": (
        spoiled(inner__weight=None, shift=None, extra=[1.0], other=[1.0], inner__bias=[1.0]),
        ValueError,
        r"(?s)nothing was changed.*missing: inner\.weight, shift.*unexpected: extra, other.*"
        r"wrong shape: inner\.bias",
    ),
    "text": (spoiled(shift=["a", "b"]), TypeError, r"load_state_dict: shift: .*no number"),
    "complex": (spoiled(shift=np.zeros(2, complex)), TypeError, r"shift: .*complex"),
    "no dict": ([1, 2], TypeError, r"needs a dict of arrays by name, got list"),
}


@pytest.mark.parametrize("state, kind, message", MISFITS.values(), ids=MISFITS)
def test_a_state_that_does_not_fit_changes_nothing(state, kind, message):
    net = Net()
    before, shift = net.state_dict(), net.shift
    with pytest.raises(kind, match=message):
        net.load_state_dict(state)
    assert net.shift is shift
    assert all(np.array_equal(array, before[name]) for name, array in net.state_dict().items())
    net.load_state_dict(Net().state_dict())


def test_not_strict_passes_over_names_but_not_shapes():
    net = Net()
    keys = net.load_state_dict({"shift": [5.0, 6.0], "extra": [1.0]}, strict=False)
    assert keys.missing_keys == list(net.state_dict())[:-1]
    assert keys.unexpected_keys == ["extra"]
    assert net.shift.tolist() == [5.0, 6.0]
    with pytest.raises(ValueError, match=r"nothing was changed:\n +wrong shape: shift is \(1,\)"):
        net.load_state_dict({"shift": [5.0], "extra": [1.0]}, strict=False)


def test_floats_do_not_go_into_an_integer_buffer():
    module = Bag(count=np.array([1, 2]))
    with pytest.raises(TypeError, match="count holds float64 values, which do not fit into int64"):
        module.load_state_dict({"count": [1.5, 2.5]})
    module.load_state_dict({"count": np.array([3, 4], np.int32)})
    assert module.count.tolist() == [3, 4] and module.count.dtype == np.int64


Pair = namedtuple("Pair", "a b")


def test_buffers_are_replaced_wherever_they_lie():
    shared = np.zeros(1)
    module = Bag(
        a=shared, again=[shared], t=(np.zeros(2), "x", (np.zeros(3),)), d={"k": [np.zeros(4)]},
        pair=Pair(np.zeros(5), 1),
    )  # fmt: skip
    new = {name: array + 1 for name, array in module.state_dict().items()}
    assert list(new) == ["a", "t.0", "t.2.0", "d.k.0", "pair.0"]
    module.load_state_dict(new)
    assert module.a is module.again[0] and module.a is not shared
    assert [array.sum() for _, array in module.named_buffers()] == [1, 2, 3, 4, 5]
    assert type(module.pair) is Pair and module.t[1] == "x"


def test_loading_leaves_recorded_graphs_the_values_they_saw():
    net = Bag(p=Tensor([2.0], requires_grad=True), scale=np.array([10.0]))
    y = (net.p * net.p * net.scale).sum()
    net.load_state_dict({"p": [5.0], "scale": [0.0]})
    y.backward()
    assert net.p.grad.tolist() == [40.0]


# ---- all parameters at once -------------------------------------------------------------------


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    assert not net.train(False).more[1].training


class Asleep(Bag):
    """Never trains, whatever the model around it does."""

    def train(self, mode=True):
        return super().train(False)


def test_a_part_with_a_train_of_its_own_decides_for_all_below_it():
    part = Asleep(inside=[nn.Tanh()])
    model = nn.Sequential(part, nn.ReLU())
    model.train()
    assert model.training and model[1].training
    assert not part.training and not part.inside[0].training
    other = nn.Sequential(nn.ReLU(), nn.Tanh())
    other.eval()
    other[0].train = lambda mode=True: other[0]  # also where an instance has it
    assert other.train().training and not other[0].training and other[1].training


def test_train_follows_cycles_and_shared_parts_once():
    shared = nn.ReLU()
    a, b = Bag(shared=shared), Bag(shared=shared)
    a.other, b.other = b, a
    assert a.eval() is a
    assert not any(m.training for m in (a, b, shared))


def test_zero_grad_and_requires_grad():
    net = Net()
    net(np.ones(3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.requires_grad_(False) is net
    assert not net(np.ones(3)).requires_grad
    assert net.requires_grad_()(np.ones(3)).requires_grad


def test_astype_converts_floats_and_only_those():
    net = Net()
    net.count = np.array([1, 2])
    net(np.ones(3)).sum().backward()
    weight = net.inner.weight
    assert net.astype(np.float64) is net
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float64)}
    assert net.inner.weight is weight and weight.grad.dtype == np.float64
    assert (net.shift.dtype, net.count.dtype) == (np.float64, np.int64)
    assert net(np.ones(3, np.float32)).dtype == np.float64
    with pytest.raises(TypeError, match="astype: dtype must be .*float32 or np.float64, got"):
        net.astype(np.int64)


def test_apply_goes_from_the_children_to_the_root():
    net, seen = Net(), []
    assert net.apply(seen.append) is net
    assert seen == [net.inner, *net.more, net.heads["out"], net]


# ---- appearance and copies --------------------------------------------------------------------


def test_repr_is_the_tree():
    class Block(nn.Module):
        def __init__(self):
            self.inside = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
            self.heads = [nn.Linear(3, 1, bias=False)]

        def extra_repr(self):
            return "kind=1"

    expected = """\
        Block(
          kind=1
          (inside): Sequential(
            (0): Linear(in_features=2, out_features=3, bias=True)
            (1): ReLU()
          )
          (heads.0): Linear(in_features=3, out_features=1, bias=False)
        )"""
    assert repr(Block()) == textwrap.dedent(expected)


def test_repr_is_pytorchs():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")

    def build(lib):
        inner = lib.Sequential(lib.Linear(2, 3), lib.Tanh(), lib.Sequential())
        return lib.Sequential(inner, lib.Sigmoid(), lib.Linear(3, 1, bias=False))

    assert repr(build(nn)) == repr(build(torch.nn))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent(duplicate):
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    x = np.ones((4, 2))
    y = model(x)
    twin = duplicate(model)
    np.testing.assert_array_equal(twin(x).data, y.data)
    twin[0].weight.data = twin[0].weight.data * 2
    np.testing.assert_array_equal(model(x).data, y.data)
    assert twin(x).scope == model(x).scope == "Sequential.2"


PICKLED = {  # where a pickle of before says that these are
    "nn.layers": "BatchNorm1d Dropout Flatten Identity LayerNorm Linear MLP",
    "nn.activations": "ELU GELU Hardtanh LeakyReLU LogSigmoid LogSoftmax ReLU SELU SiLU Sigmoid "
    "Softmax Softplus Tanh",
    "nn.losses": "BCELoss BCEWithLogitsLoss CrossEntropyLoss HuberLoss L1Loss MSELoss NLLLoss "
    "SmoothL1Loss",
    "nn.functional.activations": "elu gelu hardtanh leaky_relu selu silu softplus tanh",
    "nn.functional.layers": "batch_norm cosine_similarity dropout layer_norm linear normalize "
    "one_hot",
    "nn.functional.losses": "binary_cross_entropy binary_cross_entropy_with_logits huber_loss "
    "kl_div l1_loss mse_loss smooth_l1_loss",
    "nn.functional.class_losses": "cross_entropy nll_loss",
}


@pytest.mark.parametrize("home", PICKLED)
def test_pickles_of_before_find_their_classes_and_functions(home):
    for name in PICKLED[home].split():
        found = pickle.loads(f"c{home}\n{name}\n.".encode())
        assert found is getattr(nn.functional if "functional" in home else nn, name)


def test_a_pickle_of_before_of_a_function_in_a_model_loads_where_nothing_is_imported_yet():
    pickled = b"(cnn.layers\n_Function\ncnn.functional.layers\nlinear\nt."
    code = f"import pickle; print(pickle.loads({pickled!r}))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.count("nn.layers.mlp._Function") == run.stdout.count("function linear") == 1


# ---- Sequential -------------------------------------------------------------------------------


def test_sequential_is_a_list_of_layers():
    layers = [nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 4)]
    model = nn.Sequential(*layers)
    assert list(model) == layers and len(model) == 3
    assert model[0] is layers[0] and model[-1] is layers[2]
    assert type(model[1:]) is nn.Sequential and list(model[1:]) == layers[1:]
    assert model.append(nn.ReLU()) is model and len(model) == 4
    model[0] = nn.Linear(5, 3)
    assert model(np.ones(5)).shape == (4,)
    assert parameter_names(model) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def named(*names):
    return [Bag(called=name) for name in names]


def after(change):
    """The names in a Sequential of a, b, c and d that was changed."""
    model = nn.Sequential(*named(*"abcd"))
    change(model)
    return "".join(layer.called for layer in model)


CHANGES = {
    "insert in front": (lambda m: m.insert(0, Bag(called="x")), "xabcd"),
    "insert before the last": (lambda m: m.insert(-1, Bag(called="x")), "abcxd"),
    "insert at the end": (lambda m: m.insert(4, Bag(called="x")), "abcdx"),
    "extend": (lambda m: m.extend(named("x", "y")), "abcdxy"),
    "extend by itself": (lambda m: m.extend(m), "abcdabcd"),
    "extend by a slice": (lambda m: m.extend(m[:1]), "abcda"),
    "del": (lambda m: m.__delitem__(1), "acd"),
    "del the last": (lambda m: m.__delitem__(-1), "abc"),
    "del a slice": (lambda m: m.__delitem__(slice(2, None)), "ab"),
    "pop": (lambda m: m.pop(), "abc"),
    "pop the first": (lambda m: m.pop(0), "bcd"),
    "replace the last": (lambda m: m.__setitem__(-1, Bag(called="x")), "abcx"),
}


@pytest.mark.parametrize("change, names", CHANGES.values(), ids=CHANGES)
def test_sequential_changes_as_a_list_does(change, names):
    assert after(change) == names


def test_changes_that_return_something():
    model = nn.Sequential(*named("a", "b"))
    last = model[-1]
    assert model.insert(0, nn.ReLU()) is model and model.extend([nn.Tanh()]) is model
    assert model.pop(2) is last


BEYOND = {
    "get": (lambda m: m[4], "no layer 4 among 4 layers"),
    "get from the end": (lambda m: m[-5], "no layer -5 among 4"),
    "set": (lambda m: m.__setitem__(4, nn.ReLU()), "no layer 4 among 4"),
    "del": (lambda m: m.__delitem__(7), "no layer 7 among 4"),
    "pop": (lambda m: m.pop(4), "no layer 4 among 4"),
    "insert": (lambda m: m.insert(5, nn.ReLU()), "no place 5 to insert at among 4"),
}


@pytest.mark.parametrize("call, message", BEYOND.values(), ids=BEYOND)
def test_an_index_beyond_the_layers_is_named(call, message):
    model = nn.Sequential(*named(*"abcd"))
    with pytest.raises(IndexError, match=message):
        call(model)
    assert len(model) == 4


def test_a_new_head_on_an_old_body():
    model = nn.MLP([4, 8, 3])
    model[-1] = nn.Linear(8, 2)
    model[:-1].requires_grad_(False)
    model(np.ones((5, 4))).sum().backward()
    trained = [name for name, p in model.named_parameters() if p.grad is not None]
    assert trained == ["2.weight", "2.bias"]


def test_sequential_of_nothing_hands_its_input_on():
    x = Tensor([1.0])
    assert nn.Sequential()(x) is x


def test_a_subclass_of_sequential_keeps_attributes_of_its_own():
    class Scaled(nn.Sequential):
        def __init__(self, *layers):
            super().__init__(*layers)
            self.scale = leaf(1)

    assert parameter_names(Scaled(nn.Linear(1, 1))) == ["scale", "0.weight", "0.bias"]


NO_LAYERS = {
    "list": ([nn.ReLU()], r"got list; unpack it: Sequential\(\*layers\)"),
    "class": (nn.ReLU, r"got type; make one: ReLU\(\)"),
    "function": (np.tanh, r"Sequential takes Modules, got ufunc; activations are Modules, too"),
    "name": ("relu", r"got str; activations are Modules, too: nn.ReLU\(\)"),
    "number": (3, r"Sequential takes Modules, got int$"),
}


@pytest.mark.parametrize("wrong, message", NO_LAYERS.values(), ids=NO_LAYERS)
def test_sequential_takes_modules_only(wrong, message):
    model = nn.Sequential(nn.ReLU())
    for call in (
        lambda: nn.Sequential(wrong),
        lambda: model.append(wrong),
        lambda: model.insert(0, wrong),
        lambda: model.extend([nn.Tanh(), wrong]),
        lambda: model.__setitem__(0, wrong),
    ):
        with pytest.raises(TypeError, match=message):
            call()
    assert len(model) == 1


def test_a_module_without_forward_says_so():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no method `forward`"):
        Empty()(1)


# ---- scopes -----------------------------------------------------------------------------------


class Traced(nn.Module):
    """Writes down the scope in which it computes."""

    def __init__(self, *parts, **named):
        self.parts = parts
        vars(self).update(named)
        self._seen = []

    def forward(self, x):
        y = Tensor(x) * 1 if not isinstance(x, Tensor) else x * 1
        self._seen.append(y.scope)
        for part in (*self.parts, *(v for v in vars(self).values() if isinstance(v, nn.Module))):
            y = part(y)
        return y


def test_scopes_have_the_names_of_attributes():
    inner, last = Traced(), Traced()
    model = Traced(Traced(inner), last=last)
    model(1.0)
    assert model._seen == ["Traced"] and last._seen == ["Traced.last"]
    assert inner._seen == ["Traced.parts.0.parts.0"]


def test_scopes_of_a_sequential_are_its_positions():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Tanh()))
    hidden = model[0](Tensor(np.ones(2)))
    assert hidden.scope == "Linear"
    watched = Traced()
    nn.Sequential(nn.ReLU(), watched)(1.0)
    assert watched._seen == ["Sequential.1"]


def test_a_shared_module_has_the_name_of_each_caller():
    shared = Traced()
    first, second = Traced(head=shared), Traced(tail=shared)
    for model in (first, second, first):
        model(1.0)
    assert shared._seen == ["Traced.head", "Traced.tail", "Traced.head"]


def test_a_replaced_module_has_its_own_name():
    model = Traced(a=Traced())
    model(1.0)
    model.b = Traced()
    model(1.0)
    assert model.b._seen == ["Traced.b"]


def test_a_grandchild_called_directly_has_its_whole_path():
    class Reaches(nn.Module):
        def __init__(self, child):
            self.child = child

        def forward(self, x):
            return self.child.inner(x)

    inner = Traced()
    Reaches(Bag(inner=inner))(1.0)
    assert inner._seen == ["Reaches.child.inner"]


def test_a_module_that_calls_one_it_does_not_hold_gets_the_class_name():
    stranger = Traced()

    class Outer(nn.Module):
        def forward(self, x):
            return stranger(x)

    Outer()(1.0)
    assert stranger._seen == ["Outer.Traced"]


def test_scopes_outlive_their_module():
    model = nn.Sequential(nn.Linear(2, 1))
    y = model(np.ones(2))
    del model
    assert y.scope == "Sequential.0"


def test_an_exception_inside_leaves_the_scope():
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="width 2"):
        model(np.ones(3))
    assert (Tensor([1.0]) * 1).scope == ""


def test_threads_that_share_a_module_keep_their_own_modes():
    meet = threading.Barrier(2)
    recorded = {}

    class Meeting(nn.Module):
        def __init__(self):
            self.p = leaf(1)

        def forward(self, x):
            meet.wait()  # both threads are inside, the one that recorded nothing came second
            return self.p * x

    model = Meeting()

    def record():
        model(1.0)
        recorded["with"] = model.p * 1

    def do_not():
        with no_grad():
            model(1.0)
            recorded["without"] = model.p * 1

    threads = [threading.Thread(target=f) for f in (record, do_not)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert recorded["with"].requires_grad and not recorded["without"].requires_grad
    assert recorded["with"].scope == recorded["without"].scope == ""


# ---- memory, import ---------------------------------------------------------------------------


def test_a_model_is_freed_by_reference_counting_alone():
    gc.collect()
    gc.disable()
    try:
        model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Tanh(), nn.Linear(3, 1)))
        optimizer = nn.optim.Adam(model.parameters())
        for _ in range(2):
            nn.MSELoss()(model(np.ones((4, 2))), np.ones((4, 1))).backward()
            optimizer.step()
        with no_grad():
            model(np.ones((4, 2)))
        gone = [weakref.ref(m) for m in model.modules()] + [
            weakref.ref(p) for p in model.parameters()
        ]
        del model, optimizer
        assert [ref() for ref in gone] == [None] * len(gone)
    finally:
        gc.enable()


def test_the_foreign_package_autograd_is_recognised(tmp_path):
    (tmp_path / "autograd").mkdir()
    (tmp_path / "autograd" / "__init__.py").write_text(
        "def grad(f): pass\ndef primitive(f): pass\n"  # both have functions of these names
    )
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; import nn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    for part in ("ImportError", "PyPI package `autograd`", "same import",
                 "pip uninstall autograd chalkgrad", "pip install chalkgrad"):  # fmt: skip
        assert part in done.stderr


class Listed(nn.Module, list):
    """A Module that is a list, too: its members are state of the Module that holds it."""


class Mapped(dict, nn.Module):
    pass


def test_a_module_that_is_a_list_or_a_dict_too_is_gone_through():
    listed = Listed([nn.Linear(1, 1, bias=False), np.zeros(1)])
    listed.own = Tensor([1.0], requires_grad=True)
    mapped = Mapped(a=nn.Linear(1, 1, bias=False), _private=nn.Linear(1, 1))
    module = Bag(first=Tensor([0.0]), listed=listed, mapped=mapped, last=Tensor([0.0]))
    names = ["first", "listed.own", "listed.0.weight", "mapped.a.weight", "last"]
    assert [name for name, _ in module.named_parameters()] == names
    assert [name for name, _ in module.named_buffers()] == ["listed.1"]
    assert list(module.state_dict()) == [*names[:3], "listed.1", *names[3:]]
    chain = nn.Sequential(nn.ReLU(), listed, nn.ReLU())
    names = [name for name, _ in chain.named_modules()]
    assert names == ["", "0", "1", "1.0", "2"]
    assert [name for name, _ in chain.named_parameters()] == ["1.own", "1.0.weight"]


def test_a_sequential_has_its_own_attributes_before_its_layers():
    chain = nn.Sequential(nn.Linear(1, 1, bias=False))
    chain.scale, chain.count, chain._hidden = Tensor([1.0]), 3, Tensor([1.0])
    assert [name for name, _ in chain.named_parameters()] == ["scale", "0.weight"]
    chain.more = [np.zeros(1), Tensor([2.0])]
    assert list(chain.state_dict()) == ["scale", "more.0", "more.1", "0.weight"]
    chain.again = chain._layers
    assert list(chain.state_dict()) == ["scale", "more.0", "more.1", "again.0.weight"]
