"""An ExecuTorch program, loaded only once it is known to be the one that was exported.

The file is a flatbuffer: operators of the runtime by name, what XNNPACK is to compute, and weights.
Nothing in it is unpickled, no other file is read for it, and the runtime looks through its tables
before it follows them. https://docs.pytorch.org/executorch/stable/pte-file-format.html
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loratory.errors import ConfigError, ModelError
from loratory.models.onnx_file import require_digest
from loratory.models.quiet import quietly, silently

METHOD = "forward"


def require_executorch() -> None:
    """Refuse to go on without the package of the extra `executorch`.

    Raises:
        ConfigError: CFG-EXTRA, with the command that installs it.
    """
    if find_spec("executorch") is None:
        raise ConfigError(
            "CFG-EXTRA",
            "ExecuTorch programs need the package executorch, and it is not installed",
            at="this machine's Python",
            fix="pip install 'loratory[executorch]'",
        )


def open_method(path: Path, sha256: str) -> Any:
    """Return the program's method `forward`, ready to be executed.

    Raises:
        ConfigError: the package is not installed (CFG-EXTRA).
        RunError: the file is not there, or not the one with this digest (CKPT-BAD).
        ModelError: the runtime cannot load it (MODEL-FORMAT).
    """
    require_executorch()
    with quietly():
        from executorch.runtime import Runtime

    require_digest(path, sha256)
    try:
        with silently():
            return Runtime.get().load_program(path).load_method(METHOD)
    except (RuntimeError, KeyError) as error:
        raise ModelError(
            "MODEL-FORMAT",
            f"the model's file cannot be loaded: {error}",
            at=str(path),
            fix="export the run again",
        ) from None
