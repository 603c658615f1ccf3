"""Where the cache is."""

from pathlib import Path

from loratory.data.cache import cache_folder


def test_the_user_chooses_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LORATORY_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LORATORY_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


def test_without_a_choice_it_is_the_system_s(monkeypatch):
    monkeypatch.delenv("LORATORY_CACHE")
    assert cache_folder().name == "loratory"
    assert Path.home() in cache_folder().parents
