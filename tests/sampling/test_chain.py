"""Services that call each other at different ratios: a trace is kept whole, or not at all."""

from __future__ import annotations

import sys
from collections import Counter
from textwrap import dedent

import httpx

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


def test_a_chain_of_five_services(run_instrumented, otlp_receiver, tmp_path):
    """
    Five services in a row with ratios of their own: each trace has all nine spans, or none.
    """
    (tmp_path / "service.py").write_text(dedent(SERVICE))
    ports, programs = [free_port() for _ in RATIOS], []
    for number, ratio in reversed(list(enumerate(RATIOS))):
        following = ports[number + 1 : number + 2]
        program = run_instrumented(
            sys.executable,
            *("-m", "uvicorn", "service:app", "--port", str(ports[number])),
            cwd=tmp_path,
            env={
                "OTEL_TRACES_SAMPLER": "eai",
                "TRACE_SAMPLE_RATIO": ratio,
                "OTEL_METRICS_EXPORTER": "none",
                **({"NEXT": f"http://127.0.0.1:{following[0]}/"} if following else {}),
            },
        )
        program.wait_for_port(ports[number])
        programs.append(program)

    with httpx.Client() as client:
        for _ in range(60):
            assert client.get(f"http://127.0.0.1:{ports[0]}/").json() == "done"

    # Each sends what it has left, and what it has sent then is all there is.
    for program in programs:
        program.stop()
    sizes = Counter(span.trace_id for span in otlp_receiver.spans())
    assert set(sizes.values()) == {9}
    assert 5 < len(sizes) < 35
