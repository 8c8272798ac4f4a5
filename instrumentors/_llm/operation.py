"""
How LLM requests are described, for all instrumentors.

An instrumentor says where a request goes and which wire format it has. All else is common, and
stands here and in `inference`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import baggage
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation.context import BAGGAGE_KEY, get_current
from eai_autotrace.instrumentation.metrics import Recorder
from eai_autotrace.instrumentation.shapes.streamed_request import StreamedRequestOperation
from eai_autotrace.instrumentors._llm import metrics as values
from eai_autotrace.instrumentors._llm.frameworks import COUNTING, framework_of
from eai_autotrace.instrumentors._llm.recording import Recording
from eai_autotrace.instrumentors._llm.upstream import UPSTREAM_KEY
from eai_autotrace.semconv.attributes import (
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_REQUEST_STREAM,
    SERVER_ADDRESS,
    SERVER_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation import Measures
    from eai_autotrace.instrumentation.active import Starter
    from eai_autotrace.instrumentors._llm.wire_format import Format, LlmResponse


@dataclass(frozen=True)
class Route:
    """
    One kind of request.

    Attributes:
        operation: ``gen_ai.operation.name``.
        format: The wire format.
        attributes: Attributes that all its requests have.
        is_counted: Whether its tokens are used by this request, and not by another one.
        has_stream_usage: Whether its streams have the usage only if asked for it.
    """

    operation: str
    format: Format
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_counted: bool = True
    has_stream_usage: bool = False


@dataclass(slots=True)
class LlmRequest:
    """
    One request.

    Attributes:
        route: Its kind.
        body: Its JSON.
        provider: ``gen_ai.provider.name``.
        address: The server.
        port: The server's port.
        is_stream: Whether the response is to be a stream.
        is_native: Whether the SDK makes a span of its own that is kept.
        library: The SDK's package.
        has_own_provider: Whether the SDK's own span goes to a provider of the program's, and stays.
    """

    route: Route
    body: Mapping[str, Any]
    provider: str
    address: str | None
    port: int | None
    is_stream: bool
    is_native: bool = False
    library: str = ""
    has_own_provider: bool = False


_MOST_JOBS: Final = 10_000


class LlmOperation(StreamedRequestOperation):
    """
    The operation of a request.

    Args:
        llm: The settings.
        request: The request.
        context: The context in which it is made.

    Attributes:
        is_counted_above: Whether a framework records the same metric of its tokens.
    """

    __slots__ = (
        "context",
        "emits_event",
        "is_counted_above",
        "llm",
        "model",
        "request",
        "upstream",
    )

    def __init__(self, llm: Llm, request: LlmRequest, context: Context) -> None:
        model = request.body.get("model")
        model = model if isinstance(model, str) and model else None
        kind = request.route.operation
        upstream = framework = None
        if context:
            upstream = context.get(UPSTREAM_KEY)
            if llm.looks_for_frameworks:
                framework = framework_of(context, kind, model)
        super().__init__(
            f"{kind} {model}" if model else kind,
            SpanKind.CLIENT,
            metric_values=(kind, request.provider, model, request.address, request.port),
            has_span=upstream is None and framework is None and not request.is_native,
            has_measures=upstream is None,
        )
        self.is_counted_above = framework in COUNTING
        self.llm = llm
        self.request = request
        self.model = model
        self.context = context
        self.upstream = upstream
        self.emits_event = upstream is not None or llm.recording.is_in_events

    def known_attributes(self) -> dict[str, Any]:
        """The attributes at the start; made only for a span that may be recorded."""
        return self.llm.attributes(self)


class Llm:
    """
    What is recorded of LLM operations, under some settings.

    Args:
        config: The settings.
    """

    def __init__(self, config: Config) -> None:
        self.semconv = config.genai_semconv
        self.recording = Recording(config)
        self.measures: Measures = values.measures(self.semconv, with_cost=config.llm_cost)
        self.looks_for_frameworks = config.llm_framework_spans == "keep"
        self.times_chunks = config.llm_chunk_metrics
        self._chunk_recorder: Recorder | None = None
        self._jobs: dict[str, object] = {}
        self._has_cost = config.llm_cost
        self._prices_file = config.llm_prices
        self._baggage = config.llm_baggage

    def operation(self, request: LlmRequest) -> LlmOperation:
        """Describe a request."""
        return LlmOperation(self, request, get_current())

    def attributes(self, operation: LlmOperation) -> dict[str, Any]:
        """Attributes from the request and its context."""
        request, context = operation.request, operation.context
        route = request.route
        found: dict[str, Any] = {
            GEN_AI_OPERATION_NAME: route.operation,
            GEN_AI_PROVIDER_NAME: request.provider,
            **route.attributes,
            **route.format.request(request.body),
        }
        if operation.model is not None:
            found[GEN_AI_REQUEST_MODEL] = operation.model
        if request.address is not None:
            found[SERVER_ADDRESS] = request.address
        if request.port is not None:
            found[SERVER_PORT] = request.port
        if request.is_stream:
            found[GEN_AI_REQUEST_STREAM] = True
        if self._baggage and context and context.get(BAGGAGE_KEY):
            for name in self._baggage:
                entry = baggage.get_baggage(name, context)
                if entry is not None and name not in found:
                    found[name] = str(entry)
        return found

    def chunk_recorder(self, tracing: Starter) -> Recorder:
        """Records the times between chunks."""
        if self._chunk_recorder is None:
            measures = values.chunk_measures(self.semconv)
            self._chunk_recorder = Recorder(measures, lambda: tracing.meter)
        return self._chunk_recorder

    def is_first(self, job: str) -> bool:
        """Whether this process sees the end of a job for the first time, among the last jobs."""
        mark = object()
        is_first = self._jobs.setdefault(job, mark) is mark
        if len(self._jobs) > _MOST_JOBS:
            self._jobs.pop(next(iter(self._jobs)), None)
        return is_first

    def cost(self, response: LlmResponse, model: str | None) -> tuple[float | None, str]:
        """
        The cost of a response in US dollars, and the source of the figure.

        Args:
            response: The response.
            model: The model that was asked for.
        """
        if not self._has_cost:
            return None, ""
        if response.cost is not None:
            return response.cost, "provider"
        from eai_autotrace.instrumentors._llm.prices import prices  # noqa: PLC0415 - by switch

        amount = prices(self._prices_file).cost((response.model, model), response.usage)
        return amount, "local"
