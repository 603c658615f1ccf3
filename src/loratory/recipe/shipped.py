"""Which file a recipe's name or path means, and the recipes that come with the package."""

from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path

from loratory.errors import ConfigError

_ENDINGS = (".yaml", ".yml", ".json")


@cache
def shipped_recipes() -> dict[str, Path]:
    """Return the files of the recipes that come with the package, by name, such as `quickstart`.

    They are package data; in an editable install they are the checkout's `recipes/`.
    """
    folder = Path(str(files("loratory").joinpath("recipes_shipped")))
    if not folder.is_dir():
        folder = folder.parents[2] / "recipes"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.yaml"))
    }


def recipe_file(source: str | Path) -> Path:
    """Return the file that `source` means: a shipped recipe's name first, otherwise a path.

    Raises:
        ConfigError: CFG-FILE, with the nearest names, where there is neither.
    """
    shipped = shipped_recipes()
    if isinstance(source, str) and source in shipped:
        return shipped[source]
    path = Path(source)
    if _exists(path):
        return path
    close = get_close_matches(path.stem[:64], shipped, n=3)
    here = [near.name for near in _recipes_beside(path)]
    close += [str(path.with_name(name)) for name in get_close_matches(path.name[:64], here, n=3)]
    names = ", ".join(close or shipped)
    raise ConfigError(
        "CFG-FILE",
        "there is no such recipe",
        at=ascii(str(source)[:200]),
        fix=f"did you mean {names}?" if close else f"give a path, or a name: {names}",
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or one that no file can have
        return False


def _recipes_beside(path: Path) -> list[Path]:
    try:
        return [near for near in path.parent.iterdir() if near.suffix in _ENDINGS]
    except (OSError, ValueError):
        return []
