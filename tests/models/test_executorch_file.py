"""ExecuTorch programs: the one that was exported is run, any other is refused."""

import sys

import pytest
import torch
from torch import nn

from loratory.errors import ConfigError, ModelError, RunError
from loratory.export.executorch_graph import write_program
from loratory.models.executorch_file import open_method
from loratory.models.onnx_file import file_sha256


class Sums(nn.Module):
    """Adds up a text's tokens, in the table's third column with a minus."""

    def __init__(self):
        super().__init__()
        numbers = torch.arange(10.0)
        self.table = nn.Parameter(torch.stack([numbers, 2 * numbers, -numbers], -1))

    def forward(self, ids):
        return (self.table[ids].sum(1),)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "model.pte"
    write_program(Sums().requires_grad_(requires_grad=False), path, longest=20)
    return path


def test_a_whole_program_is_run_for_every_length(program, capfd):
    method = open_method(program, file_sha256(program))
    for length in (1, 2, 20):
        (sums,) = method.execute([torch.arange(length).remainder(10)[None]])
        total = float(torch.arange(length).remainder(10).sum())
        assert sums.tolist() == [[total, 2 * total, -total]]
    assert capfd.readouterr().err == ""


def test_a_program_with_another_digest_is_refused(program, tmp_path):
    for path in (program, tmp_path / "missing.pte"):
        with pytest.raises(RunError) as refused:
            open_method(path, "0" * 64)
        assert refused.value.code == "CKPT-BAD"


@pytest.mark.parametrize(
    "damage", [lambda _: b"x" * 400, lambda _: b"", lambda whole: whole[: len(whole) // 2]]
)
def test_what_is_no_program_is_refused(program, tmp_path, damage):
    path = tmp_path / "model.pte"
    path.write_bytes(damage(program.read_bytes()))
    with pytest.raises(ModelError) as refused:
        open_method(path, file_sha256(path))
    assert refused.value.code == "MODEL-FORMAT"


def test_without_the_runtime_it_says_how_to_install_it(program, monkeypatch):
    monkeypatch.setitem(sys.modules, "executorch", None)
    with pytest.raises(ConfigError) as refused:
        open_method(program, file_sha256(program))
    assert refused.value.code == "CFG-EXTRA"
    assert refused.value.fix == "pip install 'loratory[executorch]'"
