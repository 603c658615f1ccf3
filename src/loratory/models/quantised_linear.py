"""A linear layer of whole numbers, as it is shipped: it computes what training rounded for.

    y = s (Q (q - z)) t + b     Q, s: weights, scales.  q, z, t: inputs, zero and scale of a token

With weights and inputs in int8 a kernel of oneDNN multiplies whole numbers, exactly, in about a
quarter of the time of float32:

    Q (q - z) = Q q - z (Q 1)

Its numbers on the left are 0…255, so 128 is added to q and taken out again by the kernel. All else
is multiplied in float32, by the weights s Q and the inputs t (q - z).
"""

from collections.abc import Callable
from typing import Literal, Self

import torch
from torch import Tensor, nn

from loratory.models.int8 import multiplies_exactly
from loratory.models.product import product

_LEAST, _MOST, _MIDDLE = -128, 127, 128
# Added to a small number, this leaves no digits behind the point (see int8.py).
_ROUNDING = 1.5 * 2**23
_SMALLEST = torch.finfo(torch.float32).smallest_normal
_AS_FLOAT32 = (1.0, 0, torch.float32, "none", (), "")


class QuantisedLinear(nn.Module):
    """y of x, of which no part trains."""

    whole: Tensor
    """The weights, int8 `[out, in]`; those of int4 are -8…7."""

    scales: Tensor
    """Of each output and group of inputs, float32 `[out, groups]`."""

    bias: Tensor | None

    def __init__(
        self,
        whole: Tensor,
        scales: Tensor,
        bias: Tensor | None,
        *,
        activations: Literal["int8", "none"],
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = whole.shape
        self.activations = activations
        self.register_buffer("whole", whole)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", bias)
        self._product: Callable[[Tensor], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, `[..., in]` to `[..., out]`."""
        if self._product is None:
            self._product = self._made_ready()
        return self._product(x.reshape(-1, self.in_features)).view(*x.shape[:-1], -1)

    def _made_ready(self) -> Callable[[Tensor], Tensor]:
        """Return y of x, `[tokens, in]` to `[tokens, out]`, for the device the layer is on."""
        fast = self.activations == "int8" and self.scales.shape[1] == 1
        if fast and self.whole.device.type == "cpu" and multiplies_exactly():
            return _kernel(self.whole, self.scales[:, 0], self.bias)
        dense, bias = dequantised(self.whole, self.scales), self.bias
        if self.activations == "int8":
            return lambda x: product(rounded_tokens(x), dense, bias)
        return lambda x: product(x, dense, bias)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002
        """Get ready anew where the layer moves."""
        self._product = None
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def dequantised(whole: Tensor, scales: Tensor) -> Tensor:
    """Return weights in float32 of whole numbers `[out, in]` and scales `[out, groups]`."""
    groups = whole.view(*scales.shape, -1)
    return (groups * scales[..., None]).view(whole.shape)


def rounded_tokens(x: Tensor) -> Tensor:
    """Return the inputs as int8 has them, `[tokens, in]`: the same as `rounded_inputs`."""
    scale, zero = _scale_and_zero(x)
    whole = (x * (1.0 / scale)).round_().add_(zero).clamp_(_LEAST, _MOST)
    return whole.sub_(zero).mul_(scale)


def _scale_and_zero(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return t and z of each token, `[tokens, 1]` each."""
    low, high = x.amin(1, keepdim=True).clamp_(max=0), x.amax(1, keepdim=True).clamp_(min=0)
    scale = ((high - low) / (_MOST - _LEAST)).clamp_(min=_SMALLEST)
    return scale, (_LEAST - (low / scale).round_()).clamp_(_LEAST, _MOST)


def _kernel(whole: Tensor, scales: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    """Return y of x in whole numbers."""
    packed = torch.ops.onednn.qlinear_prepack(whole, None)
    zeros, inputs = torch.zeros(len(whole), dtype=torch.long), whole.shape[1]
    sums = whole.sum(1, dtype=torch.float32) * scales
    # As a whole row, for then it is added eight or 16 at once.
    bottom, top = (torch.full((1, inputs), _ROUNDING + end) for end in (0, _MOST - _LEAST))

    def multiplied(x: Tensor) -> Tensor:
        scale, zero = _scale_and_zero(x)
        shifted = torch.addcmul(bottom + (zero + _MIDDLE), x, 1.0 / scale)
        # The lowest byte of these numbers' bits is the whole number.
        tokens = shifted.clamp_(bottom, top).view(torch.int32).to(torch.uint8)
        middle, after = (1.0, _MIDDLE), (scales, zeros)
        y: Tensor = torch.ops.onednn.qlinear_pointwise(
            tokens, *middle, packed, *after, None, *_AS_FLOAT32
        )
        y.addr_(zero[:, 0], sums, alpha=-1)
        return y.mul_(scale) if bias is None else torch.addcmul(bias, y, scale)

    return multiplied
