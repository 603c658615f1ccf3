"""Text after a prompt: of a run as its rows were read, of a base as transformers writes it."""

from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import Metaspace
from tokenizers.models import WordLevel
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from loratory import pipeline
from loratory.errors import ConfigError, DataError, ModelError, RunError
from loratory.inference.generate import generate
from loratory.inference.generate_text import Writer, load_writer, pieces
from loratory.inference.tuned import load_run
from loratory.recipe.load import load_recipe
from loratory.recipe.schema import Decoding
from loratory.tasks.task import Writing
from loratory.tasks.tokens import beginning

PROMPT = "a quiet , lovely film about"


@pytest.fixture(scope="module")
def tokenizer(gpt2_folder):
    return AutoTokenizer.from_pretrained(gpt2_folder)


@pytest.fixture(scope="module")
def text_run(tmp_path_factory, gpt2_folder):
    """Return the folder of a run that has learned from plain texts."""
    folder = tmp_path_factory.mktemp("texts")
    lines = ["dull and far too long"] * 6
    (folder / "train.csv").write_text("\n".join(["text", *lines]) + "\n")
    (folder / "validation.csv").write_text("text\ndull and cold\n")
    recipe = folder / "texts.yaml"
    recipe.write_text(
        f"""
base: {gpt2_folder}
task: {{kind: text}}
data: {{train: {folder / "train.csv"}, validation: {folder / "validation.csv"}}}
method: {{r: 8}}
training:
  epochs: 4
  batch_size: 6
  learning_rate: 3.0e-2
  precision: float32
  device: cpu
  threads: 1
"""
    )
    return pipeline.train(load_recipe(recipe), out=folder / "run").path


@pytest.mark.parametrize("text", ["the plot", "naïve café", "日本語", "a 🎬 b", "🎬🎬", "e\u0301"])
def test_pieces_are_whole_characters_and_together_the_text(tokenizer, text):
    prompt, tokens = (tokenizer(part)["input_ids"] for part in (PROMPT, " " + text))
    found = list(pieces(tokenizer, prompt, tokens))
    assert "".join(found) == " " + text
    assert not any("\ufffd" in piece or not piece for piece in found)
    assert len(found) > 1


def test_a_piece_comes_with_the_token_that_completes_it(tokenizer):
    tokens = tokenizer("é!")["input_ids"]
    seen = []

    def watched():
        for token in tokens:
            seen.append(token)
            yield token

    found = pieces(tokenizer, [], watched())
    assert next(found) == "é"
    assert len(seen) == 2


def test_the_space_before_the_first_word_is_kept_where_a_tokenizer_would_drop_it():
    plain = Tokenizer(WordLevel({"▁the": 0, "▁plot": 1, "s": 2, "?": 3}, unk_token="?"))
    plain.decoder = Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain)
    assert tokenizer.decode([1]) == "plot"
    assert list(pieces(tokenizer, [0], [1, 2])) == [" plot", "s"]


def test_half_a_character_at_the_end_is_not_lost(tokenizer):
    tokens = tokenizer("a🎬")["input_ids"][:-1]
    assert "".join(pieces(tokenizer, [], tokens)) == tokenizer.decode(tokens)


def test_reserved_tokens_are_no_text(tokenizer):
    tokens = [*tokenizer("dull")["input_ids"], 0, *tokenizer(" end")["input_ids"]]
    assert "".join(pieces(tokenizer, [0], tokens)) == "dull end"


def test_no_tokens_have_no_text(tokenizer):
    assert list(pieces(tokenizer, [1, 2], [])) == []


def test_a_base_writes_what_transformers_writes(base_folder):
    writer = load_writer(str(base_folder))
    tokenizer = AutoTokenizer.from_pretrained(base_folder)
    stock = AutoModelForCausalLM.from_pretrained(base_folder).eval()
    given = tokenizer(PROMPT, return_tensors="pt")
    with torch.no_grad():
        whole = stock.generate(**given, do_sample=False, max_new_tokens=10, pad_token_id=0)[0]
    written = whole[given["input_ids"].shape[1] :].tolist()
    ended = 0 in written
    written = written[: written.index(0)] if ended else written
    found = writer.write(PROMPT, Decoding(max_new_tokens=10), seed=0)
    assert (found.text, found.tokens) == (tokenizer.decode(written), len(written))
    assert found.cut == (not ended)


DECODINGS = [Decoding(), Decoding(kind="beam"), Decoding(kind="sample", temperature=2.0)]


@pytest.mark.parametrize("decoding", DECODINGS, ids=lambda decoding: decoding.kind)
def test_the_stream_is_the_text(base_folder, decoding):
    writer = load_writer(str(base_folder))
    found = writer.write(PROMPT, decoding, seed=3)
    assert "".join(writer.stream(PROMPT, decoding, seed=3)) == found.text
    assert found.tokens > 0


def test_a_run_writes_with_what_it_has_learned(text_run, gpt2_folder):
    tuned = load_run(text_run)
    found = load_writer(str(text_run)).write("dull and", Decoding(), seed=0)
    tokens = [0, *tuned.base.tokenizer("dull and")["input_ids"]]
    writing = Writing(Decoding(), (0,))
    (expected,) = generate(tuned.base.network, [tokens], writing, seed=0, tokens_at_once=99)
    assert found.text == tuned.base.tokenizer.decode(expected.tokens)
    assert found.text != load_writer(str(gpt2_folder)).write("dull and", Decoding(), seed=0).text


def test_a_run_reads_a_prompt_as_its_rows_and_a_base_as_its_tokenizer(text_run, gpt2_folder):
    text = "x<|endoftext|>"
    run, base = load_writer(str(text_run)), load_writer(str(gpt2_folder))
    assert (run.bos, base.bos) == (True, None)
    plain = base.base.tokenizer(text, split_special_tokens=True)["input_ids"]
    assert run._read(text) == [0, *plain]
    assert base._read(text) == base.base.tokenizer(text)["input_ids"] != plain


def test_a_run_is_in_its_own_number_format(text_run):
    assert load_writer(str(text_run)).compute == load_run(text_run).compute


@pytest.mark.parametrize("listed", [None, 7, [7, 9], [0]], ids=str)
def test_texts_end_where_tokenizer_or_configuration_say(gpt2_folder, listed):
    writer = load_writer(str(gpt2_folder))
    writer.base.network.config.eos_token_id = listed
    ends = {0} | (set(listed) if isinstance(listed, list) else {listed} - {None})
    assert set(writer._writing(Decoding()).ends) == ends


def test_a_run_with_a_head_of_its_own_writes_nothing_and_says_what_to_do(film_run):
    with pytest.raises(ConfigError) as caught:
        load_writer(str(film_run))
    error = caught.value
    assert (error.code, error.exit_code, error.got) == ("CFG-VALUE", 2, str(film_run))
    assert "task classify" in error.problem
    assert f"loratory predict {film_run}" in error.fix


def test_what_is_neither_run_nor_base_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="MODEL-FORMAT"):
        load_writer(str(tmp_path))
    with pytest.raises(ModelError, match="there is no such folder"):
        load_writer(str(tmp_path / "none"))
    recipe = f"base: {tmp_path}\ndata: {{name: cola}}\ntask: {{kind: label_words}}\n"
    (tmp_path / "recipe.yaml").write_text(recipe)
    with pytest.raises(RunError, match="RUN-UNFINISHED"):
        load_writer(str(tmp_path))


def test_texts_written_side_by_side_are_each_drawn_for_themselves(text_run):
    writer, decoding, heard = load_writer(str(text_run)), Decoding(kind="sample"), []
    many = writer.write_many("dull", decoding, seed=3, texts=5, watch=heard.append)
    assert many[0] == writer.write("dull", decoding, seed=3)
    assert len({each.text for each in many}) > 1
    assert sum(heard) == 5


def test_an_empty_prompt_is_what_begins_every_text(text_run):
    writer = replace(load_writer(str(text_run)), bos=True)
    tokenizer = writer.base.tokenizer
    (begin,) = beginning(tokenizer, bos=True)
    writing = Writing(Decoding(), (tokenizer.eos_token_id,))
    alone = generate(writer.base.network, [[begin]], writing, seed=0, tokens_at_once=64)
    found = writer.write("", Decoding(), seed=0)
    assert found.tokens == len(alone[0].tokens) > 0
    assert "".join(writer.stream("", Decoding(), seed=0)) == found.text


@pytest.mark.parametrize("prompt", ["", " ", "a\0b", "\ud800"])
def test_a_prompt_that_no_model_can_read_is_refused(gpt2_folder, prompt):
    writer = load_writer(str(gpt2_folder))
    assert isinstance(writer, Writer)
    with pytest.raises(DataError, match=r"DATA-TEXT.*the prompt"):
        writer.write(prompt, Decoding(), seed=0)
    with pytest.raises(DataError, match=r"DATA-TEXT.*the prompt"):
        next(writer.stream(prompt, Decoding(), seed=0))
