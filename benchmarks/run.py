"""`make bench`: every workload beside its peer; a table, and `benchmarks/results/latest.json`.

Each side runs in a process of its own, one after the other, so that neither slows the other down
and memory is each one's own. Ratios are of medians over the repetitions.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from benchmarks.ours import run as run_ours
from benchmarks.ours import write_start
from benchmarks.rows import write_rows
from loratory.runs.environment import environment

RESULTS = Path(__file__).parent / "results"
_SAME_LOSS = 1e-4
# SmolLM2-135M: multiplications and additions of a token's way through its frozen linear layers,
# forward, and once more for the gradient of their inputs.
_FLOP_FORWARD = 2 * 106_168_320
_FLOP_TRAIN = 2 * _FLOP_FORWARD


def classification(*, train: int, test: int, repeat: int) -> dict[str, Any]:
    """Compare the quickstart with Trainer + PEFT: training, evaluation, memory, accuracy."""
    sides: dict[str, list[dict[str, Any]]] = {"stock": [], "loratory": []}
    limits = []
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder)
        write_rows(rows, train=train, test=test)
        base, loss = write_start(rows)
        for number in range(repeat):
            limits.append(_multiplication_rate())
            sides["loratory"].append(run_ours(rows, rows / f"run-{number}"))
            sides["stock"].append(_stock(rows, base))
            limits.append(_multiplication_rate())
    difference = abs(sides["stock"][0]["checked_loss"] - loss)
    if difference > _SAME_LOSS:
        raise SystemExit(f"the sides do not compute the same: losses differ by {difference:.2g}")
    return _summary(sides, statistics.median(limits)) | {
        "train_rows": train,
        "test_rows": test,
        "repetitions": repeat,
        "start_loss_difference": difference,
    }


def _stock(rows: Path, base: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.stock", str(rows), base]
    cores = str(len(os.sched_getaffinity(0)))
    done = subprocess.run([*command, cores], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return found


def _multiplication_rate() -> float:
    """Return the best of several large float32 products, in floating-point operations a second."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    seconds = []
    for _ in range(20):
        before = time.perf_counter()
        F.linear(a, b)
        seconds.append(time.perf_counter() - before)
    return 2 * 1024**3 / min(seconds)


def _summary(sides: dict[str, list[dict[str, Any]]], limit: float) -> dict[str, Any]:
    def rates(side: str, part: str) -> list[float]:
        return [run[f"{part}_tokens"] / run[f"{part}_seconds"] for run in sides[side]]

    def median(side: str, key: str) -> float:
        return statistics.median(run[key] for run in sides[side])

    speed = {side: statistics.median(rates(side, "train")) for side in sides}
    evaluation = {side: statistics.median(rates(side, "evaluate")) for side in sides}
    memory = {side: median(side, "peak_memory_mb") for side in sides}
    return {
        "throughput_ratio": speed["loratory"] / speed["stock"],
        "evaluation_ratio": evaluation["loratory"] / evaluation["stock"],
        "memory_ratio": memory["loratory"] / memory["stock"],
        "tokens_per_second": speed,
        "tokens_per_second_spread": {side: rates(side, "train") for side in sides},
        "evaluation_tokens_per_second": evaluation,
        "peak_memory_mb": memory,
        "share_of_limit": {side: speed[side] * _FLOP_TRAIN / limit for side in sides},
        "evaluation_share_of_limit": {
            side: evaluation[side] * _FLOP_FORWARD / limit for side in sides
        },
        "limit_gflops": limit / 1e9,
        "accuracy": {side: median(side, "accuracy") for side in sides},
    }


def main() -> None:
    """Run the workloads that are asked for and print their table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="?", choices=["classification"], default="classification")
    parser.add_argument("--train", type=int, default=2000, help="training rows")
    parser.add_argument("--test", type=int, default=1066, help="rows to evaluate")
    parser.add_argument("--repeat", type=int, default=1, help="repetitions of both sides")
    given = parser.parse_args()
    found = classification(train=given.train, test=given.test, repeat=given.repeat)
    RESULTS.mkdir(exist_ok=True)
    report = {"machine": environment(), "workloads": {given.only: found}}
    (RESULTS / "latest.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for key, value in found.items():
        sys.stdout.write(f"{key:32}{_shown(value)}\n")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, list):
        return " ".join(map(_shown, value))
    return f"{value:,.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
