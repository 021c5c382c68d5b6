"""This checkout against another one, which take turns: the same cases, ours alone, twice each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.cases import Case, Entrant
from tests.benchmarks.report import ROWS, Results

THERE = "there"  # what the names of the other checkout's entrants end with
MEDIAN, IMPORT = 1.02, 1.03  # this / that, at most
SHIFT = 10  # rounds, after which both get new processes: where memory lies counts for some percent
ROUNDS = {"import": 30, "long_chain": 9}  # of what is measured in fresh processes


def checkout(path: str) -> str:
    """The folder that holds the packages to measure against."""
    folder = Path(path).resolve()
    missing = [name for name in ("autograd", "nn") if not (folder / name / "__init__.py").exists()]
    if missing:
        raise ValueError(f"{folder} holds no package {' and no package '.join(missing)}")
    return str(folder)


def paired(case: Case, path: str) -> Case:
    """The case with its entrants of ours alone, each followed by the same from the checkout."""
    ours = [entrant for entrant in case.entrants if entrant.who == "ours"]
    rounds = case.rounds if case.rounds == 1 else ROUNDS.get(case.fresh, case.rounds)
    both = [e for entrant in ours for e in (entrant, _there(entrant, path))]
    return replace(case, entrants=both, rounds=rounds)


def _there(entrant: Entrant, path: str) -> Entrant:
    variant = ", ".join(part for part in (entrant.variant, THERE) if part)
    return replace(entrant, contender=entrant.who, variant=variant, checkout=path)


# ---- what it says -------------------------------------------------------------------------------


@dataclass
class Row:
    """One line: what a round took here and there, each in the unit of its case."""

    case: str
    phase: str
    entrant: str
    here: list[float]
    there: list[float]

    @property
    def name(self) -> str:
        """As the tables name it, with the entrant where it is not simply "ours"."""
        parts = [self.case, self.phase * (self.phase not in ROWS)]
        return ", ".join(p for p in (*parts, self.entrant.removeprefix("ours").strip(", ")) if p)

    @property
    def ratio(self) -> tuple[float, float, float]:
        """The median of this / that, round by round, between its quartiles; of imports, which
        differ by whatever else the machine does, the best here by the best there."""
        if self.case == "import":
            return (min(self.here) / min(self.there),) * 3
        low, middle, high = np.percentile(np.divide(self.here, self.there), [25, 50, 75])
        return float(low), float(middle), float(high)

    def figures(self, scale: float) -> tuple[float, float]:
        """What stands for all rounds, here and there."""
        typical: Any = min if self.case == "import" else np.median
        return typical(self.here) / scale, typical(self.there) / scale

    @property
    def slower(self) -> bool:
        low, middle, high = self.ratio
        if self.case == "import":
            return middle > IMPORT
        return self.phase in ROWS and middle > MEDIAN and not low <= 1 <= high

    def __str__(self) -> str:
        low, middle, high = self.ratio
        spread = f"{low:.3f} to {high:.3f}"
        return f"{middle:.3f} ({f'best of {len(self.here)}' if self.case == 'import' else spread})"


def rows(results: Results) -> list[Row]:
    """A row for each phase and each entrant that was measured on both sides."""
    return [
        Row(case, phase, name, here, figures[f"{name}, {THERE}"])
        for case, samples in results.items()
        for phase, figures in samples.items()
        for name, here in figures.items()
        if all(figures.get(f"{name}, {THERE}", [0.0]))
    ]


def show(case: Case, samples: Any) -> None:
    for row in rows({case.name: samples}):
        here, there = row.figures(case.scale)
        mark = "   <-- slower" if row.slower else ""
        figures = f"{here:10,.4g} {there:10,.4g} {case.unit:8}"
        print(f"{row.name:44} {figures} {row}{mark}", flush=True)


def table(cases: list[Case], results: Results) -> str:
    """In Markdown: time or memory here, there, and this / that with the quartiles."""
    lines = ["|  | this | that | this / that |", "| --- | --- | --- | --- |"]
    units = {case.name: case for case in cases}
    for row in (row for row in rows(results) if row.phase in ROWS):
        unit, scale = units[row.case].unit.split("/")[0].strip(), units[row.case].scale
        here, there = (f"{figure:,.4g} {unit}" for figure in row.figures(scale))
        lines.append(f"| {row.name} | {here} | {there} | {row} |")
    return "\n".join(lines) + "\n"


def slower(results: Results) -> list[Row]:
    return [row for row in rows(results) if row.slower]


def conclude(first: Results, second: Results) -> None:
    """What was slower, in the first run and, where it was run again, in the second too."""
    again = {(row.case, row.phase, row.entrant): row for row in rows(second)}
    counted = [row for row in rows(first) if row.phase in ROWS]
    print(
        f"{len(counted)} rows, the median of their medians "
        f"{np.median([row.ratio[1] for row in counted] or [np.nan]):.3f}; slower is a median above "
        f"{MEDIAN} whose quartiles do not hold 1 (import: the best above {IMPORT})"
    )
    twice = 0
    for row in slower(first):
        other = again.get((row.case, row.phase, row.entrant))
        verdict = "not run again" if other is None else f"again {other}"
        verdict += "   <-- slower" if other is None or other.slower else ": not slower"
        twice += other is None or other.slower
        print(f"{row.name:44} {row}, {verdict}")
    print(f"slower: {twice or 'none'}")
