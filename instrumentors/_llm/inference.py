"""
An LLM operation under way, from the request to the last byte of the response.

Spans, metrics, events and content are the same however the application reads the response.
"""

from __future__ import annotations

from time import time_ns
from typing import TYPE_CHECKING, Any, ClassVar, Final

from eai_autotrace.instrumentation.errors import is_failure
from eai_autotrace.instrumentation.shapes.streamed_request import ActiveStreamedRequest
from eai_autotrace.instrumentors._llm import metrics as values
from eai_autotrace.instrumentors._llm.chunks import Chunks
from eai_autotrace.instrumentors._llm.upstream import marked, publish
from eai_autotrace.instrumentors._llm.wire_format import LlmResponse, in_order
from eai_autotrace.patching.guard import guard, report, tried
from eai_autotrace.semconv import genai
from eai_autotrace.semconv.attributes import (
    EAI_GEN_AI_TIME_TO_FIRST_TOKEN,
    EAI_OUTCOME,
    ERROR_TYPE,
    GEN_AI_RESPONSE_FINISH_REASONS,
    GEN_AI_RESPONSE_ID,
    GEN_AI_RESPONSE_MODEL,
    GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
    GEN_AI_USAGE_COST_AMOUNT,
    GEN_AI_USAGE_COST_CURRENCY,
    GEN_AI_USAGE_COST_SOURCE,
    HTTP_REQUEST_RESEND_COUNT,
    OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.instrumentors._llm.operation import LlmOperation

_SECOND: Final = 1_000_000_000
_DESCRIBING: Final = "describing a response"
_NO_COST: Final = (None, "")
_NOTHING: Final[Mapping[str, Any]] = {}


class Inference(ActiveStreamedRequest):
    """
    An LLM operation under way.

    Attributes:
        operation: Its description.
        answer: The response, as far as it was read.
        chunks: The times of a stream's chunks.
        retries: Attempts after the first one.
        learnt: Further attributes, from the response's headers.
        heard: When the last bytes of the response came, in nanoseconds since 1970.
        is_counted: Whether its tokens are counted: its own, or those of a job that it sees ended.
        is_asked: Whether the response has the usage only because we asked for it.
        prompt: Attributes with the request's content, if that is recorded.
    """

    __slots__ = (
        "_ends",
        "_shown",
        "answer",
        "chunks",
        "heard",
        "is_asked",
        "is_counted",
        "learnt",
        "operation",
        "prompt",
        "retries",
    )

    covers_http: ClassVar = True

    def __init__(self, operation: LlmOperation, *rest: Any) -> None:
        super().__init__(operation, *rest)
        self.operation = operation
        recording = operation.llm.recording
        self.answer = LlmResponse(
            keeps_content=recording.wants_content(is_recorded=self.is_recording)
        )
        self._ends = [True]  # popped by whoever ends it first, which is atomic
        self.retries = 0
        self.learnt = self.prompt = _NOTHING
        self.heard: int | None = None
        self.is_asked = False
        self.is_counted = operation.request.route.is_counted
        self._shown = _NOTHING
        is_stream = operation.request.is_stream
        self.chunks = Chunks(
            are_timed=operation.llm.times_chunks and is_stream and operation.has_measures
        )
        if operation.has_span:
            self.context = marked(self.context)

    def asked(self) -> None:
        """Keep the content of the request, if it is recorded."""
        if self.answer.keeps_content:
            with guard("recording the content of a request"):
                request = self.operation.request
                prompt = request.route.format.prompt(request.body)
                self.prompt = self.operation.llm.recording.prompt(prompt)

    def end(self, attributes: Mapping[str, Any] | None = None, at: int | None = None) -> None:
        """End it. Safe against several threads, such as a reader and a closer."""
        try:
            self._ends.pop()
        except IndexError:
            return
        now = at or time_ns()
        learnt: dict[str, Any] = {}
        try:
            if self.answer.job is not None:
                # Many requests may poll a job: its tokens are counted once.
                self.is_counted = (
                    tried(_DESCRIBING, self.operation.llm.is_first, self.answer.job) or False
                )
            cost = tried(_DESCRIBING, self._cost) or _NO_COST
            learnt = tried(_DESCRIBING, self._learnt, now, cost[0]) or {}
            if self.is_recording or self.operation.llm.recording.is_in_events:
                self._shown = self._described(*cost)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report(_DESCRIBING, failure)
        learnt.update(attributes or {})
        self._shown = {**self._shown, **(attributes or {})}
        super().end(learnt, now)
        if self.chunks.between:
            with guard("measuring chunks"):
                self._measure_chunks(self.chunks.between)
        if self.operation.emits_event:
            with guard("telling of an inference"):
                self._tell()

    def abandon(self) -> None:
        """
        End it as unfinished, at the time of the last bytes.

        This may run much later, in the garbage collector or at the end of the process.
        """
        if not self.ended:
            self.end({EAI_OUTCOME: "abandoned"}, self.heard)

    def _measure_chunks(self, between: list[float]) -> None:
        recorder = self.operation.llm.chunk_recorder(self.tracing)
        for seconds in between:
            known = {GEN_AI_RESPONSE_MODEL: self.answer.model, values.CHUNK: seconds}
            recorder.end(self._metric_values, known, 0, None)

    def _set(self, attributes: Mapping[str, Any]) -> None:
        # The metrics have other attributes than the span.
        if is_failure(attributes):
            self._shown = {**self._shown, ERROR_TYPE: attributes[ERROR_TYPE]}
        super()._set(self._shown)

    def _learnt(self, now: int, cost: float | None) -> dict[str, Any]:
        """The attributes and values of the metrics."""
        answer, operation = self.answer, self.operation
        learnt: dict[str, Any] = {GEN_AI_RESPONSE_MODEL: answer.model}
        if answer.error_type is not None:
            learnt[ERROR_TYPE] = answer.error_type
        if operation.has_measures:
            route = operation.request.route
            seconds = (now - self.started) / _SECOND
            first = self._seconds_to(self.chunks.first)
            is_inference = route.operation in genai.INFERENCES
            values.add_durations(learnt, operation.llm.semconv, seconds, first, is_inference)
            if self.is_counted:
                is_used = is_inference or answer.job is not None
                values.add_usage(learnt, answer.usage, is_used)
                if operation.is_counted_above:
                    values.leave_out_used(learnt)
            if self.retries:
                learnt[values.RETRIES] = self.retries
            if cost is not None:
                learnt[values.COST] = cost
        return learnt

    def _cost(self) -> tuple[float | None, str]:
        return (
            self.operation.llm.cost(self.answer, self.operation.model)
            if self.is_counted
            else _NO_COST
        )

    def _seconds_to(self, moment: int | None) -> float | None:
        if moment is None or not self.operation.request.is_stream:
            return None
        return (moment - self.started) / _SECOND

    def _described(self, cost: float | None, source: str) -> dict[str, Any]:
        """The attributes of the span. A part that fails is left out."""
        known: dict[str, Any] = tried(_DESCRIBING, self._identified) or {}
        known |= tried(_DESCRIBING, self._answered) or {}
        if cost is not None:
            known[GEN_AI_USAGE_COST_AMOUNT] = cost
            known[GEN_AI_USAGE_COST_CURRENCY] = "USD"
            known[GEN_AI_USAGE_COST_SOURCE] = source
        recording = self.operation.llm.recording
        if self.answer.keeps_content and recording.is_in_spans:
            form = self.operation.request.route.format
            known |= {**self.prompt, **recording.output(form, self.answer)}
        return known

    def _answered(self) -> dict[str, Any]:
        """Attributes of the response's course, end and usage."""
        answer, llm, request = self.answer, self.operation.llm, self.operation.request
        route = request.route
        known: dict[str, Any] = {}
        if request.is_stream:
            known[GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = self._seconds_to(self.chunks.first)
            known[EAI_GEN_AI_TIME_TO_FIRST_TOKEN] = self._seconds_to(self.chunks.first_token)
        reasons = answer.finish_reasons
        if reasons:
            known[GEN_AI_RESPONSE_FINISH_REASONS] = in_order(reasons)
        if answer.tier is not None and route.format.response_tier is not None:
            known[route.format.response_tier] = answer.tier
        if self.is_counted or route.operation != genai.FETCH_RESPONSE:
            genai.add_usage(known, answer.usage, llm.semconv)
        return known

    def _identified(self) -> dict[str, Any]:
        """Attributes of the response itself; unknown ones are left out."""
        answer = self.answer
        known: dict[str, Any] = {**self.learnt, **answer.attributes}
        if answer.model is not None:
            known[GEN_AI_RESPONSE_MODEL] = answer.model
        if answer.id is not None:
            known[GEN_AI_RESPONSE_ID] = answer.id
        if answer.fingerprint is not None:
            known[OPENAI_RESPONSE_SYSTEM_FINGERPRINT] = answer.fingerprint
        if self.retries:
            known[HTTP_REQUEST_RESEND_COUNT] = self.retries
        return known

    def _tell(self) -> None:
        """Emit the event, and tell OpenTelemetry's util-genai if it is in use."""
        operation = self.operation
        if operation.upstream is not None:
            tried(_DESCRIBING, publish, operation.upstream, self.answer)
        recording = operation.llm.recording
        if recording.is_in_events and operation.request.route.operation in genai.INFERENCES:
            shown = {**operation.known_attributes(), **self._shown}
            recording.emit(
                {name: value for name, value in shown.items() if value is not None},
                {**self.prompt, **recording.output(operation.request.route.format, self.answer)},
                self.context,
            )
