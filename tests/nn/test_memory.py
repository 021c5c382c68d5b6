"""What a step frees stays with the process, from the first step of an optimiser on; or not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nn.memory import keep_freed_memory

ROOT = Path(__file__).parents[2]
STEPS = """
import resource
import numpy as np, nn
from autograd import Tensor

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        held = [np.ones(2**21, np.uint8) for _ in range(8)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
untouched = faults()
p = Tensor([1.0], requires_grad=True)
(p * p).sum().backward()
nn.optim.SGD([p], lr=0.1).step()
faults()
print(untouched, faults())
"""


def faults(**environment):
    run = subprocess.run(
        [sys.executable, "-c", STEPS], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    return tuple(map(int, run.stdout.split()))


@pytest.mark.skipif(not keep_freed_memory(), reason="the C library is not glibc")
def test_freed_memory_is_not_faulted_in_again_after_the_first_step():
    before, after = faults()
    if before < 2000:
        pytest.skip("this system gives large pages, or keeps freed memory by itself")
    assert after < before / 10
    before, after = faults(CHALKGRAD_KEEP_MEMORY="0")
    assert after > before / 2


def test_the_environment_says_no(monkeypatch):
    monkeypatch.setenv("CHALKGRAD_KEEP_MEMORY", "0")
    assert keep_freed_memory() is False


@pytest.mark.parametrize("error", [ValueError, OSError, AttributeError])
def test_other_libraries_are_left_alone(error, monkeypatch):
    def refused(name):
        raise error(name)

    monkeypatch.setattr(os, "confstr", refused, raising=False)
    assert keep_freed_memory() is False
