"""Where random numbers come from: a numpy.random.Generator that is given, or the library's own.

May import: nothing of this project.
"""

from __future__ import annotations

import numpy as np

__all__ = ["generator", "manual_seed"]

_default: np.random.Generator | None = None


def manual_seed(seed: int) -> np.random.Generator:
    """Start the library's own generator anew; equal seeds give equal weights.

    Args: seed, a non-negative int. Returns the generator. NumPy's generators and Python's `random`
    are not touched.

    >>> import nn
    >>> _ = nn.manual_seed(0); a = nn.Linear(2, 2)
    >>> _ = nn.manual_seed(0); b = nn.Linear(2, 2)
    >>> bool(np.all(a.weight == b.weight))
    True
    """
    global _default
    _default = np.random.default_rng(seed)
    return _default


def generator(rng: np.random.Generator | None = None) -> np.random.Generator:
    """The generator that is given, or the library's own where None is.

    Raises TypeError for anything else: two layers given the same number as a seed would start with
    the same weights.

    >>> rng = np.random.default_rng(1)
    >>> generator(rng) is rng
    True
    """
    global _default
    if rng is None:
        _default = _default or np.random.default_rng()  # here, for importing numpy.random is slow
        return _default
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng must be a numpy.random.Generator, got {type(rng).__name__}; use "
            "rng=np.random.default_rng(seed), or nn.manual_seed(seed) for all layers"
        )
    return rng
