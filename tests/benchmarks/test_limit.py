"""The limit: operations counted by hand."""

import pytest

from benchmarks.job import write_job
from benchmarks.limit import (
    forward_operations,
    multiplication_rate,
    training_work,
    vocabulary_operations,
)
from benchmarks.texts import paragraphs, sentences, write_paragraphs, write_sentences
from loratory.models.load import load_base

BLOCKS, WIDTH, VOCABULARY = 2, 16, 320
# GPT-2: queries, keys and values; out of attention; four times as wide, and back.
WEIGHTS = BLOCKS * WIDTH * WIDTH * (3 + 1 + 4 + 4)


def test_a_token_is_worth_two_operations_a_weight(long_base):
    network = load_base(str(long_base), language_head=True).network
    assert forward_operations(network) == 2 * WEIGHTS
    assert vocabulary_operations(network) == 2 * WIDTH * VOCABULARY


def test_training_is_a_pass_there_and_one_back(long_base, tmp_path):
    data = write_sentences(tmp_path, sentences(6, real=False))
    job = write_job(tmp_path, base=str(long_base), recipe="quickstart", data=data)
    work = training_work(job.tuned, job.rows)
    assert work.rows == 6
    assert work.tokens == sum(map(len, job.rows))
    assert work.operations == work.tokens * 4 * WEIGHTS


def test_a_beginning_that_rows_share_counts_once(long_base, tmp_path):
    found = paragraphs(3, data=None, name="squad_v1.1")
    job = write_job(
        tmp_path,
        base=str(long_base),
        recipe="squad_v2_written",
        data=write_paragraphs(tmp_path, found),
        settings={"method.r": 8, "task.probes": None, "training.epochs": 1},
    )
    begins = len(job.rows[0].segments[0])
    assert begins > 100
    work = training_work(job.tuned, job.rows)
    read = sum(len(row.positions) for row in job.rows)
    # Questions may begin alike, too, by a few tokens.
    once = work.tokens - 2 * begins
    words = 4 * read * WIDTH * VOCABULARY
    assert work.operations - words == pytest.approx(once * 4 * WEIGHTS, rel=0.02)


def test_the_rate_is_that_of_a_real_machine():
    assert 1e8 < multiplication_rate() < 1e15
