"""Numbers as a person reads them: `86.2 %`, `3 min 42 s`, `9.8 MB`."""

from datetime import UTC, datetime

NOTHING = "\N{EN DASH}"  # where a table has no number

_THIN_SPACE = "\u202f"
_SHARES = frozenset({"accuracy", "precision", "recall", "f1"})
_NAMES = {"f1": "F1", "matthews_correlation": "Matthews correlation"}
_MINUTE = 60
_THOUSAND = 1000


def metric_name(metric: str) -> str:
    """Return a metric's name in words."""
    return _NAMES.get(metric, metric.replace("_", " "))


def is_share(metric: str) -> bool:
    """Say whether a metric is a share of rows, which is shown in percent."""
    return metric in _SHARES


def metric_value(metric: str, value: float) -> str:
    """Return a metric's value: shares in percent, everything else with three decimals."""
    return percent(value) if is_share(metric) else decimal(value)


def metric_interval(metric: str, interval: tuple[float, float]) -> str:
    """Return an interval, with its unit once."""
    low, high = interval
    if is_share(metric):
        return f"{low * 100:.1f} to {percent(high)}"
    return f"{decimal(low)} to {decimal(high)}"


def percent(share: float, *, decimals: int = 1) -> str:
    """Return a share as a percentage."""
    return f"{share * 100:.{decimals}f}{_THIN_SPACE}%"


def decimal(value: float) -> str:
    """Return a number with three decimals and a real minus sign."""
    return f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


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


def moment(time: float) -> str:
    """Return a time in unix seconds as a date and a time of day."""
    return f"{datetime.fromtimestamp(time, tz=UTC):%-d %B %Y, %H:%M} UTC"
