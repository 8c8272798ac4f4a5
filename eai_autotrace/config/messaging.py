"""Settings of messaging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, HOOK, PATTERNS, Kind, choice

_GROUP: Final = "Messaging"


def _messaging(default: Any, variable: str, description: str, kind: Kind = FLAG) -> Any:
    name = f"OTEL_EAI_MESSAGING_{variable}"
    return setting(default, description, kind, variables=(name,), group=_GROUP)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class MessagingSettings:
    """Settings of messaging. Durations are in seconds."""

    messaging_excluded_queues: tuple[str, ...] = _messaging(
        (),
        "EXCLUDED_QUEUES",
        "Queues whose messages are neither traced nor measured: patterns that are found anywhere "
        "in the queue's name. What is published goes to a queue by name only through the default "
        "exchange.",
        PATTERNS,
    )
    messaging_consumer_trace: str = _messaging(
        "continue",
        "CONSUMER_TRACE",
        "Whether the processing of a message is a part of its producer's trace (`continue`), or "
        "begins a trace (`new`). There is a link to the producer either way.",
        choice("continue", "new"),
    )
    messaging_settle_spans: bool = _messaging(
        False,  # noqa: FBT003 - a default is a default
        "SETTLE_SPANS",
        "Whether each acknowledgement and each rejection is a span, and is measured.",
    )
    messaging_publish_hook: str | None = _messaging(
        None,
        "PUBLISH_HOOK",
        "A function of yours, called with the span and the arguments of the function that "
        "publishes, before the message is sent.",
        HOOK,
    )
    messaging_process_hook: str | None = _messaging(
        None,
        "PROCESS_HOOK",
        "A function of yours, called with the span and the message before it is processed.",
        HOOK,
    )
