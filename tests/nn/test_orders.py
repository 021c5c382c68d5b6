"""Higher orders of operations whose rules are written by hand, through a composition."""

import numpy as np

from autograd import Tensor, grad, gradcheck, gradgradcheck, primitive
from nn.orders import recorded_gradients


def composed(a, b):
    return a * np.sin(b), a * a


def forward(pair):
    a, b = pair
    return (a * np.sin(b), a * a), None


def rule(g, y, pair, saved=None):
    if any(isinstance(value, Tensor) for value in pair):
        return recorded_gradients(composed, pair, g)
    a, b = pair
    return [g[0] * np.sin(b) + 2 * a * g[1], g[0] * a * np.cos(b)]


fused = primitive(forward, rule, saves=True)


def leaves():
    return [Tensor([0.5, -2.0], requires_grad=True), Tensor([1.0, 3.0], requires_grad=True)]


def test_all_orders_agree_with_those_of_the_composition():
    found = []
    for function in (lambda a, b: fused([a, b]), composed):
        a, b = leaves()
        y, z = function(a, b)
        orders = [(y * z).sum()]
        for _ in range(4):
            slopes = grad(orders[-1], [a, b], create_graph=True)
            orders.append(sum((s * s).sum() for s in slopes))
        found.append([float(order) for order in orders])
    np.testing.assert_allclose(*found, rtol=1e-12)


def test_finite_differences():
    assert gradcheck(lambda a, b: fused([a, b])[0], leaves())
    assert gradgradcheck(lambda a, b: fused([a, b])[0], leaves())


def test_an_argument_made_of_another_is_not_counted_twice():
    (a, _), found = leaves(), []
    for function in (lambda a, b: fused([a, b]), composed):
        y = function(a, np.exp(a))[0]
        (slope,) = grad(y.sum(), [a], create_graph=True)
        found += [slope.data, grad((slope * slope).sum(), [a])[0].data]
    np.testing.assert_allclose(found[:2], found[2:], rtol=1e-12)


def test_constants_and_what_is_not_reached():
    a, b = leaves()
    first, second, third = recorded_gradients(lambda a, b, c: a * 2, [a, b, 3.0], np.ones(2))
    assert first.data.tolist() == [2, 2] and second.data.tolist() == [0, 0] and third is None
