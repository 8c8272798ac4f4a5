"""Elastic's APM agent."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks.model import NO_AIO_PIKA, Peer

if TYPE_CHECKING:
    from collections.abc import Iterator


class Elastic(Peer):
    """Started by ``elasticapm-run``; sends to an APM server's intake."""

    name = "elastic"
    title = "Elastic APM"
    distribution = "elastic-apm"
    requirements = ("elastic-apm",)
    sink = "elastic"
    wrapper = ("elasticapm-run",)
    spans = {"root": 1, "fastapi": 1, "query": 1, "cursor": 43}
    reasons = {"publish": NO_AIO_PIKA, "consume": NO_AIO_PIKA}
    how = (
        "`elasticapm-run`, which does not reach this FastAPI, so `make_apm_client()` and "
        "`add_middleware()` in code as well; to an APM server's intake, compression of spans off"
    )

    def environment(self, url: str, *, sampled: bool) -> dict[str, str]:
        """The server's address; each span as a span, so that they can be counted."""
        return {
            "ELASTIC_APM_SERVICE_NAME": "benchmark",
            "ELASTIC_APM_SERVER_URL": url,
            "ELASTIC_APM_TRANSACTION_SAMPLE_RATE": "1.0" if sampled else "0.0",
            "ELASTIC_APM_SPAN_COMPRESSION_ENABLED": "false",
        }

    def start(self) -> None:
        """Have a client, which the wrapper's patch of Starlette would make."""
        import elasticapm

        elasticapm.Client()

    def instrument(self, app: Any) -> Any:
        """Add the middleware."""
        import elasticapm
        from elasticapm.contrib.starlette import ElasticAPM

        app.add_middleware(ElasticAPM, client=elasticapm.get_client())
        return app

    @contextmanager
    def root(self) -> Iterator[None]:
        """A transaction."""
        import elasticapm

        client = elasticapm.get_client()
        client.begin_transaction("benchmark")
        yield
        client.end_transaction("root", "done")

    def flush(self) -> None:
        """Flush the transport."""
        import elasticapm

        elasticapm.get_client()._transport.flush()  # noqa: SLF001 - it has no other way
