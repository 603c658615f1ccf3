"""The students' table: pairs of seeds, the interval of their differences, and the speeds."""

import json
import shutil

import pytest
from scipy.stats import ttest_rel

from benchmarks import student
from benchmarks.student import (
    ALONE,
    METRICS,
    STUDENTS,
    TAUGHT,
    jobs,
    paired,
    rows_per_second,
    table,
)
from loratory.recipe.load import load_recipe

ACCURACY = {ALONE: [0.70, 0.69, 0.71], TAUGHT: [0.74, 0.75, 0.74]}


@pytest.fixture
def kept(tmp_path):
    for side, values in ACCURACY.items():
        for seed, value in enumerate(values):
            steps = 402 if side == ALONE else 5911
            result = {"seed": seed, "metrics": dict.fromkeys(METRICS, value), "steps": steps}
            summary = {"result": result | {"total_parameters": 1234567}}
            (tmp_path / f"best-{side}-seed{seed}.json").write_text(json.dumps(summary))
    (tmp_path / "speeds").mkdir()
    speeds = {"teacher": 20.0, "fastest_teacher": 60.0, "student": 3000.0}
    (tmp_path / "speeds" / "best.json").write_text(json.dumps(speeds))
    return tmp_path


def test_the_interval_is_scipys_of_paired_seeds():
    found = paired(ACCURACY[ALONE], ACCURACY[TAUGHT])
    expected = ttest_rel(ACCURACY[TAUGHT], ACCURACY[ALONE]).confidence_interval(0.95)
    assert found[1:] == pytest.approx((expected.low, expected.high))
    assert found[0] == pytest.approx(0.13 / 3)


def test_the_table_says_what_was_kept(kept):
    lines = table(kept).splitlines()
    assert len(lines) == 2 + len(METRICS)
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[:4] == ["best, 3 seeds", "accuracy", "0.7000 ± 0.0100", "0.7433 ± 0.0058"]
    assert cells[5:] == ["402 and 5,911", "1,234,567", "3,000", "150", "50"]


def test_a_seed_without_its_pair_is_left_out(kept):
    (kept / "best-taught-seed1.json").unlink()
    assert "best, 2 seeds" in table(kept)
    (kept / "best-taught-seed0.json").unlink()
    assert table(kept) == ""


def test_each_pair_of_recipes_differs_in_the_teacher_alone():
    for sides in STUDENTS.values():
        alone, taught = (load_recipe(*sides[side]) for side in (ALONE, TAUGHT))
        assert alone.distillation is None
        assert taught.distillation is not None
        same = {"distillation": None, "name": None}
        assert alone.model_copy(update=same) == taught.model_copy(update=same)


def test_every_seed_has_every_student_with_and_without_its_teacher():
    assert len({job.name for job in jobs(2)}) == len(jobs(2)) == 2 * 2 * len(STUDENTS)


def test_speeds_are_of_the_same_texts(film_run, monkeypatch):
    asked = []
    monkeypatch.setattr(student, "_seconds", lambda _, texts: asked.append(len(texts)) or 0.5)
    found = rows_per_second(film_run, film_run)
    assert {*asked} == {9}
    assert found == dict.fromkeys(("teacher", "fastest_teacher", "student"), 18.0)


def test_a_run_leaves_its_summary_and_the_speeds_of_the_first_seed(film_run, tmp_path, monkeypatch):
    commands = []

    def trained(command, **_):
        commands.append(command)
        shutil.copytree(film_run, command[-1])

    monkeypatch.setattr(student.subprocess, "run", trained)
    monkeypatch.setattr(student, "_seconds", lambda *_: 0.5)
    texts = tmp_path / "texts.jsonl"
    student.run(student.Job(0, "best", TAUGHT), film_run, texts, ["data.dir=x"], tmp_path)
    assert f"distillation.teacher={film_run}" in commands[0]
    assert f"distillation.extra={texts}" in commands[0]
    assert json.loads((tmp_path / "speeds" / "best.json").read_text())["student"] == 18.0
    assert (tmp_path / "best-taught-seed0.json").is_file()
    student.run(student.Job(0, "best", ALONE), film_run, texts, [], tmp_path)
    assert "distillation=null" in commands[1]
    student.run(student.Job(0, "published", TAUGHT), film_run, texts, [], tmp_path)
    assert not any("distillation.extra" in word for word in commands[2])
