"""First values of parameters. Each function fills a leaf Tensor with new values and returns it.

A weight is (fan_out, fan_in): a layer makes fan_out numbers of fan_in numbers. What is called
xavier here goes by Glorot elsewhere, and kaiming by He.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autograd import Tensor
from nn.checks import number
from nn.names import unknown
from nn.random import generator

__all__ = [
    "calculate_gain",
    "constant_",
    "kaiming_normal_",
    "kaiming_uniform_",
    "named_initializer",
    "normal_",
    "ones_",
    "trunc_normal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]


# ---- given numbers ----------------------------------------------------------------------------


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number. Source: PyTorch's nn.init.constant_.

    >>> constant_(Tensor([0.0, 0.0]), 3)
    Tensor([3., 3.])
    """
    return _tensor("constant_", tensor).assign_(np.full(tensor.shape, val))


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0: usual for biases. Source: PyTorch's nn.init.zeros_.

    >>> zeros_(Tensor([1.0, 2.0]))
    Tensor([0., 0.])
    """
    return _tensor("zeros_", tensor).assign_(np.zeros(tensor.shape))


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1. Source: PyTorch's nn.init.ones_.

    >>> ones_(Tensor([0.0, 2.0]))
    Tensor([1., 1.])
    """
    return _tensor("ones_", tensor).assign_(np.ones(tensor.shape))


# ---- drawn numbers ----------------------------------------------------------------------------
# Drawn in float64 and then rounded: one seed gives the same numbers in every dtype.


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, *, rng: np.random.Generator | None = None
) -> Tensor:
    """Fill with numbers drawn evenly from [a, b). Raises ValueError if b is below a.

    The same seed gives the same numbers in every dtype, but for rounding. Source: PyTorch's
    nn.init.uniform_.

    >>> uniform_(Tensor([0.0, 0.0]), 2, 3).shape
    (2,)
    """
    a, b = number("uniform_: a", a), number("uniform_: b", b)
    if not a <= b:
        raise ValueError(f"uniform_: the bounds must have a <= b, got a={a:g}, b={b:g}")
    return _tensor("uniform_", tensor).assign_(generator(rng).uniform(a, b, tensor.shape))


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: np.random.Generator | None = None
) -> Tensor:
    """Fill with numbers of the normal distribution. Raises ValueError for a negative std.

    Source: PyTorch's nn.init.normal_.

    >>> bool(np.std(normal_(Tensor(np.zeros(10_000)), std=2)).round() == 2)
    True
    """
    mean, std = number("normal_: mean", mean), number("normal_: std", std, least=0)
    return _tensor("normal_", tensor).assign_(generator(rng).normal(mean, std, tensor.shape))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    *,
    rng: np.random.Generator | None = None,
) -> Tensor:
    """Fill with numbers of the normal distribution, of those that lie within [a, b].

    a and b are values, not numbers of std: for std 0.02 use a=-0.04, b=0.04. Works however far
    [a, b] is from the mean. Raises ValueError for std <= 0 or b below a. Source: PyTorch's
    nn.init.trunc_normal_.

    >>> bool(np.max(abs(trunc_normal_(Tensor(np.zeros(1000))))) <= 2)
    True
    """
    name = "trunc_normal_"
    mean, std = number(f"{name}: mean", mean), number(f"{name}: std", std)
    a, b = (number(f"{name}: {end}", bound, finite=False) for end, bound in (("a", a), ("b", b)))
    if not (std > 0 and a <= b):
        raise ValueError(
            f"trunc_normal_: needs std > 0 and a <= b, got std={std:g}, a={a:g}, b={b:g}"
        )
    shape = _tensor(name, tensor).shape
    drawn = _truncated((a - mean) / std, (b - mean) / std, math.prod(shape), generator(rng))
    return tensor.assign_(np.clip(mean + std * drawn, a, b).reshape(shape))


def _truncated(low: float, high: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Standard normal numbers within [low, high]: even ones, of which z is taken with a chance of
    exp((peak² - z²) / 2), where peak is the likeliest place of the interval.

    Beyond a reach of 9 around the peak, or of 40 / peak far out, lies less than one part in 10^16.
    """
    peak = min(max(0.0, low), high)
    reach = min(9.0, 40 / abs(peak)) if peak else 9.0
    low, high = max(low, peak - reach), min(high, peak + reach)
    drawn = np.empty(0)
    while len(drawn) < count:
        z = rng.uniform(low, high, 2 * (count - len(drawn)) + 10)
        taken = rng.random(len(z)) < np.exp((peak - z) * (peak + z) / 2)
        drawn = np.concatenate([drawn, z[taken]])
    return drawn[:count]


# ---- by the size of the layer -----------------------------------------------------------------


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By what a weight is to be larger, for the activation after it to keep the signal's size.

    linear, sigmoid: 1; tanh: 5/3; relu: sqrt(2); leaky_relu: sqrt(2 / (1 + param²)), param its
    slope, 0.01 if None; selu: 3/4. Raises ValueError for another name. Source: PyTorch's
    nn.init.calculate_gain.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else number("calculate_gain: param", param)
        return math.sqrt(2 / (1 + slope * slope))
    if nonlinearity not in _GAINS:
        known = unknown("nonlinearity", nonlinearity, [*_GAINS, "leaky_relu"])
        raise ValueError(f"calculate_gain: {known}")
    return _GAINS[nonlinearity]


_GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3,
    "relu": math.sqrt(2), "selu": 3 / 4,
}  # fmt: skip


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, *, rng: np.random.Generator | None = None
) -> Tensor:
    """Fill a weight evenly within ±gain sqrt(6 / (fan_in + fan_out)): Glorot's initialisation.

    Keeps the size of signals and of gradients about even, for tanh and sigmoid. Raises ValueError
    for fewer than 2 axes. Source: Glorot and Bengio, Understanding the difficulty of training deep
    feedforward neural networks, 2010 (Xavier is Glorot's first name); PyTorch's xavier_uniform_.

    >>> weight = xavier_uniform_(Tensor(np.zeros((2, 4))))
    >>> bool(np.all(abs(weight) <= 1.0))
    True
    """
    return _even(tensor, gain, sum(_fans("xavier_uniform_", tensor)) / 2, rng)


def xavier_normal_(
    tensor: Tensor, gain: float = 1.0, *, rng: np.random.Generator | None = None
) -> Tensor:
    """Fill a weight with normal numbers of std gain sqrt(2 / (fan_in + fan_out)): Glorot's.

    As `xavier_uniform_` but for the distribution; neither cuts off as Keras' glorot_normal does.

    >>> bool(0.09 < np.std(xavier_normal_(Tensor(np.zeros((100, 100))))) < 0.11)
    True
    """
    return _normal(tensor, gain, sum(_fans("xavier_normal_", tensor)) / 2, rng)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight evenly within ±gain sqrt(3 / fan): He's initialisation, for relu and its kin.

    Args: a, the slope of a leaky relu below zero (0: relu); mode, "fan_in" to keep the size of
        signals, "fan_out" that of gradients; nonlinearity, which gain (calculate_gain).
    `a=sqrt(5)` gives PyTorch's first values of a linear layer, bound = 1/sqrt(fan_in). Raises
    ValueError for fewer than 2 axes and unknown names. Source: Kaiming He et al., Delving Deep into
    Rectifiers, 2015; PyTorch's kaiming_uniform_.

    >>> weight = kaiming_uniform_(Tensor(np.zeros((100, 6))))
    >>> bool(np.all(abs(weight) <= 1.0))
    True
    """
    fan = _fan("kaiming_uniform_", tensor, mode)
    return _even(tensor, calculate_gain(nonlinearity, a), fan, rng)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: np.random.Generator | None = None,
) -> Tensor:
    """Fill a weight with normal numbers of std gain / sqrt(fan): He's initialisation.

    Arguments and errors as those of `kaiming_uniform_`; does not cut off as Keras' he_normal does.

    >>> bool(0.13 < np.std(kaiming_normal_(Tensor(np.zeros((100, 100))))) < 0.15)
    True
    """
    fan = _fan("kaiming_normal_", tensor, mode)
    return _normal(tensor, calculate_gain(nonlinearity, a), fan, rng)


def _even(tensor: Tensor, gain: float, fan: float, rng: np.random.Generator | None) -> Tensor:
    bound = abs(gain) * math.sqrt(3 / fan) if fan else 0.0  # nothing to fill
    return uniform_(tensor, -bound, bound, rng=rng)


def _normal(tensor: Tensor, gain: float, fan: float, rng: np.random.Generator | None) -> Tensor:
    return normal_(tensor, 0.0, abs(gain) / math.sqrt(fan) if fan else 0.0, rng=rng)


def _tensor(name: str, tensor: Any) -> Tensor:
    if isinstance(tensor, Tensor):
        return tensor
    raise TypeError(f"{name} fills a Tensor, got {type(tensor).__name__}")


def _fans(name: str, tensor: Tensor) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, ...), whose further axes are a receptive field."""
    shape = _tensor(name, tensor).shape
    if len(shape) < 2:
        raise ValueError(
            f"{name} needs a weight with at least 2 axes, (fan_out, fan_in), got shape {shape}"
        )
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _fan(name: str, tensor: Tensor, mode: str) -> int:
    fan_in, fan_out = _fans(name, tensor)
    fans = {"fan_in": fan_in, "fan_out": fan_out}
    if mode not in fans:
        raise ValueError(f"{name}: {unknown('mode', mode, fans)}")
    return fans[mode]


# ---- by name ----------------------------------------------------------------------------------

_NAMED: dict[str, Callable[..., Tensor]] = {
    "xavier_uniform": xavier_uniform_, "glorot_uniform": xavier_uniform_,
    "xavier_normal": xavier_normal_, "glorot_normal": xavier_normal_,
    "kaiming_uniform": kaiming_uniform_, "he_uniform": kaiming_uniform_,
    "kaiming_normal": kaiming_normal_, "he_normal": kaiming_normal_,
    "normal": normal_, "uniform": uniform_, "trunc_normal": trunc_normal_,
    "zeros": zeros_, "ones": ones_,
}  # fmt: skip


def named_initializer(
    name: str, rng: np.random.Generator | None = None
) -> Callable[[Tensor], Tensor]:
    """The initialiser of a name, as a function of the Tensor alone.

    Names as here, with or without the underscore at the end, or as in Keras: "he_normal",
    "glorot_uniform". Raises ValueError for others, naming the nearest.

    >>> named_initializer("ones")(Tensor([0.0]))
    Tensor([1.])
    """
    found = _NAMED.get(name.removesuffix("_"))
    if found is None:
        raise ValueError(unknown("initialiser", name, _NAMED))
    return found if found in (zeros_, ones_) else lambda tensor: found(tensor, rng=rng)


if not TYPE_CHECKING:  # for which a module with __getattr__ would have every name

    def __getattr__(name: str) -> Any:
        """Raise AttributeError; for a name of Glorot's or He's, with ours."""
        found = _NAMED.get(name.removesuffix("_"))
        hint = f"; it is nn.init.{found.__name__} here" if found else ""
        raise AttributeError(f"module 'nn.init' has no attribute {name!r}{hint}")
