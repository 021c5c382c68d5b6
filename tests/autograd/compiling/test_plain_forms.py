"""Operations as one would write them by hand: they compute what the operations do, and their texts
are short, run with NumPy alone and hold nothing that is there for speed or for the last digit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd
import nn
import nn.functional as F
from autograd import Tensor, compile, no_grad, value_and_grad
from autograd.ops import compositions, elementwise, slopes, special
from autograd.rules import Operation, _primitives, operations
from nn.layers import along, convolving, resampling
from nn.layers.windows import Windows
from tests.autograd.compiling.test_source import executed, lines, near, plain

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3, 4)).round(3)
T = RNG.uniform(0.05, 0.95, (3, 4)).round(3)
W = RNG.uniform(0.5, 2, 4).round(3)
LABELS = np.array([0, 3, 1])
IMAGES = RNG.normal(size=(1, 2, 5, 4)).round(2)
ROWS = RNG.normal(size=(2, 2, 6)).round(2)
COLUMNS = RNG.normal(size=(1, 4, 9)).round(2)
KERNEL = RNG.normal(size=(4, 2, 3, 2)).round(2)


def weighted(y: Any) -> Any:
    """A sum to which the elements contribute unequally."""
    if y.ndim > 2:
        return (y * y).sum()
    return (y * np.cos(np.arange(y.size)).reshape(y.shape).round(3)).sum()


# ---- functions of one array ---------------------------------------------------------------------

ACTIVATIONS: dict[str, Callable[..., Any]] = {
    name: getattr(F, name)
    for name in (
        "relu sigmoid tanh softplus log_sigmoid silu gelu elu selu leaky_relu hardtanh softmax "
        "log_softmax celu mish hardsigmoid hardswish relu6 softsign softmin glu"
    ).split()
} | {
    "gelu, tanh": lambda x: F.gelu(x, "tanh"),
    "elu, alpha": lambda x: F.elu(x, 0.7),
    "celu, alpha": lambda x: F.celu(x, 0.7),
    "prelu": lambda x: F.prelu(x, x[0, :1] ** 2),
    "softplus, beta": lambda x: F.softplus(x, 2.0),
}  # fmt: skip

NUMPYS: dict[str, Callable[..., Any]] = {
    "logaddexp": lambda x: np.logaddexp(x, T),
    "logaddexp2": lambda x: np.logaddexp2(x, T),
    "arctan2": lambda x: np.arctan2(x, T) + np.arctan2(T, x),
    "hypot": lambda x: np.hypot(x, T),
    "arcsin": lambda x: np.arcsin(x / 4) + np.arccos(x / 5),
    "arctan": np.arctan,
    "arctanh": lambda x: np.arctanh(x / 4),
    "arcsinh": np.arcsinh,
    "arccosh": lambda x: np.arccosh(x**2 + 2),
    "tan": np.tan,
    "cbrt": lambda x: np.cbrt(x**2),
    "exp2": np.exp2,
    "logarithms": lambda x: np.log2(x**2) + np.log10(x**2) + np.log1p(x**2),
    "reciprocal": np.reciprocal,
    "degrees": lambda x: np.deg2rad(x) + np.rad2deg(x) + np.degrees(x) + np.radians(x),
    "minimum": lambda x: np.minimum(x, T) + np.minimum(T, x),
    "maximum": lambda x: np.maximum(x, 0) + np.maximum(T, x),
    "ties": lambda x: np.maximum(x, X) + np.minimum(X, x),
    "fmax": lambda x: np.fmax(x, T) + np.fmin(T, x),
    "fmin": lambda x: np.fmin(x, T) + np.fmax(T, x),
    "fmod": lambda x: np.fmod(3 * x, T) + np.fmod(2, x),
    "clip": lambda x: np.clip(x, -0.5, 0.5) + np.clip(x, None, 0) + np.clip(x, 0, None),
    "roots": lambda x: (x**2 + 1) ** 0.5,
    "cubes": lambda x: x**3 + np.power(x, 4),
    "powers": lambda x: np.absolute(x) ** W + W ** np.absolute(x),
    "powers of NumPy": lambda x: np.power(np.absolute(x), W) + np.power(W, x),
    "sinc": np.sinc,
    "prod": lambda x: np.prod(x, axis=1),
    "max": lambda x: np.max(x, axis=1) + np.min(x),
    "amax": lambda x: np.amax(x, axis=1) - np.amin(x, axis=1),
    "var": lambda x: np.var(x, axis=0, ddof=1),
    "std": lambda x: np.std(x, axis=1, keepdims=True),
    "norm": lambda x: np.linalg.norm(x, axis=1) + np.linalg.norm(x),
    "norm of order 3": lambda x: np.linalg.norm(x, 3, axis=0),
    "logsumexp": lambda x: autograd.logsumexp(x, 1) + autograd.logsumexp(x, 1, keepdims=True),
    "erf": lambda x: autograd.erf(x),
    "normal distribution": lambda x: autograd.normal_cdf(x) + autograd.normal_density(x),
    "i0": np.i0,
}

LOSSES: dict[str, Callable[..., Any]] = {
    "mse_loss": lambda x: F.mse_loss(x, T),
    "l1_loss": lambda x: F.l1_loss(x, T),
    "huber_loss": lambda x: F.huber_loss(x, T, delta=0.8),
    "huber_loss, turned": lambda x: F.huber_loss(T, x, reduction="sum"),
    "smooth_l1_loss": lambda x: F.smooth_l1_loss(x, T),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(1 / (1 + np.exp(-x)), T),
    "binary, weight": lambda x: F.binary_cross_entropy(F.sigmoid(x), T, weight=W),
    "binary, by the target": lambda x: F.binary_cross_entropy(Tensor(T), F.sigmoid(x)),
    "with_logits": lambda x: F.binary_cross_entropy_with_logits(x, T),
    "with_logits, weight": lambda x: F.binary_cross_entropy_with_logits(x, T, weight=W),
    "with_logits, pos_weight": lambda x: F.binary_cross_entropy_with_logits(x, T, pos_weight=W),
    "with_logits, by the target": lambda x: F.binary_cross_entropy_with_logits(
        Tensor(T), F.sigmoid(x), pos_weight=W
    ),
    "cross_entropy": lambda x: F.cross_entropy(x, LABELS),
    "cross_entropy, weight": lambda x: F.cross_entropy(x, LABELS, weight=W),
    "cross_entropy, smoothed": lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1),
    "cross_entropy, none": lambda x: F.cross_entropy(x, T, reduction="none"),
    "nll_loss": lambda x: F.nll_loss(F.log_softmax(x), LABELS),
    "nll_loss, weight": lambda x: F.nll_loss(F.log_softmax(x), LABELS, weight=W),
    "kl_div": lambda x: F.kl_div(F.log_softmax(x), T),
    "poisson_nll_loss": lambda x: F.poisson_nll_loss(x, np.round(4 * T)),
    "gaussian_nll_loss": lambda x: F.gaussian_nll_loss(x, T, x**2 + 0.1, full=True),
    "gaussian, by the target": lambda x: F.gaussian_nll_loss(Tensor(T), x, T + 0.1),
}

LAYERS: dict[str, Callable[..., Any]] = {
    "layer_norm": lambda x: F.layer_norm(x, 4, W, W - 1),
    "layer_norm, bare": lambda x: F.layer_norm(x, (3, 4)),
    "layer_norm, its weight": lambda x: F.layer_norm(Tensor(X), 4, x[0], x[1]),
    "rms_norm": lambda x: F.rms_norm(x, 4, W),
    "group_norm": lambda x: F.group_norm(x[:, :, None], 2, W, W),
}

IN_SPACE: dict[str, tuple[Callable[..., Any], Any]] = {
    "conv1d": (lambda x: F.conv1d(x, KERNEL[:, :, :, 0], W), ROWS),
    "conv2d": (lambda x: F.conv2d(x, KERNEL, W), IMAGES),
    "conv2d, options": (lambda x: F.conv2d(x, KERNEL, None, 2, (2, 3), (2, 1)), IMAGES),
    "conv2d, groups": (lambda x: F.conv2d(x, KERNEL[:, :1], W, padding="same", groups=2), IMAGES),
    "conv2d, its weight": (lambda w: F.conv2d(Tensor(IMAGES), w, w[:, 0, 0, 0], 2, 1), KERNEL),
    "conv_transpose2d": (lambda x: F.conv_transpose2d(x, KERNEL[:2], stride=2), IMAGES),
    "max_pool1d": (lambda x: F.max_pool1d(x, 2), ROWS),
    "max_pool2d": (lambda x: F.max_pool2d(x, 2), IMAGES),
    "max_pool2d, ties": (lambda x: F.max_pool2d(np.round(x), 3, 1, 1, 2), IMAGES),
    "max_pool2d, ceil": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True), IMAGES),
    "avg_pool2d": (lambda x: F.avg_pool2d(x[:, :, :4], 2), IMAGES),
    "avg_pool2d, options": (lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), IMAGES),
    "avg_pool2d, divisor": (lambda x: F.avg_pool2d(x, 2, 1, divisor_override=3), IMAGES),
    "adaptive_avg_pool2d": (lambda x: F.adaptive_avg_pool2d(x, 1), IMAGES),
    "adaptive_avg_pool2d, 3": (lambda x: F.adaptive_avg_pool2d(x, 3), IMAGES),
    "unfold": (lambda x: F.unfold(x, 2, padding=1, stride=2), IMAGES),
    "fold": (lambda x: F.fold(F.unfold(x, (2, 3)), (5, 4), (2, 3)), IMAGES),
    "fold, options": (lambda x: F.fold(x, (5, 3), (1, 2), (1, 2), (0, 1), (2, 1)), COLUMNS),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2), IMAGES),
    "interpolate, bilinear": (lambda x: F.interpolate(x, (7, 3), mode="bilinear"), IMAGES),
}

FUNCTIONS: dict[str, tuple[Callable[..., Any], Any]] = {
    **{name: (f, X) for f_of in (ACTIVATIONS, NUMPYS, LOSSES, LAYERS) for name, f in f_of.items()},
    **IN_SPACE,
}


# ---- the same numbers ---------------------------------------------------------------------------


def nodes_of(result: Any) -> list[Any]:
    """All that a result was computed from, and itself."""
    found, waiting = {}, [result]
    while waiting:
        node = waiting.pop()
        if id(node) not in found:
            found[id(node)] = node
            for inputs in node._inputs or ():
                waiting += [
                    t for t in (inputs if isinstance(inputs, (list, tuple)) else [inputs])
                    if isinstance(t, Tensor)
                ]  # fmt: skip
    return list(found.values())


def assert_the_same(operation: Operation, y: Any, args: Any, kwargs: Any, inputs: Any) -> None:
    """The plain forward and rules give what those that run give."""
    options = {k: v for k, v in kwargs.items() if k != "saved"}
    g = np.cos(np.arange(np.size(y))).reshape(np.shape(y)).astype(np.asarray(y).dtype)[()]
    with np.errstate(all="ignore"):
        expected = [
            rule(g, y, *args, **kwargs) if rule is not None and given is not None else None
            for rule, given in zip(operation.rules, inputs)
        ]
        made = operation.plainly[0](*args, **options)
        if operation.saves:
            made, options["saved"] = made
        assert near(np.asarray(y), np.asarray(made))
        for rule, given, wanted in zip(operation.plainly[1:], inputs, expected):
            if wanted is not None:
                found = rule(g, y, *args, **options)
                alike = [summed(a, np.shape(given)) for a in (wanted, found)]
                assert near(*alike), operation


def summed(gradient: Any, shape: tuple[int, ...]) -> Any:
    """As the sweep undoes broadcasting; perhaps gradients come as rows."""
    gradient = np.asarray(gradient)
    if gradient.shape == shape:
        return gradient
    gradient = gradient.reshape(-1, *shape) if gradient.ndim < 2 + len(shape) else gradient
    ahead = gradient.ndim - len(shape)
    kept = tuple(i + ahead for i, n in enumerate(shape) if n == 1 != gradient.shape[i + ahead])
    return gradient.sum(axis=kept, keepdims=True).sum(axis=tuple(range(ahead)))


SEEN: set[int] = set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_plain_forms_compute_what_the_operations_do(name):
    function, value = FUNCTIONS[name]
    result = weighted(function(Tensor(value, requires_grad=True)))
    for node in nodes_of(result):
        if node._op is not None and node._op.plainly is not None:
            SEEN.add(id(node._op))
            inputs = [None if t is None else t for t in node._inputs]
            args = [np.asarray(a) if isinstance(a, Tensor) else a for a in node._args]
            assert_the_same(node._op, node._value, args, dict(node._kwargs or {}), inputs)


HOW = Windows((5, 4), (3, 2), (2, 1), ((1, 1), (0, 1)), (1, 2), 1)
SPREAD = [along.regular((axis, n, 2, 2, 0, 1), False) for axis, n in ((3, 4), (2, 5))]
BETWEEN = [resampling._nearest(axis, 4, n, 2 * n, 0.5, np.float64) for axis, n in ((3, 4), (2, 5))]
G = RNG.normal(size=(1, 4, *HOW.counts))
INNER: list[tuple[Any, tuple[Any, ...]]] = [  # that rules are made of
    (slopes.one_minus_square, (X / 9,)),
    (slopes.over_radius, (X, T)),
    (slopes.over_squared_radius, (X, T)),
    (slopes.root_beyond_one, (X**2 + 1.5,)),
    (slopes.share_of_two, (X,)),
    (slopes.tanh_slope, (X,)),
    (special.erf_slope, (X,)),
    (special.bessel_i, (X, 2)),
    (elementwise.gate, (X, X > 0)),
    (compositions.length, (X, 1)),
    (convolving.conv_transpose, (G, KERNEL, HOW)),
    (convolving.conv_weight, (G, IMAGES, HOW)),
    (along.spread_evenly, (RNG.normal(size=(2, 2, 2, 2)), SPREAD, np.array(4))),
    (resampling.resample_back, (RNG.normal(size=(2, 2, 10, 8)), BETWEEN)),
]


@pytest.mark.parametrize("function, args", INNER)
def test_plain_forms_of_what_rules_are_made_of_do_the_same(function, args):
    operation = function.operation
    SEEN.add(id(operation))
    with no_grad():
        y = operation.forward(*args)
    arrays = [a if isinstance(a, np.ndarray) and a.dtype.kind == "f" else None for a in args]
    assert_the_same(operation, y, args, {}, arrays[: len(operation.rules)])


def test_every_plain_form_is_among_them():
    """(Where this file runs as a whole.)"""
    if len(SEEN) < 50:
        pytest.skip("the other tests of this file have not run")
    known = {id(o): o for o in [*operations.values(), *_primitives.values()]}
    ours = {i: o for i, o in known.items() if o.plainly is not None}
    left = {
        o.name for i, o in ours.items()
        if i not in SEEN and str(o.plainly[1].__module__).startswith(("autograd", "nn."))
    }  # fmt: skip
    assert left <= {"kl_div_of_logs"}


# ---- their texts --------------------------------------------------------------------------------

TRICKS = [
    "view(np", "uint8", "out=", "np.empty", ".fill(", "134217729", "np.invert", "np.absolute",
    "logical_not", "from autograd", "from nn", "not written out", "~(", "np.vecdot", "copy()",
    "1.0 * (", "again", "afterwards", "e+308", " + 0\n", "0 - ",
]  # fmt: skip
LONGER = {"fold": 22, "max_pool2d, ties": 17, "max_pool2d, ceil": 17,
          "with_logits, by the target": 17,
          "prelu": 17, "logarithms": 17, "powers": 17, "powers of NumPy": 17,
          "fmax": 17, "fmin": 17}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_texts_are_short_hold_no_trick_and_run_alone(name):
    function, value = FUNCTIONS[name]
    compiled = compile(value_and_grad(lambda x: weighted(function(x))))
    expected = plain(compiled(value))
    text = compiled.source
    assert near(list(expected), list(executed(text)))
    body = text.split("):\n", 1)[1].split("\n\n\n")[0]
    assert not [trick for trick in TRICKS if trick in body], text
    statements = [line for line in body.splitlines() if not line.strip().startswith("#")]
    assert len(statements) <= LONGER.get(name, 14), text


@pytest.mark.parametrize("name", [*ACTIVATIONS, *NUMPYS, *LOSSES])
def test_texts_keep_single_precision(name):
    function, value = FUNCTIONS[name]
    compiled = compile(value_and_grad(lambda x: function(x).sum()))
    expected = plain(compiled(value.astype(np.float32)))
    assert near(list(expected), list(executed(compiled.source)))


def body(function: Callable[..., Any], value: Any) -> list[str]:
    text = lines(value_and_grad(lambda x: np.sum(function(x))), value)
    return [line.partition("  #")[0] for line in text if not line.startswith("#")]


def test_texts_of_well_known_functions():
    assert body(F.gelu, X) == [
        "cdf = 0.5 * (1 + erf(x / np.sqrt(2)))",
        "value = np.sum(x * cdf)",
        "dx = cdf + x * (np.exp(-x**2 / 2) / np.sqrt(2 * np.pi))",
        "return value, dx",
    ]
    assert body(F.relu6, X) == [
        "value = np.sum(np.clip(x, 0, 6))",
        "dx = ((x > 0) & (x < 6)).astype(float)",
        "return value, dx",
    ]
    assert body(lambda x: (x**2 + 1) ** 0.5, X)[2] == "dx = 0.5 / h1 * 2 * x"
    assert body(lambda x: F.max_pool2d(x, 2) ** 2, IMAGES) == [
        "windows = sliding_window_view(x, (2, 2), axis=(2, 3))[..., ::2, ::2, :, :]",
        "h1 = np.max(windows, axis=(4, 5))",
        "value = np.sum(h1**2)",
        "which = np.argmax(windows.reshape(1, 2, 2, 2, -1), axis=-1)",
        "rows, columns = np.unravel_index(which, (2, 2))",
        "dx = np.zeros((1, 2, 5, 4))",
        "g1 = rows + np.arange(0, 3, 2)[:, None]",
        "g2 = columns + np.array([0, 2])",
        "np.add.at(dx, (0, np.arange(2)[:, None, None], g1, g2), 2 * h1)",
        "return value, dx",
    ]


def test_a_forward_that_is_silent_is_no_backward_pass():
    text = lines(value_and_grad(lambda x: np.einsum("ij,ij->i", x, x).sum()), X)
    assert text[0] == "# forward" and text.count("# backward") == 1
    assert not any("again" in line for line in text)


def test_what_changes_nothing_is_left_out():
    assert lines(lambda x: np.exp(x + 0.0), X) == ["y = np.exp(x)", "return y"]
    assert lines(lambda x: ~(~(x > 0)) * 2.0, X)[0] == "y = (x > 0) * 2.0"
    assert lines(lambda x: np.logical_not(x > 0) * 2.0, X)[0] == "y = ~(x > 0) * 2.0"
    assert lines(lambda x: -(x - T), X)[0] == "y = c - x"
    assert lines(lambda x: np.concatenate([x, x], 1), X)[0] == "y = np.concatenate([x, x], axis=1)"
    assert lines(lambda x: np.exp(np.expand_dims(x, 1)), X)[0] == "y = np.exp(x[:, None])"
    assert lines(lambda x: np.sum(x, axis=1, keepdims=False), X)[0] == "y = np.sum(x, axis=1)"
    text = lines(value_and_grad(lambda x: np.sum(x * x)), X)
    assert "dx = 2 * x" in [line.partition("  #")[0] for line in text]


def test_what_was_computed_of_constants_alone_is_shown():
    text = lines(value_and_grad(lambda x: np.arctan2(x, T).sum()), X)
    assert "dx = c / (c**2 + x**2)" in [line.partition("  #")[0] for line in text]


def test_sums_of_a_transpose_keep_the_axis_that_is_meant():
    def f(x):
        return x * np.expand_dims(np.sum(np.exp(x).T, axis=1), 1)

    compiled = compile(f)
    result = compiled(X[:, :3])
    assert near(result, executed(compiled.source))


def test_larger_constants_have_random_numbers_in_their_place():
    much = RNG.normal(size=(30, 4))
    compiled = compile(lambda x: x * much)
    compiled(X[0])
    assert "c = rng.normal(size=(30, 4))" in compiled.source
    assert executed(compiled.source).shape == (30, 4)


def test_noise_does_not_keep_a_plain_form_from_being_shown():
    """The gradient of the sum of shares is 0, but for rounding."""
    assert "np.where" not in "".join(lines(value_and_grad(lambda x: F.softmin(x).sum()), X))


def test_layers_of_images_run_alone():
    nn.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 2, padding=1), nn.GroupNorm(1, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
    )
    compiled = compile(value_and_grad(lambda x: np.sum(model(x) ** 2)))
    expected = plain(compiled(IMAGES[:1, :, :3, :3].astype(np.float32)))
    assert "from nn" not in compiled.source
    assert near(list(expected), list(executed(compiled.source)))
