"""Bodies of responses: read as before, and a request ends with its body."""

from __future__ import annotations

import asyncio
import copy
import gc
from time import time_ns

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    ActiveBodyRequest,
    StreamedRequest,
    StreamedRequestOperation,
)
from eai_autotrace.instrumentation.shapes.response_body import wrap_body
from eai_autotrace.patching.guard import reporter

CHUNKS = (b"one", b"two")


class SyncBody:
    """A library's class of bodies that are read by ``for``."""

    closed = 0

    def __iter__(self):
        yield from CHUNKS

    def close(self):
        type(self).closed += 1


class AsyncBody:
    """A library's class of bodies that are read by ``async for``."""

    closed = 0

    async def __aiter__(self):
        for chunk in CHUNKS:
            yield chunk

    async def aclose(self):
        type(self).closed += 1


class Broken(SyncBody):
    """A body whose connection is cut."""

    def __iter__(self):
        yield CHUNKS[0]
        raise ConnectionError("secret")


@pytest.fixture(autouse=True)
def _open():
    SyncBody.closed = AsyncBody.closed = 0


class Request(ActiveBodyRequest):
    """A request that ends with its body."""

    def returned(self, response):
        self.learnt = {"http.response.status_code": 200}
        response.body = self.watch(response.body, SyncBody, AsyncBody)


class Response:
    def __init__(self, body):
        self.body = body


def _span(**attributes):
    return {
        "name": "GET",
        "kind": "CLIENT",
        "parent": None,
        "attributes": {"http.response.status_code": 200, **attributes},
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
    }


@pytest.fixture
def get(instrument, library):
    """Sends a request, and gives the body of its response."""
    instrument(
        lambda module: StreamedRequest(
            module,
            "Client.get",
            lambda *_, **__: StreamedRequestOperation("GET", SpanKind.CLIENT),
            Request,
        )
    )

    def get(body):
        return library.Client().get(Response(body)).body

    return get


def test_a_body_that_is_read(get, spans):
    """The chunks are the library's, and the span ends with the last one."""
    body = get(SyncBody())
    assert (isinstance(body, SyncBody), spans()) == (True, [])

    assert tuple(body) == CHUNKS
    body.close()

    assert spans() == [_span()]
    assert SyncBody.closed == 1


async def test_an_async_body_that_is_read(get, spans):
    """The same holds for ``async for``."""
    body = get(AsyncBody())
    assert isinstance(body, AsyncBody)

    assert tuple([chunk async for chunk in body]) == CHUNKS
    await body.aclose()

    assert spans() == [_span()]
    assert AsyncBody.closed == 1


def test_a_body_that_is_cut(get, spans):
    """The exception comes out, after the chunks before it, and is the request's."""
    found = []
    with pytest.raises(ConnectionError, match="secret"):
        found.extend(get(Broken()))

    assert spans() == [_span(**{"error.type": "ConnectionError"})]


@pytest.mark.parametrize("how", ["closed", "abandoned"])
def test_a_body_that_is_not_read_to_its_end(get, spans, how):
    """A body that is closed, or let go of, before its end has that as its outcome."""
    body = get(SyncBody())
    chunks = iter(body)
    assert next(chunks) == CHUNKS[0]
    if how == "closed":
        body.close()
    del body, chunks
    gc.collect()

    assert spans() == [_span(**{"eai.outcome": how})]


async def test_an_async_body_that_is_closed(get, spans):
    """The same holds for ``aclose``."""
    await get(AsyncBody()).aclose()

    assert spans() == [_span(**{"eai.outcome": "closed"})]


class Listener:
    """Hides the letter "o", and fails where it is told to."""

    def __init__(self, failing=()):
        self.told, self.failing = [], failing

    def _note(self, name):
        self.told.append(name)
        if name in self.failing:
            raise ZeroDivisionError("ours")

    def chunk(self, chunk):
        self._note("chunk")
        return chunk.replace(b"o", b"")

    def held(self):
        self._note("held")
        return b"rest"

    def read(self):
        self._note("read")

    def closed(self):
        self._note("closed")

    def dropped(self):
        self._note("dropped")

    def failed(self, error):
        self._note(f"failed: {type(error).__name__}")


def test_a_listener_changes_what_is_read():
    """What a listener gives for a chunk, and at the end, is what the application reads."""
    listener = Listener()
    body = wrap_body(SyncBody(), listener, SyncBody, AsyncBody)

    assert list(body) == [b"ne", b"tw", b"rest"]
    assert listener.told == ["chunk", "chunk", "held", "read"]


@pytest.mark.usefixtures("lenient")
def test_a_listener_that_fails_is_invisible():
    """Whatever a listener raises, the application gets every chunk as it came."""
    listener = Listener(("chunk", "held", "read", "closed"))
    body = wrap_body(SyncBody(), listener, SyncBody, AsyncBody)

    assert tuple(body) == CHUNKS
    body.close()
    assert SyncBody.closed == 1


def test_what_is_no_body():
    """An object of neither class is refused, by its class alone."""
    with pytest.raises(TypeError, match=r"^str is no body of a response$"):
        wrap_body("secret", Listener(), SyncBody, AsyncBody)


class Parts(SyncBody, AsyncBody):
    """A body of both kinds, of any chunks; what is an exception is raised in its turn."""

    def __init__(self, *parts):
        self.parts = parts
        self.ended = []

    def __iter__(self):
        try:
            for part in self.parts:
                if isinstance(part, BaseException):
                    raise part
                yield part
        finally:
            self.ended.append(None)

    async def __aiter__(self):
        try:
            for part in self.parts:
                await asyncio.sleep(0)
                if isinstance(part, BaseException):
                    raise part
                yield part
        finally:
            self.ended.append(asyncio.current_task())


async def _read(body, how):
    """What is read of a body, and the exception that reading it raises."""
    found = []
    try:
        if how == "sync":
            found.extend(body)
        else:
            async for chunk in body:
                found.append(chunk)  # noqa: PERF401 - what came before an exception is kept
    except Exception as error:  # noqa: BLE001 - whatever it is
        return found, error
    return found, None


BOTH = pytest.mark.parametrize("how", ["sync", "async"])


@BOTH
async def test_a_body_of_both_kinds(how):
    """It is an instance of both classes, has the body's attributes, and is read either way."""
    listener = Listener()
    own = Parts(*CHUNKS)
    body = wrap_body(own, listener, SyncBody, AsyncBody)

    assert (isinstance(body, SyncBody), isinstance(body, AsyncBody)) == (True, True)
    assert (body.parts, hasattr(body, "nothing")) == (CHUNKS, False)
    assert await _read(body, how) == ([b"ne", b"tw", b"rest"], None)
    assert listener.told == ["chunk", "chunk", "held", "read"]


@BOTH
async def test_what_is_held_back_comes_before_the_exception(how):
    """The exception comes out as the same object, after all bytes that came."""
    listener, error = Listener(), ConnectionError("secret")
    body = wrap_body(Parts(b"one", error), listener, SyncBody, AsyncBody)

    found, raised = await _read(body, how)

    assert found == [b"ne", b"rest"]
    assert raised is error
    assert listener.told == ["chunk", "held", "failed: ConnectionError"]


@BOTH
async def test_nothing_is_handed_on_for_nothing(how):
    """A chunk that is held back altogether is no empty chunk to the application."""
    listener = Listener()
    listener.held = lambda: b""
    body = wrap_body(Parts(b"o", b"two"), listener, SyncBody, AsyncBody)

    assert await _read(body, how) == ([b"tw"], None)


@BOTH
async def test_a_loop_that_is_left(how):
    """The listener is told at once, and the library's own loop ends in the task that reads."""
    listener, own = Listener(), Parts(*CHUNKS)
    body = wrap_body(own, listener, SyncBody, AsyncBody)

    if how == "sync":
        chunks = iter(body)
        next(chunks)
        chunks.close()
    else:
        chunks = body.__aiter__()
        await chunks.__anext__()
        await chunks.aclose()

    assert listener.told == ["chunk", "dropped"]
    assert own.ended == [None if how == "sync" else asyncio.current_task()]


async def test_a_body_without_a_generator():
    """An async body may be an iterator of its own, which has nothing to close."""

    class Iterator(AsyncBody):
        def __init__(self):
            self.left = list(CHUNKS)

        def __aiter__(self):
            return self

        async def __anext__(self):
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    body = wrap_body(Iterator(), Listener(), SyncBody, AsyncBody)

    assert await _read(body, "async") == ([b"ne", b"tw", b"rest"], None)
    assert Iterator.closed == 0


async def test_a_cancelled_reader(get_both, spans):
    """A task that is cancelled while it reads has not failed."""

    class Forever(AsyncBody):
        async def __aiter__(self):
            yield CHUNKS[0]
            await asyncio.sleep(3600)

    task = asyncio.create_task(_read(get_both(Forever()), "async"))
    await asyncio.sleep(0.01)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert spans() == [_span(**{"eai.outcome": "cancelled"})]


@BOTH
async def test_whichever_method_of_a_listener_raises(lenient, how):
    """Chunks, exceptions and the closing are the library's."""
    error, own = ConnectionError("secret"), Parts(b"one", b"two")
    failing = Parts(b"one", error)
    names = ("chunk", "held", "read", "failed: ConnectionError", "closed")
    bodies = [wrap_body(body, Listener(names), SyncBody, AsyncBody) for body in (own, failing)]

    read = [await _read(body, how) for body in bodies]
    if how == "sync":
        bodies[0].close()
    else:
        await bodies[0].aclose()

    assert read == [([b"one", b"two"], None), ([b"one"], error)]
    assert (SyncBody.closed, AsyncBody.closed, Parts.closed) == (0, 0, 1)
    # Three chunks, twice what was held back, then `read`, `failed` and `closed`.
    assert reporter.failures == {("watching a response", ZeroDivisionError): 8}


def test_a_listener_that_cannot_be_told_of_the_end(lenient):
    """What a listener raises as its body is collected goes nowhere."""
    body = wrap_body(SyncBody(), Listener(("dropped",)), SyncBody, AsyncBody)

    del body
    gc.collect()

    assert reporter.failures == {("watching a response", ZeroDivisionError): 1}


def test_a_body_can_be_copied(lenient):
    """A copy is one of the same body."""
    body = wrap_body(SyncBody(), Listener(), SyncBody, AsyncBody)

    copied = copy.copy(body)

    assert list(copied) == [b"ne", b"tw", b"rest"]


def test_bodies_of_a_kind_have_a_class():
    """A class is made once for a kind of body, and not for each."""
    one, other = (wrap_body(SyncBody(), Listener(), SyncBody, AsyncBody) for _ in range(2))

    assert type(one) is type(other)


@pytest.fixture
def instrumentor(instrument):
    """Traces requests whose end is left to what watches."""

    class Watching(Request):
        def returned(self, response):
            super().returned(response)
            ActiveBodyRequest.returned(self, response)

    return instrument(
        lambda module: StreamedRequest(
            module,
            "Client.get",
            lambda *_, **__: StreamedRequestOperation("GET", SpanKind.CLIENT),
            Watching,
        )
    )


@pytest.fixture
def get_both(instrumentor, library):
    """Sends such a request, and gives the body of its response."""

    def get_both(body):
        return library.Client().get(Response(body)).body

    return get_both


@pytest.fixture(autouse=True)
def _open_parts():
    Parts.closed = 0


@BOTH
async def test_a_request_lasts_until_its_body_has_been_read(get_both, spans, how):
    """Its span is open after the return of its function, and current nowhere while it is read."""
    body = get_both(Parts(*CHUNKS))
    before, current = spans(), trace.get_current_span()

    assert await _read(body, how) == (list(CHUNKS), None)

    assert (before, spans()) == ([], [_span()])
    assert current is trace.INVALID_SPAN


@BOTH
async def test_a_body_that_is_read_is_closed_too(get_both, spans, how):
    """The first end counts, whatever else the library does with the body."""
    body = get_both(Parts(*CHUNKS))

    await _read(body, how)
    body.close()
    await body.aclose()
    del body
    gc.collect()

    assert (spans(), Parts.closed) == ([_span()], 2)


@pytest.mark.parametrize("chunks", [0, 1])
def test_an_abandoned_request_ends_with_its_last_bytes(get_both, spans, chunks):
    """It may be collected much later: its span ends when the last bytes came."""
    body = get_both(Parts(*CHUNKS))
    received = time_ns()
    reading = iter(body)
    for _ in range(chunks):
        next(reading)
    heard = time_ns()

    del body, reading
    gc.collect()

    assert spans() == [_span(**{"eai.outcome": "abandoned"})]
    end = spans.ended[0].end_time
    assert (end <= received) if chunks == 0 else (received <= end <= heard)


def test_a_request_without_a_body_to_watch(instrument, library, spans):
    """Where nothing is watched, it ends with the return of its function."""
    instrument(
        lambda module: StreamedRequest(
            module,
            "Client.get",
            lambda *_, **__: StreamedRequestOperation("GET", SpanKind.CLIENT),
            ActiveBodyRequest,
        )
    )

    assert library.Client().get("a") == "a"

    assert spans() == [{**_span(), "attributes": {}}]


def test_our_failure_to_watch_is_invisible(instrument, library, spans, lenient):
    """A response whose body is none that we know is the caller's as it is, and the span ends."""
    instrument(
        lambda module: StreamedRequest(
            module,
            "Client.get",
            lambda *_, **__: StreamedRequestOperation("GET", SpanKind.CLIENT),
            Request,
        )
    )
    response = Response("no body")

    assert library.Client().get(response) is response

    assert (response.body, spans()) == ("no body", [_span()])


def test_it_is_undone(get_both, instrumentor, spans):
    """Without the instrumentor a body is the library's own; one from before still ends its span."""
    before, own = get_both(Parts(*CHUNKS)), Parts(*CHUNKS)
    instrumentor.uninstrument()

    assert get_both(own) is own
    assert spans() == []
    assert tuple(before) == CHUNKS
    assert spans() == [_span()]
