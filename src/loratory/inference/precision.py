"""Another number format than the one a run was trained in, to answer in."""

from pathlib import Path
from typing import Any

from loratory.errors import ConfigError
from loratory.inference.opened import export_kind
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import trains_the_base
from loratory.runs.folder import RunFolder


def in_precision(run: Path, precision: str | None) -> dict[str, Any]:
    """Return the settings that open the run in a number format; None: as it was trained.

    Raises:
        ConfigError: what the run says is said in a format of its own (CFG-PRECISION).
        RunError: there is no such run.
    """
    if precision is None:
        return {}
    folder = RunFolder.open(run)
    recipe = load_recipe(folder.recipe)
    if recipe.quantization is not None or export_kind(folder.path) is not None:
        problem, expected = "the model is exported or quantised, and computes as made", "none"
    elif trains_the_base(recipe.method) and precision == "bfloat16":
        problem, expected = "all weights of the run were trained in float32", "float32 or int8"
    else:
        return {"training.precision": precision}
    raise ConfigError(
        "CFG-PRECISION",
        problem,
        at="command line: --precision",
        got=precision,
        expected=expected,
        fix="leave --precision out",
    )
