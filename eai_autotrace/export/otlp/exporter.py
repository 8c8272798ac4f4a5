"""Sends records by OTLP, whichever way the bytes go."""

from __future__ import annotations

import math
import time
from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol
from urllib.parse import unquote

from eai_autotrace.export.otlp.wire import fields
from eai_autotrace.export.result import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOO_LARGE: Final = "too_large"
PARTIAL: Final = "partial"
UNENCODABLE: Final = "unencodable"
_BROKEN: Final = "they have something that OTLP cannot carry"
_LONGEST: Final = 200


class Connection(NamedTuple):
    """
    Where and how one signal is sent.

    Attributes:
        endpoint: The whole URL for HTTP; the target for gRPC, with or without a scheme.
        headers: Headers of every request, or metadata. Secrets, as a rule: never shown.
        compression: ``none``, ``gzip`` or ``deflate``.
        insecure: For gRPC without a scheme in the endpoint, whether without TLS.
        certificate: The path of the authorities' certificates, in PEM; ``None`` for the system's.
        client_key: The path of the client's private key, in PEM.
        client_certificate: The path of its certificate, in PEM.
        provided: What a provider of credentials gave: a ``requests.Session`` for HTTP, a
            ``grpc.ChannelCredentials`` for gRPC.
        retryable: For gRPC, the names of the status codes that are temporary; ``None`` for the
            specification's.
    """

    endpoint: str
    headers: Mapping[str, str] = {}
    compression: str = "none"
    insecure: bool = False
    certificate: str | None = None
    client_key: str | None = None
    client_certificate: str | None = None
    provided: Any = None
    retryable: Sequence[str] | None = None


class Encoder(Protocol):
    """Makes a request of records."""

    def encode(self, records: Sequence[Any]) -> tuple[bytes, int]:
        """The request, and how many records are not in it."""


class Transport(Protocol):
    """Takes an encoded request to a back end. Never raises."""

    place: str

    def send(self, body: bytes, timeout: float) -> Outcome:
        """
        Make one attempt, within so many seconds.

        ``Outcome.reason`` is ``too_large`` where the server takes no request of this size.
        """

    def close(self) -> None:
        """Let go of connections."""


class OtlpExporter:
    """
    An exporter of one signal by OTLP.

    What a server finds too large is sent in parts, from then on.

    Args:
        what: What it sends, in the plural.
        encoder: Makes requests of it.
        transport: The way to the server.
        longest: How long one export may take at most, in seconds.
    """

    name = "otlp"

    def __init__(
        self, what: str, encoder: Encoder, transport: Transport, longest: float = math.inf
    ) -> None:
        self.what = what
        self.place = transport.place
        self._transport = transport
        self._longest = longest
        self._encoder = encoder
        self._most: int | None = None  # records in one request

    def export(self, records: Sequence[Any], timeout: float) -> Outcome:
        """Send records; those before a part that may be sent later are settled."""
        deadline = time.monotonic() + min(timeout, self._longest)
        taken = dropped = 0
        said = Outcome("ok")
        while taken < len(records):
            part = records[taken : taken + (self._most or len(records))]
            left = deadline - time.monotonic()
            if left <= 0:
                return Outcome("retry", "timeout", "no time left", taken=taken, dropped=dropped)
            body, left_out = self._encoder.encode(part)
            outcome = self._transport.send(body, left)
            if outcome.reason == TOO_LARGE and len(part) > 1:
                self._most = max(1, len(part) // 2)
                continue
            if outcome.kind == "retry":
                return outcome._replace(taken=taken, dropped=dropped)
            taken += len(part)
            if outcome.kind == "rejected":
                outcome = outcome._replace(dropped=len(part))
            elif left_out:
                outcome = Outcome("ok", UNENCODABLE, _BROKEN, dropped=outcome.dropped + left_out)
            if outcome.dropped:
                dropped, said = dropped + outcome.dropped, outcome
        kind = "rejected" if dropped == len(records) else "ok"
        return Outcome(kind, said.reason, said.message, dropped=dropped)

    def shutdown(self) -> None:
        """Let go of connections."""
        self._transport.close()


def without_userinfo(endpoint: str) -> tuple[str, Mapping[str, str]]:
    """An endpoint without user and password, and the header that says these."""
    scheme, separator, rest = endpoint.partition("://")
    place, slash, path = (rest if separator else endpoint).partition("/")
    userinfo, _, host = place.rpartition("@")
    url = f"{scheme}{separator}{host}{slash}{path}" if separator else f"{host}{slash}{path}"
    if not userinfo:
        return url, {}
    return url, {"authorization": f"Basic {b64encode(unquote(userinfo).encode()).decode()}"}


def answer(body: bytes) -> Outcome:
    """What a server says in its response to what it took: all, or all but some."""
    try:
        for number, value in fields(body):
            if number == 1 and isinstance(value, bytes):
                partial = dict(fields(value))
                rejected, message = partial.get(1, 0), partial.get(2, b"")
                if isinstance(rejected, int) and isinstance(message, bytes) and rejected:
                    return Outcome("ok", PARTIAL, shown(message), dropped=rejected)
    except ValueError:
        # It has taken them; what it says beyond that is not understood.
        return Outcome("ok")
    return Outcome("ok")


def shown(text: bytes | str) -> str:
    """A server's text in one short line."""
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(plain.split())[:_LONGEST] or "it gives no reason"
