"""The budget of malformed rows: up to `data.max_bad_rows` are left out and counted."""

from loratory.errors import DataError


class BadRows:
    """The malformed rows met so far, of all splits together."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._faults: list[DataError] = []

    def leave_out(self, faults: list[DataError]) -> None:
        """Count the malformed rows of one source.

        Raises:
            DataError: there are more than the budget allows; it is the first of them, and says how
                many more there are.
        """
        self._faults += faults
        if len(self._faults) <= self._most:
            return
        first, more = self._faults[0], len(self._faults) - 1
        if not more:
            raise first
        raise DataError(
            first.code,
            f"{first.problem} (and {more} more malformed rows)",
            at=first.at,
            got=first.got,
            expected=first.expected,
            fix=f"{first.fix}; or leave malformed rows out with data.max_bad_rows={more + 1}",
        )
