"""The notes under the scores: what the numbers of this run's task mean, and no others."""

from loratory.report.notes import notes


def test_precision_and_its_like_are_those_of_a_class(record, changed):
    assert "those of the class “positive”" in notes(record)
    assert "means over the classes" in notes(changed(labels=["a", "b", "c"]))


def test_each_task_explains_its_own_metrics(record, spans, written, texts):
    words = {
        "class": [record],
        "SQuAD": [spans, written],
        "BLEU-1, from 0 to 100": [written],
        "those of the answerable questions": [written],
        "Perplexity": [texts],
        "untuned base": [texts],
        "bootstrap": [record, spans, written, texts],
    }
    for phrase, fitting in words.items():
        for one in (record, spans, written, texts):
            assert (phrase in notes(one)) == (one in fitting), phrase


def test_bleu_is_signed(written):
    assert f"BLEU's signature: {written.result.signature}." in notes(written)


def test_the_rule_that_scores_label_words_is_named(record, changed):
    for rule in ("sum", "mean", "calibrated"):
        assert "A label word's score is the" in notes(changed(score_rule=rule))
    assert "A label word's score" not in notes(record)
