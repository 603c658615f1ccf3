"""The projection onto the vocabulary that a base comes with, checked to be all that there is to it.

    scores of the next token = W h + b        W: vocabulary x hidden, often the embedding itself

Some architectures cap or scale these scores afterwards. That is not computed here, so such a base
is refused rather than read in a way that it was not trained for.
"""

from typing import Any

import torch
from torch import Tensor, nn

from loratory.errors import ModelError
from loratory.models.attention import texts_at
from loratory.models.network import Network
from loratory.models.reading import of_texts
from loratory.models.source import BaseSource
from loratory.models.trials import same

# Scores so large that no cap on them would go unnoticed.
_LOUD = 1000.0
_TOKENS = (3, 1, 4, 1, 5)
# What architectures call that which they do to scores; only for the message.
_FIELDS = (
    *("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier"),
    *("mup_width_multiplier", "mup_width_scale", "output_multiplier_scale"),
)


def backbone_of(model: nn.Module, source: BaseSource) -> nn.Module:
    """Return the part of a causal language model that ends in hidden states."""
    backbone = getattr(model, str(model.base_model_prefix), None)
    if backbone is None or not hasattr(backbone, "base_model_prefix"):
        raise _not_plain(source, "its class has no backbone of its own", None)
    found: nn.Module = backbone
    return found


def add_language_head(network: Network, model: Any, source: BaseSource) -> None:
    """Give `network` the output matrix of `model`, whose backbone it has; tied ones stay tied.

    Raises:
        ModelError: the model's scores are not just the matrix times the hidden state (MODEL-ARCH).
    """
    head = take_output_matrix(network, model, source)
    try:
        plain = _plain_scores(network, model, head)
    except Exception as error:  # noqa: BLE001 - another architecture may break anywhere
        raise _not_plain(source, f"its scores cannot be had ({error})", model.config) from None
    if not plain:
        raise _not_plain(source, "it caps, scales or shifts its scores", model.config)


def take_output_matrix(network: Network, model: Any, source: BaseSource) -> nn.Linear:
    """Give `network` the output matrix of `model`, whatever else becomes of the scores.

    Raises:
        ModelError: there is no single one (MODEL-ARCH).
    """
    head = model.get_output_embeddings()
    names = [name for name, part in model.named_modules() if part is head]
    if type(head) is not nn.Linear or not names or "." in names[0]:
        raise _not_plain(source, "it has no single output matrix", model.config)
    network.add_language_head(names[0], head)
    return head


@torch.no_grad()
def _plain_scores(network: Network, model: Any, head: nn.Linear) -> bool:
    """Tell whether the model multiplies our hidden states by its matrix, and does nothing else."""
    batch = of_texts([_TOKENS], network.device)
    heard: list[Tensor] = []

    def louder(_head: nn.Module, arguments: tuple[Tensor]) -> tuple[Tensor]:
        (hidden,) = arguments
        loudest = network.logits(hidden[0]).abs().max().clamp(min=1e-6)
        loud = (hidden * (_LOUD / loudest)).to(hidden.dtype)
        heard.extend((hidden[0], loud[0]))
        return (loud,)

    hook = head.register_forward_pre_hook(louder)
    try:
        with texts_at(batch.bounds):
            theirs = model(input_ids=batch.input_ids[None], use_cache=False).logits[0]
    finally:
        hook.remove()
    hidden, loud = heard
    return same(hidden, network(batch)) and same(network.logits(loud).to(hidden), theirs)


def _not_plain(source: BaseSource, problem: str, config: Any) -> ModelError:
    given = {field: getattr(config, field, None) for field in _FIELDS}
    set_fields = {field: value for field, value in given.items() if value is not None}
    return ModelError(
        "MODEL-ARCH",
        f"the base cannot be read as a language model here: {problem}",
        at=str(source.folder / "config.json"),
        got=set_fields or None,
        expected="scores that are one matrix times the hidden state",
        fix="use a base such as gpt2, llama, qwen2 or mistral; for classify and span_qa this one "
        "will do",
    )
