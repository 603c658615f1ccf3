"""Film reviews as pairs: who is paired with whom, and that the judge has sentences of its own."""

from dataclasses import replace

import pytest

from loratory.data.load import load_dataset
from loratory.data.readers import Table
from loratory.data.records import Record
from loratory.data.review_pairs import judge_tables, pair_tables, text_tables
from loratory.data.rows import plain
from loratory.data.texts import normalised
from loratory.errors import DataError
from loratory.recipe.schema import DataSection

SENTENCES = [
    ("a quiet film about love and loss", 1),
    ("a quiet film that goes on forever", 0),
    ("a quiet hour with nothing in it", 0),
    ("a joy from its first to its last minute", 1),
    ("dull , dull and dull again", 0),
    ("a quiet film", 1),
] + [(f"number {n} is one of many such films", n % 2) for n in range(60)]


@pytest.fixture
def tables():
    records = [Record(f"t:{n}", sentence) for n, sentence in enumerate(SENTENCES)]
    return {"train": Table(records, "t", "digest")}


def texts_of(tables):
    return {record.values[0] for record in tables["train"].records}


def test_a_third_is_the_judges_and_the_rest_is_not(tables):
    judges, others = texts_of(judge_tables(tables)), texts_of(text_tables(tables))
    assert judges | others == {text for text, _ in SENTENCES}
    assert not judges & others
    assert 0.2 < len(judges) / len(SENTENCES) < 0.47


def test_pairs_open_alike_and_each_sentence_is_used_once(tables):
    labels, others = dict(SENTENCES), texts_of(text_tables(tables))
    used = []
    for record in pair_tables(tables)["train"].records:
        chosen, rejected, prompt = record.values
        assert labels[prompt + chosen] == 1
        assert labels[prompt + rejected] == 0
        used += [prompt + chosen, prompt + rejected]
    assert used
    assert len(set(used)) == len(used)
    assert set(used) <= others


def test_malformed_sentences_are_faults_behind_the_same_pairs(tables):
    pairs = pair_tables(tables)["train"].records
    fault = DataError("DATA-JSON", "no JSON", at="t:98", fix="mend it")
    spoiled = [Record("t:97", ("number 3 is of no class", 7)), Record("t:99", (None, 1)), fault]
    tables["train"] = replace(tables["train"], records=[*spoiled, *tables["train"].records])
    found = pair_tables(tables)["train"].records
    assert found[: len(pairs)] == pairs
    faults = {one.at: one.code for one in found[len(pairs) :]}
    assert faults == {"t:97": "DATA-LABEL", "t:99": "DATA-TEXT", "t:98": "DATA-JSON"}


def test_longer_openings_come_first(tables):
    prompts = [record.values[2].split() for record in pair_tables(tables)["train"].records]
    lengths = [len(prompt) for prompt in prompts]
    assert lengths == sorted(lengths, reverse=True)


def test_of_the_real_sentences_no_judges_one_is_in_a_pair(shared_data):
    def rows(name, reads):
        section = DataSection(name=name, dir=str(shared_data))
        return [row for part in load_dataset(section, reads).splits.values() for row in part]

    judges = {normalised(row.text) for row in rows("rotten_tomatoes_judge", "labelled")}
    pairs = rows("rotten_tomatoes_pairs", "pairs")
    assert len(pairs) > 1500
    for row in pairs:
        for answer in (row.chosen, row.rejected):
            assert normalised(plain(row.prompt) + plain(answer)) not in judges
