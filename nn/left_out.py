"""What PyTorch's nn has and this has not, on purpose, and how to write it: in a line or three.

Who asks for one of these names is told what stands here. In what is written `np`, `nn` and
`functional` (of nn) are these modules, `rng` is a generator of NumPy's, and the other names are
PyTorch's; where those have a default, it is put in. It works on Tensors, and so has its gradients.
"""

from __future__ import annotations

__all__ = ["FUNCTIONS", "LAYERS"]

_PADDED = "np.pad(x, [(0, 0), (0, 0), {}], mode={!r})"
_CONSTANT = "np.pad(x, [(0, 0), (0, 0), {}], constant_values={})"
_AXES = {"1d": "(1, 1)", "2d": "(1, 1), (2, 2)", "3d": "(1, 1), (2, 2), (0, 1)"}  # as an example
_LOCAL = (
    "s = np.pad(x * x, [(0, 0), (size // 2, (size - 1) // 2)] + [(0, 0)] * (x.ndim - 2)); "
    "s = sum(s[:, i : i + x.shape[1]] for i in range(size)); "
    "x / (1 + 1e-4 / size * s) ** 0.75"
)
_ALPHA = (
    "alpha = -1.7580993408473766; "
    "kept = np.where(rng.random({}) >= p, x, alpha); "
    "(kept - alpha * p) / np.sqrt((1 - p) * (1 + p * alpha**2))"
)

# A class (with a capital letter) and a function, and what does the same.
_WRITTEN = {
    "AlphaDropout alpha_dropout": _ALPHA.format("x.shape"),
    "FeatureAlphaDropout feature_alpha_dropout": _ALPHA.format("x.shape[:2] + (1,) * (x.ndim - 2)"),
    "Bilinear bilinear": "np.einsum('ni,oij,nj->no', x1, weight, x2) + bias",
    "ChannelShuffle channel_shuffle native_channel_shuffle": (
        "np.swapaxes(x.reshape((len(x), groups, -1, *x.shape[2:])), 1, 2).reshape(x.shape)"
    ),
    **{f"CircularPad{d}": _PADDED.format(axes, "wrap") for d, axes in _AXES.items()},
    **{f"ReflectionPad{d}": _PADDED.format(axes, "reflect") for d, axes in _AXES.items()},
    **{f"ReplicationPad{d}": _PADDED.format(axes, "edge") for d, axes in _AXES.items()},
    **{f"ConstantPad{d}": _CONSTANT.format(axes, "value") for d, axes in _AXES.items()},
    **{f"ZeroPad{d}": f"np.pad(x, [(0, 0), (0, 0), {axes}])" for d, axes in _AXES.items()},
    "EmbeddingBag embedding_bag": "np.mean(weight[indices], axis=1)",
    "Hardshrink hardshrink": "np.where(np.abs(x) > 0.5, x, 0)",
    "Softshrink softshrink": "x - np.clip(x, -0.5, 0.5)",
    "Tanhshrink tanhshrink": "x - np.tanh(x)",
    "Threshold threshold": "np.where(x > threshold, x, value)",
    "RReLU rrelu": "np.where(x > 0, x, x * rng.uniform(1 / 8, 1 / 3, x.shape))",
    "LPPool1d lp_pool1d": (
        "n = x.shape[-1] // k; "
        "rows = x[..., : n * k].reshape((*x.shape[:-1], n, k)); "
        "np.sum(rows**p, axis=-1) ** (1 / p)"
    ),
    "LPPool2d lp_pool2d": (
        "(a, b), c = (n // k for n in x.shape[-2:]), x.shape[:-2]; "
        "parts = x[..., : a * k, : b * k].reshape((*c, a, k, b, k)); "
        "np.sum(parts**p, axis=(-3, -1)) ** (1 / p)"
    ),
    "LPPool3d lp_pool3d": (
        "(a, b, d), c = (n // k for n in x.shape[-3:]), x.shape[:-3]; "
        "parts = x[..., : a * k, : b * k, : d * k].reshape((*c, a, k, b, k, d, k)); "
        "np.sum(parts**p, axis=(-5, -3, -1)) ** (1 / p)"
    ),
    "LocalResponseNorm CrossMapLRN2d local_response_norm": _LOCAL,
    "MaxUnpool1d max_unpool1d": (
        "wide = lambda t: np.repeat(t, k, axis=-1); "
        "np.where(x == wide(maxima), wide(y), 0)  # maxima: max_pool1d(x, k)"
    ),
    "MaxUnpool2d max_unpool2d": (
        "wide = lambda t: np.repeat(np.repeat(t, k, axis=-1), k, axis=-2); "
        "np.where(x == wide(maxima), wide(y), 0)  # maxima: max_pool2d(x, k)"
    ),
    "MaxUnpool3d max_unpool3d": (
        "wide = lambda t: np.repeat(np.repeat(np.repeat(t, k, axis=-1), k, axis=-2), k, axis=-3); "
        "np.where(x == wide(maxima), wide(y), 0)  # maxima: max_pool3d(x, k)"
    ),
    "MultiLabelMarginLoss multilabel_margin_loss": (
        "is_one = nn.functional.one_hot(labels, x.shape[1]).sum(axis=1); "
        "pairs = functional.relu(1 - x[:, :, None] + x[:, None, :]); "
        "np.mean(np.sum(pairs * (is_one[:, :, None] * (1 - is_one[:, None])), axis=(1, 2)))"
        " / x.shape[1]"
    ),
    "MultiMarginLoss multi_margin_loss": (
        "right = x[np.arange(len(x)), labels]; "
        "np.mean(np.sum(functional.relu(1 - right[:, None] + x), axis=1) - 1) / x.shape[1]"
    ),
    "SoftMarginLoss soft_margin_loss": "np.mean(functional.softplus(-target * x))",
    "MultiLabelSoftMarginLoss multilabel_soft_margin_loss": (
        "functional.binary_cross_entropy_with_logits(x, target)"
    ),
    "TripletMarginWithDistanceLoss triplet_margin_with_distance_loss": (
        "np.mean(functional.relu(1 + distance(anchor, positive) - distance(anchor, negative)))"
    ),
    "LinearCrossEntropyLoss linear_cross_entropy": (
        "functional.cross_entropy(functional.linear(x, weight, bias), labels)"
    ),
    "affine_grid": (  # to points from -1 to 1
        "rows, columns = ((2 * np.arange(n) + 1) / n - 1 for n in size[2:]); "
        "points = np.stack([*np.meshgrid(columns, rows), np.ones(size[2:])], axis=-1); "
        "np.einsum('hwk,njk->nhwj', points, theta)"
    ),
    "gumbel_softmax": (
        "noise = rng.gumbel(size=logits.shape); functional.softmax((logits + noise) / tau)"
    ),
    "pdist": "i, j = np.triu_indices(len(x), 1); np.linalg.norm(x[i] - x[j], axis=1)",
    "grouped_mm scaled_mm scaled_grouped_mm": "a @ b",
}

_IN_PLACE = "values are never written in place here: use {}"
_LAZY = "sizes are said, not found out: nn.{}(in_features, ...); print(x.shape) shows them"
_GRID = (
    "there is none here: look up the four neighbours x[n, :, i, j] of each point and weigh them, "
    "or write it as autograd.primitive(f, rule)"
)

_TOLD = {
    "AdaptiveLogSoftmaxWithLoss": "use nn.Linear and nn.CrossEntropyLoss",
    "Container": "derive from nn.Module, or use nn.Sequential",
    **dict.fromkeys(("FractionalMaxPool2d", "FractionalMaxPool3d"), (
        "there is none here: nn.AdaptiveMaxPool2d and 3d give any size, of windows that do not "
        "change"
    )),
    **dict.fromkeys(("fractional_max_pool2d", "fractional_max_pool3d"), (
        "there is none here: adaptive_max_pool2d and 3d give any size"
    )),
    **{f"Lazy{kind}": _LAZY.format(kind) for kind in (
        "Linear", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "Conv1d", "Conv2d", "Conv3d",
        "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "InstanceNorm1d",
        "InstanceNorm2d", "InstanceNorm3d",
    )},
    "LinearCrossEntropyOptions": "use functional.cross_entropy, of functional.linear",
    "NLLLoss2d": "use nn.NLLLoss, which takes images too",
    **dict.fromkeys(("RNNBase", "RNNCellBase"), "derive from nn.Module"),
    "SyncBatchNorm": "there is one process: use nn.BatchNorm2d",
    "Transformer": "use nn.TransformerEncoder and nn.TransformerDecoder",
    **dict.fromkeys(("UninitializedBuffer", "UninitializedParameter"), (
        "sizes are said, not found out: make it in __init__"
    )),
    "UpsamplingBilinear2d": "use nn.Upsample(mode='bilinear', align_corners=True)",
    "UpsamplingNearest2d": "use nn.Upsample(mode='nearest')",
    "conv_tbc": "use conv1d, with the axes in its order: conv1d(x.transpose((1, 2, 0)), weight)",
    "grid_sample": _GRID,
    "multi_head_attention_forward": "use nn.MultiheadAttention",
    **{f"{pool}_with_indices": (
        f"use {pool}, which gives the values; where they come from its gradient tells"
    ) for pool in (
        "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
        "fractional_max_pool2d", "fractional_max_pool3d",
        "max_pool1d", "max_pool2d", "max_pool3d",
    )},
    **{f"{name}_": _IN_PLACE.format(name) for name in (
        "celu", "elu", "hardtanh", "leaky_relu", "relu", "selu",
    )},
    "rrelu_": _IN_PLACE.format("np.where, as for rrelu"),
    "threshold_": _IN_PLACE.format("np.where, as for threshold"),
    **dict.fromkeys(("upsample", "upsample_bilinear", "upsample_nearest"), "use interpolate"),
}  # fmt: skip


def _all() -> dict[str, str]:
    told = {
        name: f"there is none here, write it: {code}"
        for names, code in _WRITTEN.items()
        for name in names.split()
    }
    return {**told, **_TOLD}


# What is told of names that `nn` has not, and of names that `nn.functional` has not.
LAYERS = {name: told for name, told in _all().items() if name[0].isupper()}
FUNCTIONS = {name: told for name, told in _all().items() if not name[0].isupper()}
