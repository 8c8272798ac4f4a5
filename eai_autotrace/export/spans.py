"""Exporters of spans to back ends that speak something else than OTLP."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from eai_autotrace.export import jaeger, zipkin
from eai_autotrace.export.otlp.exporter import OtlpExporter
from eai_autotrace.export.otlp.http import Http
from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eai_autotrace.export.otlp.exporter import Connection


class _Encoder:
    """Makes a request of spans, and leaves out those that cannot be encoded."""

    def __init__(self, encode: Callable[[Sequence[Any]], bytes]) -> None:
        self._encode = encode

    def encode(self, records: Sequence[Any]) -> tuple[bytes, int]:
        try:
            return self._encode(records), 0
        except Exception:  # noqa: BLE001 - one span must not cost those beside it
            good = [record for record in records if self._can(record)]
            return self._encode(good), len(records) - len(good)

    def _can(self, record: Any) -> bool:
        try:
            self._encode([record])
        except Exception:  # noqa: BLE001 - see above
            return False
        return True


class SpanExporter(OtlpExporter):
    """
    An exporter of spans that has a resource once for each request.

    Args:
        name: Its name.
        encode: Makes a request of spans of one resource.
        transport: The way to the server.
        timeout: How long one export may take at most, in seconds.
    """

    def __init__(
        self,
        name: str,
        encode: Callable[[Sequence[Any]], bytes],
        transport: Http,
        timeout: float,
    ) -> None:
        super().__init__("spans", _Encoder(encode), transport, timeout)
        self.name = name

    def export(self, records: Sequence[Any], timeout: float) -> Outcome:
        """Send spans, one resource after the other; those before one that may be sent later are settled."""
        taken = dropped = 0
        said = Outcome("ok")
        for _, group in groupby(records, key=lambda span: id(span.resource)):
            part = list(group)
            outcome = super().export(part, timeout)
            dropped += outcome.dropped
            if outcome.kind == "retry":
                return outcome._replace(taken=taken + outcome.taken, dropped=dropped)
            taken += len(part)
            said = outcome if outcome.reason else said
        kind = "rejected" if records and dropped == len(records) else "ok"
        return Outcome(kind, said.reason, said.message, dropped=dropped)


def jaeger_exporter(connection: Connection, timeout: float) -> SpanExporter:
    """To Jaeger, in Thrift over HTTP."""
    return SpanExporter("jaeger", jaeger.encode, Http(connection, jaeger.CONTENT_TYPE), timeout)


def zipkin_exporter(connection: Connection, timeout: float) -> SpanExporter:
    """To Zipkin, in JSON."""
    return SpanExporter("zipkin", zipkin.encode, Http(connection, zipkin.CONTENT_TYPE), timeout)
