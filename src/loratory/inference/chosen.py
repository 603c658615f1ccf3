"""How a run computes, as it was chosen for this machine and this base: told once, at its start."""

from typing import Any

from loratory.inference.tuned import Tuned
from loratory.models.network import Network


def chosen(tuned: Tuned) -> dict[str, Any]:
    """Return device, number format, threads, tokens computed at once and the kind of attention."""
    compute = tuned.compute
    return {
        "device": compute.gpu or compute.device.type,
        "precision": compute.precision,
        "threads": compute.threads,
        "tokens_at_once": compute.micro_batch_tokens,
        "attention": _attention(tuned.base.network),
    }


def _attention(network: Network) -> str:
    if not network.flat:
        return "over padded texts"
    return "over a tree of texts" if network.shares else "text by text"
