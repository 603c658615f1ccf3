"""All plots of a run, in the order of its page."""

from typing import assert_never

from loratory.report.account import (
    Account,
    ClassAccount,
    NumberAccount,
    QuestionAccount,
    TextAccount,
)
from loratory.report.canvas import Plot, plot_style
from loratory.report.charts import baseline_chart, confusion_chart, reliability_chart
from loratory.report.curves import (
    gradient_curve,
    learning_rate_curve,
    loss_curve,
    metric_curve,
    reward_curve,
)
from loratory.report.question_charts import decision_chart, length_chart, threshold_chart
from loratory.report.record import RunRecord
from loratory.report.training_map import map_chart

TRAINING = ("loss", "metric", "rewards", "gradient_norm", "learning_rate")
ANSWERS = ("confusion", "length", "no_answer", "threshold", "calibration")


def draw_plots(record: RunRecord, account: Account | None) -> dict[str, Plot]:
    """Return the plots for which the run has numbers, by their names."""
    with plot_style():
        plots = [baseline_chart(record)]
        if not record.untrained:
            plots += [
                loss_curve(record),
                metric_curve(record),
                reward_curve(record),
                gradient_curve(record),
                learning_rate_curve(record),
                map_chart(record),
            ]
        plots += _of_answers(record, account)
    return {plot.name: plot for plot in plots if plot is not None}


def _of_answers(record: RunRecord, account: Account | None) -> list[Plot | None]:
    match account:
        case None | TextAccount() | NumberAccount():
            return []
        case ClassAccount(scores=scores, before=before):
            return [
                confusion_chart(scores.confusion, record.labels),
                reliability_chart(scores.calibration, before=before),
            ]
        case QuestionAccount(calibration=calibration):
            return [
                length_chart(account),
                decision_chart(account),
                threshold_chart(account, record.result.settled.get("no_answer_threshold")),
                reliability_chart(calibration, right="exact match") if calibration else None,
            ]
        case _:
            assert_never(account)
