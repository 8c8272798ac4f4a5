"""Fetches: spans that last until a response's body has been read, on a small real library."""

from __future__ import annotations

import gc
import importlib
import sys
from textwrap import dedent

import pytest
from opentelemetry import trace

from eai_autotrace.instrumentation import Instrumentor, Observe
from eai_autotrace.instrumentation.shapes.response_body import wrap_body
from eai_autotrace.instrumentation.shapes.silence_native import SilenceNative
from eai_autotrace.instrumentation.shapes.streamed_request import (
    ActiveStreamedRequest,
    StreamedRequest,
    StreamedRequestOperation,
    current_request,
)

SOURCE = """
import asyncio

class Body:
    def __init__(self, parts):
        self.parts = parts
        self.is_closed = False

    def __iter__(self):
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part

    def close(self):
        self.is_closed = True


class AsyncBody:
    def __init__(self, parts):
        self.parts = parts
        self.is_closed = False

    async def __aiter__(self):
        for part in self.parts:
            await asyncio.sleep(0)
            if isinstance(part, Exception):
                raise part
            yield part

    async def aclose(self):
        self.is_closed = True


class Response:
    def __init__(self, body):
        self.body = body


class Client:
    def __init__(self, parts=(b"a", b"b")):
        self.parts = parts

    def request(self, path, *, options=None):
        if path == "/inner":
            self.request("/other")
        if path == "/refused":
            raise KeyError("secret")
        return self.process(Response(Body(self.parts)), options)

    def process(self, response, options=None):
        return response

    async def fetch(self, path):
        await asyncio.sleep(0)
        return self.process(Response(AsyncBody(self.parts)))


def native():
    return "native"
"""


class BodyListener:
    """Hands on what comes, in capitals, and ends its fetch."""

    def __init__(self, fetch):
        self.fetch = fetch

    def chunk(self, chunk):
        if chunk == b"broken":
            raise ZeroDivisionError("ours")
        return b"" if chunk == b"hold" else chunk.upper()

    def held(self):
        return b"HELD" if b"hold" in self.fetch.parts else b""

    def read(self):
        self.fetch.end({"eai.outcome": "read"})

    def failed(self, error):
        self.fetch.fail(error)

    def closed(self):
        self.fetch.end({"eai.outcome": "closed"})

    def dropped(self):
        self.fetch.abandon()


class Fetched(ActiveStreamedRequest):
    """Knows what its client will give."""

    parts = ()


SEEN = []


def _describe(client, path, **_):
    return StreamedRequestOperation(name=path) if path != "/other" else None


def _answered(client, response, *_):
    fetch = current_request()
    SEEN.append(fetch)
    if fetch is not None and client.parts:
        kinds = (sys.modules[type(client).__module__].Body, object)
        if type(response.body) not in kinds:
            kinds = (int, type(response.body))
        else:
            kinds = (type(response.body), int)
        fetch.__class__.parts = client.parts  # type: ignore[attr-defined]
        response.body = wrap_body(response.body, BodyListener(fetch), *kinds)
        fetch.is_watching = True


@pytest.fixture
def library(tmp_path, monkeypatch):
    """The library, imported anew."""
    name = f"fetching_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(dedent(SOURCE))
    monkeypatch.syspath_prepend(str(tmp_path))
    SEEN.clear()
    yield importlib.import_module(name)
    del sys.modules[name]


@pytest.fixture
def traced(library):
    """Instruments the library with the targets below and some others."""
    made = []

    def traced(*more, arguments=None):
        module = library.__name__

        class FetchingInstrumentor(Instrumentor):
            library = "pytest >= 1"
            targets = (
                StreamedRequest(module, "Client.request", _describe, Fetched, None, arguments),
                StreamedRequest(module, "Client.fetch", _describe, Fetched),
                Observe(module, "Client.process", after=_answered),
                *(target(module) for target in more),
            )

        instrumentor = FetchingInstrumentor()
        instrumentor.instrument()
        made.append(instrumentor)

    yield traced
    for instrumentor in made:
        instrumentor.uninstrument()


def _ended(spans):
    return [(span["name"], span["attributes"], span["status"]) for span in spans()]


def test_a_fetch_ends_when_its_body_has_been_read(traced, library, spans):
    """
    The span is open while the body is being read, and ends with it; it is current in neither.
    """
    traced()

    response = library.Client().request("/a")
    before = spans()
    parts = [(part, trace.get_current_span().is_recording()) for part in response.body]

    assert before == []
    assert parts == [(b"A", False), (b"B", False)]
    assert _ended(spans) == [("/a", {"eai.outcome": "read"}, "UNSET")]


async def test_an_async_fetch_ends_when_its_body_has_been_read(traced, library, spans):
    """
    So does an async one.
    """
    traced()

    response = await library.Client().fetch("/a")
    parts = [part async for part in response.body]

    assert parts == [b"A", b"B"]
    assert _ended(spans) == [("/a", {"eai.outcome": "read"}, "UNSET")]


def test_a_fetch_without_a_body_ends_when_it_returns(traced, library, spans):
    """
    Where nobody watches a body, the span ends as the function returns.
    """
    traced()

    library.Client(parts=()).request("/a")

    assert _ended(spans) == [("/a", {}, "UNSET")]


def test_a_fetch_that_raises(traced, library, spans):
    """
    The library's exception is the application's, and ends the span.
    """
    traced()

    with pytest.raises(KeyError, match="secret"):
        library.Client().request("/refused")

    assert _ended(spans) == [("/refused", {"error.type": "KeyError"}, "ERROR")]
    assert current_request() is None


def test_a_request_inside_a_fetch_is_not_taken_for_it(traced, library, spans):
    """
    A request that gets no span does not find the fetch around it.
    """
    traced()

    library.Client().request("/inner")

    assert [fetch is None for fetch in SEEN] == [True, False]


def test_a_body_that_fails(traced, library, spans):
    """
    What is held back comes before the body's exception, which ends the span.
    """
    traced()
    response = library.Client(parts=(b"a", b"hold", OSError("secret"))).request("/a")
    parts = []

    with pytest.raises(OSError, match="secret"):
        parts.extend(response.body)

    assert list(parts) == [b"A", b"HELD"]
    assert _ended(spans) == [("/a", {"error.type": "OSError"}, "ERROR")]


async def test_an_async_body_that_fails(traced, library, spans):
    """
    So does that of an async one.
    """
    traced()
    response = await library.Client(parts=(b"a", b"hold", OSError("secret"))).fetch("/a")
    parts = []

    async def read():
        async for part in response.body:
            parts.append(part)  # noqa: PERF401 - what came before is kept

    with pytest.raises(OSError, match="secret"):
        await read()

    assert parts == [b"A", b"HELD"]
    assert _ended(spans) == [("/a", {"error.type": "OSError"}, "ERROR")]


def test_what_is_held_back_comes_at_the_end(traced, library, spans):
    """
    What is held back when a body ends is handed on.
    """
    traced()

    response = library.Client(parts=(b"a", b"hold")).request("/a")

    assert list(response.body) == [b"A", b"HELD"]


def test_a_body_that_is_closed(traced, library, spans):
    """
    Closing reaches the library's body; the first end is the one that counts.
    """
    traced()

    response = library.Client().request("/a")
    response.body.close()
    list(response.body)

    assert response.body.is_closed
    assert _ended(spans) == [("/a", {"eai.outcome": "closed"}, "UNSET")]


def test_a_body_that_is_dropped(traced, library, spans):
    """
    A response that is let go of ends its span.
    """
    traced()

    library.Client().request("/a")
    gc.collect()

    assert _ended(spans) == [("/a", {"eai.outcome": "abandoned"}, "UNSET")]


def test_a_body_that_is_left(traced, library, spans):
    """
    So does leaving the loop over a body, and letting go of that.
    """
    traced()

    reading = iter(library.Client().request("/a").body)
    next(reading)
    reading.close()

    assert _ended(spans) == [("/a", {"eai.outcome": "abandoned"}, "UNSET")]


def test_our_failure_does_not_reach_the_reader(traced, library, spans, lenient):
    """
    A part that cannot be looked at is handed on as it is.
    """
    traced()

    response = library.Client(parts=(b"a", b"broken", b"c")).request("/a")

    assert list(response.body) == [b"A", b"broken", b"C"]


def test_a_body_is_as_the_librarys(traced, library):
    """
    A watched body is of the library's class and has its attributes.
    """
    traced()

    body = library.Client().request("/a").body

    assert isinstance(body, library.Body)
    assert body.parts == (b"a", b"b")
    with pytest.raises(AttributeError, match="nothing"):
        _ = body.nothing


def test_what_is_no_body_is_not_watched():
    """
    What is of neither kind is refused, not wrapped.
    """
    with pytest.raises(TypeError, match="int is no body"):
        wrap_body(1, BodyListener(None), str, bytes)


def test_arguments_may_be_changed(traced, library, spans):
    """
    The function can be called with other arguments; the caller's stay as they are.
    """
    seen = []
    traced(
        arguments=lambda _fetch, args, kwargs: (args, {**kwargs, "options": "ours"}),
    )
    client = library.Client(parts=())
    client.process = lambda response, options: seen.append(options)

    client.request("/a", options="theirs")

    assert seen == ["ours"]


def test_a_failure_to_change_arguments(traced, library, spans, lenient):
    """
    Where that fails, the function is called as it was.
    """
    seen = []
    traced(arguments=lambda *_: 1 / 0)
    client = library.Client(parts=())
    client.process = lambda response, options: seen.append(options)

    client.request("/a", options="theirs")

    assert seen == ["theirs"]


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_librarys_own_telemetry_is_displaced(traced, library, is_ours):
    """
    A library's own function stays silent where ours speaks, and only there.
    """
    traced(lambda module: SilenceNative(module, "native", lambda: is_ours, "ours"))

    assert library.native() == ("ours" if is_ours else "native")


def test_a_failure_to_displace(traced, library, lenient):
    """
    Where that cannot be told, the library's own stays.
    """
    traced(lambda module: SilenceNative(module, "native", lambda: 1 / 0))

    assert library.native() == "native"
