"""The distillation section: its limits, and the tasks and methods it goes with."""

import pytest

from loratory.recipe.distillation import DistillationSection

TEACHER = "distillation={teacher: runs/x}"


def test_a_recipe_without_it_has_no_teacher(loaded):
    assert loaded().distillation is None


def test_a_teacher_is_all_it_needs(loaded):
    section = loaded("", TEACHER).distillation
    assert section == DistillationSection(
        teacher="runs/x", temperature=2.0, alpha=0.5, extra=None, perturbed=0
    )


@pytest.mark.parametrize("kind", ["classify", "label_words"])
def test_tasks_of_classes_can_have_a_teacher(loaded, kind):
    assert loaded("", TEACHER, f"task={{kind: {kind}}}").distillation is not None


@pytest.mark.parametrize("alpha", [0, 1, 0.25])
def test_either_side_may_have_all_the_weight(loaded, alpha):
    assert loaded("", TEACHER, f"distillation.alpha={alpha}").distillation.alpha == alpha


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("temperature=0", "a number > 0"),
        ("temperature=-1.5", "a number > 0"),
        ("temperature=.inf", "a number > 0"),
        ("alpha=-0.1", "a number >= 0 and <= 1"),
        ("alpha=1.01", "a number >= 0 and <= 1"),
        ("perturbed=-1", "a whole number >= 0"),
    ],
)
def test_numbers_out_of_range_are_refused(refusal, setting, expected):
    error = refusal("", TEACHER, f"distillation.{setting}")
    assert (error.code, error.expected) == ("CFG-RANGE", expected)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("task={kind: text}", "a teacher speaks of classes, and task text has none"),
        ("task={kind: label_words, score: calibrated}", "compared with by the score sum"),
        ("task={kind: label_words, score: mean}", "a teacher is compared with by the score sum"),
    ],
)
def test_what_has_nothing_to_learn_from_a_teacher_is_refused(refusal, override, problem):
    data = ["data={train: a.txt}"] if "text" in override else []
    assert problem in refusal("", TEACHER, override, *data).problem


def test_a_method_that_trains_nothing_learns_nothing(refusal):
    error = refusal("", TEACHER, "task={kind: label_words}", "method={kind: none}")
    assert error.problem == "nothing trains that could learn from a teacher"
