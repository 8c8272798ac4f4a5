"""
One table of what tracing servers is about, and what comes of each situation.

The situations are those in which tracers of FastAPI, Starlette and ASGI differ. What a row says in
a line, the other tests of these libraries say in detail.
"""

from __future__ import annotations

import asyncio
import re
import sys
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import pydantic
import pytest
from fastapi import APIRouter, BackgroundTasks, HTTPException, Request, WebSocket
from fastapi.applications import FastAPI  # not the name that a replaced class would have
from fastapi.responses import Response, StreamingResponse
from opentelemetry import metrics as otel_metrics
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from eai_autotrace._testing.points import add_reader, remove_reader
from eai_autotrace._testing.process import launch_instrumented

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_BYTE = "eai.http.response.time_to_first_byte"
# How Pydantic calls it.
NO_NUMBER = "int_parsing" if pydantic.VERSION >= "2" else "type_error.integer"


def on_request(span, scope):
    span.set_attribute("eai.test", scope["path"])


@asynccontextmanager
async def _lifespan(_app):
    trace.get_tracer("app").start_span("starting").end()
    yield


def _build():  # noqa: C901 - one application with everything in it
    app, inner, items = FastAPI(lifespan=_lifespan), FastAPI(), APIRouter(prefix="/items")

    @items.get("/{item_id}")
    async def item(item_id: int, q: str = ""):
        return item_id

    @app.post("/upload")
    async def upload(request: Request):
        return len(await request.body())

    @app.get("/boom")
    async def boom():
        raise RuntimeError("secret")

    @app.get("/gone")
    async def gone():
        raise HTTPException(410, "secret")

    @app.get("/stream")
    async def stream():
        async def body():
            yield b"data: a\n\n"
            yield b"data: b\n\n"

        return StreamingResponse(body(), media_type="text/event-stream")

    @app.get("/endless")
    async def endless():
        async def body():
            while True:
                yield b"x"
                await asyncio.sleep(0)

        return StreamingResponse(body())

    @app.get("/headers")
    async def headers():
        return Response("x", headers={"x-mine": "b"})

    @app.get("/task")
    async def task(tasks: BackgroundTasks):
        tasks.add_task(later)
        return 1

    async def later():
        pass

    @app.websocket("/ws/{room}")
    async def socket(websocket: WebSocket, room: str):
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    inner.include_router(items)
    app.include_router(items, prefix="/v1")
    app.mount("/sub", inner)
    app.mount("/tenants/{tenant}", inner)
    return app


# Built before anything is instrumented, as in an application that is imported first.
app = _build()
plain = Starlette(
    routes=[Mount("/sub/{name}", routes=[Route("/x/{number}", lambda _: PlainTextResponse("1"))])]
)


class Call(NamedTuple):
    """A request, as a server would pass it on."""

    path: str
    method: str = "GET"
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    body: bytes = b""
    query: bytes = b""
    app: Any = app

    async def __call__(self):
        """The status and the headers that are unusual; the body is drained."""
        sent = await self.events([{"type": "http.request", "body": self.body}])
        start = next(message for message in sent if message["type"] == "http.response.start")
        named = dict(start["headers"])
        return start["status"], {k: named[k] for k in (b"traceresponse", b"location") if k in named}

    async def events(self, received):
        waiting, sent = list(received), []

        async def receive():
            if not waiting:
                await asyncio.sleep(60)
            return waiting.pop(0)

        async def send(message):
            sent.append(message)

        headers = {"host": "example.org", "user-agent": "test", **self.headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "query_string": self.query,
            "root_path": "",
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "client": ("192.0.2.1", 123),
            "server": ("127.0.0.1", 8000),
        }
        with suppress(RuntimeError):
            await self.app(scope, receive, send)
        return sent


async def _disconnecting():
    """The client hangs up in the midst of a stream."""
    await Call("/endless").events([{"type": "http.request"}, {"type": "http.disconnect"}])


async def _suppressing():
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    with suppress_instrumentation():
        return await Call("/v1/items/1")()


async def _talking():
    """The client of a WebSocket says something and closes normally."""
    waiting = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    sent = []

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "websocket", "path": "/ws/a", "headers": [], "query_string": b""}
    await app({**scope, "scheme": "ws", "client": ("192.0.2.1", 123)}, receive, send)
    return sent


async def _starting():
    """A server starts the application and ends it."""
    sent, waiting = [], [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message["type"])

    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    return sent


@contextmanager
def _reading(name):
    """The points of a metric, as they are at the moment."""
    reader, provider = InMemoryMetricReader(), otel_metrics.get_meter_provider()
    add_reader(provider, reader)

    def points():
        data = reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    try:
        yield points
    finally:
        remove_reader(provider, reader)


async def _exemplary():
    """Whether the metric leads to the span."""
    with (
        _reading("http.server.request.duration") as points,
        trace.get_tracer("client").start_as_current_span("client") as span,
    ):
        await Call("/v1/items/1")()
        exemplars = [exemplar for point in points() for exemplar in point.exemplars]
    return [exemplar.trace_id == span.get_span_context().trace_id for exemplar in exemplars]


async def _under_way():
    """How many requests are counted as under way, within one and after it."""
    busy, seen = FastAPI(), []
    with _reading("http.server.active_requests") as points:

        @busy.get("/")
        async def look():
            seen.append(sum(point.value for point in points()))

        await Call("/", app=busy)()
        seen.append(sum(point.value for point in points()))
    return seen


async def _told():
    """What the response says of its trace."""
    _, headers = await Call("/v1/items/1")()
    told = headers.get(b"traceresponse", b"")
    return re.sub(rb"[0-9a-f]{32}-[0-9a-f]{16}", b"ids", told)


PROGRAM = """
import asyncio
from fastapi import FastAPI

app = FastAPI()

@app.get("/items/{item_id}")
async def item(item_id: int):
    return item_id

async def receive():
    return {"type": "http.request"}

async def send(message):
    pass

scope = {"type": "http", "method": "GET", "path": "/items/1", "headers": [], "query_string": b""}
asyncio.run(app(scope, receive, send))
"""


async def _without_a_change_of_code():
    """What a program that knows nothing of tracing prints, by the wrapper and a setting alone."""
    environment = {"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "shop"}
    with (
        TemporaryDirectory() as folder,
        launch_instrumented(
            [sys.executable, "-c", PROGRAM], environment=environment, folder=Path(folder)
        ) as program,
    ):
        code = await asyncio.to_thread(program.wait)
        tree = re.sub(r"trace \w{32}|[\d.]+ ms", "-", program.stderr)
        return code, program.stdout, tree.splitlines()


def _span(name, path, status=200, size: int | None = 1, **more):
    """A span of a request, with all its attributes."""
    method, _, route = name.partition(" ")
    events = more.pop("events", [])
    attributes = {
        "http.request.method": method,
        "http.response.status_code": status,
        "http.response.body.size": size,
        "http.route": route or None,
        "url.path": path,
        "url.scheme": "http",
        "server.address": "example.org",
        "server.port": 80,
        "client.address": "192.0.2.1",
        "network.peer.address": "192.0.2.1",
        "network.peer.port": 123,
        "network.protocol.version": "1.1",
        "user_agent.original": "test",
        **more,
    }
    return {
        "name": name,
        "kind": "SERVER",
        "parent": None,
        "attributes": {key: value for key, value in attributes.items() if value is not None},
        "status": "ERROR" if "error.type" in more else "UNSET",
        "links": [],
        "events": events,
    }


def _other(name, parent=None, **more):
    """Any other span."""
    base = {"kind": "INTERNAL", "attributes": {}, "status": "UNSET", "links": [], "events": []}
    return {"name": name, "parent": parent, **base, **more}


def _metric_values(status=200, route=None, method="GET", **more):
    """The attributes of a request's measures."""
    attributes = {
        "http.request.method": method,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": status,
        "http.route": route,
        **more,
    }
    return {key: value for key, value in attributes.items() if value is not None}


def _duration(*args, **more):
    return [("http.server.request.duration", 1, _metric_values(*args, **more))]


ITEM, OK = "/v1/items/{item_id}", (200, {})
ITEM_SPAN = _span(f"GET {ITEM}", "/v1/items/1")
ITEM_DURATION = _duration(200, ITEM)


class Row(NamedTuple):
    """
    A situation.

    Attributes:
        act: What happens.
        result: What whoever does it sees.
        spans: All spans, whole.
        metrics: Name, count or sum, and attributes of all points.
        settings: What is set.
    """

    act: Callable[[], Awaitable[Any]]
    result: Any
    spans: list[dict[str, Any]]
    metrics: list[tuple[str, float, dict[str, Any]]]
    settings: dict[str, Any] = {}  # noqa: RUF012 - never changed


TABLE = {
    "a program without a change of code": Row(
        _without_a_change_of_code,
        (0, "", ["-  1 span, 1 service, -", "GET /items/{item_id}  shop  SERVER  -  200"]),
        [],
        [],
    ),
    "a request; the application was built before; stable names; no spans of FastAPI's own": Row(
        Call("/v1/items/1"), OK, [ITEM_SPAN], ITEM_DURATION
    ),
    "a mounted application": Row(
        Call("/sub/items/1"),
        OK,
        [_span("GET /sub/items/{item_id}", "/sub/items/1")],
        _duration(200, "/sub/items/{item_id}"),
    ),
    "a mount with parameters": Row(
        Call("/tenants/acme/items/1"),
        OK,
        [_span("GET /tenants/{tenant}/items/{item_id}", "/tenants/acme/items/1")],
        _duration(200, "/tenants/{tenant}/items/{item_id}"),
    ),
    "a redirect for a slash": Row(
        Call("/v1/items/1/"),
        (307, {b"location": b"http://example.org/v1/items/1"}),
        [_span(f"GET {ITEM}", "/v1/items/1/", 307, 0)],
        _duration(307, ITEM),
    ),
    "no route": Row(Call("/none"), (404, {}), [_span("GET", "/none", 404, 22)], _duration(404)),
    "host and port": Row(
        Call("/v1/items/1", headers={"host": "shop.example:8443"}),
        OK,
        [
            _span(
                f"GET {ITEM}",
                "/v1/items/1",
                **{"server.address": "shop.example", "server.port": 8443},
            )
        ],
        ITEM_DURATION,
    ),
    "proxies; client and peer": Row(
        Call(
            "/v1/items/1",
            headers={"forwarded": "for=203.0.113.7;host=shop.example;proto=https"},
        ),
        OK,
        [
            _span(
                f"GET {ITEM}",
                "/v1/items/1",
                **{
                    "client.address": "203.0.113.7",
                    "server.address": "shop.example",
                    "server.port": 443,
                    "url.scheme": "https",
                },
            )
        ],
        _duration(200, ITEM, **{"url.scheme": "https"}),
    ),
    "proxies that are not trusted": Row(
        Call("/v1/items/1", headers={"forwarded": "for=203.0.113.7;host=shop.example"}),
        OK,
        [ITEM_SPAN],
        ITEM_DURATION,
        {"http_trust_forwarded": False},
    ),
    "secrets in the query": Row(
        Call("/v1/items/1", query=b"q=a&sig=secret&Signature=secret&AWSAccessKeyId=secret"),
        OK,
        [
            _span(
                f"GET {ITEM}",
                "/v1/items/1",
                **{"url.query": "q=a&sig=REDACTED&Signature=REDACTED&AWSAccessKeyId=REDACTED"},
            )
        ],
        ITEM_DURATION,
    ),
    "captured headers": Row(
        Call("/headers", headers={"x-a-b": "a", "authorization": "secret"}),
        OK,
        [
            _span(
                "GET /headers",
                "/headers",
                **{
                    "http.request.header.x-a-b": ("a",),
                    "http.request.header.authorization": ("[REDACTED]",),
                    "http.response.header.x-mine": ("b",),
                },
            )
        ],
        _duration(200, "/headers"),
        {
            "http_request_headers": ("x-a.*", "authorization"),
            "http_response_headers": ("x-mine",),
        },
    ),
    "bodies: their sizes, never they": Row(
        Call("/upload", "POST", body=b"secret"),
        OK,
        [_span("POST /upload", "/upload", **{"http.request.body.size": 6})],
        [
            ("http.server.request.body.size", 6, _metric_values(200, "/upload", "POST")),
            ("http.server.response.body.size", 1, _metric_values(200, "/upload", "POST")),
        ],
        {"http_metrics": ("request_body_size", "response_body_size")},
    ),
    "excluded URLs": Row(Call("/v1/items/1"), OK, [], [], {"fastapi_excluded_urls": ("items/1$",)}),
    "metrics lead to spans": Row(
        _exemplary,
        [True],
        [_other("client"), {**ITEM_SPAN, "parent": "client"}],
        ITEM_DURATION,
    ),
    "requests under way": Row(
        _under_way,
        [1, 0],
        [_span("GET /", "/", size=4)],
        [],
        {"http_metrics": ("active_requests",)},
    ),
    "the trace in response headers": Row(
        _told,
        b"00-ids-03",
        [ITEM_SPAN],
        ITEM_DURATION,
        {"http_response_trace_headers": ("traceresponse",)},
    ),
    "spans of what is sent and received, where they are wanted": Row(
        Call("/upload", "POST", body=b"secret"),
        OK,
        [
            _span("POST /upload", "/upload", **{"http.request.body.size": 6}),
            *[_other(f"POST {what}", "POST /upload") for what in ("receive", "send", "send")],
        ],
        _duration(200, "/upload", "POST"),
        {"http_send_receive_spans": True},
    ),
    "background tasks": Row(
        Call("/task"),
        OK,
        [
            _span("GET /task", "/task"),
            _other("background _build.<locals>.later", "GET /task"),
        ],
        _duration(200, "/task"),
    ),
    "a stream of events: the time to the first byte": Row(
        Call("/stream"),
        OK,
        [_span("GET /stream", "/stream", 200, 18, **{FIRST_BYTE: "some"})],
        _duration(200, "/stream"),
    ),
    "a client that hangs up": Row(
        _disconnecting,
        None,
        [
            _span(
                "GET /endless",
                "/endless",
                size="some",
                **{"eai.outcome": "disconnected", FIRST_BYTE: "some"},
            )
        ],
        _duration(200, "/endless"),
    ),
    "a WebSocket": Row(
        _talking,
        ["websocket.accept", "websocket.send"],
        [
            {
                **_other("WEBSOCKET /ws/{room}"),
                "kind": "SERVER",
                "attributes": {
                    "http.request.method": "GET",
                    "http.response.status_code": 101,
                    "http.route": "/ws/{room}",
                    "url.path": "/ws/a",
                    "url.scheme": "ws",
                    "client.address": "192.0.2.1",
                    "network.peer.address": "192.0.2.1",
                    "network.peer.port": 123,
                    "network.protocol.name": "websocket",
                    "eai.websocket.close_code": 1000,
                    "eai.websocket.messages.received": 1,
                    "eai.websocket.messages.sent": 1,
                },
            }
        ],
        [
            (
                "eai.websocket.connection.duration",
                1,
                {"url.scheme": "ws", "http.route": "/ws/{room}"},
            )
        ],
    ),
    "an exception that nobody handles": Row(
        Call("/boom"),
        (500, {}),
        [
            _span(
                "GET /boom",
                "/boom",
                500,
                21,
                events=["exception"],
                **{"error.type": "RuntimeError"},
            )
        ],
        _duration(500, "/boom", **{"error.type": "RuntimeError"}),
    ),
    "an exception that is an answer": Row(
        Call("/gone"),
        (410, {}),
        [_span("GET /gone", "/gone", 410, 19)],
        _duration(410, "/gone"),
    ),
    "a request that is not valid": Row(
        Call("/v1/items/secret"),
        (422, {}),
        [
            _span(
                f"GET {ITEM}",
                "/v1/items/secret",
                422,
                "some",
                **{"eai.http.request.validation_errors": (f"path.item_id: {NO_NUMBER}",)},
            )
        ],
        _duration(422, ITEM),
    ),
    "a hook": Row(
        Call("/v1/items/1"),
        OK,
        [_span(f"GET {ITEM}", "/v1/items/1", **{"eai.test": "/v1/items/1"})],
        ITEM_DURATION,
        {"http_request_hook": f"{__name__}:on_request"},
    ),
    "starting and ending the application": Row(
        _starting,
        ["lifespan.startup.complete", "lifespan.shutdown.complete"],
        [_other("starting")],
        [],
    ),
    "an application of Starlette": Row(
        Call("/sub/acme/x/1", app=plain),
        OK,
        [_span("GET /sub/{name}/x/{number}", "/sub/acme/x/1")],
        _duration(200, "/sub/{name}/x/{number}"),
    ),
    "OpenTelemetry's suppression": Row(_suppressing, OK, [], []),
}


@pytest.mark.parametrize("situation", TABLE)
async def test_a_situation(instrument, spans, metrics, monkeypatch, situation):
    """
    In each situation the spans, their attributes and the metrics are these, and no others.
    """
    row = TABLE[situation]
    _importable(monkeypatch)
    instrument("fastapi", "starlette", **row.settings)

    result = await row.act()

    assert result == row.result
    assert _spans(spans, row.spans) == row.spans
    assert [
        (point["name"], point["count" if point["unit"] == "s" else "sum"], point["attributes"])
        for point in metrics()
    ] == row.metrics


def _spans(recorded, expected):
    """The spans with the names of their events; what differs from run to run is just there."""
    ended = sorted(recorded.ended, key=lambda span: span.start_time)
    found = [
        {**plain, "events": [event.name for event in span.events]}
        for plain, span in zip(recorded(), ended, strict=True)
    ]
    for span, like in zip(found, expected, strict=False):
        some = {name for name, value in like["attributes"].items() if value == "some"}
        for name in some & span["attributes"].keys():
            span["attributes"][name] = "some"
    return found


def _importable(monkeypatch):
    """The hook's module has this name here, however pytest calls it."""
    monkeypatch.setitem(sys.modules, __name__, sys.modules[on_request.__module__])
