"""
One LLM operation, from the request to the last byte of the response, for every instrumentor of one.

An instrumentor says where a request goes and which wire format it has; what comes back is read here,
however the application reads it: spans, metrics, events and content are the same for all of them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from time import time_ns
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentors import _llm_measures as values
from eai_autotrace.instrumentors._llm_formats import Answer, Format
from eai_autotrace.instrumentors._llm_recording import Recording
from opentelemetry import baggage
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation.active import get_current
from eai_autotrace.instrumentation.fetches import Fetching, FetchOperation
from eai_autotrace.instrumentation.metrics import Recorder
from eai_autotrace.patching.guard import guard, report
from eai_autotrace.semconv import genai
from eai_autotrace.semconv.attributes import (
    EAI_GEN_AI_TIME_TO_FIRST_TOKEN,
    ERROR_TYPE,
    GEN_AI_OPERATION_NAME,
    GEN_AI_PROVIDER_NAME,
    GEN_AI_REQUEST_MODEL,
    GEN_AI_REQUEST_STREAM,
    GEN_AI_RESPONSE_FINISH_REASONS,
    GEN_AI_RESPONSE_ID,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    GEN_AI_USAGE_COST_AMOUNT,
    GEN_AI_USAGE_COST_CURRENCY,
    GEN_AI_USAGE_COST_SOURCE,
    HTTP_REQUEST_RESEND_COUNT,
    OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
    SERVER_ADDRESS,
    SERVER_PORT,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation import Measures

_SECOND: Final = 1_000_000_000
_UPSTREAM: Final = "opentelemetry.util.genai._inference_invocation"
_UPSTREAM_KEY: Final = "opentelemetry.genai.client.inference.context"


@dataclass(frozen=True)
class Route:
    """
    One kind of request.

    Attributes:
        operation: ``gen_ai.operation.name``.
        format: The wire format.
        attributes: What is the same for all requests of the kind.
        is_counted: Whether its tokens are used by this request, not by another one.
        has_stream_usage: Whether its streams tell the usage only where they are asked to.
    """

    operation: str
    format: Format
    attributes: Mapping[str, str] = field(default_factory=dict)
    is_counted: bool = True
    has_stream_usage: bool = False


@dataclass(slots=True)
class Request:
    """
    One request.

    Attributes:
        route: Its kind.
        body: Its JSON.
        provider: ``gen_ai.provider.name``.
        address: The server.
        port: The server's port.
        is_stream: Whether the response is to be a stream.
        is_native: Whether the SDK makes a span of its own, which stays.
        library: The SDK's package.
    """

    route: Route
    body: Mapping[str, Any]
    provider: str
    address: str | None
    port: int | None
    is_stream: bool
    is_native: bool = False
    library: str = ""


@dataclass(slots=True)
class LlmOperation(FetchOperation):
    """The operation of a request."""

    # The base's fields have defaults, so these must.
    llm: Llm = None  # type: ignore[assignment]
    request: Request = None  # type: ignore[assignment]
    model: str | None = None
    upstream: Any = None
    is_told: bool = False


class Llm:
    """
    What is recorded of LLM operations.

    Args:
        config: The settings.
    """

    def __init__(self, config: Config) -> None:
        self.semconv = config.genai_semconv
        self.recording = Recording(config)
        self.measures: Measures = values.measures(self.semconv, with_cost=config.llm_cost)
        self.times_chunks = config.llm_chunk_metrics
        self._chunk_recorder: Recorder | None = None
        self._has_cost = config.llm_cost
        self._prices_file = config.llm_prices
        self._baggage = config.llm_baggage

    def operation(self, request: Request) -> LlmOperation:
        """Describe a request."""
        model = request.body.get("model")
        model = model if isinstance(model, str) and model else None
        kind = request.route.operation
        context = get_current()
        upstream = context.get(_UPSTREAM_KEY) if context else None
        return LlmOperation(
            name=f"{kind} {model}" if model else kind,
            kind=SpanKind.CLIENT,
            attributes=lambda: self._attributes(request, model, context),
            measured=(kind, request.provider, model, request.address, request.port),
            has_span=upstream is None and not request.is_native,
            has_measures=upstream is None,
            llm=self,
            request=request,
            model=model,
            upstream=upstream,
            is_told=upstream is not None or self.recording.is_in_events,
        )

    def _attributes(self, request: Request, model: str | None, context: Context) -> dict[str, Any]:
        route = request.route
        found = {
            GEN_AI_OPERATION_NAME: route.operation,
            GEN_AI_PROVIDER_NAME: request.provider,
            GEN_AI_REQUEST_MODEL: model,
            SERVER_ADDRESS: request.address,
            SERVER_PORT: request.port,
            GEN_AI_REQUEST_STREAM: request.is_stream or None,
            **route.attributes,
        }
        found.update(route.format.request(request.body))
        if self._baggage and context:
            for name in self._baggage:
                value = baggage.get_baggage(name, context)
                if value is not None and found.get(name) is None:
                    found[name] = str(value)
        return found

    def chunk_recorder(self, call: Call) -> Recorder:
        """Records the times between chunks."""
        if self._chunk_recorder is None:
            measures = values.chunk_measures(self.semconv)
            self._chunk_recorder = Recorder(measures, call.tracing.meter)
        return self._chunk_recorder

    def cost(self, call: Call) -> tuple[float | None, str]:
        """What a call has cost in US dollars, and who says so."""
        if not self._has_cost or not call.operation.request.route.is_counted:
            return None, ""
        if call.answer.cost is not None:
            return call.answer.cost, "provider"
        from eai_autotrace.instrumentors._llm_prices import prices  # noqa: PLC0415 - by switch

        models = (call.answer.model, call.operation.model)
        amount = prices(self._prices_file).cost(models, call.answer.usage)
        return amount, "local"


class Call(Fetching):
    """
    An LLM operation under way.

    Attributes:
        operation: What it is.
        answer: What is known of the response.
        retries: Attempts after the first one.
        learnt: Further attributes, from the response's headers.
        is_asked: Whether the response has something in it because we asked for it.
        prompt: The content of the request, where that is recorded, as attributes.
    """

    __slots__ = (
        "_between",
        "_first_chunk",
        "_first_token",
        "_last_chunk",
        "_shown",
        "answer",
        "is_asked",
        "learnt",
        "operation",
        "prompt",
        "retries",
    )

    def __init__(self, operation: LlmOperation, *rest: Any) -> None:
        super().__init__(operation, *rest)
        self.operation = operation
        recording = operation.llm.recording
        self.answer = Answer(is_kept=recording.wants_content(is_recorded=self.is_recording))
        self.retries = 0
        self.learnt: dict[str, Any] = {}
        self.is_asked = False
        self.prompt: dict[str, Any] = {}
        self._first_chunk: int | None = None
        self._first_token: int | None = None
        self._last_chunk: int | None = None
        self._shown: dict[str, Any] = {}
        self._between: list[float] | None = None
        if operation.llm.times_chunks and operation.request.is_stream and operation.has_measures:
            self._between = []
        upstream = sys.modules.get(_UPSTREAM)
        if upstream is not None and operation.has_span:
            # Instrumentors of theirs below ours then make no span of the same call.
            self.context = Context({**self.context, _UPSTREAM_KEY: upstream.InferenceData()})

    @property
    def is_timing_chunks(self) -> bool:
        """Whether each chunk is of interest."""
        return self._between is not None

    @property
    def library(self) -> str:
        """The SDK's package."""
        return self.operation.request.library

    def asked(self) -> None:
        """Keep the content of the request, where that is recorded."""
        if self.answer.is_kept:
            with guard("recording the content of a request"):
                request = self.operation.request
                prompt = request.route.format.prompt(request.body)
                self.prompt = self.operation.llm.recording.prompt(prompt)

    def arrived(self, count: int) -> None:
        """Note that events have come."""
        now = time_ns()
        if self._first_chunk is None:
            self._first_chunk = now
        elif self._between is not None and self._last_chunk is not None and count:
            # Those that came together came at the same distance, as far as anybody knows.
            self._between += [(now - self._last_chunk) / _SECOND / count] * count
        self._last_chunk = now

    def has_token(self) -> None:
        """Note that the first content or reasoning has come."""
        self._first_token = time_ns()

    def end(self, attributes: Mapping[str, Any] | None = None, at: int | None = None) -> None:
        """End it with what is known."""
        if self.ended:
            return
        now = at or time_ns()
        learnt: dict[str, Any] = {}
        try:
            learnt = self._learnt(now)
            if self.is_recording or self.operation.llm.recording.is_in_events:
                self._shown = self._described()
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("describing a response", failure)
        if attributes:
            learnt.update(attributes)
            self._shown.update(attributes)
        super().end(learnt, now)
        if self._between:
            with guard("measuring chunks"):
                self._measure_chunks(self._between)
        if self.operation.is_told:
            with guard("telling of an inference"):
                self._tell()

    def _measure_chunks(self, between: list[float]) -> None:
        recorder = self.operation.llm.chunk_recorder(self)
        for seconds in between:
            known = {GEN_AI_RESPONSE_MODEL: self.answer.model, values.CHUNK: seconds}
            recorder.end(self._measured, known, 0, None)

    def _set(self, attributes: Mapping[str, Any]) -> None:
        # What is measured is not what the span has.
        super()._set(
            {**self._shown, ERROR_TYPE: attributes[ERROR_TYPE]}
            if ERROR_TYPE in attributes
            else self._shown
        )

    def _learnt(self, now: int) -> dict[str, Any]:
        """What is measured."""
        answer, operation = self.answer, self.operation
        learnt: dict[str, Any] = {GEN_AI_RESPONSE_MODEL: answer.model}
        if answer.error_type is not None:
            learnt[ERROR_TYPE] = answer.error_type
        if operation.has_measures:
            route = operation.request.route
            seconds = (now - self.started) / _SECOND
            first = self._seconds_to(self._first_chunk)
            learnt |= values.duration_values(route.operation, operation.llm.semconv, seconds, first)
            if route.is_counted:
                learnt |= values.usage_values(answer.usage, route.operation)
            learnt[values.RETRIES] = self.retries or None
            learnt[values.COST] = operation.llm.cost(self)[0]
        return learnt

    def _seconds_to(self, moment: int | None) -> float | None:
        if moment is None or not self.operation.request.is_stream:
            return None
        return (moment - self.started) / _SECOND

    def _described(self) -> dict[str, Any]:
        """What the span has."""
        answer = self.answer
        llm, route = self.operation.llm, self.operation.request.route
        known: dict[str, Any] = {
            GEN_AI_RESPONSE_MODEL: answer.model,
            GEN_AI_RESPONSE_ID: answer.id,
            OPENAI_RESPONSE_SYSTEM_FINGERPRINT: answer.fingerprint,
            HTTP_REQUEST_RESEND_COUNT: self.retries or None,
            **self.learnt,
            **answer.attributes,
        }
        if self.operation.request.is_stream:
            known[GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = self._seconds_to(self._first_chunk)
            known[EAI_GEN_AI_TIME_TO_FIRST_TOKEN] = self._seconds_to(self._first_token)
        reasons = answer.finish_reasons
        if reasons:
            known[GEN_AI_RESPONSE_FINISH_REASONS] = tuple(reasons[i] for i in sorted(reasons))
        if route.format.response_tier is not None:
            known[route.format.response_tier] = answer.tier
        if route.operation != genai.FETCH_RESPONSE:
            known |= genai.usage_attributes(answer.usage, llm.semconv)
        amount, source = llm.cost(self)
        if amount is not None:
            known |= {
                GEN_AI_USAGE_COST_AMOUNT: amount,
                GEN_AI_USAGE_COST_CURRENCY: "USD",
                GEN_AI_USAGE_COST_SOURCE: source,
            }
        if answer.is_kept and llm.recording.is_in_spans:
            known |= {**self.prompt, **llm.recording.output(route.format, answer)}
        return known

    def _tell(self) -> None:
        """The event of an inference; and what others asked to be told."""
        operation = self.operation
        if operation.upstream is not None:
            _publish(operation.upstream, self.answer)
        recording = operation.llm.recording
        if recording.is_in_events and operation.request.route.operation in genai.INFERENCES:
            shown = {**operation.known_attributes(), **self._shown}
            recording.emit(
                {name: value for name, value in shown.items() if value is not None},
                {**self.prompt, **recording.output(operation.request.route.format, self.answer)},
                self.context,
            )


def _publish(upstream: Any, answer: Answer) -> None:
    """Hand over to OpenTelemetry's util-genai what an operation around this one wants to know."""
    reasons = answer.finish_reasons
    for name, value in (
        ("response_model", answer.model),
        ("response_id", answer.id),
        ("response_finish_reasons", [reasons[i] for i in sorted(reasons)] or None),
        ("usage_input_tokens", answer.usage.input),
        ("usage_output_tokens", answer.usage.output),
    ):
        if value is not None and hasattr(upstream, name):
            setattr(upstream, name, value)
