"""The notebooks of examples/: from the first cell to the last, on a base of a test's size."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ipynb"))


def source_of(notebook, kind="code"):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def test_there_is_a_notebook_for_each_published_experiment():
    assert len(NOTEBOOKS) == 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs_and_begins_with_its_parameters(path):
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert not [
        cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")
    ]
    first = source_of(notebook)[0]
    assert all(f"{name} = " in first for name in ("BASE", "DATA_DIR", "LIMIT"))
    assert json.loads(text)["cells"][0]["cell_type"] == "markdown"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, roomy_folder, few_rows, tmp_path, monkeypatch):
    given = {"BASE": roomy_folder, "DATA_DIR": few_rows, "LIMIT": 16, "OMP_WAIT_POLICY": "PASSIVE"}
    ours = {"IPYTHONDIR": tmp_path, "JUPYTER_RUNTIME_DIR": tmp_path}
    for name, value in (given | ours).items():
        monkeypatch.setenv(name, str(value))
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert list((tmp_path / "runs").glob("*/report.html"))
