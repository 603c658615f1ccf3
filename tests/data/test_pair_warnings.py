"""Swapped columns show in lengths, and labels in how few they are."""

from loratory.data.pair_warnings import pair_warnings
from loratory.data.rows import PairRow, TextRow


def pairs(count, *, chosen=" long enough {}", rejected=" no {}", prompt="the {}"):
    texts = [[text.format(n) for text in (prompt, chosen, rejected)] for n in range(count)]
    return [PairRow(f"train/{n}", *text, "a") for n, text in enumerate(texts)]


def test_longer_chosen_answers_are_told_to_say_it_all():
    (warning,) = pair_warnings({"train": pairs(30)})
    assert "the chosen answer is the longer one in 100% of the train pairs" in warning


def test_longer_rejected_answers_ask_whether_the_columns_are_swapped():
    rows = pairs(30, chosen=" no {}", rejected=" long enough {}")
    (warning,) = pair_warnings({"train": rows})
    assert "data.chosen and data.rejected swapped?" in warning


def test_files_of_which_one_is_swapped_are_told_of():
    rows = pairs(20) + pairs(10, chosen=" no {}", rejected=" yes {}")
    swapped = pairs(30, chosen=" no {}", rejected=" long enough {}")
    found = pair_warnings({"train": rows, "validation": swapped})
    assert any("swapped in one file" in warning for warning in found)


def test_few_different_answers_look_like_labels():
    found = pair_warnings({"train": pairs(40, chosen=" yes", rejected=" not {}")})
    assert any("the 40 train pairs have 1 different chosen answers" in text for text in found)


def test_few_pairs_and_other_rows_are_not_judged():
    text = TextRow("train/0", "a", "a")
    assert pair_warnings({"train": pairs(5), "validation": [text] * 50}) == []


def test_answers_that_are_their_prompts_are_told_of():
    found = pair_warnings({"train": pairs(30, chosen="the {}")})
    assert "30 of 30 train pairs have their prompt as chosen answer" in found
