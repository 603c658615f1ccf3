"""What every test stands on: one thread, no network, a cache and a hub folder of its own."""

import io
import os
import random
import socket
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

pytest_plugins = ["tests.compared_runs"]

ROOT = Path(__file__).resolve().parent.parent
_OWN = tempfile.TemporaryDirectory(prefix="loratory-tests-", ignore_cleanup_errors=True)

# Read when torch and huggingface_hub are imported, and inherited by every process a test starts:
# hence here and not in a fixture. More threads than one make tiny networks slower, not faster.
os.environ |= {
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HOME": str(Path(_OWN.name, "hub")),
    "LORATORY_CACHE": str(Path(_OWN.name, "cache")),
    "PIP_NO_INDEX": "1",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}


# How long one example takes says more about what else the machine does than about the code.
settings.register_profile("loratory", deadline=None)
settings.load_profile("loratory")


@pytest.fixture(autouse=True)
def _one_thread():
    """Undo what an earlier test set; torch is not imported for the rooms that need none."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_network(request, monkeypatch):
    """Fail a test that leaves this machine, unless it is marked `network`."""
    if request.node.get_closest_marker("network"):
        monkeypatch.delenv("PIP_NO_INDEX")
        return
    connect, connect_ex, lookup = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def only_here(host):
        if host not in (None, "", "localhost", "127.0.0.1", "::1"):
            pytest.fail(f"a test asked the network for {host}; mark it `network`, or keep it here")

    def host_of(sock, address):
        return None if sock.family == socket.AF_UNIX else address[0]

    def guarded_connect(sock, address):
        only_here(host_of(sock, address))
        return connect(sock, address)

    def guarded_connect_ex(sock, address):
        only_here(host_of(sock, address))
        return connect_ex(sock, address)

    def guarded_lookup(host, *args, **kwargs):
        only_here(host.decode() if isinstance(host, bytes) else host)
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_lookup)


@pytest.fixture(scope="session")
def shared_data():
    """Return the folder of the authors' files, or skip where there is none."""
    folder = Path(os.environ.get("LORATORY_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no real data: set LORATORY_SHARED_DATA to the folder of the authors' files")
    return folder


TEXTS = [
    "a quiet , lovely film about nothing much",
    "the plot is thin and the jokes are thinner",
    "an utterly charming and moving story",
    "dull , lifeless and far too long",
]


def _tokenizer():
    """Return a small byte-level tokenizer, made of a few sentences."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<|endoftext|>")


def _saved(kind, config, folder):
    import torch
    from transformers.utils import logging

    # A bar would be on the standard error of the test that comes first.
    logging.disable_progress_bar()
    generator = torch.manual_seed(0)
    model = kind(config)
    # Larger than a fresh start's, so that differences between layers and rows show.
    for parameter in model.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    model.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2_folder(tmp_path_factory):
    """Return a folder with a random GPT-2, 2 layers of 16, and a small tokenizer."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=320,
        n_positions=64,
        n_embd=16,
        n_layer=2,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    return _saved(GPT2LMHeadModel, config, tmp_path_factory.mktemp("gpt2"))


@pytest.fixture(scope="session")
def llama_folder(tmp_path_factory):
    """Return a folder with a random Llama, 2 layers of 16, keys and values shared by two heads."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=320,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        bos_token_id=0,
        eos_token_id=0,
    )
    return _saved(LlamaForCausalLM, config, tmp_path_factory.mktemp("llama"))


@pytest.fixture(params=["gpt2", "llama"])
def base_folder(request):
    """Return each of the two layouts in turn: transposed projections, and ordinary ones."""
    return request.getfixturevalue(f"{request.param}_folder")


@pytest.fixture(scope="session")
def growing_file(llama_folder, tmp_path_factory):
    """Return the random Llama as an ONNX file that is given keys and values and returns them."""
    from transformers import AutoModelForCausalLM

    from loratory.export.growing_graph import write_growing_graph

    model = AutoModelForCausalLM.from_pretrained(llama_folder, attn_implementation="eager")
    model.requires_grad_(requires_grad=False).eval()
    path = tmp_path_factory.mktemp("growing") / "model.onnx"
    write_growing_graph(model.model, model.lm_head, path, positions=64)
    return path


PRAISE, BLAME = ("lovely", "moving", "quiet", "charming"), ("dull", "thin", "lifeless", "cold")
FILM_ROWS = {"train": 22, "validation": 9, "test": 7}


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """Return a folder with train.csv, validation.csv and test.csv: reviews of 2 to 7 words."""
    folder, rng = tmp_path_factory.mktemp("films"), random.Random(0)
    for split, rows in FILM_ROWS.items():
        lines = ["text,label"]
        for number in range(rows):
            positive = number % 2 == 0
            words = rng.choices(PRAISE if positive else BLAME, k=rng.randint(1, 6))
            label = "positive" if positive else "negative"
            lines.append(f"{' '.join(words)} {split}{number},{label}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def film_recipe(films, gpt2_folder):
    """Return a recipe file: 2 epochs of 6 steps, everything on that could leave a trace."""
    path = films / "films.yaml"
    path.write_text(
        f"""
base: {gpt2_folder}
data:
  train: {films / "train.csv"}
  validation: {films / "validation.csv"}
  test: {films / "test.csv"}
method: {{r: 4, lora_dropout: 0.1}}
training:
  epochs: 2
  batch_size: 4
  micro_batch_tokens: 40
  learning_rate: 2.0e-2
  evaluate_every: 2
  checkpoint_every: 1
  precision: float32
  device: cpu
  threads: 1
"""
    )
    return path


@pytest.fixture(scope="session")
def film_run(film_recipe, tmp_path_factory):
    """Return the folder of the recipe's finished run; tests that change it take a copy."""
    from loratory import pipeline
    from loratory.recipe.load import load_recipe

    return pipeline.train(load_recipe(film_recipe), out=tmp_path_factory.mktemp("run") / "run").path


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def loratory(monkeypatch, capsys):
    """Return a function that runs `loratory ARGUMENTS` in this process."""
    from loratory.cli.main import main

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "argv", ["loratory", *map(str, arguments)])
        given = io.StringIO(stdin) if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", given)
        with pytest.raises(SystemExit) as ended:
            main()
        return Ran(ended.value.code, *capsys.readouterr())

    return run
