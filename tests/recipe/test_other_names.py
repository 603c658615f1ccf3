"""The names of other tools lead to keys that there are."""

import re

from loratory.recipe.known_keys import known_key, known_keys
from loratory.recipe.other_names import NOT_IN_A_RECIPE, OUR_KEYS, REMARKS
from loratory.recipe.settings import dotted

OURS = {dotted(path) for path in known_keys() if path}


def test_every_answer_is_a_key_of_ours():
    assert OUR_KEYS
    assert {*OUR_KEYS.values()} <= OURS


def test_keys_in_remarks_are_keys_of_ours():
    named = {key for remark in REMARKS.values() for key in re.findall(r"\b\w+\.\w+\b", remark)}
    assert named
    assert named <= OURS


def test_a_remark_about_what_to_write_names_the_key_of_the_answer():
    written = {
        OUR_KEYS[name]: found[1]
        for name, remark in REMARKS.items()
        if (found := re.search(r"write (\w+):", remark))
    }
    assert written
    assert [ours.rpartition(".")[2] for ours in written] == [*written.values()]


def test_remarks_on_the_method_name_every_kind_there_is():
    *kinds, last = known_key(("method",), {}).kinds
    words = f"it takes {', '.join(kinds)} or {last}"
    assert {REMARKS["adapter"], REMARKS["finetuning_type"]} == {words}


def test_remarks_are_about_names_of_the_table():
    assert REMARKS.keys() <= OUR_KEYS.keys()
    assert not NOT_IN_A_RECIPE.keys() & OUR_KEYS.keys()
