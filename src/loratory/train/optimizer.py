"""AdamW and the learning rate of each step.

Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", arXiv:1711.05101.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from loratory.recipe.schema import TrainingSection

_MOMENTS = ("exp_avg", "exp_avg_sq")
_STEP = "step"


def make_optimizer(
    parameters: Mapping[str, nn.Parameter],
    training: TrainingSection,
    rates: Mapping[str, float] | None = None,
) -> torch.optim.AdamW:
    """Return AdamW over `parameters`; only matrices are decayed.

    `rates` are what multiplies the learning rate of a parameter, by name, where it is not 1; each
    group holds it as `rate`.
    """
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        kind = (parameter.ndim > 1, (rates or {}).get(name, 1.0))
        groups.setdefault(kind, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": held,
                "weight_decay": training.weight_decay if is_matrix else 0.0,
                "lr": rate * training.learning_rate,
                "rate": rate,
            }
            for (is_matrix, rate), held in groups.items()
        ],
        betas=(training.beta1, training.beta2),
        eps=training.epsilon,
        fused=True,
    )


def learning_rate(step: int, steps: int, training: TrainingSection) -> float:
    """Return the learning rate of `step` (from 0) of `steps`.

    It rises linearly over the warm-up, reaches the recipe's value at its last step, and then falls
    to zero at the end of training, linearly or along half a cosine; or it stays.
    """
    warmup = training.warmup
    rising = warmup if isinstance(warmup, int) else math.ceil(warmup * steps)
    if step < rising:
        return training.learning_rate * ((step + 1) / rising)
    done = (step - rising) / max(1, steps - rising)
    match training.schedule:
        case "constant":
            share = 1.0
        case "linear":
            share = 1.0 - done
        case "cosine":
            share = 0.5 * (1.0 + math.cos(math.pi * done))
    return training.learning_rate * share


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Return the optimiser's state as tensors called `exp_avg.NAME`, `exp_avg_sq.NAME`, `step`."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in parameters.items():
        state = optimizer.state.get(parameter, {})
        for moment in _MOMENTS:
            if moment in state:
                tensors[f"{moment}.{name}"] = state[moment].detach().cpu().contiguous()
                tensors[_STEP] = state["step"].detach().cpu().reshape(1)
    return tensors


def load_optimizer_tensors(
    optimizer: torch.optim.Optimizer,
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
) -> None:
    """Put the state that `optimizer_tensors` returned back into an optimiser that has none."""
    for name, parameter in parameters.items():
        if f"{_MOMENTS[0]}.{name}" in tensors:
            # In the parameter's own layout: in another, AdamW would round otherwise.
            state = {
                moment: torch.empty_like(parameter, requires_grad=False).copy_(
                    tensors[f"{moment}.{name}"]
                )
                for moment in _MOMENTS
            }
            state["step"] = tensors[_STEP].reshape(()).to(parameter.device, copy=True)
            optimizer.state[parameter] = state
