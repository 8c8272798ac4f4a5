"""Sessions: an `async with` block is one operation, whatever happens to it."""

from __future__ import annotations

import asyncio
import gc

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import Operation, Session, SessionEnd


def _describe(owner):
    return None if owner.messages == ["quiet"] else Operation("session", SpanKind.CLIENT)


def _span(**attributes):
    return {
        "name": "session",
        "kind": "CLIENT",
        "parent": None,
        "attributes": {key.replace("__", "."): value for key, value in attributes.items()},
        "status": "ERROR" if "error__type" in attributes else "UNSET",
        "links": [],
    }


@pytest.fixture
def session(instrument, library):
    """The class whose block is traced."""
    instrument(
        lambda module: Session(
            module,
            "Messages.__aenter__",
            _describe,
            lambda owner, entered: {"eai.entered": entered is owner, "left out": None},
        ),
        lambda module: SessionEnd(module, "Messages.__aexit__"),
    )
    return library.Messages


async def test_a_block_is_one_span_and_current(session, spans):
    """What is done in the block is below the session's span, what comes after is not."""
    tracer = trace.get_tracer("a test")
    async with session() as entered:
        tracer.start_span("inside").end()
    tracer.start_span("after").end()

    assert isinstance(entered, session)
    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("session", None),
        ("inside", "session"),
        ("after", None),
    ]
    assert spans()[0] == _span(eai__entered=True)


async def test_the_exception_of_a_block_is_the_sessions(session, spans):
    """The exception comes out as the same object; the span has its type and what was entered."""
    failure = KeyError("secret")
    with pytest.raises(KeyError) as raised:
        async with session():
            raise failure

    assert raised.value is failure
    assert spans() == [_span(eai__entered=True, error__type="KeyError")]
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_cancelled_block_is_no_error(session, spans):
    """A task that is cancelled in the block ends the session as cancelled."""

    async def wait():
        async with session():
            await asyncio.sleep(3600)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [_span(eai__entered=True, eai__outcome="cancelled")]


@pytest.mark.parametrize("method", ["__aenter__", "__aexit__"])
async def test_what_the_object_itself_raises(library, instrument, spans, monkeypatch, method):
    """An entering or a leaving that fails ends the session with its exception."""

    async def raising(*_):
        raise OSError("secret")

    monkeypatch.setattr(library.Messages, method, raising)
    instrument(
        lambda module: Session(module, "Messages.__aenter__", _describe),
        lambda module: SessionEnd(module, "Messages.__aexit__"),
    )

    with pytest.raises(OSError, match="secret"):
        async with library.Messages():
            pass

    assert spans() == [_span(error__type="OSError")]
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_session_that_is_not_described(session, spans):
    """Without an operation there is no span, and the block is the library's own."""
    async with session("quiet") as entered:
        assert entered.messages == ["quiet"]

    assert spans() == []


async def test_a_session_that_is_never_left(session, spans):
    """A session ends with its object, as abandoned."""

    async def forget():
        await session().__aenter__()

    await asyncio.create_task(forget())
    gc.collect()

    assert spans() == [_span(eai__outcome="abandoned")]


async def test_an_object_without_room(library, instrument, spans, lenient, monkeypatch):
    """Where nothing can be kept in the object, the span ends with the entering, not never."""

    class Full:
        __slots__ = ("messages",)

        def __init__(self):
            self.messages = []

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            return None

    monkeypatch.setattr(library, "Messages", Full)
    instrument(
        lambda module: Session(module, "Messages.__aenter__", _describe),
        lambda module: SessionEnd(module, "Messages.__aexit__"),
    )

    async with library.Messages():
        assert not trace.get_current_span().get_span_context().is_valid

    assert spans() == [_span()]


async def test_a_failure_to_describe_is_not_seen(library, instrument, spans, lenient):
    """Whatever of ours raises, the block runs as without us, and no context is left behind."""

    def raising(*_):
        raise ZeroDivisionError("ours")

    instrument(
        lambda module: Session(module, "Messages.__aenter__", _describe, raising),
        lambda module: SessionEnd(module, "Messages.__aexit__"),
    )
    async with library.Messages() as entered:
        assert isinstance(entered, library.Messages)
    assert spans() == [_span()]
    assert not trace.get_current_span().get_span_context().is_valid
