"""httpx and httpx2, both clients of both, against real servers and sockets."""

from __future__ import annotations

import asyncio
import gc
import importlib
import inspect
import socket
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import version
from threading import Thread

import openai
import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.instrumentation.utils import (
    suppress_http_instrumentation,
    suppress_instrumentation,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState

from eai_autotrace._testing.llm import Reply
from eai_autotrace._testing.process import HOST, free_port

LIBRARIES = ("httpx", "httpx2")
BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
THEIRS = "00-11111111111111111111111111111111-2222222222222222-01"


@pytest.fixture(params=LIBRARIES)
def library(request):
    return importlib.import_module(request.param)


@pytest.fixture(params=["sync", "async"])
def is_async(request):
    return request.param == "async"


@pytest.fixture
def traced(instrument, library):
    """Instruments the library with some settings."""

    def traced(**settings):
        instrument(library.__name__, **settings)

    traced()
    return traced


@pytest.fixture
async def client(library, is_async):
    """Makes clients of the library, from before instrumentation or after."""
    made = []

    def client(**options):
        kind = library.AsyncClient if is_async else library.Client
        made.append(kind(trust_env=False, **options))
        return made[-1]

    yield client
    for one in made:
        await done(one.aclose() if is_async else one.close())


async def done(result):
    """What a call of either client gives."""
    return await result if inspect.isawaitable(result) else result


async def opened(client, url, **headers):
    """A response whose body has not been read."""
    request = client.build_request("GET", url, headers=headers)
    return await done(client.send(request, stream=True))


async def part(response):
    """The first part of a body."""
    async_parts = hasattr(response.stream, "__aiter__") and not hasattr(response.stream, "__iter__")
    if async_parts:
        parts = response.aiter_raw()
        return await anext(parts), parts
    parts = response.iter_raw()
    return next(parts), parts


async def close(response, is_async):
    await done(response.aclose() if is_async else response.close())


def expected(server, path="/", **more):
    """The dict of an expected span of a request for the server."""
    found = {
        "http.request.method": "GET",
        "url.full": f"{server.url}{path}",
        "server.address": HOST,
        "server.port": server.port,
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        **more,
    }
    return {
        "name": "GET",
        "kind": "CLIENT",
        "parent": None,
        "attributes": {name: value for name, value in found.items() if value is not None},
        "status": "ERROR" if "error.type" in more else "UNSET",
        "links": [],
    }


def sent(spans):
    """The traceparents of the ended spans."""
    made = sorted(spans.ended, key=lambda span: span.start_time)
    return [
        f"00-{s.context.trace_id:032x}-{s.context.span_id:016x}-{s.context.trace_flags:02x}"
        for s in made
    ]


def got(server, name="traceparent"):
    """What the server has got as a header, of each request."""
    return [asked.headers.get(name) for asked in server.requests]


async def test_a_request_is_one_span(traced, client, llm_server, spans):
    """
    A request is one CLIENT span, whose context the server gets, below the current span.
    """
    llm_server.replies.append(Reply(b"found"))

    response = await done(client().get(f"{llm_server.url}/items?page=1"))

    assert (response.status_code, response.content) == (200, b"found")
    assert spans() == [expected(llm_server, "/items?page=1")]
    assert got(llm_server) == sent(spans)
    assert response.request.headers["traceparent"] == sent(spans)[0]


async def test_it_is_below_the_current_span(traced, client, llm_server, spans):
    """
    The span's parent is the span that is current where the request is made, and stays so.
    """
    llm_server.replies.append(Reply())
    with trace.get_tracer("test").start_as_current_span("work") as work:
        await done(client().get(llm_server.url))
        assert trace.get_current_span() is work

    assert [(span["name"], span["parent"]) for span in spans()] == [("work", None), ("GET", "work")]


async def test_requests_are_measured(traced, client, llm_server, metrics, spans):
    """
    The duration is measured with method, server, status, version and error, nothing else.
    """
    llm_server.replies += [Reply(), Reply(), Reply(status=503)]
    made = client()
    for path in ("/a", "/b", "/c"):
        await done(made.get(f"{llm_server.url}{path}"))

    def point(count, **more):
        attributes = {
            "http.request.method": "GET",
            "server.address": HOST,
            "server.port": llm_server.port,
            "network.protocol.version": "1.1",
            **more,
        }
        return {
            "name": "http.client.request.duration",
            "unit": "s",
            "attributes": attributes,
            "count": count,
            "bounds": BUCKETS,
        }

    points = [{k: v for k, v in found.items() if k != "sum"} for found in metrics()]
    assert points == [
        point(1, **{"http.response.status_code": 503, "error.type": "503"}),
        point(2, **{"http.response.status_code": 200}),
    ]


async def test_metrics_are_switched_off(instrument, library, client, llm_server, metrics, spans):
    """
    ``http_client_metrics`` without ``duration`` measures nothing; the span is the same.
    """
    instrument(library.__name__, http_client_metrics=())
    llm_server.replies.append(Reply())

    await done(client().get(llm_server.url))

    assert metrics() == []
    assert spans() == [expected(llm_server, "")]


async def test_what_is_not_sampled(traced, client, llm_server, metrics, spans):
    """
    A request that is not sampled is measured, and carries the context with the flag 00.
    """
    llm_server.replies.append(Reply())
    parent = NonRecordingSpan(SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)))

    with trace.use_span(parent):
        await done(client().get(llm_server.url))

    (header,) = got(llm_server)
    assert spans() == []
    assert (header[:36], header[-3:]) == (f"00-{1:032x}-", "-00")
    assert header[36:52] != f"{2:016x}"
    (point,) = metrics()
    assert (point["count"], point["attributes"]) == (
        1,
        {
            "http.request.method": "GET",
            "server.address": HOST,
            "server.port": llm_server.port,
            "http.response.status_code": 200,
            "network.protocol.version": "1.1",
        },
    )


async def test_secrets_in_urls(traced, client, llm_server, spans):
    """
    Credentials and the values of signature keys are redacted; the server gets them.
    """
    llm_server.replies.append(Reply())

    url = f"http://me:secret@{HOST}:{llm_server.port}/x?sig=secret&page=1#part"
    await done(client().get(url))

    shown = f"http://REDACTED:REDACTED@{HOST}:{llm_server.port}/x?sig=REDACTED&page=1#part"
    assert spans() == [expected(llm_server, **{"url.full": shown})]
    assert llm_server.requests[0].path == "/x?sig=secret&page=1"
    assert got(llm_server, "authorization") == ["Basic bWU6c2VjcmV0"]


async def test_methods(traced, library, client, spans):
    """
    Known methods name the span; every other one is ``_OTHER``, with the original beside it.
    """
    transport = library.MockTransport(lambda _: library.Response(200))
    made = client(transport=transport)

    await done(made.post("http://example.org/"))
    await done(made.request("BREW", "http://example.org/"))

    assert [
        (
            span["name"],
            span["attributes"]["http.request.method"],
            span["attributes"].get("http.request.method_original"),
        )
        for span in spans()
    ] == [("POST", "POST", None), ("HTTP", "_OTHER", "BREW")]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
async def test_errors_of_the_server(traced, client, llm_server, spans, status):
    """
    4xx and 5xx are errors of a client, by their code.
    """
    llm_server.replies.append(Reply(status=status))

    await done(client().get(f"{llm_server.url}/"))

    assert spans() == [
        expected(llm_server, **{"http.response.status_code": status, "error.type": str(status)})
    ]


async def test_no_connection(traced, library, client, spans):
    """
    Where nothing listens, the span has the class of the library's exception.
    """
    port = free_port()

    with pytest.raises(library.ConnectError):
        await done(client().get(f"http://{HOST}:{port}/"))

    (span,) = spans()
    assert (span["status"], span["attributes"]) == (
        "ERROR",
        {
            "http.request.method": "GET",
            "url.full": f"http://{HOST}:{port}/",
            "server.address": HOST,
            "server.port": port,
            "error.type": f"{library.__name__}.ConnectError",
        },
    )


async def test_a_timeout_before_the_response(traced, library, client, spans):
    """
    A server that does not answer in time is an error.
    """
    with socket.create_server((HOST, 0)) as silent:
        url = f"http://{HOST}:{silent.getsockname()[1]}/"
        with pytest.raises(library.ReadTimeout):
            await done(client(timeout=0.1).get(url))

    (span,) = spans()
    assert (span["status"], span["attributes"]["error.type"]) == (
        "ERROR",
        f"{library.__name__}.ReadTimeout",
    )


@pytest.mark.parametrize("failure", ["ReadTimeout", "RemoteProtocolError"])
async def test_a_body_that_fails(traced, library, client, llm_server, spans, failure, is_async):
    """
    A body that stops or breaks is an error of its request, with the status that had come.
    """
    is_stuck = failure == "ReadTimeout"
    llm_server.replies.append(Reply([b"a"], is_stuck=is_stuck, is_cut=not is_stuck))

    def export_now(response):
        response.request.extensions["timeout"]["read"] = 0.1

    async def hurry_async(response):
        export_now(response)

    made = client(event_hooks={"response": [hurry_async if is_async else export_now]}, timeout=30)
    with pytest.raises(getattr(library, failure)):
        await done(made.get(f"{llm_server.url}/"))

    error = f"{library.__name__}.{failure}"
    assert spans() == [expected(llm_server, **{"error.type": error})]


async def test_the_users_exception(traced, library, client, spans):
    """
    What a transport of the program raises comes out as the same object.
    """
    raised = ValueError("secret")

    def answer(_):
        raise raised

    with pytest.raises(ValueError, match="secret") as caught:
        await done(client(transport=library.MockTransport(answer)).get("http://example.org/"))

    assert caught.value is raised
    (span,) = spans()
    assert span["attributes"]["error.type"] == "ValueError"
    assert "secret" not in str(spans.ended[0].to_json())


@pytest.fixture
def stream(traced, client, llm_server, spans):
    """Opens a stream of two parts, whose span has not ended."""

    async def stream():
        llm_server.replies.append(Reply([b"a" * 100, b"b" * 100]))
        response = await opened(client(), f"{llm_server.url}/")
        assert spans() == []
        return response

    return stream


async def test_a_stream_that_is_read(stream, library, llm_server, spans):
    """
    A stream's span ends when its body has been read; nothing of the response looks different.
    """
    response = await stream()
    body = response.stream
    kinds = (library.SyncByteStream, library.AsyncByteStream)

    text = await done(response.aread() if isinstance(body, kinds[1]) else response.read())

    assert type(response) is library.Response
    assert text == b"a" * 100 + b"b" * 100
    assert response.elapsed.total_seconds() > 0
    assert spans() == [expected(llm_server)]


async def test_a_stream_that_is_closed(stream, llm_server, spans, is_async):
    """
    One that is closed before its end has that as its outcome, and is no error.
    """
    response = await stream()
    _, parts = await part(response)
    assert spans() == []

    await close(response, is_async)

    assert spans() == [expected(llm_server, **{"eai.outcome": "closed"})]
    del parts


async def test_a_stream_that_is_let_go_of(stream, llm_server, spans):
    """
    One that nobody has closed ends with its response.
    """
    response = await stream()

    del response
    gc.collect()

    assert spans() == [expected(llm_server, **{"eai.outcome": "abandoned"})]


async def test_a_stream_in_a_with_statement(traced, client, llm_server, spans, is_async):
    """
    ``client.stream()`` is one span, until the end of the body.
    """
    llm_server.replies.append(Reply([b"one\n", b"two\n"]))
    if is_async:
        async with client().stream("GET", f"{llm_server.url}/") as response:
            lines = [line async for line in response.aiter_lines()]
    else:
        with client().stream("GET", f"{llm_server.url}/") as response:
            lines = list(response.iter_lines())

    assert lines == ["one", "two"]
    assert spans() == [expected(llm_server)]


@pytest.mark.parametrize("is_async", ["async"], indirect=True)
@pytest.mark.parametrize("moment", ["request", "response"])
async def test_a_cancelled_request(traced, client, llm_server, spans, moment, is_async):
    """
    A request that is cancelled, before its response or in its body, has an outcome and no error.
    """
    reached = asyncio.Event()

    async def reach(_):
        reached.set()

    llm_server.replies.append(Reply([b"a"], is_stuck=True))
    asking = asyncio.create_task(
        client(event_hooks={moment: [reach]}, timeout=None).get(f"{llm_server.url}/")
    )
    await reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    known = {} if moment == "response" else dict.fromkeys(NOT_YET)
    assert spans() == [expected(llm_server, **known, **{"eai.outcome": "cancelled"})]


NOT_YET = ("http.response.status_code", "network.protocol.version")


async def test_redirects(traced, client, llm_server, spans):
    """
    Each request that a redirect leads to is a span with a number, and carries its own context.
    """
    llm_server.replies += [
        Reply(status=302, headers={"location": "/second"}),
        Reply(status=307, headers={"location": "/third"}),
        Reply(b"there"),
    ]

    response = await done(client(follow_redirects=True).get(f"{llm_server.url}/first"))

    assert (response.content, len(response.history)) == (b"there", 2)
    assert spans() == [
        expected(llm_server, "/first", **{"http.response.status_code": 302}),
        expected(
            llm_server,
            "/second",
            **{"http.response.status_code": 307, "http.request.resend_count": 1},
        ),
        expected(llm_server, "/third", **{"http.request.resend_count": 2}),
    ]
    assert got(llm_server) == sent(spans)
    assert len(set(sent(spans))) == 3


async def test_a_redirect_that_is_not_followed(traced, client, llm_server, spans):
    """
    A redirect that the program gets is one span; what it then sends itself is the next attempt.
    """
    llm_server.replies += [Reply(status=302, headers={"location": "/next"}), Reply()]
    made = client()

    response = await done(made.get(f"{llm_server.url}/"))
    assert spans() == [expected(llm_server, **{"http.response.status_code": 302})]
    await done(made.send(response.next_request))

    assert spans()[1] == expected(llm_server, "/next", **{"http.request.resend_count": 1})
    assert got(llm_server) == sent(spans)


async def test_a_redirect_to_an_excluded_url(instrument, library, client, llm_server, spans):
    """
    A request that is excluded carries nothing of the one that was redirected to it.
    """
    instrument(library.__name__, excluded_urls=("/next",))
    llm_server.replies += [Reply(status=302, headers={"location": "/next"}), Reply()]

    await done(client(follow_redirects=True).get(f"{llm_server.url}/"))

    assert spans() == [expected(llm_server, **{"http.response.status_code": 302})]
    assert got(llm_server) == [*sent(spans), None]


async def test_too_many_redirects(traced, library, client, llm_server, spans):
    """
    Redirects without an end are a span each, whose bodies were read; the exception is the library's.
    """
    llm_server.replies += [Reply(status=302, headers={"location": "/"}) for _ in range(2)]

    with pytest.raises(library.TooManyRedirects):
        await done(client(follow_redirects=True, max_redirects=1).get(f"{llm_server.url}/"))

    redirected = {"http.response.status_code": 302}
    assert spans() == [
        expected(llm_server, **redirected),
        expected(llm_server, **redirected, **{"http.request.resend_count": 1}),
    ]


async def test_a_connection_that_switches(traced, client, llm_server, spans, is_async):
    """
    Where the protocol is switched, as to WebSocket, the request ends: what follows is no body.
    """
    switch = {"connection": "upgrade", "upgrade": "websocket"}
    llm_server.replies.append(Reply(status=101, headers=switch))

    response = await opened(client(), f"{llm_server.url}/", **switch)

    assert spans() == [expected(llm_server, **{"http.response.status_code": 101})]
    await close(response, is_async)


async def test_authentication(traced, library, client, llm_server, spans):
    """
    Each round of an authentication is a span of its own, with its own context.
    """
    challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
    llm_server.replies += [Reply(status=401, headers={"www-authenticate": challenge}), Reply()]

    made = client(auth=library.DigestAuth("me", "secret"))
    await done(made.get(f"{llm_server.url}/"))

    assert spans() == [
        expected(llm_server, **{"http.response.status_code": 401, "error.type": "401"}),
        expected(llm_server, **{"http.request.resend_count": 1}),
    ]
    assert got(llm_server) == sent(spans)


async def test_the_programs_own_context(traced, client, llm_server, spans):
    """
    A ``traceparent`` of the program's stays as it is, through redirects, too.
    """
    llm_server.replies += [Reply(status=302, headers={"location": "/next"}), Reply()]

    made = client(follow_redirects=True)
    await done(made.get(f"{llm_server.url}/", headers={"traceparent": THEIRS}))

    assert got(llm_server) == [THEIRS, THEIRS]
    assert len(spans()) == 2


async def test_the_state_of_a_trace(traced, client, llm_server, spans):
    """
    The state goes along with our parent, and never with one of the program's.
    """
    llm_server.replies += [Reply(), Reply()]
    state = TraceState([("vendor", "1")])
    flags = TraceFlags(1)
    parent = SpanContext(1, 2, is_remote=True, trace_flags=flags, trace_state=state)
    made = client()

    with trace.use_span(NonRecordingSpan(parent)):
        await done(made.get(f"{llm_server.url}/"))
        await done(made.get(f"{llm_server.url}/", headers={"traceparent": THEIRS}))

    assert got(llm_server, "tracestate") == ["vendor=1", None]
    assert got(llm_server) == [sent(spans)[0], THEIRS]


async def test_baggage(traced, client, llm_server, spans):
    """
    Baggage is carried where the program sent none, and only for as long as it is there.
    """
    llm_server.replies += [Reply() for _ in range(4)]
    made = client()
    request = made.build_request("GET", f"{llm_server.url}/")

    token = context.attach(baggage.set_baggage("tenant", "blue"))
    try:
        await done(made.send(request))
        await done(made.get(f"{llm_server.url}/", headers={"baggage": "own=1"}))
        await done(made.get(f"{llm_server.url}/", headers={"traceparent": THEIRS}))
    finally:
        context.detach(token)
    await done(made.send(request))

    assert got(llm_server, "baggage") == ["tenant=blue", "own=1", "tenant=blue", None]
    first, second, _, last = sent(spans)
    assert got(llm_server) == [first, second, THEIRS, last]


@pytest.mark.parametrize(
    ("hosts", "sent_to"), [((), []), (("*.internal",), []), (("*.internal", "127.0.0.*"), ["a=b"])]
)
async def test_baggage_stays_in_the_house(
    instrument, library, client, llm_server, spans, hosts, sent_to
):
    """
    With hosts named, baggage goes to those and to no others; the trace context goes to all.
    """
    instrument(library.__name__, privacy_baggage_hosts=hosts)
    llm_server.replies += [Reply()]

    token = context.attach(baggage.set_baggage("a", "b"))
    try:
        await done(client().get(f"{llm_server.url}/"))
    finally:
        context.detach(token)

    assert [value for value in got(llm_server, "baggage") if value] == sent_to
    assert got(llm_server) == sent(spans)


async def test_other_propagators(traced, client, llm_server, spans):
    """
    The context goes into the headers of the propagators that are configured.
    """
    from opentelemetry.propagators.b3 import B3SingleFormat

    propagate.set_global_textmap(B3SingleFormat())
    llm_server.replies.append(Reply())
    await done(client().get(f"{llm_server.url}/"))

    _, trace_id, span_id, _ = sent(spans)[0].split("-")
    assert got(llm_server, "b3") == [f"{trace_id}-{span_id}-1"]
    assert got(llm_server) == [None]


@pytest.fixture(autouse=True)
def _propagator():
    before = propagate.get_global_textmap()
    yield
    propagate.set_global_textmap(before)


@pytest.mark.parametrize("suppress", [suppress_instrumentation, suppress_http_instrumentation])
async def test_suppressed(traced, client, llm_server, spans, metrics, suppress):
    """
    Where OpenTelemetry's keys suppress it, there is neither span nor metric nor header.
    """
    llm_server.replies.append(Reply())

    with suppress():
        await done(client().get(f"{llm_server.url}/"))

    assert (spans(), metrics(), got(llm_server)) == ([], [], [None])


@pytest.mark.parametrize(
    ("settings", "left_out"),
    [
        ({"excluded_urls": ("/health$",)}, ["/health"]),
        ({"httpx_excluded_urls": ("items", "health")}, ["/items?page=1", "/health"]),
        ({"excluded_urls": ("health",), "httpx_excluded_urls": ()}, []),
    ],
)
async def test_excluded_urls(
    instrument, library, client, llm_server, spans, metrics, settings, left_out
):
    """
    Excluded URLs are neither traced nor measured, and their requests stay as they are.
    """
    instrument(library.__name__, **settings)
    paths = ["/items?page=1", "/health"]
    llm_server.replies += [Reply(b"1"), Reply(b"2")]
    made = client()

    texts = [(await done(made.get(llm_server.url + path))).text for path in paths]

    kept = [path for path in paths if path not in left_out]
    assert texts == ["1", "2"]
    assert spans() == [expected(llm_server, path) for path in kept]
    assert [header is None for header in got(llm_server)] == [path in left_out for path in paths]
    assert sum(point["count"] for point in metrics()) == len(kept)


async def test_recorded_headers(instrument, library, client, llm_server, spans):
    """
    Headers that settings name are recorded, those that carry credentials without their values.
    """
    instrument(
        library.__name__,
        http_client_request_headers=("x-.*", "authorization"),
        http_client_response_headers=("x-tenant", "set-cookie"),
        http_sanitized_headers=("x-private",),
    )
    headers = {"X-Tenant": "blue", "set-cookie": "a=secret", "x-request-id": "1"}
    llm_server.replies.append(Reply(headers=headers))

    sent_headers = {"X-Shop": "7", "x-private": "secret", "authorization": "secret"}
    await done(client().get(f"{llm_server.url}/", headers=sent_headers))

    recorded = {
        "http.request.header.x-shop": ("7",),
        "http.request.header.x-private": ("[REDACTED]",),
        "http.request.header.authorization": ("[REDACTED]",),
        "http.response.header.x-tenant": ("blue",),
        "http.response.header.set-cookie": ("[REDACTED]",),
    }
    assert spans() == [expected(llm_server, **recorded)]


async def test_event_hooks(traced, client, llm_server, spans, is_async):
    """
    Hooks of the program get the program's own request, and a response that can be read.
    """
    llm_server.replies.append(Reply(b"found"))
    seen = []

    def on_request(request):
        seen.append(request)

    def on_response(response):
        seen.append(response.request)
        return response.aread() if is_async else response.read()

    async def on_request_async(request):
        on_request(request)

    async def on_response_async(response):
        await on_response(response)

    hooks = [on_request_async, on_response_async] if is_async else [on_request, on_response]
    made = client(event_hooks={"request": hooks[:1], "response": hooks[1:]})
    request = made.build_request("GET", f"{llm_server.url}/")
    response = await done(made.send(request))

    assert [one is request for one in (*seen, response.request)] == [True] * 3
    assert response.content == b"found"
    assert spans() == [expected(llm_server)]


async def test_a_hook_that_fails(traced, client, llm_server, spans, is_async):
    """
    Where a hook of the program refuses a response, its body is closed, and the span ends.
    """
    llm_server.replies.append(Reply([b"a", b"b"]))

    def refuse(_):
        raise LookupError

    async def refuse_async(_):
        raise LookupError

    made = client(event_hooks={"response": [refuse_async if is_async else refuse]})
    with pytest.raises(LookupError):
        await done(made.get(f"{llm_server.url}/"))

    assert spans() == [expected(llm_server, **{"eai.outcome": "closed"})]


@contextmanager
def recording_server():
    """A server that keeps the bytes it gets, for two connections."""
    kept = []

    def serve():
        for _ in range(2):
            connection, _ = listening.accept()
            with connection:
                data = b""
                while b"end of body" not in data:
                    data += connection.recv(65536)
                kept.append(data)
                connection.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")

    with socket.create_server((HOST, 0)) as listening:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://{HOST}:{listening.getsockname()[1]}/", kept
        thread.join(10)


async def test_bytes_on_the_wire(instrument, library, client, spans):
    """
    A traced request has one header more on the wire, after all others, and is the same otherwise.
    """
    made = client()
    headers = [("X-B", "1"), ("X-A", "2"), ("x-b", "3")]
    with recording_server() as (url, kept):
        await done(made.post(url, content=b"end of body", headers=headers))
        instrument(library.__name__)
        await done(made.post(url, content=b"end of body", headers=headers))

    (header,) = sent(spans)
    plain, traced = kept
    assert traced == plain.replace(b"\r\n\r\n", f"\r\ntraceparent: {header}\r\n\r\n".encode())


async def test_transports_of_the_program(traced, library, client, spans, is_async):
    """
    Requests are spans with every transport, mounted ones as well, whose response may be read already.
    """

    def answer(request):
        return library.Response(200, text=request.headers["traceparent"])

    transport = library.MockTransport(answer)
    made = client(mounts={"all://mounted.example": transport}, transport=transport)
    texts = [
        (await done(made.get(f"https://{host}.example/"))).text for host in ("mounted", "other")
    ]

    assert texts == sent(spans)
    assert [span["attributes"] for span in spans()] == [
        {
            "http.request.method": "GET",
            "url.full": f"https://{host}.example/",
            "server.address": f"{host}.example",
            "server.port": 443,
            "http.response.status_code": 200,
        }
        for host in ("mounted", "other")
    ]


async def test_an_application_as_transport(traced, library, spans):
    """
    A request to an ASGI application in the same process is a span.
    """

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async with library.AsyncClient(transport=library.ASGITransport(app)) as made:
        await made.get("http://app.example/")

    assert [(s["name"], s["attributes"]["http.response.status_code"]) for s in spans()] == [
        ("GET", 204)
    ]


async def test_functions_of_the_module(traced, library, llm_server, spans):
    """
    The functions that make a client for one request are traced as well.
    """
    llm_server.replies.append(Reply())

    library.get(f"{llm_server.url}/", trust_env=False)

    assert spans() == [expected(llm_server)]


@pytest.mark.parametrize("is_under_llm", [False, True])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_under_an_llm_call(instrument, llm_server, spans, metrics, is_under_llm, is_stream):
    """
    The requests of a traced LLM call are no spans and carry nothing; a setting has both.
    """
    instrument("openai", *LIBRARIES, httpx_under_llm=is_under_llm)
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as client:
        reply = client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}], stream=is_stream
        )
        if is_stream:
            list(reply)

    below = [("POST", "chat m")] if is_under_llm else []
    assert [(span["name"], span["parent"]) for span in spans()] == [("chat m", None), *below]
    assert got(llm_server) == (sent(spans)[1:] or [None])
    names = {point["name"] for point in metrics()}
    assert ("http.client.request.duration" in names) is is_under_llm


@pytest.mark.parametrize("is_under_llm", [False, True])
async def test_other_requests_of_an_llm_client(instrument, llm_server, spans, is_under_llm):
    """
    What an LLM client asks that is no traced call has no span either, and tells the vendor nothing
    of the trace; with the setting it is a request as any other. What follows it is one again.
    """
    instrument("openai", *LIBRARIES, httpx_under_llm=is_under_llm)
    llm_server.replies += [Reply(b'{"object": "list", "data": []}'), Reply()]
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k") as client:
        client.models.list()
    asked = got(llm_server)
    with importlib.import_module("httpx").Client() as plain:
        plain.get(f"{llm_server.url}/after")

    below = [expected(llm_server, "/v1/models")] if is_under_llm else []
    assert spans() == [*below, expected(llm_server, "/after")]
    assert (asked == [None]) is not is_under_llm


async def test_a_request_after_the_end_of_tracing(traced, instrument, client, llm_server, spans):
    """
    A stream that is open when tracing ends keeps its span; what comes after it has none.
    """
    from importlib.metadata import entry_points

    llm_server.replies += [Reply([b"a", b"b"]), Reply()]
    made = client()
    response = await opened(made, f"{llm_server.url}/")
    for name in LIBRARIES:
        (found,) = entry_points(group="opentelemetry_instrumentor", name=f"eai_{name}")
        kind = found.load()
        if kind().is_instrumented_by_opentelemetry:
            kind().uninstrument()

    await done(made.get(f"{llm_server.url}/"))
    await done(response.aread() if inspect.iscoroutinefunction(made.send) else response.read())

    assert len(spans()) == 1
    assert [header is None for header in got(llm_server)] == [False, True]


async def test_our_failure_is_invisible(
    instrument, break_hooks, library, client, llm_server, spans
):
    """
    Where everything of ours fails, redirects and streams work, and there are no spans.
    """
    break_hooks(library.__name__)
    instrument(library.__name__)
    redirect = Reply(status=302, headers={"location": "/next"})
    llm_server.replies += [redirect, Reply(b"there"), Reply([b"a", b"b"])]
    made = client(follow_redirects=True)

    response = await done(made.get(f"{llm_server.url}/"))
    streamed = await opened(made, f"{llm_server.url}/")
    first, _ = await part(streamed)

    assert (response.text, first, spans()) == ("there", b"a", [])
    assert got(llm_server) == [None] * 3


async def test_a_propagator_that_fails(traced, lenient, client, llm_server, spans):
    """
    Where the context cannot be carried, the request goes out without it, and has its span.
    """

    class Broken(type(propagate.get_global_textmap())):
        def inject(self, *_, **__):
            raise ZeroDivisionError("ours")

    propagate.set_global_textmap(Broken([]))
    llm_server.replies.append(Reply())

    response = await done(client().get(f"{llm_server.url}/"))

    assert response.status_code == 200
    assert got(llm_server) == [None]
    assert spans() == [expected(llm_server)]


# ------------------------------------------------------------------ OpenTelemetry's own, and programs


@pytest.fixture(scope="session")
def contrib(tmp_path_factory):
    """A folder with opentelemetry-instrumentation-httpx."""
    folder = tmp_path_factory.mktemp("contrib-httpx")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    release = version("opentelemetry-instrumentation")
    for package in ("opentelemetry-instrumentation-httpx", "opentelemetry-util-http"):
        subprocess.run([*command, f"{package}=={release}"], check=True)
    return folder


ASKING = """
import importlib, sys
library = importlib.import_module(sys.argv[1])
with library.Client(trust_env=False) as client:
    if sys.argv[3:]:
        module = importlib.import_module("opentelemetry.instrumentation.httpx")
        theirs = getattr(module, sys.argv[3])
        theirs.instrument_client(client) if sys.argv[4] == "client" else theirs().instrument()
    client.get(sys.argv[2])
"""
OURS = {name: f"eai_autotrace.instrumentors.{name}" for name in LIBRARIES}
CONTRIB = {"httpx": "HTTPXClientInstrumentor", "httpx2": "HTTPX2ClientInstrumentor"}


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize(
    ("environ", "handed_over", "is_ours"),
    [
        ({}, None, True),
        ({}, "client", False),
        ({}, "all", False),
        ({"OTEL_EAI_PREFER": "httpx=upstream,httpx2=upstream"}, None, False),
    ],
    ids=["installed", "instrument_client", "instrument", "preferred"],
)
def test_beside_opentelemetrys_instrumentor(
    run_instrumented,
    otlp_receiver,
    llm_server,
    contrib,
    name,
    environ,
    handed_over,
    is_ours,
):
    """
    Where it is installed, a request is one span: ours, or theirs where the program calls for it.
    """
    llm_server.replies.append(Reply())
    more = [CONTRIB[name], handed_over] if handed_over else []
    program = run_instrumented(
        "python", "-c", ASKING, name, llm_server.url, *more,
        env={"PYTHONPATH": str(contrib), **environ},
    )  # fmt: skip

    assert (program.wait(), "Traceback" in program.stderr) == (0, False)
    (span,) = otlp_receiver.wait_for(1)
    scope = OURS[name] if is_ours else "opentelemetry.instrumentation.httpx"
    assert (span.name, span.kind, span.scope) == ("GET", "CLIENT", scope)
    (header,) = got(llm_server)
    assert header.startswith(f"00-{span.trace_id}-{span.span_id}-")


ALIASED = """
import sys, httpx2
sys.modules |= {"httpx": httpx2, "httpx._client": httpx2._client}
import httpx
from opentelemetry.instrumentation.auto_instrumentation import initialize
initialize()
send = httpx2.Client._send_single_request
print(httpx is httpx2, hasattr(send, "__eai_patch__"), hasattr(send.__wrapped__, "__eai_patch__"))
"""


def test_httpx2_under_the_name_of_httpx(run_python):
    """
    Where httpx2 has the other name, too, as ``httpx2.alias_httpx()`` makes it, it is traced once.
    """
    quiet = dict.fromkeys(
        ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none"
    )

    done = run_python(ALIASED, **quiet)

    assert (done.stdout, done.stderr) == ("True True False\n", "")


SERVICE = """
import {library} as library
from fastapi import FastAPI

app = FastAPI()

@app.get("/orders/{{number}}")
async def order(number: int):
    async with library.AsyncClient(trust_env=False) as client:
        response = await client.get(f"{stock}/stock/{{number}}")
    return response.json()

@app.get("/stock/{{number}}")
def stock(number: int):
    return number
"""


@pytest.mark.parametrize("name", LIBRARIES)
def test_two_services(run_instrumented, otlp_receiver, tmp_path, name):
    """
    Of two services one of which asks the other, a request gives one trace.
    """
    import urllib.request

    ports = {"stock": free_port(), "orders": free_port()}
    (tmp_path / "app.py").write_text(
        SERVICE.format(library=name, stock=f"http://{HOST}:{ports['stock']}")
    )
    programs = [
        run_instrumented(
            "uvicorn", "app:app", "--port", str(port), cwd=tmp_path,
            env={"OTEL_SERVICE_NAME": service},
        )
        for service, port in ports.items()
    ]  # fmt: skip
    for program, port in zip(programs, ports.values(), strict=True):
        program.wait_for_port(port)

    with urllib.request.urlopen(f"http://{HOST}:{ports['orders']}/orders/7") as response:
        assert response.read() == b"7"

    received = sorted(otlp_receiver.wait_for(3), key=lambda span: span.start)
    assert [(span.service, span.kind, span.name) for span in received] == [
        ("orders", "SERVER", "GET /orders/{number}"),
        ("orders", "CLIENT", "GET"),
        ("stock", "SERVER", "GET /stock/{number}"),
    ]
    assert len({span.trace_id for span in received}) == 1
    assert [span.parent_id for span in received] == [None, *(s.span_id for s in received[:2])]
