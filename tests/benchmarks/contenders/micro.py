"""micrograd: graphs of single numbers."""

from __future__ import annotations

from importlib.metadata import version as version_of

from micrograd.engine import Value

from tests.benchmarks.work import graph_work

name, version = "micrograd", version_of("micrograd")
work = graph_work(Value)
