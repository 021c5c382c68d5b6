"""SGD and Adam: exact numbers, PyTorch's training curves to 1e-9, groups, errors, dtypes."""

import numpy as np
import pytest

import nn
from autograd import InPlaceError, Tensor, grad
from nn.optim import SGD, Adam, Optimizer

OPTIMIZERS = [SGD, Adam]


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on arrays this small its threads only wait for one another
    yield torch
    torch.set_num_threads(threads)


def parameter(*values):
    return Tensor(list(values), requires_grad=True)


def three_steps(optimizer, **settings):
    """Where x = 1 goes under f(x) = x² in three steps with lr 0.1."""
    x = Tensor(1.0, requires_grad=True)
    optimizer = optimizer([x], lr=0.1, **settings)
    for _ in range(3):
        optimizer.zero_grad()
        (x * x).backward()
        optimizer.step()
    return x.item()


EXACT = {
    "Adam": (Adam, {}, 0.7015862729),
    "SGD": (SGD, {}, 0.512),
    "SGD, nesterov": (SGD, {"momentum": 0.9, "nesterov": True}, -0.108352),
    "SGD, dampening": (SGD, {"momentum": 0.9, "dampening": 0.5}, 0.252),
    "SGD, weight decay enters the gradient": (SGD, {"weight_decay": 1.0}, 0.7**3),
    "SGD, maximize": (SGD, {"maximize": True}, 1.2**3),
}


@pytest.mark.parametrize("optimizer, settings, expected", EXACT.values(), ids=EXACT)
def test_three_steps_by_hand(optimizer, settings, expected):
    assert three_steps(optimizer, **settings) == pytest.approx(expected, rel=0, abs=1e-10)


def test_adams_epsilon_is_outside_of_the_root():
    x = Tensor(1.0, requires_grad=True)
    x.grad = 1e-3
    Adam([x], lr=1.0, eps=1e-3).step()
    assert x.item() == pytest.approx(0.5, abs=1e-12)  # 1e-3 / (1e-3 + eps)


# ---- training curves --------------------------------------------------------------------------

CURVES = {
    "SGD": ("SGD", {"lr": 0.1}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9}),
    "dampening": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "SGD weight decay": ("SGD", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
    "everything": (
        "SGD",
        {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ),
    "SGD maximize": ("SGD", {"lr": 1e-3, "momentum": 0.5, "maximize": True}),
    "Adam": ("Adam", {"lr": 0.01}),
    "betas and eps": ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-4}),
    "Adam weight decay": ("Adam", {"lr": 0.01, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {"lr": 0.05, "amsgrad": True}),
    "Adam maximize": ("Adam", {"lr": 1e-3, "maximize": True}),
}


def network(lib, **options):
    return lib.Sequential(lib.Linear(4, 8, **options), lib.Tanh(), lib.Linear(8, 3, **options))


def curve(model, optimizer, loss_function, x, target):
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = loss_function(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MSELoss"])
@pytest.mark.parametrize("name, settings", CURVES.values(), ids=CURVES)
def test_training_curves_equal_pytorchs(name, settings, loss, torch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 4))
    target = rng.integers(0, 3, 20) if loss == "CrossEntropyLoss" else rng.normal(size=(20, 3))
    nn.manual_seed(0)
    ours = network(nn, dtype=np.float64)
    theirs = network(torch.nn, dtype=torch.float64)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    mine = curve(
        ours, getattr(nn.optim, name)(ours.parameters(), **settings), getattr(nn, loss)(), x, target
    )
    reference = curve(
        theirs,
        getattr(torch.optim, name)(theirs.parameters(), **settings),
        getattr(torch.nn, loss)(),
        torch.tensor(x),
        torch.tensor(target),
    )
    np.testing.assert_allclose(mine, reference, rtol=1e-9)
    for p, q in zip(ours.parameters(), theirs.parameters()):
        np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-9, atol=1e-11)


def test_defaults_are_pytorchs(torch):
    for name in ("SGD", "Adam"):
        ours = getattr(nn.optim, name)([parameter(1.0)]).defaults
        theirs = getattr(torch.optim, name)([torch.zeros(1)]).defaults
        assert {k: theirs[k] for k in ours} == ours


# ---- what a step does and leaves alone --------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_gradient_skips_a_parameter_wholly(optimizer):
    p, q = parameter(1.0), parameter(1.0)
    p.grad = [1.0]
    o = optimizer([p, q], lr=0.1, weight_decay=0.5)
    o.step()
    assert p.item() != 1.0 and q.item() == 1.0
    assert q not in o.state


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_gradient_of_zero_still_decays(optimizer):
    p = parameter(1.0)
    p.grad = [0.0]
    optimizer([p], lr=0.1, weight_decay=0.5).step()
    assert p.item() < 1.0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_step_keeps_the_gradient_and_gives_a_new_array(optimizer):
    p = parameter(1.0, 2.0)
    array = p.data
    p.grad = [1.0, 1.0]
    optimizer([p], lr=0.1).step()
    assert p.grad.tolist() == [1.0, 1.0]
    assert array.tolist() == [1.0, 2.0] and not np.shares_memory(p.data, array)
    assert not np.shares_memory(p.data, p.grad)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}], ids=str)
def test_state_shares_no_memory_with_gradients(settings):
    p = parameter(1.0)
    optimizer = SGD([p], lr=0.1, **settings)
    results = []
    for spoil in (False, True):
        p.data = np.array([1.0])
        optimizer.state.clear()
        for _ in range(2):
            p.grad = [1.0]
            optimizer.step()
            if spoil:
                p.grad[:] = 99
        results.append(p.item())
    assert results[0] == results[1]


def test_a_graph_recorded_before_a_step_goes_on_with_the_values_it_saw():
    p = parameter(3.0)
    y = (p * p).sum()
    p.grad = [1.0]
    SGD([p], lr=1.0).step()
    p.zero_grad()
    y.backward()
    assert p.item() == 2.0 and p.grad.tolist() == [6.0]
    with pytest.raises(InPlaceError, match="new values"):
        grad(y, p, create_graph=True)


def test_zero_grad_forgets_the_gradients():
    p = parameter(1.0)
    (p * p).sum().backward()
    g = p.grad
    SGD([p]).zero_grad()
    assert p.grad is None and g.tolist() == [2.0]


def test_a_closure_computes_the_loss():
    p = parameter(3.0)
    optimizer = SGD([p], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert p.item() == pytest.approx(2.4)


# ---- groups -----------------------------------------------------------------------------------


def test_groups_have_settings_of_their_own():
    p, q = parameter(1.0), parameter(1.0)
    optimizer = SGD([{"params": [p]}, {"params": q, "lr": 0.5}], lr=0.1)
    p.grad = q.grad = [1.0]
    optimizer.step()
    assert (p.item(), q.item()) == (0.9, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5]


def test_a_setting_changed_later_counts_from_the_next_step():
    p = parameter(1.0)
    optimizer = SGD([p], lr=0.1)
    optimizer.param_groups[0]["lr"] = 0.25
    p.grad = [1.0]
    optimizer.step()
    assert p.item() == 0.75


def test_groups_can_be_added():
    p, q = parameter(1.0), parameter(1.0)
    optimizer = Adam([p], lr=0.1)
    optimizer.add_param_group({"params": [q], "lr": 0.2})
    p.grad = q.grad = [1.0]
    optimizer.step()
    assert p.item() == pytest.approx(0.9) and q.item() == pytest.approx(0.8)


def test_repr_shows_the_groups():
    text = repr(SGD([{"params": [parameter(1.0)]}, {"params": [parameter(1.0)], "lr": 0.5}]))
    assert text.startswith("SGD(\n  1 parameters: lr=0.001, momentum=0.0") and "lr=0.5" in text


# ---- errors -----------------------------------------------------------------------------------

P, Q = parameter(1.0), parameter(2.0)
LAYER = nn.Linear(1, 1)
REFUSED = {
    "negative lr": (lambda o: o([P], lr=-0.1), ValueError, r"lr must be >= 0, got -0\.1"),
    "lr nan": (lambda o: o([P], lr=float("nan")), ValueError, r"lr must be >= 0, got nan"),
    "negative lr of a group": (lambda o: o([{"params": [P], "lr": -1}]), ValueError, r"got -1"),
    "negative decay": (lambda o: o([P], weight_decay=-1), ValueError, r"weight_decay must be >= 0"),
    "empty list": (lambda o: o([]), ValueError, r"got an empty parameter list"),
    "empty group": (lambda o: o([{"params": []}]), ValueError, r"got an empty parameter list"),
    "no parameters": (lambda o: o(nn.ReLU().parameters()), ValueError, r"empty parameter list"),
    "twice": (lambda o: o([P, Q, P]), ValueError, r"parameter 2, of shape \(1,\), is given twice"),
    "twice in two groups": (
        lambda o: o([{"params": [P]}, {"params": [Q, P]}]), ValueError, r"parameter 1, .*twice",
    ),
    "no leaf": (lambda o: o([P, P * 2]), ValueError, r"parameter 1, .*only leaves can be trained"),
    "an array": (lambda o: o([P, np.ones(1)]), TypeError, r"parameter 1 must be a Tensor, got nd"),
    "one Tensor": (lambda o: o(P), TypeError, r"a list of Tensors, got one Tensor; write \w+\(\[p"),
    "the model": (lambda o: o(LAYER), TypeError, r"got Linear; write \w+\(model\.parameters\(\)\)"),
    "unknown setting": (lambda o: o([{"params": [P], "rate": 1}]), ValueError, r"setting 'rate'"),
}  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("make, kind, message", REFUSED.values(), ids=REFUSED)
def test_mistakes_are_refused(make, kind, message, optimizer):
    with pytest.raises(kind, match=f"{optimizer.__name__}.*" + message):
        make(optimizer)
    assert (P.item(), Q.item(), P.grad, Q.grad) == (1.0, 2.0, None, None)
    assert optimizer([P, Q]).step() is None


SPECIAL = {
    "nesterov without momentum": (lambda: SGD([P], nesterov=True), r"nesterov needs a momentum"),
    "nesterov with dampening": (
        lambda: SGD([P], momentum=0.9, dampening=0.1, nesterov=True), r"dampening 0, got .*0\.1",
    ),
    "negative momentum": (lambda: SGD([P], momentum=-1), r"momentum must be >= 0"),
    "beta of 1": (lambda: Adam([P], betas=(0.9, 1.0)), r"betas\[1\] must be .*below 1, got 1\.0"),
    "negative beta": (lambda: Adam([P], betas=(-0.1, 0.9)), r"betas\[0\]"),
    "negative eps": (lambda: Adam([P], eps=-1), r"eps must be >= 0"),
}  # fmt: skip


@pytest.mark.parametrize("make, message", SPECIAL.values(), ids=SPECIAL)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_refused_group_changes_nothing():
    optimizer = SGD([P])
    with pytest.raises(ValueError, match="twice"):
        optimizer.add_param_group({"params": [Q, P]})
    assert [group["params"] for group in optimizer.param_groups] == [[P]]


def test_an_optimizer_without_update_says_so():
    class Lazy(Optimizer):
        pass

    p = parameter(1.0)
    p.grad = [1.0]
    with pytest.raises(NotImplementedError, match="Lazy has no method `update`"):
        Lazy([p], {"lr": 0.1}).step()
    assert p.item() == 1.0


# ---- dtypes -----------------------------------------------------------------------------------

NUMBERS = {
    "python": {"lr": 0.1, "weight_decay": 0.1},
    "numpy": {"lr": np.float64(0.1), "weight_decay": np.array(0.1)},
    "tensor": {"lr": Tensor(0.1)},
}


@pytest.mark.parametrize("settings", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize(
    "make",
    [SGD, lambda p, **s: SGD(p, momentum=0.9, nesterov=True, **s), Adam,
     lambda p, **s: Adam(p, amsgrad=True, betas=(np.float64(0.9), np.float64(0.99)), **s)],
    ids=["SGD", "nesterov", "Adam", "amsgrad"],
)  # fmt: skip
def test_float32_stays_float32(make, settings):
    model = network(nn)
    optimizer = make(model.parameters(), **settings)
    for _ in range(3):
        optimizer.zero_grad()
        nn.MSELoss()(model(np.ones((5, 4))), np.zeros((5, 3))).backward()
        optimizer.step()
    kept = [a for state in optimizer.state.values() for a in state.values() if np.ndim(a)]
    arrays = [p.data for p in model.parameters()] + [p.grad for p in model.parameters()] + kept
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_single_number_can_be_trained(optimizer):
    x = Tensor(np.float32(3.0), requires_grad=True)
    o = optimizer([x], lr=0.1)
    for _ in range(200):
        o.zero_grad()
        (x * x).backward()
        o.step()
    assert abs(x.item()) < 0.05 and x.dtype == np.float32 and x.data.shape == ()


def test_a_step_keeps_the_dtype():
    """NumPy's scalars are strong: float32 / np.sqrt(2) is float64."""

    class Rooted(nn.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

        def update(self, value, gradient, state, settings):
            return value - settings["lr"] * gradient / np.sqrt(2)

    for make in (Rooted, nn.optim.Adam, lambda p: nn.optim.SGD(p, momentum=0.9)):
        layer = nn.Linear(2, 2).astype(np.float64)
        optimizer = make(layer.parameters())
        for dtype in (np.float64, np.float32):
            layer.astype(dtype)
            layer(np.ones((1, 2))).sum().backward()
            optimizer.step()
            assert layer.weight.dtype == layer.bias.dtype == dtype


def test_an_update_that_returns_nothing_is_told():
    class Forgetful(nn.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1})

        def update(self, value, gradient, state, settings):
            value - gradient  # noqa: B018

    p = Tensor([1.0], requires_grad=True)
    (p * p).sum().backward()
    with pytest.raises(TypeError, match="is a `return` missing"):
        Forgetful([p]).step()
    assert p.data == [1.0]


@pytest.mark.parametrize(
    ("settings", "kind", "fragment"),
    [
        ({"lr": "0.1"}, TypeError, "lr must be a number, got '0.1'"),
        ({"lr": None}, TypeError, "lr must be a number, got None"),
        ({"lr": np.ones(2)}, TypeError, "lr must be a number"),
        ({"betas": (0.9,)}, ValueError, "betas must be two numbers"),
        ({"betas": 0.9}, ValueError, "betas must be two numbers"),
    ],
    ids=str,
)
def test_settings_that_are_no_numbers(settings, kind, fragment):
    with pytest.raises(kind, match=fragment):
        nn.optim.Adam([Tensor([1.0], requires_grad=True)], **settings)
