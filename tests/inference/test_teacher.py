"""Who may teach: a finished run of the same classes, or for label words a base as it is."""

import shutil

import pytest
import torch
import yaml

from loratory.data.rows import Row
from loratory.errors import ConfigError, LoratoryError, RunError
from loratory.inference.teacher import Reading, open_teacher
from loratory.inference.tuned import load_run
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import ClassifyTask, Int8Quantization, LabelWordsTask
from loratory.train.compute import Compute

CPU = Compute(torch.device("cpu"), "float32", 1, 64)
ROWS = [Row(str(n), text, 0, "here") for n, text in enumerate(["lovely", "dull", "a thin film"])]


@pytest.fixture
def student(film_recipe):
    """Return the recipe of a student, its classes in another order than the teacher's."""
    recipe = load_recipe(film_recipe)
    task = ClassifyTask(labels=("positive", "negative"))
    return recipe.model_copy(update={"task": task})


def test_it_says_what_the_run_predicts_in_the_students_order(film_run, student):
    said = open_teacher(str(film_run), student).log_probabilities(ROWS, CPU)
    lines = load_run(film_run).predict([row.text for row in ROWS])
    expected = [[line.scores["positive"], line.scores["negative"]] for line in lines]
    torch.testing.assert_close(said.exp(), torch.tensor(expected))


def test_a_base_teaches_label_words_as_it_is(base_folder, student, loratory, films, tmp_path):
    task = LabelWordsTask(labels=("negative", "positive"), words=("dull", "lovely"))
    recipe = student.model_copy(update={"task": task})
    said = open_teacher(str(base_folder), recipe).log_probabilities(ROWS, CPU)
    settings = {
        "base": str(base_folder),
        "task": {"kind": "label_words", "labels": [*task.labels], "words": [*task.words]},
        "data": {"train": str(films / "train.csv")},
        "method": {"kind": "none"},
    }
    path = tmp_path / "prompted.yaml"
    path.write_text(yaml.safe_dump(settings))
    assert loratory("train", path, "--out", tmp_path / "run").code == 0
    lines = load_run(tmp_path / "run").predict([row.text for row in ROWS])
    expected = [[line.scores[label] for label in task.labels] for line in lines]
    torch.testing.assert_close(said.exp(), torch.tensor(expected))


def test_a_base_teaches_whole_whatever_its_student_is_rounded_to(llama_folder, student):
    task = LabelWordsTask(labels=("negative", "positive"), words=("dull", "lovely"))
    whole = student.model_copy(update={"task": task})
    rounded = whole.model_copy(update={"quantization": Int8Quantization()})
    one, other = (open_teacher(str(llama_folder), recipe) for recipe in (whole, rounded))
    assert other.digest == one.digest
    said = [teacher.log_probabilities(ROWS, CPU) for teacher in (one, other)]
    assert torch.equal(*said)


def reading(run, student, altered=(), **task):
    """Return how the run in a copy reads `ROWS` once its task is changed."""
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["task"] |= task
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return open_teacher(str(run), student).reading(ROWS, altered)


def test_a_text_that_it_cannot_read_is_refused_by_its_place(copied_run, student):
    with pytest.raises(
        ConfigError, match=r"(?s)cannot read here: a text is longer.*too_long"
    ) as caught:
        reading(copied_run, student, max_length=3)
    assert (caught.value.code, caught.value.at) == ("CFG-TEACHER", "distillation.teacher")


def test_texts_of_which_it_reads_the_beginning_are_counted(copied_run, student):
    assert reading(copied_run, student) == Reading()
    cut = reading(copied_run, student, max_length=2, too_long="truncate")
    assert cut.notes == ("teacher: 3 texts were cut at its task.max_length",)


def test_altered_texts_that_it_cannot_read_are_named(copied_run, student):
    texts = ["lovely", "lovely " * 60, "dull", "dull " * 60]
    altered = [Row(f"perturbed/{n}", text, 0, "made") for n, text in enumerate(texts)]
    found = reading(copied_run, student, altered, max_length=40)
    assert found == Reading(unread=("perturbed/1", "perturbed/3"))


def test_its_digest_is_of_its_weights_and_task(film_run, student, copied_run):
    one = open_teacher(str(film_run), student)
    assert open_teacher(str(copied_run), student).digest == one.digest
    recipe = yaml.safe_load((copied_run / "recipe.yaml").read_text())
    recipe["task"]["max_length"] = 9
    (copied_run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert open_teacher(str(copied_run), student).digest != one.digest


@pytest.mark.parametrize("beside", ["shown.json", "settled.json"])
def test_its_digest_is_of_the_rows_it_shows_and_of_what_it_chose(student, copied_run, beside):
    digests = []
    for number in (1, 2):
        (copied_run / beside).write_text(f'{{"temperature": {number}}}')
        digests.append(open_teacher(str(copied_run), student).digest)
    assert digests[0] != digests[1]


def test_its_digest_is_of_how_examples_are_chosen(student, copied_run):
    path, digests = copied_run / "recipe.yaml", []
    recipe = yaml.safe_load(path.read_text())
    recipe["task"] = {"kind": "label_words", "labels": ["negative", "positive"]}
    for kind in ("seed", "similar"):
        recipe["method"] = {"kind": "prompting", "examples": {"k": 1, "kind": kind}}
        path.write_text(yaml.safe_dump(recipe))
        digests.append(open_teacher(str(copied_run), student).digest)
    assert digests[0] != digests[1]


def spoil(run):
    path = run / "adapter" / "adapter_model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (shutil.rmtree, "RUN-FOLDER"),
        (lambda run: (run / "recipe.yaml").unlink(), "RUN-FOLDER"),
        (lambda run: shutil.rmtree(run / "adapter"), "RUN-UNFINISHED"),
        (spoil, "CKPT-BAD"),
    ],
)
def test_a_run_that_is_gone_unfinished_or_damaged_is_refused(copied_run, student, change, code):
    change(copied_run)
    with pytest.raises(RunError) as caught:
        open_teacher(str(copied_run), student)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "labels", [("bad", "good"), ("negative", "positive", "mixed"), ("negative", "neutral")]
)
def test_other_classes_are_refused_by_name(film_run, student, labels):
    recipe = student.model_copy(update={"task": ClassifyTask(labels=labels)})
    with pytest.raises(ConfigError) as caught:
        open_teacher(str(film_run), recipe)
    assert caught.value.code == "CFG-TEACHER"
    assert "negative, positive" in caught.value.got
    assert ", ".join(labels) in caught.value.expected


def test_a_run_of_a_task_without_classes_is_refused(copied_run, student):
    recipe = yaml.safe_load((copied_run / "recipe.yaml").read_text())
    (copied_run / "recipe.yaml").write_text(
        yaml.safe_dump(recipe | {"task": {"kind": "text"}}, sort_keys=False)
    )
    with pytest.raises(ConfigError) as caught:
        open_teacher(str(copied_run), student)
    assert (caught.value.code, caught.value.got) == ("CFG-TEACHER", "task text")


def test_a_base_has_no_head_for_classes(gpt2_folder, student):
    with pytest.raises(ConfigError) as caught:
        open_teacher(str(gpt2_folder), student)
    assert (caught.value.code, caught.value.at) == ("CFG-TEACHER", "distillation.teacher")


def test_a_base_that_is_not_there_is_refused(student):
    task = LabelWordsTask(labels=("negative", "positive"))
    with pytest.raises(LoratoryError):
        open_teacher("./nowhere", student.model_copy(update={"task": task}))
