"""A base as small as those of other tests, but for its positions; and sides in this process."""

import importlib
from contextlib import contextmanager

import pytest

from benchmarks.sides.serve import Served
from benchmarks.workload import Options


@pytest.fixture(scope="session")
def long_base(gpt2_folder, tmp_path_factory):
    """Return the folder of a random GPT-2, 2 layers of 16, that reads 1,024 tokens."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    config = GPT2Config.from_pretrained(
        gpt2_folder, n_positions=1024, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0
    )
    folder = tmp_path_factory.mktemp("long-base")
    GPT2LMHeadModel(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(gpt2_folder).save_pretrained(folder)
    return folder


@pytest.fixture
def options(long_base, tmp_path):
    """Return what is asked for in tests: everything made up, as little as there can be."""
    return Options(str(long_base), tmp_path, repeat=1, quick=True)


@contextmanager
def here(side):
    """Open a side without a process, which would take seconds to start."""
    module = importlib.import_module(f"benchmarks.sides.{side.module}")
    served = Served(module.check, module.Timed, side.settings)
    yield lambda what, folder: served.answer({"do": what, "folder": str(folder)})


@pytest.fixture
def open_here():
    """Return `here`."""
    return here
