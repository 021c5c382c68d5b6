"""The errors of this library, and the words in which NumPy's own errors are told again."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

__all__ = ["AutogradError", "GradcheckError", "GraphFreedError", "InPlaceError"]


class AutogradError(RuntimeError):
    """Base of this library's own errors.

    Wrong shapes raise ValueError and wrong kinds TypeError, as NumPy does; this class and its
    children are for what only a library that records graphs can meet.

    >>> issubclass(GraphFreedError, AutogradError)
    True
    """


class GraphFreedError(AutogradError):
    """Backward met a part of the graph that `backward(retain_graph=False)` has already freed.

    >>> from autograd import Tensor
    >>> y = Tensor(3.0, requires_grad=True) * 2
    >>> y.backward(retain_graph=False)
    >>> y.backward()                                             # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd.errors.GraphFreedError: the graph behind a Tensor (result of multiply) was freed...
    """


class InPlaceError(AutogradError):
    """A value that a graph depends on was, or would have been, changed in place.

    >>> from autograd import Tensor
    >>> x = Tensor([1.0, 2.0])
    >>> x[0] = 5.0                                               # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd.errors.InPlaceError: x[i] = v would change a Tensor in place...
    """


class GradcheckError(AutogradError):
    """A gradient differs from its finite difference; the message gives input, element and both.

    >>> from autograd import Tensor, gradcheck, primitive
    >>> wrong = primitive(lambda x: x * x, lambda g, y, x: g * 3 * x)
    >>> gradcheck(wrong, Tensor(1.0, requires_grad=True))        # doctest: +ELLIPSIS
    Traceback (most recent call last):
    autograd.errors.GradcheckError: the derivative of output 0 by element () of input 0 is 3 ...
    """


# Told again under these kinds, so that `except ValueError` and the like go on working. Anything
# else, a FloatingPointError under np.errstate above all, passes through as it is.
RESTATED = (np.exceptions.AxisError, np.linalg.LinAlgError, IndexError, TypeError, ValueError)


def shapes(arguments: Any) -> str:
    """The shapes of those arguments that have one: '(2, 3) and (4,)'."""
    members: list[Any] = []
    for a in arguments:
        is_list_of_arrays = a.__class__ in (list, tuple) and any(hasattr(m, "shape") for m in a)
        members += a if is_list_of_arrays else [a]
    found = [str(np.shape(a)) for a in members if hasattr(a, "shape") or a.__class__ is list]
    if len(found) < 3:
        return " and ".join(found)
    return ", ".join(found[:4]) + (f" and {len(found) - 4} more" if len(found) > 4 else "")


def restated(name: str, arguments: Any, error: Exception) -> Exception:
    """The same kind of error, saying which operation met which shapes, and what helps.

    It takes over the traceback, so raise it `from None`: the first line of the trouble is in it.
    What an operation has told already is told again under the name of the composition around it.
    """
    kind = next((k for k in RESTATED if isinstance(error, k)), None)
    if kind is None or str(error).startswith("np."):  # a composition's own words
        return error
    if str(error).startswith(f"{name}: ") and "Input operand" not in str(error):
        return error  # an operation's own; NumPy's of a matmul begin so as well
    if name == "getitem":
        name = "indexing"
    inner = vars(error).get("operation")
    text = _message(kind, name, arguments, error) if inner is None else (
        name + str(error).removeprefix(inner)
    )  # fmt: skip
    told = kind(text).with_traceback(error.__traceback__)
    vars(told)["operation"] = name
    return told


def _message(kind: type[Exception], name: str, arguments: Any, error: Any) -> str:
    text, at = str(error).rstrip("."), shapes(arguments)
    at = f"shape{'s' if at.count('(') > 1 else ''} {at}" if at else ""
    if kind is ValueError and name == "matmul":
        return _matmul_message(arguments, text)
    if kind is ValueError and "broadcast" in text:
        if name == "broadcast_to":
            return f"broadcast_to: {at} does not broadcast to {arguments[1]}" + _BROADCASTING
        return f"{name}: {at} do not broadcast" + _BROADCASTING
    if kind is np.exceptions.AxisError and getattr(error, "ndim", None) is not None:
        n = error.ndim
        allowed = f"axis goes from {-n} to {n - 1}" if n else "a single number has no axis"
        where = at or f"an array of {n} axes"
        return f"{name}: axis {error.axis} is out of bounds for {where}; {allowed}"
    hint = ""
    if "axis" in text and ("repeated" in text or "duplicate" in text):
        text, hint = "an axis is given twice", "; name each axis once"
    elif kind is IndexError and (size := re.search(r"out of bounds .* size (\d+)$", text)):
        n = int(size[1])
        hint = f"; indices go from {-n} to {n - 1}" if n else "; that axis is empty"
    return f"{name}: {text}" + (f" ({at})" if at else "") + hint


_BROADCASTING = (
    ": counted from the last axis, each pair of lengths must be equal or contain a 1. Add an axis "
    "(x[:, None]) or reshape one of them."
)


def _matmul_message(arguments: Any, text: str) -> str:
    a, b = (np.asarray(argument) for argument in arguments[:2])
    if not a.ndim or not b.ndim:
        return f"matmul: shapes {a.shape} and {b.shape}: a scalar has no axis to sum; use * instead"
    inner, outer = a.shape[-1], b.shape[-2] if b.ndim > 1 else b.shape[0]
    if inner == outer:
        return f"matmul: the leading axes of shapes {a.shape} and {b.shape} do not broadcast"
    cure = ""
    if b.ndim > 1 and b.shape[-1] == inner:
        cure = "; transposing the second fits: a @ b.mT"
    elif a.ndim > 1 and a.shape[-2] == outer:
        cure = "; transposing the first fits: a.mT @ b"
    elif a.ndim > 1 and b.shape[-1] == a.shape[-2]:
        cure = "; exchanging them fits: b @ a"
    return (
        f"matmul: shapes {a.shape} and {b.shape} do not fit: the last axis of the first has length "
        f"{inner}, but the {'last axis but one' if b.ndim > 1 else 'axis'} of the second has "
        f"length {outer}; they must be equal{cure}"
    )


def not_real(name: str, dtype: np.dtype[Any]) -> str:
    if dtype.kind == "c":
        return (
            f"{name}: complex numbers ({dtype}) are not supported; keep the real and imaginary "
            "parts as two Tensors"
        )
    if dtype.kind in "US":
        return f"{name}: text (dtype {dtype}) is no number; convert it first, as in float('1.5')"
    if dtype.kind == "O":
        return (
            f"{name}: Python objects (dtype object) are no real numbers; None, dicts, generators "
            "and integers of more than 64 bits become objects, so convert them to floats first"
        )
    return f"{name}: dtype {dtype} is not supported; data must be real numbers or booleans"


def described(value: Any) -> str:
    """What a rule or a hook has returned, for a message: its kind and dtype."""
    if value is None:
        return "None (is a `return` missing?)"
    dtype = f" of dtype {value.dtype}" if hasattr(value, "dtype") else ""
    return f"{type(value).__name__}{dtype}"


def needs_float(dtype: np.dtype[Any]) -> str:
    return (
        f"only floating-point Tensors can require a gradient, got dtype {dtype}; ask for "
        "dtype=np.float64 (or np.float32), as in Tensor(data, requires_grad=True, dtype=np.float64)"
    )


# Where ufuncs are at home, which they do not tell: "erf" may be SciPy's, and its i0 is not np.i0.
_HOMES = {"np": "numpy", "scipy.special": "scipy.special"}


def numpy_name(function: Any) -> str:
    """What a program calls a function of NumPy's or SciPy's: "np.sin", "scipy.special.erf"."""
    name = getattr(function, "__name__", repr(function))
    if isinstance(function, np.ufunc):
        for short, module in _HOMES.items():
            if getattr(sys.modules.get(module), name, None) is function:
                return f"{short}.{name}"
        return name
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module.replace('numpy', 'np', 1)}.{name}" if module.startswith("numpy") else name


# NumPy's functions that write into an argument, and what to write instead.
IN_PLACE: dict[str, str] = {
    "copyto": "np.where(mask, values, array); np.full and np.full_like with a Tensor as the value "
    "come here too: np.broadcast_to(value, shape)",
    "fill_diagonal": "np.where(np.eye(n, dtype=bool), values, matrix)",
    "put": "np.where, or autograd.scatter_add",
    "place": "np.where(mask, values, array)",
    "putmask": "np.where(mask, values, array)",
    "put_along_axis": "np.where, or autograd.scatter_add",
}


def writes_in_place(function: Any) -> str | None:
    """What to write instead of one of NumPy's functions that write into an argument, or None."""
    name = getattr(function, "__name__", "")
    return IN_PLACE.get(name) if getattr(np, name, None) is function else None


def without_derivative(function: Any) -> str:
    """What to do about a function of NumPy that is not registered."""
    name = numpy_name(function)
    if (cure := writes_in_place(function)) is not None:
        return (
            f"{name} writes into its first argument, which no graph can record, so it does not "
            f"take Tensors; compute a new one instead: {cure}"
        )
    if isinstance(function, np.ufunc):
        taken = ["x"] if function.nin == 1 else [f"x{i + 1}" for i in range(function.nin)]
    else:
        plainly = getattr(function, "_implementation", None)
        code: Any = getattr(plainly, "__code__", None)
        optional = getattr(plainly, "__defaults__", None)
        count = code.co_argcount - len(optional or ()) if code is not None else 0
        taken = list(code.co_varnames[:count]) if count else ["*args"]
    taken = [f"{argument}_" if argument in ("g", "y") else argument for argument in taken]
    rules = [f"lambda g, y, {', '.join(taken)}: ..."] * min(len(taken), 2)
    more = ", ..." if len(taken) > 2 else ""
    # Some ufuncs have a name by which nobody can call them: "_zeta", "<lambda> (vectorized)".
    known = name if name.replace(".", "").isidentifier() and name[0] != "_" else "f"
    if len(taken) == 1:
        what = f"# g times the derivative by {taken[0]}"
    else:
        what = "# one for each argument, None for one without a gradient"
    return (
        f"{name} has no derivative registered, so it does not take Tensors. Give it one:\n"
        f"    autograd.defvjp({known}, {', '.join(rules)}{more})        {what}\n"
        "or make an operation of your own:\n"
        "    f = autograd.primitive(forward, lambda g, y, x: ...)\n"
        "or, if no gradient can flow through it:\n"
        f"    autograd.nondifferentiable({known})"
    )
