"""A linear layer that computes in float with numbers as rounded as whole numbers would have them.

    y = r(x) R(W)^T + b

The gradient passes both roundings as if they were not there: the straight-through estimator, Bengio
et al. 2013, arXiv:1308.3432. So what trains feels the rounding in what the network says, and is
still moved by less than a step of it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loratory.models.product import frozen_linear
from loratory.models.whole_numbers import rounded_inputs, rounded_weight
from loratory.recipe.quantization import QuantizationSection


class Rounding(nn.Module):
    """How one layer is rounded. It keeps the rounded weight until what that is made of changes."""

    def __init__(self, section: QuantizationSection) -> None:
        super().__init__()
        self.section = section
        self._kept: tuple[list[Tensor], Tensor] | None = None

    @property
    def used(self) -> bool:
        """Whether the layer's weight has been asked for."""
        return self._kept is not None

    def weight(self, made_of: Sequence[Tensor], whole: Callable[[], Tensor]) -> Tensor:
        """Return R(W), `[out, in]`, without a gradient; `whole` makes W of the tensors `made_of`.

        A step's pieces, and all of an evaluation, share one. What may change is compared number by
        number, since a tensor's version does not count the steps of a fused optimiser; next to
        rounding that takes no time.
        """
        kept = self._kept
        if kept is None or not all(map(_same, kept[0], made_of)):
            # A tensor of inference mode could not be used in training afterwards.
            with torch.inference_mode(mode=False), torch.no_grad():
                parts = [part if _is_frozen(part) else part.clone() for part in made_of]
                kept = parts, rounded_weight(whole().detach(), self.section)
            self._kept = kept
        return kept[1]

    def inputs(self, x: Tensor) -> Tensor:
        """Return r(x), `[tokens, in]`."""
        if self.section.activations == "none":
            return x
        with torch.no_grad():
            rounded = rounded_inputs(x)
        return straight(x, rounded)

    def linear(
        self, x: Tensor, weight: Tensor, bias: Tensor | None, *, made_of: Sequence[Tensor]
    ) -> Tensor:
        """Return y, `[..., out]`, of x, `[..., in]`, and of a weight made of the tensors named."""
        rows, rounded = (
            self.inputs(x.reshape(-1, x.shape[-1])),
            self.weight(made_of, lambda: weight),
        )
        if weight.requires_grad:
            y = F.linear(rows, straight(weight, rounded), bias)
        elif bias is not None and bias.requires_grad:
            y = frozen_linear(rows, rounded) + bias
        else:
            y = frozen_linear(rows, rounded, bias)
        return y.view(*x.shape[:-1], -1)

    def __deepcopy__(self, _: dict[int, Any]) -> "Rounding":
        """Return a new one: what it keeps is of the layer that it stands in."""
        return Rounding(self.section)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        """Let go of what is kept: the layer moves, or is put away."""
        self._kept = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


class RoundedLinear(nn.Linear):
    """A linear layer that rounds. Weight and bias are those of the layer itself, by name too."""

    def __init__(self, layer: nn.Linear, section: QuantizationSection) -> None:
        # Not nn.Linear's own, which would make a weight.
        nn.Module.__init__(self)
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        self.rounding = Rounding(section)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - nn.Linear's name for it
        """Return the layer's output, `[..., in]` to `[..., out]`."""
        return self.rounding.linear(input, self.weight, self.bias, made_of=(self.weight,))

    def plain(self) -> nn.Linear:
        """Return the layer that does not round."""
        layer = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        layer.weight, layer.bias = self.weight, self.bias
        return layer


def _same(before: Tensor, now: Tensor) -> bool:
    return before is now or (not _is_frozen(now) and torch.equal(before, now))


def _is_frozen(part: Tensor) -> bool:
    return isinstance(part, nn.Parameter) and not part.requires_grad


def straight(numbers: Tensor, rounded: Tensor) -> Tensor:
    """Return `rounded`, whose gradient goes to `numbers` as it is."""
    passed: Tensor = _Straight.apply(numbers, rounded)  # type: ignore[no-untyped-call]
    return passed


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, numbers: Tensor, rounded: Tensor) -> Tensor:
        del ctx, numbers
        return rounded.view_as(rounded)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        del ctx
        return gradients[0], None
