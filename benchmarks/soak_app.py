"""The application under load in `benchmarks.soak`: it also says what became of its spans."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from opentelemetry import trace

app = FastAPI()


@app.get("/items/{item_id}")
async def item(item_id: int) -> dict[str, int]:
    """What is asked for at full load."""
    return {"item_id": item_id}


@app.get("/counts")
def counts(flush: float = 0) -> dict[str, dict[str, int]]:
    """What the pipeline counts; after a flush of so many seconds, if asked for."""
    provider: Any = trace.get_tracer_provider()
    if flush:
        provider.force_flush(int(flush * 1000))
    processors = provider._active_span_processor._span_processors  # noqa: SLF001 - no other way
    pipeline = next(each for each in processors if hasattr(each, "counts"))
    return {name: dict(counter) for name, counter in pipeline.counts().items()}
