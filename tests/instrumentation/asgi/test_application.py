from __future__ import annotations

import asyncio
from contextvars import copy_context

import pytest
from opentelemetry import trace

from eai_autotrace.instrumentation import AsgiApplication, Operation, ResponseSettings, Step

SOURCE = """
class App:
    def __init__(self, respond, inner=None):
        self.respond, self.inner = respond, inner

    async def __call__(self, scope, receive, send):
        if self.inner is not None:
            await self.inner(dict(scope), receive, send)
        else:
            await self.route(scope, receive, send)

    async def route(self, scope, receive, send):
        await self.respond(scope, receive, send)
"""


def _describe(_app, scope):
    return Operation(name="GET") if scope["type"] == "http" else None


def _notice(request, _app, _scope):
    request.route = "/x/{id}"


@pytest.fixture
def app_class(instrument, library):
    """A small ASGI application class, traced."""
    exec(SOURCE, vars(library))
    instrument(
        lambda module: AsgiApplication(module, "App.__call__", _describe),
        lambda module: Step(module, "App.route", _notice),
    )
    return library.App


def _response(status=200, *bodies):
    async def respond(_scope, _receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        for number, body in enumerate(bodies or (b"x",), 1):
            more = number < len(bodies)
            await send({"type": "http.response.body", "body": body, "more_body": more})

    return respond


async def _run(app, spans=None, kind="http"):
    sent, ended = [], []

    async def send(message):
        sent.append(message)
        if spans is not None:
            ended.append(len(spans()))

    scope = {"type": kind}
    await app(scope, None, send)
    return [message["type"] for message in sent], ended


def _span(status=None, size=1, **attributes):
    response = {"http.response.status_code": status, "http.response.body.size": size}
    return {
        "name": "GET /x/{id}",
        "kind": "INTERNAL",
        "parent": None,
        "attributes": {"http.route": "/x/{id}", **(response if status else {}), **attributes},
        "status": "ERROR" if "error.type" in attributes else "UNSET",
        "links": [],
    }


async def test_a_request_is_one_span(app_class, spans):
    """
    The outermost application has the span; what is inside, even behind a copied scope, shares it.
    """
    sent, _ = await _run(app_class(None, inner=app_class(_response())))

    assert sent == ["http.response.start", "http.response.body"]
    assert spans() == [_span(200)]


@pytest.mark.parametrize(
    ("status", "error"), [(399, None), (404, None), (500, "500"), (503, "503")]
)
async def test_only_server_errors_are_errors(app_class, spans, status, error):
    """
    5xx is the server's failure, 4xx is not.
    """
    await _run(app_class(_response(status)))

    assert spans() == [_span(status, **({"error.type": error} if error else {}))]


async def test_a_disconnect_while_the_last_part_is_sent_is_none(app_class, spans):
    """
    A server that closes connections reports that while it takes the last part (case C2).

    The response was sent in full: also where the application is cancelled for it.
    """

    async def disconnect():
        return {"type": "http.disconnect"}

    async def respond(_scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        sending = asyncio.ensure_future(send({"type": "http.response.body", "body": b"x"}))
        await asyncio.sleep(0)
        await receive()
        sending.cancel()
        await asyncio.wait([sending])

    async def send(message):
        await asyncio.sleep(0 if message["type"] == "http.response.start" else 60)

    await app_class(respond)({"type": "http"}, disconnect, send)

    assert spans() == [_span(200)]


async def test_the_applications_functions_take_keywords(instrument, library, spans):
    """
    ``app(scope=...)`` and ``send(message=...)`` are legal calls, also where parts are spans.
    """
    exec(SOURCE, vars(library))
    responses = ResponseSettings(is_traced_in_parts=True)
    instrument(
        lambda module: AsgiApplication(module, "App.__call__", _describe, responses=responses)
    )
    sent = []

    async def respond(_scope, _receive, send):
        await send(message={"type": "http.response.start", "status": 200, "headers": []})
        await send(message={"type": "http.response.body", "body": b"x"})

    async def send(message):
        sent.append(message["type"])

    await library.App(respond)(scope={"type": "http"}, receive=None, send=send)

    assert sent == ["http.response.start", "http.response.body"]
    assert [span["name"] for span in spans()] == ["GET", "GET send", "GET send"]


@pytest.mark.parametrize("scope", [{}, None, ("http",)])
async def test_an_odd_scope_is_the_applications_affair(app_class, spans, lenient, scope):
    """
    What is no scope reaches the application as it is.
    """
    seen = []

    async def respond(scope, _receive, _send):
        seen.append(scope)

    await app_class(respond)(scope, None, None)

    assert (seen, spans()) == ([scope], [])


async def test_the_span_ends_with_the_last_byte(app_class, spans):
    """
    What runs after the response, such as a background task, is not part of the request's time.
    """
    seen = []

    async def respond(scope, receive, send):
        await _response(200, b"a", b"b")(scope, receive, send)
        seen.append(len(spans()))

    _, ended = await _run(app_class(respond), spans)

    assert (ended, seen) == ([0, 0, 0], [1])
    (span,) = spans()
    assert span["attributes"].pop("eai.http.response.time_to_first_byte") > 0
    assert span == _span(200, size=2)


async def test_an_unhandled_exception_is_the_same_object(app_class, spans):
    """
    The server gets the application's exception; the span has its type.
    """
    error = LookupError("secret")

    async def respond(*_):
        raise error

    with pytest.raises(LookupError) as raised:
        await _run(app_class(respond))

    assert raised.value is error
    assert spans() == [_span(**{"error.type": "LookupError"})]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_other_scopes_pass(app_class, spans, kind):
    """
    What is not described is left alone, the scope included.
    """
    seen = []

    async def respond(scope, _receive, _send):
        seen.append(dict(scope))

    await _run(app_class(respond), kind=kind)

    assert (seen, spans()) == ([{"type": kind}], [])


def test_an_application_is_no_factory(app_class):
    """
    Called without arguments, as servers do to find out, it fails at once like an unpatched one.
    """
    with pytest.raises(TypeError, match="missing 3 required positional arguments"):
        app_class(None)()


async def test_the_application_runs_in_the_span(app_class, spans):
    """
    Spans of the application are children of the request, and the context is restored after it.
    """

    async def respond(scope, receive, send):
        trace.get_tracer("app").start_span("inner").end()
        await _response()(scope, receive, send)

    await _run(app_class(respond))

    assert [(span["name"], span["parent"]) for span in spans()] == [
        ("GET /x/{id}", None),
        ("inner", "GET /x/{id}"),
    ]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_request_that_is_closed_elsewhere(app_class, spans, caplog):
    """
    A request whose loop has ended is closed in another context: quietly, as a cancelled one.
    """

    class Pause:
        def __await__(self):
            yield

    async def respond(*_):
        await Pause()

    coroutine = app_class(respond)({"type": "http"}, None, None)
    copy_context().run(coroutine.send, None)
    copy_context().run(coroutine.close)

    assert spans() == [_span(**{"eai.outcome": "closed"})]
    assert caplog.records == []


async def test_our_failure_is_invisible(instrument, library, spans, lenient):
    """
    Hooks that raise leave the response as it is.
    """
    exec(SOURCE, vars(library))
    instrument(
        lambda module: AsgiApplication(module, "App.__call__", lambda *_: 1 / 0),
        lambda module: Step(module, "App.route", lambda *_: 1 / 0),
    )

    sent, _ = await _run(library.App(_response()))

    assert (sent, spans()) == (["http.response.start", "http.response.body"], [])
