"""Where and in which number format to compute: measured, not taken from a processor's name."""

import math
import time
from dataclasses import dataclass
from typing import Literal

import torch

from loratory.errors import ConfigError
from loratory.models.int8 import multiplies_exactly
from loratory.models.product import product
from loratory.recipe.schema import TrainingSection
from loratory.runs.environment import usable_cores

# Computed at once: enough to keep the products large, little enough for caches and memory. Bytes of
# one number of each token, so that a narrower format gets more tokens. So does int8, whose
# products leave all else a larger share of the time.
_CPU_BYTES, _GPU_BYTES = 1024, 65536
# How much faster bfloat16 must be before it is chosen, for its rounding is a real cost. Processors
# with instructions for it come out near 2, those without near a quarter: no close race.
_WORTHWHILE = 1.4
# Narrower networks are kept waiting by other things than their products.
_WIDE_ENOUGH = 256
_ROWS = 256
# What is not int8 in an int8 base is float32.
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.float32}
_BYTES = {"float32": 4, "bfloat16": 2, "int8": 2}


@dataclass(frozen=True)
class Compute:
    """The device, the base's number format, threads, and tokens computed at once."""

    device: torch.device
    precision: Literal["float32", "bfloat16", "int8"]
    threads: int
    micro_batch_tokens: int

    @property
    def gpu(self) -> str | None:
        """The GPU's name, where one is used."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else None

    @property
    def tokens_at_once(self) -> int:
        """Tokens computed at once where nothing is kept for a backward pass."""
        return 2 * self.micro_batch_tokens

    @property
    def dtype(self) -> torch.dtype:
        """The format of all of the base's weights but those that are int8."""
        return _DTYPES[self.precision]


def choose_compute(training: TrainingSection, width: int) -> Compute:
    """Follow the recipe where it says something, and measure where it says `auto`.

    `width` is the base's hidden size: what is measured are products of that width.

    Raises:
        ConfigError: the recipe asks for a GPU and there is none, or for products in int8 and the
            device cannot compute them.
    """
    threads = training.threads or usable_cores()
    # One thread alone is measured: two would wait for each other where the machine is busy.
    torch.set_num_threads(1)
    device = _device(training.device)
    precision = training.precision
    if precision == "auto":
        precision = "bfloat16" if _bfloat16_is_faster(device, width) else "float32"
    elif precision == "int8":
        _require_int8(device)
    torch.set_num_threads(threads)
    if device.type == "cuda":
        # cuDNN's attention makes a plan for every new shape, and each flat batch is one: a run took
        # 2.3 times as long with it.
        torch.backends.cuda.enable_cudnn_sdp(enabled=False)
    usual = (_CPU_BYTES if device.type == "cpu" else _GPU_BYTES) // _BYTES[precision]
    return Compute(device, precision, threads, training.micro_batch_tokens or usual)


def _device(wish: str) -> torch.device:
    if wish == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "CFG-DEVICE",
            "PyTorch finds no GPU here",
            at="training.device",
            got=wish,
            expected="auto or cpu",
            fix="set training.device=auto, or install a PyTorch build for your GPU",
        )
    if wish == "auto":
        wish = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wish)


def _require_int8(device: torch.device) -> None:
    if device.type != "cpu":
        problem, fix = "int8 is for processors, and this run is on a GPU", "training.device=cpu"
    elif not multiplies_exactly():
        problem, fix = "this processor has no exact product in int8", "training.precision=auto"
    else:
        return
    raise ConfigError(
        "CFG-PRECISION",
        problem,
        at="training.precision",
        got="int8",
        expected="auto, float32 or bfloat16",
        fix=f"set {fix}",
    )


def _bfloat16_is_faster(device: torch.device, width: int) -> bool:
    """Multiply in both formats and compare; some processors only emulate bfloat16."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if width < _WIDE_ENOUGH:
        return False
    best = {torch.float32: math.inf, torch.bfloat16: math.inf}
    for _ in range(10):
        for dtype, least in best.items():
            a, b = torch.ones(_ROWS, width, dtype=dtype), torch.ones(width, width, dtype=dtype)
            start = time.perf_counter()
            product(a, b)
            best[dtype] = min(least, time.perf_counter() - start)
    return best[torch.bfloat16] * _WORTHWHILE < best[torch.float32]
