"""Film reviews that lean positive: `python -m benchmarks.film_reviews [KEY=VALUE …]`.

    judge        a classifier, tuned on a third of Rotten Tomatoes that nothing else reads
    supervised   the language of the other sentences, praise and blame alike
    DPO          from there, pairs of sentences that open alike, for each beta
    positives    from there, more supervised tuning on the pairs' chosen sentences alone

From each, sentences are drawn after held-out openings at temperature 1. What is told of them: the
share that the judge calls positive, and their drift, KL(model ‖ supervised), the mean over the
drawn sentences of log p_model - log p_supervised in nats. Intervals are 95 % bootstraps over the
openings, each with all its sentences. KEY=VALUE goes into every recipe: training.device=cuda.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import loratory
from benchmarks.film_reviews_page import FOLDER, draw, table
from loratory.batching.rows import EncodedRow, one_each
from loratory.data.load import load_dataset
from loratory.data.rows import PairRow, Row, plain
from loratory.inference.generate import generate
from loratory.inference.tuned import Tuned
from loratory.metrics.intervals import mean_intervals
from loratory.recipe.data import DataSection, Holdout
from loratory.recipe.schema import Decoding
from loratory.runs.json_files import write_json
from loratory.tasks.task import Writing, Written
from loratory.tasks.tokens import beginning, token_ids

BETAS = (0.03, 0.1, 0.3, 1.0, 3.0)
POSITIVE_EPOCHS = (1, 3)
_SEED = 0


@dataclass(frozen=True)
class Study:
    """What the runs have in common."""

    given: argparse.Namespace
    scratch: Path

    def train(self, name: str, recipe: str, settings: Mapping[str, Any]) -> Path:
        """Train once and return the folder; a run that is there is gone on with."""
        out = self.scratch / name
        if (out / "recipe.yaml").is_file():
            return Path(loratory.resume(out).path)
        sys.stderr.write(f"{name}\n")
        where = {} if self.given.data is None else {"data.dir": str(self.given.data)}
        if "data.train" in settings:
            where = {}
        shared = dict(item.split("=", 1) for item in self.given.settings)
        limit = {} if self.given.rows is None else {"data.limit.train": self.given.rows}
        every = {"base": self.given.base, **where, **limit, **shared, **settings}
        texts = [f"{key}={'null' if value is None else value}" for key, value in every.items()]
        return Path(loratory.train(recipe, texts, out=out).path)

    def pairs(self, split: str) -> tuple[PairRow, ...]:
        """Return the pairs of the DPO recipe."""
        where = None if self.given.data is None else str(self.given.data)
        section = DataSection(
            name="rotten_tomatoes_pairs", dir=where, holdout=Holdout(validation=150)
        )
        return load_dataset(section, "pairs").rows(split)


@dataclass(frozen=True)
class Drawn:
    """Sentences that a model wrote after openings."""

    prompts: list[tuple[int, ...]]
    """Each opening's tokens, once for each of its sentences."""

    written: list[Written]
    texts: list[str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, draw, judge; write the numbers and the curve, and print the table."""
    given = _given(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Study(given, given.runs or Path(folder)))
    given.out.mkdir(parents=True, exist_ok=True)
    write_json(given.out / "film_reviews.json", found)
    draw(found, given.out / "film_reviews.svg")
    sys.stdout.write(table(found))


def measured(study: Study) -> dict[str, Any]:
    """Return every model's positive share and drift, beside those of the supervised one."""
    judge_run = study.train("judge", "film_reviews_judge", {})
    sft_run = study.train("supervised", "film_reviews_sft", {})
    openings = list(dict.fromkeys(plain(row.prompt) for row in study.pairs("validation")))
    openings = openings[: study.given.openings]
    judge, supervised = loratory.load(judge_run), loratory.load(sft_run)
    runs = {"supervised": sft_run, **_tuned_further(study, sft_run)}
    models, shares = {}, {}
    for name, run in runs.items():
        drawn = draw_sentences(loratory.load(run), supervised, openings, study.given.samples)
        positive = _positive(judge, drawn.texts)
        drift = _log_probabilities(_in_task_of(loratory.load(run), supervised), drawn)
        drift = drift - _log_probabilities(supervised, drawn)
        by_opening = {
            "positive": positive.reshape(len(openings), -1).mean(1),
            "drift": drift.reshape(len(openings), -1).mean(1),
        }
        shares[name] = by_opening["positive"]
        by_opening["gain"] = by_opening["positive"] - shares["supervised"]
        models[name] = {
            "means": {what: float(values.mean()) for what, values in by_opening.items()},
            "intervals": mean_intervals(by_opening),
            "cut": float(np.mean([one.cut for one in drawn.written])),
            "examples": drawn.texts[:: study.given.samples][:5],
        }
    return {
        "base": Path(study.given.base).name,
        "openings": len(openings),
        "samples": study.given.samples,
        "judge": _result(judge_run),
        "models": models,
    }


def draw_sentences(model: Tuned, supervised: Tuned, openings: Sequence[str], samples: int) -> Drawn:
    """Draw `samples` sentences after each opening, at temperature 1 and from every token."""
    tokenizer = model.base.tokenizer
    begin = beginning(tokenizer, bos=supervised.recipe.task.bos)
    prompts = [
        (*begin, *tokens) for tokens in token_ids(tokenizer, openings) for _ in range(samples)
    ]
    written = generate(
        model.base.network,
        prompts,
        Writing(Decoding(kind="sample", max_new_tokens=60), (tokenizer.eos_token_id,)),
        seed=_SEED,
        tokens_at_once=model.compute.micro_batch_tokens,
    )
    texts = [
        str(tokenizer.decode([*prompt[len(begin) :], *one.tokens]))
        for prompt, one in zip(prompts, written, strict=True)
    ]
    return Drawn(prompts, written, texts)


def _tuned_further(study: Study, sft_run: Path) -> dict[str, Path]:
    adapter = {"method": None, "method.kind": "peft", "method.folder": str(sft_run / "adapter")}
    runs = {
        f"DPO, beta {beta}": study.train(
            f"dpo-{beta}", "film_reviews_dpo", {**adapter, "task.loss.beta": beta}
        )
        for beta in study.given.betas
    }
    chosen = study.scratch / "positives.jsonl"
    lines = [{"text": plain(row.prompt) + plain(row.chosen)} for row in study.pairs("train")]
    chosen.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    own = {"data.name": None, "data.train": str(chosen), "training.learning_rate": 1e-4}
    for epochs in study.given.positive_epochs:
        name = f"positives, {epochs} epoch{'s' * (epochs > 1)}"
        settings = {**adapter, **own, "training.epochs": epochs}
        runs[name] = study.train(f"positives-{epochs}", "film_reviews_sft", settings)
    return runs


def _positive(judge: Tuned, texts: Sequence[str]) -> np.ndarray:
    # As rows: what a model writes need not be what a person may give to a judge.
    lines = judge.predict_rows([Row(str(n), text, 0, "drawn") for n, text in enumerate(texts)])
    return np.array([line.prediction == "positive" for line in lines], dtype=np.float64)


def _in_task_of(model: Tuned, supervised: Tuned) -> Tuned:
    """Return the model as one that reads plain text."""
    return replace(model, task=supervised.task)


def _log_probabilities(model: Tuned, drawn: Drawn) -> np.ndarray:
    """Return log p of each sentence's own tokens and, where it ended by itself, of its end."""
    end = (int(model.base.tokenizer.eos_token_id),)
    rows = []
    for prompt, one in zip(drawn.prompts, drawn.written, strict=True):
        answer = (*one.tokens, *(() if one.cut else end))
        start = len(prompt) - 1
        positions = tuple(range(start, start + len(answer)))
        rows.append(EncodedRow((prompt, answer[:-1]), positions, answer))
    # Two equal rows are two objects, and both are asked.
    answers = model.answers(one_each(rows))
    return np.array([-nats for ((nats, _),) in answers.outputs])


def _result(run: Path) -> dict[str, Any]:
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    return {key: result[key] for key in ("metrics", "intervals", "rows")}


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.film_reviews", description=__doc__)
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="for every recipe")
    parser.add_argument("--base", default="smollm2-135m")
    parser.add_argument("--data", type=Path, help="folder of the authors' files; absent: the wheel")
    parser.add_argument("--betas", type=float, nargs="+", default=BETAS)
    parser.add_argument("--positive-epochs", type=int, nargs="*", default=POSITIVE_EPOCHS)
    parser.add_argument("--openings", type=int, default=60, help="held-out openings to go on from")
    parser.add_argument("--samples", type=int, default=16, help="sentences after each opening")
    parser.add_argument("--rows", type=int, help="training rows of every run")
    parser.add_argument("--runs", type=Path, help="keep the runs here, and take those there are")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the numbers go")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
