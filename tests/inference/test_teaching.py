"""A student's run: asked once, kept, read back, and a run like any other."""

import json
import shutil

import pytest
import torch
import yaml
from safetensors.torch import load_file

from loratory import pipeline
from loratory.errors import ConfigError, RunError, RunInterruptedError
from loratory.inference import teacher_answers
from loratory.inference.materials import Materials
from loratory.inference.teacher import Reading, Teacher, open_teacher
from loratory.inference.tuned import load_run
from loratory.recipe.load import load_recipe
from loratory.tasks.given import given_rows


@pytest.fixture(scope="module")
def student(film_recipe, film_run, gpt2_folder, films):
    """Return the recipe of a recurrent student of the finished run, with texts without labels."""
    extra = films / "extra.txt"
    extra.write_text("quiet and lovely\nthin and cold\nneither\n")
    base = {"kind": "recurrent", "tokenizer": str(gpt2_folder), "hidden_size": 6}
    return load_recipe(
        film_recipe,
        {
            "base": base | {"embedding_size": 5},
            "method": {"kind": "full", "dropout": 0.1},
            "distillation": {"teacher": str(film_run), "extra": str(extra), "perturbed": 1},
            "training.evaluate_every": "epoch",
            "training.checkpoint_every": "epoch",
        },
    )


@pytest.fixture(scope="module")
def run(student, tmp_path_factory):
    return pipeline.train(student, out=tmp_path_factory.mktemp("runs") / "student").path


def events(run, name):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == name]


def tensors(run):
    return load_file(run / "adapter" / "model.safetensors")


def test_the_teacher_is_asked_once_about_all_there_is_to_learn_from(run, student, film_run):
    (asked,) = events(run, "teacher")
    _, data = given_rows(student)
    assert (asked["rows"], asked["read_back"]) == (len(data.rows("train")), False)
    assert asked["extra"] > 3
    said = load_file(run / "teacher" / "log_probabilities.safetensors")["log_probabilities"]
    assert len(said) == asked["rows"] + asked["extra"]
    texts = [row.text for row in data.rows("train")] + ["quiet and lovely"]
    lines = load_run(film_run).predict(texts)
    expected = [[line.scores["negative"], line.scores["positive"]] for line in lines]
    torch.testing.assert_close(said[: len(texts)].exp(), torch.tensor(expected))


def test_every_row_is_learned_from_and_only_labelled_ones_are_accounted_for(run):
    (asked,) = events(run, "teacher")
    rows = asked["rows"] + asked["extra"]
    assert sum(step["rows"] for step in events(run, "step")) == 2 * rows
    dynamics = [json.loads(line) for line in (run / "dynamics.jsonl").read_text().splitlines()]
    ids = [one for line in dynamics for one in line["id"]]
    assert len(ids) == 2 * asked["rows"]
    assert all(one.startswith("train/") for one in ids)


def test_a_student_predicts_without_its_teacher_and_its_tokenizers_base(run, student, tmp_path):
    copy = shutil.copytree(run, tmp_path / "copy")
    recipe = (copy / "recipe.yaml").read_text()
    (copy / "recipe.yaml").write_text(recipe.replace(student.base.tokenizer, "/gone"))
    texts = ["lovely", "dull and cold"]
    before, after = (load_run(path).predict(texts) for path in (run, copy))
    assert after == before
    kept = [json.loads(line) for line in (run / "predictions/test.jsonl").read_text().splitlines()]
    again = load_run(run).predict([line["text"] for line in kept])
    for line, ours in zip(kept, again, strict=True):
        assert ours.scores == pytest.approx(line["scores"], abs=1e-5)
    assert not [path for path in run.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]


def test_a_student_can_teach_in_turn(run, student):
    recipe, data = given_rows(student)
    assert open_teacher(str(run), recipe).reading(data.rows("train"), ()) == Reading()


def test_the_same_seed_gives_the_same_student_and_another_another(run, student, tmp_path):
    again = pipeline.train(student, out=tmp_path / "again").path
    assert all(torch.equal(tensors(again)[name], tensor) for name, tensor in tensors(run).items())
    other = student.model_copy(update={"seed": 1})
    other = pipeline.train(other, out=tmp_path / "other").path
    assert not torch.equal(tensors(other)["score.weight"], tensors(run)["score.weight"])


@pytest.fixture
def stopped(student, tmp_path):
    """Return the folder of a run that was stopped after four steps."""
    steps = iter(range(100))
    with pytest.raises(RunInterruptedError):
        pipeline.train(student, out=tmp_path / "stopped", stop=lambda: next(steps) == 3)
    return tmp_path / "stopped"


def test_the_result_says_what_it_learned_from_and_what_asking_took(run):
    result = json.loads((run / "result.json").read_text())
    (asked,) = events(run, "teacher")
    assert (result["extra_rows"], result["teacher_seconds"]) == (asked["extra"], asked["seconds"])
    assert result["rows"]["train"] == asked["rows"]


@pytest.fixture
def narrow(student, copied_run):
    """Return the recipe of a student whose teacher reads its longest text and nothing longer."""
    _, data = given_rows(student)
    recipe = yaml.safe_load((copied_run / "recipe.yaml").read_text())
    recipe["task"]["max_length"] = longest(load_run(copied_run).task, data)
    (copied_run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    section = student.distillation.model_copy(update={"teacher": str(copied_run), "perturbed": 3})
    return student.model_copy(update={"distillation": section})


def longest(task, data):
    return max(len(row) for rows in data.splits.values() for row in task.encode(rows).rows)


def test_altered_texts_that_student_or_teacher_cannot_read_are_left_out_and_counted(
    narrow, student
):
    more = narrow.distillation.model_copy(update={"teacher": student.distillation.teacher})
    tuned, wide = pipeline.prepare(narrow.model_copy(update={"distillation": more}), Materials())
    _, by_teacher = pipeline.prepare(narrow, Materials())
    task = student.task.model_copy(update={"max_length": longest(tuned.task, wide.dataset)})
    itself = narrow.model_copy(update={"distillation": more, "task": task})
    _, by_student = pipeline.prepare(itself, Materials())
    for found in by_teacher, by_student:
        left_out = len(wide.extra) - len(found.extra)
        assert left_out
        (note,) = found.dataset.warnings
        assert note == f"altered copies left out that are too long to be read: {left_out}"


def test_a_teacher_that_cannot_read_a_text_is_refused_before_there_is_a_folder(narrow, tmp_path):
    texts = tmp_path / "long.txt"
    texts.write_text("lovely " * 50)
    section = narrow.distillation.model_copy(update={"extra": str(texts)})
    with pytest.raises(ConfigError, match=r"cannot read long\.txt:1"):
        pipeline.train(narrow.model_copy(update={"distillation": section}), out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_run_goes_on_without_its_teacher_which_has_said_all(narrow, tmp_path):
    straight = pipeline.train(narrow, out=tmp_path / "straight")
    steps = iter(range(100))
    with pytest.raises(RunInterruptedError):
        pipeline.train(narrow, out=tmp_path / "stopped", stop=lambda: next(steps) == 1)
    shutil.rmtree(narrow.distillation.teacher)
    resumed = pipeline.resume(tmp_path / "stopped")
    assert "left out that are too long" in resumed.result["warnings"][0]
    for name in ("warnings", "extra_rows", "metrics"):
        assert resumed.result[name] == straight.result[name]
    ours, theirs = tensors(resumed.path), tensors(straight.path)
    assert all(torch.equal(ours[name], tensor) for name, tensor in theirs.items())


def test_a_run_that_must_ask_a_teacher_that_is_gone_says_so(narrow, tmp_path):
    with pytest.raises(RunInterruptedError):
        pipeline.train(narrow, out=tmp_path / "s", stop=lambda: True)
    shutil.rmtree(tmp_path / "s" / "teacher")
    shutil.rmtree(narrow.distillation.teacher)
    with pytest.raises(RunError, match="put the teacher back") as caught:
        pipeline.resume(tmp_path / "s")
    assert caught.value.code == "RUN-TEACHER"


def test_a_run_goes_on_with_what_it_kept_and_ends_as_if_never_stopped(stopped, run, monkeypatch):
    def never(*_):
        raise AssertionError("asked again")

    monkeypatch.setattr(Teacher, "log_probabilities", never)
    pipeline.resume(stopped)
    assert events(stopped, "teacher")[-1]["read_back"]
    assert all(torch.equal(tensors(stopped)[name], tensor) for name, tensor in tensors(run).items())


def test_a_stop_keeps_what_the_teacher_has_answered(student, run, tmp_path, monkeypatch):
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(teacher_answers, "_BLOCK", 4)
    with pytest.raises(RunInterruptedError) as caught:
        pipeline.train(student, out=tmp_path / "s", stop=lambda: True)
    (end,) = (line["of"] for line in events(run, "asking")[:1])
    said = f"stopped as asked after the teacher's answers to 4 of {end} rows, which are kept"
    assert (caught.value.problem, caught.value.at) == (said, str(tmp_path / "s"))
    pipeline.resume(tmp_path / "s")
    told = [line["rows"] for line in events(tmp_path / "s", "asking")]
    assert told == [0, 4, *range(0, end, 4), end]
    for name, tensor in tensors(run).items():
        torch.testing.assert_close(tensors(tmp_path / "s")[name], tensor)


def test_another_run_of_the_same_rows_need_not_ask(student, run, tmp_path, monkeypatch):
    monkeypatch.delattr(Teacher, "log_probabilities")
    section = student.distillation.model_copy(update={"alpha": 0.9})
    other = pipeline.train(student.model_copy(update={"distillation": section}), out=tmp_path / "o")
    said = [
        (one / "teacher/log_probabilities.safetensors").read_bytes() for one in (run, other.path)
    ]
    assert said[0] == said[1]


def test_what_was_kept_and_is_damaged_is_found_again(stopped, run):
    path = stopped / "teacher" / "log_probabilities.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    pipeline.resume(stopped)
    assert not events(stopped, "teacher")[-1]["read_back"]
    assert all(torch.equal(tensors(stopped)[name], tensor) for name, tensor in tensors(run).items())


def test_a_run_that_must_ask_again_does_not_go_on_with_another_teacher(
    student, film_recipe, tmp_path
):
    teacher = pipeline.train(load_recipe(film_recipe, ["training.epochs=1"]), out=tmp_path / "t")
    section = student.distillation.model_copy(update={"teacher": str(teacher.path)})
    steps = iter(range(100))
    with pytest.raises(RunInterruptedError):
        pipeline.train(
            student.model_copy(update={"distillation": section}),
            out=tmp_path / "s",
            stop=lambda: next(steps) == 1,
        )
    shutil.rmtree(teacher.path)
    shutil.rmtree(tmp_path / "s" / "teacher")
    changed = load_recipe(film_recipe, ["training.epochs=1", "seed=5"])
    pipeline.train(changed, out=teacher.path)
    with pytest.raises(RunError) as caught:
        pipeline.resume(tmp_path / "s")
    assert (caught.value.code, caught.value.problem) == (
        "RUN-MISMATCH",
        "the teacher is not what the run began with",
    )


def test_a_run_does_not_go_on_with_other_texts_without_labels(student, tmp_path):
    texts = tmp_path / "extra.txt"
    texts.write_text("thin and cold\n")
    section = student.distillation.model_copy(update={"extra": str(texts)})
    with pytest.raises(RunInterruptedError):
        pipeline.train(
            student.model_copy(update={"distillation": section}),
            out=tmp_path / "s",
            stop=lambda: True,
        )
    texts.write_text("thin and dull\n")
    with pytest.raises(RunError, match=r"RUN-MISMATCH.*the extra data is not what the run began"):
        pipeline.resume(tmp_path / "s")


def test_a_wrong_teacher_is_refused_before_there_is_a_folder(student, tmp_path):
    section = student.distillation.model_copy(update={"teacher": str(tmp_path / "gone")})
    with pytest.raises(RunError):
        pipeline.train(student.model_copy(update={"distillation": section}), out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("words", [["dull", "lovely"], ["so very dull", "lovely"]])
def test_a_smaller_model_learns_label_words_from_another_tasks_run(
    film_recipe, film_run, llama_folder, tmp_path, words
):
    recipe = load_recipe(
        film_recipe,
        {
            "base": str(llama_folder),
            "task": {"kind": "label_words", "labels": ["negative", "positive"], "words": words},
            "distillation": {"teacher": str(film_run), "alpha": 0.9},
            "training.epochs": 1,
        },
    )
    run = pipeline.train(recipe, out=tmp_path / "run")
    assert {*load_run(run.path).predict(["lovely"])[0].scores} == {"negative", "positive"}
    assert events(run.path, "teacher")[0]["rows"] == 22


def test_where_the_teacher_has_all_the_weight_labels_have_none(student, films, tmp_path):
    section = student.distillation.model_copy(update={"alpha": 1.0})
    train = (films / "train.csv").read_text()
    swapped = train.replace(",positive", ",x").replace(",negative", ",positive")
    (tmp_path / "swapped.csv").write_text(swapped.replace(",x", ",negative"))
    weights = []
    for path in (films / "train.csv", tmp_path / "swapped.csv"):
        data = student.data.model_copy(update={"train": str(path), "validation": None})
        recipe = student.model_copy(update={"distillation": section, "data": data})
        weights.append(tensors(pipeline.train(recipe, out=tmp_path / path.stem).path))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
