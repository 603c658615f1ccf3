"""`make bench`: every workload beside its peer, a table, and `benchmarks/results/latest.json`.

python -m benchmarks.run [WORKLOAD …] [--rows N] [--repeat N] [--base BASE] [--data FOLDER]
"""

import argparse
import functools
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.base import GPT2_SMALL, base_folder
from benchmarks.growth import NAME as GROWTH
from benchmarks.growth import draw_growth, measured_growth
from benchmarks.measure import measured
from benchmarks.processes import Open, process
from benchmarks.report import add_result, table
from benchmarks.workload import Options
from benchmarks.workloads.classification import CLASSIFICATION
from benchmarks.workloads.generation import GENERATION
from benchmarks.workloads.int8 import CLASSIFICATION_INT8, PREDICTION_INT8
from benchmarks.workloads.label_words import LABEL_WORDS
from benchmarks.workloads.onnx import PREDICTION_ONNX
from benchmarks.workloads.prediction import PREDICTION
from benchmarks.workloads.preference import PREFERENCE
from benchmarks.workloads.prefix_cache import PREFIX_CACHE
from benchmarks.workloads.prompting import PROMPTING
from benchmarks.workloads.span_qa import SPAN_QA
from benchmarks.workloads.sweep import SWEEP
from benchmarks.workloads.written_qa import WRITTEN_QA
from loratory.errors import LoratoryError
from loratory.models.load import read_config
from loratory.models.source import base_source
from loratory.recipe.schema import TrainingSection
from loratory.train.compute import choose_compute

RESULTS = Path(__file__).parent / "results"
WORKLOADS = {
    workload.name: workload
    for workload in (
        CLASSIFICATION,
        CLASSIFICATION_INT8,
        LABEL_WORDS,
        SPAN_QA,
        WRITTEN_QA,
        PREDICTION,
        PREDICTION_INT8,
        PREDICTION_ONNX,
        GENERATION,
        PREFIX_CACHE,
        SWEEP,
        PREFERENCE,
        PROMPTING,
    )
}


def main(arguments: Sequence[str] | None = None, *, open_side: Open = process) -> None:
    """Measure the workloads that are asked for, write what was found, and print the table.

    One that cannot be measured does not keep the others from it.
    """
    given = _given(arguments)
    found: dict[str, Any] = {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only or [*WORKLOADS, GROWTH]:
            workload = WORKLOADS.get(name)
            base = given.base or (workload.base if workload else GPT2_SMALL)
            try:
                options = _options(given, base, Path(folder), name)
                if workload is None:
                    numbers = measured_growth(options, open_side=open_side)
                else:
                    precision = _auto(options.base)
                    numbers = found[name] = measured(
                        workload, options, precision=precision, open_side=open_side
                    )
            except LoratoryError as error:
                failed.append(name)
                sys.stderr.write(f"{error}\n")
                continue
            add_result(given.results, name, {"base": Path(base).name, **numbers})
            if name == GROWTH:
                draw_growth(numbers, given.results / f"{GROWTH}.svg")
            sys.stderr.write(f"{name} is measured\n")
    if found:
        sys.stdout.write(table(found))
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _options(given: argparse.Namespace, base: str, scratch: Path, name: str) -> Options:
    jobs = scratch / f"{name}-jobs"
    jobs.mkdir()
    data = None if given.quick else given.data
    folder = base_folder(base, scratch)
    return Options(folder, jobs, given.repeat, given.rows, data, quick=given.quick)


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    choices = [*WORKLOADS, GROWTH]
    parser.add_argument("only", nargs="*", metavar="WORKLOAD", help=", ".join(choices))
    parser.add_argument("--base", help="a base; by default the workload's, mostly a random GPT-2")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions; medians are shown")
    parser.add_argument("--rows", type=int, help="rows of each workload")
    shared = os.environ.get("LORATORY_SHARED_DATA")
    parser.add_argument(
        "--data",
        type=Path,
        default=shared and Path(shared),
        help="folder of SQuAD's files, also LORATORY_SHARED_DATA; absent: made-up questions",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where latest.json is")
    parser.add_argument("--quick", action="store_true", help="a few made-up rows, to try it out")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.only if name not in choices]:
        parser.error(f"no workload is called {unknown[0]}; there are {', '.join(choices)}")
    return given


@functools.cache
def _auto(base: str) -> str:
    """Return the number format that `auto` means for this base on this machine's processor."""
    width = read_config(base_source(base)).hidden_size
    return choose_compute(TrainingSection(device="cpu"), width).precision


if __name__ == "__main__":
    try:
        main()
    except LoratoryError as error:
        sys.exit(str(error))
