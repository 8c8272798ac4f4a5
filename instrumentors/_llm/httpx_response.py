"""
Responses of httpx and httpx2: their headers, and the listeners of their bodies.

A client may use either library, and both may be in one process: the response tells which. The body
is wrapped at its lowest level, below the decompression.
"""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.instrumentation.shapes.response_body import wrap_body
from eai_autotrace.instrumentors._llm.asked_usage import AskedEvents
from eai_autotrace.instrumentors._llm.body import Body, JsonBody, read_json
from eai_autotrace.instrumentors._llm.event_stream import Events, Frames
from eai_autotrace.semconv.attributes import EAI_GEN_AI_RATE_LIMIT, EAI_GEN_AI_REQUEST_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.instrumentors._llm.inference import Inference

_LIBRARIES: Final = {"httpx", "httpx2"}
_REQUEST_IDS: Final = (b"x-request-id", b"request-id", b"apim-request-id", b"x-amzn-requestid")
# Some vendors write ``remaining-tokens``, others ``tokens-remaining``.
_LIMITS: Final = {
    form.format(what=what, kind=kind).encode(): (
        f"{EAI_GEN_AI_RATE_LIMIT}.{what.replace('-', '_')}.{kind}"
    )
    for form, kinds in (
        ("x-ratelimit-{kind}-{what}", ("requests", "tokens")),
        (
            "anthropic-ratelimit-{what}-{kind}",
            ("requests", "tokens", "input-tokens", "output-tokens"),
        ),
    )
    for what in kinds
    for kind in ("limit", "remaining")
}
_COST: Final = b"x-litellm-response-cost"
_READ: Final = {b"content-type", b"content-encoding", _COST, *_REQUEST_IDS, *_LIMITS}


def headers_of(response: Any) -> dict[bytes, bytes]:
    """The headers of a response by lower-case name."""
    headers = response.headers
    # A private list that has lower-case names; the public ``raw`` would be a copy.
    kept = getattr(headers, "_list", None) or [(n, n.lower(), value) for n, value in headers.raw]
    return {lower: value for _, lower, value in kept if lower in _READ}


def described(headers: dict[bytes, bytes]) -> dict[str, Any]:
    """Attributes of the provider's request id and rate limits."""
    found: dict[str, Any] = {}
    for name in _REQUEST_IDS:
        if name in headers:
            found[EAI_GEN_AI_REQUEST_ID] = headers[name].decode("latin-1")
            break
    for name, value in headers.items():
        limit = _LIMITS.get(name)
        if limit is not None and value.isdigit():
            found[limit] = int(value)
    return found


def cost_of(headers: dict[bytes, bytes]) -> float | None:
    """The cost of the call that a LiteLLM proxy reports."""
    if _COST not in headers:
        return None
    try:
        return float(headers[_COST])
    except ValueError:
        return None


def look(response: Any, call: Inference, headers: dict[bytes, bytes]) -> None:
    """
    Read the body of a response if it is there, else listen to it.

    Args:
        response: The response.
        call: The operation.
        headers: The headers of the response.
    """
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    content = getattr(response, "_content", None)
    if content is None:
        if not response.is_closed:
            _watch(response, call, headers, kind)
    elif call.operation.request.is_stream:
        _read_stream(response, call, content, kind)
    elif kind == _JSON:
        read_json(call, content)


def _read_stream(response: Any, call: Inference, content: bytes, kind: bytes) -> None:
    """Read a stream that a hook, a cache or a transport has consumed already."""
    watcher = _watcher(kind, call)(call)
    handed = watcher.chunk(content) + watcher.held()
    if call.is_asked:
        response._content = handed  # noqa: SLF001
        vars(response).pop("_text", None)  # the decoded text as well, if it was asked for
    watcher.read()


def _watch(response: Any, call: Inference, headers: dict[bytes, bytes], kind: bytes) -> None:
    library = _library(response)
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    decode = None if encoding == b"identity" else _decoder(response, encoding)
    if call.is_asked and decode is not None:
        # The body is uncompressed from here on: the library must not decode it again.
        response._decoder = type(response)(200)._get_content_decoder()  # noqa: SLF001
    watcher = _watcher(kind, call)(call, decode)
    body = wrap_body(response.stream, watcher, library.SyncByteStream, library.AsyncByteStream)
    response.stream = body
    call.is_watching = True


_JSON: Final = b"application/json"
_FRAMES: Final = b"application/vnd.amazon.eventstream"
_WATCHERS: Final[dict[bytes, type[Body]]] = {
    b"text/event-stream": Events,
    _JSON: JsonBody,
    _FRAMES: Frames,
}


def _watcher(kind: bytes, call: Inference) -> type[Body]:
    """The listener of a body. Mocks and proxies may send a stream with another content type."""
    if call.is_asked:
        return AskedEvents
    if call.operation.request.is_stream and kind != _FRAMES:
        return Events
    return _WATCHERS.get(kind, Body)


def _library(response: Any) -> Any:
    for kind in type(response).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in _LIBRARIES:
            return sys.modules[name]
    raise TypeError(f"{type(response).__qualname__} is no response of httpx")


def _decoder(response: Any, encoding: bytes) -> Callable[[bytes], bytes]:
    if encoding == b"gzip":
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
    # A response of the same kind makes a new decoder for the same encoding.
    twin = type(response)(200, headers={"content-encoding": encoding.decode("latin-1")})
    decoder = twin._get_content_decoder()  # noqa: SLF001

    def decode(data: bytes) -> bytes:
        decoded = decoder.decode(data)
        return decoded if isinstance(decoded, bytes) else b"".join(decoded)

    return decode
