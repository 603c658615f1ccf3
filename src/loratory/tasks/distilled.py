"""A task learned from a teacher as well: what each row was given is the teacher's word on it.

given = label, log p(class 1), log p(class 2), …        a negative label: there is none
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from loratory.batching.flat import FlatBatch
from loratory.batching.rows import EncodedRow
from loratory.losses import Loss, distillation
from loratory.models.network import Network
from loratory.recipe.schema import DistillationSection
from loratory.tasks.task import Teachable

NO_LABEL = -1


@dataclass(frozen=True)
class Distilled:
    """What training makes small with a teacher; everything else is the task's own."""

    task: Teachable
    section: DistillationSection

    def loss(self, network: Network, hidden: Tensor, batch: FlatBatch) -> Loss:
        """Return the teacher's and the labels' loss, summed over the rows."""
        student = self.task.class_log_probabilities(network, hidden, batch)
        given = batch.given.view(len(student), -1)
        return distillation(
            student,
            given[:, 1:],
            given[:, 0].long(),
            temperature=self.section.temperature,
            alpha=self.section.alpha,
        )


def with_teacher(
    rows: Sequence[EncodedRow], labels: Sequence[int], said: Sequence[Sequence[float]]
) -> list[EncodedRow]:
    """Return the rows with what a teacher said of them, log p of each class, `[rows, classes]`."""
    return [
        replace(row, given=(float(label), *log_probabilities))
        for row, label, log_probabilities in zip(rows, labels, said, strict=True)
    ]
