"""Activations, each as operation, function and Module, of inputs of any shape.

A function of a Tensor gives a Tensor, of an array or a list an array, of the same shape and dtype;
integers become float64 (relu alone keeps them, as np.maximum does).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from autograd import (
    Tensor,
    log_sigmoid,
    logsumexp,
    normal_cdf,
    normal_density,
    primitive,
    relu,
    sigmoid,
    softmax,
)
from autograd import log_softmax as _log_softmax
from autograd import softplus as _softplus
from nn.arguments import as_floats, as_tensor, at_least_single, values
from nn.checks import number, plain
from nn.habits import told
from nn.module import Module

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "elu",
    "gelu",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]


# ---- functions as Modules ---------------------------------------------------------------------


class _Activation(Module):
    """What all activations share: options, which are the attributes that `_defaults` names."""

    _function: Callable[..., Any]
    _defaults: dict[str, Any] = {}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self._defaults)


def activation(name: str, function: Callable[..., Any], home: str = __name__) -> type[_Activation]:
    """A Module class that applies a function to a Tensor, array or list; home, its file.

    What the function takes after x are the options of the Module, with the same defaults, but for
    what it takes by name alone. A first call, on a single number with many axes, lets the function
    check them.

    >>> activation("Relu", relu)()([-1.0, 2.0])
    Tensor([0., 2.])
    >>> activation("Leaky", leaky_relu)(negative_slope=0.5)
    Leaky(negative_slope=0.5)
    """
    defaults = _options(function)

    def __init__(self: _Activation, *args: Any, **options: Any) -> None:
        given = _bound(defaults, args, options)
        try:
            function(np.zeros((1,) * 32), **given)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{name}: {error}") from None
        vars(self).update({option: plain(value) for option, value in given.items()})

    def forward(self: _Activation, x: Any) -> Tensor:
        if x.__class__ is not Tensor or x.dtype.kind != "f":
            x = as_floats(as_tensor(name, "input", x))
        if not defaults:
            return function(x)
        return function(x, **{option: getattr(self, option) for option in defaults})

    __init__.__wrapped__ = _shown(function)  # type: ignore[attr-defined]
    doc = f"""The function `nn.functional.{function.__name__}` as a Module; no parameters.

    Takes a Tensor, array or list of any shape, and gives a Tensor of the same; integers become
    float64.

    >>> {name}()([-1.0, 1.0]).shape
    (2,)
    """
    members = {
        "forward": forward, "__init__": __init__, "_function": staticmethod(function),
        "_defaults": defaults, "__doc__": doc, "__module__": home,
    }  # fmt: skip
    return type(name, (_Activation,), members)


def _written(function: Callable[..., Any]) -> Any:
    return getattr(function, "__wrapped__", function)  # of an operation, its forward


def _shown(function: Callable[..., Any]) -> Any:
    """What `help` shows the arguments of: the function without what it takes by name alone."""
    written = _written(function)
    code = written.__code__.replace(co_kwonlyargcount=0)
    shown = FunctionType(code, {}, written.__name__, written.__defaults__, written.__closure__)
    shown.__annotations__ = written.__annotations__
    return shown


def _options(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a function after its first, with their defaults."""
    written = _written(function)
    names = written.__code__.co_varnames[1 : written.__code__.co_argcount]
    return dict(zip(names, written.__defaults__ or ()))


def _bound(
    defaults: dict[str, Any], args: tuple[Any, ...], options: dict[str, Any]
) -> dict[str, Any]:
    """All options of an activation: those given, in order or by name, and the defaults."""
    given = dict(zip(defaults, args))
    wrong = [option for option in options if option not in defaults or option in given]
    if wrong or len(args) > len(defaults):
        raise TypeError("which Module tells, as of all layers")
    return {**defaults, **given, **options}


log_softmax = told(_log_softmax)
LogSigmoid = activation("LogSigmoid", log_sigmoid)
LogSoftmax = activation("LogSoftmax", log_softmax)
ReLU = activation("ReLU", relu)
Sigmoid = activation("Sigmoid", sigmoid)
Softmax = activation("Softmax", softmax)


# ---- piecewise linear, and tanh ---------------------------------------------------------------


def at_most(x: Any, bound: float) -> Any:
    """min(x, bound); against an array NumPy is faster than against a number."""
    return np.minimum(x, np.full((1,) * x.ndim, bound, x.dtype))


def _where_above(x: Any, above: Any, below: Any) -> Any:
    """What a plain form has above 0, and elsewhere, in the dtype of x."""
    return np.where(x > 0, above, below).astype(x.dtype, copy=False)


def _slopes(x: Any, below: float) -> Any:
    """1 where x > 0 and `below` elsewhere, in a tenth of the time that np.where takes."""
    return (x > 0) * x.dtype.type(1 - below) + x.dtype.type(below)


@told
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of each element: `np.tanh`.

    >>> tanh(Tensor([0.0]))
    Tensor([0.])
    """
    return np.tanh(as_floats(x))


Tanh = activation("Tanh", tanh)


def _leaky_relu(x: Any, negative_slope: float) -> Any:
    return (np.maximum if negative_slope <= 1 else np.minimum)(x, x * negative_slope)


_fused_leaky_relu = primitive(
    _leaky_relu,
    lambda g, y, x, negative_slope: g * _slopes(x, negative_slope),
    formula="g where x > 0, g negative_slope elsewhere",
    elementwise=True,
    plainly=(
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        lambda g, y, x, negative_slope: g * _where_above(x, 1.0, negative_slope),
    ),
)


@told
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, negative_slope x elsewhere; the slope at 0 is negative_slope.

    Raises ValueError for a slope that is not finite. Source: PyTorch's leaky_relu.

    >>> leaky_relu(Tensor([-1.0, 2.0]))
    Tensor([-0.01,  2.  ])
    """
    negative_slope = number("leaky_relu: negative_slope", negative_slope)
    x = as_floats(x)
    return _fused_leaky_relu(x, negative_slope) if negative_slope else relu(x)


LeakyReLU = activation("LeakyReLU", leaky_relu)


def _hardtanh(x: Any, min_val: float, max_val: float) -> Any:
    return np.clip(x, min_val, max_val)


def kept_off(outside: Any, g: Any) -> Any:
    """g, and 0 where it is outside; also where it is infinite there, and 0 times it nan."""
    passed = g * ~outside  # in a fifth of the time that np.where takes
    if np.isfinite(np.add.reduce(values(passed), axis=None)):
        return passed
    return np.where(outside, 0, g)


def _hardtanh_rule(g: Any, y: Any, x: Any, min_val: float, max_val: float) -> Any:
    return kept_off((x <= min_val) | (x >= max_val), g)


_fused_hardtanh = primitive(
    _hardtanh, _hardtanh_rule, formula="g where min_val < x < max_val", elementwise=True,
    plainly=(
        _hardtanh, lambda g, y, x, min_val, max_val: g * ((x > min_val) & (x < max_val))
    ),
)  # fmt: skip


@told
def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """x between min_val and max_val, and the bound beyond; the slope at the bounds is 0.

    (np.clip computes the same, but has slope 1 at the bounds.) Raises ValueError for a min_val
    above max_val. Source: PyTorch's hardtanh.

    >>> hardtanh(Tensor([-3.0, 0.5, 2.0]))
    Tensor([-1. ,  0.5,  1. ])
    """
    min_val = number("hardtanh: min_val", min_val, finite=False)
    max_val = number("hardtanh: max_val", max_val, finite=False)
    if min_val > max_val:
        raise ValueError(
            f"hardtanh: min_val must not be above max_val, got {min_val} and {max_val}"
        )
    return _fused_hardtanh(as_floats(x), min_val, max_val)


Hardtanh = activation("Hardtanh", hardtanh)


# ---- exponential below 0 ----------------------------------------------------------------------


def _elu(x: Any, alpha: float) -> Any:
    # exp(x) - 1 = 2t / (1 - t), t = tanh(x/2), to the last digits for x <= 0; np.expm1 takes four
    # times as long in single precision.
    t = np.tanh(at_most(x, 0) * 0.5)
    return relu(x) + t * (2 * alpha) / (1 - t)


def _elu_slope(x: Any, alpha: float) -> Any:
    slope = np.exp(at_most(x, 0))
    return slope if alpha == 1 else slope * _slopes(x, alpha)


_fused_elu_slope = primitive(
    _elu_slope, lambda g, y, x, alpha: g * (y * (x < 0)),
    formula="g y where x < 0", elementwise=True,
)  # fmt: skip


_fused_elu = primitive(
    _elu,
    lambda g, y, x, alpha: g * _fused_elu_slope(x, alpha),
    formula="g where x > 0, g alpha exp(x) elsewhere",
    elementwise=True,
    plainly=(
        lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
        lambda g, y, x, alpha: g * np.where(x > 0, 1, alpha * np.exp(x)),
    ),
)


@told
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, alpha (exp(x) - 1) elsewhere; the slope at 0 is alpha.

    Raises ValueError for an alpha that is not finite. Source: Clevert, Unterthiner and Hochreiter,
    "Fast and accurate deep network learning by exponential linear units", 2016; PyTorch's elu.

    >>> elu(Tensor([-1000.0, 2.0]))
    Tensor([-1.,  2.])
    """
    return _fused_elu(as_floats(x), number("elu: alpha", alpha))


ELU = activation("ELU", elu)


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@told
def selu(x: Any) -> Any:
    """1.0507 elu(x, alpha=1.6733): under it means and variances tend to 0 and 1, layer by layer.

    Source: Klambauer et al., "Self-normalizing neural networks", 2017; PyTorch's selu.

    >>> selu(Tensor([-1000.0, 1.0]))
    Tensor([-1.75809934,  1.05070099])
    """
    return elu(x, _SELU_ALPHA) * _SELU_SCALE


SELU = activation("SELU", selu)


@told
def softplus(x: Any, beta: float = 1.0, threshold: float = math.inf) -> Any:
    """log(1 + exp(beta x)) / beta, a smooth relu, the sharper the larger beta; finite at every x.

    Where beta x > threshold, x itself. Raises ValueError unless beta > 0. Source: PyTorch's
    softplus, whose threshold is 20; without one this is exact everywhere.

    >>> softplus(Tensor([0.0, 1000.0, -1000.0]))
    Tensor([6.93147181e-01, 1.00000000e+03, 0.00000000e+00])
    """
    beta = number("softplus: beta", beta, above=0)
    x = as_floats(x)
    y = _softplus(x) if beta == 1 else _softplus(x * beta) / beta
    if threshold == math.inf:
        return y
    threshold = number("softplus: threshold", threshold, finite=False)
    return np.where(values(x) * beta > threshold, x, y)


Softplus = activation("Softplus", softplus)


# ---- x times a share of it --------------------------------------------------------------------


def _below_end(z: Any) -> Any:
    """min(z, 88): sigmoid is 1 there in every precision, and exp does not yet overflow. To ask
    whether there is something to do takes a quarter of the time."""
    return z if np.maximum.reduce(z, axis=None, initial=0) <= 88 else np.minimum(z, 88)


def _above_end(x: Any) -> Any:
    """x, and the lowest number where it is -inf, of which 0 times is 0; asked as in _below_end."""
    finite = np.minimum.reduce(x, axis=None, initial=0) > -np.inf
    return x if finite else np.maximum(x, np.finfo(x.dtype).min)


_BLOCK = 1 << 14  # elements, whose intermediate results stay in the cache


def _over_one_more(numerator: Any, e: Any) -> Any:
    """numerator / (e + 1), in place and block by block: fresh memory costs more than a quotient."""
    if not isinstance(numerator, np.ndarray) or not numerator.flags.c_contiguous:
        return numerator / (e + 1)
    if numerator.size <= _BLOCK:
        numerator /= e + 1
        return numerator
    flat, e = numerator.reshape(-1), e.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        flat[part] /= e[part] + 1
    return numerator


def _times_sigmoid(
    name: str, inner: Callable[[Any], Any], slope: Callable[[Any], Any] | None, formula: str,
    plainly: tuple[Callable[..., Any], ...],
) -> Callable[..., Any]:  # fmt: skip
    """The operation y = x s, s = sigmoid(z), of z = inner(x) and its derivative, None for 1."""

    def forward(x: Any) -> Any:
        z = inner(at_least_single(x))
        near = _below_end(z)
        e = np.exp(near)
        y = e + 1
        y = np.divide(e, y, out=y) if y.ndim else e / y
        y *= _above_end(x)
        return y.astype(x.dtype, copy=False), (e, near is z)

    def rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
        if saved is None:
            z = inner(x)
            density = sigmoid(z) * sigmoid(-z)
            near = np.clip(x, -800, 800)  # far out 0 times an infinite x would be nan
            return g * (sigmoid(z) + (density if slope is None else density * slope(x)) * near)
        e, all_near = saved
        near = y if all_near else np.minimum(y, 88)  # where z is not far out, neither is y
        # s + y z' (1-s), with s = e/(e+1) and 1-s = 1/(e+1), so that nothing cancels
        return g * _over_one_more(e + (near if slope is None else near * slope(x)), e)

    forward.__name__ = name
    return primitive(forward, rule, formula=formula, elementwise=True, saves=True, plainly=plainly)


def _plain_silu(x: Any) -> Any:
    share = sigmoid(x)
    return x * share, share


def _plain_silu_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    """g (s + x s (1-s)), s = sigmoid(x)"""
    return g * (saved + y * (1 - saved))


_fused_silu = _times_sigmoid(
    "silu", lambda x: x, None, "g (s + x s (1-s)), s = sigmoid(x)", (_plain_silu, _plain_silu_rule)
)


@told
def silu(x: Any) -> Any:
    """x sigmoid(x) of each element, also called swish.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units", 2018; PyTorch's silu.

    >>> silu(Tensor([0.0, 1000.0]))
    Tensor([   0., 1000.])
    """
    return _fused_silu(as_floats(x))


SiLU = activation("SiLU", silu)


_STEEPNESS, _CUBIC = 2 * math.sqrt(2 / math.pi), 0.044715


def _nearly_normal(x: Any) -> Any:
    """2 √(2/π) (x + 0.044715 x³); from 24 on, where x³ may overflow, what it is there."""
    near = np.clip(x, -24, 24)
    return (near + near * near * near * _CUBIC) * _STEEPNESS


def _nearly_normal_slope(x: Any) -> Any:
    near = np.clip(x, -24, 24)
    return (1 + near * near * (3 * _CUBIC)) * _STEEPNESS


def _gelu(x: Any) -> Any:
    cdf = normal_cdf(at_least_single(x))
    return (_above_end(x) * cdf).astype(x.dtype, copy=False), cdf


def _gelu_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    x = at_least_single(x)
    if saved is None:  # far out 0 times an infinite x would be nan
        return g * (normal_cdf(x) + np.clip(x, -40, 40) * normal_density(x))
    density = normal_density(x)
    share = x * density
    flat = share.ravel("K")
    if not flat.dot(flat) < math.inf:
        share = np.where(density == 0, 0, share)
    return g * (saved + share)


def _plain_gelu(x: Any) -> Any:
    cdf = normal_cdf(x)
    return x * cdf, cdf


def _plain_gelu_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    """g (P + x p), P' = p = exp(-x²/2)/√(2π)"""
    return g * (saved + x * normal_density(x))


def _plain_gelu_tanh(x: Any) -> Any:
    t = np.tanh(math.sqrt(2 / math.pi) * (x + _CUBIC * x**3))
    return 0.5 * x * (1 + t), t


def _plain_gelu_tanh_rule(g: Any, y: Any, x: Any, saved: Any) -> Any:
    """g (1 + t + x (1-t²) z')/2, t = tanh(z)"""
    slope = math.sqrt(2 / math.pi) * (1 + 3 * _CUBIC * x**2)
    return g * 0.5 * (1 + saved + x * (1 - saved**2) * slope)


_GELU = {
    "none": primitive(
        _gelu, _gelu_rule, formula="g (P + x p), P' = p = exp(-x²/2)/√(2π)", elementwise=True,
        saves=True, plainly=(_plain_gelu, _plain_gelu_rule),
    ),
    "tanh": _times_sigmoid(
        "gelu_tanh", _nearly_normal, _nearly_normal_slope,
        "g (s + x s (1-s) z'), s = sigmoid(z)", (_plain_gelu_tanh, _plain_gelu_tanh_rule),
    ),
}  # fmt: skip


@told
def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the probability that a standard normal number is below x: x (1 + erf(x/√2)) / 2.

    Args: x of any shape; approximate, "tanh" for x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, which
    GPT-2 uses. Raises ValueError for another word. Source: Hendrycks and Gimpel, "Gaussian error
    linear units", 2016; PyTorch's gelu.

    >>> gelu(Tensor([-1000.0, 1.0])), gelu(Tensor(1.0), approximate="tanh")
    (Tensor([-0.        ,  0.84134475]), Tensor(0.84119199))
    """
    if approximate not in list(_GELU):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return _GELU[approximate](as_floats(x))


GELU = activation("GELU", gelu)
