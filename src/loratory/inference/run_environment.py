"""What environment.json says of a run: the machine, how it computes, what it is made of."""

from typing import Any

from loratory.data.rows import rows_digest
from loratory.inference.frozen import Frozen
from loratory.inference.result import RunInput
from loratory.methods.trained import trained_digest
from loratory.runs.environment import environment


def run_environment(frozen: Frozen, given: RunInput) -> dict[str, Any]:
    """Return what a run begins with: the machine, how it computes, digests of what it learns."""
    tuned = frozen.tuned
    compute = tuned.compute
    return environment() | {
        "gpu": compute.gpu,
        "compute": {
            "device": compute.device.type,
            "precision": compute.precision,
            "threads": compute.threads,
            "micro_batch_tokens": compute.micro_batch_tokens,
            "frozen_states": frozen.where,
        },
        "digests": {
            "base": tuned.base.digest,
            "teacher": given.teacher.digest if given.teacher else None,
            "start": trained_digest(tuned.base.network),
            **{f"{split} data": digest for split, digest in given.dataset.digest.items()},
            "extra data": rows_digest(given.extra) if given.extra else None,
        },
    }
