"""Growing texts: after every token the scores that the whole text gives, kept or read anew."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from loratory.methods.make import make_method
from loratory.models.growing_texts import KeptTexts, RereadTexts, growing_texts
from loratory.models.load import load_base
from loratory.recipe.schema import LoraMethod

KEPT = ["gpt_neox", "mistral", "opt", "qwen2"]
REREAD = ["bloom", "falcon", "gpt_neo", "mamba", "mpt"]
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def texts(*lengths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(320, (n,), generator=generator).tolist() for n in lengths]


@pytest.fixture
def folder(request, folder_of):
    if request.param in ("gpt2", "llama"):
        return request.getfixturevalue(f"{request.param}_folder")
    return folder_of(request.param)


@torch.no_grad()
def by_transformers(stock, text):
    return stock(torch.tensor([text]), use_cache=False).logits[0, -1]


def adapted(base):
    generator = torch.Generator().manual_seed(0)
    make_method(LoraMethod(r=4)).apply(base, generator)
    for name, parameter in base.network.named_parameters():
        if name.endswith("lora_B"):
            parameter.data.normal_(std=0.1, generator=generator)
    return base.network.eval()


@pytest.mark.parametrize("folder", ["gpt2", "llama", *KEPT, *REREAD], indirect=True)
@torch.inference_mode()
def test_the_scores_after_every_token_are_those_of_transformers(folder):
    network = load_base(str(folder), language_head=True).network
    stock = AutoModelForCausalLM.from_pretrained(folder).eval()
    whole = texts(20, 9, 30, 14)
    ends = [11, 1, 25, 6]
    growing = growing_texts(network, tokens_at_once=20)
    found = growing.add([text[:end] for text, end in zip(whole, ends, strict=True)])
    for step in range(5):
        for row, (text, end) in enumerate(zip(whole, ends, strict=True)):
            expected = by_transformers(stock, text[: end + step])
            torch.testing.assert_close(found[row], expected, **CLOSE)
        found = growing.grow([text[end + step] for text, end in zip(whole, ends, strict=True)])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("folder", ["gpt2", "llama", *KEPT], indirect=True)
def test_these_kinds_keep_what_they_have_read(folder, dtype):
    network = load_base(str(folder), dtype=dtype, language_head=True).network
    assert isinstance(growing_texts(network, tokens_at_once=8), KeptTexts)


@pytest.mark.parametrize("folder", REREAD, indirect=True)
def test_these_kinds_read_their_texts_anew(folder):
    network = load_base(str(folder), language_head=True).network
    assert isinstance(growing_texts(network, tokens_at_once=8), RereadTexts)


@torch.inference_mode()
def test_what_texts_begin_with_in_common_is_computed_once(base_folder, monkeypatch):
    network = load_base(str(base_folder), language_head=True).network
    stock = AutoModelForCausalLM.from_pretrained(base_folder).eval()
    start, *rests = texts(20, 4, 1, 7, 4)
    # A text may be another one's beginning, or stand there twice.
    whole = sorted([start, *([*start, *rest] for rest in rests), [*start, *rests[0]], rests[2]])
    computed, begin = [], network.begin_together

    def counted(batch, past):
        computed.append(len(batch))
        return begin(batch, past)

    monkeypatch.setattr(network, "begin_together", counted)
    growing = growing_texts(network, tokens_at_once=100)
    found = growing.add(whole)
    assert sum(computed) == 20 + 4 + 1 + 7 + 4 + 7
    for step in range(3):
        for scores, text in zip(found, whole, strict=True):
            torch.testing.assert_close(scores, by_transformers(stock, text), **CLOSE)
        whole = [[*text, 7 * row + step] for row, text in enumerate(whole)]
        found = growing.grow([text[-1] for text in whole])


def test_a_backbone_that_attends_by_itself_is_found_out(folder_of):
    network = load_base(str(folder_of("gpt_neo"))).network
    assert network.flat
    assert not network.keeps_past


@pytest.mark.parametrize("tuned", [False, True], ids=["base", "adapted"])
@torch.inference_mode()
def test_kept_and_reread_texts_agree_whatever_is_chosen(base_folder, tuned):
    base = load_base(str(base_folder), language_head=True)
    network = adapted(base) if tuned else base.network
    kept = growing_texts(network, tokens_at_once=16)
    assert isinstance(kept, KeptTexts)
    reread = RereadTexts(network, 16)
    torch.testing.assert_close(kept.add(texts(5, 1, 12)), reread.add(texts(5, 1, 12)), **CLOSE)
    for rows, tokens in [
        ([0, 0, 1, 2, 2], [1, 2, 3, 4, 5]),
        ([4, 0, 2], [6, 7, 8]),
        ([2, 1], [9, 10]),
        ([0, 1, 0, 1], [11, 12, 13, 14]),
        ([3], [15]),
    ]:
        kept.select(rows)
        reread.select(rows)
        torch.testing.assert_close(kept.grow(tokens), reread.grow(tokens), **CLOSE)


@torch.inference_mode()
def test_further_texts_may_begin_when_others_have_grown(base_folder):
    network = load_base(str(base_folder), language_head=True).network
    for growing in (growing_texts(network, tokens_at_once=50), RereadTexts(network, 50)):
        first, second = texts(7, 4)
        growing.add([first])
        growing.grow([3])
        growing.add([second])
        found = growing.grow([5, 6])
        for row, text in enumerate(([*first, 3, 5], [*second, 6])):
            alone = RereadTexts(network, 50).add([text])
            torch.testing.assert_close(found[row], alone[0], **CLOSE)


@torch.inference_mode()
def test_how_many_are_read_at_once_changes_nothing(base_folder):
    network = load_base(str(base_folder), language_head=True).network
    given = texts(3, 30, 1, 8)
    whole = growing_texts(network, tokens_at_once=1000).add(given)
    for tokens in (1, 9, 31):
        growing = growing_texts(network, tokens_at_once=tokens, texts=4, tokens=64)
        torch.testing.assert_close(growing.add(given), whole, **CLOSE)
