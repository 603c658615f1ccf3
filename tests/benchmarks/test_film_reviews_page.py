"""The film-review study: its table, and its curve."""

import json

from benchmarks.film_reviews_page import NUMBERS, draw, section, table


def model(positive, drift):
    means = {"positive": positive, "gain": positive - 0.5, "drift": drift}
    return {"means": means, "intervals": {what: (m - 0.1, m + 0.1) for what, m in means.items()}}


FOUND = {
    "base": "tiny",
    "openings": 60,
    "samples": 16,
    "judge": {"metrics": {"accuracy": 0.86}},
    "models": {
        "supervised": model(0.5, 0.0),
        "DPO, beta 0.1": model(0.75, 3.25),
        "positives, 1 epoch": model(0.6, 4.0),
    },
}


def test_the_table_has_a_line_for_each_model_with_intervals():
    lines = table(FOUND).splitlines()
    assert "60 held-out openings, 16 sentences drawn after each" in lines[0]
    assert "right of 86.0%" in lines[0]
    assert "| DPO, beta 0.1 | 75.0% [65.0, 85.0] | 25.0 [15.0, 35.0] | 3.2 [3.1, 3.4] |" in lines
    assert len(lines) == 4 + len(FOUND["models"])


def test_the_page_shows_the_study_where_it_was_made(tmp_path):
    assert section(tmp_path) == ""
    (tmp_path / NUMBERS).write_text(json.dumps(FOUND))
    assert table(FOUND) in section(tmp_path)


def test_the_curve_names_every_model(tmp_path):
    draw(FOUND, tmp_path / "a.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert "<svg" in drawn
    assert "beta 0.1" in drawn
    assert "supervised" in drawn
