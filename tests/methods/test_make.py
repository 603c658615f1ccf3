"""Every section of a method makes the method of its name."""

from typing import get_args

import pytest

from loratory.methods.make import make_method
from loratory.methods.method import Method
from loratory.recipe.known_keys import known_key
from loratory.recipe.schema import OwnMethod, PeftMethod

SECTIONS = get_args(OwnMethod)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_makes_the_method_of_its_name(section):
    method = make_method(section())
    assert isinstance(method, Method)
    assert method.kind == section().kind


def test_every_kind_of_a_recipe_is_one_of_them_or_an_adapter_made_elsewhere():
    kinds = [section().kind for section in SECTIONS]
    assert len(set(kinds)) == len(kinds)
    known = {*known_key(("method",), {}).kinds}
    assert known == {*kinds, PeftMethod.model_fields["kind"].default}
