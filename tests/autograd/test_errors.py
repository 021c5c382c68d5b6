"""Bad input: what each mistake raises, what the message says, and that nothing else has changed.

A table of mistakes: a call, the kind of error, and what its message must contain (the operation,
the shapes or values seen, the cure). Around each of them stands a small world of Tensors, a graph
and a mode, which must be as it was before, and in which the next correct call must work.
"""

import copy
import pickle
import traceback

import numpy as np
import pytest

from autograd import (
    AutogradError,
    GradcheckError,
    GraphFreedError,
    InPlaceError,
    Tensor,
    defvjp,
    detect_anomaly,
    grad,
    gradcheck,
    hessian,
    hvp,
    is_grad_enabled,
    jacobian,
    jvp,
    no_grad,
    primitive,
    softmax,
    vjp,
)


class World:
    """What a program has when it makes a mistake: leaves with gradients, a graph, a hook."""

    def __init__(self):
        self.x = Tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")
        self.m = Tensor(np.ones((2, 3)), requires_grad=True)
        self.s = Tensor(2.0, requires_grad=True)
        self.plain = Tensor([1.0, 2.0])
        self.ints = Tensor([1, 2, 3])
        self.y = self.x * self.x  # a result, with a graph behind it
        self.freed = self.s * self.s
        self.freed.backward(retain_graph=False)
        self.x.grad, self.s.grad = [7.0, 8.0, 9.0], None
        self.seen = []
        self.m.register_hook(lambda g: self.seen.append(g.shape))

    def __iter__(self):
        return iter((self.x, self.m, self.s, self.plain, self.ints, self.y, self.freed))

    def snapshot(self):
        return [
            (id(t), t.tolist(), t.dtype, t.requires_grad, t.is_leaf, t.name, t.scope,
             None if t.grad is None else t.grad.tolist())
            for t in self
        ] + [list(self.seen), is_grad_enabled()]  # fmt: skip


@pytest.fixture
def world():
    """The world, checked afterwards: unchanged, and the next correct call works."""
    world = World()
    before = world.snapshot()
    yield world
    assert world.snapshot() == before
    (world.y.sum() + world.m.sum() * world.s).backward()
    assert world.x.grad.tolist() == [7 + 2, 8 + 4, 9 + 6]
    assert world.m.grad.tolist() == [[2, 2, 2]] * 2 and world.s.grad == 6
    assert world.seen == [(2, 3)]


def setting(name, value):
    """A call that sets an attribute of what it is given."""
    return lambda tensor: setattr(tensor, name, value)


def rule_that_returns(answer):
    return lambda w: primitive(np.copy, lambda g, y, a: answer)(w.x).sum().backward()


def hooked(w):
    y = w.x * 1
    y.register_hook(lambda g: g[:1])
    y.sum().backward()


def update_then_second_derivative(w):
    p = Tensor([1.0], requires_grad=True, name="weight")
    loss = (p * p).sum()
    p.assign_([2.0])
    grad(loss, p, create_graph=True)


def set_item(w):
    w.x[0] = 5.0


def augmented(w):
    array = np.zeros(3)
    array += w.x


def truth(w):
    if w.x:
        raise AssertionError("a truth value came out")


CASES = {
    # ---- backward and grad
    "backward of many elements": (
        lambda w: w.y.backward(), ValueError,
        "backward: the output has shape (3,)", "y.sum()", "y.backward(gradient)"),
    "backward where nothing requires a gradient": (
        lambda w: (w.plain * 2).sum().backward(), AutogradError,
        "backward", "result of sum", "requires_grad=True", "no_grad()"),
    "backward of a plain leaf": (
        lambda w: w.plain.backward(), AutogradError, "a Tensor (leaf)", "requires_grad=True"),
    "gradient of the wrong shape": (
        lambda w: w.y.backward([1.0, 2.0]), ValueError,
        "backward: the gradient has shape (2,), the output (3,)"),
    "gradient of text": (
        lambda w: w.y.backward("abc"), TypeError, "backward: text (dtype <U3)"),
    "complex gradient": (
        lambda w: w.y.backward([1j, 2, 3]), TypeError, "backward: complex", "two Tensors"),
    "backward on a freed graph": (
        lambda w: w.freed.backward(), GraphFreedError, "result of multiply", "retain_graph=False"),
    "a new result on a freed one": (
        lambda w: (w.freed * w.x).sum().backward(), GraphFreedError, "result of multiply"),
    "grad of an unreached input": (
        lambda w: grad(w.y.sum(), [w.x, w.m]), AutogradError,
        "grad: input 1", "of shape (2, 3)", "allow_unused=True"),
    "grad by what requires none": (
        lambda w: grad(w.y.sum(), w.plain), AutogradError, "an input", "requires_grad=True"),
    "grad of what requires none": (
        lambda w: grad(w.plain.sum(), w.x), AutogradError, "an output", "result of sum"),
    "grad of many elements": (
        lambda w: grad(w.y, w.x), ValueError, "grad: the output has shape (3,)", "grad_outputs"),
    "grad by a number": (
        lambda w: grad(w.y.sum(), 3.0), TypeError),
    "grad by a list of numbers": (
        lambda w: grad(w.y.sum(), [3.0]), TypeError,
        "grad: inputs must be a Tensor or a list of them, got float"),
    "too few grad_outputs": (
        lambda w: grad([w.y, w.y], w.x, [np.ones(3)]), ValueError, "1 grad_outputs for 2 outputs"),
    "a parameter changed before a second derivative": (
        update_then_second_derivative, InPlaceError, "'weight'", "multiply", "before the update"),
    "jacobian of no Tensor": (
        lambda w: jacobian(lambda x: 3.0, w.x), TypeError,
        "jacobian: f must return one Tensor, got float"),
    "hessian of many elements": (
        lambda w: hessian(lambda x: x * x, w.x), ValueError, "has shape (3,)"),
    "jvp with a vector of the wrong shape": (
        lambda w: jvp(np.sin, w.x, [1.0, 2.0]), ValueError, "jvp: v must have", "(3,)", "(2,)"),
    "hvp with a vector of the wrong shape": (
        lambda w: hvp(np.sum, w.x, [1.0, 2.0]), ValueError, "hvp: v must have", "(3,)", "(2,)"),
    "vjp with a vector of the wrong shape": (
        lambda w: vjp(np.sin, w.x, [1.0, 2.0]), ValueError, "(3,)", "(2,)"),
    "gradcheck of a wrong rule": (
        lambda w: gradcheck(primitive(np.copy, lambda g, y, a: 2 * g), w.x), GradcheckError),

    # ---- .grad and hooks
    ".grad of the wrong shape": (
        lambda w: setting("grad", np.ones(2))(w.x), ValueError,
        ".grad of the Tensor 'x' must have its shape (3,), got (2,)"),
    ".grad of text": (
        lambda w: setting("grad", "abc")(w.x), TypeError, ".grad: text (dtype <U3)"),
    "a hook that changes the shape": (
        hooked, ValueError, "hook", "result of multiply", "(3,)", "(1,)", "keep the shape"),
    "a hook that is no function": (
        lambda w: w.x.register_hook(3), TypeError, "register_hook needs a function, got int"),
    "a hook where there is no gradient": (
        lambda w: w.plain.register_hook(print), AutogradError, "does not require a gradient"),
    "retain_grad where there is no gradient": (
        lambda w: w.plain.retain_grad(), AutogradError, "does not require a gradient"),

    # ---- shapes
    "matmul of wrong shapes": (
        lambda w: w.m @ w.m, ValueError,
        "matmul: shapes (2, 3) and (2, 3) do not fit", "length 3", "length 2", "a @ b.mT"),
    "matmul with a transposed first": (
        lambda w: w.m @ np.ones(2), ValueError, "(2, 3) and (2,)", "a.mT @ b"),
    "matmul where nothing helps": (
        lambda w: np.matmul(w.m, np.ones((4, 5))), ValueError,
        "(2, 3) and (4, 5)", "must be equal"),
    "matmul from the left": (
        lambda w: np.ones((3, 4)) @ w.m, ValueError,
        "(3, 4) and (2, 3)", "length 4", "b @ a"),
    "matmul with a number": (
        lambda w: w.m @ w.s, ValueError, "(2, 3) and ()", "use * instead"),
    "matmul of unequal batches": (
        lambda w: Tensor(np.ones((2, 3, 4))) @ np.ones((5, 4, 3)), ValueError,
        "leading axes of shapes (2, 3, 4) and (5, 4, 3)"),
    "broadcasting by an operator": (
        lambda w: w.x + w.plain, ValueError,
        "add: shapes (3,) and (2,) do not broadcast", "x[:, None]"),
    "broadcasting from the left": (
        lambda w: np.ones(2) / w.x, ValueError, "divide: shapes (2,) and (3,) do not broadcast"),
    "broadcasting with a list": (
        lambda w: [1.0, 2.0] - w.x, ValueError, "subtract: shapes (2,) and (3,) do not broadcast"),
    "broadcasting by a function": (
        lambda w: np.maximum(w.x, w.plain), ValueError, "maximum: shapes (3,) and (2,) do not"),
    "broadcasting of three": (
        lambda w: np.where(np.ones(2) > 0, w.x, 0.0), ValueError,
        "where: shapes (2,) and (3,) do not"),
    "broadcasting in a comparison": (
        lambda w: w.x < w.plain, ValueError, "comparison: shapes (3,) and (2,) do not broadcast"),
    "broadcast_to": (
        lambda w: np.broadcast_to(w.x, (2, 2)), ValueError,
        "shape (3,) does not broadcast to (2, 2)"),
    "wrong axis": (
        lambda w: w.m.sum(axis=2), np.exceptions.AxisError,
        "sum: axis 2 is out of bounds for shape (2, 3)", "from -2 to 1"),
    "wrong negative axis": (
        lambda w: np.max(w.m, axis=-3), np.exceptions.AxisError,
        "max: axis -3", "(2, 3)", "from -2 to 1"),
    "wrong axis of a number": (
        lambda w: w.s.sum(axis=1), np.exceptions.AxisError,
        "sum: axis 1", "a single number has no axis"),
    "wrong axis in a tuple": (
        lambda w: w.m.sum(axis=(0, 5)), np.exceptions.AxisError, "sum: axis 5", "(2, 3)"),
    "wrong axis of a mean": (
        lambda w: w.m.mean(axis=2), np.exceptions.AxisError,
        "mean: axis 2", "(2, 3)", "from -2 to 1"),
    "wrong axis of a norm": (
        lambda w: np.linalg.norm(w.m, axis=2), np.exceptions.AxisError, "norm: axis 2", "(2, 3)"),
    "wrong axis of a median": (
        lambda w: np.median(w.m, axis=2), np.exceptions.AxisError, "median: axis 2", "(2, 3)"),
    "wrong axis of a deviation": (
        lambda w: w.m.std(axis=2), np.exceptions.AxisError, "std: axis 2", "(2, 3)"),
    "wrong axis of moveaxis": (
        lambda w: np.moveaxis(w.m, 5, 0), np.exceptions.AxisError, "moveaxis: axis 5", "(2, 3)"),
    "too many arguments": (
        lambda w: np.tanh(w.x, 1, 2), TypeError, "tanh"),
    "a rule that takes too few arguments": (
        lambda w: primitive(np.hypot, lambda g, y: g)(w.x, 1.0), TypeError,
        "hypot: 2 arguments", "at most 0", "rule(g, y, *args, **kwargs)"),
    "svd with more vectors than there are": (
        lambda w: np.linalg.svd(w.m), TypeError, "svd:", "(2, 3)", "full_matrices=False"),
    "wrong axis of softmax": (
        lambda w: softmax(w.x, axis=1), np.exceptions.AxisError,
        "softmax: axis 1", "(3,)", "-1 to 0"),
    "wrong axis of argmax": (
        lambda w: w.m.argmax(axis=2), np.exceptions.AxisError, "argmax: axis 2", "(2, 3)"),
    "wrong axis of concatenate": (
        lambda w: np.concatenate([w.x, w.x], axis=1), np.exceptions.AxisError,
        "concatenate: axis 1", "(3,) and (3,)", "from -1 to 0"),
    "repeated axis": (
        lambda w: w.m.sum(axis=(0, 0)), ValueError,
        "sum: an axis is given twice", "(2, 3)", "once"),
    "repeated axis, once negative": (
        lambda w: np.prod(w.m, axis=(1, -1)), ValueError, "prod: an axis is given twice", "(2, 3)"),
    "repeated axis of a mean": (
        lambda w: w.m.mean(axis=(0, 0)), ValueError, "mean: an axis is given twice", "(2, 3)"),
    "repeated axis of transpose": (
        lambda w: w.m.transpose(0, 0), ValueError, "transpose: an axis is given twice", "(2, 3)"),
    "an axis that is no number": (
        lambda w: w.m.sum(axis="rows"), TypeError, "sum", "'str'", "(2, 3)"),
    "reshape": (
        lambda w: w.m.reshape(4), ValueError, "reshape", "size 6 into shape (4,)", "(2, 3)"),
    "stack of unequal shapes": (
        lambda w: np.stack([w.x, w.plain]), ValueError, "stack", "(3,) and (2,)"),
    "concatenate of unequal shapes": (
        lambda w: np.concatenate([w.m, np.ones((2, 4))]), ValueError,
        "concatenate", "(2, 3) and (2, 4)"),
    "einsum of unequal lengths": (
        lambda w: np.einsum("ij,jk->ik", w.m, w.m), ValueError,
        "einsum: the letter j has length 3 in operand 0 and 2 in operand 1"),
    "a dtype in the place of requires_grad": (
        lambda w: Tensor([1.0], np.float32), TypeError, "requires_grad", "dtype=np.float32"),
    "inner of unequal lengths": (
        lambda w: np.inner(w.m, np.ones(2)), ValueError, "inner: axes [1] of shape (2, 3)"),
    "the maximum of nothing": (
        lambda w: Tensor(np.zeros((0, 3))).max(), ValueError, "max", "(0, 3)"),
    "mT of one axis": (
        lambda w: w.x.mT, ValueError, "mT needs at least 2 axes", "(3,)"),
    "inverse of a singular matrix": (
        lambda w: np.linalg.inv(Tensor(np.zeros((2, 2)))), np.linalg.LinAlgError,
        "inv", "Singular", "(2, 2)"),
    "inverse of a wide matrix": (
        lambda w: np.linalg.inv(w.m), np.linalg.LinAlgError, "inv", "square", "(2, 3)"),
    "inverse in half precision": (
        lambda w: np.linalg.inv(Tensor(np.eye(2, dtype=np.float16))), TypeError, "inv", "float16"),

    # ---- looking up
    "index out of range": (
        lambda w: w.x[3], IndexError, "indexing", "index 3", "axis 0", "(3,)", "from -3 to 2"),
    "negative index out of range": (
        lambda w: w.x[-4], IndexError, "index -4", "(3,)", "from -3 to 2"),
    "index out of range in an array": (
        lambda w: w.x[[0, 7]], IndexError, "index 7", "(3,)"),
    "index out of range of take": (
        lambda w: np.take(w.x, [0, 9]), IndexError, "take", "index 9", "(3,)"),
    "too many indices": (
        lambda w: w.m[0, 1, 2], IndexError, "indexing", "2-dimensional", "(2, 3)"),
    "mask of the wrong length": (
        lambda w: w.x[np.array([True, False])], IndexError, "boolean", "(3,) and (2,)"),
    "a float as an index": (
        lambda w: w.x[1.0], IndexError, "indexing", "integers"),
    "floats as indices": (
        lambda w: w.x[[0.5, 1.0]], IndexError, "integers", "float64"),
    "a Tensor of floats as an index": (
        lambda w: w.x[w.plain], IndexError, "integers", "float64"),

    # ---- values in place
    "x[i] = v": (
        set_item, InPlaceError, "x[i] = v", "np.where(mask, v, x)", "x.assign_(array)"),
    "assign_ of another shape": (
        lambda w: w.x.assign_([1.0, 2.0]), ValueError,
        "(2,)", "'x'", "(3,)", "the shape must stay"),
    "assign_ to a result": (
        lambda w: w.y.assign_([1.0, 2.0, 3.0]), InPlaceError, "result of multiply", "detach()"),
    "assign_ of floats to integers": (
        lambda w: w.ints.assign_([1.5, 2.0, 3.0]), TypeError, "assign_: float64", "int64"),
    "assign_ of text": (
        lambda w: w.x.assign_("abc"), TypeError, "assign_: text"),
    ".data of integers where a gradient is required": (
        lambda w: setting("data", np.arange(3))(w.x), TypeError, "int64", "np.float64"),
    ".data of another shape": (
        lambda w: setting("data", np.ones(2))(w.x), ValueError, "(2,)", "'x'", "(3,)"),
    ".data of a result": (
        lambda w: setting("data", np.ones(3))(w.y), InPlaceError, "result of multiply"),
    "array += tensor": (
        augmented, TypeError, "add", "out=", "a = a + x"),
    "requires_grad of a result switched off": (
        lambda w: w.y.requires_grad_(False), AutogradError, "result of multiply", "detach()"),

    # ---- kinds of data
    "integer array with requires_grad": (
        lambda w: Tensor(np.arange(3), requires_grad=True), TypeError, "int64", "dtype=np.float64"),
    "boolean array with requires_grad": (
        lambda w: Tensor(np.array([True]), requires_grad=True), TypeError,
        "bool", "dtype=np.float64"),
    "requires_grad_ of integers": (
        lambda w: w.ints.requires_grad_(), TypeError, "int64", "dtype=np.float64"),
    "complex data": (
        lambda w: Tensor([1j]), TypeError, "Tensor: complex", "real and imaginary parts"),
    "complex operand": (
        lambda w: w.x * 1j, TypeError, "multiply: complex", "complex128"),
    "complex array on the left": (
        lambda w: np.ones(3, complex) + w.x, TypeError, "add: complex", "complex128"),
    "astype(complex)": (
        lambda w: w.x.astype(complex), TypeError, "astype: complex"),
    "object array": (
        lambda w: Tensor(np.array([1, None], object)), TypeError, "dtype object", "floats first"),
    "None": (
        lambda w: Tensor(None), TypeError, "dtype object", "None"),
    "a huge integer": (
        lambda w: Tensor(2**70), TypeError, "dtype object", "64 bits"),
    "text with requires_grad": (
        lambda w: Tensor("abc", requires_grad=True), TypeError, "text (dtype <U3)", "float('1.5')"),
    "a list of texts": (
        lambda w: Tensor(["1", "2"], requires_grad=True), TypeError, "text (dtype <U1)"),
    "dates": (
        lambda w: Tensor(np.array(["2020-01-01"], "datetime64[D]")), TypeError,
        "datetime64[D]", "real numbers"),
    "unequal lists": (
        lambda w: Tensor([[1.0], [1.0, 2.0]]), ValueError, "unequal lengths", "pad"),
    "a masked array": (
        lambda w: Tensor(np.ma.array([1.0, 2.0], mask=[0, 1])), TypeError,
        "mask", "array.filled(value)"),
    "np.array of Tensors": (
        lambda w: np.array([w.x, w.x]), TypeError, "np.stack([...])", ".detach()"),
    "np.array of numbers": (
        lambda w: np.array([w.s, w.s]), TypeError, "np.stack([...])", ".detach()"),
    "Tensor of Tensors": (
        lambda w: Tensor([w.x, w.x]), TypeError, "np.stack([...])", ".detach()"),
    "np.asarray": (
        lambda w: np.asarray(w.y), TypeError, "gradient would be lost", ".detach()"),
    "a name that is no text": (
        lambda w: setting("name", 3)(w.x), TypeError, "name must be a str or None, got int"),

    # ---- a Tensor where one number is needed
    "if tensor": (
        truth, ValueError, "truth value of a Tensor of shape (3,)", "np.any(t)", "np.all(t)"),
    "if of an empty Tensor": (
        lambda w: bool(Tensor([])), ValueError, "shape (0,)", "len(t)"),
    "float(tensor)": (
        lambda w: float(w.x), TypeError, "float()", "(3,)", "one element or the sum"),
    "int(tensor)": (
        lambda w: int(w.m), TypeError, "int()", "(2, 3)", "one element or the sum"),
    "format(tensor)": (
        lambda w: f"{w.x:.3f}", TypeError, "(3,)"),
    "item of many": (
        lambda w: w.x.item(), ValueError,
        "item() needs exactly one element", "(3,) has 3", ".tolist()"),
    "len of a number": (
        lambda w: len(w.s), TypeError, "len()", "0 axes"),
    "iteration over a number": (
        lambda w: list(w.s), TypeError, "iteration", "0 axes"),
    "text as an operand": (
        lambda w: w.x + "abc", TypeError, "+", "'Tensor' and 'str'"),

    # ---- NumPy functions and rules
    "an unregistered NumPy function": (
        lambda w: np.roots(w.x), TypeError, "np.roots",
        "autograd.defvjp(np.roots", "autograd.primitive(", "autograd.nondifferentiable("),
    "a keyword that is not supported": (
        lambda w: np.exp(w.x, where=np.ones(3) > 0), TypeError,
        "exp", "where=", "np.where(mask, x, 0)"),
    "an argument that has no derivative": (
        lambda w: primitive(np.hypot, lambda g, y, a, b: g)(1.0, w.x), TypeError,
        "argument 2", "detach()"),
    "a rule of the wrong shape": (
        rule_that_returns(np.ones(2)), AutogradError, "copy: its rule returned", "(2,)", "(3,)"),
    "a rule of too many axes": (
        rule_that_returns(np.ones((3, 1))), AutogradError, "copy", "(3, 1)", "(3,)"),
    "a rule that returns nothing": (
        rule_that_returns(None), AutogradError, "copy", "None", "return"),
    "a rule that returns text": (
        rule_that_returns("abc"), AutogradError, "copy", "array or a number", "str"),
    "a rule that returns complex numbers": (
        rule_that_returns(np.ones(3, complex)), AutogradError,
        "copy", "real numbers", "complex128"),
    "rules that are no functions": (
        lambda w: defvjp(np.spacing, 3), TypeError, "spacing", "rule(g, y, *args, **kwargs)", "3"),
    "a nan under detect_anomaly": (
        lambda w: detect_anomaly()(lambda: np.multiply(w.x, np.nan))(), AutogradError,
        "multiply: its result holds nan", "(3,)", "test_errors.py"),

    # ---- copies
    "deepcopy of a result": (
        lambda w: copy.deepcopy(w.y), AutogradError, "result of multiply", ".detach()", ".clone()"),
    "pickle of a result": (
        lambda w: pickle.dumps(w.y), AutogradError, "result of multiply", ".detach()"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input(world, case):
    mistake, kind, *fragments = case
    with pytest.raises(kind) as raised:
        mistake(world)
    message = str(raised.value)
    for fragment in fragments:
        assert fragment in message
    assert len(message) > 15 and "  do" not in message and "shape )" not in message


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bad_input_where_nothing_is_recorded(world, case):
    """The mode that was on before the mistake is on after it."""
    with no_grad():
        try:
            case[0](world)
        except Exception:
            assert not is_grad_enabled()
        assert not is_grad_enabled()


def test_our_own_errors_are_runtime_errors():
    for kind in (GraphFreedError, InPlaceError, GradcheckError):
        assert issubclass(kind, AutogradError) and issubclass(kind, RuntimeError)


RESTATED = {
    "add": lambda x: np.add(x, np.ones(2)),
    "sum": lambda x: x.sum(axis=4),
    "index": lambda x: x[9],
    "comparison": lambda x: x > np.ones(2),
    "argmax": lambda x: np.argmax(x, axis=4),
}


@pytest.mark.parametrize("mistake", RESTATED.values(), ids=RESTATED)
def test_one_error_is_shown_and_not_two(mistake):
    with pytest.raises(Exception) as raised:  # noqa: B017 (which one is told above)
        mistake(Tensor([1.0, 2.0, 3.0], requires_grad=True))
    shown = "".join(traceback.format_exception(raised.value))
    assert shown.count("Traceback") == 1 and "During handling" not in shown


def test_an_error_inside_ones_own_function_shows_its_line():
    def forward(x):
        return x.reshape(7)  # the line to find

    x = Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"forward: cannot reshape.*\(shape \(2,\)\)") as raised:
        primitive(forward, lambda g, y, x: g)(x)
    assert "the line to find" in "".join(traceback.format_exception(raised.value))


def test_numpys_own_floating_point_errors_pass_through():
    x = Tensor([0.0], requires_grad=True)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        np.log(x)
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        1 / x
    with np.errstate(all="ignore"):
        np.log(x).backward()
    assert np.isinf(x.grad).all()


def test_an_ordinary_update_before_backward_gives_the_gradient_at_the_old_values():
    """Not an error: a graph keeps the values that it used."""
    p = Tensor([1.0, 2.0], requires_grad=True)
    loss = (p * p).sum()
    p.assign_([100.0, 200.0])
    loss.backward()
    assert p.grad.tolist() == [2, 4]
