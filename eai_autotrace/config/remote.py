"""The argument of Jaeger's remote samplers, ``OTEL_TRACES_SAMPLER_ARG``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from eai_autotrace.config.parse import duration, number, shown

if TYPE_CHECKING:
    from collections.abc import Callable

REMOTE_FORM: Final = (
    "endpoint=http://localhost:5778/sampling,pollingIntervalMs=60000,initialSamplingRate=0.001"
)
"""What the argument looks like; each part may be left out."""

_INTERVAL: Final = duration("ms", above_zero=True)
_RATIO: Final = number(0, 1)
_GRPC_PORT: Final = 14250


class RemoteSetting(NamedTuple):
    """
    Where a sampling strategy comes from.

    Attributes:
        endpoint: The URL that gives it.
        interval: Seconds between two looks.
        initial_ratio: The share of traces that is kept until there is one.
    """

    endpoint: str = "http://localhost:5778/sampling"
    interval: float = 60.0
    initial_ratio: float = 0.001


def read_remote(text: str) -> RemoteSetting:
    """
    The argument of a remote sampler.

    Args:
        text: It, in the form `REMOTE_FORM`.

    Raises:
        ValueError: Some part of it is wrong; the message says which.
    """
    found = RemoteSetting()
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, sign, value = (side.strip() for side in part.partition("="))
        if key == "endpoint" and sign:
            found = found._replace(endpoint=_endpoint(value))
        elif key == "pollingIntervalMs" and sign:
            found = found._replace(interval=_read(part, _milliseconds, value))
        elif key == "initialSamplingRate" and sign:
            found = found._replace(initial_ratio=_read(part, _RATIO.read, value))
        else:
            raise ValueError(f"{shown(part)} is not valid")
    return found


def _endpoint(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if port == _GRPC_PORT:
        raise ValueError(f"{shown(text)} is Jaeger's port for gRPC, and only HTTP is spoken")
    if not host or parts.scheme not in {"http", "https"}:
        raise ValueError(f"{shown(text)} is no URL with http:// or https://")
    path = parts.path if parts.path.strip("/") else "/sampling"
    return parts._replace(path=path, fragment="").geturl()


def _milliseconds(text: str) -> float:
    if not text.isdecimal():
        raise ValueError
    seconds: float = _INTERVAL.read(text)
    return seconds


def _read(part: str, read: Callable[[str], float], value: str) -> float:
    try:
        return read(value)
    except ValueError as wrong:
        raise ValueError(f"{shown(part)} is not valid") from wrong
