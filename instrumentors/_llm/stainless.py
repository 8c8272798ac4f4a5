"""
Clients that Stainless generates: OpenAI, Anthropic, Groq, Together.

Every method calls ``_base_client.{Sync,Async}APIClient.request`` once, for all attempts. Every
response passes ``_process_response``, whether the application gets an object, a stream or a raw
response. These two are patched, so the application keeps the library's own objects.
``_calculate_retry_timeout`` is observed: it is called before each further attempt.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from opentelemetry import trace

from eai_autotrace.instrumentation import Observe
from eai_autotrace.instrumentation.errors import error_type
from eai_autotrace.instrumentation.shapes.silence_native import SilenceNative
from eai_autotrace.instrumentation.shapes.streamed_request import StreamedRequest, current_request
from eai_autotrace.instrumentors._llm.asked_usage import with_usage
from eai_autotrace.instrumentors._llm.httpx_response import cost_of, described, headers_of, look
from eai_autotrace.instrumentors._llm.inference import Inference
from eai_autotrace.instrumentors._llm.operation import Llm, LlmOperation, LlmRequest
from eai_autotrace.instrumentors._llm.stainless_routes import Endpoint, Routes, endpoint_of
from eai_autotrace.patching.patch import is_patched
from eai_autotrace.semconv.attributes import HTTP_RESPONSE_STATUS_CODE
from eai_autotrace.semconv.genai import provider_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

_OPTIONS: Final = 2  # the position of ``options`` in ``request(self, cast_to, options)``


@dataclass(frozen=True)
class StainlessLibrary:
    """
    One library.

    Attributes:
        module: Its package.
        provider: ``gen_ai.provider.name``, unless host or client tell another one.
        routes: The traced routes.
        clients: ``gen_ai.provider.name`` by a part of the client class's name.
        asks_usage: Whether a stream of this client, to this host, may be asked for its usage.
        native: The function that starts the library's own span of a call.
    """

    module: str
    provider: str
    routes: Routes
    clients: Mapping[str, str]
    asks_usage: Callable[[Any, str], bool] | None = None
    native: str | None = None


class Stainless:
    """
    Describes the requests of one library.

    Args:
        library: The library.
        config: The settings.
    """

    def __init__(self, library: StainlessLibrary, config: Config) -> None:
        self._library = library
        self._llm = Llm(config)
        self._stream_usage = config.llm_stream_usage
        self._replaces_native = config.llm_native_spans == "replace"
        # By id, as it is looked up at each call: a WeakKeyDictionary takes 3 µs longer.
        self._endpoints: dict[int, tuple[ref[Any], Any, Endpoint]] = {}

    def targets(self) -> tuple[Target, ...]:
        """The functions to patch."""
        module = f"{self._library.module}._base_client"
        found: list[Target] = [
            Observe(module, "BaseClient._calculate_retry_timeout", after=_retried),
        ]
        for client in ("SyncAPIClient", "AsyncAPIClient"):
            found += [
                StreamedRequest(
                    module,
                    f"{client}.request",
                    self._request,
                    Inference,
                    self._llm.measures,
                    self._arguments,
                ),
                Observe(module, f"{client}._process_response", before=_answered),
            ]
        if self._library.native:
            found.append(SilenceNative(module, self._library.native, self._displaces))
        return tuple(found)

    def _request(
        self,
        client: Any,
        cast_to: Any,  # noqa: ARG002 - the function's
        options: Any,
        *_: object,
        stream: bool = False,
        **__: object,
    ) -> LlmOperation | None:
        # The property of OpenAI's client runs an import each time.
        base, url = getattr(client, "_base_url", None) or client.base_url, options.url
        route = self._library.routes.find(options.method, url, base)
        if route is None:
            return None
        provider, address, port = self._endpoint(client, base)
        if "://" in url:
            provider, address, port = endpoint_of(url, provider)
        body = options.json_data
        if not isinstance(body, dict):
            body = {}
        extra = getattr(options, "extra_json", None)
        if isinstance(extra, dict):
            body = {**body, **extra}
        is_native = not self._replaces_native and _has_native(client)
        library = self._library.module
        return self._llm.operation(
            # By position: by keyword it takes twice as long to make one.
            LlmRequest(
                route,
                body,
                provider,
                address,
                port,
                bool(stream),
                is_native,
                library,
                _has_own_provider(client),
            )
        )

    def _endpoint(self, client: Any, url: Any) -> Endpoint:
        key = id(client)
        known = self._endpoints.get(key)
        # An application may replace a client's base URL.
        if known is not None and known[1] is url and known[0]() is client:
            return known[2]
        name = type(client).__name__
        named = (provider for part, provider in self._library.clients.items() if part in name)
        provider = provider_of(url.host) or next(named, self._library.provider)
        port = url.port or {"https": 443, "http": 80}.get(url.scheme)
        found = Endpoint(provider, url.host or None, port)
        self._endpoints[key] = (ref(client, lambda _: self._endpoints.pop(key, None)), url, found)
        return found

    def _arguments(
        self, call: Inference, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The call's arguments; a stream is asked for its usage in a copy of the options."""
        call.asked()
        request = call.operation.request
        if not request.is_stream or not self._may_ask(args[0], request):
            return args, kwargs
        options = args[_OPTIONS] if len(args) > _OPTIONS else kwargs["options"]
        asked = with_usage(options)
        if asked is None:
            return args, kwargs
        call.is_asked = True
        if len(args) > _OPTIONS:
            return (*args[:_OPTIONS], asked, *args[_OPTIONS + 1 :]), kwargs
        return args, {**kwargs, "options": asked}

    def _may_ask(self, client: Any, request: LlmRequest) -> bool:
        if self._stream_usage == "off" or not request.route.has_stream_usage:
            return False
        asks = self._library.asks_usage
        if self._stream_usage != "always" and not (
            asks is not None and asks(client, request.address or "")
        ):
            return False
        # Without this function in a new version, nothing would remove the usage again.
        return is_patched(type(client), "_process_response")

    def _displaces(self, *_: object, **__: object) -> bool:
        """Whether a span of ours takes the place of the native one that is about to start."""
        call = current_request()
        return (
            self._replaces_native
            and isinstance(call, Inference)
            and not call.operation.request.has_own_provider
        )


def describe_error(error: BaseException) -> dict[str, Any]:
    """Attributes of an exception: its class, and the status and headers of the response."""
    found = dict(error_type(error))
    response = getattr(error, "response", None)
    if response is not None and hasattr(response, "headers"):
        found |= described(headers_of(response))
        found[HTTP_RESPONSE_STATUS_CODE] = response.status_code
    return found


def _has_native(client: Any) -> bool:
    return getattr(client, "_tracer", None) is not None


def _has_own_provider(client: Any) -> bool:
    """Whether the client has a tracer provider of its own, to which its native spans go."""
    own = (getattr(client, "_open_telemetry", None) or {}).get("tracer_provider")
    return own is not None and own is not trace.get_tracer_provider()


def _answered(_client: Any, *, response: Any, retries_taken: int = 0, **_: object) -> None:
    """Note a response before the library parses it, which may fail."""
    call = current_request()
    if not isinstance(call, Inference) or call.ended:
        return
    call.heard = time_ns()
    headers = headers_of(response)
    # First: whatever fails below, the usage must be removed from the stream.
    look(response, call, headers)
    call.retries = max(call.retries, retries_taken)
    cost = cost_of(headers)
    if cost is not None:
        call.answer.cost = cost
    if call.is_recording:
        call.learnt = described(headers)


def _retried(*_: object, **__: object) -> None:
    """Note that an attempt has failed and another one follows."""
    call = current_request()
    if isinstance(call, Inference):
        call.retries += 1
