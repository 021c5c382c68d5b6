"""Where the time and the memory go: a table by operation and by scope."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from autograd.mode import Mode, ModeChange

__all__ = ["profile"]


class profile(ModeChange):
    """Measure every operation inside: calls, time and memory, forward and backward.

    Prints a table at the end, unless `verbose` is False; `table()` and `str` give it too, and
    `rows` holds the figures: (phase, scope, operation) -> [calls, seconds, bytes of results].
    Measuring costs about a microsecond an operation, so trust large figures and ratios. Of a
    compiled function the lines of its program are measured.

    >>> from autograd import Tensor
    >>> x = Tensor([[1.0, 2.0]], requires_grad=True)
    >>> with profile(verbose=False) as p:
    ...     (x @ x.T).sum().backward()
    >>> sorted({operation for _, _, operation in p.rows})
    ['matmul', 'sum', 'transpose']
    """

    def __init__(self, verbose: bool = True) -> None:
        self.verbose = verbose
        self.rows: dict[tuple[str, str, str], list[float]] = {}

    def _change(self, mode: Mode) -> Mode:
        return mode.but(profile=self, around=mode, by=id(self))

    def _fresh(self) -> profile:
        return type(self)(self.verbose)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        if self.verbose and kind is None:
            print(self.table(), file=sys.stdout)

    def forward(self, operation: Any, scope: Any, args: Any, kwargs: Any, given: Any) -> Any:
        """Compute an operation, and note what it took (called by the engine)."""
        start = time.perf_counter()
        data = operation.forward(*args, **kwargs)
        self.add("forward", operation.name, scope, time.perf_counter() - start, data)
        return data

    def backward(self, node: Any, rule: Any, g: Any, y: Any, args: Any, kwargs: Any) -> Any:
        """Ask a rule, and note what it took (called by the engine)."""
        start = time.perf_counter()
        contribution = rule(g, y, *args, **kwargs)
        seconds = time.perf_counter() - start
        self.add("backward", node._op.name, node._scope, seconds, contribution)
        return contribution

    def anew(self, function: Any, remember: Any, args: Any, kwargs: Any) -> Any:
        """Call what gives something new in each call (called by the engine)."""
        return function(*args, **kwargs)

    def arrived(self, leaf: Any, g: Any) -> None:
        """Hear of the whole gradient of a leaf (called by the engine)."""

    def add(self, phase: str, name: str, scope: Any, seconds: float, made: Any) -> None:
        """Note one call (called by the engine)."""
        row = self.rows.setdefault((phase, "" if scope is None else str(scope), name), [0, 0.0, 0])
        row[0] += 1
        row[1] += seconds
        members = made if isinstance(made, (tuple, list)) else [made]
        row[2] += sum(getattr(m, "nbytes", 0) for m in members)

    def table(self) -> str:
        """The figures as text, the slowest first."""
        total = sum(row[1] for row in self.rows.values()) or 1.0
        # The lines of a compiled function stand in the place of operations.
        wide = 46 if any(" = " in name for _, _, name in self.rows) else 18
        lines = [
            f"{'phase':<9}{'scope':<24}{'operation':<{wide}}{'calls':>8}{'ms':>10}{'%':>6}{'MB':>9}"
        ]
        ordered = sorted(self.rows.items(), key=lambda item: -item[1][1])
        for (phase, scope, name), (calls, seconds, size) in ordered:
            lines.append(
                f"{phase:<9}{scope[-23:]:<24}{name[: wide - 1]:<{wide}}{calls:>8}"
                f"{seconds * 1e3:>10.3f}"
                f"{100 * seconds / total:>6.1f}{size / 1e6:>9.2f}"
            )
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()
