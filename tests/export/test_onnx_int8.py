"""An ONNX file in int8: its formulas by numpy, and what a large token does to the others."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: E402

from loratory.export.onnx_int8 import round_graph  # noqa: E402

WORDS, WIDTH, OUT = 50, 64, 24
FLOAT, WHOLE = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


@pytest.fixture
def numbers():
    generator = np.random.default_rng(0)
    boost = np.ones(WIDTH, np.float32)
    boost[5] = 300  # large in every token
    first = generator.normal(size=(WIDTH, OUT)).astype(np.float32)
    first[5] /= 300
    return {
        "table": generator.normal(size=(WORDS, WIDTH)).astype(np.float32),
        "boost": boost,
        "first": first,
        "second": generator.normal(size=(OUT, WIDTH)).astype(np.float32),
        "bias": generator.normal(size=OUT).astype(np.float32),
    }


def saved(numbers, path):
    """Write a file that looks tokens up and multiplies them by two matrices, one of each kind."""
    make = onnx.helper.make_node
    nodes = [
        make("Gather", ["table", "input_ids"], ["looked_up"], axis=0),
        make("Mul", ["looked_up", "boost"], ["read"]),
        make("MatMul", ["read", "first"], ["product"]),
        make("Reshape", ["read", "rows"], ["flat"]),
        make("Gemm", ["flat", "second", "bias"], ["biased"], transB=1),
    ]
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "small",
        [info("input_ids", WHOLE, ["texts", "length"])],
        [
            info("product", FLOAT, ["texts", "length", OUT]),
            info("biased", FLOAT, ["tokens", OUT]),
        ],
        [
            *(onnx.numpy_helper.from_array(value, name) for name, value in numbers.items()),
            onnx.numpy_helper.from_array(np.array([-1, WIDTH]), "rows"),
        ],
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=10), path)
    return path


def run(path, tokens):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"input_ids": tokens})


def rounded(rows, most):
    scale = np.abs(rows).max(-1, keepdims=True) / most
    return np.rint(rows / scale) * scale


def same(found, expected):
    """Tell whether both are equal but for what stood in the middle of two whole numbers."""
    far = np.abs(found - expected) / np.abs(expected).max()
    return (far < 1e-5).mean() > 0.9 and far.max() < 0.01


def stored(path):
    return {
        part.name: onnx.numpy_helper.to_array(part) for part in onnx.load(path).graph.initializer
    }


TOKENS = np.arange(30).reshape(3, 10) % WORDS


def test_the_file_computes_what_its_formulas_say(numbers, tmp_path):
    whole, path = saved(numbers, tmp_path / "whole.onnx"), tmp_path / "int8.onnx"
    round_graph(whole, path)
    onnx.checker.check_model(path)
    columns = stored(path)["read.columns"].astype(np.float64)
    read = rounded(numbers["table"].astype(np.float64), 127)[TOKENS] * numbers["boost"]
    x = rounded(read * columns, 127)
    product = x @ rounded(numbers["first"].T / columns, 63).T
    flat = rounded(read * stored(path)["flat.columns"], 127).reshape(-1, WIDTH)
    biased = flat @ rounded(numbers["second"] / stored(path)["flat.columns"], 63).T
    found = run(path, TOKENS)
    assert same(found[0], product)
    assert same(found[1], biased + numbers["bias"])


def test_it_is_near_the_whole_file_though_some_inputs_are_always_large(numbers, tmp_path):
    whole, path = saved(numbers, tmp_path / "whole.onnx"), tmp_path / "int8.onnx"
    round_graph(whole, path)
    exact, found = run(whole, TOKENS)[0], run(path, TOKENS)[0]
    assert np.linalg.norm(found - exact) < 0.03 * np.linalg.norm(exact)


def test_a_token_of_large_numbers_leaves_the_others_their_digits(numbers, tmp_path):
    """With one scale for all tokens, as onnxruntime's own tool rounds, it does not."""
    numbers["boost"][5] = 1
    numbers["table"][7] *= 3000
    whole = saved(numbers, tmp_path / "whole.onnx")
    ours, stock = tmp_path / "int8.onnx", tmp_path / "stock.onnx"
    round_graph(whole, ours)
    quantize_dynamic(whole, stock, per_channel=True, weight_type=QuantType.QInt8, reduce_range=True)
    exact = run(whole, TOKENS)[1]
    others = TOKENS.flatten() != 7

    def error(path):
        found = run(path, TOKENS)[1]
        return np.linalg.norm((found - exact)[others]) / np.linalg.norm(exact[others])

    assert error(ours) < 0.05
    assert error(stock) > 0.3


def test_inputs_too_uneven_to_be_rounded_once_are_rounded_twice(numbers, tmp_path):
    """Of each token another number is far larger than the rest, and the matrix hardly reads it."""
    numbers["boost"][5] = 1
    numbers["first"][5] *= 300
    numbers["table"] = np.random.default_rng(1).normal(size=(WIDTH, WIDTH)).astype(np.float32)
    numbers["table"][np.arange(WIDTH), np.arange(WIDTH)] = 60
    whole, path = saved(numbers, tmp_path / "whole.onnx"), tmp_path / "int8.onnx"
    round_graph(whole, path)
    kinds = [node.op_type for node in onnx.load(path).graph.node]
    assert kinds.count("MatMulInteger") == 4
    columns = stored(path)["read.columns"].astype(np.float64)
    x = rounded(numbers["table"].astype(np.float64), 127)[TOKENS] * columns
    both = rounded(x, 127) + rounded(x - rounded(x, 127), 127)
    expected = both @ rounded(numbers["first"].T / columns, 63).T
    found = run(path, TOKENS)[0]
    assert same(found, expected)


def test_weights_keep_seven_bits_and_every_operator_is_a_standard_one(numbers, tmp_path):
    path = tmp_path / "int8.onnx"
    round_graph(saved(numbers, tmp_path / "whole.onnx"), path)
    for name, value in stored(path).items():
        if name.endswith(".matrix"):
            assert value.dtype == np.int8
            assert np.abs(value).max() == 63
    assert {node.domain for node in onnx.load(path).graph.node} == {""}
    assert set(numbers) & stored(path).keys() == {"bias", "boost"}
