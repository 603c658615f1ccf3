"""Which of two values of a metric is the better one."""

_LOWER_IS_BETTER = {"perplexity", "bits_per_byte", "nats_per_token", "false_no_answer"}


def lower_is_better(metric: str) -> bool:
    """Tell whether a smaller value of the metric is the better one."""
    return metric in _LOWER_IS_BETTER


def is_better(metric: str, value: float, than: float) -> bool:
    """Tell whether `value` is better than another; of equals, neither is."""
    return value < than if lower_is_better(metric) else value > than
