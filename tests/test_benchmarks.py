"""The benchmarks' comparison of two checkouts: what it measures, and what it makes of figures.

Nothing here depends on how long anything takes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests import ROOT
from tests.benchmarks import against
from tests.benchmarks.__main__ import arguments, main
from tests.benchmarks.cases import all_cases


def results(here, there, case="step", phase="both"):
    return {case: {phase: {"ours": here, "ours, there": there}}}


@pytest.mark.parametrize(
    ("here", "there", "median", "slower"),
    [
        ([11, 12, 13], [10, 10, 10], 1.2, True),
        ([11, 24, 13], [10, 20, 10], 1.2, True),  # round by round, not median by median
        ([10.1, 10.1, 10.1], [10, 10, 10], 1.01, False),  # within two percent
        ([9.2, 11, 13], [10, 10, 10], 1.1, True),  # quartiles 1.01 to 1.2
        ([8, 11, 13], [10, 10, 10], 1.1, False),  # quartiles 0.95 to 1.2 hold 1
        ([5, 6, 7], [10, 10, 10], 0.6, False),
    ],
)
def test_slower_is_a_median_above_the_limit_whose_quartiles_do_not_hold_one(
    here, there, median, slower
):
    (row,) = against.rows(results(here, there))
    assert row.ratio[1] == pytest.approx(median)
    assert row.slower is slower


def test_imports_are_compared_by_the_best_of_all():
    (row,) = against.rows(results([10, 99, 99], [9.8, 10, 10], case="import"))
    assert (row.slower, str(row)) == (False, "1.020 (best of 3)")
    (row,) = against.rows(results([10.4, 11, 11], [99, 10, 99], case="import"))
    assert row.slower and row.figures(2) == (5.2, 5)


def test_parts_of_a_round_are_shown_and_not_judged():
    (row,) = against.rows(results([20, 20], [10, 10], phase="forward"))
    assert (row.name, row.slower) == ("step, forward", False)


def test_each_row_of_ours_gets_its_other_half():
    for case in all_cases(quick=False):
        ours = [entrant for entrant in case.entrants if entrant.who == "ours"]
        pairs = against.paired(case, "/that").entrants
        assert ours and pairs[::2] == ours
        for here, there in zip(ours, pairs[1::2]):
            assert (there.name, there.checkout) == (f"{here.name}, there", "/that")
            same = ("who", "threads", "arguments", "kind")
            assert all(getattr(here, name) == getattr(there, name) for name in same)


def test_the_conclusion_names_what_was_slower_twice(capsys):
    first = results([12], [10]) | results([13], [10], case="epoch") | results([1], [1], "chain")
    against.conclude(first, results([9], [10]) | results([14], [10], case="epoch"))
    told = capsys.readouterr().out
    lines = {line.split()[0]: line for line in told.splitlines()}
    assert "3 rows" in told and "chain" not in lines
    assert lines["step"].endswith(
        "1.200 (1.200 to 1.200), again 0.900 (0.900 to 0.900): not slower"
    )
    assert lines["epoch"].endswith("again 1.400 (1.400 to 1.400)   <-- slower")
    assert told.endswith("slower: 1\n")
    against.conclude(results([1], [1]), {})
    assert capsys.readouterr().out.endswith("slower: none\n")


def test_another_checkout_must_be_one(tmp_path, capsys):
    (tmp_path / "nn").mkdir()
    (tmp_path / "nn" / "__init__.py").touch()
    with pytest.raises(SystemExit):
        arguments(["--against", str(tmp_path)])
    assert f"{tmp_path} holds no package autograd\n" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        arguments(["--against", str(ROOT), "--save", "plot.png"])
    assert "--against measures this library alone" in capsys.readouterr().err


def test_two_checkouts_take_turns_each_by_its_own_packages(tmp_path, capsys):
    that = tmp_path / "that"
    for package in ("autograd", "nn"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, that / package, ignore=skipped)
    with open(that / "nn" / "__init__.py", "a") as file:
        file.write("\ndel Tanh\n")  # an older checkout, say, without what is measured here
    written = [str(tmp_path / name) for name in ("figures.json", "table.md")]
    main([
        "--against", str(that), "--quick", "--rounds", "2",
        "--only", "Tanh 32x64", "ReLU 32x64", "single scalar",
        "--json", written[0], "--table", written[1],
    ])  # fmt: skip
    told = capsys.readouterr().out
    assert "Tanh 32x64: without ours, there: AttributeError" in told
    assert "this checkout against " + str(that) in told and "\nslower: " in told
    figures = json.loads(Path(written[0]).read_text())["results"]
    assert set(figures["Tanh 32x64"]["both"]) == {"ours"}
    for case in ("ReLU 32x64", "LeakyReLU 32x64", "single scalar"):
        both = figures[case]["both"]
        assert {name: len(rounds) for name, rounds in both.items()} == {"ours": 2, "ours, there": 2}
    names = [line.split(" |")[0] for line in Path(written[1]).read_text().splitlines()[4:]]
    assert names == ["| ReLU 32x64", "| LeakyReLU 32x64", "| single scalar"]
