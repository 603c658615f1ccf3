"""Splits from the Hugging Face hub, through `datasets`; no code of a repository is ever run."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from threading import Event, Thread

from loratory.data.readers import Table
from loratory.data.records import Record
from loratory.errors import ResourceError

_PATIENCE = 2.5
"""Seconds in which the hub must answer at all, names looked up included."""


@dataclass(frozen=True)
class HubCopy:
    """Where the hub has a set."""

    repository: str
    columns: tuple[str, ...]
    """Those that are read, in the order in which records have them."""

    splits: tuple[str, ...]
    """Those with labels; they have the same names here."""

    config: str | None = None
    revision: str | None = None


def hub_tables(copy: HubCopy) -> dict[str, Table]:
    """Return the splits of a set on the hub, or in the hub's cache where it was used before.

    Raises:
        ResourceError: neither the hub nor its cache has it (RES-NETWORK).
    """
    reachable = _is_reachable()
    # Inside, because datasets takes longer to load than a recipe takes to be refused.
    import datasets

    offline = datasets.config.HF_HUB_OFFLINE
    # Offline, datasets looks into its cache at once, instead of after five attempts.
    datasets.config.HF_HUB_OFFLINE = offline or not reachable
    try:
        found = datasets.load_dataset(
            f"hf://datasets/{copy.repository}", copy.config, revision=copy.revision
        )
    except Exception as error:  # noqa: BLE001 - errors of every library below datasets come through
        reason = (str(error) or type(error).__name__) if reachable else "no answer"
        raise _unavailable(copy.repository, reason) from None
    finally:
        datasets.config.HF_HUB_OFFLINE = offline
    return {
        split: _table(found[split].select_columns(list(copy.columns)).to_list(), copy, split)
        for split in copy.splits
    }


def _table(rows: Sequence[dict[str, object]], copy: HubCopy, split: str) -> Table:
    name = f"hub {copy.repository} {split}"
    values = [tuple(row[column] for column in copy.columns) for row in rows]
    digest = sha256("".join(f"{json.dumps(value)}\n" for value in values).encode())
    return Table(
        [Record(f"{name}:{number}", value) for number, value in enumerate(values, start=1)],
        description=name,
        digest=digest.hexdigest(),
    )


def _is_reachable() -> bool:
    """Return whether the hub answers, whatever it says.

    In a thread, because looking up a host's name cannot be told to give up in time.
    """
    from huggingface_hub import constants, get_session

    answered = Event()

    def ask() -> None:
        # Whatever goes wrong, there was no answer.
        with suppress(Exception):
            get_session().head(constants.ENDPOINT, timeout=_PATIENCE)
            answered.set()

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    return answered.is_set()


def _unavailable(repository: str, reason: str) -> ResourceError:
    return ResourceError(
        "RES-NETWORK",
        f"{repository} cannot be loaded from the Hugging Face hub ({reason.splitlines()[0]})",
        fix="put the authors' files into a folder and name it: data.dir=FOLDER; or check the "
        "network and HF_ENDPOINT",
    )
