"""Losses: pure functions of tensors. Each is a sum and the count of its unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class RowLosses:
    """What a loss says of each row of its batch, without gradients; `[rows]` each.

    A row without any unit, which teaches nothing, is nan in both.
    """

    loss: Tensor
    """Mean of -log p(target) over the row's units."""

    confidence: Tensor
    """Mean of p(target) over the row's units."""

    right: Tensor
    """Whether each of the row's targets was the likeliest at its place."""


@dataclass(frozen=True)
class Loss:
    """A sum over `count` units (rows, tokens or pairs); the loop divides once per step."""

    total: Tensor
    count: int
    rows: RowLosses | None = None
    """None where the loss is no sum over rows that each have their own right answer."""

    sums: Mapping[str, Tensor] = field(default_factory=dict)
    """Further numbers, summed over the same units without gradients; the log has their means."""

    def further(self) -> dict[str, float]:
        """Return the further numbers; one transfer from the device."""
        values = torch.stack([*self.sums.values()]).tolist() if self.sums else []
        return dict(zip(self.sums, values, strict=True))


def cross_entropy(logits: Tensor, targets: Tensor) -> Loss:
    """Return -log p(target), summed over rows: logits `[rows, classes]`, targets `[rows]`."""
    log_p = -F.cross_entropy(logits, targets, reduction="none")
    return negative_log_p(log_p, logits.argmax(-1) == targets, [1] * len(targets))


def negative_log_p(log_p: Tensor, hits: Tensor, counts: Sequence[int]) -> Loss:
    """Return -log p, summed over the units, `[units]`; hits are those than which none is likelier.

    Row r of the batch has the next `counts[r]` units.
    """
    with torch.no_grad():
        rows = row_losses(-log_p, hits, counts)
    return Loss(-log_p.sum(), len(log_p), rows)


def distillation(
    student: Tensor, teacher: Tensor, labels: Tensor, *, temperature: float, alpha: float
) -> Loss:
    """Return alpha · T² · KL(teacher_T ‖ student_T) + (1 - alpha) · cross-entropy, a sum over rows.

    `student` and `teacher` are log-probabilities of the classes, `[rows, classes]`, and T says that
    they are divided by the temperature; T² keeps the gradient's size as it grows. A row whose
    label, of `[rows]`, is negative has none, and learns from the teacher alone. Hinton et al. 2015,
    arXiv:1503.02531.
    """
    ours, theirs = (x.div(temperature).log_softmax(-1) for x in (student, teacher))
    apart = F.kl_div(ours, theirs, reduction="sum", log_target=True)
    labelled = labels >= 0
    own, right = student[labelled], labels[labelled]
    each = -own.gather(1, right[:, None])[:, 0]
    total = alpha * temperature**2 * apart + (1 - alpha) * each.sum()
    with torch.no_grad():
        rows = row_losses(each.detach(), own.argmax(-1) == right, labelled.int().tolist())
    return Loss(total, len(student), rows)


def row_losses(each: Tensor, hits: Tensor, counts: Sequence[int]) -> RowLosses:
    """Return the rows' means of `each` unit's loss, `[units]`, and whether all units are hits."""
    lengths = torch.tensor(counts, device=each.device)
    values = torch.stack([each, (-each).exp(), hits.to(each.dtype)], dim=1)
    loss, confidence, right = torch.segment_reduce(values, "mean", lengths=lengths).unbind(1)
    return RowLosses(loss, confidence, right == 1)
