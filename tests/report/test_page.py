"""The page: one file, nothing loaded, nothing run, everything said, every text escaped."""

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loratory.report.account import accounted
from loratory.report.page import render_page
from loratory.report.plots import draw_plots
from loratory.report.read import read_run
from loratory.report.record import RunResult

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """The elements of a page with their attributes, its words, and whether every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.words, self.open = [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).replace("\u202f", " ").split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def rendered(record):
    record, account = accounted(record)
    return render_page(record, account, draw_plots(record, account))


@pytest.fixture(scope="module")
def html(complete_run):
    return rendered(read_run(complete_run))


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_every_tag_is_closed(page):
    assert page.open == []


def test_nothing_is_loaded_and_nothing_runs(page, html):
    loaded = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "data", "action", "poster"}
    ]
    assert loaded
    assert all(value.startswith("data:image/svg+xml;base64,") for value in loaded)
    assert not {"script", "link", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not [name for _, attributes in page.elements for name in attributes if name[:2] == "on"]
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in html


def test_no_plot_loads_anything_either(page):
    for image in page.named("img"):
        svg = b64decode(image["src"].split(",", 1)[1]).decode()
        loaded = re.findall(r'(?:href|src)="([^"]*)"', svg)
        assert all(value.startswith(("#", "data:image/png")) for value in loaded)
        assert image["alt"]


def test_the_page_is_small(html):
    assert len(html.encode()) < 3_000_000


def test_the_main_number_stands_with_its_interval_its_rows_and_what_chose_it(page, complete_run):
    low, high = read_run(complete_run).result.intervals["accuracy"]
    assert "gpt2-tiny tuned with LoRA on rotten_tomatoes" in page.text
    assert "87.5 % accuracy on 40 validation rows" in page.text
    assert f"95 % interval {low * 100:.1f} to {high * 100:.1f} %" in page.text
    assert "The same validation rows also chose the checkpoint" in page.text


@pytest.mark.parametrize(
    "words",
    [
        "TF-IDF + logistic regression",
        "majority class",
        "Matthews correlation",
        "calibration error",
        "Brier score",
        "Precision, recall and F1 are those of the class “positive”.",
        "3 min 42 s",
        "413",
        "1,104 MB",
        "1.78 % of 136,958",
        "9.8 MB",
        "3 to 77, 95 % up to 44",
        "train.csv: 2 texts carry different labels",
        "learning_rate: 0.0005",
        '"torch": "2.13.0"',
        '/tiny-20260114-120233 "a text"',
        "14 January 2026",
    ],
)
def test_the_page_says(page, words):
    assert words in page.text


def test_the_headlines_split_comes_before_the_others(record):
    scores = record.result.evaluation["validation"]
    result = record.result.model_copy(update={"evaluation": {"test": scores, "validation": scores}})
    captions = re.findall("<caption>(.*?),", render_page(replace(record, result=result), None, {}))
    assert captions == ["validation", "test"]


def test_mistakes_are_counted_and_the_surest_comes_first(page):
    assert "5 of 40 validation rows are answered wrongly" in page.text
    ids = re.findall(r"validation/(\d+)", page.text)
    assert ids == ["33", "26", "17", "9", "3"]
    assert "93.0 % هذا فيلم رائع 🎬 validation/33 predicted negative target positive" in page.text


def test_texts_are_shown_as_they_are_and_never_obeyed(page, html):
    assert "<script>alert('x')</script> <img src=http://example.org/x.png>" in page.text
    assert "{{ 7 * 7 }} & {% raw %}" in page.text
    assert "<script" not in html
    assert len(page.named("bdi")) == 15


def test_names_out_of_files_are_escaped_wherever_they_stand(record):
    evil = "<i onmouseover='x()'>\"&"
    changed = replace(
        record,
        name=evil,
        recipe={"base": evil, "task": {"kind": evil}, "data": {"name": evil}},
        recipe_text=evil,
        environment={evil: evil},
        result=record.result.model_copy(
            update={"warnings": [evil], "labels": [evil, "b"], "stopped": evil, "rows": {evil: 1}}
        ),
        problems=(evil,),
    )
    html = render_page(changed, None, {})
    assert "<i " not in html
    assert "&lt;i onmouseover" in html


def test_warnings_and_missing_files_come_before_the_number(record):
    problem = "environment.json is not there: versions and machine are not known."
    html = render_page(replace(record, problems=(problem,)), None, {})
    assert html.index("2 texts carry") < html.index(problem) < html.index('class="number"')


def test_a_warning_that_is_in_the_log_and_in_the_result_is_shown_once(record):
    again = {"event": "warning", "message": "train.csv: 2 texts carry different labels"}
    other = {"event": "warning", "message": "step 3: the gradient was large"}
    html = render_page(replace(record, events=[*record.events, again, other]), None, {})
    assert html.count("2 texts carry different labels") == 1
    assert html.count("the gradient was large") == 1


def test_commands_name_the_folder_as_it_was_given(record):
    page = Page(render_page(replace(record, folder=Path("my trials/7")), None, {}))
    assert "loratory predict 'my trials/7' " in page.text


def test_an_unfinished_run_says_how_to_go_on(record):
    page = Page(render_page(replace(record, result=RunResult()), None, {}))
    assert f"loratory train --resume {record.folder}" in page.text
    assert "loratory predict" not in page.text
    assert "bootstrap" not in page.text


def test_a_run_that_has_nothing_yet_still_has_a_page(record):
    empty = replace(record, recipe={}, result=RunResult(), events=[], predictions={})
    page = Page(render_page(empty, None, {}))
    assert page.open == []
    assert "has not been evaluated yet" in page.text


def test_a_finished_run_without_held_out_rows_is_used_and_not_gone_on_with(record):
    result = RunResult(steps=15, stopped="finished", rows={"train": 60})
    events = [event for event in record.events if event["event"] != "evaluation"]
    page = Page(rendered(replace(record, result=result, events=events, predictions={})))
    assert "No rows were held out, so there is no number to show." in page.text
    assert "loratory predict" in page.text
    assert "--resume" not in page.text
    assert "is not there" not in page.text


@pytest.mark.parametrize("kind", ["spans", "written", "texts"])
def test_a_page_of_any_task_is_whole(request, kind):
    page = Page(rendered(request.getfixturevalue(kind)))
    assert page.open == []
    assert "None" not in page.text
    assert "nan" not in page.text.split()


def test_questions_are_asked_from_a_file_and_texts_are_gone_on_with(spans, written, texts):
    for record in (spans, written):
        words = Page(rendered(record)).text
        assert f"loratory predict {record.folder} --file questions.json" in words
        assert f"loratory evaluate {record.folder} --file questions.json" in words
    words = Page(rendered(texts)).text
    assert f'loratory generate {texts.folder} "a beginning"' in words
    assert f"loratory evaluate {texts.folder} --file texts.txt" in words


def test_a_run_that_prefers_answers_is_asked_to_write(record):
    result = record.result.model_copy(update={"task": "preference"})
    words = Page(rendered(replace(record, result=result))).text
    assert f'loratory generate {record.folder} "a prompt"' in words
    assert "loratory predict" not in words


def test_of_a_task_that_nobody_knows_no_use_is_told(record):
    result = record.result.model_copy(update={"task": "juggling"})
    words = Page(rendered(replace(record, result=result))).text
    assert "juggling" in words
    assert "Use it" not in words


def test_answers_stand_beside_the_right_ones_in_two_sheets(spans):
    page = Page(rendered(spans))
    assert "Most confident mistakes" in page.text
    assert "Of 40 validation questions 20, drawn by their ids alone" in page.text
    assert re.search(r"right What is it, \d+\? q\d+ answer the door right the ", page.text)
    assert "answer no answer right no answer" in page.text


def test_texts_are_listed_and_never_obeyed(texts):
    html = rendered(texts)
    assert "&lt;b&gt;text&lt;/b&gt; 19 word" in html
    words = Page(html).text
    assert "perplexity (lower is better) on 20 validation rows" in words
    assert "The hardest first" in words
    assert "The longest first" in words


def test_one_row_makes_a_page(spans, texts):
    for record in (spans, texts):
        lines = record.predictions["validation"][:1]
        scores = record.evaluation.model_copy(update={"rows": 1})
        result = record.result.model_copy(update={"evaluation": {"validation": scores}})
        page = Page(rendered(replace(record, result=result, predictions={"validation": lines})))
        assert page.open == []
        assert "on 1 validation row " in page.text
