"""The benchmarks: what is measured, and what is made of figures; the comparison of two checkouts.

Nothing here depends on how long anything takes.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import nn
from autograd import Tensor
from tests import ROOT
from tests.benchmarks import against, models, report
from tests.benchmarks.__main__ import arguments, main, measure, of_processor
from tests.benchmarks.cases import Case, all_cases, plainly, threaded
from tests.benchmarks.worker import Failed


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


@pytest.mark.parametrize("name", models.NETWORKS)
def test_a_network_is_the_same_in_pytorch(name):
    torch = pytest.importorskip("torch", reason="compares with PyTorch")
    network = models.NETWORKS[name]
    x, labels = models.samples(name, 2)
    ours = models.begin(network.build(nn), np.copy)
    theirs = models.begin(network.build(torch.nn), torch.from_numpy)
    y = ours(x)
    assert y.shape == (len(labels), network.classes)
    assert np.allclose(y.data, theirs(torch.from_numpy(x)).detach(), atol=1e-3)


@pytest.mark.parametrize("name", models.LAYERS)
def test_a_layer_takes_what_it_is_given(name):
    layer = models.LAYERS[name]
    module = layer.build(nn)
    if isinstance(module, nn.Module):
        models.begin(module, np.copy)
    few = [np.array(array[:2]) for array in models.inputs(name)]
    assert np.isfinite(models.first(module(*map(Tensor, few))).data).all()


def test_every_row_has_a_name_of_its_own_and_every_target_a_row():
    names = [case.name for case in all_cases(quick=False)]
    assert len(set(names)) == len(names)
    assert {case for case, *_ in report.TARGETS} <= set(names)
    assert {f"layer {name}" for name in models.LAYERS} <= set(names)
    assert {f"step {name}" for name in models.NETWORKS} <= set(names)


def test_a_label_may_name_settings_in_any_number_of_threads():
    figures = {
        "PyTorch, 1 thread, default": [3.0], "PyTorch, 2 threads, default": [2.0],
        "PyTorch, 2 threads, fused": [1.0], "ours": [4.0], "ours, GC on": [1.0],
    }  # fmt: skip
    assert report.best(figures, "PyTorch") == "PyTorch, 2 threads, fused"
    assert report.best(figures, "PyTorch, default") == "PyTorch, 2 threads, default"
    assert report.best(figures, "PyTorch, 1 thread, default") == "PyTorch, 1 thread, default"
    assert report.best(figures, "ours") == "ours"
    assert report.best(figures, "HIPS") is None


def test_processor_time_stands_in_the_place_of_time_where_it_was_taken():
    assert of_processor({"both": {"ours": [2.0]}, "cpu": {"ours": [1.0]}}) == {
        "both": {"ours": [1.0]}
    }
    assert of_processor({"peak": {"ours": [2.0]}}) == {"peak": {"ours": [2.0]}}


def test_who_cannot_do_it_in_a_fresh_process_is_left_out_and_ours_is_not(capsys):
    class Fresh:
        lacks = "PyTorch"

        def takes_part(self, entrant):
            return True

        def fresh(self, case, entrant):
            if entrant.who == self.lacks:
                raise Failed("there is none")
            return {"peak": 1.0}

    case = Case("memory", "step", {}, plainly("ours", "PyTorch"), rounds=2, fresh="memory")
    assert measure(case, Fresh(), 2) == {"peak": {"ours": [1.0, 1.0]}}
    assert capsys.readouterr().out == "memory: without PyTorch: there is none\n"
    Fresh.lacks = "ours"
    with pytest.raises(Failed, match="there is none"):
        measure(case, Fresh(), 2)


def test_processor_time_has_one_thread_each(tmp_path, monkeypatch, capsys):
    case = Case("small", "layer", {"name": "LSTM 16->32, 20 steps"}, threaded("ours"))
    monkeypatch.setattr("tests.benchmarks.__main__.all_cases", lambda quick: [case])
    file = tmp_path / "figures.json"
    main(["--processor", "--rounds", "1", "--json", str(file)])
    told = json.loads(file.read_text())
    assert told["header"].endswith("processor time of one thread")
    assert set(told["results"]["small"]) == {"both"}
    assert set(told["results"]["small"]["both"]) == {case.entrants[0].name}
    assert "2 threads" not in capsys.readouterr().out


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
