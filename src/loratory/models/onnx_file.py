"""An ONNX file, run only once it is known to be whole, one file, and of standard operators.

A file may name others on the disk to read weights from (external data), and operators that a
library of somebody else's computes; neither is followed. https://github.com/onnx/onnx/blob/main/docs/IR.md
"""

import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loratory.errors import ConfigError, ModelError, RunError, SecurityError

# The standard, and what onnxruntime itself comes with.
_KNOWN_DOMAINS = ("", "ai.onnx", "com.microsoft")
_PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def require_onnx() -> None:
    """Refuse to go on without the packages of the extra `onnx`.

    Raises:
        ConfigError: CFG-EXTRA, with the command that installs them.
    """
    for name in _PACKAGES:
        if find_spec(name) is None:
            raise ConfigError(
                "CFG-EXTRA",
                f"ONNX files need the package {name}, and it is not installed",
                at="this machine's Python",
                fix="pip install 'loratory[onnx]'",
            )


def file_sha256(path: Path) -> str:
    """Return the file's digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_digest(path: Path, sha256: str) -> None:
    """Refuse a file that is not there, or not the one with this digest.

    Raises:
        RunError: CKPT-BAD.
    """
    if not path.is_file() or file_sha256(path) != sha256:
        raise RunError(
            "CKPT-BAD",
            "the model's file is not as it was exported",
            at=str(path),
            got=f"sha256 {file_sha256(path)}" if path.is_file() else "no file",
            expected=f"sha256 {sha256}",
            fix="export the run again, or copy the whole folder again",
        )


def open_session(path: Path, sha256: str) -> Any:
    """Return onnxruntime's session of the file, which computes a call on one thread.

    Raises:
        RunError: the file is not there, or not the one with this digest (CKPT-BAD).
        SecurityError: it names other files or operators that are not known (SEC-ONNX).
        ModelError: onnxruntime cannot read it (MODEL-FORMAT).
        ConfigError: a package of the extra `onnx` is not installed (CFG-EXTRA).
    """
    require_onnx()
    import onnxruntime

    require_digest(path, sha256)
    _refuse_foreign(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # texts are computed side by side
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - its errors have no class in common
        raise _unreadable(path, error) from None


def _refuse_foreign(path: Path) -> None:
    """Refuse a model that reads other files or asks for operators of somebody else's."""
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception as error:  # noqa: BLE001 - protobuf's errors have no class in common
        raise _unreadable(path, error) from None
    own = {(function.domain, function.name) for function in model.functions}
    for node in _nodes([model.graph, *model.functions]):
        if node.domain not in _KNOWN_DOMAINS and (node.domain, node.op_type) not in own:
            what = f"asks for {node.op_type}, which a library of somebody else's computes"
            raise _foreign(path, what, node.domain)
    for tensor in _tensors(model):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            places = [entry.value for entry in tensor.external_data if entry.key == "location"]
            raise _foreign(path, f"reads the weight {tensor.name} from another file", *places)


def _nodes(graphs: list[Any]) -> Iterator[Any]:
    """Yield the nodes of graphs and of all graphs inside them."""
    for graph in graphs:
        for node in graph.node:
            yield node
            inner = [part for attribute in node.attribute for part in attribute.graphs]
            inner += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
            yield from _nodes(inner)


def _tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor of the model: initializers and attributes, sparse ones too."""
    graphs = [model.graph]
    for node in _nodes([model.graph, *model.functions]):
        for attribute in node.attribute:
            graphs += [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)


def _foreign(path: Path, problem: str, *got: str) -> SecurityError:
    return SecurityError(
        "SEC-ONNX",
        f"the model {problem}",
        at=str(path),
        got=", ".join(got) or None,
        expected="one file of standard operators",
        fix="use a folder that `loratory export` wrote",
    )


def _unreadable(path: Path, error: Exception) -> ModelError:
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return ModelError(
        "MODEL-FORMAT",
        f"the model's file cannot be read: {first}",
        at=str(path),
        fix="export the run again",
    )
