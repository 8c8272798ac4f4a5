"""
Programs that call each other at different ratios: a trace is kept whole, or not at all.

A gateway calls orders by HTTP, which publishes to billing; billing calls shipping by HTTP, which
publishes to mailing.
"""

from __future__ import annotations

import sys
import uuid
from collections import defaultdict
from textwrap import dedent

import httpx
import pytest

from eai_autotrace._testing.process import free_port

CALLS = """
    import os
    import httpx
    from fastapi import FastAPI

    app = FastAPI()
    client = httpx.AsyncClient()

    @app.get("/")
    async def index():
        await client.get(os.environ["NEXT"])
"""
PUBLISHES = """
    import os
    from contextlib import asynccontextmanager
    import aio_pika
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(app):
        async with await aio_pika.connect_robust(os.environ["AMQP_URL"]) as connection:
            app.state.exchange = (await connection.channel()).default_exchange
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/")
    async def index():
        await app.state.exchange.publish(aio_pika.Message(b"{}"), os.environ["NEXT"])
"""
CONSUMES = """
    import asyncio, itertools, os, signal
    import aio_pika
    import httpx

    client = httpx.AsyncClient()
    numbers = itertools.count(1)

    async def handle(message):
        async with message.process():
            if os.environ["NEXT"]:
                await client.get(os.environ["NEXT"])
        print("message", next(numbers), flush=True)

    async def main():
        stopped = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
        async with await aio_pika.connect_robust(os.environ["AMQP_URL"]) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(os.environ["HERE"], exclusive=True)
            await queue.consume(handle)
            print("running on", queue.name, flush=True)
            await stopped.wait()

    asyncio.run(main())
"""
# In their order, each with the ratio that it has for traces of its own.
SERVICES = {
    "gateway": (CALLS, "0.3"),
    "orders": (PUBLISHES, "0.9"),
    "billing": (CONSUMES, "0.1"),
    "shipping": (PUBLISHES, "1"),
    "mailing": (CONSUMES, "0.5"),
}
TRACE = [
    ("gateway", "SERVER"),
    ("gateway", "CLIENT"),
    ("orders", "SERVER"),
    ("orders", "PRODUCER"),
    ("billing", "CONSUMER"),
    ("billing", "CLIENT"),
    ("shipping", "SERVER"),
    ("shipping", "PRODUCER"),
    ("mailing", "CONSUMER"),
]


@pytest.fixture
def programs(run_instrumented, amqp_url, tmp_path):
    """The services, ready, by name, and the URL of the first one."""
    started, following = {}, ""
    for name, (code, ratio) in reversed(SERVICES.items()):
        (tmp_path / f"{name}.py").write_text(dedent(code))
        if code is CONSUMES:
            here = f"{name}-{uuid.uuid4().hex}"
            command = [f"{name}.py"]
        else:
            port = free_port()
            here = f"http://127.0.0.1:{port}/"
            command = ["-m", "uvicorn", f"{name}:app", "--port", str(port)]
        started[name] = run_instrumented(
            sys.executable,
            *command,
            cwd=tmp_path,
            env={
                "OTEL_SERVICE_NAME": name,
                "OTEL_TRACES_SAMPLER": "eai",
                "TRACE_SAMPLE_RATIO": ratio,
                "OTEL_METRICS_EXPORTER": "none",
                "AMQP_URL": amqp_url,
                "HERE": here,
                "NEXT": following,
            },
        )
        following = here
    for program in started.values():
        program.wait_for_line("running on")
    return started, following


@pytest.fixture
def request_and_stop(programs, otlp_receiver):
    """Makes so many requests and, once all is done, stops the programs; gives all traces."""
    started, url = programs

    def request_and_stop(times, headers=None):
        with httpx.Client(headers=headers, timeout=30) as client:
            assert {client.get(url).status_code for _ in range(times)} == {200}
        for name in ("billing", "mailing"):
            started[name].wait_for_line(f"message {times}")
        # Each sends what it has left, and what it has sent then is all there is.
        for program in started.values():
            program.stop()
        traces = defaultdict(list)
        for span in otlp_receiver.spans():
            traces[span.trace_id].append(span)
        return list(traces.values())

    return request_and_stop


def _in_order(trace):
    """The spans of a trace from the first one on, each the child of the one before."""
    by_parent = {span.parent_id: span for span in trace}
    known = {span.span_id for span in trace}
    (following,) = [span for span in trace if span.parent_id not in known]
    found = []
    while following is not None:
        found.append(following)
        following = by_parent.get(following.span_id)
    return found


def test_a_chain_by_http_and_messages(request_and_stop):
    """
    Five programs with ratios of their own: each trace has all nine spans, one below the other, or
    none. The first one's ratio is the one that counts, and all spans tell it.
    """
    traces = request_and_stop(60)

    found = [[(span.service, span.kind) for span in _in_order(trace)] for trace in traces]
    assert found == [TRACE] * len(traces)
    assert {len(trace) for trace in traces} == {9}
    assert 5 < len(traces) < 35
    states = {span.tracestate for trace in traces for span in trace}
    assert states == {"ot=th:b3333"}


def test_a_callers_decision_goes_through_the_chain(request_and_stop):
    """
    A caller has sampled: all follow, whatever their ratios, and its tracestate is on every span as
    it came, with another vendor's entry and with values that we would not choose.
    """
    state = "vendor=1,ot=th:8;rv:0123456789abcd"
    trace_id = f"{7:032x}"
    headers = {"traceparent": f"00-{trace_id}-{8:016x}-01", "tracestate": state}

    traces = request_and_stop(1, headers)

    (trace,) = traces
    assert [(span.service, span.kind) for span in _in_order(trace)] == TRACE
    assert {(span.trace_id, span.tracestate) for span in trace} == {(trace_id, state)}
