"""Where a run happened: versions, processor and memory, read without importing anything heavy."""

import os
import platform
import resource
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("loratory", "torch", "transformers", "tokenizers", "safetensors", "numpy")
_THREAD_SETTINGS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_MEGABYTE = 1_000_000


def environment() -> dict[str, Any]:
    """Return versions, system, processor, cores, thread settings and memory (MB, 10^6 bytes).

    A package that is not installed has the version None, like a setting that is not set.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "versions": {"python": platform.python_version()}
        | {package: _version(package) for package in _PACKAGES},
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": {"machine": os.cpu_count(), "usable": usable_cores()},
        "threads": {name: os.environ.get(name) for name in _THREAD_SETTINGS},
        "memory_mb": round(memory / _MEGABYTE),
    }


def usable_cores() -> int:
    """Return how many logical processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def forget_peak_memory() -> None:
    """Let `peak_memory_mb` begin anew with what is held now, where the system can do that."""
    # 5 resets the high water mark alone, see proc_pid_clear_refs(5).
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory_mb() -> float:
    """Return the most memory this process has held since it began or forgot, in MB (10^6 bytes).

    Resident pages, those of memory-mapped weights included; children are not. Linux: VmHWM of
    /proc/self/status, because ru_maxrss there starts at the size of the parent that forked this
    process. Elsewhere ru_maxrss, which macOS counts in bytes and other systems in KiB.
    """
    for line in _lines(Path("/proc/self/status")):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / _MEGABYTE
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MEGABYTE


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
