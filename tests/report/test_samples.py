"""What is shown of single answers: the surest mistakes, and a draw that does not choose."""

from dataclasses import replace

from loratory.metrics.evaluate import evaluate_classification
from loratory.metrics.predictions import Prediction
from loratory.report.account import ClassAccount, NumberAccount, accounted
from loratory.report.samples import sheets


def wrong(number, *, sure=0.9, text="text"):
    return Prediction(f"test/{number}", text, "a", "b", {"a": 1 - sure, "b": sure})


def mistakes(lines):
    scores = evaluate_classification(lines, ["a", "b"])
    (sheet,) = sheets(ClassAccount(lines, scores), "test")
    return sheet


def said(sample):
    return {saying.name: (saying.texts, saying.remark) for saying in sample.sayings}


def answers(record):
    return accounted(record)[1]


def test_mistakes_are_the_twenty_surest_wrong_answers_in_order():
    right = Prediction("test/99", "", "a", "a", {"a": 1.0, "b": 0.0})
    lines = [right, *(wrong(number, sure=number / 100) for number in range(50, 80))]
    sheet = mistakes(lines)
    assert sheet.note.startswith("30 of 31 test rows are answered wrongly")
    assert [sample.id for sample in sheet.samples] == [f"test/{n}" for n in range(79, 59, -1)]
    first = sheet.samples[0]
    assert first.mark == "79.0\u202f%"
    assert said(first) == {"predicted": (("b",), ""), "target": (("a",), "")}


def test_a_long_text_is_cut_and_what_is_cut_is_counted():
    (sample,) = mistakes([wrong(0, text="x" * 1000)]).samples
    assert len(sample.text) + sample.cut == 1000
    assert sample.cut > 0
    (whole,) = mistakes([wrong(0, text="short")]).samples
    assert (whole.text, whole.cut) == ("short", 0)


def test_without_mistakes_there_is_no_sheet_of_them():
    lines = [Prediction("test/0", "", "a", "a", {"a": 1.0, "b": 0.0})]
    assert sheets(ClassAccount(lines, evaluate_classification(lines, ["a", "b"])), "test") == []
    assert sheets(None, "test") == []


def test_wrong_answers_share_no_word_with_a_right_one_and_the_surest_comes_first(spans):
    account = answers(spans)
    sheet = sheets(account, "validation")[0]
    marks = [float(sample.mark.split("\u202f")[0]) for sample in sheet.samples]
    assert marks == sorted(marks, reverse=True)
    f1 = {answer.line.id: answer.f1 for answer in account.answers}
    assert {f1[sample.id] for sample in sheet.samples} == {0.0}
    inexact = sum(answer.exact_match < 1 for answer in account.answers)
    without = sum(answer.f1 == 0 for answer in account.answers)
    assert inexact > without
    assert f"{inexact} of 40 validation answers match no right one exactly" in sheet.note
    assert f"{without} share no word with one" in sheet.note


def test_the_draw_is_the_same_whatever_was_answered(spans):
    def drawn(lines):
        record = replace(spans, predictions={"validation": lines})
        return [sample.id for sample in sheets(answers(record), "validation")[-1].samples]

    lines = spans.predictions["validation"]
    others = [replace(line, prediction="nothing of the kind") for line in lines]
    assert drawn(lines) == drawn(others) == drawn(lines[::-1])
    assert len(set(drawn(lines))) == 20
    assert drawn(lines) != sorted(drawn(lines))


def test_a_draw_of_few_says_that_it_is_of_all(written):
    sheet = sheets(answers(written), "validation")[-1]
    assert len(sheet.samples) == 12
    assert sheet.note.startswith("Of 12 validation questions all")


def test_an_answer_stands_beside_all_right_ones_with_a_verdict(spans):
    line = Prediction("q", "Which?", ("the red door", "door", "door"), "the red one", {})
    account = answers(replace(spans, predictions={"validation": [line]}))
    (sample,) = sheets(account, "validation")[-1].samples
    assert sample.mark == "F1 50\u202f%"
    assert said(sample) == {
        "answer": (("the red one",), ""),
        "right": (("the red door", "door"), ""),
    }


def test_no_answer_is_told_apart_from_any_text(spans):
    lines = [
        Prediction("q1", "Which?", (), "", {"": 0.8}),
        Prediction("q2", "Which?", ("door",), "", {"": 0.7}),
    ]
    account = answers(replace(spans, predictions={"validation": lines}))
    samples = {sample.id: sample for sample in sheets(account, "validation")[-1].samples}
    assert samples["q1"].mark == "right"
    assert samples["q2"].mark == "wrong"
    assert said(samples["q1"]) == {"answer": ((), "no answer"), "right": ((), "no answer")}


def test_writing_nothing_is_not_saying_that_there_is_no_answer(written):
    lines = [
        Prediction("q1", "Which?", ("door",), "", {}),
        Prediction("q2", "Which?", (), "", {}),
    ]
    account = answers(replace(written, predictions={"validation": lines}))
    samples = {sample.id: sample for sample in sheets(account, "validation")[-1].samples}
    assert {said(sample)["answer"] for sample in samples.values()} == {((), "nothing was written")}
    assert said(samples["q2"])["right"] == ((), "no answer")


def test_long_and_many_right_answers_are_shortened(spans):
    right = ("x" * 500, *(f"door {number}" for number in range(9)))
    line = Prediction("q", "Which?", right, "door 3", {})
    account = answers(replace(spans, predictions={"validation": [line]}))
    texts, remark = said(sheets(account, "validation")[-1].samples[0])["right"]
    assert len(texts) == 4
    assert len(texts[0]) < 200
    assert remark == "and 6 more"


def test_an_answer_without_a_probability_has_none_shown(spans):
    line = Prediction("q", "Which?", ("door",), "window", {})
    account = answers(replace(spans, predictions={"validation": [line]}))
    assert sheets(account, "validation")[0].samples[0].mark == "\N{EN DASH}"


def test_problems_are_drawn_by_their_ids_with_all_that_was_written():
    lines = [
        Prediction(f"test/{n}", f"how many? {n}", "4", f"so {n}. Answer: {n}", {})
        for n in range(30)
    ]
    (sheet,) = sheets(NumberAccount(lines, tuple(n == 4 for n in range(30))), "test")
    assert len(sheet.samples) == 20
    by_id = {sample.id: sample for sample in sheet.samples}
    again = sheets(NumberAccount(lines[::-1], (False,) * 30), "test")[0]
    assert [sample.id for sample in again.samples] == [*by_id]
    for name, sample in by_id.items():
        number = name.removeprefix("test/")
        assert sample.mark == ("right" if number == "4" else "wrong")
        assert [saying.texts for saying in sample.sayings] == [
            (f"so {number}. Answer: {number}",),
            ("4",),
        ]
