"""A frozen matrix in int8, multiplied in whole numbers: in a quarter of the time of float32.

    W ~ diag(s) Q diag(c)      Q: whole numbers in -127…127, s: a factor of each row
    y = W x ~ t diag(s) Q q    q: c x / t in whole numbers, t = max |c x| / 127 for each token x

The factor t is found anew for each token, because some tokens hold numbers a hundred times larger
than others do. Some inputs are that much larger in every token, and would take the others' digits
with them; c makes inputs smaller and columns larger, or the other way round, until each pair is
about as large: c_i^2 = |W_i| / |x_i|, a column's size by its input's, after SmoothQuant (Xiao et
al. 2022, arXiv:2211.10438).

Where a few inputs of a token, others for every token, are much larger than the rest, as behind a
gated activation, q is too coarse. Then what rounding leaves of c x is rounded and multiplied too,
on a scale of its own: twice the product, and 16 bits of each input.

The gradient goes the other way: W^T g = diag(c) Q^T (s g), where s g is what is made whole. So both
ways compute with the very same W. Sums are exact in 32 bits.

One kernel of oneDNN multiplies, and scales its sums to float32; its numbers on the left are 0…255,
so 128 is added to q, and taken out again by the kernel. What is left is one pass each to multiply
by c and t, two to find t, and two to make q.
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
# No column and no input counts as smaller than this part of the largest one.
_SMALLEST = 1e-4


class Int8Matrix:
    """`diag(after) Q diag(before)`, `[out, in]`: a matrix in int8, or its transpose."""

    def __init__(
        self,
        packed: tuple[Tensor, Tensor],
        after: Tensor,
        before: Tensor | None,
        *,
        twice: bool = False,
    ) -> None:
        self.packed, self._transposed = packed
        self.after = after
        self.before = before
        self.twice = twice
        self._zeros = torch.zeros(len(after), dtype=torch.long)

    @classmethod
    def of(cls, weight: Tensor, sizes: Tensor | None = None, *, twice: bool = False) -> Self:
        """Round `weight`, `[out, in]`, for inputs of about these sizes, `[in]`; None: all alike.

        With `twice` its inputs, but not its gradients, are rounded in two parts.
        """
        columns = None if sizes is None else balance(weight, sizes)
        balanced = weight if columns is None else weight / columns
        rows = balanced.abs().amax(1).clamp(min=_LEAST) / _MOST
        whole = (balanced / rows[:, None]).round().to(torch.int8)
        # The kernel's own layouts, one for each way through the layer: two bytes for a weight.
        packed = [_prepacked(matrix) for matrix in (whole, whole.T)]
        return cls((packed[0], packed[1]), rows, columns, twice=twice)

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
        balanced = x if self.before is None else x * self.before
        whole, scale = _whole_numbers(balanced)
        y = self._sums(whole)
        y = y.mul_(scale) if bias is None else torch.addcmul(bias, y, scale)
        if self.twice:
            whole, scale = _whole_numbers(_left(balanced, whole, scale))
            y.addcmul_(self._sums(whole), scale)
        return y

    def _sums(self, whole: Tensor) -> Tensor:
        """Return `diag(after) Q` times whole numbers, `[tokens, in]` to `[tokens, out]`."""
        middle, after = (1.0, _MIDDLE), (self.after, self._zeros)
        return _multiply(whole, *middle, self.packed, *after, None, *_AS_FLOAT32)

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
        packed = _prepacked(weight)
        y = _multiply(x, 1.0, _MIDDLE, packed, scale, zeros, None, *_AS_FLOAT32)
    except (RuntimeError, AttributeError):
        return False
    return bool((y == 64 * _MOST * (255 - _MIDDLE)).all())


_AS_FLOAT32 = (1.0, 0, torch.float32, "none", (), "")


def balance(weight: Tensor, sizes: Tensor) -> Tensor:
    """Return c: what is multiplied into the inputs, and divided out of the columns, `[in]`."""
    parts = (size_of(weight), sizes)
    columns, inputs = (part / part.amax().clamp(min=_LEAST) for part in parts)
    ratio = columns.clamp(min=_SMALLEST) / inputs.clamp(min=_SMALLEST)
    # With few digits, so that what was measured with another rounding makes the same matrix.
    return ratio.sqrt().to(torch.bfloat16).to(torch.float32)


def size_of(rows: Tensor) -> Tensor:
    """Return how large each column is: the root of its mean square, `[rows, n]` to `[n]`."""
    return rows.square().mean(0).sqrt()


def input_sizes(x: Tensor) -> Tensor:
    """Return how large each input is, `[tokens, in]` to `[in]`, beside its token's largest.

    For so it is rounded: the first token of a text can hold numbers a thousand times as large as
    all others, and would settle it for them.
    """
    return size_of(x / x.abs().amax(1, keepdim=True).clamp(min=_LEAST))


def _prepacked(whole: Tensor) -> Tensor:
    """Return the kernel's layout of a matrix in int8, which it takes to lie row by row."""
    found: Tensor = torch.ops.onednn.qlinear_prepack(whole.contiguous(), None)
    return found


def _multiply(*arguments: Any) -> Tensor:
    found: Tensor = torch.ops.onednn.qlinear_pointwise(*arguments)
    return found


def _whole_numbers(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return tokens in whole numbers, 128 added, and scales: `[tokens, in]` and `[tokens, 1]`."""
    most = torch.maximum(x.amax(1, keepdim=True), -x.amin(1, keepdim=True)).clamp_(min=_LEAST)
    rounded = torch.addcmul(_shift(x.shape[1]), x, _MOST / most)
    return rounded.view(torch.int32).to(torch.uint8), most.div_(_MOST)


def _left(x: Tensor, whole: Tensor, scale: Tensor) -> Tensor:
    """Return what rounding took from x, `[tokens, in]`."""
    return torch.addcmul(x, whole.to(torch.float32).sub_(_MIDDLE), scale, value=-1)


def lost_by_rounding(x: Tensor, weight: Tensor, sizes: Tensor) -> float:
    """Return how much of its output a token loses when its inputs are rounded once, on average.

    `x`, `[tokens, in]`, are inputs of the layer with `weight`, made int8 for inputs of `sizes`.
    """
    columns = balance(weight, sizes)
    left = _left(x * columns, *_whole_numbers(x * columns)) / columns
    exact = (x @ weight.T).norm(dim=1).clamp(min=_LEAST)
    return float(((left @ weight.T).norm(dim=1) / exact).mean())


@lru_cache(maxsize=32)
def _shift(width: int) -> Tensor:
    """Return what rounds and adds 128; as a whole row, for then it is added eight or 16 at once."""
    return torch.full((1, width), _ROUNDING + _MIDDLE)
