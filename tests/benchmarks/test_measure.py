"""Measuring: sides are compared before anything is timed, take turns, and give medians."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from safetensors.torch import load_file, save_file

from benchmarks.job import CHECK
from benchmarks.limit import Work
from benchmarks.measure import measured
from benchmarks.workload import AUTO, OURS, PEER, Options, Side, Workload
from benchmarks.workloads.classification import CLASSIFICATION
from benchmarks.workloads.label_words import LABEL_WORDS
from benchmarks.workloads.span_qa import SPAN_QA
from loratory.errors import NumericsError

SECONDS = {"a": [2.0, 4.0, 1.0], "b": [4.0, 12.0, 5.0], "c": [1.0, 1.0, 1.0]}


@pytest.fixture
def told(tmp_path):
    """Return a workload whose sides say what they are told to, how to open them, and who spoke."""
    spoke, checked = [], {"a": [0.5, 0.25], "b": [0.5, 0.25]}

    @contextmanager
    def opened(side):
        def ask(what, _folder):
            spoke.append((side.module, what))
            if what == "check":
                return {"checked": checked[side.module]}
            turn = spoke.count((side.module, "run")) - 1
            return {
                "seconds": SECONDS[side.module][turn],
                "peak_memory_mb": {"a": 100.0, "b": 400.0, "c": 50.0}[side.module] + turn,
                "precision": "float32",
                "answers": ["x", "y" if side.module == "a" else "x"],
            }

        yield ask

    workload = Workload(
        name="told",
        peer="the other",
        prepare=lambda *_: Work(rows=8, tokens=80, operations=1e9),
        ours=Side("a"),
        theirs=Side("b"),
        beside={AUTO: Side("c")},
    )
    return workload, Options("none", tmp_path, repeat=3), opened, spoke, checked


def test_numbers_are_medians_over_repetitions(told):
    workload, options, opened, _, _ = told
    found = measured(workload, options, open_side=opened)
    assert found["throughput_ratio"] == 3.0  # of 2, 3 and 5
    assert found["throughput_ratio_spread"] == [2.0, 5.0]
    assert found["memory_ratio"] == 0.25  # of the first repetition
    assert found["agreement"] == 0.5
    ours = found["sides"][OURS]
    assert (ours["seconds"], ours["rows_per_second"], ours["tokens_per_second"]) == (2.0, 4, 40)
    limit = found["limit_gflops"] * 1e9
    assert found["share_of_limit"] == pytest.approx(1e9 / 2.0 / limit)
    assert found["sides"][PEER]["share_of_limit"] == pytest.approx(1e9 / 5.0 / limit)


def test_sides_take_turns_and_the_turn_goes_round(told):
    workload, options, opened, spoke, _ = told
    measured(workload, options, open_side=opened)
    assert [side for side, _ in spoke] == [*"ab", *"ab", *"ba", *"ab"]
    assert [what for _, what in spoke] == ["check"] * 2 + ["run"] * 6


def test_what_stands_beside_runs_only_where_its_number_format_is_another(told):
    workload, options, opened, spoke, _ = told
    found = measured(workload, options, precision="bfloat16", open_side=opened)
    assert found["sides"][AUTO]["throughput_ratio"] == 5.0  # of 4, 12 and 5
    assert [side for side, what in spoke if what == "run"] == [*"abc", *"cba", *"abc"]


@pytest.mark.parametrize("other", [[0.5, 0.2502], [0.5, float("nan")]])
def test_sides_that_differ_are_not_timed(told, other):
    workload, options, opened, spoke, checked = told
    checked["b"] = other
    with pytest.raises(NumericsError, match="BENCH-DIFFERS"):
        measured(workload, options, open_side=opened)
    assert [what for _, what in spoke] == ["check", "check"]


def test_a_difference_that_the_workload_allows_is_told(told):
    workload, options, opened, _, checked = told
    checked["b"] = [0.5, 0.26]
    found = measured(replace(workload, tolerance=0.02), options, open_side=opened)
    assert found["checked_difference"] == pytest.approx(0.01)


@pytest.mark.parametrize("workload", [CLASSIFICATION, LABEL_WORDS, SPAN_QA], ids=lambda w: w.name)
def test_a_peer_with_other_weights_is_found_out(workload, options, open_here):
    """One tensor of the many that the peer reads is another one."""

    @contextmanager
    def opened(side):
        with open_here(side) as ask:

            def changed(what, folder):
                assert what == "check"
                if side.module == "trainer":
                    path = folder / CHECK / "adapter_model.safetensors"
                    tensors = load_file(path)
                    name = next(name for name in tensors if "h.0.attn.c_attn.lora_B" in name)
                    tensors[name] = tensors[name] + 1
                    save_file(tensors, path, metadata={"format": "pt"})
                return ask(what, folder)

            yield changed

    with pytest.raises(NumericsError, match="BENCH-DIFFERS"):
        measured(workload, options, open_side=opened)
