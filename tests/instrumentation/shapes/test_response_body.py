"""Bodies of responses: read as before, and a request ends with its body."""

from __future__ import annotations

import gc

import pytest
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    ActiveBodyRequest,
    StreamedRequest,
    StreamedRequestOperation,
)
from eai_autotrace.instrumentation.shapes.response_body import wrap_body

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
