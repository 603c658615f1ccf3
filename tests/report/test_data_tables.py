"""The tables of the data: rows, what was cut, and what an audit finds, by hand."""

from loratory.report.data_tables import audit_table, data_table
from loratory.report.record import DataAudit

NOTHING = "\N{EN DASH}"


def lengths(low, middle, high, most):
    return {"min": low, "median": middle, "p95": high, "max": most}


def split(rows, **numbers):
    usual = {"classes": {}, "characters": lengths(3, 21, 44, 77), "duplicates": 0, "skipped": 0}
    return {"rows": rows, **usual, **numbers}


def audit(splits, shared, conflicts=0):
    return DataAudit.model_validate({"splits": splits, "shared": shared, "conflicts": conflicts})


def shown(table):
    return {row[0].value: [(cell.value, cell.detail) for cell in row[1:]] for row in table.rows}


def values(table):
    return {name: [value for value, _ in cells] for name, cells in shown(table).items()}


def test_the_data_table_holds_rows_truncations_and_lengths(record):
    table = data_table(record)
    assert values(table) == {
        "train": ["60", "2", "21"],
        "validation": ["40", "0", "\N{EN DASH}"],
    }
    assert table.rows[0][-1].detail == "3 to 77, 95\u202f% up to 44"


def test_rows_read_in_pieces_are_told_apart_from_them(spans):
    table = data_table(spans)
    assert table.columns == ("", "rows", "pieces", "truncated rows", "median tokens of a piece")
    assert values(table)["threshold"] == ["20", "25", "\N{EN DASH}", "\N{EN DASH}"]
    assert table.rows[-1][0].detail == "kept aside of the training rows, to choose it"


def test_as_many_pieces_as_rows_or_one_for_each_class_are_not_worth_a_column(spans, changed):
    same = changed(spans, windows={"train": 60, "validation": 40, "threshold": 20})
    assert "pieces" not in data_table(same).columns
    one_a_class = changed(task="label_words", windows={"train": 60, "validation": 80})
    assert "pieces" not in data_table(one_a_class).columns


def test_answers_that_the_length_limit_cut_are_counted(written):
    table = data_table(written)
    assert table.columns[3] == "cut answers"
    assert [row[3].value for row in table.rows] == ["\N{EN DASH}", "1"]


def test_an_audit_counts_repeats_shared_texts_and_classes():
    train = split(60, classes={"bad": 45, "good": 15}, duplicates=3, skipped=1)
    test = split(40, classes={"bad": 40, "good": 0})
    shared = {"train, validation": 0, "train, test": 2, "validation, test": 5}
    table = audit_table(audit({"train": train, "validation": test, "test": test}, shared, 1234))
    assert table.caption == "Rows that contradict an earlier one: 1,234"
    assert table.columns == ("", "train", "validation", "test")
    none = ("0", "0.0\u202f%")
    length = ("21", "3 to 77, 95\u202f% up to 44")
    assert shown(table) == {
        "rows that repeat an earlier one": [("3", "5.0\u202f%"), none, none],
        "malformed rows left out": [("1", ""), ("0", ""), ("0", "")],
        "texts that train has, too": [(NOTHING, ""), ("0", ""), ("2", "")],
        "texts that validation has, too": [(NOTHING, ""), (NOTHING, ""), ("5", "")],
        "bad": [("45", "75.0\u202f%"), ("40", "100.0\u202f%"), ("40", "100.0\u202f%")],
        "good": [("15", "25.0\u202f%"), none, none],
        "characters of a text": [length] * 3,
    }


def test_an_audit_of_questions_counts_answers_and_contexts():
    asked = {
        "articles": 2, "contexts": 7, "known_contexts": 0, "answerable": 50, "unanswerable": 10,
        "question": lengths(1, 2, 3, 4), "answer": None,
    }  # fmt: skip
    held = asked | {"known_contexts": 4, "unanswerable": 0}
    splits = {"train": split(60, questions=asked), "test": split(50, questions=held)}
    found = values(audit_table(audit(splits, {"train, test": 0}), "good, bad"))
    assert found["answerable"] == ["50", "50"]
    assert found["unanswerable"] == ["10", "0"]
    assert found["contexts"] == ["7", "7"]
    assert found["contexts of training questions, too"] == ["0", "4"]
    assert "characters of a text" not in found
    assert found["characters of a context"] == ["21", "21"]


def test_many_classes_are_not_listed():
    many = {f"class {number}": 1 for number in range(21)}
    found = values(audit_table(audit({"train": split(21, classes=many)}, {})))
    assert not found.keys() & many.keys()
