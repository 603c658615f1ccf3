"""The base that is tuned: one of its own, or a GPT-2 of the small size with random weights.

What the weights are makes no difference to speed, and a random base needs no hub. Radford et al.
2019, "Language Models are Unsupervised Multitask Learners": 12 blocks, 768 wide, 124 M weights.
"""

from pathlib import Path

import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel
from transformers.utils import logging

from loratory.models.smollm2 import smollm2_folder

GPT2_SMALL = "gpt2-small"


def base_folder(name: str, scratch: Path) -> str:
    """Return what a recipe calls the base: `name`, or the folder of a random one in `scratch`.

    Raises:
        ResourceError, SecurityError, ModelError: the tokenizer of a random one cannot be had.
    """
    if name != GPT2_SMALL:
        return name
    logging.disable_progress_bar()
    folder = scratch / GPT2_SMALL
    if not folder.is_dir():
        tokenizer = AutoTokenizer.from_pretrained(smollm2_folder(), local_files_only=True)
        end = tokenizer.eos_token_id
        # Dropout is left out on both sides; the defaults are the sizes.
        config = GPT2Config(
            attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0, bos_token_id=end, eos_token_id=end
        )
        torch.manual_seed(0)
        GPT2LMHeadModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return str(folder)
