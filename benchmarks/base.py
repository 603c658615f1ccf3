"""The base that is tuned: one of its own, or one that needs no hub.

- gpt2-small: a GPT-2 of the small size with random weights; what they are makes no difference to
  speed. Radford et al. 2019, "Language Models are Unsupervised Multitask Learners": 12 blocks, 768
  wide, 124 M weights.
- smollm2-ten-blocks: the first ten of SmolLM2-135M's thirty, for what depends on what is learned.
"""

from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedModel,
)
from transformers.utils import logging

from loratory.models.smollm2 import smollm2_folder

GPT2_SMALL, SMOLLM2_TEN = "gpt2-small", "smollm2-ten-blocks"
_BLOCKS = 10


def base_folder(name: str, scratch: Path) -> str:
    """Return what a recipe calls the base: `name`, or the folder in `scratch` of one made here.

    Raises:
        ResourceError, SecurityError, ModelError: SmolLM2, or its tokenizer alone, cannot be had.
    """
    if name not in {GPT2_SMALL, SMOLLM2_TEN}:
        return name
    logging.disable_progress_bar()
    folder = scratch / name
    if not folder.is_dir():
        tokenizer = AutoTokenizer.from_pretrained(smollm2_folder(), local_files_only=True)
        model = _random_gpt2(tokenizer.eos_token_id) if name == GPT2_SMALL else _first_blocks()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return str(folder)


def _random_gpt2(end: int) -> PreTrainedModel:
    # Dropout is left out on both sides; the defaults are the sizes.
    config = GPT2Config(
        attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, bos_token_id=end, eos_token_id=end
    )
    torch.manual_seed(0)
    return GPT2LMHeadModel(config)


def _first_blocks() -> PreTrainedModel:
    whole: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        smollm2_folder(), local_files_only=True, num_hidden_layers=_BLOCKS
    )
    return whole
