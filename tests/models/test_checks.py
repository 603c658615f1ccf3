"""What a model folder must and must not hold: refused by name, before transformers reads it."""

import json
import struct
import sys

import pytest

from loratory.errors import ModelError, SecurityError
from loratory.models.checks import check_model_folder, weight_files
from loratory.models.load import load_base

NAME_OF_CODE = "code_that_came_with_a_model"


def header_and_data(path):
    raw = path.read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def write(path, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-7])


def cut_in_the_header(path):
    path.write_bytes(path.read_bytes()[:50])


def empty(path):
    path.write_bytes(b"")


def garbage(path):
    path.write_bytes(bytes(range(256)) * 40)


def a_pickle_by_another_name(path):
    path.write_bytes(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.")


def a_header_of_101_megabytes(path):
    path.write_bytes(struct.pack("<Q", 101 << 20) + path.read_bytes()[8:])


def a_hole(path):
    header, data = header_and_data(path)
    last = max(
        (name for name in header if name != "__metadata__"), key=lambda n: header[n]["data_offsets"]
    )
    header[last]["data_offsets"] = [offset + 4 for offset in header[last]["data_offsets"]]
    write(path, header, data[:4] + data)


def an_overlap(path):
    header, data = header_and_data(path)
    names = [name for name in header if name != "__metadata__"]
    for name in names[1:]:
        if header[name]["shape"] == header[names[0]]["shape"]:
            header[name]["data_offsets"] = header[names[0]]["data_offsets"]
    write(path, header, data)


def a_duplicate_key(path):
    header, data = header_and_data(path)
    text = json.dumps(header)
    first = next(name for name in header if name != "__metadata__")
    again = f'{{"{first}": {json.dumps(header[first])}, ' + text[1:]
    write(path, again.encode(), data)


def no_tensor(path):
    write(path, {}, b"")


def a_shape_of_a_terabyte(path):
    header, data = header_and_data(path)
    first = next(name for name in header if name != "__metadata__")
    header[first]["shape"] = [1 << 20, 1 << 18]
    write(path, header, data)


DAMAGES = [
    cut_short,
    cut_in_the_header,
    empty,
    garbage,
    a_pickle_by_another_name,
    a_header_of_101_megabytes,
    a_hole,
    an_overlap,
    a_duplicate_key,
    no_tensor,
    a_shape_of_a_terabyte,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_weight_file_is_named(copied, damage):
    path = copied / "model.safetensors"
    damage(path)
    with pytest.raises(ModelError) as caught:
        check_model_folder(copied)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("MODEL-FORMAT", 8, str(path))
    assert "not a valid safetensors file" in error.problem
    assert "download the model again" in error.fix


def test_a_whole_folder_gives_its_configuration(base_folder):
    written = json.loads((base_folder / "config.json").read_text(encoding="utf-8"))
    assert check_model_folder(base_folder) == written


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "tf_model.h5"])
def test_weights_that_could_run_code_are_never_opened(copied, name):
    (copied / "model.safetensors").unlink()
    (copied / name).symlink_to(copied)  # opening it would be another error
    with pytest.raises(SecurityError) as caught:
        check_model_folder(copied)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("MODEL-FORMAT", 6, str(copied))
    assert name in error.problem
    assert "convert it first" in error.fix


def test_a_folder_without_weights_says_so(copied):
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"MODEL-FORMAT.*model\.safetensors is missing"):
        check_model_folder(copied)


CODE = [
    {"auto_map": {"AutoModel": f"{NAME_OF_CODE}.Model"}},
    {"text_config": {"auto_map": {"AutoConfig": f"{NAME_OF_CODE}.Config"}}},
    {"parts": [{"trust_remote_code": True}]},
    {"custom_pipelines": {"classify": {"impl": f"{NAME_OF_CODE}.Pipeline"}}},
    {"attn_implementation": "somebody/kernel"},
    {"_attn_implementation_internal": "somebody/kernel"},
    {"experts_implementation": {"text_config": "somebody/kernel@main"}},
    {"transformers_weights": "adapter_model.bin"},
]


@pytest.mark.parametrize("fields", CODE, ids=lambda fields: next(iter(fields)))
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "generation_config.json"])
def test_a_field_that_would_run_code_is_refused(copied, set_field, file, fields):
    (copied / f"{NAME_OF_CODE}.py").write_text("raise SystemExit('this code was run')\n")
    (copied / file).touch()
    if not (copied / file).read_text():
        (copied / file).write_text("{}")
    set_field(copied / file, **fields)
    before = set(sys.modules)
    with pytest.raises(SecurityError) as caught:
        load_base(str(copied))
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("SEC-CODE", 6, str(copied / file))
    assert "remove '" in error.fix
    assert set(sys.modules) == before


def test_a_field_ever_so_deep_is_found(copied, set_field):
    nested = {"auto_map": {"AutoModel": "code.Model"}}
    for _ in range(400):
        nested = {"inner": [nested]}
    set_field(copied / "config.json", **nested)
    with pytest.raises(SecurityError, match="SEC-CODE"):
        check_model_folder(copied)


def test_an_ordinary_attention_implementation_is_no_code(copied, set_field):
    set_field(copied / "config.json", attn_implementation="sdpa", auto_map=None)
    check_model_folder(copied)


def test_an_adapter_beside_the_weights_is_not_loaded_in_passing(copied):
    path = copied / "adapter_config.json"
    path.write_text('{"peft_type": "LORA", "base_model_name_or_path": "somebody/else"}')
    with pytest.raises(SecurityError) as caught:
        load_base(str(copied))
    assert (caught.value.code, caught.value.at) == ("SEC-CODE", str(path))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, "\x00"])
def test_a_configuration_that_is_no_json_object_is_an_error(copied, text):
    (copied / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"MODEL-FORMAT.*config\.json cannot be read"):
        check_model_folder(copied)


def test_a_missing_configuration_is_an_error(copied):
    (copied / "config.json").unlink()
    with pytest.raises(ModelError) as caught:
        check_model_folder(copied)
    assert (caught.value.code, caught.value.at) == ("MODEL-FORMAT", str(copied))
    assert "config.json is missing" in caught.value.problem


def index_of(folder, weight_map):
    """Leave nothing but an index in the place of the weights."""
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return index


def test_the_files_of_an_index_are_found_once_each(copied):
    index_of(copied, {"a": "other.safetensors", "b": "other.safetensors"})
    assert weight_files(copied) == [copied / "other.safetensors"]
    check_model_folder(copied)


OUTSIDE = ["../weights.safetensors", "/weights.safetensors", "a/b.safetensors", "..", "", 5, ["a"]]


@pytest.mark.parametrize("name", [*OUTSIDE, "pytorch_model.bin"], ids=str)
def test_an_index_names_only_safetensors_files_beside_it(copied, name):
    index = index_of(copied, {"a": "other.safetensors", "b": name})
    with pytest.raises(SecurityError) as caught:
        check_model_folder(copied)
    error = caught.value
    assert (error.code, error.exit_code, error.at) == ("SEC-NAME", 6, str(index))
    assert error.got == str(name)


@pytest.mark.parametrize("weight_map", [{}, [], None, "other.safetensors"], ids=str)
def test_an_index_without_weights_is_an_error(copied, weight_map):
    index = index_of(copied, weight_map)
    with pytest.raises(ModelError) as caught:
        check_model_folder(copied)
    assert (caught.value.code, caught.value.at) == ("MODEL-FORMAT", str(index))


def test_a_listed_file_that_is_missing_is_named(copied):
    index_of(copied, {"a": "gone.safetensors"})
    with pytest.raises(ModelError) as caught:
        check_model_folder(copied)
    assert (caught.value.code, caught.value.at) == (
        "MODEL-FORMAT",
        str(copied / "gone.safetensors"),
    )
