"""Opening folders: a run, or what it was exported to; and what is neither."""

import json
import shutil

import pytest

from loratory.errors import RunError
from loratory.inference.opened import export_kind, open_model


def test_a_run_is_opened_as_itself(film_run):
    assert export_kind(film_run) is None
    assert open_model(film_run).predict(["lovely"])[0].prediction in {"positive", "negative"}


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"kind": "gramophone"}, "gramophone"),
        ({"kind": "quantised"}, "how the model was quantised"),
        ({"kind": "quantised", "quantization": {"kind": "int5"}}, "how the model was quantised"),
    ],
)
def test_a_folder_of_no_known_kind_is_refused(film_run, tmp_path, what, words):
    shutil.copytree(film_run, tmp_path / "run")
    (tmp_path / "run" / "exported.json").write_text(json.dumps(what))
    with pytest.raises(RunError, match=words) as refused:
        open_model(tmp_path / "run")
    assert refused.value.code == "RUN-FOLDER"
