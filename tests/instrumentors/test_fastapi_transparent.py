"""With and without tracing, what an application sends is the same, event by event."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.testclient import TestClient

EVERYTHING = Path(__file__).parent / "programs" / "everything.py"


def _load():
    spec = importlib.util.spec_from_file_location(EVERYTHING.stem, EVERYTHING)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


everything = _load()
app = everything.app
APPS = {"alone": app, "in middleware": everything.around}
EVERY_METRIC = ("duration", "active_requests", "request_body_size", "response_body_size")

CALLS = {
    "json": ("GET", "/json/3"),
    "compressed": ("GET", "/json/500", {"accept-encoding": "gzip"}),
    "sync": ("GET", "/sync/3"),
    "head": ("HEAD", "/json/3"),
    "options": ("OPTIONS", "/json/3"),
    "preflight": (
        "OPTIONS",
        "/json/3",
        {"origin": "http://a", "access-control-request-method": "GET"},
    ),
    "cors": ("GET", "/json/3", {"origin": "http://a"}),
    "not modified": ("GET", "/none"),
    "stream": ("GET", "/stream"),
    "head of a stream": ("HEAD", "/stream"),
    "background task": ("GET", "/task"),
    "events": ("GET", "/events"),
    "file": ("GET", "/file"),
    "a part of a file": ("GET", "/file", {"range": "bytes=0-9"}),
    "upload in parts": ("POST", "/echo", {}, [b"a" * 100, b"", b"b" * 50]),
    "model": ("POST", "/model", {"content-type": "application/json"}, [b'{"a": 1}']),
    "invalid model": ("POST", "/model", {"content-type": "application/json"}, [b'{"a": "x"}']),
    "broken json": ("POST", "/model", {"content-type": "application/json"}, [b"{"]),
    "unhandled": ("GET", "/raises/value"),
    "handled": ("GET", "/raises/zero"),
    "handler fails": ("GET", "/raises/key"),
    "http exception": ("GET", "/gone"),
    "dependency raises after": ("GET", "/yielding"),
    "dependency catches": ("GET", "/catching"),
    "not found": ("GET", "/nowhere"),
    "wrong method": ("DELETE", "/json/3"),
    "slash": ("GET", "/gone/"),
    "documentation": ("GET", "/openapi.json"),
}


async def _events(method, path, headers=None, parts=(b"",), app=app):
    """All that the application sends, and what it raises."""
    sent, waiting = [], list(parts)

    async def receive():
        if not waiting:
            await asyncio.sleep(60)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
        "client": ("127.0.0.1", 123),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    before = dict(scope)
    try:
        await app(scope, receive, send)
    except Exception as error:  # noqa: BLE001 - what the server would see
        sent.append((type(error), str(error)))
    left = {k for k in scope if k not in before and "eai" in k}
    return [_timeless(message) for message in sent], left


def _timeless(message):
    """Compressed bodies have the time in their head."""
    body = message.get("body", b"") if isinstance(message, dict) else b""
    return {**message, "body": body[:4] + body[8:]} if body[:2] == b"\x1f\x8b" else message


@pytest.mark.parametrize("around", APPS)
@pytest.mark.parametrize("name", CALLS)
async def test_every_event_is_the_same(instrument, name, around):
    """
    Bytes, headers, order of events and exceptions are those of the application alone.
    """
    call = CALLS[name]
    expected = await _events(*call, app=APPS[around])

    instrument("fastapi", "starlette", http_metrics=EVERY_METRIC)

    assert await _events(*call, app=APPS[around]) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"http_metrics": ()},
        {"http_send_receive_spans": True, "http_background_tasks": "linked"},
        {"http_request_headers": (".*",), "http_response_headers": (".*",)},
        {"exception_signal": "logs/dup"},
        {"excluded_urls": (".*",)},
    ],
    ids=lambda settings: next(iter(settings)),
)
async def test_every_event_is_the_same_under_settings(instrument, settings):
    """
    The same with what settings add.
    """
    expected = [await _events(*call) for call in CALLS.values()]

    instrument("fastapi", "starlette", **settings)

    assert [await _events(*call) for call in CALLS.values()] == expected


async def test_every_event_is_the_same_where_nothing_is_sampled(unsampled):
    """
    The same for requests whose spans are not recorded.
    """
    expected = [await _events(*call) for call in CALLS.values()]

    unsampled()

    assert [await _events(*call) for call in CALLS.values()] == expected


@pytest.fixture
def unsampled():
    """Traces with a sampler that drops everything."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

    from eai_autotrace.instrumentors.fastapi import FastAPIInstrumentor

    instrumentor = FastAPIInstrumentor()
    provider = TracerProvider(ALWAYS_OFF, shutdown_on_exit=False)
    yield lambda: instrumentor.instrument(tracer_provider=provider)
    instrumentor.uninstrument()


def _answers():
    """What Starlette's client gets from an application that it starts and ends."""
    with TestClient(app, raise_server_exceptions=False) as client:
        answers = [
            client.request(method, path, headers=more[0] if more else None)
            for method, path, *more in CALLS.values()
        ]
        answers.append(client.get("/started"))
        with client.websocket_connect("/ws", subprotocols=["chat"]) as session:
            session.send_json({"a": 1})
            answers.append(session.receive_json())
            answers.append(session.receive())
    return [
        (a.status_code, a.headers.multi_items(), a.content) if hasattr(a, "content") else a
        for a in answers
    ]


def test_the_test_client_gets_the_same(instrument):
    """
    Applications under test, with their lifespan and its state, answer as they do alone.
    """
    expected = _answers()

    instrument("fastapi", "starlette")

    assert _answers() == expected


LIFESPANS = {"well": (), "failing to start": ("start",), "failing to end": ("end",)}


@pytest.mark.parametrize("name", LIFESPANS)
async def test_lifespans_are_the_same(instrument, name):
    """
    Starting and ending send the same events, and raise the same.
    """

    @asynccontextmanager
    async def lifespan(_app):
        if "start" in LIFESPANS[name]:
            raise ValueError("start")
        yield
        if "end" in LIFESPANS[name]:
            raise ValueError("end")

    async def live():
        sent, waiting = [], [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive():
            return waiting.pop(0)

        async def send(message):
            sent.append(message["type"])

        try:
            await FastAPI(lifespan=lifespan)({"type": "lifespan", "state": {}}, receive, send)
        except ValueError as error:
            sent.append(str(error))
        return sent

    expected = await live()

    instrument("fastapi", "starlette")

    assert await live() == expected


async def test_headers_may_be_an_iterator(instrument, spans):
    """
    ASGI allows any iterable of headers: the application still finds them.
    """
    seen = []
    reading = FastAPI()

    @reading.get("/")
    async def look(request: Request):
        seen.extend(request.headers.items())

    async def ignore(message):
        pass

    instrument("fastapi", excluded_urls=("nothing",))
    headers = iter([(b"host", b"example.org"), (b"x-a", b"1")])
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    await reading(scope, None, ignore)

    assert seen == [("host", "example.org"), ("x-a", "1")]
    assert [span["attributes"]["server.address"] for span in spans()] == ["example.org"]


async def test_concurrent_requests_do_not_mix(instrument, spans, metrics):
    """
    Of a thousand requests at once, each has its own sizes, path and route, and the same events.
    """
    expected = await asyncio.gather(*(_events("GET", f"/json/{n}") for n in range(1000)))
    instrument("fastapi", http_metrics=("response_body_size",))
    spans.clear()
    metrics.clear()

    answers = await asyncio.gather(*(_events("GET", f"/json/{n}") for n in range(1000)))

    assert answers == expected
    sizes = {
        n: sum(len(message.get("body", b"")) for message in sent)
        for n, (sent, _) in enumerate(answers)
    }
    assert sizes == {
        n: len(json.dumps({"number": n, "text": "x" * n}, separators=(",", ":")))
        for n in range(1000)
    }
    assert {
        int(s["attributes"]["url.path"].split("/")[-1]): s["attributes"]["http.response.body.size"]
        for s in spans()
    } == sizes
    assert [(p["count"], p["sum"]) for p in metrics()] == [(1000, sum(sizes.values()))]


async def test_a_large_stream_is_not_kept(instrument, spans):
    """
    A gigabyte passes without being buffered: nobody holds more than a few parts of it.
    """
    alive, most, sent = 0, 0, []

    class Part(bytes):
        def __new__(cls, size):
            nonlocal alive, most
            alive += 1
            most = max(most, alive)
            return super().__new__(cls, size)

        def __del__(self):
            nonlocal alive
            alive -= 1

    large = FastAPI()

    @large.get("/")
    async def stream():
        async def body():
            for _ in range(1024):
                yield Part(1024 * 1024)

        return StreamingResponse(body())

    async def send(message):
        sent.append((message["type"], len(message.get("body", b"")), message.get("more_body")))

    async def receive():
        await asyncio.sleep(60)

    async def call():
        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        await large({**scope, "asgi": {"version": "3.0"}}, receive, send)

    await call()
    expected, most = sent.copy(), 0
    sent.clear()
    spans.clear()
    instrument("fastapi")
    await call()

    assert (sent == expected, most <= 3, len(sent)) == (True, True, 1026)
    assert spans()[0]["attributes"]["http.response.body.size"] == 1024**3


async def test_requests_leave_no_garbage(instrument):
    """
    What belongs to a request is freed with it, without the garbage collector.
    """
    plain = FastAPI()
    plain.add_api_route("/x", lambda: "x")
    instrument("fastapi", "starlette")
    await _events("GET", "/x", app=plain)
    gc.collect()
    gc.disable()
    try:
        for _ in range(10):
            await _events("GET", "/x", app=plain)
        found = [
            type(o).__name__
            for o in gc.get_objects()
            if type(o).__name__ == "Request" and type(o).__module__.startswith("eai_autotrace")
        ]
    finally:
        gc.enable()

    assert found == []


async def test_sockets_are_the_same(instrument):
    """
    The events of a WebSocket connection are those of the application alone.
    """

    async def talk():
        sent = []
        waiting = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": '{"a": 1}'}]

        async def receive():
            return waiting.pop(0)

        async def send(message):
            sent.append(message)

        scope = {"type": "websocket", "path": "/ws", "headers": [], "query_string": b""}
        await app({**scope, "subprotocols": ["chat"], "scheme": "ws"}, receive, send)
        return sent

    expected = await talk()
    instrument("fastapi", "starlette", websocket_message_spans=True)

    assert await talk() == expected
    assert len(expected) == 3
