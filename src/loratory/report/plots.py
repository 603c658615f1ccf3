"""All plots of a run, in the order of its page."""

from loratory.metrics.evaluate import ClassificationScores
from loratory.report.canvas import Plot, plot_style
from loratory.report.charts import baseline_chart, confusion_chart, reliability_chart
from loratory.report.curves import gradient_curve, learning_rate_curve, loss_curve, metric_curve
from loratory.report.record import RunRecord


def draw_plots(record: RunRecord, scores: ClassificationScores | None) -> dict[str, Plot]:
    """Return the plots for which the run has numbers, by their names."""
    with plot_style():
        plots = [
            baseline_chart(record),
            loss_curve(record),
            metric_curve(record),
            gradient_curve(record),
            learning_rate_curve(record),
        ]
        if scores is not None:
            plots += [
                confusion_chart(scores.confusion, record.labels),
                reliability_chart(scores.calibration),
            ]
    return {plot.name: plot for plot in plots if plot is not None}
