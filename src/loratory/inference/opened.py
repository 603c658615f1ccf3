"""A tuned model from any folder that holds one: a run, or what a run was exported to.

An exported folder says in `exported.json` what kind it is, and holds the run's recipe too, so that
texts and rows are read as they were in training.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, assert_never, cast, get_args

import torch
from pydantic import TypeAdapter, ValidationError
from torch import nn

from loratory.errors import ModelError, RunError
from loratory.inference.tuned import Tuned, as_settled, in_folder, load_run, untrained
from loratory.methods.none import Nothing
from loratory.methods.quantised_folder import load_quantised
from loratory.methods.tensor_file import put_tensors
from loratory.methods.transformers_folder import load_model, stock_name
from loratory.models.executorch_network import load_executorch
from loratory.models.gguf_network import load_gguf
from loratory.models.load import Base, load_base
from loratory.models.network import Network
from loratory.models.onnx_network import load_onnx
from loratory.recipe.load import load_recipe
from loratory.recipe.quantization import QuantizationSection
from loratory.recipe.schema import Recipe
from loratory.runs.folder import RunFolder
from loratory.runs.json_files import read_json
from loratory.tasks.make import make_task, reads_vocabulary
from loratory.train.compute import choose_compute

ExportKind = Literal["peft", "transformers", "quantised", "onnx", "executorch", "gguf"]
"""What a run may have been exported to and be opened again from."""
_ON_PROCESSOR = {"training.precision": "float32", "training.device": "cpu"}


def open_model(path: str | Path, *, overrides: Mapping[str, Any] | None = None) -> Tuned:
    """Return the model in the folder, ready to predict; `overrides` change settings of its recipe.

    Raises:
        RunError: there is no finished run and nothing that was exported.
        ModelError, SecurityError: its files cannot be read or trusted.
    """
    folder = RunFolder.open(Path(path))
    kind = export_kind(folder.path)
    match kind:
        case None:
            return load_run(path, overrides=overrides)
        case "peft":
            return _peft(folder, overrides or {})
        case "transformers":
            return _transformers(folder, overrides or {})
        case "quantised":
            return _quantised(folder, overrides or {})
        case "onnx" | "executorch":
            return _scoring(folder, load_onnx if kind == "onnx" else load_executorch)
        case "gguf":
            return _gguf(folder, overrides or {})
        case _:
            assert_never(kind)


def export_kind(folder: Path) -> ExportKind | None:
    """Return what the folder's model was exported to; None: it is a run's own.

    Raises:
        RunError: it is of a kind that is not known here (RUN-FOLDER).
    """
    path = RunFolder(folder).exported
    if not path.is_file():
        return None
    kind = read_json(path).get("kind")
    if kind not in get_args(ExportKind):
        raise RunError(
            "RUN-FOLDER",
            "the folder holds a model of a kind that is not known here",
            at=str(path),
            got=kind,
            expected=" or ".join(get_args(ExportKind)),
            fix="open it with the version of Loratory that wrote it",
        )
    return cast(ExportKind, kind)


def _section(path: Path) -> QuantizationSection:
    try:
        form: TypeAdapter[QuantizationSection] = TypeAdapter(QuantizationSection)
        return form.validate_python(read_json(path).get("quantization"))
    except ValidationError as error:
        raise RunError(
            "RUN-FOLDER",
            f"it does not say how the model was quantised ({error.error_count()} mistakes)",
            at=str(path),
            fix="quantise the run again",
        ) from None


def _peft(folder: RunFolder, overrides: Mapping[str, Any]) -> Tuned:
    """Return the recipe's own base with the folder's adapter."""
    recipe = load_recipe(folder.recipe, {"training.precision": "float32", **overrides})
    method = in_folder(recipe.method, folder.path)
    tuned = untrained(recipe.model_copy(update={"method": method}))
    tuned.method.load(tuned.base, folder.path)
    tuned.base.network.eval()
    return as_settled(tuned, folder)


def _transformers(folder: RunFolder, overrides: Mapping[str, Any]) -> Tuned:
    recipe = load_recipe(folder.recipe, {"training.precision": "float32", **overrides})
    base = load_base(str(folder.path), language_head=reads_vocabulary(recipe.task))
    tuned = _with_task(recipe, base)
    load_model(base.network, folder.path)
    return _ready(tuned, folder)


def _quantised(folder: RunFolder, overrides: Mapping[str, Any]) -> Tuned:
    recipe = load_recipe(folder.recipe, {"training.precision": "float32", **overrides})
    section, words = _section(folder.exported), reads_vocabulary(recipe.task)
    base, tensors = load_quantised(folder.path, section, language_head=words)
    tuned, network = _with_task(recipe, base), base.network
    for head in tuned.task.heads:
        parameters = dict(network.get_submodule(head).named_parameters(prefix=head))
        names = {name: stock_name(network, name) for name in parameters}
        found = {name: tensors[key] for name, key in names.items() if key in tensors}
        put_tensors(parameters, found, at=folder.path, keys=names)
    return _ready(tuned, folder)


def _scoring(folder: RunFolder, load: Callable[[Path, str], Base]) -> Tuned:
    """Return a network of which a runtime of its own computes all, its head too."""
    recipe = load_recipe(folder.recipe, _ON_PROCESSOR)
    base = load(folder.path, str(read_json(folder.exported).get("sha256")))
    tuned = _with_task(recipe, base)
    for head in tuned.task.heads:
        _pass_on(base.network, head, at=folder.path)
    return _ready(tuned, folder)


def _pass_on(network: Network, head: str, *, at: Path) -> None:
    """Let the head return what it is given.

    Raises:
        ModelError: the file computes scores of another number (MODEL-FORMAT).
    """
    layer = network.get_submodule(head)
    assert isinstance(layer, nn.Linear)
    if layer.in_features != layer.out_features:
        raise ModelError(
            "MODEL-FORMAT",
            "the file's scores are not one for each that the task reads",
            at=str(at),
            got=layer.in_features,
            expected=f"{layer.out_features}",
            fix="export the run again",
        )
    nn.init.eye_(layer.weight)


def _gguf(folder: RunFolder, overrides: Mapping[str, Any]) -> Tuned:
    recipe = load_recipe(folder.recipe, {"training.precision": "float32", **overrides})
    base = load_gguf(folder.path, str(read_json(folder.exported).get("sha256")))
    return _ready(_with_task(recipe, base), folder)


def _with_task(recipe: Recipe, base: Base) -> Tuned:
    """Return the network with the task's head on it, drawn anew."""
    compute = choose_compute(recipe.training, base.network.config.hidden_size)
    task = make_task(recipe.task, tokenizer=base.tokenizer, positions=base.positions)
    task.attach(base.network, torch.Generator())
    return Tuned(recipe, base, Nothing(), task, compute)


def _ready(tuned: Tuned, folder: RunFolder) -> Tuned:
    """Return it fixed, where it is to compute, as the run was settled; the folder is its base."""
    network, compute = tuned.base.network, tuned.compute
    network.requires_grad_(requires_grad=False).eval().move(compute.device, compute.dtype)
    here = {"base": str(folder.path.resolve())}
    return as_settled(replace(tuned, recipe=tuned.recipe.model_copy(update=here)), folder)
