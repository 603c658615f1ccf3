"""The most memory that a run has held: of its process, and of the GPU where it is on one."""

import torch

from loratory.runs.environment import forget_peak_memory, peak_memory_mb

_MEGABYTE = 1_000_000


def forget_peaks() -> None:
    """Begin anew, as far as the system lets it: what a run before this one held does not count."""
    forget_peak_memory()
    # A GPU that nothing has used is left alone: to begin with it costs time and memory.
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def peaks(device: torch.device) -> dict[str, float | None]:
    """Return the most held since, in MB (10^6 bytes), as a run's result names it.

    Of a GPU it is what PyTorch's tensors took; None where the run is on none.
    """
    on_gpu = torch.cuda.max_memory_allocated(device) / _MEGABYTE if device.type == "cuda" else None
    return {"peak_memory_mb": peak_memory_mb(), "peak_gpu_memory_mb": on_gpu}
