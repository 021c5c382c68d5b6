"""Measure: python -m tests.benchmarks [--quick] [--only NAME ...] [--json FILE] [--save FILE].

Each contender has a process of its own (two where it is tried with one thread and with two), and
they take turns, round by round (A B C A B C ...), so that whatever else the machine does meets all
of them. A figure is the median of its rounds with the quartiles; a ratio is the median of the
rounds' own ratios, ours / theirs: below 1 this library is faster. Of a contender with several
settings the best one counts. Before any time is taken, all must agree on the same numbers.

With --against PATH another checkout of this library is the only other contender: this one and that
one take turns, each by its own packages and both by these benchmarks. A ratio is this / that. Rows
whose median is above 1.02, while their quartiles do not hold 1, are run a second time; so is the
import, if the best of 30 is above 1.03.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

from tests.benchmarks import against
from tests.benchmarks.cases import Case, Entrant, all_cases
from tests.benchmarks.crew import Crew, header_of
from tests.benchmarks.report import Results, Samples, conclude, header, plot, show, table
from tests.benchmarks.work import RATE
from tests.benchmarks.worker import Failed

TURN = 25e6  # ns: a training goes on for long, so the first steps after another's turn count little
TOLERANCE, ROUNDING = 1e-4, 1e-5  # of losses and results, of weights in the median


def prepared(case: Case, crew: Crew) -> dict[Entrant, int]:
    """How many times each entrant does the work in a turn; all have shown that it is the same."""
    times, checks = {}, {}
    for entrant in case.entrants:
        if not crew.takes_part(entrant):
            continue
        arguments = case.arguments | json.loads(entrant.arguments)
        request = {"kind": entrant.kind or case.kind, "arguments": arguments}
        try:
            told = crew.worker(entrant).ask(prepare=entrant.name, **request)
        except Failed as error:
            left_out(case, entrant, error)
            continue
        if "none" not in told:
            times[entrant] = int(np.clip(TURN / told["took"], 1, 200))
            checks[entrant.name] = told["check"]
    check_equal(case, checks)
    return times


def left_out(case: Case, entrant: Entrant, error: Failed) -> None:
    """Said so; but ours must do whatever there is a case of."""
    if entrant.who == "ours" and not entrant.checkout:
        raise error
    print(f"{case.name}: without {entrant.name}: {error}")


def check_equal(case: Case, checks: dict[str, dict[str, list[float]]]) -> None:
    """All did the same: the losses or results are equal, and the weights are to rounding."""
    told = {name: check for name, check in checks.items() if check["numbers"]}
    for name, check in told.items():
        first = next(iter(told))
        numbers, weights = (
            np.abs(np.subtract(check[part], told[first][part])) for part in ("numbers", "weights")
        )
        allowed = TOLERANCE * (1 + np.abs(told[first]["numbers"]))
        wrong = np.any(numbers > allowed)
        if weights.size:
            wrong = wrong or np.median(weights) > ROUNDING or np.max(weights) > RATE
        if wrong or not np.all(np.isfinite(numbers)):
            raise AssertionError(
                f"{case.name}: {name} and {first} do not do the same: numbers differ by up to "
                f"{np.max(numbers):.2g}, weights by up to {np.max(weights, initial=0):.2g}"
            )


def measure(case: Case, crew: Crew, rounds: int, shift: int = 0) -> Samples:
    """The figures of all rounds. With `shift`, of two checkouts: all do the work as many times, in
    one order and then in the other, and after as many rounds all get new processes."""
    samples: Samples = {}

    def note(entrant: Entrant, figures: dict[str, float]) -> None:
        for phase, figure in figures.items():
            samples.setdefault(phase, {}).setdefault(entrant.name, []).append(figure)

    if case.fresh:
        entrants = list(filter(crew.takes_part, case.entrants))
        for _ in range(min(rounds, case.rounds)):
            for entrant in list(entrants):
                try:
                    note(entrant, crew.fresh(case, entrant))
                except Failed as error:
                    left_out(case, entrant, error)
                    entrants.remove(entrant)
        return samples
    times = prepared(case, crew)
    if shift:
        times = dict.fromkeys(times, min(times.values()))
    for done in range(min(rounds, case.rounds)):
        if shift and done and done % shift == 0:
            crew.relieve()
            prepared(case, crew)
        for entrant, n in list(times.items())[:: -1 if shift and done % 2 else 1]:
            note(entrant, crew.worker(entrant).ask(run=entrant.name, times=n))
    crew.forget()
    return samples


def of_processor(samples: Samples) -> Samples:
    """Processor time in the place of time, where it was taken."""
    return {"both": samples["cpu"]} if "cpu" in samples else samples


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, the small cases")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="cases whose name has a NAME")
    parser.add_argument("--rounds", type=int, help="at most (default 100, with --quick 15)")
    parser.add_argument("--against", metavar="PATH", help="another checkout, to take turns with")
    parser.add_argument(
        "--processor",
        action="store_true",
        help="one thread each, by processor time: where others are busy, too",
    )
    parser.add_argument("--hips", metavar="PYTHON", help="an interpreter that has HIPS autograd")
    parser.add_argument("--jax", metavar="PYTHON", help="an interpreter that has JAX")
    parser.add_argument("--json", metavar="FILE", help="write all figures of all rounds")
    parser.add_argument("--table", metavar="FILE", help="write the ratios as a table in Markdown")
    parser.add_argument("--save", metavar="FILE", help="draw the ratios (needs matplotlib)")
    options = parser.parse_args(words)
    if options.against:
        if options.save or options.hips or options.jax:
            parser.error("--against measures this library alone: no --save, --hips or --jax")
        try:
            options.against = against.checkout(options.against)
        except ValueError as error:
            parser.error(str(error))
    return options


def main(words: list[str] | None = None) -> None:
    options = arguments(words)
    crew = Crew({"HIPS": options.hips, "JAX jit": options.jax})
    cases = [
        case
        for case in all_cases(options.quick)
        if any(part in case.name for part in options.only or [""])
    ]
    for case in cases if options.processor else ():
        case.entrants = [entrant for entrant in case.entrants if entrant.threads == 1]
    try:
        compare = two_checkouts if options.against else contenders
        title, told, written = compare(cases, crew, options)
    finally:
        crew.close()
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"header": title, **told}, file, indent=1)
    if options.table:
        with open(options.table, "w") as file:
            file.write(f"{title}\n\n{written}")
    if options.save:
        plot(told["results"], title, options.save)


WHICH = {False: "", True: "; processor time of one thread"}
Told = tuple[str, dict[str, Results], str]  # the machine, the figures, a table in Markdown


def contenders(cases: list[Case], crew: Crew, options: argparse.Namespace) -> Told:
    title = header(header_of(crew)) + WHICH[options.processor]
    rounds = options.rounds or (15 if options.quick else 100)
    print(title, *crew.missing(), sep="\n")
    print("median (quartiles) = ours / theirs, median (quartiles)\n", flush=True)
    results: Results = {}
    for case in cases:
        found = measure(case, crew, rounds)
        results[case.name] = of_processor(found) if options.processor else found
        show(case, results[case.name])
    print()
    conclude(results)
    return title, {"results": results}, table(cases, results)


def two_checkouts(cases: list[Case], crew: Crew, options: argparse.Namespace) -> Told:
    title = f"{header([])}; this checkout against {options.against}{WHICH[options.processor]}"
    print(title, "this, that, and the median (quartiles) of this / that\n", sep="\n", flush=True)
    pairs = [against.paired(case, options.against) for case in cases]
    crew.one_core = True  # or one of them may sit on the core that others are busy on

    def run(pairs: list[Case]) -> Results:
        results: Results = {}
        for case in pairs:
            rounds = options.rounds or (15 if options.quick and not case.fresh else 100)
            found = measure(case, crew, rounds, against.SHIFT)
            results[case.name] = of_processor(found) if options.processor else found
            against.show(case, results[case.name])
        return results

    first = run(pairs)
    slower = {row.case for row in against.slower(first)}
    if slower:
        print("\nonce more, what was slower:\n")
    second = run([case for case in pairs if case.name in slower])
    print()
    against.conclude(first, second)
    return title, {"results": first, "again": second}, against.table(cases, first)


if __name__ == "__main__":
    sys.exit(main())
