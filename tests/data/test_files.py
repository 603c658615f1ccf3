"""Files that can be read, and what is said of those that cannot."""

import os

import pytest

from loratory.data.files import file_content, missing_file
from loratory.errors import DataError


def refused(path):
    with pytest.raises(DataError) as caught:
        file_content(path)
    assert caught.value.code == "DATA-FILE"
    return caught.value


def test_a_file_is_read_to_the_byte(tmp_path):
    (tmp_path / "train.csv").write_bytes(b"a\r\n\x00\xff")
    assert file_content(tmp_path / "train.csv") == b"a\r\n\x00\xff"


def test_a_missing_file_is_named_in_full_with_the_nearest_names(tmp_path, monkeypatch):
    for name in ("train.csv", "validation.csv", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    error = refused(tmp_path.relative_to(tmp_path) / "trian.csv")
    assert error.at == str(tmp_path / "trian.csv")
    assert "train.csv" in error.fix
    assert "notes.txt" not in error.fix


def test_a_missing_folder_is_looked_for_in_the_folder_above(tmp_path):
    (tmp_path / "reviews").mkdir()
    error = missing_file(tmp_path / "review" / "deep" / "train.csv")
    assert error.at == str(tmp_path / "review" / "deep" / "train.csv")
    assert error.fix.endswith(f"in {tmp_path} there is reviews")


def test_an_empty_folder_holds_nothing(tmp_path):
    assert missing_file(tmp_path / "train.csv").fix.endswith("there is nothing")


def test_a_folder_is_not_read(tmp_path):
    assert "a folder" in refused(tmp_path).headline


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "train.csv")
    assert "a device or pipe" in refused(tmp_path / "train.csv").headline


def test_a_path_below_a_file_is_missing(tmp_path):
    (tmp_path / "train.csv").touch()
    assert "there is no such file" in refused(tmp_path / "train.csv" / "x").problem


def test_a_path_that_no_system_takes_is_refused(tmp_path):
    assert "cannot be read" in refused(tmp_path / "train\0.csv").problem
    assert "cannot be read" in refused(tmp_path / ("x" * 5000)).problem
