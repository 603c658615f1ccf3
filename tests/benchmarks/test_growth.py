"""Growth: which jobs are measured, and that their texts have the length they should."""

from dataclasses import replace

from benchmarks.growth import LENGTHS, points, write_point


def test_texts_are_cut_to_the_points_length(options, tmp_path):
    for number, point in enumerate(points(options)):
        folder = tmp_path / str(number)
        folder.mkdir()
        work = write_point(folder, options.base, point)
        assert (work.rows, work.tokens) == (point.rows, point.rows * point.length)


def test_one_setting_is_changed_at_a_time(options):
    found = points(replace(options, quick=False))
    assert [point.value for point in found if point.along == "length"] == list(LENGTHS)
    assert {point.along for point in found} == {"length", "batch_size", "rank", "rows"}
    assert {point.length for point in found if point.along != "length"} == {16}
