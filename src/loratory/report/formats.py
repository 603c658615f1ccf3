"""Numbers as a person reads them: `86.2 %`, `3 min 42 s`, `9.8 MB`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite

from loratory.metrics.direction import lower_is_better

NOTHING = "\N{EN DASH}"  # where a table has no number

_MINUS = "\N{MINUS SIGN}"
_THIN_SPACE = "\u202f"
_SHARES = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "exact_match",
    "false_no_answer",
    "accuracies",
    "answered",
)
_POINTS = "bleu"  # begins the names of what runs from 0 to 100 by itself
_POINTS_UNIT = " points"
_PARTS = {"has_answer_": "answerable", "no_answer_": "unanswerable"}
_NAMES = {
    "f1": "F1",
    "matthews_correlation": "Matthews correlation",
    "bleu_1": "BLEU-1",
    "false_no_answer": "wrongly no answer",
}
_LEAST_PERCENT = 0.0005  # shares below are not 0, though they would be rounded to it
_MINUTE = 60
_THOUSAND = 1000


def metric_name(metric: str) -> str:
    """Return a metric's name in words."""
    for prefix, questions in _PARTS.items():
        if metric.startswith(prefix):
            return f"{metric_name(metric.removeprefix(prefix))}, {questions}"
    return _NAMES.get(metric, metric.replace("_", " "))


def is_share(metric: str) -> bool:
    """Say whether a metric is a share of rows, which is shown in percent."""
    return metric.endswith(_SHARES)


def metric_scale(metric: str) -> int:
    """Return what a metric is multiplied by where its unit stands beside it."""
    return 100 if is_share(metric) else 1


def metric_direction(metric: str) -> str:
    """Return "lower is better" of a metric for which that is so, else nothing."""
    return "lower is better" if lower_is_better(metric) else ""


def metric_axis(metric: str) -> str:
    """Return a metric's name for an axis: with its unit, and which end is the better one."""
    remarks = filter(None, ["%" if is_share(metric) else "", metric_direction(metric)])
    in_brackets = ", ".join(remarks)
    return f"{metric_name(metric)} ({in_brackets})" if in_brackets else metric_name(metric)


def metric_value(metric: str, value: float) -> str:
    """Return a metric's value: shares in percent, everything else in digits that mean something."""
    if is_share(metric):
        return percent(value)
    if metric.startswith(_POINTS):
        return f"{value:.1f}"
    return among(value) if metric == "perplexity" else decimal(value)


def metric_gap(metric: str, gap: float) -> str:
    """Return by how much two values of a metric differ, without a sign."""
    if is_share(metric) or metric.startswith(_POINTS):
        return f"{abs(gap) * metric_scale(metric):.1f}{_POINTS_UNIT}"
    return metric_value(metric, abs(gap))


def metric_difference(
    metric: str, difference: float, interval: tuple[float, float]
) -> tuple[str, str]:
    """Return a difference and its interval, all with a sign and in one unit."""
    middle, low, high = (
        f"{_MINUS if gap < 0 else '+'}{metric_gap(metric, gap)}" for gap in (difference, *interval)
    )
    return middle, f"{low.removesuffix(_POINTS_UNIT)} to {high}"


def metric_interval(metric: str, interval: tuple[float, float]) -> str:
    """Return an interval, with its unit once."""
    low, high = interval
    if is_share(metric):
        return f"{low * 100:.1f} to {percent(high)}"
    return f"{metric_value(metric, low)} to {metric_value(metric, high)}"


def bracketed(interval: Sequence[float | None], *, decimals: int = 3, signed: bool = False) -> str:
    """Return an interval as `[0.841, 0.883]`.

    An end that the rows leave open, infinite or as JSON has it null, is called unknown.
    """
    form = f"{'+' * signed}.{decimals}f"
    low, high = (
        "unknown" if end is None or not isfinite(end) else format(end, form) for end in interval
    )
    return f"[{low}, {high}]"


def percent(share: float, *, decimals: int = 1) -> str:
    """Return a share as a percentage."""
    return f"{share * 100:.{decimals}f}{_THIN_SPACE}%"


def probability(value: float) -> str:
    """Return a probability as a percentage; a small one is not called 0."""
    return percent(value) if value >= _LEAST_PERCENT or value <= 0 else f"< {percent(0.001)}"


def decimal(value: float) -> str:
    """Return a number with three decimals, a real minus sign and its thousands apart."""
    return f"{value:,.3f}".replace("-", _MINUS)


def among(value: float) -> str:
    """Return a perplexity, which may be of any size, with two decimals or four digits."""
    if value < 100:  # noqa: PLR2004 - two decimals are four digits
        return f"{value:.2f}"
    return f"{value:,.0f}" if _THOUSAND <= value < _THOUSAND**3 else f"{value:.4g}"


def count(number: float) -> str:
    """Return a whole number with its thousands apart."""
    return f"{number:,.0f}"


def duration(seconds: float) -> str:
    """Return a time span in its two largest units."""
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f}{_THIN_SPACE}s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes}{_THIN_SPACE}min {rest:02d}{_THIN_SPACE}s"
    hours, rest = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{count(hours)}{_THIN_SPACE}h {rest:02d}{_THIN_SPACE}min"


def size(amount: float) -> str:
    """Return a number of bytes in decimal units."""
    units = ["bytes", "kB", "MB", "GB"]
    while round(amount, 1) >= _THOUSAND and len(units) > 1:
        amount /= _THOUSAND
        units = units[1:]
    number = count(amount) if units[0] == "bytes" else f"{amount:,.1f}"
    return f"{number}{_THIN_SPACE}{units[0]}"


def megabytes(amount: float) -> str:
    """Return an amount of memory that is given in MB."""
    return f"{count(amount)} MB"


def moment(time: float) -> str:
    """Return a time in unix seconds as a date and a time of day."""
    return f"{datetime.fromtimestamp(time, tz=UTC):%-d %B %Y, %H:%M} UTC"
