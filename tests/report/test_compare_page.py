"""The page of a comparison: all that it promises, in one file that loads nothing."""

import re
from html.parser import HTMLParser

import pytest
from tests.compared_runs import maker

from loratory.experiments.compare import compare
from loratory.report.compare_curves import SMOOTHINGS
from loratory.report.compare_page import write_comparison


class Page(HTMLParser):
    """The tags of a page and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    make_run = maker(folder)
    good = [make_run(f"good-seed{seed}", 0.9, seed=seed) for seed in range(2)]
    bad = make_run("bad", 0.6, r=4, learning_rate=0.0001)
    for run in (*good, bad):
        (run / "report.html").write_text("")
    (folder / "pages").mkdir()
    path = folder / "pages" / "compare.html"
    write_comparison(compare([*good, bad]), path)
    return path.read_text(encoding="utf-8")


def test_it_loads_nothing_and_says_so_to_the_browser(page):
    assert not re.findall(r"(?:src|href)=\"(?!data:|\.\./(?:bad|good-seed[01])/report)", page)
    assert "url(" not in page
    (policy,) = [m for m in Page(page).all("meta") if "http-equiv" in m]
    assert "default-src 'none'" in policy["content"]


def test_it_has_every_part(page):
    found = Page(page)
    for heading in ("Runs", "Settings that differ", "Differences", "Quality for its cost"):
        assert heading in found.text
    for heading in ("What each setting does", "Training", "Data"):
        assert heading in found.text
    alts = " ".join(image["alt"] for image in found.all("img"))
    for what in ("Differences of 1 pairs", "training time", "method.r", "Training loss"):
        assert what in alts
    assert "train: 2 texts were cut at task.max_length" in found.text
    assert "method.r" in found.text
    assert "method.lora_alpha" not in found.text


def test_the_runs_own_reports_are_linked_from_where_the_page_is(page):
    assert [link["href"] for link in Page(page).all("a")] == [
        "../good-seed0/report.html",
        "../good-seed1/report.html",
        "../bad/report.html",
    ]
    assert "seeds\N{NO-BREAK SPACE}0, 1" in Page(page).text
    assert "seed\N{NO-BREAK SPACE}0" in Page(page).text


def test_a_link_leads_to_a_folder_of_any_name(make_run, tmp_path):
    run = make_run("why? 50% #1", 0.9)
    (run / "recipe.yaml").write_text((run / "recipe.yaml").read_text().replace(run.name, "why"))
    (run / "report.html").write_text("")
    write_comparison(compare([run]), tmp_path / "page.html")
    (link,) = Page((tmp_path / "page.html").read_text(encoding="utf-8")).all("a")
    assert link["href"] == "why%3F%2050%25%20%231/report.html"


def test_without_a_script_the_table_is_there_and_one_smoothing_shows(page):
    found = Page(page)
    assert len([image for image in found.all("img") if "hidden" in image]) == len(SMOOTHINGS) - 1
    assert len([cell for cell in found.all("td") if "data-order" in cell]) == 2 * 9


def test_a_single_run_has_no_pairs_and_its_name_is_text(make_run, tmp_path):
    run = make_run("<b>a&b", 0.9)
    recipe = (run / "recipe.yaml").read_text().replace("name: <b>a&b", "name: ab")
    (run / "recipe.yaml").write_text(recipe)
    write_comparison(compare([run]), tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>a&b" not in text
    assert "<b>a&b has the best value" in Page(text).text
    assert "Differences" not in Page(text).text
