"""LoRA's layer: a frozen linear layer and a trainable low-rank update beside it.

    y = W x + b + s (B A - B0 A0) x        A: r x in.   B: out x r.

A0, B0 are None but for an update that starts as a part of W itself (PiSSA): then that part, which
is frozen, is taken out again, so that the layer starts as W whatever A and B start as, and W stays
as it is.

With a magnitude m (DoRA, Liu et al. 2024, arXiv:2402.09353) each output's weights, a row of
W' = W + s (B A - B0 A0), are scaled to the length m_i. Their own length is taken for a constant in
the backward pass, as the paper proposes in 4.3; dropout is on the update's input alone, as without
a magnitude.

    y_i = m_i / |W'_i| W'_i x + b_i

Where the layer is rounded, what is rounded is the whole weight that stands here before x: it is
what is shipped once the update is folded.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from loratory.errors import ConfigError
from loratory.methods.lora_product import LoraProduct
from loratory.methods.rounded_lora import RoundedLoraProduct
from loratory.models.int8_linear import frozen_weight
from loratory.models.product import product
from loratory.models.rounding import RoundedLinear, Rounding, straight
from loratory.recipe.quantization import QuantizationSection


class LoraLinear(nn.Module):
    """A linear layer with a low-rank update. `lora_magnitude_vector` is None without DoRA."""

    start_a: Tensor | None
    start_b: Tensor | None
    squares: Tensor

    def __init__(self, base: nn.Linear, *, r: int, scaling: float, lora_dropout: float) -> None:
        super().__init__()
        self.base = base
        self.scaling = scaling
        self.lora_dropout = lora_dropout
        device = base.weight.device
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features, device=device))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, r, device=device))
        self.register_buffer("start_a", None)
        self.register_buffer("start_b", None)
        self.lora_magnitude_vector: nn.Parameter | None = None
        self.rounding: Rounding | None = None

    @property
    def weight(self) -> Tensor:
        """Refuse to be read past: some recurrent networks multiply by a layer's weight themselves.

        Raises:
            ConfigError: always, since the update would be left out.
        """
        raise ConfigError(
            "CFG-TARGET",
            "the base uses a target layer's weight by itself, which would leave the update out",
            at="method.target_modules",
            fix="name other layers; of Mamba, the recurrence's input: [in_proj]",
        )

    @property
    def start(self) -> tuple[Tensor, Tensor] | None:
        """A0 and B0, None where the update starts as nothing."""
        if self.start_a is None or self.start_b is None:
            return None
        return self.start_a, self.start_b

    def start_from(self, lora_a: Tensor, lora_b: Tensor) -> None:
        """Begin the update as `lora_b lora_a`, which is taken out of what is frozen."""
        for name, value in (("A", lora_a), ("B", lora_b)):
            getattr(self, f"lora_{name}").data.copy_(value)
            self.register_buffer(f"start_{name.lower()}", value.to(self.lora_A.device, copy=True))

    def add_magnitude(self) -> None:
        """Train each output's magnitude apart, from the length it has now."""
        squares = _exact(self.base.weight).square().sum(1)
        self.register_buffer("squares", squares, persistent=False)
        self.lora_magnitude_vector = nn.Parameter(self._lengths())

    def round(self, section: QuantizationSection) -> None:
        """Compute from now on with inputs and merged weight as rounded as the section says.

        Raises:
            ConfigError: the update has dropout, and a merged weight has none.
        """
        if self.lora_dropout:
            raise ConfigError(
                "CFG-QUANT",
                "what is rounded is the weight with its update in it, which has no dropout",
                at="lora_dropout",
                got=self.lora_dropout,
                expected="0",
                fix="set lora_dropout to 0, in adapter_config.json of an adapter made elsewhere, "
                "or leave quantization out",
            )
        self.rounding = Rounding(section)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, `[..., in]` to `[..., out]`."""
        if self.rounding is not None:
            return self._rounded(self.rounding, x)
        lora_a, lora_b = self.factors()
        magnitude, bias = self.lora_magnitude_vector, self.base.bias
        y: Tensor = LoraProduct.apply(  # type: ignore[no-untyped-call]
            x.reshape(-1, x.shape[-1]),
            frozen_weight(self.base),
            bias if magnitude is None else None,
            lora_a,
            lora_b,
            self.scaling,
            self.lora_dropout if self.training else 0.0,
        )
        if magnitude is not None:
            y = y * (magnitude / self._lengths()).to(y.dtype)
            y = y if bias is None else y + bias
        return y.view(*x.shape[:-1], -1)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain layer of the weight that the update makes, added up in float32."""
        base, weight = self.base, self._whole()
        plain = nn.Linear(base.in_features, base.out_features, bias=False, device="meta")
        plain.weight = nn.Parameter(weight.to(base.weight.dtype), requires_grad=False)
        if base.bias is not None:
            plain.bias = nn.Parameter(base.bias.detach().clone(), requires_grad=False)
        return plain if self.rounding is None else RoundedLinear(plain, self.rounding.section)

    def factors(self) -> tuple[Tensor, Tensor]:
        """Return the update's two factors, `[rank, in]` and `[out, rank]`."""
        if self.start is None:
            return self.lora_A, self.lora_B
        start_a, start_b = self.start
        return torch.cat([self.lora_A, start_a]), torch.cat([self.lora_B, -start_b], 1)

    def _whole(self) -> Tensor:
        """Return the weight that the update makes, `[out, in]`, in float32."""
        lora_a, lora_b = self.factors()
        weight = _updated(_exact(self.base.weight), lora_a, lora_b, self.scaling)
        if self.lora_magnitude_vector is None:
            return weight
        lengths = _root(weight.detach().square().sum(1))
        return weight * (self.lora_magnitude_vector / lengths)[:, None]

    def _rounded(self, rounding: Rounding, x: Tensor) -> Tensor:
        parts = (self.base.weight, *self.parameters(recurse=False), *(self.start or ()))
        rounded, bias = rounding.weight(parts, self._whole), self.base.bias
        rows = rounding.inputs(x.reshape(-1, x.shape[-1]))
        y: Tensor
        if self.lora_magnitude_vector is None:
            y = RoundedLoraProduct.apply(  # type: ignore[no-untyped-call]
                rows, rounded, bias, *self.factors(), self.scaling
            )
        else:
            y = F.linear(rows, straight(self._whole(), rounded), bias)
        return y.view(*x.shape[:-1], -1)

    @torch.no_grad()
    def _lengths(self) -> Tensor:
        """Return the length of each row of the weight with its update, `[out]`.

        |w + s b A|^2 = |w|^2 + 2 s (A w) . b + s^2 b (A A^T) b^T, so that no matrix of the weight's
        size is ever made.
        """
        a, b = self.factors()
        weight: Tensor = self.base.weight
        cross = _exact(product(weight, a.to(weight.dtype)))
        grown = 2 * self.scaling * cross + self.scaling**2 * (b @ (a @ a.T))
        return _root(self.squares + (grown * b).sum(1))


def _updated(weight: Tensor, lora_a: Tensor, lora_b: Tensor, scaling: float) -> Tensor:
    """Return W + s B A as W is laid out: across what is laid out it takes ten times as long."""
    a, b = lora_a.to(weight.dtype), lora_b.to(weight.dtype)
    if weight.is_contiguous():
        return torch.addmm(weight, b, a, alpha=scaling)
    return torch.addmm(weight.T, a.T, b.T, alpha=scaling).T


def _exact(tensor: Tensor) -> Tensor:
    """Return the numbers as float32, or as float64 where they are."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _root(squares: Tensor) -> Tensor:
    """Return the roots of squared lengths, never zero: a row of zeros has no direction."""
    return squares.clamp(min=torch.finfo(squares.dtype).tiny).sqrt()
