"""The page of settings: every key of the schema once, and the one in docs/ is what it makes now."""

import re

import pytest

from benchmarks.settings import PAGE, anchor, page, table
from loratory.recipe.known_keys import ANY, ITEM, known_keys

TEXT = page()
HEADINGS = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)


def lines_of(heading):
    """Return the rows of the tables under a heading, up to the next one."""
    return [line for line in section(heading).splitlines() if line.startswith("| `")]


def section(heading):
    return re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", TEXT, re.DOTALL | re.MULTILINE)[
        1
    ]


def rows(heading):
    """Return the cells behind each key under a heading."""
    cells = [line[2:-2].split(" | ") for line in lines_of(heading)]
    return {key.strip("`"): rest for key, *rest in cells}


def about(heading):
    """Return the section that a heading is about, without the kinds that it names."""
    return re.split(r": | of ", heading)[0]


def test_docs_hold_the_page_that_the_schema_makes():
    assert PAGE.read_text(encoding="utf-8") == TEXT


def test_every_key_of_the_schema_is_on_the_page():
    on_page = {(about(heading), key) for heading in HEADINGS for key in rows(heading)}
    on_page |= {(path, "kind") for path in re.findall(r"^`(\S+)\.kind`: ", TEXT, re.MULTILINE)}
    keys = set()
    for path in known_keys():
        named = [part for part in path if part not in (ANY, ITEM)]
        if path and path[-1] == named[-1]:
            keys.add((".".join(named[:-1]) or "Settings", path[-1]))
    assert on_page == keys


def test_no_section_says_a_key_twice_in_the_same_words():
    said = [(about(heading), line) for heading in HEADINGS for line in lines_of(heading)]
    assert len({*said}) == len(said) == TEXT.count("\n| `")


def test_a_row_says_what_a_key_takes_its_default_and_what_it_means():
    assert rows("training")["epochs"] == [
        "a whole number >= 1",
        "`1`",
        "Passes over the training rows.",
    ]
    assert rows("method: peft")["folder"][1] == "required"
    assert rows("training")["patience"][1] == "absent"
    assert rows("task: label_words")["template"][1] == r'`"Text: {text}\nLabel:"`'


def test_a_section_says_where_its_keys_are_and_what_is_not_its_own_default():
    decoding = "[a section of settings](#taskdecoding-of-written_qa-and-word_problem)"
    assert rows("task: word_problem")["decoding"][:2] == [decoding, "`max_new_tokens: 160`"]
    assert rows("task: written_qa")["decoding"][:2] == [decoding, "as in its table"]
    assert rows("Settings")["method"][1] == "`kind: lora`"


def test_kinds_are_listed_and_share_a_table_of_what_is_alike():
    assert "`sweep.kind`: [grid](#sweep-grid) (the default), [points]" in section("sweep")
    assert rows("sweep")["seeds"][0] == "all"
    assert rows("task")["labels"][0] == "classify, label_words"
    assert "From the table above: `labels`.\n" in section("task: classify")


def test_links_lead_to_headings():
    pages = [path.read_text(encoding="utf-8") for path in PAGE.parent.rglob("*.md")]
    within = re.findall(r"\]\(#([^)]+)\)", TEXT)
    into = [part for text in pages for part in re.findall(r"settings\.md#([^)]+)\)", text)]
    anchors = [anchor(heading) for heading in HEADINGS]
    assert within
    assert into
    assert {*within, *into} <= {*anchors}
    assert len({*anchors}) == len(anchors)


@pytest.mark.parametrize("cell", ["a | b", "|"])
def test_a_cell_does_not_end_at_a_bar(cell):
    assert table(["key"], [[cell]]).splitlines()[-1] == f"| {cell.replace('|', chr(92) + '|')} |"
