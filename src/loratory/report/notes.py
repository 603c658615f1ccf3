"""What the numbers of the score tables mean, in the words that stand under them."""

from loratory.metrics.temperature import TEMPERATURE
from loratory.report.formats import count, decimal
from loratory.report.record import UNTUNED, RunRecord

_BINARY = 2
_OPTIMISTIC = " The calibration above is of the same rows, so it is likely a little too good."
_MEANINGS = {
    "exact_match": "Exact match and F1 leave out case, punctuation and articles, and take the "
    "nearest of the right answers, as SQuAD's scripts do.",
    "bleu_1": "BLEU-1, from 0 to 100, is the share of the written words that a right answer has, "
    "less where too few are written.",
    "perplexity": "Perplexity is the exponential of the nats per token, which depend on the "
    "tokenizer; bits per byte do not.",
}

_RULES = {
    "sum": "A label word's score is the sum of its tokens' log-probabilities.",
    "mean": "A label word's score is the mean of its tokens' log-probabilities.",
    "calibrated": "A label word's score is the sum of its tokens' log-probabilities, less that "
    "after a prompt without content.",
}


def notes(record: RunRecord) -> str:
    """Say what the numbers are that the headline's split has."""
    found = [_classes(record)]
    found += [words for metric, words in _MEANINGS.items() if metric in record.evaluation.metrics]
    if record.scored_apart:
        found.append("BLEU-1, exact match and F1 are those of the answerable questions.")
    if record.result.score_rule:
        found.append(_RULES[record.result.score_rule])
    if any(baseline.name == UNTUNED for baseline in record.baselines):
        found.append("The untuned base is this model before training, scored in the same way.")
    found.append(_temperature(record))
    if record.evaluation.intervals:
        found.append("Under each value its 95 % bootstrap interval.")
    if record.result.signature:
        found.append(f"BLEU's signature: {record.result.signature}.")
    return " ".join(filter(None, found))


def _classes(record: RunRecord) -> str:
    """Say which class precision, recall and F1 are of."""
    if not record.labels:
        return ""
    if len(record.labels) == _BINARY:
        return f"Precision, recall and F1 are those of the class “{record.labels[-1]}”."
    return "Precision, recall and F1 are means over the classes."


def _temperature(record: RunRecord) -> str:
    """Say what was done to the probabilities after training, or why nothing was."""
    if record.reads != "labelled" or not record.finished:
        return ""
    temperature = record.result.settled.get(TEMPERATURE)
    if temperature is None:
        return (
            "Without validation rows no temperature is fitted: probabilities are the model's own."
        )
    rows = f"{count(record.result.rows.get('validation', 0))} validation rows"
    if temperature == 1:
        return (
            f"Probabilities are the model's own: on {rows} no temperature is better beyond chance."
        )
    same = record.split == "validation"
    return (
        f"Probabilities are at temperature {decimal(temperature)}, the likeliest on {rows}; it "
        f"changes no answer.{_OPTIMISTIC if same else ''}"
    )
