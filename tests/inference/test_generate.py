"""Writing after many prompts: transformers' own greedy texts, whatever is written beside them."""

import shutil

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from loratory.errors import DataError
from loratory.inference import generate as module
from loratory.inference.generate import generate, stream
from loratory.models.load import load_base
from loratory.recipe.schema import Decoding
from loratory.tasks.task import Writing

ENDS = tuple(range(0, 320, 9))
SEEDS = [0, 1, 2]


def prompts_of(seed, count=7, longest=40):
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, longest, (count,), generator=generator).tolist()
    return [torch.randint(320, (length,), generator=generator).tolist() for length in lengths]


class Both:
    """A base for us and for transformers."""

    def __init__(self, folder):
        self.network = load_base(str(folder), language_head=True).network
        self.stock = AutoModelForCausalLM.from_pretrained(folder).eval()

    def ours(self, prompts, ends=ENDS, tokens_at_once=64, **decoding):
        writing = Writing(Decoding(**decoding), ends)
        return generate(self.network, prompts, writing, seed=0, tokens_at_once=tokens_at_once)

    def theirs(self, prompt, ends=ENDS, **options):
        """Return the tokens before the end, and whether there was none."""
        whole = self.stock.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            eos_token_id=list(ends) or None,
            pad_token_id=0,
            do_sample=False,
            **options,
        )[0].tolist()
        written = whole[len(prompt) :]
        ended = [place for place, token in enumerate(written) if token in ends]
        return (tuple(written[: ended[0]]), False) if ended else (tuple(written), True)

    @torch.no_grad()
    def log_probability(self, prompt, tokens):
        """Return the log-probability of `tokens` after the prompt, read as one text."""
        logits = self.stock(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
        return float(logits.log_softmax(-1).gather(1, torch.tensor(tokens)[:, None]).sum())


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def both(request):
    return Both(request.getfixturevalue(f"{request.param}_folder"))


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_texts_are_those_of_transformers(both, seed, penalty):
    prompts = prompts_of(seed)
    found = both.ours(prompts, max_new_tokens=20, repetition_penalty=penalty)
    for prompt, written in zip(prompts, found, strict=True):
        expected = both.theirs(prompt, max_new_tokens=20, repetition_penalty=penalty)
        assert (written.tokens, written.cut) == expected


def test_among_the_prompts_are_such_as_end_and_such_as_are_cut(both):
    prompts = [prompt for seed in SEEDS for prompt in prompts_of(seed)]
    assert {written.cut for written in both.ours(prompts, max_new_tokens=20)} == {True, False}


def test_texts_stop_at_the_bases_positions(both):
    prompts = [prompt for seed in SEEDS for prompt in prompts_of(seed, longest=63)]
    for prompt, written in zip(prompts, both.ours(prompts, (), max_new_tokens=500), strict=True):
        assert (written.tokens, written.cut) == both.theirs(prompt, (), max_length=64)
        assert len(prompt) + len(written.tokens) == 64


def test_the_log_probability_is_the_networks_own(both):
    for decoding in ({}, {"repetition_penalty": 1.5}, {"kind": "sample", "temperature": 0.7}):
        for prompt in prompts_of(3):
            (written,) = both.ours([prompt], (), max_new_tokens=12, **decoding)
            expected = both.log_probability(prompt, written.tokens)
            assert written.log_probability == pytest.approx(expected, rel=1e-4)


def test_the_end_is_part_of_the_log_probability(both):
    (prompt,) = prompts_of(0, count=1)
    (first,) = both.theirs(prompt, (), max_new_tokens=1)[0]
    (written,) = both.ours([prompt], (first,))
    assert (written.tokens, written.cut) == ((), False)
    assert written.log_probability == pytest.approx(both.log_probability(prompt, [first]), rel=1e-4)


DECODINGS = [
    {},
    {"repetition_penalty": 1.4},
    {"kind": "beam", "num_beams": 3},
    {"kind": "sample", "temperature": 1.3, "top_k": 50, "top_p": 0.95},
]


@pytest.mark.parametrize("decoding", DECODINGS, ids=lambda d: d.get("kind", "greedy"))
@pytest.mark.parametrize("tokens_at_once", [1, 5, 60, 10_000])
def test_what_is_written_beside_a_text_changes_nothing(both, decoding, tokens_at_once):
    prompts = prompts_of(4)
    together = both.ours(prompts, tokens_at_once=tokens_at_once, max_new_tokens=10, **decoding)
    again = both.ours(prompts, tokens_at_once=40, max_new_tokens=10, **decoding)
    for one, other in zip(together, again, strict=True):
        assert (one.tokens, one.cut) == (other.tokens, other.cut)
        assert one.log_probability == pytest.approx(other.log_probability, rel=1e-4)


@pytest.fixture
def groups(monkeypatch):
    """Return a list that is told how many texts are written together."""
    told, whole = [], module.growing_texts

    def watched(*given, **settings):
        told.append(settings["texts"])
        return whole(*given, **settings)

    monkeypatch.setattr(module, "growing_texts", watched)
    return told


@pytest.mark.parametrize(
    ("decoding", "tokens_at_once", "expected"),
    [
        ({}, 1000, [7]),
        ({}, 3, [3, 3, 1]),
        ({"kind": "beam", "num_beams": 2}, 5, [4, 4, 4, 2]),
        ({"kind": "beam", "num_beams": 9}, 5, [9] * 7),
    ],
)
def test_as_many_texts_grow_together_as_tokens_are_read(
    both, groups, decoding, tokens_at_once, expected
):
    both.ours(prompts_of(5), tokens_at_once=tokens_at_once, max_new_tokens=2, **decoding)
    assert groups == expected


def test_memory_decides_how_many_are_written_together(both, groups, monkeypatch):
    layers, heads, width = 2, both.network.config.num_attention_heads, 16
    shared = getattr(both.network.config, "num_key_value_heads", heads)
    token = layers * 2 * shared * (width // heads) * 4
    longest = max(map(len, prompts_of(5))) + 20
    monkeypatch.setattr(module, "_CPU_BYTES", 7 * longest * token)
    both.ours(prompts_of(5), tokens_at_once=1000, max_new_tokens=20)
    monkeypatch.setattr(module, "_CPU_BYTES", 7 * longest * token - 1)
    both.ours(prompts_of(5), tokens_at_once=1000, max_new_tokens=20)
    monkeypatch.setattr(module, "_CPU_BYTES", 1)
    both.ours(prompts_of(5), tokens_at_once=1000, max_new_tokens=20)
    assert groups == [7, 6, 1, *[1] * 7]


@pytest.mark.parametrize("decoding", DECODINGS, ids=lambda d: d.get("kind", "greedy"))
def test_a_network_that_reads_its_texts_anew_writes_the_same(both, monkeypatch, decoding):
    prompts = prompts_of(6)
    kept = both.ours(prompts, max_new_tokens=8, **decoding)
    monkeypatch.setattr(type(both.network), "keeps_past", False)
    both.network.__dict__.pop("keeps_past", None)
    reread = both.ours(prompts, max_new_tokens=8, **decoding)
    for one, other in zip(kept, reread, strict=True):
        assert (one.tokens, one.cut) == (other.tokens, other.cut)
        assert one.log_probability == pytest.approx(other.log_probability, rel=1e-4)


KINDS = {
    "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 4},
    "mamba": {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4, "time_step_rank": 4},
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_that_keep_nothing_write_what_transformers_writes(kind, gpt2_folder, tmp_path):
    config = AutoConfig.for_model(kind, vocab_size=320, **KINDS[kind], eos_token_id=0)
    torch.manual_seed(0)
    stock = AutoModelForCausalLM.from_config(config)
    for parameter in stock.parameters():
        parameter.data.add_(torch.randn(parameter.shape) * 0.1)
    stock.save_pretrained(tmp_path)
    for path in gpt2_folder.glob("token*"):
        shutil.copy(path, tmp_path)
    both = Both(tmp_path)
    assert not both.network.keeps_past
    prompts = prompts_of(9)
    for prompt, written in zip(prompts, both.ours(prompts, max_new_tokens=9), strict=True):
        assert (written.tokens, written.cut) == both.theirs(prompt, max_new_tokens=9)


@pytest.mark.parametrize("decoding", DECODINGS, ids=lambda d: d.get("kind", "greedy"))
def test_a_stream_is_the_text(both, decoding):
    for prompt in prompts_of(7):
        writing = Writing(Decoding(**decoding), ENDS)
        (written,) = both.ours([prompt], **decoding)
        assert tuple(stream(both.network, prompt, writing, seed=0)) == written.tokens


def test_a_stream_gives_each_token_before_the_next_is_computed(both):
    (prompt,) = prompts_of(0, count=1)
    tokens = stream(both.network, prompt, Writing(Decoding(max_new_tokens=10**6), ()), seed=0)
    first = [next(tokens) for _ in range(3)]
    tokens.close()
    assert tuple(first) == both.theirs(prompt, (), max_new_tokens=3)[0]


def test_results_are_in_the_order_given_and_progress_is_told(both):
    prompts = prompts_of(8)
    told = []
    writing = Writing(Decoding(max_new_tokens=5), ENDS)
    options = {"seed": 0, "tokens_at_once": 64}
    found = generate(both.network, prompts, writing, watch=told.append, **options)
    turned = generate(both.network, prompts[::-1], writing, **options)
    assert [written.tokens for written in turned[::-1]] == [written.tokens for written in found]
    assert sum(told) == len(prompts)
    assert min(told) > 0


def test_nothing_is_written_after_no_prompt(both):
    assert both.ours([]) == []


def test_a_prompt_may_be_given_twice(both):
    (prompt,) = prompts_of(0, count=1)
    one, other = both.ours([prompt, prompt])
    assert one.tokens == other.tokens


@pytest.mark.parametrize("length", [64, 65])
def test_a_prompt_that_leaves_no_room_is_refused(both, length):
    for write in (both.ours, lambda given: list(stream_of(both, given[-1]))):
        with pytest.raises(DataError) as caught:
            write([[1], [1] * length])
        error = caught.value
        assert (error.code, error.exit_code, error.got) == ("DATA-TRUNC", 3, f"{length} tokens")
        assert error.at in ("prompt 2", "the prompt")


def stream_of(both, prompt):
    return stream(both.network, prompt, Writing(Decoding(), ()), seed=0)


def test_a_prompt_without_a_token_is_refused(both):
    with pytest.raises(DataError, match=r"DATA-TEXT.*at prompt 1"):
        both.ours([[]])


def test_the_network_drops_nothing_out_and_learns_nothing(both):
    both.network.train()
    both.ours(prompts_of(0, count=2))
    assert not both.network.training
    assert all(parameter.grad is None for parameter in both.network.parameters())
