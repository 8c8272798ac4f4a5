"""A real OTLP receiver for all three signals, over HTTP and gRPC."""

from __future__ import annotations

import time
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from eai_autotrace._testing.process import HOST
from eai_autotrace._testing.received import ReceivedSpan, spans_of
from eai_autotrace._testing.transports import (
    SIGNALS,
    HttpServer,
    ReceivedRequest,
    Signal,
    start_grpc,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import grpc
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )
    from typing_extensions import Self


class OtlpReceiver:
    """
    Receives spans, metrics and logs for as long as the ``with`` statement lasts.

    HTTP takes protobuf, plain or compressed with gzip or deflate; gRPC starts when its endpoint is
    asked for. Both listen on free ports of the loopback interface.
    """

    def __init__(self, http_port: int = 0) -> None:
        self._changed = Condition()
        self._spans: list[ReceivedSpan] = []
        self._messages: dict[str, list[Any]] = {signal.name: [] for signal in SIGNALS.values()}
        self._requests: list[ReceivedRequest] = []
        self._http = HttpServer(self._take, http_port)
        self._grpc: tuple[grpc.Server, int] | None = None
        # The first export must not wait for the server's next look at whether to stop.
        self._thread = Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def http_endpoint(self) -> str:
        """The value for ``OTEL_EXPORTER_OTLP_ENDPOINT`` with ``http/protobuf``."""
        return f"http://{HOST}:{self._http.server_port}"

    @property
    def grpc_endpoint(self) -> str:
        """The value for ``OTEL_EXPORTER_OTLP_ENDPOINT`` with ``grpc``."""
        if self._grpc is None:
            self._grpc = start_grpc(self._take)
        return f"http://{HOST}:{self._grpc[1]}"

    def spans(self) -> list[ReceivedSpan]:
        """All spans since the last ``clear``, in the order they came."""
        with self._changed:
            return list(self._spans)

    def metrics(self) -> list[ExportMetricsServiceRequest]:
        """All metric exports since the last ``clear``."""
        with self._changed:
            return list(self._messages["metrics"])

    def logs(self) -> list[ExportLogsServiceRequest]:
        """All log exports since the last ``clear``."""
        with self._changed:
            return list(self._messages["logs"])

    def requests(self) -> list[ReceivedRequest]:
        """All exports of all signals since the last ``clear``, as they came."""
        with self._changed:
            return list(self._requests)

    def wait_for(
        self, wanted: int | Callable[[list[ReceivedSpan]], object], timeout: float = 15
    ) -> list[ReceivedSpan]:
        """
        Wait until enough has come.

        Args:
            wanted: A number of spans, or a function of the spans so far that is true at the end.
                It is asked after every export, also of metrics and logs.
            timeout: Seconds to wait.

        Returns:
            All spans so far.

        Raises:
            TimeoutError: It has not come; the message lists the names of the spans that have.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not self._has(wanted):
                if not self._changed.wait(deadline - time.monotonic()):
                    names = [f"{span.service}: {span.name}" for span in self._spans]
                    raise TimeoutError(f"not received in {timeout} s; received {names}")
            return list(self._spans)

    def clear(self) -> None:
        """Forget everything that has come so far."""
        with self._changed:
            self._spans.clear()
            self._requests.clear()
            for messages in self._messages.values():
                messages.clear()

    def close(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
        if self._grpc is not None:
            self._grpc[0].stop(grace=None).wait()
            self._grpc = None

    def _take(self, signal: Signal, request: ReceivedRequest, body: bytes) -> bytes:
        """
        Store one export; gives the encoded answer.

        Raises:
            DecodeError: The body is no export of this signal.
        """
        message: Any = signal.request.FromString(body)
        with self._changed:
            self._requests.append(request)
            self._messages[signal.name].append(message)
            if isinstance(message, ExportTraceServiceRequest):
                self._spans += spans_of(message)
            self._changed.notify_all()
        return signal.response().SerializeToString()

    def _has(self, wanted: int | Callable[[list[ReceivedSpan]], object]) -> bool:
        if isinstance(wanted, int):
            return len(self._spans) >= wanted
        return bool(wanted(list(self._spans)))
