"""Services that call each other at different ratios: a trace is kept whole, or not at all."""

from __future__ import annotations

import sys
import time
from collections import Counter
from textwrap import dedent

import httpx
import pytest

from eai_autotrace._testing.process import free_port

SERVICE = """
    import os
    import httpx
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/")
    async def index():
        following = os.environ.get("NEXT")
        if following:
            async with httpx.AsyncClient() as client:
                await client.get(following)
        return "done"
"""
RATIOS = ("0.3", "0.9", "0.1", "1", "0.5")


@pytest.mark.parametrize("sampler", ["eai"])
def test_a_chain_of_five_services(run_instrumented, otlp_receiver, tmp_path, sampler):
    """
    Five services in a row with ratios of their own: each trace has all nine spans, or none.
    """
    (tmp_path / "service.py").write_text(dedent(SERVICE))
    ports = [free_port() for _ in RATIOS]
    for number, ratio in reversed(list(enumerate(RATIOS))):
        following = ports[number + 1 : number + 2]
        program = run_instrumented(
            sys.executable,
            *("-m", "uvicorn", "service:app", "--port", str(ports[number])),
            cwd=tmp_path,
            env={
                "OTEL_TRACES_SAMPLER": sampler,
                "TRACE_SAMPLE_RATIO": ratio,
                "OTEL_METRICS_EXPORTER": "none",
                **({"NEXT": f"http://127.0.0.1:{following[0]}/"} if following else {}),
            },
        )
        program.wait_for_port(ports[number])

    with httpx.Client() as client:
        for _ in range(60):
            assert client.get(f"http://127.0.0.1:{ports[0]}/").json() == "done"

    def sizes(spans):
        return Counter(span.trace_id for span in spans)

    def is_whole(spans):
        return len(sizes(spans)) > 5 and set(sizes(spans).values()) == {9}

    otlp_receiver.wait_for(is_whole)
    # What comes later is whole, too.
    time.sleep(1)
    assert is_whole(otlp_receiver.spans())
    assert len(sizes(otlp_receiver.spans())) < 35
