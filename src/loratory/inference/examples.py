"""How the training rows of a run went, beside what they say: `examples.csv` in its folder."""

from loratory.data.rows import AnyRow, QuestionRow
from loratory.data.traits import main_text, said_of
from loratory.inference.result import RunInput
from loratory.metrics.dynamics import row_courses
from loratory.metrics.examples import Example, write_examples
from loratory.recipe.task import TaskSection
from loratory.runs.dynamics import read_dynamics
from loratory.runs.folder import RunFolder

_ONE_ANSWER = ("classify", "label_words", "span_qa")  # the tasks of which others are wrong
_NO_ANSWER = "no answer"


def keep_examples(given: RunInput, folder: RunFolder, task: TaskSection) -> None:
    """Write how each training row went over the epochs, if the run's loss says something of rows.

    Raises:
        RunError, ResourceError: the rows' states cannot be read, or the table not written.
    """
    rows = {row.id: row for row in given.dataset.rows("train")}
    labels = given.dataset.labels
    examples = [
        Example(*_said(rows[course.id], labels), course)
        for course in row_courses(
            read_dynamics(folder.dynamics), one_answer=task.kind in _ONE_ANSWER
        )
    ]
    if examples:
        write_examples(folder.examples, examples)


def _said(row: AnyRow, labels: tuple[str, ...]) -> tuple[str, str]:
    """Return the text or the question, and its right answer."""
    if isinstance(row, QuestionRow):
        return row.question, row.answers[0].text if row.answers else _NO_ANSWER
    return main_text(row), said_of(row, labels)
