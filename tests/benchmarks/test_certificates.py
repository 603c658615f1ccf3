"""Exports that are kept: of every kind a certificate or a reason, and the table of them."""

import pytest

from benchmarks import certificates
from benchmarks.certificates import KINDS, certified, section
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


def test_without_exports_there_is_no_section(tmp_path):
    assert section(tmp_path) == ""
