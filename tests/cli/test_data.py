"""`loratory data check`: what the rows look like before anything is trained on them."""

import json


def test_json_has_every_split_and_what_they_share(loratory, film_recipe, films):
    ran = loratory("data", "check", film_recipe, "--json")
    found = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, "")
    rows = {split: numbers["rows"] for split, numbers in found["splits"].items()}
    assert rows == {"train": 22, "validation": 9, "test": 7}
    train = found["splits"]["train"]
    assert train["classes"] == {"negative": 11, "positive": 11}
    assert train["source"] == str(films / "train.csv")
    assert 0 < train["tokens"]["min"] < train["tokens"]["median"] < train["tokens"]["max"]
    assert (found["conflicts"], found["leaks"], found["warnings"]) == (
        0,
        {"validation": 0, "test": 0},
        [],
    )
    assert set(found["shared"].values()) <= {0}


def test_a_person_sees_a_table_sources_and_repeats(loratory, film_recipe, films):
    ran = loratory("data", "check", film_recipe)
    assert ran.code == 0
    for split in ("train", "validation", "test"):
        assert f"{split}: {films / f'{split}.csv'}" in ran.out
    assert "negative 11" in ran.out
    assert "rows with another label than their text had before: 0" in ran.out


def test_settings_can_be_changed_and_faults_are_warned_of(loratory, film_recipe, films, tmp_path):
    path = tmp_path / "train.csv"
    text = (films / "train.csv").read_text()
    first = text.splitlines()[1].rsplit(",", 1)[0]
    path.write_text(text + f"{first},negative\n{first},negative\n")
    ran = loratory("data", "check", film_recipe, f"data.train={path}")
    assert ran.code == 0
    assert "rows with another label than their text had before: 2" in ran.out
    assert "warning: " in ran.err
    found = json.loads(loratory("data", "check", film_recipe, f"data.train={path}", "--json").out)
    assert (found["conflicts"], found["splits"]["train"]["duplicates"]) == (2, 2)


def test_a_wrong_row_is_refused(loratory, film_recipe, tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("text,label\n,positive\n")
    ran = loratory("data", "check", film_recipe, f"data.train={path}")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error[DATA-TEXT]: empty text, at train.csv:2")


def test_without_a_verb_it_helps(loratory):
    assert "check" in loratory("data", "--help").out
