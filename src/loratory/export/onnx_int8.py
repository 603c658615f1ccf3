"""The int8 form of an ONNX file, of standard operators alone: matrices, inputs and tables in bytes.

A matrix W and what it reads, x, are rounded as models/int8.py has it: each output on a scale of its
own, each token on another, inputs that are always large made smaller beforehand, and where once is
too coarse, what rounding leaves of x is rounded and multiplied too:

    y = W x ~ s Q q t,      q = round(c x / t) + 128 in 0…255,  t = max |c x| / 127 for each token

Weights keep seven bits, so that two products fit into the 16 bits in which older processors add
them up: the file computes the same on all. Tables that tokens or places are looked up in are

    table[token] = q[token] * s[token],    q in -127…127, s = max |row| / 127
"""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from loratory.models.int8 import balance, input_sizes, lost_by_rounding

_MOST, _MOST_OF_WEIGHTS, _MIDDLE = 127, 63, 128
_LEAST = 1e-30
# Of a matrix's output: what rounding its weights to seven bits costs.
_TOO_MUCH = 0.015
# Which inputs are large is nearly the same in any text, of arbitrary tokens too.
_TEXTS, _TOKENS = 8, 16

_PRODUCTS = ("MatMul", "Gemm")
_SAME_NUMBERS = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")
_WITH_BIAS = 3
_CONSTANTS: dict[str, npt.NDArray[Any]] = {
    "int8.last": np.array([-1], np.int64),
    "int8.step": np.array(1 / _MOST, np.float32),
    "int8.least": np.array(_LEAST, np.float32),
    "int8.shift": np.array(_MIDDLE + 0.5, np.float32),
    "int8.middle": np.array(_MIDDLE, np.float32),
    "int8.middle_byte": np.array(_MIDDLE, np.uint8),
    "int8.zero_byte": np.array(0, np.int8),
}

Floats = npt.NDArray[np.float32]


def round_graph(whole: Path, path: Path) -> None:
    """Write the int8 form of the float32 file `whole`."""
    import onnx

    model = onnx.load(whole)
    tables, reads = _numbers(onnx, model.graph), _inputs_of_matrices(onnx, model)
    rounded = _Rounded(onnx, model.graph)
    for node in model.graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is not None:
            rounded.look_up(node, onnx.numpy_helper.to_array(table))
        elif node.op_type in _PRODUCTS and node.input[1] in tables:
            rounded.multiply(node, _matrix(onnx, tables, node), reads[node.input[0]])
        else:
            rounded.nodes.append(node)
    rounded.replace(model.graph)
    onnx.save(model, path)


class _Rounded:
    """The nodes of a graph anew, products and look-ups in whole numbers among them."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self.onnx, self.graph = onnx, graph
        self.nodes: list[Any] = []
        self._wholes: dict[str, list[tuple[str, str]]] = {}
        for name, value in _CONSTANTS.items():
            self._constant(name, value)

    def look_up(self, node: Any, table: Floats) -> None:
        """Add a look-up in a table, `[rows, width]`."""
        scales = np.maximum(np.abs(table).max(1, keepdims=True) / _MOST, _LEAST)
        name = node.output[0]
        whole = self._constant(f"{name}.table", np.rint(table / scales).astype(np.int8))
        scale = self._constant(f"{name}.scales", scales.astype(np.float32))
        rows = self._add("Gather", whole, node.input[1], out=f"{name}.rows", axis=0)
        factors = self._add("Gather", scale, node.input[1], out=f"{name}.factors", axis=0)
        self._add("Mul", self._as_float(rows, f"{name}.floats"), factors, out=name)

    def multiply(self, node: Any, weight: Tensor, read: "_Read") -> None:
        """Add a product with a matrix, `[out, in]`, and what is added to it."""
        x, name = node.input[0], node.output[0]
        if x not in self._wholes:
            self._wholes[x] = self._whole_inputs(x, read)
        balanced = (weight / read.columns).numpy()
        scales = np.maximum(np.abs(balanced).max(1) / _MOST_OF_WEIGHTS, _LEAST).astype(np.float32)
        whole = np.rint(balanced / scales[:, None]).astype(np.int8)
        matrix = self._constant(f"{name}.matrix", np.ascontiguousarray(whole.T))
        parts = [
            self._part(part, matrix, f"{name}.{number}")
            for number, part in enumerate(self._wholes[x])
        ]
        sums = parts[0] if len(parts) == 1 else self._add("Add", *parts, out=f"{name}.sums")
        factors = self._constant(f"{name}.scales", scales)
        if len(node.input) == _WITH_BIAS:
            scaled = self._add("Mul", sums, factors, out=f"{name}.scaled")
            self._add("Add", scaled, node.input[2], out=name)
        else:
            self._add("Mul", sums, factors, out=name)

    def replace(self, graph: Any) -> None:
        """Put the nodes in place of the graph's, and let go of what none of them reads."""
        del graph.node[:]
        graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        used |= {part.name for part in graph.output}
        kept = [part for part in graph.initializer if part.name in used]
        del graph.initializer[:]
        graph.initializer.extend(kept)

    def _whole_inputs(self, x: str, read: "_Read") -> list[tuple[str, str]]:
        """Return the names of whole inputs and of their tokens' scales: one pair, or two."""
        columns = self._constant(f"{x}.columns", read.columns.numpy())
        balanced = self._add("Mul", x, columns, out=f"{x}.balanced")
        first = self._whole(balanced, f"{x}.first")
        if not read.twice:
            return [first]
        shifted = self._as_float(first[0], f"{x}.first.floats")
        centred = self._add("Sub", shifted, "int8.middle", out=f"{x}.centred")
        rounded = self._add("Mul", centred, first[1], out=f"{x}.rounded")
        left = self._add("Sub", balanced, rounded, out=f"{x}.left")
        return [first, self._whole(left, f"{x}.second")]

    def _whole(self, x: str, name: str) -> tuple[str, str]:
        """Add what makes x whole numbers; return their name and that of the tokens' scales."""
        sizes = self._add("Abs", x, out=f"{name}.sizes")
        most = self._add("ReduceMax", sizes, "int8.last", out=f"{name}.most", keepdims=1)
        exact = self._add("Mul", most, "int8.step", out=f"{name}.exact")
        scale = self._add("Max", exact, "int8.least", out=f"{name}.scale")
        ratio = self._add("Div", x, scale, out=f"{name}.ratio")
        # Cut to whole numbers, half more is rounded to the nearest.
        shifted = self._add("Add", ratio, "int8.shift", out=f"{name}.shifted")
        to = self.onnx.TensorProto.UINT8
        return self._add("Cast", shifted, out=f"{name}.whole", to=to), scale

    def _part(self, part: tuple[str, str], matrix: str, name: str) -> str:
        whole, scale = part
        zeros = ("int8.middle_byte", "int8.zero_byte")
        product = self._add("MatMulInteger", whole, matrix, *zeros, out=f"{name}.whole")
        return self._add("Mul", self._as_float(product, f"{name}.floats"), scale, out=f"{name}.sum")

    def _as_float(self, whole: str, name: str) -> str:
        return self._add("Cast", whole, out=name, to=self.onnx.TensorProto.FLOAT)

    def _add(self, kind: str, *inputs: str, out: str, **settings: int) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, [out], **settings))
        return out

    def _constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self.graph.initializer.append(self.onnx.numpy_helper.from_array(value, name))
        return name


def _matrix(onnx: Any, tables: Mapping[str, Any], node: Any) -> Tensor:
    """Return the matrix of a product, `[out, in]`."""
    stored = torch.from_numpy(np.array(onnx.numpy_helper.to_array(tables[node.input[1]])))
    across = any(setting.name == "transB" and setting.i for setting in node.attribute)
    return stored if across else stored.T


def _numbers(onnx: Any, graph: Any) -> dict[str, Any]:
    """Return the tables and matrices of the graph by name."""
    floats = onnx.TensorProto.FLOAT
    return {
        part.name: part
        for part in graph.initializer
        if part.data_type == floats and len(part.dims) == 2  # noqa: PLR2004 - rows and columns
    }


class _Read(NamedTuple):
    """How what matrices read is rounded."""

    columns: Tensor
    """c, `[in]`."""

    twice: bool


def _inputs_of_matrices(onnx: Any, model: Any) -> dict[str, _Read]:
    """Return how each input of products is to be rounded, by what a few texts make of it."""
    import onnxruntime

    matrices, readers = _numbers(onnx, model.graph), defaultdict(list)
    for node in model.graph.node:
        if node.op_type in _PRODUCTS and node.input[1] in matrices:
            readers[node.input[0]].append(_matrix(onnx, matrices, node))
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    make = onnx.helper.make_tensor_value_info
    asked.graph.output.extend(make(name, onnx.TensorProto.FLOAT, None) for name in readers)
    session = onnxruntime.InferenceSession(
        asked.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    given = {part.name: _some(onnx, model.graph, part) for part in model.graph.input}
    found = session.run([*readers], given)
    return {
        name: _read(torch.from_numpy(np.array(x)).flatten(0, -2), torch.cat(weights))
        for (name, weights), x in zip(readers.items(), found, strict=True)
    }


def _read(x: Tensor, weight: Tensor) -> _Read:
    """Say how to round inputs like x, `[tokens, in]`, of matrices that read them, `[out, in]`."""
    sizes = input_sizes(x)
    return _Read(balance(weight, sizes), lost_by_rounding(x, weight, sizes) > _TOO_MUCH)


def _some(onnx: Any, graph: Any, given: Any) -> npt.NDArray[Any]:
    """Return an input for a few texts of arbitrary tokens; of what was read before, nothing."""
    kind = given.type.tensor_type
    if kind.elem_type == onnx.TensorProto.FLOAT:
        _, heads, _, size = (part.dim_value for part in kind.shape.dim)
        return np.zeros((_TEXTS, heads, 0, size), np.float32)
    if given.name == "attention_mask":
        return np.ones((_TEXTS, _TOKENS), np.int64)
    tables, makers = _numbers(onnx, graph), {node.output[0]: node for node in graph.node}

    def looked_up(name: str) -> str:
        """Return what the numbers called `name` were before they were put into another shape."""
        while name in makers and makers[name].op_type in _SAME_NUMBERS:
            name = makers[name].input[0]
        return name

    words = next(
        tables[node.input[0]].dims[0]
        for node in graph.node
        if node.op_type == "Gather" and looked_up(node.input[1]) == given.name
    )
    tokens: npt.NDArray[np.int64] = np.arange(_TEXTS * _TOKENS) * 7919 % words
    return tokens.reshape(_TEXTS, _TOKENS)
