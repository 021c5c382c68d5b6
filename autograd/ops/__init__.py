"""The operations, one family a file; importing this package registers them all.

Reading order: elementwise, reductions, shape, indexing, linalg (the primitives); compositions
(made of those); decompositions and matrices (hard calculus, read last).
"""

from autograd.ops import (  # noqa: F401, I001
    compositions, decompositions, elementwise, indexing, linalg, matrices, reductions, shape,
)  # fmt: skip
