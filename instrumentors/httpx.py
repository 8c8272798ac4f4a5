"""
Client spans for httpx, and for httpx2, which has the same layout.

Patches ``_send_single_request`` of both clients, which every request passes with every transport:
one span for each request that is sent, so one more for each redirect and each round of
authentication. It lasts until the response's body has been read, which the client does itself where
no stream is asked for. ``_build_redirect_request`` is patched to know a request that is sent again.

The trace context goes into the headers of the program's own request; what the program has put there
stays. Bodies are never recorded, headers only by setting, credentials in URLs not at all.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import SpanKind

from eai_autotrace.instrumentation import (
    ActiveBodyRequest,
    Instrumentor,
    Measure,
    Measures,
    Observe,
    StreamedRequest,
    StreamedRequestOperation,
    covers_http,
    host_matcher,
    inject,
    is_http_suppressed,
)
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.semconv import metrics
from eai_autotrace.semconv.attributes import (
    ERROR_TYPE,
    HTTP_REQUEST_METHOD,
    HTTP_REQUEST_METHOD_ORIGINAL,
    HTTP_REQUEST_RESEND_COUNT,
    HTTP_RESPONSE_STATUS_CODE,
    NETWORK_PROTOCOL_VERSION,
    SERVER_ADDRESS,
    SERVER_PORT,
    URL_FULL,
)
from eai_autotrace.semconv.http import OTHER_METHOD, HeaderCapture
from eai_autotrace.semconv.urls import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

_PORTS: Final = {"http": 80, "https": 443}
_SWITCHED, _CLIENT_ERROR = 101, 400  # what follows the first is no body
# What OpenTelemetry's instrumentor sets on a client that a program hands to it.
_INSTRUMENTED: Final = "_is_instrumented_by_opentelemetry"

# Set on a request that was sent: how often, and the headers that it got from here.
_SENT: Final = "_eai_sent"
_NEVER: Final[tuple[int, Mapping[str, str]]] = (0, {})

_DURATION: Final = Measures(
    start_keys=(HTTP_REQUEST_METHOD, SERVER_ADDRESS, SERVER_PORT),
    end_keys=(HTTP_RESPONSE_STATUS_CODE, ERROR_TYPE, NETWORK_PROTOCOL_VERSION),
    metrics=(Measure(metrics.HTTP_CLIENT_REQUEST_DURATION),),
)


class HttpxInstrumentor(Instrumentor):
    """Trace and measure the requests of httpx."""

    library = LIBRARIES["httpx"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The functions that send one request."""
        return ClientRequests("httpx", config).targets()


class ClientRequests:
    """
    Describes the requests of one library under some settings.

    Args:
        library: Its package.
        config: The settings.
    """

    def __init__(self, library: str, config: Config) -> None:
        patterns = config.httpx_excluded_urls
        patterns = config.excluded_urls if patterns is None else patterns
        self._excluded = re.compile("|".join(f"(?:{p})" for p in patterns)) if patterns else None
        self._methods = frozenset(config.http_known_methods)
        self._is_under_llm = config.httpx_under_llm
        self._measures = _DURATION if "duration" in config.http_client_metrics else None
        self._library = library
        self._sent = _capture("request", config.http_client_request_headers, config)
        self._got = _capture("response", config.http_client_response_headers, config)
        self._may_have_baggage = host_matcher(config.privacy_baggage_hosts)

    def targets(self) -> tuple[Target, ...]:
        """The functions to patch."""
        module = f"{self._library}._client"
        about = (self._request, Attempt, self._measures, self._carry)
        paths = (f"{client}._send_single_request" for client in ("Client", "AsyncClient"))
        sends = (StreamedRequest(module, path, *about) for path in paths)
        return (*sends, Observe(module, "BaseClient._build_redirect_request", _redirected))

    def _request(self, client: Any, request: Any) -> AttemptOperation | None:
        if not self._is_wanted(client, request):
            return None
        url, method = request.url, request.method
        if method not in self._methods:
            method = OTHER_METHOD
        server = (url.host or None, url.port or _PORTS.get(url.scheme))
        return AttemptOperation(
            "HTTP" if method == OTHER_METHOD else method,
            SpanKind.CLIENT,
            partial(self._attributes, request, method, server),
            metric_values=(method, *server),
            library=sys.modules[self._library],
            headers=self._got,
        )

    def _carry(
        self, attempt: Attempt, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Put the trace context into the headers, in place of what an earlier attempt put there."""
        request = args[1] if len(args) > 1 else kwargs["request"]
        count, headers = _take_back(request), request.headers
        carried = inject(attempt.context)
        if "baggage" in carried and not self._may_have_baggage(request.url.host):
            del carried["baggage"]
        own = {name for name in carried if name in headers}
        if own - {"baggage"}:
            # Parts of two contexts make none.
            carried = {name: value for name, value in carried.items() if name == "baggage"}
        added = {name: value for name, value in carried.items() if name not in own}
        headers.update(added)
        setattr(request, _SENT, (count + 1, added))
        return args, kwargs

    def _is_wanted(self, client: Any, request: Any) -> bool:
        is_others = covers_http() and not self._is_under_llm
        if is_others or is_http_suppressed() or _is_theirs(client, request.url):
            return False
        return self._excluded is None or self._excluded.search(str(request.url)) is None

    def _attributes(
        self, request: Any, method: str, server: tuple[str | None, int | None]
    ) -> dict[str, Any]:
        count, _ = _sent(request)
        return {
            HTTP_REQUEST_METHOD: method,
            HTTP_REQUEST_METHOD_ORIGINAL: request.method if method == OTHER_METHOD else None,
            HTTP_REQUEST_RESEND_COUNT: count or None,
            URL_FULL: redact_url(str(request.url)),
            SERVER_ADDRESS: server[0],
            SERVER_PORT: server[1],
            **(self._sent.attributes(request.headers.raw) if self._sent else {}),
        }


@dataclass(slots=True)
class AttemptOperation(StreamedRequestOperation):
    """
    One request that is sent.

    Attributes:
        library: The library.
        headers: The headers of the response to record.
    """

    library: ModuleType | None = None
    headers: HeaderCapture | None = None


class Attempt(ActiveBodyRequest):
    """A request that is sent, until the response's body has been read."""

    __slots__ = ("_operation",)

    def __init__(self, operation: AttemptOperation, *more: Any) -> None:
        super().__init__(operation, *more)
        self._operation = operation

    def returned(self, response: Any) -> None:
        """Note what the response begins with, and wait for its body."""
        if not self.is_measured:
            self.end()
            return
        status, version = response.status_code, response.extensions.get("http_version")
        self.learnt = {
            HTTP_RESPONSE_STATUS_CODE: status,
            ERROR_TYPE: str(status) if status >= _CLIENT_ERROR else None,
            NETWORK_PROTOCOL_VERSION: version and version.decode("latin-1").removeprefix("HTTP/"),
        }
        headers, library = self._operation.headers, self._operation.library
        if headers is not None and self.is_recording:
            self.learnt |= headers.attributes(response.headers.raw)
        if response.is_closed or status == _SWITCHED:
            self.end()
            return
        kinds = library.SyncByteStream, library.AsyncByteStream  # type: ignore[union-attr]
        response.stream = self.watch(response.stream, *kinds)


def _capture(side: str, names: Sequence[str], config: Config) -> HeaderCapture | None:
    prefix, sanitized = f"http.{side}.header", config.http_sanitized_headers
    return HeaderCapture(prefix, names, sanitized) if names else None


def _is_theirs(client: Any, url: Any) -> bool:
    """Whether OpenTelemetry's own instrumentor traces a client, its transport, or all transports."""
    if getattr(client, _INSTRUMENTED, False):
        return True
    kind = type(client._transport_for_url(url))  # noqa: SLF001
    send = getattr(kind, "handle_request", None) or getattr(kind, "handle_async_request", None)
    wrapper = getattr(send, "_self_wrapper", kind)
    return getattr(wrapper, "func", wrapper).__module__.startswith("opentelemetry.")


def _sent(request: Any) -> tuple[int, Mapping[str, str]]:
    """How often a request was sent before, and the headers that it got from here then."""
    return vars(request).get(_SENT, _NEVER)


def _take_back(request: Any) -> int:
    """Remove the headers that an earlier attempt has put there; gives the number of attempts."""
    headers, (count, before) = request.headers, _sent(request)
    for name, value in before.items():
        if headers.get(name) == value:
            del headers[name]
    return count


def _redirected(client: Any, request: Any, response: Any) -> Any:  # noqa: ARG001 - the function's
    """Tell the request that follows a redirect, and has the same headers, of the one before."""

    def built(following: Any, error: BaseException | None) -> None:
        if error is None:
            setattr(following, _SENT, _sent(request))
            _take_back(following)

    return built
