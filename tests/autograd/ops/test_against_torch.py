"""Comparison with PyTorch: values, gradients and second derivatives, in float64 to 1e-10.

One table pairs our functions (NumPy's names) with PyTorch's. Each pair is compared at smooth random
points; elementwise functions also at special points (0, bounds, infinities, nan). Where we differ
on purpose, the difference is listed by name with its reason, and is itself tested.
"""

import zlib

import numpy as np
import pytest

import autograd as ag
from autograd import Tensor, grad

torch = pytest.importorskip("torch", reason="compares with PyTorch")
F, tla, nla = torch.nn.functional, torch.linalg, np.linalg

inf, nan = np.inf, np.nan


# ---- comparing ----------------------------------------------------------------------------------


def ours(function, inputs, v, ws):
    """Value; gradients in the direction v; second derivatives in the directions ws, and by v."""
    xs = [Tensor(x, requires_grad=True) for x in inputs]
    v = Tensor(v, requires_grad=True)
    y = function(*xs)
    first = grad(y, xs, v, create_graph=True)
    total = sum((g * w).sum() for g, w in zip(first, ws))
    second = grad(total, [*xs, v], allow_unused=True) if total.requires_grad else [None]
    second = [*second, *[None] * (len(xs) + 1 - len(second))]
    return (
        y.data,
        [g.data for g in first],
        [np.zeros(x.shape) if h is None else h.data for h, x in zip(second, [*xs, v])],
    )


def theirs(function, inputs, v, ws):
    """The same numbers from PyTorch."""
    xs = [torch.tensor(x, requires_grad=True) for x in inputs]
    v = torch.tensor(v, requires_grad=True)
    y = function(*xs)
    first = torch.autograd.grad(y, xs, v, create_graph=True)
    total = sum((g * torch.tensor(w)).sum() for g, w in zip(first, ws))
    second = [None] * (len(xs) + 1)
    if total.requires_grad:
        second = torch.autograd.grad(total, [*xs, v], allow_unused=True)
    return (
        y.detach().numpy(),
        [g.numpy(force=True) for g in first],
        [np.zeros(x.shape) if h is None else h.numpy(force=True) for h, x in zip(second, [*xs, v])],
    )


def assert_close(found, expected, what):
    """Equal to 1e-10 of the largest magnitude."""
    assert found.shape == expected.shape, what
    largest = np.max(np.abs(expected), initial=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * largest + 1e-13, err_msg=what)


def generator(name):
    return np.random.default_rng(zlib.crc32(name.encode()))


# ---- random points ------------------------------------------------------------------------------


def real(*shape):
    return lambda rng: rng.normal(size=shape)


def positive(*shape):
    return lambda rng: rng.uniform(0.5, 2.0, size=shape)


def inside(*shape):
    """Within (-0.9, 0.9), away from 0."""
    return lambda rng: rng.uniform(0.1, 0.9, size=shape) * rng.choice([-1, 1], size=shape)


def regular(*shape):
    """Square matrices far from singular."""
    return lambda rng: rng.normal(size=shape) + 3 * np.eye(shape[-1])


def definite(*shape):
    """Symmetric positive definite matrices with distinct eigenvalues."""

    def make(rng):
        a = rng.normal(size=shape)
        return a @ a.swapaxes(-1, -2) + np.diag(np.arange(1.0, 1 + shape[-1]))

    return make


def transposed(a):
    return a.swapaxes(-1, -2)


def symmetric(a):
    return (a + transposed(a)) / 2


UNARY = {  # our function: (PyTorch's, where the random points lie)
    np.negative: (torch.negative, real), np.positive: (torch.positive, real),
    np.absolute: (torch.absolute, real), np.fabs: (torch.abs, real),
    np.square: (torch.square, real), np.sqrt: (torch.sqrt, positive),
    np.cbrt: (lambda x: x ** (1 / 3), positive), np.reciprocal: (torch.reciprocal, positive),
    np.exp: (torch.exp, real), np.exp2: (torch.exp2, real), np.expm1: (torch.expm1, real),
    np.log: (torch.log, positive), np.log2: (torch.log2, positive),
    np.log10: (torch.log10, positive), np.log1p: (torch.log1p, inside),
    np.sin: (torch.sin, real), np.cos: (torch.cos, real), np.tan: (torch.tan, inside),
    np.arcsin: (torch.arcsin, inside), np.arccos: (torch.arccos, inside),
    np.arctan: (torch.arctan, real), np.sinh: (torch.sinh, real), np.cosh: (torch.cosh, real),
    np.tanh: (torch.tanh, real), np.arcsinh: (torch.arcsinh, real),
    np.arccosh: (lambda x: torch.arccosh(x + 1), positive),
    np.arctanh: (torch.arctanh, inside), np.floor: (torch.floor, real), np.ceil: (torch.ceil, real),
    np.trunc: (torch.trunc, real), np.rint: (torch.round, real), np.round: (torch.round, real),
    np.sign: (torch.sign, real), np.deg2rad: (torch.deg2rad, real),
    np.rad2deg: (torch.rad2deg, real), np.radians: (torch.deg2rad, real),
    np.degrees: (torch.rad2deg, real), np.sinc: (torch.sinc, real),
    np.nan_to_num: (torch.nan_to_num, real), np.copy: (torch.clone, real),
    ag.relu: (torch.relu, real), ag.sigmoid: (torch.sigmoid, real),
    ag.softplus: (F.softplus, real), ag.log_sigmoid: (F.logsigmoid, real),
}  # fmt: skip

BINARY = {
    np.add: (torch.add, real), np.subtract: (torch.subtract, real),
    np.multiply: (torch.multiply, real), np.divide: (torch.divide, positive),
    np.true_divide: (torch.true_divide, positive), np.power: (torch.pow, positive),
    np.float_power: (torch.float_power, positive), np.hypot: (torch.hypot, real),
    np.arctan2: (torch.arctan2, real), np.logaddexp: (torch.logaddexp, real),
    np.logaddexp2: (torch.logaddexp2, real), np.maximum: (torch.maximum, real),
    np.minimum: (torch.minimum, real), np.fmax: (torch.fmax, real), np.fmin: (torch.fmin, real),
    np.remainder: (torch.remainder, inside), np.mod: (torch.remainder, inside),
    np.fmod: (torch.fmod, inside),
    np.floor_divide: (lambda a, b: torch.div(a, b, rounding_mode="floor"), inside),
}  # fmt: skip

REDUCTIONS = {  # with axis and keepdims
    np.sum: (torch.sum, real), np.mean: (torch.mean, real), np.max: (torch.amax, real),
    np.min: (torch.amin, real), np.amax: (torch.amax, real), np.amin: (torch.amin, real),
    np.var: (lambda x, **k: torch.var(x, correction=0, **k), real),
    np.std: (lambda x, **k: torch.std(x, correction=0, **k), real),
    np.nansum: (torch.nansum, real), np.nanmean: (torch.nanmean, real),
    np.ptp: (lambda x, **k: torch.amax(x, **k) - torch.amin(x, **k), real),
    ag.logsumexp: (torch.logsumexp, real),
}  # fmt: skip


def index_with(index):
    """The same index for us and for PyTorch, where arrays must be its own."""

    def pair():
        def as_torch(i):
            return torch.tensor(i) if isinstance(i, (list, np.ndarray)) else i

        if isinstance(index, tuple):
            its = tuple(as_torch(i) for i in index)
        else:
            its = as_torch(index)
        return lambda x: x[index], lambda x: x[its]

    return pair()


_mask = np.array([[True, False, True], [False, False, True]])
_along = np.array([[0, 0, 1], [1, 0, 1]])

# fmt: off
OTHERS = [  # name, ours, PyTorch's, the random inputs
    # reductions with options of their own
    ("prod", np.prod, torch.prod, [real(2, 3)]),
    ("prod axis", lambda x: np.prod(x, axis=1), lambda x: torch.prod(x, 1), [real(2, 3)]),
    ("prod keepdims", lambda x: np.prod(x, axis=-1, keepdims=True),
     lambda x: torch.prod(x, -1, keepdim=True), [real(2, 3)]),
    ("var ddof", lambda x: np.var(x, ddof=1), torch.var, [real(2, 3)]),
    ("std ddof axis", lambda x: np.std(x, axis=0, ddof=1), lambda x: torch.std(x, 0),
     [real(4, 3)]),
    ("average", lambda x, w: np.average(x, axis=1, weights=w),
     lambda x, w: (x * w).sum(1) / w.sum(), [real(2, 3), positive(3)]),
    ("median odd", np.median, torch.median, [real(5)]),
    ("median axis", lambda x: np.median(x, axis=1), lambda x: torch.median(x, 1).values,
     [real(2, 5)]),
    ("nansum with nan", lambda x: np.nansum(np.where(x > 0, x, nan), axis=1),
     lambda x: torch.nansum(torch.where(x > 0, x, nan), 1), [real(3, 4)]),
    ("nanmean with nan", lambda x: np.nanmean(np.where(x > -1, x, nan), axis=1),
     lambda x: torch.nanmean(torch.where(x > -1, x, nan), 1), [real(3, 6)]),
    ("cumsum", lambda x: np.cumsum(x, axis=1), lambda x: torch.cumsum(x, 1), [real(2, 4)]),
    ("cumsum flat", np.cumsum, lambda x: torch.cumsum(x.reshape(-1), 0), [real(2, 3)]),
    ("cumprod", lambda x: np.cumprod(x, axis=0), lambda x: torch.cumprod(x, 0), [real(4, 2)]),
    ("cumprod with 0", lambda x: np.cumprod(x * [1., 0., 1., 1.]),
     lambda x: torch.cumprod(x * torch.tensor([1., 0, 1, 1]).double(), 0), [real(4)]),
    ("prod with 0", lambda x: np.prod(x * [1., 0., 1., 1.]),
     lambda x: torch.prod(x * torch.tensor([1., 0, 1, 1]).double()), [real(4)]),
    ("diff", lambda x: np.diff(x, n=2, axis=1), lambda x: torch.diff(x, n=2, dim=1),
     [real(2, 5)]),
    ("trapezoid", lambda y, x: np.trapezoid(y, x), lambda y, x: torch.trapezoid(y, x),
     [real(2, 5), real(5)]),
    ("sort", lambda x: np.sort(x, axis=0), lambda x: torch.sort(x, 0).values, [real(4, 3)]),
    # shapes
    ("reshape", lambda x: np.reshape(x, (3, -1)), lambda x: x.reshape(3, -1), [real(2, 6)]),
    ("ravel", np.ravel, torch.ravel, [real(2, 3)]),
    ("transpose", lambda x: np.transpose(x, (2, 0, 1)), lambda x: x.permute(2, 0, 1),
     [real(2, 3, 4)]),
    ("T", lambda x: x.T, lambda x: x.T, [real(2, 3)]),
    ("mT", lambda x: x.mT, lambda x: x.mT, [real(2, 3, 4)]),
    ("swapaxes", lambda x: np.swapaxes(x, 0, -1), lambda x: x.swapaxes(0, -1), [real(2, 3, 4)]),
    ("moveaxis", lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
     lambda x: torch.moveaxis(x, (0, 1), (-1, 0)), [real(2, 3, 4)]),
    ("expand_dims", lambda x: np.expand_dims(x, 1), lambda x: x.unsqueeze(1), [real(2, 3)]),
    ("squeeze", lambda x: np.squeeze(x, 1), lambda x: x.squeeze(1), [real(2, 1, 3)]),
    ("broadcast_to", lambda x: np.broadcast_to(x, (4, 2, 3)),
     lambda x: torch.broadcast_to(x, (4, 2, 3)), [real(2, 1)]),
    ("broadcast_arrays", lambda x, y: np.multiply(*np.broadcast_arrays(x, y)),
     lambda x, y: torch.mul(*torch.broadcast_tensors(x, y)), [real(2, 1), real(3)]),
    ("concatenate", lambda x, y: np.concatenate([x, y, x], axis=1),
     lambda x, y: torch.cat([x, y, x], 1), [real(2, 1), real(2, 3)]),
    ("stack", lambda x, y: np.stack([x, y, y], axis=-1),
     lambda x, y: torch.stack([x, y, y], -1), [real(2, 3), real(2, 3)]),
    ("vstack", lambda x, y: np.vstack([x, y]), lambda x, y: torch.vstack([x, y]),
     [real(3), real(2, 3)]),
    ("hstack", lambda x, y: np.hstack([x, y]), lambda x, y: torch.hstack([x, y]),
     [real(3), real(2)]),
    ("dstack", lambda x, y: np.dstack([x, y]), lambda x, y: torch.dstack([x, y]),
     [real(2, 3), real(2, 3)]),
    ("column_stack", lambda x, y: np.column_stack([x, y]),
     lambda x, y: torch.column_stack([x, y]), [real(2), real(2, 3)]),
    ("split", lambda x: np.split(x, 3)[1], lambda x: torch.tensor_split(x, 3)[1], [real(6, 2)]),
    ("array_split", lambda x: np.array_split(x, 3, axis=1)[0],
     lambda x: torch.tensor_split(x, 3, dim=1)[0], [real(2, 5)]),
    ("vsplit", lambda x: np.vsplit(x, [1])[1], lambda x: torch.vsplit(x, [1])[1], [real(3, 2)]),
    ("hsplit", lambda x: np.hsplit(x, 2)[0], lambda x: torch.hsplit(x, 2)[0], [real(3, 4)]),
    ("dsplit", lambda x: np.dsplit(x, 2)[0], lambda x: torch.dsplit(x, 2)[0], [real(1, 3, 4)]),
    ("flip", lambda x: np.flip(x, (0, 2)), lambda x: torch.flip(x, (0, 2)), [real(2, 3, 2)]),
    ("fliplr", np.fliplr, torch.fliplr, [real(2, 3)]),
    ("flipud", np.flipud, torch.flipud, [real(2, 3)]),
    ("rot90", lambda x: np.rot90(x, 3), lambda x: torch.rot90(x, 3), [real(2, 3)]),
    ("roll", lambda x: np.roll(x, 2, axis=1), lambda x: torch.roll(x, 2, 1), [real(2, 3)]),
    ("roll flat", lambda x: np.roll(x, -1), lambda x: torch.roll(x, -1), [real(2, 3)]),
    ("tril", lambda x: np.tril(x, -1), lambda x: torch.tril(x, -1), [real(2, 3, 3)]),
    ("triu", lambda x: np.triu(x, 1), lambda x: torch.triu(x, 1), [real(3, 4)]),
    ("diagonal", lambda x: np.diagonal(x, 1, 0, 2), lambda x: torch.diagonal(x, 1, 0, 2),
     [real(3, 2, 4)]),
    ("diag of a vector", lambda x: np.diag(x, 1), lambda x: torch.diag(x, 1), [real(3)]),
    ("diag of a matrix", np.diag, torch.diag, [real(3, 4)]),
    ("pad", lambda x: np.pad(x, ((1, 0), (2, 1)), constant_values=3),
     lambda x: F.pad(x, (2, 1, 1, 0), value=3), [real(2, 3)]),
    ("pad reflect", lambda x: np.pad(x, ((0, 0), (2, 1)), mode="reflect"),
     lambda x: F.pad(x, (2, 1), mode="reflect"), [real(2, 4)]),
    ("pad edge", lambda x: np.pad(x, ((0, 0), (2, 1)), mode="edge"),
     lambda x: F.pad(x, (2, 1), mode="replicate"), [real(2, 4)]),
    ("pad wrap", lambda x: np.pad(x, ((0, 0), (2, 1)), mode="wrap"),
     lambda x: F.pad(x, (2, 1), mode="circular"), [real(2, 4)]),
    ("repeat", lambda x: np.repeat(x, 3, axis=1), lambda x: torch.repeat_interleave(x, 3, 1),
     [real(2, 3)]),
    ("repeat unevenly", lambda x: np.repeat(x, [1, 0, 2], axis=1),
     lambda x: torch.repeat_interleave(x, torch.tensor([1, 0, 2]), 1), [real(2, 3)]),
    ("tile", lambda x: np.tile(x, (2, 3)), lambda x: torch.tile(x, (2, 3)), [real(2, 3)]),
    ("atleast_1d", np.atleast_1d, torch.atleast_1d, [real()]),
    ("atleast_2d", np.atleast_2d, torch.atleast_2d, [real(3)]),
    ("atleast_3d", np.atleast_3d, torch.atleast_3d, [real(3)]),
    # looking up
    ("index int", *index_with(1), [real(2, 3)]),
    ("index negative", *index_with((-1, -2)), [real(2, 3)]),
    ("index slice", *index_with((slice(0, 2), slice(None, None, 2))), [real(3, 4)]),
    ("index ellipsis", *index_with((Ellipsis, None, 1)), [real(2, 3, 4)]),
    ("index mask", *index_with(_mask), [real(2, 3)]),
    ("index duplicates", *index_with([0, 2, 0, 0]), [real(3, 2)]),
    ("index arrays", *index_with(([0, 1, 1], [2, 0, 2])), [real(2, 3)]),
    ("index mixed", *index_with((slice(None), [0, 0], 1)), [real(2, 3, 4)]),
    ("index apart", *index_with(([0, 1, 1], slice(None), [2, 0, 2])), [real(2, 2, 3)]),
    ("take", lambda x: np.take(x, [2, 0, 2], axis=1),
     lambda x: torch.index_select(x, 1, torch.tensor([2, 0, 2])), [real(2, 3)]),
    ("take flat", lambda x: np.take(x, [5, 0, 5]), lambda x: torch.take(x, torch.tensor([5, 0, 5])),
     [real(2, 3)]),
    ("take_along_axis", lambda x: np.take_along_axis(x, _along, axis=0),
     lambda x: torch.take_along_dim(x, torch.tensor(_along), 0), [real(2, 3)]),
    ("where", lambda x, y: np.where(_mask, x, y),
     lambda x, y: torch.where(torch.tensor(_mask), x, y), [real(2, 3), real(3)]),
    ("clip", lambda x: np.clip(x, -.5, .5), lambda x: torch.clip(x, -.5, .5), [real(5, 4)]),
    ("clip by Tensors", np.clip, torch.clip, [real(5, 4), lambda r: -positive(4)(r), positive(4)]),
    # products
    ("matmul 1d 1d", np.matmul, torch.matmul, [real(3), real(3)]),
    ("matmul 1d 2d", np.matmul, torch.matmul, [real(3), real(3, 2)]),
    ("matmul 2d 1d", np.matmul, torch.matmul, [real(2, 3), real(3)]),
    ("matmul 2d 2d", np.matmul, torch.matmul, [real(2, 3), real(3, 4)]),
    ("matmul 1d 3d", np.matmul, torch.matmul, [real(3), real(2, 3, 2)]),
    ("matmul 3d 1d", np.matmul, torch.matmul, [real(2, 2, 3), real(3)]),
    ("matmul batches", np.matmul, torch.matmul, [real(2, 1, 2, 3), real(4, 3, 2)]),
    ("matmul empty", np.matmul, torch.matmul, [real(2, 0), real(0, 3)]),
    ("dot", np.dot, torch.dot, [real(3), real(3)]),
    ("vdot", np.vdot, torch.vdot, [real(3), real(3)]),
    ("inner", np.inner, torch.inner, [real(2, 3), real(4, 3)]),
    ("outer", np.outer, torch.outer, [real(2), real(3)]),
    ("vecdot", np.vecdot, tla.vecdot, [real(2, 3), real(3)]),
    ("tensordot", lambda x, y: np.tensordot(x, y, axes=([0, 2], [1, 0])),
     lambda x, y: torch.tensordot(x, y, dims=([0, 2], [1, 0])), [real(2, 3, 4), real(4, 2, 5)]),
    ("tensordot by number", lambda x, y: np.tensordot(x, y, axes=1),
     lambda x, y: torch.tensordot(x, y, dims=1), [real(2, 3), real(3, 2)]),
    ("kron", np.kron, torch.kron, [real(2, 3), real(3, 2)]),
    ("cross", np.cross, tla.cross, [real(2, 3), real(2, 3)]),
    ("einsum matmul", lambda x, y: np.einsum("ij,jk->ik", x, y),
     lambda x, y: torch.einsum("ij,jk->ik", x, y), [real(2, 3), real(3, 4)]),
    ("einsum trace", lambda x: np.einsum("ii", x), lambda x: torch.einsum("ii", x), [real(3, 3)]),
    ("einsum diagonal", lambda x: np.einsum("bii->bi", x), lambda x: torch.einsum("bii->bi", x),
     [real(2, 3, 3)]),
    ("einsum sum", lambda x: np.einsum("ij->j", x), lambda x: torch.einsum("ij->j", x),
     [real(2, 3)]),
    ("einsum ellipsis", lambda x, y: np.einsum("...ij,...j->...i", x, y),
     lambda x, y: torch.einsum("...ij,...j->...i", x, y), [real(4, 2, 3), real(4, 3)]),
    ("einsum three", lambda x, y, z: np.einsum("i,ij,j->", x, y, z),
     lambda x, y, z: torch.einsum("i,ij,j->", x, y, z), [real(2), real(2, 3), real(3)]),
    ("convolve", np.convolve,
     lambda a, v: F.conv1d(a[None, None], v.flip(0)[None, None], padding=v.numel() - 1)[0, 0],
     [real(5), real(3)]),
    ("convolve valid", lambda a, v: np.convolve(a, v, "valid"),
     lambda a, v: F.conv1d(a[None, None], v.flip(0)[None, None])[0, 0], [real(5), real(3)]),
    ("matrix_power 3", lambda x: nla.matrix_power(x, 3), lambda x: tla.matrix_power(x, 3),
     [real(3, 3)]),
    ("matrix_power -2", lambda x: nla.matrix_power(x, -2), lambda x: tla.matrix_power(x, -2),
     [regular(2, 3, 3)]),
    ("multi_dot", lambda x, y, z: nla.multi_dot([x, y, z]),
     lambda x, y, z: tla.multi_dot([x, y, z]), [real(2, 3), real(3, 4), real(4, 2)]),
    # norms
    ("norm", nla.norm, tla.norm, [real(2, 3)]),
    ("norm rows", lambda x: nla.norm(x, axis=1), lambda x: tla.norm(x, dim=1), [real(2, 3)]),
    ("norm 1", lambda x: nla.norm(x, 1), lambda x: tla.norm(x, 1), [real(4)]),
    ("norm inf", lambda x: nla.norm(x, inf), lambda x: tla.norm(x, inf), [real(4)]),
    ("norm -inf", lambda x: nla.norm(x, -inf), lambda x: tla.norm(x, -inf), [real(4)]),
    ("norm 3", lambda x: nla.norm(x, 3), lambda x: tla.norm(x, 3), [real(4)]),
    ("norm 0.5", lambda x: nla.norm(x, .5), lambda x: tla.norm(x, .5), [real(4)]),
    ("norm -2", lambda x: nla.norm(x, -2), lambda x: tla.norm(x, -2), [real(4)]),
    ("norm matrix fro", lambda x: nla.norm(x, "fro", axis=(0, 2), keepdims=True),
     lambda x: tla.norm(x, "fro", dim=(0, 2), keepdim=True), [real(2, 3, 4)]),
    ("norm matrix 1", lambda x: nla.norm(x, 1), lambda x: tla.norm(x, 1), [real(3, 4)]),
    ("norm matrix -1", lambda x: nla.norm(x, -1), lambda x: tla.norm(x, -1), [real(3, 4)]),
    ("norm matrix inf", lambda x: nla.norm(x, inf), lambda x: tla.norm(x, inf), [real(3, 4)]),
    ("norm matrix 2", lambda x: nla.norm(x, 2), lambda x: tla.norm(x, 2), [real(3, 4)]),
    ("norm matrix -2", lambda x: nla.norm(x, -2), lambda x: tla.norm(x, -2), [real(3, 4)]),
    ("norm matrix nuc", lambda x: nla.norm(x, "nuc"), lambda x: tla.norm(x, "nuc"), [real(3, 4)]),
    # softmax family
    ("softmax", ag.softmax, lambda x: torch.softmax(x, -1), [real(2, 4)]),
    ("softmax axis", lambda x: ag.softmax(x, axis=0), lambda x: torch.softmax(x, 0),
     [real(2, 4)]),
    ("log_softmax", ag.log_softmax, lambda x: torch.log_softmax(x, -1), [real(2, 4)]),
    ("log_softmax axis", lambda x: ag.log_softmax(x, axis=0), lambda x: torch.log_softmax(x, 0),
     [real(2, 4)]),
    # decompositions; of eigenvectors and singular vectors only what their signs do not touch
    ("inv", nla.inv, tla.inv, [regular(2, 3, 3)]),
    ("solve", nla.solve, tla.solve, [regular(3, 3), real(3, 2)]),
    ("solve vector", nla.solve, tla.solve, [regular(3, 3), real(3)]),
    ("solve batch", nla.solve, tla.solve, [regular(2, 3, 3), real(2, 3, 2)]),
    ("det", nla.det, tla.det, [regular(2, 3, 3)]),
    ("slogdet", lambda x: nla.slogdet(x)[1], lambda x: tla.slogdet(x)[1], [regular(2, 3, 3)]),
    ("cholesky", lambda x: nla.cholesky(symmetric(x)), lambda x: tla.cholesky(symmetric(x)),
     [definite(2, 3, 3)]),
    ("eigh values", lambda x: nla.eigh(symmetric(x))[0], lambda x: tla.eigh(symmetric(x))[0],
     [definite(2, 3, 3)]),
    ("eigh projectors", lambda x: np.square(nla.eigh(symmetric(x))[1]),
     lambda x: torch.square(tla.eigh(symmetric(x))[1]), [definite(3, 3)]),
    ("eigh function", lambda x: (lambda w, v: (v * np.exp(w / 9)) @ v.T)(*nla.eigh(symmetric(x))),
     lambda x: (lambda w, v: (v * torch.exp(w / 9)) @ v.T)(*tla.eigh(symmetric(x))),
     [definite(3, 3)]),
    ("svd values", lambda x: nla.svd(x, compute_uv=False), tla.svdvals, [real(2, 3, 4)]),
    ("svd squares", lambda x: (lambda u, s, vh: u**2 @ np.diag(s) @ vh**2)(
        *nla.svd(x, full_matrices=False)),
     lambda x: (lambda u, s, vh: u**2 @ torch.diag(s) @ vh**2)(
         *tla.svd(x, full_matrices=False)), [real(4, 3)]),
    ("svd polar", lambda x: (lambda u, s, vh: u @ vh)(*nla.svd(x, full_matrices=False)),
     lambda x: (lambda u, s, vh: u @ vh)(*tla.svd(x, full_matrices=False)), [real(3, 4)]),
    ("svd square", lambda x: (lambda u, s, vh: (u * np.sqrt(s)) @ vh)(*nla.svd(x)),
     lambda x: (lambda u, s, vh: (u * torch.sqrt(s)) @ vh)(*tla.svd(x)), [regular(3, 3)]),
    ("pinv tall", nla.pinv, tla.pinv, [real(4, 3)]),
    ("pinv wide", nla.pinv, tla.pinv, [real(2, 3, 4)]),
    # the same Tensor twice, and whole programs
    ("x + x", lambda x: x + x, lambda x: x + x, [real(3)]),
    ("x * x", lambda x: x * x, lambda x: x * x, [real(3)]),
    ("x @ x", lambda x: x @ x, lambda x: x @ x, [real(3, 3)]),
    ("x ** x", lambda x: x**x, lambda x: x**x, [positive(3)]),
    ("network", lambda x, w, b, u: ag.log_softmax(ag.relu(x @ w.T + b) @ u)[:, 1],
     lambda x, w, b, u: torch.log_softmax(torch.relu(x @ w.T + b) @ u, -1)[:, 1],
     [real(5, 3), real(4, 3), real(4), real(4, 3)]),
]
# fmt: on


def _pairs():
    for function, (its, points) in UNARY.items():
        ours_ = (lambda x: np.arccosh(x + 1)) if function is np.arccosh else function
        for shape in [(), (4, 3), (0,)]:
            yield f"{function.__name__} {shape}", ours_, its, [points(*shape)]
    for function, (its, points) in BINARY.items():
        for a, b in [((3,), (3,)), ((3, 1), (1, 4)), ((4,), (2, 3, 4)), ((), (3,)), ((), ())]:
            yield f"{function.__name__} {a} {b}", function, its, [points(*a), points(*b)]
    for function, (its, points) in REDUCTIONS.items():
        for axis in [None, 0, -1, (0, 2)]:
            for keepdims in (False, True):
                if axis is None:
                    its_axis = (0, 1, 2)
                else:
                    its_axis = axis
                name = f"{function.__name__} axis={axis}" + " keepdims" * keepdims
                yield (
                    name,
                    lambda x, f=function, a=axis, k=keepdims: f(x, axis=a, keepdims=k),
                    lambda x, f=its, a=its_axis, k=keepdims: f(x, dim=a, keepdim=k),
                    [points(2, 3, 4)],
                )
    yield from OTHERS


PAIRS = list(_pairs())


@pytest.mark.parametrize("name, function, its, points", PAIRS, ids=[p[0] for p in PAIRS])
def test_value_gradient_and_second_derivative(name, function, its, points):
    rng = generator(name)
    inputs = [np.asarray(make(rng)) for make in points]
    y = its(*map(torch.tensor, inputs))
    v = rng.normal(size=tuple(y.shape))
    ws = [rng.normal(size=x.shape) for x in inputs]
    value, first, second = ours(function, inputs, v, ws)
    its_value, its_first, its_second = theirs(its, inputs, v, ws)
    assert_close(value, its_value, "value")
    for i, (g, expected) in enumerate(zip(first, its_first)):
        assert_close(g, expected, f"gradient by argument {i}")
    for i, (h, expected) in enumerate(zip(second, its_second)):
        assert_close(h, expected, f"second derivative by argument {i} (the last is v)")


# ---- special points -----------------------------------------------------------------------------

# fmt: off
SPECIAL = [-inf, -1000.0, -30.0, -2.0, -1.0, -0.5, -0.0, 0.0, 1e-8, 0.5, 1.0, 2.0, 30.0, 1000.0,
           inf, nan]

# Where we differ on purpose: (function, order of the derivative; 0 is the value): points, reason.
DIFFERENT = {
    ("absolute", 1): ([nan], "nan, as everything of a nan; PyTorch's sgn(nan) is 0"),
    ("fabs", 1): ([nan], "as absolute"),
    ("sign", 0): ([nan], "NumPy's sign(nan) is nan; PyTorch's 0"),
    ("sinc", 1): ([1e-8], "ours has all digits near 0; PyTorch subtracts nearly equal numbers"),
    ("sinc", 2): ([-0.0, 0.0, 1e-8, -1000.0, 1000.0],
                  "at 0 the true limit -pi²/3, where PyTorch gives nan, and all digits near it; "
                  "at 1000 both lose the digits of sin(1000 pi)"),
    ("softplus", 2): ([30.0], "PyTorch's softplus is linear above 20: no curvature left"),
    ("log_sigmoid", 2): ([30.0], "PyTorch loses digits to 1 - sigmoid, far out"),
    ("expm1", 1): ([-30.0], "PyTorch loses digits to y + 1"), ("expm1", 2): ([-30.0], "likewise"),
    ("tanh", 1): ([-30.0, 30.0], "PyTorch's 1 - y² is 0 there"),
    ("tanh", 2): ([-30.0, 30.0], "likewise"),
    ("sigmoid", 1): ([30.0], "PyTorch loses digits to 1 - y"),
    ("sigmoid", 2): ([1e-8, 30.0], "likewise, and to 1 - 2y"),
    ("arctan", 2): ([-inf, inf], "the limit 0; PyTorch gives nan"),
    ("arcsinh", 2): ([-inf, inf], "as arctan"), ("arccosh", 2): ([-inf, inf], "as arctan"),
    ("0**x", 2): ([-0.0, 0.0, 1e-8, 0.5, 1.0, 2.0, 30.0, 1000.0, inf],
                  "0: the gradient is 0 at every x >= 0; PyTorch gives nan"),
    ("x**0.5", 1): ([-inf, -0.0], "0.5 x**-0.5 as NumPy computes it: 0 and inf; PyTorch takes "
                    "the root, and gives nan and -inf"),
}
PAIRS_DIFFERENT = {  # of two arguments, first order
    "maximum": (lambda a, b: np.isnan(a) ^ np.isnan(b), "a nan wins and takes all of g; PyTorch "
                "gives g to both"),
    "minimum": (lambda a, b: np.isnan(a) ^ np.isnan(b), "as maximum"),
    "logaddexp": (lambda a, b: (a == b) & np.isinf(a), "0 of nothing, and one half of a tie, as "
                  "logsumexp; PyTorch gives nan"),
    "logaddexp2": (lambda a, b: (a == b) & np.isinf(a), "as logaddexp"),
    "hypot": (lambda a, b: np.isinf(a) & np.isfinite(b) | np.isfinite(a) & np.isinf(b),
              "the limits 1 and 0; PyTorch divides inf by inf"),
    "arctan2": (lambda a, b: (np.isinf(a) | np.isinf(b)) & ~np.isnan(a) & ~np.isnan(b),
                "the limit 0; PyTorch divides inf by inf"),
    "fmod": (lambda a, b: np.isinf(a) & np.isfinite(b) & (b != 0), "nan, as the value is; its "
             "quotient is inf"),
    "power": (lambda a, b: (b == -inf) & (abs(a) > 1) | (b == inf) & (a == 0)
              | (a == inf) & (b < 0), "the limit 0; PyTorch multiplies 0 and inf"),
}
PAIRS_DIFFERENT["float_power"] = PAIRS_DIFFERENT["power"]
# fmt: on


def _special_cases():
    for function, (its, _) in UNARY.items():
        if function is np.arccosh:
            its = torch.arccosh
        if function is not np.cbrt:  # which PyTorch has not; x ** (1/3) is no cube root below 0
            yield function.__name__, function, its


def _powers():
    for n in (-1, 0, 0.5, 1, 2, 2.5, 3):
        yield f"x**{n}", (lambda x, n=n: x**n), (lambda x, n=n: x**n)
        if n >= 0:
            yield f"{n}**x", (lambda x, n=n: n**x), (lambda x, n=n: n**x)


def at_special_points(function, its, inputs):
    """Our and PyTorch's value, gradient and second derivative, all in the direction of ones."""
    v = np.ones(tuple(its(*map(torch.tensor, inputs)).shape))
    ws = [np.ones(x.shape) for x in inputs]
    with np.errstate(all="ignore"):
        found = ours(function, inputs, v, ws)
    return found, theirs(its, inputs, v, ws)


UNARY_CASES = [*_special_cases(), *_powers()]


@pytest.mark.parametrize("name, function, its", UNARY_CASES, ids=[c[0] for c in UNARY_CASES])
def test_special_points(name, function, its):
    x = np.array(SPECIAL)
    (y, (g,), (h, _)), (ty, (tg,), (th, _)) = at_special_points(function, its, [x])
    for order, (found, expected) in enumerate([(y, ty), (g, tg), (h, th)]):
        points, _ = DIFFERENT.get((name, order), ([], ""))
        listed = [str(point) in map(str, points) for point in SPECIAL]  # by text: -0.0 is not 0.0
        same = np.isclose(found, expected, rtol=1e-10, atol=1e-300, equal_nan=True)
        np.testing.assert_array_equal(~same, listed, f"order {order}: {found} and {expected}")


@pytest.mark.parametrize("function", BINARY, ids=lambda function: function.__name__)
def test_special_pairs(function):
    points = [-inf, -2.0, -1.0, 0.0, 1.0, 2.0, inf, nan]
    a, b = (m.ravel() for m in np.meshgrid(points, points))
    (y, gs, _), (ty, tgs, _) = at_special_points(function, BINARY[function][0], [a, b])
    np.testing.assert_allclose(y, ty, rtol=1e-14, atol=1e-15)
    differ, _ = PAIRS_DIFFERENT.get(function.__name__, (lambda a, b: np.zeros(a.shape, bool), ""))
    same = np.ones(a.shape, bool)
    for g, tg in zip(gs, tgs):
        same &= np.isclose(g, tg, rtol=1e-10, atol=1e-300, equal_nan=True)
    np.testing.assert_array_equal(same, ~differ(a, b))


# ---- the other differences, each with its two answers -------------------------------------------

# fmt: off
DIFFERENCES = [  # name and reason, ours, PyTorch's, x, our gradient, PyTorch's
    ("max along an axis: we share among the tied, its max(dim) takes the first",
     lambda x: np.max(x, axis=0), lambda x: torch.max(x, 0).values, [2., 2.], [.5, .5], [1, 0]),
    ("min along an axis, likewise",
     lambda x: np.min(x, axis=0), lambda x: torch.min(x, 0).values, [2., 2.], [.5, .5], [1, 0]),
    ("max of a nan: the nan takes it, as in torch.max(x); amax spreads nan",
     np.max, torch.amax, [1., nan], [0, 1], [nan, nan]),
    ("clip with an array at the bound: the bound and x share, as in maximum",
     lambda x: np.clip(x, Tensor([1.]), None), lambda x: torch.clip(x, torch.ones(1), None),
     [1.], [.5], [1]),
    ("clip of a nan: nothing was cut off, so the slope is 1, as relu's",
     lambda x: np.clip(x, -1, 1), lambda x: torch.clip(x, -1, 1), [nan], [1], [0]),
    ("median of an even number: NumPy's is the mean of the two in the middle",
     np.median, torch.median, [1., 2., 4., 8.], [0, .5, .5, 0], [0, 1, 0, 0]),
    ("median with ties: the element in the middle takes it, as its median(dim)",
     np.median, torch.median, [1., 3., 1.], [0, 0, 1], [.5, 0, .5]),
    ("logsumexp of nothing: 0",
     ag.logsumexp, lambda x: torch.logsumexp(x, 0), [-inf, -inf], [0, 0], [nan, nan]),
    ("softmax of nothing: 0",
     ag.softmax, lambda x: torch.softmax(x, 0), [-inf, -inf], [0, 0], [nan, nan]),
    ("nanmean of nothing: no element counted",
     np.nanmean, torch.nanmean, [nan, nan], [0, 0], [nan, nan]),
    ("softplus: its is linear above 20",
     ag.softplus, F.softplus, [25.], [1 - 1.3887943864771144e-11], [1]),
]
SECOND_DIFFERENCES = [  # name and reason, ours, PyTorch's, inputs, our Hessian times 1, PyTorch's
    ("0**2 by x: the true limit", np.power, torch.pow, [[0.], [2.]], [[2], [0]], [[nan], [nan]]),
    ("2**0: its forgets the mixed derivative 1/x at the exponent 0",
     np.power, torch.pow, [[2.], [0.]], [[.5], [.5 + np.log(2)**2]], [[.5], [np.log(2)**2]]),
    ("2-norm at 0: the subgradient is taken as constant",
     nla.norm, tla.norm, [[0., 0.]], [[0, 0]], [[nan, nan]]),
    ("det of zeros: its minors are known",
     nla.det, tla.det, [[[0., 0.], [0., 0.]]], [[[1, -1], [-1, 1]]], [[[nan, nan], [nan, nan]]]),
    ("logaddexp with an infinity: a constant share has no curvature",
     np.logaddexp, torch.logaddexp, [[-inf], [0.]], [[0], [0]], [[nan], [nan]]),
]
# fmt: on


@pytest.mark.parametrize("case", DIFFERENCES, ids=lambda case: case[0].partition(":")[0])
def test_deliberate_difference(case):
    _, function, its, x, our_gradient, its_gradient = case
    (y, (g,), _), (_, (tg,), _) = at_special_points(function, its, [np.array(x)])
    np.testing.assert_allclose(g, our_gradient, rtol=1e-15)
    np.testing.assert_allclose(tg, its_gradient, rtol=1e-15)


@pytest.mark.parametrize("case", SECOND_DIFFERENCES, ids=lambda case: case[0].partition(":")[0])
def test_deliberate_difference_at_second_order(case):
    _, function, its, inputs, ours_second, its_second = case
    (_, _, hs), (_, _, ths) = at_special_points(function, its, [np.array(x) for x in inputs])
    for h, th, expected, its_expected in zip(hs, ths, ours_second, its_second):
        np.testing.assert_allclose(h, expected, rtol=1e-14)
        np.testing.assert_allclose(th, its_expected, rtol=1e-14)


# ---- backward itself ----------------------------------------------------------------------------


def run(tensor, array, program, times):
    """The gradients that `times` backward passes over one graph leave in the leaves."""
    leaves = [tensor(a) for a in ARRAYS]
    loss = program(array, *leaves)
    for _ in range(times):
        loss.backward(retain_graph=True)
    return leaves


rng = np.random.default_rng(5)
ARRAYS = [
    rng.normal(size=(3, 1)).astype(np.float32), rng.normal(size=(1, 4)).astype(np.float64),
    np.float32(0.5) * np.ones((), np.float32), rng.normal(size=(2, 3, 4)).astype(np.float32),
]  # fmt: skip


def program(xp, a, b, c, d):
    """Broadcasting, mixed dtypes, and intermediate results used twice."""
    shared = xp.tanh(a * b + c)
    return (shared * d + shared / (c * c + 1) - d**2 * a).sum() * 3 + (shared[0] * b).sum()


@pytest.mark.parametrize("times", [1, 2, 3])
def test_backward_again_adds_the_same_in_each_leafs_dtype(times):
    mine = run(lambda a: Tensor(a, requires_grad=True), np, program, times)
    its = run(lambda a: torch.tensor(a, requires_grad=True), torch, program, times)
    for leaf, its_leaf in zip(mine, its):
        expected = its_leaf.grad.numpy()
        assert leaf.grad.dtype == expected.dtype == leaf.dtype
        assert leaf.grad.shape == expected.shape
        tolerance = 1e-12 if leaf.dtype == np.float64 else 2e-5
        np.testing.assert_allclose(leaf.grad, expected, rtol=tolerance, atol=tolerance)


FLOAT32 = [p for p in PAIRS if "(0,)" not in p[0]]


@pytest.mark.parametrize("name, function, its, points", FLOAT32, ids=[p[0] for p in FLOAT32])
def test_float32_stays_float32(name, function, its, points):
    inputs = [np.asarray(make(generator(name)), np.float32) for make in points]
    xs = [Tensor(x, requires_grad=True) for x in inputs]
    ts = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = function(*xs)
    assert y.dtype == (np.float64 if name in WIDER or "float_power" in name else np.float32)
    y.backward(np.ones(y.shape, y.dtype))
    ty = its(*ts)
    ty.backward(torch.ones_like(ty))
    for x, t in zip(xs, ts):
        assert x.grad.dtype == np.float32
        largest = float(t.grad.abs().max()) if t.grad.numel() else 0
        # a condition of a few hundred may cost three of the seven digits
        np.testing.assert_allclose(x.grad, t.grad.numpy(), rtol=0, atol=2e-4 * largest + 1e-6)


# Constants of the table that are float64, so the result is too.
WIDER = {"prod with 0", "cumprod with 0"}
