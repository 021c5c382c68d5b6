"""A minimal autograd engine: Tensors that record a graph and differentiate it in reverse.

>>> import numpy as np
>>> from autograd import Tensor
>>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> y = np.sum(np.sin(x) * x)          # NumPy's own functions record
>>> y.backward()
>>> np.allclose(x.grad, np.cos([1, 2, 3]) * [1, 2, 3] + np.sin([1, 2, 3]))
True
"""

import importlib as _importlib
import os as _os
import typing as _typing

_FOREIGN = ("tracer.py", "differential_operators.py", "wrap_util.py")
if any(_os.path.exists(_os.path.join(_os.path.dirname(__file__), _name)) for _name in _FOREIGN):
    raise ImportError(
        "the folder of this package also holds files of another library, the PyPI package "
        "'autograd', which installs the same import name. Remove both and install this one again:\n"
        "    pip uninstall autograd chalkgrad\n"
        "    pip install chalkgrad        (or, in the folder of its source: pip install -e .)"
    )

from autograd import habits as _habits  # noqa: E402
from autograd import ops as _ops  # noqa: E402, F401  (registers every operation)
from autograd.errors import (  # noqa: E402
    AutogradError,
    GradcheckError,
    GraphFreedError,
    InPlaceError,
)  # fmt: skip
from autograd.gradcheck import gradcheck, gradgradcheck  # noqa: E402
from autograd.mode import (  # noqa: E402
    detect_anomaly,
    enable_grad,
    is_grad_enabled,
    no_grad,
    scope,
    set_grad_enabled,
)  # fmt: skip
from autograd.ops.arranging import scatter_add  # noqa: E402
from autograd.ops.elementwise import log_sigmoid, relu, sigmoid, softplus  # noqa: E402
from autograd.ops.reductions import log_softmax, logsumexp, softmax  # noqa: E402
from autograd.ops.special import erf, normal_cdf, normal_density  # noqa: E402
from autograd.primitives import nondifferentiable, primitive  # noqa: E402
from autograd.profiling import profile  # noqa: E402
from autograd.rules import defvjp  # noqa: E402
from autograd.tensor import Tensor  # noqa: E402
from autograd.transforms import (  # noqa: E402
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)  # fmt: skip

if _typing.TYPE_CHECKING:
    from autograd.compiling.compiled import compile
    from autograd.drawing.graph import Graph, draw, record
    from autograd.explaining.explain import explain
    from autograd.explaining.explanation import Explanation

__all__ = [
    "AutogradError",
    "Explanation",
    "GradcheckError",
    "Graph",
    "GraphFreedError",
    "InPlaceError",
    "Tensor",
    "compile",
    "defvjp",
    "detect_anomaly",
    "draw",
    "enable_grad",
    "erf",
    "explain",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "no_grad",
    "nondifferentiable",
    "normal_cdf",
    "normal_density",
    "primitive",
    "profile",
    "record",
    "relu",
    "scatter_add",
    "scope",
    "set_grad_enabled",
    "sigmoid",
    "softmax",
    "softplus",
    "value_and_grad",
    "vjp",
]

# Drawing and compiling are half of this package. They are loaded when they are first asked for, so
# that those who only compute do not wait for them.
_LATER = {
    **dict.fromkeys(("Graph", "draw", "record"), "autograd.drawing.graph"),
    "Explanation": "autograd.explaining.explanation",
    "compile": "autograd.compiling.compiled",
    "explain": "autograd.explaining.explain",
}


def _lazily(name: str) -> _typing.Any:
    if name not in _LATER:
        told = _habits.MODULE.get(name)
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}" + f"; {told}" * bool(told)
        )
    value = getattr(_importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


if not _typing.TYPE_CHECKING:  # for which a module with __getattr__ would have every name
    __getattr__ = _lazily


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
