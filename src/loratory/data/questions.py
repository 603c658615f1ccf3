"""What makes a record a question on a context: its id, its texts, and answers that stand there."""

from loratory.data.records import Record
from loratory.data.rows import Answer, QuestionRow
from loratory.data.strict_json import shown
from loratory.data.texts import checked_text
from loratory.errors import DataError

_MOST_SHOWN = 40


class QuestionRows:
    """Makes rows of one split's records, whose ids must differ.

    The values of a record are id, question, context, answers (a list of `text` and `answer_start`),
    whether they are rightly none, and the title of the article. A published set's answers may have
    spaces at their edges: they are what everyone scores against.
    """

    def __init__(self, *, published: bool = False) -> None:
        self._published = published
        self._places: dict[str, str] = {}
        self._sound = ""
        """The last context that was checked: neighbouring questions share theirs."""

    def __call__(self, record: Record, number: str) -> QuestionRow:
        """Return the row of a record.

        Raises:
            DataError: its id is missing or was there before (DATA-ID), the question or the context
                is no text that a model can read (DATA-TEXT), or the answers are not what stands in
                the context (DATA-SPAN, DATA-COL).
        """
        del number  # questions have ids of their own
        given, question, context, answers, impossible, article = record.values
        place = record.place
        row_id = self._checked_id(given, place)
        asked = checked_text(question, place, what="question")
        if not context or context != self._sound:
            self._sound = checked_text(context, place, what="context")
        found = self._checked_answers(answers, impossible, place)
        return QuestionRow(row_id, asked, self._sound, found, place, str(article))

    def _checked_id(self, given: object, place: str) -> str:
        if not isinstance(given, str) or not given.strip():
            absent = given is None or isinstance(given, str)
            raise DataError(
                "DATA-ID",
                "the question has no id" if absent else "the question's id is not text",
                at=place,
                got=None if absent else shown(given),
                expected="a text that no other question of the split has as its id",
                fix="give the question an id, in quotes",
            )
        try:
            checked_text(given, place, what="id")
        except DataError as fault:
            raise DataError("DATA-ID", fault.problem, at=place, fix="correct the id") from None
        if given in self._places:
            raise DataError(
                "DATA-ID",
                f"the id {_short(given)} is given twice; the first is at {self._places[given]}",
                at=place,
                fix="give one of the two questions another id, or take it out",
            )
        self._places[given] = place
        return given

    def _checked_answers(
        self, answers: object, impossible: object, place: str
    ) -> tuple[Answer, ...]:
        if not isinstance(answers, list):
            raise _span(
                "answers is not a list",
                place,
                got=shown(answers),
                expected='[{"text": …, …}, …] or []',
            )
        if not isinstance(impossible, bool):
            raise _span("is_impossible is neither true nor false", place, got=shown(impossible))
        if impossible and answers:
            raise _span("the question has answers, and is_impossible says it has none", place)
        if not impossible and not answers:
            raise _span("the question has no answer, and is_impossible does not say so", place)
        return tuple(self._checked_answer(answer, place) for answer in answers)

    def _checked_answer(self, answer: object, place: str) -> Answer:
        if not isinstance(answer, dict):
            raise _span(
                "an answer is not an object with text and answer_start", place, got=shown(answer)
            )
        for key in ("text", "answer_start"):
            if key not in answer:
                raise DataError(
                    "DATA-COL",
                    f"an answer lacks {key!r}; found: {', '.join(map(repr, answer)) or 'nothing'}",
                    at=place,
                    fix='give each answer its "text" and its "answer_start"',
                )
        text, start = answer["text"], answer["answer_start"]
        if not isinstance(text, str) or not text.strip():
            raise _span("an answer is empty, or is not text", place, got=shown(text))
        if text != text.strip() and not self._published:
            raise _span("an answer begins or ends with a space", place, got=text)
        _check_start(text, start, self._sound, place=place)
        return Answer(text, start)


def _check_start(text: str, start: object, context: str, *, place: str) -> None:
    """Refuse a start, in characters, at which the context does not read as the answer."""
    if not isinstance(start, int) or isinstance(start, bool):
        raise _span("answer_start is not a whole number", place, got=shown(start))
    if not 0 <= start < len(context):
        raise _span(
            f"answer_start is outside the context, for the answer {_short(text)}",
            place,
            got=start,
            expected=f"0 to {len(context) - 1}",
            fix=_right_start(text, start, context),
        )
    if not context.startswith(text, start):
        raise _span(
            f"the context at answer_start {start} is not the answer",
            place,
            got=context[start : start + len(text)],
            expected=_short(text),
            fix=_right_start(text, start, context),
        )


def _right_start(text: str, start: int, context: str) -> str:
    first = context.find(text)
    if first < 0:
        return "the context does not hold the answer as it is written; correct one of the two"
    for unit, encoding, size in (("bytes", "utf-8", 1), ("UTF-16 units", "utf-16-le", 2)):
        before = context.encode(encoding)[: max(start, 0) * size].decode(encoding, "ignore")
        if context.startswith(text, len(before)) and len(before) != start:
            return f"answer_start counts {unit}; in characters it is {len(before)}"
    return f"correct answer_start; the answer stands first at {first}"


def _span(
    problem: str, place: str, *, got: object = None, expected: str | None = None, fix: str = ""
) -> DataError:
    fix = fix or "correct the question's answers, or take it out"
    return DataError("DATA-SPAN", problem, at=place, got=got, expected=expected, fix=fix)


def _short(text: str) -> str:
    return repr(text if len(text) <= _MOST_SHOWN else text[:_MOST_SHOWN] + "…")
