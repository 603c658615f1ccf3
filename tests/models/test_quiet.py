"""What libraries say of their own parts is kept back while they work, and nothing after that."""

import logging
import os
import warnings

import pytest

from loratory.models.quiet import quietly, silently


def test_warnings_and_log_lines_are_kept_back_for_a_while(caplog):
    with quietly():
        warnings.warn("of a part", UserWarning, stacklevel=1)
        logging.getLogger("library").warning("of a part")
    assert not caplog.records
    logging.getLogger("library").warning("again")
    assert caplog.messages == ["again"]
    with pytest.warns(UserWarning, match="again"):
        warnings.warn("again", UserWarning, stacklevel=1)


def test_standard_error_is_kept_back_below_python_too(capfd):
    with silently():
        os.write(2, b"of the processor\n")
    os.write(2, b"again\n")
    assert capfd.readouterr().err == "again\n"
