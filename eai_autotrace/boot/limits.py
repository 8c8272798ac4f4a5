"""The SDK's limits of spans, from checked settings: it would read the raw ones by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import SpanLimits

if TYPE_CHECKING:
    from eai_autotrace.config import Config

_COUNT: Final = 128
_NO_LIMIT: Final = SpanLimits.UNSET


def span_limits(config: Config) -> SpanLimits:
    """The limits of spans, their events and links."""
    count, length = common_limits(config)
    return SpanLimits(
        max_attributes=count,
        max_events=config.span_event_count_limit,
        max_links=config.span_link_count_limit,
        max_span_attributes=first(config.span_attribute_count_limit, count),
        max_event_attributes=first(config.event_attribute_count_limit, count),
        max_link_attributes=first(config.link_attribute_count_limit, count),
        max_attribute_length=length,
        max_span_attribute_length=first(config.span_attribute_value_length_limit, length),
    )


def common_limits(config: Config) -> tuple[int, int]:
    """How many attributes anything has, and how long a value is."""
    return (
        first(config.attribute_count_limit, _COUNT),
        first(config.attribute_value_length_limit, _NO_LIMIT),
    )


def first(own: int | None, common: int) -> int:
    """A limit of its own, else the common one."""
    return common if own is None else own
