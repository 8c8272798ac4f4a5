"""Jaeger's remote samplers, against a real HTTP server that gives strategies."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.instrumentation.utils import is_instrumentation_enabled
from opentelemetry.sdk import trace as sdk
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, TraceState
from urllib3 import HTTPConnectionPool

from eai_autotrace._testing.process import free_port
from eai_autotrace.boot.plugins import make_sampler
from eai_autotrace.boot.remote import (
    StrategyRequest,
    jaeger_remote,
    make_remote_sampler,
    parentbased_jaeger_remote,
)
from eai_autotrace.config import Config
from eai_autotrace.config.remote import RemoteSetting, read_remote
from eai_autotrace.sampling.deciders import Decider
from eai_autotrace.sampling.operations import Operations
from eai_autotrace.sampling.poll import Poll, UnreachableError
from eai_autotrace.sampling.rate import GuaranteedRate
from eai_autotrace.sampling.remote import RemoteSampler, RemoteSpanSampler
from eai_autotrace.sampling.strategy import Strategy, strategy_in
from eai_autotrace.sampling.threshold import MOST, state_of, threshold_in, threshold_of
from eai_autotrace.spans.provider import TracerProvider


def share(ratio):
    """A strategy with one share for all."""
    return {"strategyType": "PROBABILISTIC", "probabilisticSampling": {"samplingRate": ratio}}


def by_operation(others, *, lower_bound=0.0, **named):
    """A strategy with a share for each operation."""
    return {
        "strategyType": "PROBABILISTIC",
        "operationSampling": {
            "defaultSamplingProbability": others,
            "defaultLowerBoundTracesPerSecond": lower_bound,
            "defaultUpperBoundTracesPerSecond": 0,
            "perOperationStrategies": [
                {"operation": name, "probabilisticSampling": {"samplingRate": ratio}}
                for name, ratio in named.items()
            ],
        },
    }


def limited(per_second):
    """A strategy with a number a second."""
    limit = {"maxTracesPerSecond": per_second}
    return {"strategyType": "RATE_LIMITING", "rateLimitingSampling": limit}


class Jaeger:
    """
    A server of strategies.

    Attributes:
        body: What it answers.
        status: With which status.
        asked: The path and query of each request, and its headers.
    """

    def __init__(self, port=0):
        self.status = 200
        self.body = b""
        self.asked = []
        jaeger = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                jaeger.asked.append((self.path, dict(self.headers)))
                if self.path.endswith("/drop-all"):
                    jaeger.gives(share(0))
                body = jaeger.body  # which may be another one in a moment
                self.send_response(jaeger.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.endpoint = f"http://127.0.0.1:{self.port}/sampling"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def gives(self, strategy):
        self.body = json.dumps(strategy).encode()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def jaeger():
    """A server of strategies that keeps all."""
    server = Jaeger()
    server.gives(share(1))
    yield server
    server.stop()


def _until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _sampler(strategy=None, ratio=0.0):
    """A sampler with a strategy, that looks for no other."""
    sampler = RemoteSampler(lambda: b"", interval=1, initial_ratio=ratio)
    sampler._poll.is_started = True
    if strategy is not None:
        sampler.take(strategy_in(json.dumps(strategy).encode()))
    return sampler


def _kept(sampler, name="x", number=400):
    """Of so many traces that are spread evenly, how many are kept."""
    decided = (
        sampler.decide_root(n * MOST // number, name, SpanKind.SERVER, dict) for n in range(number)
    )
    return sum(is_kept for is_kept, *_ in decided)


ARGUMENTS = {
    "": RemoteSetting("http://localhost:5778/sampling", 60, 0.001),
    "endpoint=http://jaeger:5778": RemoteSetting(endpoint="http://jaeger:5778/sampling"),
    "endpoint=https://j/": RemoteSetting(endpoint="https://j/sampling"),
    "endpoint=http://j:14268/api/sampling": RemoteSetting(endpoint="http://j:14268/api/sampling"),
    "endpoint=http://[::1]:5778/x?a=b": RemoteSetting(endpoint="http://[::1]:5778/x?a=b"),
    "pollingIntervalMs=5000": RemoteSetting(interval=5),
    " endpoint=http://j/s , initialSamplingRate=0.25 ,pollingIntervalMs=100": RemoteSetting(
        "http://j/s", 0.1, 0.25
    ),
}


@pytest.mark.parametrize("text", ARGUMENTS)
def test_the_argument(text):
    """
    Each part of the argument may be left out; an endpoint without a path gets `/sampling`.
    """
    assert read_remote(text) == ARGUMENTS[text]


WRONG = {
    "endpoint=http://localhost:14250": (
        "'http://localhost:14250' is Jaeger's port for gRPC, and only HTTP is spoken"
    ),
    "endpoint=localhost:5778": "'localhost:5778' is no URL with http:// or https://",
    "endpoint=grpc://u:secret@j:1": "'grpc://***@j:1' is no URL with http:// or https://",
    "endpoint=http://j:99999": "'http://j:99999' is no URL with http:// or https://",
    "endpoint=http://j,initialSamplingRate=2": "'initialSamplingRate=2' is not valid",
    "initialSamplingRate=nan": "'initialSamplingRate=nan' is not valid",
    "pollingIntervalMs=0": "'pollingIntervalMs=0' is not valid",
    "pollingIntervalMs=5s": "'pollingIntervalMs=5s' is not valid",
    "pollingIntervalMs=-1": "'pollingIntervalMs=-1' is not valid",
    "poolingIntervalMs=1": "'poolingIntervalMs=1' is not valid",
    "0.25": "'0.25' is not valid",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_argument(caplog, text):
    """
    It is one line with the source and the valid form, without secrets, and the defaults are used.
    """
    sampler = make_remote_sampler("parentbased_jaeger_remote", text, Config())

    assert isinstance(sampler, RemoteSampler)
    fetch: Any = sampler._poll._fetch
    assert sampler.get_description() == "RemoteSampler{0.001}"
    assert sampler._poll._interval == 60
    assert fetch.__self__._url == "http://localhost:5778/sampling?service=unknown_service"
    assert [record.getMessage() for record in caplog.records] == [
        f"OTEL_TRACES_SAMPLER_ARG: {WRONG[text]}, expected the form endpoint=http://localhost:5778"
        "/sampling,pollingIntervalMs=60000,initialSamplingRate=0.001; the defaults are used"
    ]


STRATEGIES = {
    "a share": (share(0.25), Strategy(0.25)),
    "all of them null but one": (
        {**share(1), "rateLimitingSampling": None, "operationSampling": None},
        Strategy(1),
    ),
    "its number": ({**share(0.5), "strategyType": 0}, Strategy(0.5)),
    "no type, which is the first": ({"probabilisticSampling": {"samplingRate": 0}}, Strategy(0)),
    "a limit": (limited(7), Strategy(per_second=7)),
    "its number too": ({**limited(7), "strategyType": 1}, Strategy(per_second=7)),
    "operations": (
        {**by_operation(0.1, lower_bound=2, a=1, b=0), "strategyType": "RATE_LIMITING"},
        Strategy(0.1, operations={"a": 1, "b": 0}, lower_bound=2),
    ),
    "no operations": (
        {"operationSampling": {"defaultSamplingProbability": 0.1}},
        Strategy(0.1, operations={}),
    ),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_strategies(name):
    """
    Types have names or numbers; operations go first, whatever the type is.
    """
    given, expected = STRATEGIES[name]

    assert strategy_in(json.dumps(given).encode()) == expected


OPERATION = "operationSampling.perOperationStrategies[0]"
RATE = "probabilisticSampling.samplingRate"
ZERO_TO_ONE = "expected a number from 0 to 1"
JUNK = {
    b"": "it is not JSON",
    b"\xff\x00": "it is not JSON",
    b"[" * 100_000: "it is not JSON",
    b'{"a":' * 100_000: "it is not JSON",
    b"<html>": "it is not JSON",
    b"[]": "it is no JSON object",
    b"null": "it is no JSON object",
    b"1" * 10_000: "it is n",
    b"{}": "probabilisticSampling is no JSON object",
    b'{"strategyType": 2}': "strategyType is '2', expected PROBABILISTIC or RATE_LIMITING",
    b'{"strategyType": true}': "strategyType is 'True', expected",
    b'{"strategyType": false, "probabilisticSampling": {"samplingRate": 1}}': (
        "strategyType is 'False', expected"
    ),
    b'{"strategyType": {"a": []}}': "strategyType is",
    b'{"strategyType": "RATE_LIMITING"}': "rateLimitingSampling is no JSON object",
    b'{"probabilisticSampling": 0.5}': "probabilisticSampling is no JSON object",
    b'{"probabilisticSampling": {}}': f"{RATE} is missing, {ZERO_TO_ONE}",
    b'{"probabilisticSampling": {"samplingRate": 1.01}}': f"{RATE} is '1.01', {ZERO_TO_ONE}",
    b'{"probabilisticSampling": {"samplingRate": -0.1}}': f"{RATE} is '-0.1', {ZERO_TO_ONE}",
    b'{"probabilisticSampling": {"samplingRate": NaN}}': f"{RATE} is 'nan', {ZERO_TO_ONE}",
    b'{"probabilisticSampling": {"samplingRate": Infinity}}': f"{RATE} is 'inf', {ZERO_TO_ONE}",
    b'{"probabilisticSampling": {"samplingRate": "1"}}': f"{RATE} is '1', {ZERO_TO_ONE}",
    b'{"probabilisticSampling": {"samplingRate": true}}': f"{RATE} is 'True', {ZERO_TO_ONE}",
    b'{"strategyType": 1, "rateLimitingSampling": {"maxTracesPerSecond": -1}}': (
        "rateLimitingSampling.maxTracesPerSecond is '-1', expected a number from 0 to 2147483647"
    ),
    b'{"operationSampling": []}': "operationSampling is no JSON object",
    b'{"operationSampling": {}}': "operationSampling.defaultSamplingProbability is missing",
    b'{"operationSampling": {"perOperationStrategies": 0}}': "perOperationStrategies is no list",
    b'{"operationSampling": {"perOperationStrategies": [7]}}': f"{OPERATION} is no JSON object",
    b'{"operationSampling": {"perOperationStrategies": [{}]}}': f"{OPERATION}.operation is no text",
    b'{"operationSampling": {"perOperationStrategies": [{"operation": "a"}]}}': (
        f"{OPERATION}.probabilisticSampling is no JSON object"
    ),
    b'{"operationSampling": {"defaultSamplingProbability": 1,'
    b' "defaultLowerBoundTracesPerSecond": "x"}}': "defaultLowerBoundTracesPerSecond is 'x'",
}


@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
def test_junk(caplog, body):
    """
    What is wrong in a response leaves the last strategy as it is, and is told in one line, once.
    """
    sampler = _sampler(share(1))
    poll = Poll(lambda: body, sampler.take, 1)

    poll.look()
    poll.look()

    assert _kept(sampler, number=50) == 50
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("Jaeger's sampling strategy: what it gives is no strategy: ")
    assert JUNK[body] in message
    assert message.endswith("; the last one stays")
    assert "\n" not in message
    assert len(message) < 300


def test_a_share_tells_its_threshold():
    """
    A share keeps the traces whose randomness is at least its threshold, and tells that.
    """
    sampler = _sampler(share(0.25))

    kept, state, *_ = sampler.decide_root(MOST - 1, "x", SpanKind.SERVER, dict)

    assert _kept(sampler) == 100
    assert (kept, state) == (True, state_of(threshold_of(0.25)))


def test_a_limit_keeps_so_many_a_second():
    """
    Rate limiting keeps the number on average, by a ratio, and each kept trace tells its threshold.
    """
    sampler = _sampler(limited(20))
    end, kept, count = time.monotonic() + 2, 0, 0
    while time.monotonic() < end:
        count += 1
        is_kept, state, *_ = sampler.decide_root(
            int.from_bytes(os.urandom(7), "big"), "x", SpanKind.SERVER, dict
        )
        kept += is_kept
        assert not is_kept or threshold_in(state) is not None
        time.sleep(0.001)

    assert count > 500
    assert 20 < kept < 65


def test_operations_have_their_own_share():
    """
    The name of the first span is the operation, exactly; all others have the default.
    """
    sampler = _sampler(by_operation(0.5, all=1, none=0, some=0.25))

    counts = {name: _kept(sampler, name) for name in ("all", "none", "some", "All", "all2")}

    assert counts == {"all": 400, "none": 0, "some": 100, "All": 200, "all2": 200}
    assert {(one.text, one.kept, one.dropped) for one in sampler.deciders} == {
        ("name=all", 400, 0),
        ("name=none", 0, 400),
        ("name=some", 100, 300),
        ("name=All", 200, 200),
        ("name=all2", 200, 200),
        ("", 0, 0),
    }


def test_many_operations():
    """
    2 000 operations have a lower bound of their own, and those beyond have the default share.
    """
    strategy = Strategy(0.0, operations={"named": 0.0}, lower_bound=1e-9)
    rest = Decider("", 0.0)
    operations = Operations(strategy, rest)

    decided = [operations[f"{n}"].decide(0) for n in range(3000)]

    assert len(operations) == 2000
    assert decided == [0] * 1999 + [None] * 1001
    assert rest.dropped == 1001
    assert operations["2999"] is rest


def test_the_lower_bound():
    """
    An operation with few traces has so many a second on average, by ratios; a busy one its share.
    """
    now = [0.0]
    rate = GuaranteedRate(0.01, 0.1, lambda: now[0])

    ratios = []
    for gap in (0, 5, 1, 100, 0.01):
        now[0] += gap
        ratios.append(rate.ratio())

    assert ratios == pytest.approx([1, 0.5, 0.1, 1, 0.01])


def test_the_lower_bound_on_average():
    """
    With a trace every two seconds and a bound of a tenth a second, one in five is kept, and counts
    that are adjusted by the thresholds are right.
    """
    now = [0.0]
    strategy = Strategy(0.0, operations={}, lower_bound=0.1)
    operations = Operations(strategy, Decider("", 0.0), clock=lambda: now[0])
    kept = []
    for _ in range(4000):
        now[0] += 2
        threshold = operations["rare"].decide(int.from_bytes(os.urandom(7), "big"))
        if threshold is not None:
            kept.append(MOST / (MOST - threshold))

    assert 650 < len(kept) < 950
    assert 3300 < sum(kept) < 4700


def test_a_new_strategy_replaces_the_old_one():
    """
    A strategy that is the same keeps all state; another one keeps operations' last traces and counts.
    """
    sampler = _sampler(by_operation(0, lower_bound=0.001, a=0.5))
    plan = sampler._plan
    assert sampler.decide_root(0, "rare", SpanKind.SERVER, dict)[0]  # its first

    sampler.take(strategy_in(json.dumps(by_operation(0, lower_bound=0.001, a=0.5)).encode()))
    is_same = sampler._plan is plan
    sampler.take(strategy_in(json.dumps(by_operation(0, lower_bound=0.001, b=0.5)).encode()))

    assert is_same
    assert sampler._plan is not plan
    assert not sampler.decide_root(0, "rare", SpanKind.SERVER, dict)[0]
    assert [(one.text, one.kept, one.dropped) for one in sampler.deciders] == [
        ("name=rare", 1, 1),
        ("", 0, 0),
    ]


def test_the_request(jaeger):
    """
    The service's name is a parameter, beside others; user and password are a header.
    """
    endpoint = jaeger.endpoint.replace("//", "//user:pass@") + "?a=b"

    body = StrategyRequest(endpoint, "shop & co").fetch()

    ((path, headers),) = jaeger.asked
    assert strategy_in(body) == Strategy(1)
    assert parse_qs(urlsplit(path).query) == {"a": ["b"], "service": ["shop & co"]}
    assert urlsplit(path).path == "/sampling"
    assert headers["authorization"] == "Basic dXNlcjpwYXNz"
    assert headers["user-agent"].startswith("eai-autotrace/")


def test_the_request_is_not_traced(jaeger, monkeypatch):
    """
    Whoever traces urllib3 is told to leave this request out.
    """
    original, seen = HTTPConnectionPool.urlopen, []

    def urlopen(*args, **kwargs):
        seen.append(is_instrumentation_enabled())
        return original(*args, **kwargs)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", urlopen)
    StrategyRequest(jaeger.endpoint, "shop").fetch()

    assert seen == [False]


REFUSED = {
    "not found": (404, b"secret", "answers 404"),
    "a redirect": (302, b"", "answers 302"),
    "too much": (200, b" " * (1024 * 1024 + 1), "answers with more than 1048576 bytes"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refusal(jaeger, what):
    """
    Another status than 200, and more than a megabyte, is no strategy; the URL shows no password.
    """
    jaeger.status, jaeger.body, said = REFUSED[what]
    request = StrategyRequest(jaeger.endpoint.replace("//", "//user:pass@"), "shop")

    with pytest.raises(UnreachableError) as failure:
        request.fetch()

    assert str(failure.value) == f"{jaeger.endpoint} {said}"


def test_down_and_up_again(caplog):
    """
    A server that is down is told of once, keeps the last strategy, and its return is told once.
    """
    caplog.set_level("INFO", "eai_autotrace")
    port = free_port()
    sampler = _sampler(share(0.5))
    endpoint = f"http://127.0.0.1:{port}/sampling"
    poll = Poll(StrategyRequest(endpoint, "shop").fetch, sampler.take, 1)

    poll.look()
    poll.look()
    while_down = _kept(sampler)
    server = Jaeger(port)
    server.gives(share(0.25))
    poll.look()
    poll.look()
    server.stop()

    assert (while_down, _kept(sampler)) == (200, 100)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            f"Jaeger's sampling strategy: {endpoint} cannot be connected to; the last one stays",
        ),
        ("INFO", "Jaeger's sampling strategy: it is there again"),
    ]


def test_any_failure(caplog):
    """
    Whatever the request raises reaches nobody.
    """

    def fetch():
        raise KeyError("secret")

    Poll(fetch, lambda _: None, 1).look()

    assert [record.getMessage() for record in caplog.records] == [
        "Jaeger's sampling strategy: KeyError; the last one stays"
    ]


def test_the_first_decision_starts_the_poll(jaeger):
    """
    Nothing is asked before the first decision; the poll goes on by itself from then.
    """
    argument = f"endpoint={jaeger.endpoint},pollingIntervalMs=20,initialSamplingRate=0"
    sampler = make_remote_sampler("parentbased_jaeger_remote", argument, Config())
    time.sleep(0.1)
    asked_before = len(jaeger.asked)

    first = _kept(sampler, number=1)
    _until(lambda: _kept(sampler, number=50) == 50)
    jaeger.gives(share(0))
    _until(lambda: _kept(sampler, number=50) == 0)

    assert (asked_before, first) == (0, 0)
    assert sum(t.name == "eai-sampling-strategy" for t in threading.enumerate()) >= 1


VENDORS = TraceState([("vendor", "1"), ("ot", "th:8;rv:c0000000000000"), ("other", "2")])


def _parent(*, sampled, state=VENDORS):
    flags = TraceFlags(1 if sampled else 0)
    context = SpanContext(1 << 100, 2, is_remote=True, trace_flags=flags, trace_state=state)
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


@pytest.mark.parametrize(
    "provider", [TracerProvider, sdk.TracerProvider], ids=["ours", "the SDK's"]
)
@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("ratio", [0.5, 0.125])
def test_each_span_is_decided(provider, sampled, ratio):
    """
    `jaeger_remote` decides whatever the parent is, by the trace's own randomness; its threshold
    stands in the tracestate, or none where it drops, and all other entries stay.
    """
    sampler = RemoteSpanSampler(_sampler(share(ratio)))
    tracer = provider(sampler=sampler, shutdown_on_exit=False).get_tracer("test")

    context = tracer.start_span("child", _parent(sampled=sampled)).get_span_context()

    is_kept = ratio == 0.5  # of a randomness of 0.75
    told = "th:8;rv:c0000000000000" if is_kept else "rv:c0000000000000"
    assert context.trace_flags.sampled is is_kept
    assert context.trace_id == 1 << 100
    assert list(context.trace_state.items()) == [("ot", told), ("vendor", "1"), ("other", "2")]


@pytest.mark.parametrize(
    "provider", [TracerProvider, sdk.TracerProvider], ids=["ours", "the SDK's"]
)
@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("ratio", [0, 1])
def test_a_parent_is_followed(provider, sampled, ratio):
    """
    `parentbased_jaeger_remote` follows the parent, and leaves its tracestate as it is.
    """
    tracer = provider(sampler=_sampler(share(ratio)), shutdown_on_exit=False).get_tracer("test")

    child = tracer.start_span("child", _parent(sampled=sampled)).get_span_context()
    root = tracer.start_span("root", Context()).get_span_context()

    assert (child.trace_flags.sampled, child.trace_state) == (sampled, VENDORS)
    assert root.trace_flags.sampled is bool(ratio)


def test_the_names():
    """
    Both names give their sampler, in any case and by the entry points; rules cannot be set on them.
    """
    made = {
        name: type(make_sampler(Config(traces_sampler=name)))
        for name in ("jaeger_remote", "ParentBased_Jaeger_Remote")
    }

    assert made == {"jaeger_remote": RemoteSpanSampler, "ParentBased_Jaeger_Remote": RemoteSampler}
    assert type(jaeger_remote()) is RemoteSpanSampler
    assert type(parentbased_jaeger_remote()) is RemoteSampler
    with pytest.raises(RuntimeError, match="Jaeger says"):
        _sampler().take_over(_sampler())


PROGRAM = """
import time
from opentelemetry import trace
tracer = trace.get_tracer("x")
while True:
    tracer.start_span("work").end()
    time.sleep(0.005)
"""


def test_a_program(run_instrumented, otlp_receiver, jaeger):
    """
    Under the wrapper a program keeps what Jaeger says, and what it says at run time.
    """
    jaeger.gives(share(0))
    program = run_instrumented(
        "python",
        "-c",
        PROGRAM,
        env={
            "OTEL_TRACES_SAMPLER": "parentbased_jaeger_remote",
            "OTEL_TRACES_SAMPLER_ARG": (
                f"endpoint=http://127.0.0.1:{jaeger.port},pollingIntervalMs=50,initialSamplingRate=0"
            ),
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        },
    )
    _until(lambda: len(jaeger.asked) >= 3)
    assert otlp_receiver.spans() == []

    jaeger.gives(by_operation(0, work=0.5))
    _until(lambda: len(otlp_receiver.spans()) >= 20)
    program.stop()

    spans = otlp_receiver.spans()
    assert {path for path, _ in jaeger.asked} == {"/sampling?service=shop"}
    assert {span.name for span in spans} == {"work"}
    assert {span.tracestate for span in spans} == {"ot=th:8"}
    assert program.stderr == ""


FORKS = """
import os, time, urllib.request
from opentelemetry import trace
tracer = trace.get_tracer("x")

def kept():
    return tracer.start_span("work").get_span_context().trace_flags.sampled

def until(wanted):
    end = time.monotonic() + 20
    while kept() is not wanted:
        assert time.monotonic() < end
        time.sleep(0.01)

{before}
child = os.fork()
if child == 0:
    {within}
    print("done", flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""
FORKED = {
    "before the first decision": ("pass", "until(True)"),
    "after it": ("kept()", "until(True)"),
    "with a strategy": (
        "until(True)",
        "assert kept(); urllib.request.urlopen('{endpoint}/drop-all'); until(False)",
    ),
}


@pytest.mark.parametrize("when", FORKED)
def test_a_forked_child_looks_for_itself(run_python, jaeger, when):
    """
    A forked child has its parent's strategy, and starts a poll of its own with its first decision.
    """
    before, within = FORKED[when]
    within = within.format(endpoint=jaeger.endpoint)

    done = run_python(
        FORKS.format(before=before, within=within),
        wrapped=True,
        OTEL_TRACES_SAMPLER="parentbased_jaeger_remote",
        OTEL_TRACES_SAMPLER_ARG=(
            f"endpoint={jaeger.endpoint},pollingIntervalMs=50,initialSamplingRate=0"
        ),
        OTEL_SERVICE_NAME="shop",
        OTEL_TRACES_EXPORTER="none",
        # Python's own, since 3.12, where a process that has threads forks.
        PYTHONWARNINGS="ignore:This process:DeprecationWarning",
    )

    assert (done.stdout, done.stderr) == ("done\n", "")


def test_the_end_does_not_wait(run_python):
    """
    A server that accepts and never answers holds up neither the program nor its end.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}/sampling"
        code = """
from opentelemetry import trace
import time
start = time.monotonic()
for _ in range(100):
    trace.get_tracer("x").start_span("work").end()
print(time.monotonic() - start < 1)
time.sleep(0.5)
"""
        start = time.monotonic()
        done = run_python(
            code,
            wrapped=True,
            OTEL_TRACES_SAMPLER="jaeger_remote",
            OTEL_TRACES_SAMPLER_ARG=f"endpoint={endpoint}",
            OTEL_SERVICE_NAME="shop",
            OTEL_TRACES_EXPORTER="none",
        )

    assert (done.stdout, done.stderr) == ("True\n", "")
    assert time.monotonic() - start < 8
