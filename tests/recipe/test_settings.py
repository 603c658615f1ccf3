"""Values and their places."""

import pytest

from loratory.errors import ConfigError
from loratory.recipe.settings import COMMAND_LINE, Settings, check_scalar, dotted


@pytest.fixture
def settings():
    return Settings(
        {"base": "gpt2", "training": {"epochs": 3}},
        {
            (): "r.yaml:1 ",
            ("base",): "r.yaml:1 ",
            ("training",): "r.yaml:2 ",
            ("training", "epochs"): "r.yaml:3 ",
        },
    )


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("training", "epochs"), "r.yaml:3 training.epochs"),
        (("training", "seed"), "r.yaml:2 training.seed"),
        (("data",), "r.yaml:1 data"),
    ],
)
def test_a_place_is_the_nearest_line_and_the_key(settings, path, place):
    assert settings.place(path) == place


def test_what_is_put_has_the_place_of_what_put_it(settings):
    settings.put(("training", "epochs"), 5, COMMAND_LINE)
    assert settings.values["training"] == {"epochs": 5}
    assert settings.place(("training", "epochs")) == "command line: training.epochs"
    assert settings.place(("training",)) == "r.yaml:2 training"


def test_a_section_that_an_override_makes_has_the_override_as_its_place(settings):
    settings.put(("data", "limit", "train"), 5, COMMAND_LINE)
    assert settings.values["data"] == {"limit": {"train": 5}}
    assert settings.place(("data",)) == "command line: data.limit.train"


def test_replacing_a_section_forgets_the_lines_within_it(settings):
    settings.put(("training",), {"epochs": 0}, COMMAND_LINE)
    assert settings.place(("training", "epochs")) == "command line: training.epochs"


def test_removing_leaves_the_neighbours_alone(settings):
    settings.remove(("training", "epochs"), COMMAND_LINE)
    settings.remove(("training", "no_such_key"), COMMAND_LINE)
    assert settings.values == {"base": "gpt2", "training": {}}


def test_an_override_within_a_section_is_found(settings):
    assert settings.overridden_within(("training",)) == ("training",)
    settings.put(("training", "epochs"), 5, COMMAND_LINE)
    assert settings.overridden_within(("training",)) == ("training", "epochs")


def test_a_value_has_no_settings_below_it(settings):
    with pytest.raises(ConfigError, match=r"CFG-TYPE.*base is one value.*base\.name"):
        settings.put(("base", "name"), 1, COMMAND_LINE)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("task", "labels", 1), "task.labels[1]"),
        (("a\nb",), r"'a\nb'"),
        (("x" * 1000,), "'" + "x" * 40 + "'"),
        ((), ""),
    ],
)
def test_paths_are_shown_on_one_short_line(path, shown):
    assert dotted(path) == shown


@pytest.mark.parametrize("text", ["a\0b", "\x1b[31m", "\ud800", "\x7f", "\x85"])
def test_text_that_cannot_be_printed_is_refused(text):
    with pytest.raises(ConfigError, match=r"CFG-TYPE.*U\+") as caught:
        check_scalar(text, "here")
    assert text not in str(caught.value)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**300])
def test_whole_numbers_beyond_a_machine_word_are_refused(number):
    with pytest.raises(ConfigError, match=r"CFG-RANGE.*too large"):
        check_scalar(number, "here")


@pytest.mark.parametrize("value", [2**63 - 1, "a\tb\nü 😀\u2028\ufffe", 1e300, None, True])
def test_ordinary_values_pass(value):
    check_scalar(value, "here")
