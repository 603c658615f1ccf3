"""A frozen matrix in int8, multiplied in whole numbers: a quarter of float32's bytes and time.

    W ~ diag(s) Q        Q: whole numbers in -127…127, s_i = max |W_i| / 127 for each row W_i
    y = W x ~ t s (Q q)  q: whole numbers in -127…127, t = max |x| / 127 for each token x

The factor t is found anew for each token: some tokens hold numbers a hundred times larger than all
others do, and would take the others' digits with them (Dettmers et al. 2022, "LLM.int8()",
arXiv:2208.07339). With the gradient it is the other way round: W^T g = Q^T (s g), where s g is what
is made whole, so that both ways compute with the very same W. The sums are exact in 32 bits.

One kernel of oneDNN multiplies, and scales its sums to float32; its numbers on the left are 0…255,
so 128 is added to q, and taken out again by the kernel. What is left is one pass to find t, two to
make q, and one to multiply by t.
"""

from functools import cached_property, lru_cache
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional as F

_MOST = 127
_MIDDLE = 128
# Added to a small number, this leaves no digits behind the point: the lowest byte of the sum's bits
# is the number, rounded to the nearest, in one pass where rounding and converting would take three.
_ROUNDING = 1.5 * 2**23
# Divides where a token is all zeros; far below any number of a network.
_LEAST = 1e-30


class Int8Matrix:
    """`diag(after) Q diag(before)`, `[out, in]`: a matrix in int8, or its transpose."""

    def __init__(self, packed: tuple[Tensor, Tensor], after: Tensor, before: Tensor | None) -> None:
        self.packed, self._transposed = packed
        self.after = after
        self.before = before
        self._zeros = torch.zeros(len(after), dtype=torch.long)

    @classmethod
    def of(cls, weight: Tensor) -> Self:
        """Round `weight`, `[out, in]`, each row on a scale of its own."""
        scale = weight.abs().amax(1).clamp(min=_LEAST) / _MOST
        whole = (weight / scale[:, None]).round().to(torch.int8)
        # The kernel's own layouts, one for each way through the layer: two bytes for a weight.
        pack = torch.ops.onednn.qlinear_prepack
        return cls((pack(whole, None), pack(whole.T.contiguous(), None)), scale, None)

    @cached_property
    def T(self) -> "Int8Matrix":  # noqa: N802 - as torch calls it
        """The transpose, `[in, out]`."""
        outputs = torch.ones(self.packed.shape[0])
        after = outputs if self.before is None else self.before
        return Int8Matrix((self._transposed, self.packed), after, self.after)

    def dense(self) -> Tensor:
        """Return the matrix in float32, `[out, in]`, as it is computed with."""
        whole = self.packed.to_dense().T.to(torch.float32)
        scaled = whole * self.after[:, None]
        return scaled if self.before is None else scaled * self.before

    def product(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return `x W^T + bias`, `[tokens, in]` to `[tokens, out]`.

        What is not float32 is multiplied as it is: that is for checks, which want no rounding.
        """
        if x.dtype != torch.float32:
            return F.linear(x, self.dense().to(x.dtype), bias)
        whole, scale = _whole_numbers(x if self.before is None else x * self.before)
        after, middle = (self.after, self._zeros), (1.0, _MIDDLE)
        y: Tensor = _multiply(whole, *middle, self.packed, *after, None, *_AS_FLOAT32)
        return y.mul_(scale) if bias is None else torch.addcmul(bias, y, scale)

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        """Return itself: it never changes, and the kernel's layouts cannot be copied."""
        return self


def multiplies_exactly() -> bool:
    """Tell whether this processor, and this build of PyTorch, have the kernel, and it is exact.

    On a processor without instructions for it (VNNI) sums of two products are cut at 16 bits.
    """
    x = torch.full((4, 64), 255, dtype=torch.uint8)
    weight = torch.full((32, 64), _MOST, dtype=torch.int8)
    scale, zeros = torch.ones(32), torch.zeros(32, dtype=torch.long)
    try:
        packed = torch.ops.onednn.qlinear_prepack(weight, None)
        y = _multiply(x, 1.0, _MIDDLE, packed, scale, zeros, None, *_AS_FLOAT32)
    except (RuntimeError, AttributeError):
        return False
    return bool((y == 64 * _MOST * (255 - _MIDDLE)).all())


_AS_FLOAT32 = (1.0, 0, torch.float32, "none", (), "")


def _multiply(*arguments: Any) -> Tensor:
    found: Tensor = torch.ops.onednn.qlinear_pointwise(*arguments)
    return found


def _whole_numbers(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return tokens in whole numbers, 128 added, and scales: `[tokens, in]` and `[tokens, 1]`."""
    most = torch.maximum(x.amax(1, keepdim=True), -x.amin(1, keepdim=True)).clamp_(min=_LEAST)
    rounded = torch.addcmul(_shift(x.shape[1]), x, _MOST / most)
    return rounded.view(torch.int32).to(torch.uint8), most.div_(_MOST)


@lru_cache(maxsize=32)
def _shift(width: int) -> Tensor:
    """Return what rounds and adds 128; as a whole row, for then it is added eight or 16 at once."""
    return torch.full((1, width), _ROUNDING + _MIDDLE)
