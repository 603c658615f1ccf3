"""What the answers to questions tell: how good they are by length, and when there is none."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from loratory.metrics.classification import Floats, confusion_matrix
from loratory.metrics.no_answer import against_best
from loratory.metrics.paired import intervals_of_run
from loratory.metrics.parts import Part, clusters_of, part_sums
from loratory.report.account import Answer, QuestionAccount
from loratory.report.canvas import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    Plot,
    add_legend,
    finished,
    new_axes,
)
from loratory.report.charts import Wording, confusion_chart
from loratory.report.formats import count, percent, probability

_HEIGHT = 3.6
_NONE = "none"
_LENGTHS = {"1": 1, "2": 2, "3": 3, "4 to 5": 5, "6 to 10": 10, "more": None}  # words up to which
_FEWEST = 20  # questions, below which their lengths tell nothing
_POINTS = 401  # of one line
# Probabilities of no answer crowd at both ends, so they are drawn by their log odds.
_ODDS = {0.001: "0.1", 0.01: "1", 0.1: "10", 0.5: "50", 0.9: "90", 0.99: "99", 0.999: "99.9"}
_DECISION = Wording("The decision for no answer", "right", "given", "no_answer")


@dataclass(frozen=True)
class _Group:
    """Questions whose right answers are about as long."""

    name: str
    f1: Floats
    interval: tuple[float, float]


def length_chart(account: QuestionAccount) -> Plot | None:
    """Draw F1 by the words of the shortest right answer; None where that would tell nothing."""
    groups = _groups(account.answers)
    alike = len(groups) == 1 or len({answer.f1 for answer in account.answers}) == 1
    if len(account.answers) < _FEWEST or alike:
        return None
    title = "F1 by length of the right answer"
    axes = new_axes(height=_HEIGHT, title=title, x="words, and questions of so many", y="F1 (%)")
    for place, group in enumerate(groups):
        mean = float(group.f1.mean()) * 100
        color = GREY if group.name == _NONE else BLUE
        axes.bar(place, mean, width=0.65, color=color)
        axes.plot([place] * 2, [end * 100 for end in group.interval], color=INK, linewidth=1.2)
    axes.set_xticks(
        range(len(groups)), [f"{group.name}\n{count(len(group.f1))}" for group in groups]
    )
    axes.set_ylim(0, 102)
    axes.grid(visible=False, axis="x")
    text = "; ".join(f"{group.name}: {percent(float(group.f1.mean()))}" for group in groups)
    return finished(axes, name="length", text=f"{title} in words, {text}.")


def decision_chart(account: QuestionAccount) -> Plot | None:
    """Draw how often an answer was given, where there is one and where there is none.

    None where all questions are of one kind.
    """
    if not _of_both_kinds(account.answers):
        return None
    there = [int(not answer.right) for answer in account.answers]
    given = [int(answer.declined) for answer in account.answers]
    confusion = confusion_matrix(there, given, classes=2)
    return confusion_chart(confusion, ["an answer", "no answer"], _DECISION)


def threshold_chart(account: QuestionAccount, chosen: float | None) -> Plot | None:
    """Draw F1 over the probability of none, against the best answer, above which there is none.

    None where all questions are of one kind, or that probability is not known of all.
    """
    answers = account.answers
    if not _of_both_kinds(answers) or any("" not in answer.line.scores for answer in answers):
        return None
    none = np.array([against_best(answer.line.scores) for answer in answers])
    spoken = np.array([account.answered(answer).f1 for answer in answers])
    answerable = np.array([bool(answer.right) for answer in answers])
    silent = (~answerable).astype(np.float64)
    odds = np.linspace(_log_odds(0), _log_odds(1), _POINTS)
    title = "F1 by threshold for no answer"
    axes = new_axes(
        height=_HEIGHT,
        title=title,
        x="probability of none, against the best answer, above which none is given (%)",
        y="F1 (%)",
    )
    text = title
    for name, which, color in (
        ("all", np.full(len(answers), fill_value=True), BLUE),
        ("answerable", answerable, GREEN),
        ("unanswerable", ~answerable, ORANGE),
    ):
        means = _by_threshold(1 / (1 + np.exp(-odds)), none[which], spoken[which], silent[which])
        axes.plot(odds, means * 100, color=color, label=name)
    if chosen is not None:
        axes.axvline(
            _log_odds(chosen), color=INK, linestyle=(0, (4, 2)), linewidth=1, label="chosen"
        )
        (reached,) = _by_threshold(np.array([chosen]), none, spoken, silent).tolist()
        text += f"; {probability(chosen)} was chosen, where it is {percent(reached)}"
    axes.set_xticks([_log_odds(share) for share in _ODDS], list(_ODDS.values()))
    axes.set_xlim(_log_odds(0), _log_odds(1))
    axes.set_ylim(0, 102)
    add_legend(axes)
    return finished(axes, name="threshold", text=f"{text}.")


def _of_both_kinds(answers: Sequence[Answer]) -> bool:
    return len({bool(answer.right) for answer in answers}) > 1


def _groups(answers: Sequence[Answer]) -> list[_Group]:
    names = [_length(answer.right) for answer in answers]
    found = []
    for name in (_NONE, *_LENGTHS):
        own = [answer for answer, other in zip(answers, names, strict=True) if other == name]
        if own:
            f1 = np.array([answer.f1 for answer in own])
            sums = part_sums([Part(np.ones(len(own), dtype=np.bool_), {"f1": f1})])
            clusters = clusters_of([answer.line for answer in own])
            found.append(_Group(name, f1, intervals_of_run(sums, clusters)["f1"]))
    return found


def _length(right: Sequence[str]) -> str:
    """Return the group of a question by its shortest right answer."""
    if not right:
        return _NONE
    words = min(len(answer.split()) for answer in right)
    return next(name for name, most in _LENGTHS.items() if most is None or words <= most)


def _by_threshold(thresholds: Floats, none: Floats, spoken: Floats, silent: Floats) -> Floats:
    """Return the mean score at each threshold.

    A question is answered, for `spoken`, where its probability of none is not above the threshold;
    else the score is `silent`.
    """
    order = np.argsort(none, kind="stable")
    gains = np.concatenate([[0.0], np.cumsum((spoken - silent)[order])])
    answered = np.searchsorted(none[order], thresholds, side="right")
    means: Floats = silent.mean() + gains[answered] / len(none)
    return means


def _log_odds(share: float) -> float:
    """Return the log odds of a probability; what is nearer to an end than the axis, at its end."""
    inside = min(max(share, min(_ODDS)), max(_ODDS))
    return log(inside / (1 - inside))
