"""The official scripts' numbers: equal to their rules, told again here question by question."""

import random

import pytest

from loratory.errors import DataError
from loratory.metrics.predictions import Prediction
from loratory.metrics.squad import exact_match, f1
from loratory.metrics.squad_scripts import script_numbers, script_v1, script_v2, script_v2_best


def made_up(rng, *, unanswerable):
    """Return questions, texts and probabilities; the latter in an order of their own, with ties."""
    ids = [str(number) for number in range(rng.randint(2, 15))]
    golds = {
        id_: ()
        if unanswerable and rng.random() < 0.5
        else tuple(rng.choices(["x", "x y", "z z x", "the", "!"], k=rng.randint(1, 3)))
        for id_ in ids
    }
    texts = {id_: rng.choice(["x", "x y", "z", "", "the", " "]) for id_ in ids}
    probabilities = {id_: rng.choice([rng.random(), 0.0, 0.5, 1.0]) for id_ in ids}
    if len(set(probabilities.values())) == 1:
        probabilities[ids[0]] = 0.25
    return golds, texts, dict(sorted(probabilities.items(), key=lambda _: rng.random()))


def retold_part(ids, scores):
    numbers = {name: 100 * sum(values[id_] for id_ in ids) / len(ids) for name, values in scores}
    return numbers | {"total": len(ids)}


def retold_v2(golds, texts, probabilities, threshold):
    """Return v2.0's numbers: raw scores, then the threshold, then the parts."""
    scores = []
    for name, metric in (("exact", exact_match), ("f1", f1)):
        values = {}
        for id_, right in golds.items():
            values[id_] = metric(texts[id_], right, version="2.0")
            if probabilities[id_] > threshold:
                values[id_] = 0 if right else 1
        scores.append((name, values))
    numbers = retold_part(list(golds), scores)
    for prefix, wanted in (("HasAns_", True), ("NoAns_", False)):
        if ids := [id_ for id_, right in golds.items() if bool(right) == wanted]:
            part = retold_part(ids, scores)
            numbers |= {prefix + name: value for name, value in part.items()}
    return numbers


def retold_best(golds, texts, probabilities, metric):
    """Return the best score and its threshold: a walk with a running maximum."""
    current = best = sum(1 for right in golds.values() if not right)
    threshold = 0.0
    for id_ in sorted(probabilities, key=probabilities.get):
        if id_ not in golds:
            continue
        if golds[id_]:
            current += metric(texts[id_], golds[id_], version="2.0")
        elif texts[id_]:
            current -= 1
        if current > best:
            best, threshold = current, probabilities[id_]
    return 100 * best / len(golds), threshold


def test_the_older_scripts_numbers_are_means_in_percent():
    rng = random.Random(0)
    for _ in range(1000):
        golds, texts, _ = made_up(rng, unanswerable=False)
        pairs = [(texts[id_], right) for id_, right in golds.items()]
        ours = script_v1(golds, texts)
        for name, metric in (("exact_match", exact_match), ("f1", f1)):
            total = sum(metric(*pair, version="1.1") for pair in pairs)
            assert ours[name] == pytest.approx(100 * total / len(golds), abs=1e-9)


def test_the_newer_scripts_numbers_are_as_its_rules_say():
    rng = random.Random(1)
    for _ in range(2000):
        golds, texts, probabilities = made_up(rng, unanswerable=rng.random() < 0.8)
        threshold = rng.choice([rng.random(), 0.0, 0.5, 1.0])
        ours = script_v2(golds, texts, probabilities, threshold=threshold)
        expected = retold_v2(golds, texts, probabilities, threshold)
        assert ours == pytest.approx(expected, abs=1e-9)


def test_the_best_scores_and_their_thresholds_are_those_of_the_scripts_walk():
    rng = random.Random(2)
    for _ in range(3000):
        golds, texts, probabilities = made_up(rng, unanswerable=True)
        probabilities["of another set"] = rng.random()
        ours = script_v2_best(golds, texts, probabilities)
        for name, metric in (("exact", exact_match), ("f1", f1)):
            best, threshold = retold_best(golds, texts, probabilities, metric)
            assert ours[f"best_{name}"] == pytest.approx(best, abs=1e-9)
            assert ours[f"best_{name}_thresh"] == threshold


def line(name, right, said, **scores):
    return Prediction(
        name, "asked", right, said, {"" if of == "none" else of: p for of, p in scores.items()}
    )


def test_the_numbers_of_lines_are_those_of_what_they_say():
    lines = [line("a", ("x", "y"), "x"), line("b", ("x y",), "x")]
    assert script_numbers(lines, version="1.1") == {
        "exact_match": 50,
        "f1": pytest.approx(100 * (1 + 2 / 3) / 2),
    }


def test_the_best_threshold_is_sought_for_the_likeliest_answers():
    """What a line says in the end is "" for all three; only the first of them has an answer."""
    lines = [
        line("a", ("x",), "", none=0.6, x=0.3, y=0.1),
        line("b", (), "", none=0.8, x=0.2),
        line("c", (), "", none=0.7, y=0.1, x=0.2),
    ]
    numbers = script_numbers(lines, version="2.0")
    assert (numbers["exact"], numbers["HasAns_exact"]) == (pytest.approx(200 / 3), 0)
    assert (numbers["best_exact"], numbers["best_exact_thresh"]) == (100, 0.6)


def test_lines_without_probabilities_have_no_best_threshold():
    numbers = script_numbers([line("a", ("x",), "x"), line("b", (), "")], version="2.0")
    assert numbers["exact"] == 100
    assert not [name for name in numbers if name.startswith("best")]


def test_at_the_usual_threshold_no_probability_silences_an_answer():
    golds, texts = {"a": ("x",), "b": ()}, {"a": "x", "b": "w"}
    assert script_v2(golds, texts, {"a": 1.0, "b": 1.0}) == script_v2(golds, texts)
    assert script_v2(golds, texts)["exact"] == 50


def test_saying_nothing_scores_the_share_of_unanswerable_questions():
    golds = {"a": ("x",), "b": (), "c": ()}
    numbers = script_v2(golds, dict.fromkeys("abc", ""))
    assert numbers["exact"] == numbers["f1"] == pytest.approx(200 / 3)
    assert (numbers["HasAns_exact"], numbers["NoAns_exact"]) == (0, 100)
    assert (numbers["total"], numbers["HasAns_total"], numbers["NoAns_total"]) == (3, 1, 2)


def test_a_silenced_question_with_an_answer_is_wrong_even_if_that_normalises_to_nothing():
    golds, texts = {"a": ("the",)}, {"a": ""}
    assert script_v2(golds, texts)["exact"] == 100
    assert script_v2(golds, texts, {"a": 0.9}, threshold=0.5)["exact"] == 0


def test_questions_of_one_probability_count_in_the_order_they_are_given_in():
    # The script's oddity: no threshold separates a from b, so in truth the best score is 66.7.
    golds, texts = {"a": ("x",), "b": (), "c": ()}, {"a": "x", "b": "w", "c": "w"}
    lucky = script_v2_best(golds, texts, {"a": 0.4, "b": 0.4, "c": 0.6})
    assert (lucky["best_exact"], lucky["best_exact_thresh"]) == (100, 0.4)
    unlucky = script_v2_best(golds, texts, {"b": 0.4, "a": 0.4, "c": 0.6})
    assert unlucky["best_exact"] == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    "probabilities", [{"a": 0.5}, {"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 2.0}, {}]
)
def test_best_scores_are_refused_without_distinct_probabilities(probabilities):
    with pytest.raises(DataError) as caught:
        script_v2_best({"a": ("x",), "b": ()}, dict.fromkeys("ab", "x"), probabilities)
    assert caught.value.code == "EVAL-NAPROB"


@pytest.mark.parametrize("probabilities", [{"a": 0.5}, {"a": 0.5, "b": -1.0}])
def test_a_threshold_needs_every_probability(probabilities):
    with pytest.raises(DataError) as caught:
        script_v2({"a": ("x",), "b": ()}, dict.fromkeys("ab", "x"), probabilities, threshold=0.5)
    assert caught.value.code == "EVAL-NAPROB"
