"""`loratory merge`: a run as a plain transformers folder, from the command line and from Python."""

import json

import pytest

import loratory as package
from loratory.methods.lora import Lora


def test_json_has_the_keys_of_every_merge(loratory, film_run, tmp_path):
    ran = loratory("merge", film_run, "--out", tmp_path / "merged", "--rows", 4, "--json")
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert found.keys() == {"out", "certificate"}
    assert found["out"] == str(tmp_path / "merged")
    assert found["certificate"] == json.loads((tmp_path / "merged/certificate.json").read_text())
    keys = {"max_logit_difference", "metric_difference", "rows", "tolerance"}
    assert keys <= found["certificate"].keys()
    assert found["certificate"]["rows"] == 4


def test_a_person_sees_where_it_is_how_far_off_and_how_to_use_it(loratory, film_run, tmp_path):
    ran = loratory("merge", film_run, "--out", tmp_path / "merged")
    assert (ran.code, ran.err) == (0, "")
    assert f"model: {tmp_path / 'merged'}" in ran.out
    assert "on 9 validation rows (allowed: 2e-05)" in ran.out
    assert "as GPT2ForSequenceClassification reads it: " in ran.out
    assert "accuracy: " in ran.out
    assert "how to read: A text's class is that of its largest logit. Put <|endoftext|>" in ran.out


def test_a_file_can_be_named(loratory, film_run, films, tmp_path):
    arguments = ("--file", films / "test.csv", "--tolerance", "0.5", "--json")
    ran = loratory("merge", film_run, "--out", tmp_path / "merged", *arguments)
    found = json.loads(ran.out)["certificate"]
    assert (found["split"], found["rows"], found["tolerance"]) == ("file", 7, 0.5)


def test_a_model_that_is_not_the_runs_exits_with_7_and_leaves_nothing(
    loratory, film_run, tmp_path, monkeypatch
):
    def forgotten(_method, base):
        for name, module in list(base.network.named_modules()):
            if name.endswith("c_attn"):
                base.network.set_submodule(name, module.base)
        fold(_method, base)

    fold = Lora.fold
    monkeypatch.setattr(Lora, "fold", forgotten)
    ran = loratory("merge", film_run, "--out", tmp_path / "merged", "--json")
    assert ran.code == 7
    assert json.loads(ran.out)["error"]["code"] == "NUM-MERGE"
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--rows", "0"), ("--tolerance", "0"), ("--tolerance", "nan"), ("--tolerance", "inf")],
)
def test_numbers_out_of_range_are_refused(loratory, film_run, tmp_path, flag, value):
    ran = loratory("merge", film_run, "--out", tmp_path / "merged", flag, value)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[CFG-RANGE]")
    assert flag in ran.err


def test_a_folder_to_write_must_be_named(loratory, film_run):
    ran = loratory("merge", film_run)
    assert ran.code == 2
    assert "--out" in ran.err


def test_from_python_it_is_the_same(film_run, tmp_path):
    merged = package.merge(str(film_run), str(tmp_path / "merged"), rows=3)
    assert merged.out == tmp_path / "merged"
    assert merged.certificate["rows"] == 3
    assert merged.certificate == json.loads((merged.out / "certificate.json").read_text())
