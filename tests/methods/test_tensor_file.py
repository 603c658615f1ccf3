"""What trains, in one file: written under its names, and read back only if all of it fits."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from loratory.errors import ModelError, NumericsError
from loratory.methods.tensor_file import (
    load_tensors,
    put_tensors,
    read_tensors,
    require_fit,
    write_tensors,
)
from loratory.methods.trained import trained_parameters


def network(seed=0):
    """Return two layers of which the second trains."""
    torch.manual_seed(seed)
    made = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    made[0].requires_grad_(requires_grad=False)
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trained.safetensors"


def test_the_file_holds_what_trains_under_its_names(path):
    one = network()
    write_tensors(one, path)
    held = load_file(path)
    assert held.keys() == {"1.weight", "1.bias"}
    assert torch.equal(held["1.weight"], one[1].weight)


def test_it_comes_back_bit_for_bit_and_nothing_else_changes(path):
    one, other = network(), network(seed=1)
    write_tensors(one, path)
    frozen = other[0].weight.clone()
    read_tensors(other, path)
    assert torch.equal(other[1].weight, one[1].weight)
    assert torch.equal(other[1].bias, one[1].bias)
    assert torch.equal(other[0].weight, frozen)


@pytest.mark.parametrize(
    ("names", "different"),
    [
        (["1.weight"], "1.bias"),
        (["1.weight", "1.bias", "0.weight"], "0.weight"),
        (["1.bias", "1.wait"], "1.wait"),
    ],
)
def test_other_names_are_refused_and_the_first_is_told(path, names, different):
    one = network()
    save_file({name: torch.zeros(2) for name in names}, path)
    with pytest.raises(ModelError) as caught:
        read_tensors(one, path)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("ADAPTER-BASE", 8, str(path))
    assert error.got == different


def test_a_tensor_that_does_not_fit_leaves_all_of_them_as_they_were(path):
    one = network()
    before = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    for bad, error, code in (
        (torch.zeros(4, 2), ModelError, "ADAPTER-BASE"),
        (torch.full((2, 4), float("nan")), NumericsError, "ADAPTER-NAN"),
    ):
        save_file({"1.bias": torch.ones(2), "1.weight": bad}, path)
        with pytest.raises(error) as caught:
            read_tensors(one, path)
        assert (caught.value.code, caught.value.at) == (code, f"{path}, 1.weight")
    assert all(torch.equal(one.state_dict()[name], before[name]) for name in before)


def test_the_names_of_the_file_are_told_where_they_are_others(path):
    tensors = {"1.weight": torch.zeros(2, 4), "1.bias": torch.zeros(3)}
    with pytest.raises(ModelError) as caught:
        put_tensors(trained_parameters(network()), tensors, at=path, keys={"1.bias": "their.bias"})
    assert caught.value.at == f"{path}, their.bias"
    with pytest.raises(ModelError) as caught:
        put_tensors(
            trained_parameters(network()),
            {"1.weight": torch.zeros(2, 4)},
            at=path,
            keys={"1.bias": "theirs"},
        )
    assert caught.value.got == "theirs"


def test_shapes_and_values_that_are_not_finite_are_told():
    with pytest.raises(ModelError, match="another base or other labels") as caught:
        require_fit("here", torch.zeros(2, 3), torch.zeros(3, 2))
    assert (caught.value.got, caught.value.expected) == ([2, 3], "[3, 2]")
    bad = torch.tensor([1.0, float("inf"), float("nan"), 0.0])
    with pytest.raises(NumericsError, match="has 2 values that are not finite"):
        require_fit("here", bad, torch.zeros(4))
    require_fit("here", torch.ones(4), torch.zeros(4))


@pytest.mark.parametrize(
    "content", [None, b"", b"no safetensors", b"\x08" + b"\0" * 7 + b"{}      "]
)
def test_a_file_that_cannot_be_read_is_named(path, content):
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="not a valid safetensors file") as caught:
        load_tensors(path)
    assert (caught.value.code, caught.value.at) == ("MODEL-FORMAT", str(path))
