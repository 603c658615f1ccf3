"""The base: one that is named, or a GPT-2 of the small size."""

import json
from pathlib import Path

import pytest

from benchmarks.base import GPT2_SMALL, base_folder


def test_a_base_that_is_named_is_taken(tmp_path):
    assert base_folder("some/base", tmp_path) == "some/base"
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
@pytest.mark.network
def test_the_random_one_has_the_small_size_and_no_dropout(tmp_path):
    folder = Path(base_folder(GPT2_SMALL, tmp_path))
    config = json.loads((folder / "config.json").read_text())
    sizes = {"n_layer": 12, "n_embd": 768, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
    assert {key: config[key] for key in sizes} == sizes
    assert {config[f"{part}_pdrop"] for part in ("attn", "embd", "resid")} == {0.0}
