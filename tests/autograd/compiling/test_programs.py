"""Random programs, values and gradients, compiled: other data on later calls, other branches."""

from __future__ import annotations

import pytest

from tests.compiled import check
from tests.programs import program_of

EACH = 20


@pytest.mark.parametrize("first", range(0, 80, EACH))
def test_random_programs_agree_with_themselves(first: int) -> None:
    functions = [check(program_of(7, index)) for index in range(first, first + EACH)]
    served = [f for f in functions if f.versions]
    assert len(served) >= EACH / 3
    assert all(f.reason for f in functions if not f.versions)
