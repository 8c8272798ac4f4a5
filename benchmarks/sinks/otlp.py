"""OTLP over HTTP: what an OpenTelemetry Collector answers."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.sinks.protocol import Answer, Protocol, Request


class Otlp(Protocol):
    """Takes traces, metrics and logs."""

    def answer(self, request: Request) -> Answer:
        """An empty message: everything was taken."""
        known = request.path in {"/v1/traces", "/v1/metrics", "/v1/logs"}
        return Answer(200 if known else 404, b"", "application/x-protobuf")

    def spans(self, request: Request) -> int:
        """The spans of a trace export."""
        if request.path != "/v1/traces":
            return 0
        export = ExportTraceServiceRequest.FromString(request.plain())
        return sum(
            len(scope.spans) for resource in export.resource_spans for scope in resource.scope_spans
        )
