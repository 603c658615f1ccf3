"""A byte-level tokenizer as a GGUF file holds it: `tokenizer.ggml.*`.

    tokens       by id, a token of the model's that no text has as `[PAD7]`
    token_type   1 of a text, 3 reserved, 4 added, 5 unused
    merges       `left right`, the first ones first
    pre          the name of the way in which llama.cpp splits a text before it merges

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and `get_vocab_base` of llama.cpp's own
converter. A chat template is left out, since runs read texts as they are.
"""

import json
from typing import Any

from gguf import GGUFWriter, TokenType
from transformers import PreTrainedTokenizerBase

_WORDS = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}


def split_name(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Return llama.cpp's name of the way in which the tokenizer splits texts; None: it has none.

    `gpt-2` is byte-level BPE as GPT-2 does it; `smollm` takes every digit alone before.
    """
    whole = _description(tokenizer)
    model, words = whole.get("model") or {}, whole.get("pre_tokenizer") or {}
    plain = model.get("type") == "BPE" and not any(
        (whole.get("normalizer"), model.get("ignore_merges"), model.get("byte_fallback"))
    )
    if not plain or tokenizer.eos_token_id is None:
        return None
    steps = words.get("pretokenizers") if words.get("type") == "Sequence" else [words]
    match [{key: part[key] for key in part if key != "trim_offsets"} for part in steps or []]:
        case [one] if one == _WORDS:
            return "gpt-2"
        case [first, second] if (first, second) == (_DIGITS, _WORDS):
            return "smollm"
        case _:
            return None


def add_tokens(
    writer: GGUFWriter, tokenizer: PreTrainedTokenizerBase, *, rows: int, begin: tuple[int, ...]
) -> None:
    """Add the tokenizer of a model with so many `rows` of embeddings to the file.

    `begin` is the token that stands before each text, if one does: llama.cpp then puts it there.
    """
    tokens, kinds = [f"[PAD{number}]" for number in range(rows)], [TokenType.UNUSED] * rows
    for token, number in tokenizer.get_vocab().items():
        tokens[number], kinds[number] = token, TokenType.NORMAL
    for number, added in tokenizer.added_tokens_decoder.items():
        kinds[number] = TokenType.CONTROL if added.special else TokenType.USER_DEFINED
    merges = [
        merge if isinstance(merge, str) else " ".join(merge)
        for merge in _description(tokenizer)["model"]["merges"]
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(str(split_name(tokenizer)))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(begin[0] if begin else tokenizer.eos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_add_bos_token(value=bool(begin))
    writer.add_add_eos_token(value=False)


def _description(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """Return what `tokenizer.json` says of it; nothing of one that is not of that kind."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return {} if backend is None else json.loads(backend.to_str())
