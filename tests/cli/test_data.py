"""`loratory data check`: what the rows look like before anything is trained on them."""

import json

import pytest


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


def test_training_rows_that_are_never_read_have_no_tokens(loratory, film_recipe):
    task = ("task={kind: label_words}", "method=null", "method.kind=none")
    ran = loratory("data", "check", film_recipe, *task, "--json")
    found = json.loads(ran.out)["splits"]
    assert (found["train"]["tokens"], found["train"]["truncated"]) == (None, 0)
    assert found["test"]["tokens"]["min"] > 0
    assert loratory("data", "check", film_recipe, *task).code == 0


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


CONTEXT = "Two foxes sleep under the old oak near"


@pytest.fixture
def squad_recipe(gpt2_folder, tmp_path):
    """Return a recipe of questions: two contexts in the training file, one in the other."""

    def document(*articles):
        data = [
            {
                "title": name,
                "paragraphs": [
                    {
                        "context": f"{CONTEXT} {name}.",
                        "qas": [
                            {"id": f"{name}-0", "question": "Who sleeps?", **FOUND},
                            {"id": f"{name}-1", "question": "Who barks?", **NOTHING},
                        ],
                    }
                ],
            }
            for name in articles
        ]
        return json.dumps({"data": data})

    (tmp_path / "train.json").write_text(document("Rome", "Oslo"))
    (tmp_path / "test.json").write_text(document("Bonn"))
    path = tmp_path / "squad.yaml"
    path.write_text(
        f"base: {gpt2_folder}\n"
        "task: {kind: span_qa, unanswerable: true, max_length: 60, stride: 8, threshold_rows: 2}\n"
        f"data: {{train: {tmp_path / 'train.json'}, test: {tmp_path / 'test.json'}}}\n"
    )
    return path


FOUND = {"answers": [{"text": "Two foxes", "answer_start": 0}]}
NOTHING = {"answers": [], "is_impossible": True}


def test_of_questions_a_person_sees_answers_contexts_and_lengths(loratory, squad_recipe, tmp_path):
    ran = loratory("data", "check", squad_recipe)
    assert ran.code == 0, ran.err
    assert "classes" not in ran.out
    assert "unanswerable 1" in ran.out
    for split, file in (("train", "train.json"), ("test", "test.json")):
        assert f"{split}: {tmp_path / file}" in ran.out
        assert f"{split}: contexts 1, articles 1" in ran.out
    assert f"threshold: held out of {tmp_path / 'train.json'}" in ran.out
    lengths = "context 44/44/44/44, question 10/10/11/11, answer 9/9/9/9"
    assert f"test: characters min/median/95 %/max: {lengths}" in ran.out
    assert "questions in both train and test: 0" in ran.out
    assert "questions answerable here and unanswerable there: 0" in ran.out


def test_of_questions_json_has_the_same_numbers(loratory, squad_recipe):
    found = json.loads(loratory("data", "check", squad_recipe, "--json").out)
    assert found["splits"].keys() == {"train", "threshold", "test"}
    test = found["splits"]["test"]
    assert (test["rows"], test["classes"]) == (2, {})
    assert test["questions"] == {
        "articles": 1,
        "contexts": 1,
        "known_contexts": 0,
        "answerable": 1,
        "unanswerable": 1,
        "question": {"min": 10, "median": 10, "p95": 11, "max": 11},
        "answer": {"min": 9, "median": 9, "p95": 9, "max": 9},
    }


def test_plain_texts_have_no_classes_and_no_conflicts(loratory, gpt2_folder, tmp_path):
    (tmp_path / "train.txt").write_text("one\n\ntwo\nlines\n\none\n")
    (tmp_path / "texts.yaml").write_text(
        f"base: {gpt2_folder}\ntask: {{kind: text}}\ndata: {{train: {tmp_path / 'train.txt'}}}\n"
    )
    ran = loratory("data", "check", tmp_path / "texts.yaml")
    assert ran.code == 0, ran.err
    assert f"train: {tmp_path / 'train.txt'}" in ran.out
    assert "1 of 3 train rows repeat an earlier row's text" in ran.err
    for absent in ("classes", "questions", "label", "contexts"):
        assert absent not in ran.out
