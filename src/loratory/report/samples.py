"""What the page shows of single answers: sure mistakes, and a fair draw of right and wrong ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import assert_never

from loratory.metrics.predictions import Prediction
from loratory.report.account import (
    Account,
    Answer,
    ClassAccount,
    NumberAccount,
    QuestionAccount,
    TextAccount,
)
from loratory.report.formats import NOTHING, count, percent, probability
from loratory.report.record import RunRecord

_MOST = 20
_LONGEST_TEXT = 320
_LONGEST_ANSWER = 160
_MOST_RIGHT = 4  # right answers that are shown of a question
_NO_ANSWER = "no answer"
_NOTHING_SAID = "nothing was written"  # which is no word of there being no answer


@dataclass(frozen=True)
class Saying:
    """Something said about a row: a name, and texts that are shown as they are."""

    name: str
    texts: tuple[str, ...]
    remark: str = ""
    """What stands in place of texts, or after them."""


@dataclass(frozen=True)
class Sample:
    """One row: how it went, its text, and what was said."""

    mark: str
    text: str
    cut: int
    """Characters of the text that are not shown."""

    sayings: tuple[Saying, ...]
    id: str


@dataclass(frozen=True)
class Sheet:
    """Rows under a heading, with a word on how they were come by."""

    title: str
    note: str
    samples: tuple[Sample, ...]
    asked: bool = False
    """The texts are questions: short, before what was said."""


def sheets(account: Account | None, split: str) -> list[Sheet]:
    """Return what to show of a split's answers; a sheet without rows is left out."""
    match account:
        case None | TextAccount():
            return []
        case ClassAccount():
            found = [_wrong_classes(account.lines, split)]
        case QuestionAccount():
            found = [_wrong_answers(account.answers, split), _fair_draw(account.answers, split)]
        case NumberAccount():
            found = [_problems(account, split)]
        case _:
            assert_never(account)
    return [sheet for sheet in found if sheet.samples]


def probe_sheets(record: RunRecord) -> list[Sheet]:
    """Return what was asked before and after tuning, both answers beside the right one."""
    before, after = (record.predictions.get(name, []) for name in ("untuned-probes", "probes"))
    contexts = record.setting("task", "probes") or []
    samples = [
        Sample(
            mark="",
            text=f"{probe['context']} {old.text}",
            cut=0,
            sayings=(
                Saying("before", *_said(old.prediction, empty=_NOTHING_SAID)),
                Saying("after", *_said(new.prediction, empty=_NOTHING_SAID)),
                Saying("right", tuple(map(_shortened, new.target or ()))),
            ),
            id=new.id,
        )
        for probe, old, new in zip(contexts, before, after, strict=False)
    ]
    note = "Questions of the recipe, answered by the untuned base and by this model; not scored."
    title = "Asked before and after tuning"
    return [Sheet(title, note, tuple(samples), asked=True)] if samples else []


def _wrong_classes(lines: Sequence[Prediction], split: str) -> Sheet:
    wrong = [line for line in lines if line.target not in (None, line.prediction)]
    wrong.sort(key=_sureness, reverse=True)
    return Sheet(
        title="Most confident mistakes",
        note=f"{count(len(wrong))} of {count(len(lines))} {split} rows are answered wrongly; here "
        "are those with the highest probability.",
        samples=tuple(
            _sample(
                line,
                probability(_sureness(line)),
                Saying("predicted", (line.prediction,)),
                Saying("target", (str(line.target),)),
            )
            for line in wrong[:_MOST]
        ),
    )


def _wrong_answers(answers: Sequence[Answer], split: str) -> Sheet:
    inexact = sum(not answer.exact_match for answer in answers)
    wrong = [answer for answer in answers if not answer.f1]
    wrong.sort(key=lambda answer: answer.probability or 0.0, reverse=True)
    return Sheet(
        title="Most confident mistakes",
        note=f"{count(inexact)} of {count(len(answers))} {split} answers match no right one "
        f"exactly, and {count(len(wrong))} share no word with one; here are of the latter those "
        "with the highest probability.",
        samples=tuple(_answered(answer, _sure(answer)) for answer in wrong[:_MOST]),
        asked=True,
    )


def _fair_draw(answers: Sequence[Answer], split: str) -> Sheet:
    """Return answers drawn by the hash of their ids: the same in every run, whatever was said."""
    drawn = sorted(answers, key=lambda answer: sha256(answer.line.id.encode()).digest())[:_MOST]
    amount = "all" if len(drawn) == len(answers) else count(len(drawn))
    return Sheet(
        title="Answers as they come",
        note=f"Of {count(len(answers))} {split} questions {amount}, drawn by their ids alone: the "
        "same ones in every run on this data, right or wrong.",
        samples=tuple(_answered(answer, _verdict(answer)) for answer in drawn),
        asked=True,
    )


def _problems(account: NumberAccount, split: str) -> Sheet:
    """Return problems drawn by the hash of their ids, with all that was written."""
    rows = zip(account.lines, account.right, strict=True)
    drawn = sorted(rows, key=lambda row: sha256(row[0].id.encode()).digest())[:_MOST]
    return Sheet(
        title="Answers as they come",
        note=f"Of {count(len(account.lines))} {split} problems {count(len(drawn))}, drawn by their "
        "ids alone: the same ones in every run on this data, right or wrong.",
        samples=tuple(
            _sample(
                line,
                "right" if right else "wrong",
                Saying("written", (line.prediction,) if line.prediction else (), ""),
                Saying("answer", (str(line.target),)),
            )
            for line, right in drawn
        ),
        asked=True,
    )


def _answered(answer: Answer, mark: str) -> Sample:
    given = answer.line.prediction
    right = list(dict.fromkeys(answer.right))
    more = len(right) - _MOST_RIGHT
    return _sample(
        answer.line,
        mark,
        Saying("answer", *_said(given, empty=_NO_ANSWER if answer.declined else _NOTHING_SAID)),
        Saying(
            "right",
            tuple(map(_shortened, right[:_MOST_RIGHT])),
            (f"and {more} more" if more > 0 else "") if right else _NO_ANSWER,
        ),
    )


def _said(answer: str, *, empty: str) -> tuple[tuple[str, ...], str]:
    """Return the texts and the remark of what a model answered."""
    return ((_shortened(answer),), "") if answer else ((), empty)


def _sample(line: Prediction, mark: str, *sayings: Saying) -> Sample:
    cut = max(len(line.text) - _LONGEST_TEXT, 0)
    return Sample(mark, line.text[:_LONGEST_TEXT], cut, sayings, line.id)


def _shortened(answer: str) -> str:
    return answer if len(answer) <= _LONGEST_ANSWER else f"{answer[:_LONGEST_ANSWER]}…"


def _sureness(line: Prediction) -> float:
    return line.scores.get(line.prediction, 0.0)


def _sure(answer: Answer) -> str:
    return NOTHING if answer.probability is None else probability(answer.probability)


def _verdict(answer: Answer) -> str:
    if answer.exact_match:
        return "right"
    return f"F1 {percent(answer.f1, decimals=0)}" if answer.f1 else "wrong"
