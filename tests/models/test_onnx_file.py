"""ONNX files: one that is whole is run, one that reaches for others never is."""

import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from loratory.errors import ConfigError, ModelError, RunError, SecurityError
from loratory.models.onnx_file import file_sha256, open_session

_FLOAT = TensorProto.FLOAT


def plain(operator="Add", domain=""):
    """Return a model of y = x + [1, 2]."""
    weight = numpy_helper.from_array(np.float32([1, 2]), "weight")
    node = helper.make_node(operator, ["x", "weight"], ["y"], domain=domain)
    x, y = (helper.make_tensor_value_info(name, _FLOAT, [2]) for name in "xy")
    opsets = [helper.make_opsetid("", 20), *([helper.make_opsetid(domain, 1)] if domain else [])]
    graph = helper.make_graph([node], "graph", [x], [y], [weight])
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def far(name):
    tensor = TensorProto(name=name, data_type=_FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    return tensor


def of_another_file():
    model = plain()
    model.graph.initializer[0].CopyFrom(far("weight"))
    return model


def of_another_file_in_a_branch():
    model = plain()
    x = helper.make_tensor_value_info("z", _FLOAT, [2])
    branch = helper.make_graph([], "branch", [], [x], [far("z")])
    model.graph.node.append(helper.make_node("If", ["c"], ["w"], then_branch=branch))
    return model


def of_another_file_in_a_node():
    model = plain()
    model.graph.node.append(helper.make_node("Constant", [], ["w"], value=far("w")))
    return model


@pytest.fixture
def opened(tmp_path):
    """Return a function that writes a model and opens it with the digest it has."""

    def open_it(model):
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        (tmp_path / "secret.bin").write_bytes(bytes(8))
        return open_session(path, file_sha256(path))

    return open_it


def test_a_whole_file_is_run(opened):
    (y,) = opened(plain()).run(None, {"x": np.float32([10, 20])})
    assert y.tolist() == [11, 22]


@pytest.mark.parametrize(
    "model", [of_another_file, of_another_file_in_a_branch, of_another_file_in_a_node]
)
def test_a_file_that_reads_another_is_never_run(opened, model):
    with pytest.raises(SecurityError, match=r"secret\.bin") as refused:
        opened(model())
    assert refused.value.code == "SEC-ONNX"


def test_operators_of_somebody_elses_are_never_run(opened):
    with pytest.raises(SecurityError, match=r"evil\.example") as refused:
        opened(plain("Steal", "evil.example"))
    assert refused.value.code == "SEC-ONNX"


def test_a_file_with_another_digest_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(plain().SerializeToString())
    for path in (tmp_path / "model.onnx", tmp_path / "missing.onnx"):
        with pytest.raises(RunError) as refused:
            open_session(path, "0" * 64)
        assert refused.value.code == "CKPT-BAD"


@pytest.mark.parametrize("damage", [lambda _: b"x" * 40, lambda whole: whole[:-30]])
def test_what_is_no_model_is_refused(tmp_path, damage):
    path = tmp_path / "model.onnx"
    path.write_bytes(damage(plain().SerializeToString()))
    with pytest.raises(ModelError) as refused:
        open_session(path, file_sha256(path))
    assert refused.value.code == "MODEL-FORMAT"


def test_without_the_runtime_it_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError) as refused:
        open_session(tmp_path / "model.onnx", "")
    assert (refused.value.code, refused.value.fix) == ("CFG-EXTRA", "pip install 'loratory[onnx]'")


def test_onnxs_own_reader_would_have_followed(tmp_path):
    """What is refused is no empty fear."""
    (tmp_path / "secret.bin").write_bytes(np.float32([5, 6]).tobytes())
    model = plain()
    tensor = far("weight")
    tensor.external_data[0].value = "secret.bin"
    model.graph.initializer[0].CopyFrom(tensor)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    read = onnx.load(tmp_path / "model.onnx")
    assert numpy_helper.to_array(read.graph.initializer[0]).tolist() == [5, 6]
