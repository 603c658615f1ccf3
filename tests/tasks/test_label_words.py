"""Label words: every score is that of the whole text in transformers, whatever stands beside it."""

import random

import pytest
import torch

from loratory.batching.flat import flatten
from loratory.data.rows import Row
from loratory.errors import ConfigError, DataError
from loratory.inference.predict import answer_rows
from loratory.recipe.schema import LabelWordsTask
from loratory.tasks.label_words import LabelWords

LABELS = ("bad", "fine", "good")
# After a space each of these is one token.
ONE = ("the", "and", "thin")
SEVERAL = ("dull", "a lovely", "not at all thin")
TEMPLATE = "T: {text}\nL:"
VOCABULARY = ["a", "quiet", "lovely", "film", "nothing", "thin", "dull", "é", "🙂", ",", "!", "7"]


def row(text, label=0, number=0):
    return Row(f"train/{number}", text, label, f"train.csv:{number + 2}")


def rows_of(number, seed=0):
    rng = random.Random(seed)
    texts = [" ".join(rng.choices(VOCABULARY, k=rng.randint(1, 5))) for _ in range(number)]
    return [row(text, rng.randrange(3), n) for n, text in enumerate(texts)]


def task_of(base, labels=LABELS, **section):
    section = {"template": TEMPLATE, "words": ONE} | section
    task = LabelWordsTask(**section)
    return LabelWords(task, labels=labels, tokenizer=base.tokenizer, positions=base.positions)


def answered(base, task, rows, tokens_at_once=200):
    """Return each row's prediction and the mean loss."""
    encoding = task.encode(rows)
    found = answer_rows(base.network, task, encoding, tokens_at_once=tokens_at_once)
    lines = [task.prediction(*pair) for pair in zip(rows, found.outputs, strict=True)]
    return lines, found.loss


@torch.no_grad()
def brute_force(stock, tokenizer, prompt, following):
    """Return the log-probability of each token of `following`, out of the whole text's pass."""
    before = len(tokenizer(prompt)["input_ids"])
    ids = torch.tensor([[0, *tokenizer(prompt + following)["input_ids"]]])
    found = stock(ids, use_cache=False).logits[0].log_softmax(-1)[:-1]
    return found.gather(1, ids[0, 1:, None])[before:, 0]


def by_rule(tokens, empty):
    return {
        "sum": tokens.sum(),
        "mean": tokens.mean(),
        "calibrated": tokens.sum() - empty.sum(),
    }


def test_the_words_are_of_one_token_and_of_several(lm):
    assert task_of(lm).at_once
    assert {len(word) for word in task_of(lm, words=SEVERAL).words} == {3, 4, 7}


@pytest.mark.parametrize("words", [ONE, SEVERAL, ("dull", "the", "thin")])
def test_every_words_score_is_that_of_the_whole_text(lm, stock_lm, words):
    rows = rows_of(60)
    empty = [brute_force(stock_lm, lm.tokenizer, "T: N/A\nL:", f" {word}") for word in words]
    found = {
        rule: answered(lm, task_of(lm, words=words, score=rule), rows)[0]
        for rule in by_rule(*empty[:1] * 2)
    }
    for number, line in enumerate(rows):
        whole = [
            by_rule(brute_force(stock_lm, lm.tokenizer, f"T: {line.text}\nL:", f" {word}"), other)
            for word, other in zip(words, empty, strict=True)
        ]
        for rule, lines in found.items():
            expected = torch.stack([scores[rule] for scores in whole]).softmax(0)
            scores = torch.tensor([*lines[number].scores.values()], dtype=torch.float64)
            torch.testing.assert_close(scores, expected, rtol=0, atol=1e-6)
            assert lines[number].prediction == LABELS[int(expected.argmax())]


def test_the_loss_is_transformers_with_the_prompt_left_out(lm, stock_lm):
    for words in (ONE, SEVERAL):
        task, rows = task_of(lm, words=words), rows_of(20)
        batch = flatten(task.encode(rows).rows)
        with torch.no_grad():
            found = task.loss(lm.network, lm.network(batch), batch)
        total = 0
        for line in rows:
            prompt = [0, *lm.tokenizer(f"T: {line.text}\nL:")["input_ids"]]
            word = lm.tokenizer(f" {words[line.label]}")["input_ids"]
            labels = torch.tensor([[-100] * len(prompt) + word])
            with torch.no_grad():
                loss = stock_lm(torch.tensor([prompt + word]), labels=labels).loss
            total += loss * len(word)
        # transformers adds up in float32.
        assert float(found.total) == pytest.approx(float(total), rel=1e-6)
        assert found.count == sum(len(task.words[line.label]) for line in rows)


@pytest.mark.parametrize("rule", ["sum", "mean", "calibrated"])
@pytest.mark.parametrize("words", [ONE, SEVERAL])
def test_the_loss_of_a_split_is_that_of_what_is_learned(lm, words, rule):
    task, rows = task_of(lm, words=words, score=rule), rows_of(7)
    _, mean = answered(lm, task, rows)
    batch = flatten(task.encode(rows).rows)
    with torch.no_grad():
        loss = task.loss(lm.network, lm.network(batch), batch)
    assert mean == pytest.approx(float(loss.total) / loss.count, rel=1e-9)


@pytest.mark.parametrize("rule", ["sum", "mean", "calibrated"])
@pytest.mark.parametrize("words", [ONE, SEVERAL])
def test_the_order_of_the_labels_changes_nothing(lm, words, rule):
    rows, order = rows_of(20), (2, 0, 1)
    other = [row(line.text, order.index(line.label), n) for n, line in enumerate(rows)]
    turned = task_of(lm, [LABELS[n] for n in order], words=[words[n] for n in order], score=rule)
    one, one_loss = answered(lm, task_of(lm, words=words, score=rule), rows)
    two, two_loss = answered(lm, turned, other)
    for first, second in zip(one, two, strict=True):
        assert (first.prediction, first.target) == (second.prediction, second.target)
        assert first.scores == pytest.approx(second.scores, abs=1e-6)
    assert one_loss == pytest.approx(two_loss, rel=1e-9)


@pytest.mark.parametrize("words", [ONE, SEVERAL])
def test_no_row_sees_another(lm, words):
    task, rows = task_of(lm, words=words, score="calibrated"), rows_of(12)
    together, _ = answered(lm, task, rows, tokens_at_once=10_000)
    for line, found in zip(rows, together, strict=True):
        ((alone,), _) = answered(lm, task, [line], tokens_at_once=1)
        assert alone.scores == pytest.approx(found.scores, abs=1e-6)


def test_one_path_serves_all_words_only_where_all_are_of_one_token(lm):
    rows = rows_of(5)
    assert [len(asked) for asked in task_of(lm).encode(rows).asked] == [1] * 5
    assert [len(a) for a in task_of(lm, score="calibrated").encode(rows).asked] == [2] * 5
    for words in (SEVERAL, ("the", "and", "dull")):
        task = task_of(lm, words=words)
        assert not task.at_once
        assert [len(asked) for asked in task.encode(rows).asked] == [3] * 5


def test_rows_share_their_first_segment(lm):
    rows = rows_of(6)
    for task in (task_of(lm), task_of(lm, words=SEVERAL)):
        encoding = task.encode(rows)
        paths = [path for asked in encoding.asked for path in asked]
        (shared,) = {path.segments[0] for path in paths}
        assert shared == (0, *lm.tokenizer("T:")["input_ids"])
        for line, learned in zip(rows, encoding.rows, strict=True):
            prompt = lm.tokenizer(f"T: {line.text}\nL:")["input_ids"]
            assert learned.tokens[: len(prompt) + 1] == (0, *prompt)


def test_solved_examples_stand_before_each_prompt_as_it_is_written(lm, stock_lm):
    examples = [{"text": "dull", "label": "bad"}, {"text": "lovely", "label": "good"}]
    task, rows = task_of(lm, examples=examples, template="{text}:"), rows_of(10)
    rows = [row(line.text[:9].strip(), line.label, n) for n, line in enumerate(rows)]
    lines, _ = answered(lm, task, rows)
    for line, found in zip(rows, lines, strict=True):
        prompt = f"dull: the\n\nlovely: thin\n\n{line.text}:"
        whole = [brute_force(stock_lm, lm.tokenizer, prompt, f" {word}").sum() for word in ONE]
        expected = torch.stack(whole).softmax(0).tolist()
        assert [*found.scores.values()] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("word", ["the", " the"])
def test_an_example_shows_the_word_as_it_is_scored(lm, word):
    examples = [{"text": "dull", "label": "bad"}]
    for template, between in (("{text}:", " "), ("{text}:\n", word[:-3])):
        task = task_of(lm, template=template, words=(word, "and", "thin"), examples=examples)
        shown = lm.tokenizer.decode(task.encode([row("so")]).rows[0].tokens[1:])
        assert shown.startswith(f"{template.format(text='dull')}{between}the\n\n")
        (alone,) = {lm.tokenizer.decode(task.words[0])}
        assert alone == f"{between}the"


def test_a_space_stands_before_the_word_unless_the_prompt_ends_in_a_line_break(lm):
    spaced, broken = task_of(lm), task_of(lm, template="{text}\n")
    for task, gap in ((spaced, " "), (broken, "")):
        assert task.words == [tuple(lm.tokenizer(f"{gap}{word}")["input_ids"]) for word in ONE]
    assert task_of(lm, words=None).words == task_of(lm, words=LABELS).words


def test_without_bos_a_prompt_begins_with_its_own_first_token(lm):
    (learned,) = task_of(lm, bos=False).encode([row("so")]).rows
    assert learned.tokens == tuple(lm.tokenizer("T: so\nL:")["input_ids"])


@pytest.mark.parametrize("words", [ONE, SEVERAL])
@pytest.mark.parametrize("text", ["lovely film " * 30, "🙂🙁" * 80, "a" + "é " * 90])
def test_cutting_keeps_the_cue_and_as_much_of_the_text_as_fits(lm, words, text):
    task = task_of(lm, words=words, too_long="truncate", max_length=40)
    encoding = task.encode([row("short"), row(text, number=1)])
    assert encoding.truncated == 1
    longest = max(map(len, task.words))
    prompt = encoding.rows[1].tokens[: encoding.rows[1].positions[0] + 1]
    shown = lm.tokenizer.decode(prompt[1:])
    kept = shown.removeprefix("T: ").removesuffix("\nL:")
    assert shown == f"T: {kept}\nL:"
    assert kept
    assert text.startswith(kept)

    def tokens(text):
        return 1 + len(lm.tokenizer(f"T: {text.rstrip()}\nL:")["input_ids"]) + longest

    assert tokens(kept) <= 40
    further = next(end for end in range(len(kept), len(text)) if text[len(kept) : end].strip())
    assert tokens(text[:further]) > 40


def test_a_prompt_of_exactly_the_longest_length_is_not_cut(lm):
    length = 1 + len(lm.tokenizer("T: so thin\nL:")["input_ids"]) + 1
    for most, cut in ((length, 0), (length - 1, 1)):
        task = task_of(lm, max_length=most, too_long="truncate")
        assert task.encode([row("so thin")]).truncated == cut


def test_a_prompt_that_may_not_be_cut_is_refused_with_its_place(lm):
    with pytest.raises(DataError) as caught:
        task_of(lm).encode([row("so"), row("lovely " * 60, number=1)])
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("DATA-TRUNC", 3, "train.csv:3")
    assert error.expected == "at most 63"


def test_a_prompt_that_leaves_no_room_for_its_text_is_refused(lm):
    task = task_of(lm, max_length=8, too_long="truncate")
    with pytest.raises(DataError) as caught:
        task.encode([row("lovely " * 60)])
    assert (caught.value.code, caught.value.at) == ("DATA-TRUNC", "train.csv:2")
    assert "no room" in caught.value.problem


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("the", "the ", "film"), "'the' and 'the ' are the same tokens"),
        (("the", " the", "film"), "'the' and ' the' are the same tokens"),
        (("the", "", "film"), "'' is empty"),
        (("the", " ", "film"), "' ' is empty"),
        (("the", "film"), "2 words for 3 labels"),
    ],
)
def test_words_that_cannot_tell_the_labels_apart_are_refused(lm, words, problem):
    with pytest.raises(ConfigError) as caught:
        task_of(lm, words=words)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("TASK-VERBALIZER", 2, "task.words")
    assert problem in error.problem


@pytest.mark.parametrize("template", ["no field", "{text} {txt}", "{text} {text}", "{text}: "])
def test_a_template_without_its_text_is_refused(lm, template):
    with pytest.raises(ConfigError) as caught:
        task_of(lm, template=template)
    assert (caught.value.code, caught.value.exit_code) == ("TASK-TEMPLATE", 2)


def test_an_example_of_no_class_is_refused(lm):
    with pytest.raises(ConfigError) as caught:
        task_of(lm, examples=[{"text": "so", "label": "great"}])
    assert (caught.value.code, caught.value.at) == ("DATA-LABEL", "task.examples")


def test_a_prompt_without_content_that_cannot_be_read_is_refused(lm):
    for section in ({"content_free": "N/A " * 60}, {"template": "{text}", "content_free": ""}):
        task_of(lm, bos=False, **section)
        with pytest.raises(ConfigError) as caught:
            task_of(lm, bos=False, score="calibrated", **section)
        assert (caught.value.code, caught.value.at) == ("TASK-TEMPLATE", "task.content_free")


def test_a_prompt_without_a_token_is_refused(lm):
    with pytest.raises(DataError) as caught:
        task_of(lm, template="{text}", bos=False).encode([row("")])
    assert (caught.value.code, caught.value.at) == ("DATA-TEXT", "train.csv:2")


def test_a_reserved_token_in_a_text_is_plain_text_and_noted(lm):
    encoding = task_of(lm).encode([row("fine"), row("<|endoftext|>", number=1)])
    assert [learned.tokens.count(0) for learned in encoding.rows] == [1, 1]
    (note,) = encoding.notes
    assert note.startswith("1 texts contain a reserved token")


def test_the_score_holds_every_metric_that_is_named(lm):
    task, rows = task_of(lm), rows_of(12)
    lines, _ = answered(lm, task, rows)
    assert task.score(lines).metrics.keys() == set(task.metrics)
    assert task.baselines(rows, rows)
