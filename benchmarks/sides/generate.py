"""The peer of writing: `model.generate` over one batch, padded on the left."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from benchmarks.job import CHECKED_ROWS, job_recipe
from benchmarks.sides.serve import Answer, serve
from benchmarks.sides.write import PROMPTS
from loratory.recipe.base import base_name
from loratory.runs.environment import peak_memory_mb


class Timed:
    """What is written after the prompts, as often as it is called."""

    def __init__(self, folder: Path, settings: Sequence[str]) -> None:
        del settings
        base = base_name(job_recipe(folder).base)
        given = json.loads((folder / PROMPTS).read_text(encoding="utf-8"))
        self.prompts: list[list[int]] = given["prompts"]
        self.tokenizer = AutoTokenizer.from_pretrained(base, padding_side="left")
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
        options = self.model.generation_config
        options.eos_token_id = None
        options.pad_token_id = self.tokenizer.pad_token_id
        options.do_sample = False
        options.max_new_tokens = given["new_tokens"]

    def __call__(self) -> Answer:
        """Write once."""
        before = time.perf_counter()
        batch = self.tokenizer.pad({"input_ids": self.prompts}, return_tensors="pt")
        written = self.model.generate(**batch)
        new = written[:, batch["input_ids"].shape[1] :].tolist()
        return {
            "seconds": time.perf_counter() - before,
            "peak_memory_mb": peak_memory_mb(),
            "precision": "float32",
            "answers": new,
        }


@torch.inference_mode()
def check(folder: Path, settings: Sequence[str]) -> list[float]:
    """Return the log-probability of the likeliest token after each of the first prompts."""
    wrote = Timed(folder, settings)
    prompts = {"input_ids": wrote.prompts[:CHECKED_ROWS]}
    batch = wrote.tokenizer.pad(prompts, return_tensors="pt")
    # `generate` counts positions by the mask, which a plain call of the model does not.
    places = (batch["attention_mask"].cumsum(-1) - 1).clamp(min=0)
    logits = wrote.model(**batch, position_ids=places).logits[:, -1]
    found: list[float] = logits.log_softmax(-1).amax(-1).tolist()
    return found


if __name__ == "__main__":
    serve(check, Timed)
