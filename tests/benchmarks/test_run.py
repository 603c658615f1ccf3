"""The command: each workload from end to end, as small as it can be, and what it leaves."""

import json

import pytest

from benchmarks.growth import NAME as GROWTH
from benchmarks.run import WORKLOADS, main
from benchmarks.workload import OURS, PEER
from loratory.errors import RunError


def quick(base, folder, *names):
    return [*names, "--quick", "--base", str(base), "--repeat", "1", "--results", str(folder)]


@pytest.mark.slow
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_runs_and_its_sides_compute_the_same(
    name, long_base, tmp_path, open_here, capsys
):
    main(quick(long_base, tmp_path, name), open_side=open_here)
    latest = json.loads((tmp_path / "latest.json").read_text())
    assert {"processor", "cores", "versions"} <= latest["machine"].keys()
    (found,) = latest["workloads"].values()
    numbers = ("throughput_ratio", "memory_ratio", "share_of_limit", "limit_gflops")
    assert all(found[key] > 0 for key in numbers)
    assert found["checked_difference"] < WORKLOADS[name].tolerance
    for side in (OURS, PEER):
        assert found["sides"][side]["rows_per_second"] > 0
        assert found["sides"][side]["tokens_per_second"] > 0
    assert found["sides"][PEER]["precision"] == "float32"
    assert found["sides"][OURS]["precision"] == ("int8" if "int8" in name else "float32")
    table = capsys.readouterr().out
    assert name in table
    assert found["peer"] in table


@pytest.mark.slow
@pytest.mark.parametrize("name", ["classification", "label_words", "written_qa"])
def test_both_sides_learn_alike(name, long_base, tmp_path, open_here):
    """In the one step that there is the order of the rows makes no difference."""
    main(quick(long_base, tmp_path, name), open_side=open_here)
    sides = json.loads((tmp_path / "latest.json").read_text())["workloads"][name]["sides"]
    assert sides[OURS]["mean_loss"] == pytest.approx(sides[PEER]["mean_loss"], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prediction", "generation"])
def test_both_sides_answer_alike(name, long_base, tmp_path, open_here):
    main(quick(long_base, tmp_path, name), open_side=open_here)
    found = json.loads((tmp_path / "latest.json").read_text())["workloads"][name]
    assert found["agreement"] == 1


@pytest.mark.slow
def test_growth_leaves_numbers_and_a_plot(long_base, tmp_path, open_here):
    main(quick(long_base, tmp_path, GROWTH), open_side=open_here)
    found = json.loads((tmp_path / "latest.json").read_text())["workloads"][GROWTH]
    assert [point["value"] for point in found["tokens_per_second"]["length"]] == [16, 32]
    assert (tmp_path / "growth.svg").read_text().startswith("<?xml")


@pytest.mark.slow
@pytest.mark.timeout(900)  # four processes, one after the other
def test_sides_run_in_processes_of_their_own(long_base, tmp_path):
    main(quick(long_base, tmp_path, "generation"))
    found = json.loads((tmp_path / "latest.json").read_text())["workloads"]["generation"]
    assert found["agreement"] == 1


def test_a_workload_that_fails_keeps_no_other_from_being_measured(
    long_base, tmp_path, open_here, capsys
):
    def opened(side):
        if side.module == "trainer":
            raise RunError("BENCH-SIDE", "it fell over", fix="mend it")
        return open_here(side)

    command = quick(long_base, tmp_path, "classification", "generation")
    with pytest.raises(SystemExit, match="not measured: classification"):
        main(command, open_side=opened)
    assert json.loads((tmp_path / "latest.json").read_text())["workloads"].keys() == {"generation"}
    shown = capsys.readouterr()
    assert "it fell over" in shown.err
    assert "generation" in shown.out


def test_an_unknown_workload_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["classify"])
    message = capsys.readouterr().err
    assert all(name in message for name in (*WORKLOADS, GROWTH))
