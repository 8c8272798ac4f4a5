"""What settings change in the traces of FastAPI and Starlette, and what goes with a request."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Annotated

import httpx
import pydantic
import pytest
from anyio import create_task_group
from fastapi import BackgroundTasks, FastAPI, Header, HTTPException, WebSocket
from fastapi.responses import PlainTextResponse, RedirectResponse, StreamingResponse
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Host, Mount, Route, Router
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

HOOKED = []


def on_request(span, scope):
    HOOKED.append(("request", scope["path"]))
    span.set_attribute("eai.test", "hooked")


def on_response(span, scope, message):
    HOOKED.append(("response", scope["path"], message["status"]))


def failing_hook(*_):
    raise ZeroDivisionError


class Item(BaseModel):
    price: int


app = FastAPI()


@app.get("/items/{item_id}")
async def item(item_id: str):
    return item_id


@app.post("/items")
async def add(item: Item, x_mode: Annotated[int, Header()] = 1, limit: int = 1):
    return item.price


@app.post("/upload")
async def upload():
    return "not read"


@app.get("/fails")
async def fails():
    try:
        _fail()
    except KeyError as cause:
        raise ValueError("secret") from cause


def _fail():
    raise KeyError("secret cause")


@app.get("/answers/{status}")
async def answers(status: int):
    raise HTTPException(status, "secret")


@app.get("/moved")
async def moved():
    return RedirectResponse("/items/1")


@app.get("/task/{outcome}")
async def task(outcome: str, tasks: BackgroundTasks):
    tasks.add_task(work, outcome)
    tasks.add_task(print_nothing)
    return "ok"


def work(outcome):
    trace.get_tracer("app").start_span("inner").end()
    if outcome == "fails":
        raise RuntimeError("secret")


async def print_nothing():
    pass


@app.get("/stream/{failing}")
async def stream(failing: int):
    async def body():
        yield b"a" * 10
        await asyncio.sleep(0)
        if failing:
            raise ValueError("secret")
        yield b"b" * 5

    return StreamingResponse(body())


@app.websocket("/ws/{room}")
async def socket(websocket: WebSocket, room: str):
    if room == "closed":
        await websocket.close(4403)
        return
    await websocket.accept()
    async for text in websocket.iter_text():
        trace.get_tracer("app").start_span("handled").end()
        if text == "fail":
            raise ValueError("secret")
        if text == "bye":
            await websocket.close(1000)
            return
        if text == "restart":
            await websocket.close(1011)
            return
        await websocket.send_text(text)


@app.websocket("/group")
async def group(websocket: WebSocket):
    await websocket.accept()
    async with create_task_group() as tasks:
        tasks.start_soon(asyncio.sleep, 60)
        tasks.start_soon(websocket.receive_text)


@app.websocket("/strict")
async def strict(websocket: WebSocket):
    await websocket.accept()
    await websocket.receive_text()


async def _request(path, method="GET", app=app, **more):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://example.org") as client:
        return await client.request(method, path, **more)


def _attributes(span, *names):
    return {name: span["attributes"].get(name) for name in names}


JSON = {"content-type": "application/json"}
# How Pydantic calls it.
NO_NUMBER = "int_parsing" if pydantic.VERSION >= "2" else "type_error.integer"


@pytest.fixture(autouse=True)
def _no_hooks():
    HOOKED.clear()


@pytest.mark.parametrize("name", ["excluded_urls", "fastapi_excluded_urls"])
async def test_excluded_urls(instrument, spans, metrics, name):
    """
    A URL that a pattern is found in is neither traced nor measured, nor by FastAPI itself.
    """
    instrument("fastapi", "starlette", **{name: ("health", "^http://example.org/items/2$")})

    for path in ("/items/health", "/items/2", "/items/22"):
        await _request(path)

    assert [span["attributes"]["url.path"] for span in spans()] == ["/items/22"]
    assert [p["count"] for p in metrics() if p["name"].endswith("duration")] == [1]


async def test_a_librarys_own_exclusions_replace_the_general_ones(instrument, spans):
    """
    The setting of FastAPI's name goes before that for all.
    """
    instrument("fastapi", excluded_urls=("items",), fastapi_excluded_urls=("task",))

    await _request("/items/1")

    assert len(spans()) == 1


@pytest.mark.parametrize(("trusted", "expected"), [(True, "203.0.113.7"), (False, "127.0.0.1")])
async def test_proxies(instrument, spans, trusted, expected):
    """
    What proxies say counts where it is trusted; the peer is who it is.
    """
    instrument("fastapi", http_trust_forwarded=trusted)

    await _request("/items/1", headers={"forwarded": "for=203.0.113.7;host=shop.example"})

    (span,) = spans()
    assert _attributes(span, "client.address", "server.address", "network.peer.address") == {
        "client.address": expected,
        "server.address": "shop.example" if trusted else "example.org",
        "network.peer.address": "127.0.0.1",
    }


def test_proxies_of_websockets(instrument, spans, metrics):
    """
    Proxies name the scheme of the request that a connection began with; the connection's is ours.
    """
    instrument("fastapi")

    with TestClient(app).websocket_connect("/ws/a", headers={"x-forwarded-proto": "https"}):
        pass

    assert [span["attributes"]["url.scheme"] for span in spans()] == ["wss"]
    assert [point["attributes"]["url.scheme"] for point in metrics()] == ["wss"]


async def test_a_header_in_several_lines_is_one(instrument):
    """
    Baggage that a proxy has added in a line of its own arrives as well.
    """
    seen = {}
    bagged = FastAPI()

    @bagged.get("/")
    async def look():
        seen.update(baggage.get_all())

    instrument("fastapi")
    await _request("/", app=bagged, headers=[("baggage", "a=1"), ("baggage", "b=2")])

    assert seen == {"a": "1", "b": "2"}


async def test_captured_headers(instrument, spans):
    """
    Headers that a setting names are recorded, of requests and responses, and sanitised.
    """
    instrument(
        "fastapi",
        http_request_headers=("x-.*", "authorization"),
        http_response_headers=("content-type", "location"),
        http_sanitized_headers=("x-mine",),
    )

    await _request("/moved", headers={"x-a": "1", "x-mine": "secret", "authorization": "secret"})

    (span,) = spans()
    found = {k: v for k, v in span["attributes"].items() if ".header." in k}
    assert found == {
        "http.request.header.x-a": ("1",),
        "http.request.header.x-mine": ("[REDACTED]",),
        "http.request.header.authorization": ("[REDACTED]",),
        "http.response.header.location": ("/items/1",),
    }


async def test_unknown_methods(instrument, spans, metrics):
    """
    A method that is not known is one of many, in the name and in metrics.
    """
    instrument("fastapi", http_known_methods=("GET",))

    await _request("/items", method="BREW")

    (span,) = spans()
    assert span["name"] == "HTTP /items"
    assert _attributes(span, "http.request.method", "http.request.method_original") == {
        "http.request.method": "_OTHER",
        "http.request.method_original": "BREW",
    }
    assert {p["attributes"]["http.request.method"] for p in metrics()} == {"_OTHER"}


async def test_bodies_are_measured_not_recorded(instrument, spans, metrics):
    """
    Sizes are attributes, and metrics where they are wanted; a body that is not read has none.
    """
    instrument("fastapi", http_metrics=("request_body_size", "response_body_size"))

    await _request("/items", method="POST", content=b'{"price":12}', headers=JSON)
    await _request("/upload", method="POST", content=b"x" * 100)

    sizes = ("http.request.body.size", "http.response.body.size")
    assert [_attributes(span, *sizes) for span in spans()] == [
        dict(zip(sizes, (12, 2), strict=True)),
        dict(zip(sizes, (None, 10), strict=True)),
    ]
    assert [(p["name"], p["sum"], p["attributes"]["http.route"]) for p in metrics()] == [
        ("http.server.request.body.size", 12, "/items"),
        ("http.server.response.body.size", 2, "/items"),
        ("http.server.response.body.size", 10, "/upload"),
    ]


async def test_bodies_that_the_application_does_not_send_have_no_size(instrument, spans, metrics):
    """
    Of a response to HEAD, and of a file that the server sends, no size is made up.
    """
    instrument("fastapi", "starlette", http_metrics=("response_body_size",))

    async def file(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": __file__})

    async def ignore(message):
        pass

    await _request("/answers/404", method="HEAD")
    scope = {"type": "http", "method": "GET", "path": "/file", "headers": [], "query_string": b""}
    await Starlette(routes=[Mount("/", file)])(scope, None, ignore)

    assert [(s["name"], "http.response.body.size" in s["attributes"]) for s in spans()] == [
        ("HEAD /answers/{status}", False),
        ("GET /{path}", False),
    ]
    assert metrics() == []


async def test_metrics_do_not_depend_on_sampling(instrument, metrics):
    """
    Each request is measured once, with the route, whether its span is sampled or not.
    """
    from eai_autotrace.instrumentors.fastapi import FastAPIInstrumentor

    instrumentor = FastAPIInstrumentor()
    instrumentor.instrument(tracer_provider=TracerProvider(ALWAYS_OFF, shutdown_on_exit=False))
    try:
        for path in ("/items/1", "/items/2", "/fails", "/nowhere"):
            await _request(path)
    finally:
        instrumentor.uninstrument()

    common = {
        "http.request.method": "GET",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
    }
    found = [
        (p["count"], {k: v for k, v in p["attributes"].items() if k not in common})
        for p in metrics()
    ]
    assert sorted(found, key=str) == [
        (1, {"http.response.status_code": 404}),
        (
            1,
            {
                "http.route": "/fails",
                "http.response.status_code": 500,
                "error.type": "ValueError",
            },
        ),
        (2, {"http.route": "/items/{item_id}", "http.response.status_code": 200}),
    ]
    assert all(common.items() <= p["attributes"].items() for p in metrics())


async def test_the_metric_is_the_span(instrument, spans, metrics):
    """
    The duration in the histogram is that of the span, without the background tasks.
    """
    instrument("fastapi")

    await _request("/task/ok")

    (point,) = (p for p in metrics() if p["name"] == "http.server.request.duration")
    (request,) = (span for span in spans.ended if span.name == "GET /task/{outcome}")
    assert point["sum"] == (request.end_time - request.start_time) / 1e9
    assert point["bounds"][:2] == [0.005, 0.01]
    assert all(
        request.end_time <= span.start_time
        for span in spans.ended
        if span.name.startswith("background")
    )


async def test_active_requests(instrument, metrics):
    """
    A request under way is counted, by method and scheme.
    """
    instrument("fastapi", http_metrics=("active_requests",))
    seen = []
    busy = FastAPI()

    @busy.get("/")
    async def look():
        seen.extend(metrics())

    await _request("/", app=busy)

    assert seen == [
        {
            "name": "http.server.active_requests",
            "unit": "{request}",
            "attributes": {"http.request.method": "GET", "url.scheme": "http"},
            "value": 1,
        }
    ]
    assert metrics() == []


TASKS = {
    "child": [
        ("GET /task/{outcome}", None, []),
        ("background work", "GET /task/{outcome}", []),
        ("inner", "background work", []),
        ("background print_nothing", "GET /task/{outcome}", []),
    ],
    "linked": [
        ("GET /task/{outcome}", None, []),
        ("background work", None, ["GET /task/{outcome}"]),
        ("inner", "background work", []),
        ("background print_nothing", None, ["GET /task/{outcome}"]),
    ],
    "off": [("GET /task/{outcome}", None, []), ("inner", "GET /task/{outcome}", [])],
}


@pytest.mark.parametrize("how", TASKS)
async def test_background_tasks(instrument, spans, how):
    """
    Each background task is a span: in the request's trace, in its own with a link, or none.
    """
    instrument("fastapi", "starlette", http_background_tasks=how)

    await _request("/task/ok")

    assert [(s["name"], s["parent"], s["links"]) for s in spans()] == TASKS[how]


async def test_a_failing_background_task_is_not_the_requests_error(instrument, spans):
    """
    The response was sent; the error is the task's.
    """
    instrument("fastapi")

    await _request("/task/fails")

    assert [(s["name"], s["status"]) for s in spans()] == [
        ("GET /task/{outcome}", "UNSET"),
        ("background work", "ERROR"),
        ("inner", "UNSET"),
    ]


async def test_unhandled_exceptions(instrument, spans):
    """
    The span has the type, also as description of its status, and one event with the lines of code;
    no message (case C10).
    """
    instrument("fastapi")

    response = await _request("/fails")

    (span,) = spans.ended
    (event,) = span.events
    assert (response.status_code, span.attributes["error.type"]) == (500, "ValueError")
    assert event.name == "exception"
    assert set(event.attributes) == {"exception.type", "exception.stacktrace"}
    assert event.attributes["exception.type"] == "ValueError"
    text = event.attributes["exception.stacktrace"]
    assert re.findall(r"^(\w+Error)", text, re.MULTILINE) == ["KeyError", "ValueError"]
    assert 'raise KeyError("secret cause")' in text
    assert "KeyError: " not in text
    assert span.status.description == "ValueError"


@pytest.mark.parametrize("status", [404, 503])
async def test_an_http_exception_is_an_answer(instrument, spans, status):
    """
    It is not recorded as an exception; 5xx is an error all the same.
    """
    instrument("fastapi")

    await _request(f"/answers/{status}")

    (span,) = spans.ended
    assert span.events == ()
    assert span.attributes.get("error.type") == {404: None, 503: "503"}[status]


@pytest.mark.parametrize(("signal", "events"), [("logs", 0), ("logs/dup", 1)])
async def test_exceptions_as_log_records(instrument, spans, signal, events):
    """
    As the newest convention has it, exceptions are log records of the request's span.
    """
    from opentelemetry import _logs
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

    exporter = InMemoryLogRecordExporter()
    provider = _logs.get_logger_provider()
    if not isinstance(provider, LoggerProvider):
        provider = LoggerProvider(shutdown_on_exit=False)
        _logs.set_logger_provider(provider)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    instrument("fastapi", exception_signal=signal, exception_messages=True)

    await _request("/fails")

    (span,) = spans.ended
    (record,) = (data.log_record for data in exporter.get_finished_logs())
    exporter.shutdown()
    assert len(span.events) == events
    assert record.event_name == "http.server.request.exception"
    assert record.span_id == span.context.span_id
    assert record.severity_number.value == 17
    assert record.attributes["exception.message"] == "secret"


async def test_validation_errors(instrument, spans):
    """
    Where and what was wrong is recorded, never a value, nor a key inside a body.
    """
    instrument("fastapi")

    await _request(
        "/items?limit=secret",
        method="POST",
        json={"price": "secret", "secret": 1},
        headers={"x-mode": "secret"},
    )

    (span,) = spans()
    assert span["status"] == "UNSET"
    assert span["attributes"]["eai.http.request.validation_errors"] == (
        f"query.limit: {NO_NUMBER}",
        f"header.x-mode: {NO_NUMBER}",
        f"body: {NO_NUMBER}",
    )


async def test_streams(instrument, spans):
    """
    A streamed response has the time to its first byte; one that breaks is an error.
    """
    instrument("fastapi")

    await _request("/stream/0")
    await _request("/stream/1")

    whole, broken = spans()
    first = whole["attributes"]["eai.http.response.time_to_first_byte"]
    (ended,) = (s for s in spans.ended if s.attributes["url.path"] == "/stream/0")
    assert 0 < first <= (ended.end_time - ended.start_time) / 1e9
    assert whole["attributes"]["http.response.body.size"] == 15
    assert (broken["status"], broken["attributes"]["http.response.body.size"]) == ("ERROR", 10)
    # Older versions of Starlette have a task group around it.
    assert broken["attributes"]["error.type"] in {"ValueError", "ExceptionGroup"}


async def test_send_and_receive_spans(instrument, spans):
    """
    Where a setting asks for them, each part is a span below the request's.
    """
    instrument("fastapi", http_send_receive_spans=True)

    await _request("/items", method="POST", json={"price": 12})

    assert [(s["name"], s["parent"]) for s in spans()] == [
        ("POST /items", None),
        *[("POST receive", "POST /items")] * 2,
        *[("POST send", "POST /items")] * 2,
    ]


async def test_hooks(instrument, spans):
    """
    Functions of the user's get the span, the scope and the beginning of the response.
    """
    module = __name__
    instrument(
        "fastapi",
        http_request_hook=f"{module}:on_request",
        http_response_hook=f"{module}:on_response",
    )
    import sys

    sys.modules.setdefault(module, sys.modules[on_request.__module__])

    await _request("/items/1")

    assert sys.modules[module].HOOKED == [
        ("request", "/items/1"),
        ("response", "/items/1", 200),
    ]
    assert spans()[0]["attributes"]["eai.test"] == "hooked"


@pytest.mark.parametrize("path", ["json:loads", "no.such.module:x", "json:none"])
async def test_failing_hooks_are_invisible(instrument, spans, lenient, path):
    """
    What a hook raises, or that it is not there, changes neither response nor span.
    """
    instrument("fastapi", http_request_hook=path, http_response_hook=path)

    response = await _request("/items/1")

    assert (response.status_code, len(spans())) == (200, 1)


async def test_the_trace_in_response_headers(instrument, spans):
    """
    Callers can be told the trace; otherwise no header is added.
    """
    plain = await _request("/items/1")
    instrument("fastapi", http_response_trace_headers=("traceresponse", "server-timing"))
    spans.clear()

    response = await _request("/items/1")

    made = spans.ended[0].context
    value = f"00-{made.trace_id:032x}-{made.span_id:016x}-03"
    added = {"traceresponse": value, "server-timing": f'traceparent;desc="{value}"'}
    assert dict(response.headers) == {**plain.headers, **added}


async def test_a_client_that_goes_is_no_error(instrument, spans):
    """
    A disconnect before the response is complete is an outcome.
    """
    instrument("fastapi")
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/stream/0",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
    }

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.body":
            raise OSError

    # What is raised, if anything, depends on the version of Starlette.
    with suppress(Exception):
        await app(scope, receive, send)

    (span,) = spans()
    assert _attributes(span, "eai.outcome", "error.type") == {
        "eai.outcome": "disconnected",
        "error.type": None,
    }
    assert span["status"] == "UNSET"


@pytest.mark.parametrize("ratio", [ALWAYS_ON, ALWAYS_OFF], ids=["sampled", "not sampled"])
async def test_an_upload_that_breaks_off_is_no_error(metrics, ratio):
    """
    What the application makes of a client that goes is not its failure, sampled or not.
    """
    from eai_autotrace.instrumentors.starlette import StarletteInstrumentor

    async def read(request):
        await request.body()

    async def ignore(message):
        pass

    received = [{"type": "http.request", "body": b"a", "more_body": True}]

    async def receive():
        return received.pop() if received else {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    instrumentor = StarletteInstrumentor()
    instrumentor.instrument(tracer_provider=TracerProvider(ratio, shutdown_on_exit=False))
    try:
        with pytest.raises(ClientDisconnect):
            await Starlette(routes=[Route("/", read, methods=["POST"])])(scope, receive, ignore)
    finally:
        instrumentor.uninstrument()

    (point,) = metrics()
    assert point["attributes"] == {
        "http.request.method": "POST",
        "http.response.status_code": 500,
        "http.route": "/",
        "url.scheme": "http",
    }


async def test_another_connection_that_breaks_is_an_error(instrument, spans):
    """
    That the application cannot reach somebody else does not mean that its client has gone.
    """
    instrument("fastapi")
    proxy = FastAPI()

    @proxy.get("/")
    async def forward():
        async def body():
            yield b"a"
            raise ConnectionResetError

        return StreamingResponse(body())

    with suppress(Exception):
        await _request("/", app=proxy)

    (span,) = spans()
    assert (span["status"], "eai.outcome" in span["attributes"]) == ("ERROR", False)


async def test_cancellation_is_no_error(instrument, spans):
    """
    A request whose task is cancelled has that as its outcome.
    """
    instrument("fastapi")
    waiting = FastAPI()

    @waiting.get("/")
    async def wait():
        await asyncio.sleep(60)

    task = asyncio.create_task(_request("/", app=waiting))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (span,) = spans()
    assert (span["attributes"]["eai.outcome"], span["status"]) == ("cancelled", "UNSET")


def _talk(path, *texts):
    answers = []
    with TestClient(app).websocket_connect(path) as session:
        for text in texts:
            session.send_text(text)
            answers.append(session.receive_text())
    return answers


SOCKETS = {
    "the client closes": ("/ws/a", ["x", "y"], (101, 1000, 2, 2, None, None)),
    "the server closes": ("/ws/a", ["x", "bye"], (101, 1000, 2, 1, None, None)),
    "it is rejected": ("/ws/closed", [], (403, None, 0, 0, None, None)),
    "the handler fails": ("/ws/a", ["fail"], (101, None, 1, 0, "ValueError", None)),
    "the server gives up": ("/ws/a", ["restart"], (101, 1011, 1, 0, "1011", None)),
    "the handler did not expect it": ("/strict", [], (101, 1000, 0, 0, None, "closed")),
}


@pytest.mark.parametrize("name", SOCKETS)
def test_websockets(instrument, spans, metrics, name):
    """
    A connection is one span with its close code; only what is the server's fault is an error.
    """
    path, texts, expected = SOCKETS[name]
    status, code, received, sent, error, outcome = expected
    instrument("fastapi", "starlette")

    with suppress(WebSocketDisconnect, ValueError):
        _talk(path, *texts)

    (span,) = (s for s in spans() if s["kind"] == "SERVER")
    assert span["name"] == ("WEBSOCKET /strict" if path == "/strict" else "WEBSOCKET /ws/{room}")
    assert span["status"] == ("ERROR" if error else "UNSET")
    names = {
        "http.response.status_code": status,
        "eai.websocket.close_code": code,
        "eai.websocket.messages.received": received,
        "eai.websocket.messages.sent": sent,
        "error.type": error,
        "eai.outcome": outcome,
        "network.protocol.name": "websocket",
        "url.scheme": "ws",
    }
    assert _attributes(span, *names) == names
    (point,) = metrics()
    assert (point["name"], point["count"]) == ("eai.websocket.connection.duration", 1)


def test_a_client_that_leaves_a_task_group(instrument, spans):
    """
    That the client has gone is no error either where a task group says it.
    """
    instrument("fastapi")

    with suppress(Exception), TestClient(app).websocket_connect("/group") as session:
        session.close(1001)

    (span,) = spans()
    assert (span["name"], span["status"]) == ("WEBSOCKET /group", "UNSET")
    assert span["attributes"]["eai.outcome"] == "disconnected"


def test_websocket_messages(instrument, spans):
    """
    Where a setting asks for it, a message's handling is a trace of its own, linked.
    """
    instrument("fastapi", websocket_message_spans=True)

    _talk("/ws/a", "x", "y")

    assert [(s["name"], s["parent"], s["links"]) for s in spans()] == [
        ("WEBSOCKET /ws/{room}", None, []),
        *(
            ("WEBSOCKET receive", None, ["WEBSOCKET /ws/{room}"]),
            ("handled", "WEBSOCKET receive", []),
            ("WEBSOCKET send", "WEBSOCKET receive", []),
        )
        * 2,
    ]


async def test_hosts(instrument, spans):
    """
    A route below a host is found, and the host is no part of it.
    """
    inner = Router([Route("/x/{name}", lambda request: None)])
    outer = Starlette(routes=[Host("{sub}.example.org", inner)])
    instrument("starlette")

    await _request("http://api.example.org/x/1", app=outer)

    assert [span["name"] for span in spans()] == ["GET /x/{name}"]


async def test_a_fastapi_inside_starlette(instrument, spans):
    """
    An application mounted in another one shares its span, and FastAPI adds none.
    """
    outer = Starlette()
    outer.mount("/api", app)
    instrument("fastapi", "starlette")

    await _request("/api/items/1", app=outer)

    assert [(s["name"], s["kind"]) for s in spans()] == [("GET /api/items/{item_id}", "SERVER")]


async def test_an_application_that_contrib_instruments_is_left_to_it(instrument, spans):
    """
    Where the program calls contrib's instrument_app(), neither the request nor its background
    task is traced twice.
    """
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor as Contrib

    def answer(tasks: BackgroundTasks):
        tasks.add_task(str)
        return "x"

    theirs = FastAPI()
    theirs.add_api_route("/x", answer)
    instrument("fastapi", "starlette")
    Contrib.instrument_app(theirs)
    try:
        await _request("/x", app=theirs)
    finally:
        Contrib.uninstrument_app(theirs)

    assert [s["kind"] for s in spans()].count("SERVER") == 1
    assert {s.instrumentation_scope.name for s in spans.ended} == {
        "opentelemetry.instrumentation.fastapi"
    }


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
async def test_an_application_that_contrib_comes_too_late_for(instrument, spans, kind):
    """
    What is handed to instrument_app() when its middleware is built, as in a lifespan, stays ours.
    """
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor as Contrib

    theirs = kind()
    theirs.add_route("/x", lambda _: PlainTextResponse("x"))
    instrument("fastapi", "starlette")
    await _request("/x", app=theirs)
    Contrib.instrument_app(theirs)
    try:
        await _request("/x", app=theirs)
    finally:
        Contrib.uninstrument_app(theirs)

    assert [(s["name"], s["kind"]) for s in spans()] == [("GET /x", "SERVER")] * 2


@pytest.mark.parametrize("kind", [FastAPI, Starlette])
async def test_an_application_that_is_traced_already_is_left_alone(instrument, spans, kind):
    """
    The mark of OpenTelemetry's instrumentors on an application of either library is enough.
    """
    theirs = kind()
    theirs._is_instrumented_by_opentelemetry = True
    instrument("fastapi", "starlette")

    await _request("/", app=theirs)

    assert spans() == []


def test_lifespan(instrument, spans):
    """
    Starting and ending an application is no request.
    """
    instrument("fastapi", "starlette")

    with TestClient(app) as client:
        client.get("/items/1")

    assert [span["name"] for span in spans()] == ["GET /items/{item_id}"]
