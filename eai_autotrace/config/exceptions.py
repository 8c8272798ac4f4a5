"""Settings of exceptions in telemetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, choice

_GROUP: Final = "Exceptions"


@dataclass(frozen=True, init=False, repr=False, eq=False)
class ExceptionSettings:
    """Settings of exceptions that end a request or the handling of a message."""

    exception_signal: str = setting(
        "events",
        "Whether such an exception is an event of its span (`events`), a log record (`logs`), or "
        "both (`logs/dup`).",
        choice("events", "logs", "logs/dup"),
        variables=("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN",),
        group=_GROUP,
    )
    exception_messages: bool = setting(
        False,  # noqa: FBT003 - a default is a default
        "Whether messages of exceptions are recorded. They quote what users sent.",
        FLAG,
        variables=("OTEL_EAI_EXCEPTION_MESSAGES",),
        group=_GROUP,
    )
