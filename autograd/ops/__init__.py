"""The operations, one family a file; importing this package registers them all.

Reading order: elementwise, reductions, shape, indexing, linalg (the primitives); compositions
(made of those); special, decompositions and matrices (rarely used, and hard calculus, read last).
Arranging, sequences and statistics hold more compositions, which few programs need.
"""

from autograd.ops import (  # noqa: F401, I001
    compositions, decompositions, elementwise, indexing, linalg, matrices, reductions, shape,
    special, arranging, sequences, statistics,
)  # fmt: skip
