"""`loratory compare`: what a person sees, and what a program reads."""

import json

import loratory as package


def test_json_is_what_python_returns(loratory, make_run):
    runs = [make_run("a", 0.9), make_run("b", 0.6, r=4)]
    ran = loratory("compare", *runs, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == package.compare(runs).to_json()


def test_a_person_sees_the_runs_and_the_pairs_that_differ(loratory, make_run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    ran = loratory("compare", make_run("a", 0.9), make_run("b", 0.6, r=4), "--split", "validation")
    assert (ran.code, ran.err) == (0, "")
    assert "accuracy on 200 validation rows, 95 % intervals" in ran.out
    assert "1 of 1 pairs differ" in ran.out
    assert "McNemar" in ran.out
    assert "not beaten at the same or lower seconds, trainable, adapter MB: r=8, r=4" in ran.out
    assert "not beaten at the same or lower peak MB: r=8\n" in ran.out
    assert "also chose the checkpoint" in ran.out


def test_runs_that_cannot_be_told_apart_are_said_to_be_so(loratory, make_run):
    ran = loratory("compare", make_run("a", 0.9), make_run("b", 0.9, seed=1), "--each")
    assert "No two can be told apart on these rows." in ran.out


def test_a_page_is_written_where_it_was_asked_for(loratory, make_run, tmp_path):
    ran = loratory("compare", make_run("a", 0.9), "--html", tmp_path / "page.html")
    assert f"page: {tmp_path / 'page.html'}" in ran.out
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_a_wrong_metric_is_one_line_and_a_fix(loratory, make_run):
    ran = loratory("compare", make_run("a", 0.9), "--metric", "acuracy")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[CFG-UNKNOWN]: the run has no such metric on these rows, at")
