"""Certificates of what is written: alike, apart, and along how many tokens."""

import pytest

from loratory.export.merge import checked_rows
from loratory.export.written import written_apart
from loratory.inference.tuned import load_run


def test_a_network_writes_what_it_writes_and_is_compared_at_every_token(run_of, gpt2_folder):
    run = run_of(gpt2_folder, "written_qa")
    tuned = load_run(run)
    checked = checked_rows(tuned, run, None, 5)
    found = written_apart(tuned, tuned, checked)
    tokens = [len(written.tokens) for (written,) in tuned.answers(checked.encoding).outputs]
    assert (found.equal, found.texts) == (5, 5)
    assert found.difference.greatest == 0
    assert found.difference.positions == 5 + sum(tokens) > 5


def test_another_network_is_told_apart(run_of, gpt2_folder):
    run = run_of(gpt2_folder, "written_qa")
    tuned, other = load_run(run), load_run(run)
    other.base.network.lm_head.weight.data.neg_()
    found = written_apart(tuned, other, checked_rows(tuned, run, None, 5))
    assert found.equal < found.texts
    assert found.difference.greatest > 1


@pytest.mark.parametrize("name", ["text", "preference"])
def test_tasks_that_write_nothing_are_asked_for_sixteen_tokens(run_of, gpt2_folder, name):
    run = run_of(gpt2_folder, name)
    tuned = load_run(run)
    found = written_apart(tuned, tuned, checked_rows(tuned, run, None, 4))
    assert (found.texts, found.difference.positions) == (4, 4 * 17)
