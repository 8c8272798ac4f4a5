from __future__ import annotations

import httpx
import pydantic
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI, HTTPException
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def _build():
    app, mounted, items = FastAPI(), FastAPI(), APIRouter(prefix="/items")

    @items.get("/{item_id}")
    async def item(item_id: int, q: str = ""):
        return {"item_id": item_id, "q": q}

    @items.get("/sync/{item_id}")
    def item_sync(item_id: int):
        trace.get_tracer("app").start_span("work").end()
        return item_id

    @app.get("/boom")
    async def boom():
        raise RuntimeError("secret")

    @app.get("/gone")
    async def gone():
        raise HTTPException(410, "secret")

    @app.get("/stream")
    async def stream():
        async def body():
            yield b"a"
            yield b"b"

        return StreamingResponse(body())

    @app.post("/task")
    async def task(tasks: BackgroundTasks):
        tasks.add_task(trace.get_tracer("app").start_span, "background")
        return "ok"

    app.include_router(items, prefix="/v1")
    mounted.include_router(items)
    app.mount("/tenants/{tenant}", mounted)
    return app


HAS_NATIVE = hasattr(FastAPI(), "_telemetry")
# How Pydantic calls it.
NO_NUMBER = "int_parsing" if pydantic.VERSION >= "2" else "type_error.integer"

# Built before anything is instrumented, as in an application that is imported first.
app = _build()


def _span(name, path, status, **more):
    return {
        "name": name,
        "kind": "SERVER",
        "parent": None,
        "attributes": {
            "http.request.method": name.split()[0],
            "http.response.status_code": status,
            "url.path": path,
            "url.scheme": "http",
            "server.address": "example.org",
            "server.port": 80,
            "client.address": "127.0.0.1",
            "network.peer.address": "127.0.0.1",
            "network.peer.port": 123,
            "network.protocol.version": "1.1",
            "user_agent.original": "test",
            **({"http.route": name.split()[1]} if " " in name else {}),
            **more,
        },
        "status": "ERROR" if "error.type" in more else "UNSET",
        "links": [],
    }


async def _request(path, app=app, method="GET", **headers):
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://example.org") as client:
        client.headers = {"user-agent": "test", **headers}
        response = await client.request(method, path)
        return response.status_code, response.content


REQUESTS = {
    "included": ("/v1/items/1", _span("GET /v1/items/{item_id}", "/v1/items/1", 200)),
    "mounted": (
        "/tenants/acme/items/1",
        _span("GET /tenants/{tenant}/items/{item_id}", "/tenants/acme/items/1", 200),
    ),
    "query": (
        "/v1/items/1?q=a&sig=secret",
        _span("GET /v1/items/{item_id}", "/v1/items/1", 200, **{"url.query": "q=a&sig=REDACTED"}),
    ),
    "invalid": (
        "/v1/items/x",
        _span(
            "GET /v1/items/{item_id}",
            "/v1/items/x",
            422,
            **{"eai.http.request.validation_errors": (f"path.item_id: {NO_NUMBER}",)},
        ),
    ),
    "unmatched": ("/nowhere", _span("GET", "/nowhere", 404)),
    "unmatched in a mount": ("/tenants/acme/x", _span("GET", "/tenants/acme/x", 404)),
    "http exception": ("/gone", _span("GET /gone", "/gone", 410)),
    "unhandled": ("/boom", _span("GET /boom", "/boom", 500, **{"error.type": "RuntimeError"})),
    "stream": ("/stream", _span("GET /stream", "/stream", 200)),
}


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_request_is_one_span(instrument, spans, name):
    """
    Each request is one server span, named by its route at any depth, FastAPI's own left out.
    """
    path, expected = REQUESTS[name]
    before = await _request(path)
    spans.clear()
    instrument("fastapi", "starlette")

    assert await _request(path) == before
    (span,) = spans()
    span["attributes"].pop("eai.http.response.time_to_first_byte", None)
    size = {"http.response.body.size": len(before[1])}
    assert span == {**expected, "attributes": {**expected["attributes"], **size}}


@pytest.mark.parametrize(
    "names", [("fastapi",), ("starlette", "fastapi"), ("fastapi", "starlette")]
)
async def test_each_instrumentor_is_complete(instrument, spans, names):
    """
    Routes are whole with one instrumentor or both, in either order.
    """
    instrument(*names)

    await _request("/tenants/acme/items/1")

    assert [span["name"] for span in spans()] == ["GET /tenants/{tenant}/items/{item_id}"]


async def test_starlettes_instrumentor_leaves_fastapi_alone(instrument, spans):
    """
    With FastAPI's instrumentor switched off, no span of ours stands in for it.
    """
    instrument("starlette")

    await _request("/v1/items/1")

    assert [span for span in spans() if span["name"] == "GET /v1/items/{item_id}"] != [
        REQUESTS["included"][1]
    ]


async def test_the_callers_trace_goes_on(instrument, spans):
    """
    A traceparent header makes the request part of the caller's trace.
    """
    instrument("fastapi")

    await _request("/boom", traceparent=f"00-{'1' * 32}-{'2' * 16}-01")

    assert [span["parent"] for span in spans()] == ["remote"]


async def test_the_handlers_spans_are_children(instrument, spans):
    """
    The application's spans belong to the request, in threads too.
    """
    instrument("fastapi")

    await _request("/v1/items/sync/1")

    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("GET /v1/items/sync/{item_id}", None),
        ("work", "GET /v1/items/sync/{item_id}"),
    ]


async def test_middleware_around_the_application_changes_nothing(instrument, spans):
    """
    An application inside other ASGI middleware has its one span.
    """
    instrument("fastapi", "starlette")

    await _request("/v1/items/1", app=CORSMiddleware(app))

    (span,) = spans()
    assert span["attributes"].pop("http.response.body.size") == 20
    assert span == REQUESTS["included"][1]


LACKING = {
    "client.address": "127.0.0.1",
    "network.peer.address": "127.0.0.1",
    "network.peer.port": 123,
    "user_agent.original": "test",
}


async def test_native_telemetry_stays_where_it_is_configured(instrument, spans):
    """
    An application that configures FastAPI's own telemetry keeps it, completed, and has no other.
    """
    configured = FastAPI(telemetry={"operation_spans": False})

    @configured.get("/x")
    async def x():
        return "x"

    instrument("fastapi", "starlette")
    await _request("/x", app=configured)

    (span,) = spans()
    assert span["name"] == "GET /x"
    assert {k: span["attributes"].get(k) for k in LACKING} == LACKING


if HAS_NATIVE:

    async def test_a_task_that_native_telemetry_traces(instrument, spans):
        """
        A background task has one span: FastAPI's own, where the application configured that.
        """
        exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        configured = FastAPI(telemetry={"tracer_provider": provider})
        within = []

        @configured.get("/x")
        async def x(tasks: BackgroundTasks):
            tasks.add_task(lambda: within.append(trace.get_current_span().name))  # type: ignore[attr-defined]
            return "x"

        instrument("fastapi", "starlette")
        await _request("/x", app=configured)

        assert within == ["fastapi.background_task"]
        assert [span.name for span in exporter.get_finished_spans()].count(within[0]) == 1
        assert spans() == []


@pytest.mark.parametrize("name", REQUESTS)
async def test_our_failure_is_invisible(instrument, break_hooks, spans, name):
    """
    With every hook raising, responses are those of the uninstrumented application.
    """
    path, _ = REQUESTS[name]
    before = await _request(path)
    break_hooks("fastapi", "starlette")
    instrument("fastapi", "starlette")
    spans.clear()

    assert await _request(path) == before
    # FastAPI's own telemetry was not displaced either, so it stands in.
    assert [span for span in spans() if "user_agent.original" in span["attributes"]] == []


async def test_suppressed_context_gives_no_span(instrument, spans):
    """
    OpenTelemetry's suppression key is obeyed.
    """
    from opentelemetry.instrumentation.utils import suppress_instrumentation

    instrument("fastapi", "starlette")

    with suppress_instrumentation():
        await _request("/v1/items/1")

    assert spans() == []


async def test_content_is_not_recorded(instrument, spans):
    """
    Headers, bodies and messages of errors stay out of telemetry.
    """
    instrument("fastapi")

    for path in ("/boom", "/gone", "/v1/items/secret?sig=secret"):
        await _request(path, authorization="secret", cookie="secret", **{"x-api-key": "secret"})

    recorded = [
        (span.name, {**span.attributes, "url.path": ""}, [dict(e.attributes) for e in span.events])
        for span in spans.ended
    ]
    assert len(recorded) == 3
    assert "secret" not in str(recorded).replace('raise RuntimeError("secret")', "")
