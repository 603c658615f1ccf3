"""Beginnings, lengths, cuts, and what is said of reserved tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerFast

from loratory.errors import ConfigError, DataError
from loratory.tasks.tokens import (
    beginning,
    fitting,
    longest,
    reserved_notes,
    reserved_tokens,
    token_ends,
    token_ids,
)

END = "<|endoftext|>"


def with_bos(tokenizer, **reserved):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, **reserved)


def test_a_text_begins_with_the_token_between_documents(tokenizer):
    (found,) = beginning(tokenizer, bos=True)
    assert tokenizer.convert_ids_to_tokens(found) == END
    assert beginning(tokenizer, bos=False) == ()


def test_the_token_between_documents_comes_before_a_chat_models_own(small_tokenizer):
    chat = with_bos(small_tokenizer, bos_token="a", eos_token=END)
    assert chat.bos_token_id != 0
    assert beginning(chat, bos=True) == (0,)


def test_without_it_the_tokenizers_own_begins_a_text_where_there_is_one(melting_tokenizer):
    own = PreTrainedTokenizerFast(tokenizer_object=melting_tokenizer.backend_tokenizer)
    assert END not in own.all_special_tokens
    assert beginning(own, bos=True) == ()
    bos = with_bos(own, bos_token="a")
    assert beginning(bos, bos=True) == (bos.bos_token_id,)


def test_each_text_is_tokenised_alone_and_reserved_tokens_are_text(tokenizer):
    texts = ["a film", "", f"so {END} so", END]
    found = token_ids(tokenizer, texts)
    assert [tokenizer.decode(ids) for ids in found] == texts
    assert found == [token_ids(tokenizer, [text])[0] for text in texts]
    (reserved,) = beginning(tokenizer, bos=True)
    assert not any(reserved in ids for ids in found)


@pytest.mark.parametrize(("most", "expected"), [(None, 64), (64, 64), (1, 1)])
def test_a_row_may_have_what_the_recipe_allows_or_the_base_can_read(most, expected):
    assert longest(most, 64) == expected


@pytest.mark.parametrize(
    ("most", "expected"), [(65, "at most 64, the base's positions"), (2, "at least 3")]
)
def test_a_length_that_no_row_can_have_is_refused(most, expected):
    with pytest.raises(ConfigError) as caught:
        longest(most, 64, least=3)
    error = caught.value
    assert (error.code, error.at, error.got) == ("CFG-RANGE", "task.max_length", most)
    assert error.expected == expected


@given(st.text(min_size=1).filter(str.strip), st.integers(0, 60), st.integers(0, 3))
def test_what_fits_is_the_longest_beginning_that_does(text, most, more):
    def length(part):
        return more + len(part.encode())

    beginnings = [text[:end].rstrip() for end in range(1, len(text) + 1)]
    possible = [part for part in beginnings if part and length(part) <= most]
    if possible:
        assert fitting(text, most, length, place="here") == max(possible, key=len)
        return
    with pytest.raises(DataError) as caught:
        fitting(text, most, length, place="here")
    assert (caught.value.code, caught.value.exit_code, caught.value.at) == ("DATA-TRUNC", 3, "here")


def test_texts_with_a_reserved_token_are_counted_and_the_first_is_named(small_tokenizer):
    assert reserved_notes(small_tokenizer, [("a", "x:1"), ("< |endoftext|>", "x:2")]) == ()
    (note,) = reserved_notes(small_tokenizer, [("a", "x:1"), (END, "x:2"), (END * 2, "x:3")])
    assert note.startswith("2 texts contain")
    assert "(first: x:2)" in note


def test_a_special_token_without_a_name_of_its_own_is_reserved_too(gpt2_folder):
    tokenizer = AutoTokenizer.from_pretrained(gpt2_folder)
    tokenizer.add_tokens([AddedToken("<|im_end|>", special=True), AddedToken("<think>")])
    assert set(reserved_tokens(tokenizer)) == {END, "<|im_end|>"}


def test_every_token_has_an_end_and_the_last_ones_is_the_texts(tokenizer):
    text = "naïve <|endoftext|>  🙂\n\nquiet film"
    ends = token_ends(tokenizer, text)
    assert len(ends) == len(token_ids(tokenizer, [text])[0])
    assert ends == sorted(ends)
    assert ends[-1] == len(text)
