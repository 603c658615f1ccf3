"""A network in an ExecuTorch program: each text is read as it is, and its scores are its states."""

import shutil

import pytest
import torch
from torch import nn

from loratory.errors import ModelError
from loratory.export.executorch_graph import write_program
from loratory.models.executorch_network import load_executorch
from loratory.models.onnx_file import file_sha256
from loratory.models.reading import of_texts

TEXTS = [(3, 5, 9), (7,), (1, 0)]
NUMBERS = torch.arange(40.0).view(10, 4)


class Looked(nn.Module):
    """Looks up numbers of each token, which are scored as `kind` says."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.table = nn.Parameter(NUMBERS.clone(), requires_grad=False)

    def forward(self, ids):
        found = self.table[ids]
        match self.kind:
            case "words":
                return (found,)
            case "last":
                return (found[:, -1],)
            case "spans":
                return found[..., :2].unbind(-1)
            case _:
                return found.unbind(-1)


@pytest.fixture
def opened(gpt2_folder, tmp_path):
    """Return a function that opens a folder with a program of the kind."""

    def open_it(kind):
        shutil.copytree(gpt2_folder, tmp_path / kind)
        path = tmp_path / kind / "model.pte"
        write_program(Looked(kind), path, longest=12)
        return load_executorch(tmp_path / kind, file_sha256(path))

    return open_it


EXPECTED = {
    "words": [NUMBERS[list(text)] for text in TEXTS],
    "last": [NUMBERS[text[-1]].expand(len(text), -1) for text in TEXTS],
    "spans": [NUMBERS[list(text), :2] for text in TEXTS],
}


@pytest.mark.parametrize(
    "kind", ["words", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("last", "spans"))]
)
def test_scores_stand_at_each_token_of_every_text(opened, kind):
    base = opened(kind)
    network = base.network
    assert network.positions == 12
    assert torch.equal(network(of_texts(TEXTS, "cpu")), torch.cat(EXPECTED[kind]))
    assert network.config.hidden_size == EXPECTED[kind][0].shape[1]
    states = torch.ones(2, 4)
    assert network.logits(states) is states


def test_a_program_that_computes_something_else_is_refused(opened):
    with pytest.raises(ModelError, match="something else") as refused:
        opened("parts")
    assert refused.value.code == "MODEL-FORMAT"
