"""Exports that are kept: of every kind a certificate or a reason, and the table of them."""

import pytest

from benchmarks import certificates
from benchmarks.certificates import KINDS, certified, section
from loratory.errors import NumericsError
from loratory.runs.json_files import write_json


@pytest.fixture
def exports(film_run, monkeypatch):
    monkeypatch.setattr(certificates, "KINDS", ("transformers", "gguf"))
    return certified(film_run, rows=4)


def test_every_kind_leaves_its_certificate_or_the_reason(exports):
    whole = exports["transformers"]
    assert whole["certificate"]["rows"] == 4
    assert whole["bytes"] > 0
    assert "gguf" in KINDS
    assert "refused" in exports["gguf"]


def test_the_table_has_a_row_for_each_kind_that_was_written(exports, tmp_path):
    write_json(tmp_path / "film.json", {"name": "film", "exports": exports})
    rows = [line for line in section(tmp_path).splitlines() if line.startswith("| film |")]
    assert len(rows) == 1
    assert rows[0].startswith("| film | transformers | 4 |")
    assert " 2e-05 | 0 | accuracy | " in rows[0]


def test_what_was_refused_stands_below_the_table(exports, tmp_path):
    write_json(tmp_path / "film.json", {"name": "film", "exports": exports})
    refused = section(tmp_path).partition("Refused:\n\n")[2]
    assert refused.startswith("- film to gguf: the run cannot be exported to GGUF: ")
    del exports["gguf"]
    write_json(tmp_path / "film.json", {"name": "film", "exports": exports})
    assert "Refused" not in section(tmp_path)


def test_an_export_that_computes_something_else_is_refused_with_what_was_found(
    film_run, monkeypatch
):
    def differs(*_, **__):
        raise NumericsError("NUM-EXPORT", "it differs", got="93 %", expected="97 %", fix="none")

    monkeypatch.setattr(certificates, "KINDS", ("onnx-int8",))
    monkeypatch.setattr(certificates.loratory, "export", differs)
    said = {"refused": "it differs, got 93 %, expected 97 %"}
    assert certified(film_run, rows=4) == {"onnx-int8": said}


def test_without_exports_there_is_no_section(tmp_path):
    assert section(tmp_path) == ""
