"""Random streams: numbers that depend on seed, name and index, and on nothing else."""

import hashlib
import itertools
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from loratory.recipe.streams import stream_seed

STREAMS = ("initialisation", "order", "dropout")
seeds = st.integers(0, 2**32 - 1)
indices = st.lists(st.integers(0, 10**9), max_size=3)


@given(seeds, st.sampled_from(STREAMS), indices)
def test_a_seed_is_one_that_torch_and_numpy_take(seed, stream, index):
    assert 0 <= stream_seed(seed, stream, *index) < 2**63


@given(seeds, st.sampled_from(STREAMS), indices)
def test_it_is_the_start_of_a_sha256(seed, stream, index):
    """Stated anew, so that runs of today can go on with a later version."""
    text = " ".join(str(word) for word in (seed, stream, *index))
    digest = int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)
    assert stream_seed(seed, stream, *index) == digest // 2


def test_streams_and_indices_do_not_meet():
    taken = [
        stream_seed(seed, stream, *index)
        for seed, stream in itertools.product(range(5), STREAMS)
        for index in [(), *((number,) for number in range(200)), (1, 1)]
    ]
    assert len(set(taken)) == len(taken)


def test_another_process_draws_the_same():
    code = "from loratory.recipe.streams import stream_seed as s; print(s(3, 'order', 7))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) == stream_seed(3, "order", 7)
