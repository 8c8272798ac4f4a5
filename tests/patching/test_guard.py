from __future__ import annotations

import asyncio
import logging

import pytest

from eai_autotrace.patching.guard import guard, reporter


def test_a_failure_is_reported_once_and_counted(lenient, caplog):
    """
    The first failure of a kind is a warning with its traceback, later ones are debug messages.
    """
    with caplog.at_level(logging.DEBUG, "eai_autotrace"):
        for error in (KeyError("a"), KeyError("b"), ValueError("c")):
            with guard("tracing x"):
                raise error

    assert [(record.levelname, record.exc_info[0]) for record in caplog.records] == [
        ("WARNING", KeyError),
        ("DEBUG", KeyError),
        ("WARNING", ValueError),
    ]
    message = "tracing x failed; your program is unaffected, its trace may lack spans"
    assert {record.getMessage() for record in caplog.records} == {message}
    assert dict(reporter.failures) == {("tracing x", KeyError): 2, ("tracing x", ValueError): 1}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_no_exception_passes(lenient, error):
    """
    A guard is no place where the program's end or a cancellation gets lost.
    """
    with pytest.raises(error), guard("tracing x"):
        raise error


def test_a_broken_log_handler_is_no_concern_of_the_call(lenient):
    """
    Reporting must not fail either: a handler that raises is ignored.
    """

    class Broken(logging.Handler):
        def handle(self, record):
            raise RuntimeError

    handler = Broken()
    logging.getLogger("eai_autotrace").addHandler(handler)

    with guard("tracing x"):
        raise KeyError
    logging.getLogger("eai_autotrace").removeHandler(handler)

    assert dict(reporter.failures) == {("tracing x", KeyError): 1}
