"""The user's cache folder."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """Return the folder for what is downloaded or derived once: $LORATORY_CACHE if that is set."""
    chosen = os.environ.get("LORATORY_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else user_cache_path("loratory")
