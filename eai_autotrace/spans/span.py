"""
A span without what the SDK's span pays for at every start and end.

No lock of its own, no copy at the end, no lists for events and links that most spans never have.
What concurrent calls must not tear is done by single dict operations, and ending exactly once by
one lock that all spans share for a moment.
"""

from __future__ import annotations

import logging
import os
import threading
from time import time_ns
from typing import TYPE_CHECKING, Any, Final, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, Status, StatusCode

from eai_autotrace.spans.attributes import Attributes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import SpanContext

# The SDK's, so that what it says of spans that have ended looks and filters the same.
_logger = logging.getLogger("opentelemetry.sdk.trace")

# Held for a few instructions at an end and at a first event, never while anything else runs.
_LOCK: Final = threading.Lock()
# Held by another thread at the moment of a fork, it would stay held in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LOCK._at_fork_reinit)  # type: ignore[attr-defined]
# Not in all releases of the SDK.
_HAS_ENDING: Final = hasattr(sdk.SpanProcessor, "_on_ending")
_UNSET: Final = Status(StatusCode.UNSET)
_NO_ATTRIBUTES: Final = BoundedAttributes(0, immutable=True)


class Span(sdk._Span):
    """
    OpenTelemetry's span.

    Made by `Tracer` alone, which sets the fields of its start. Those below are as most spans leave
    them.
    """

    _start_time: int | None = None
    _end_time: int | None = None
    _status = _UNSET
    _events: Sequence[Any] = ()
    _links: Sequence[Any] = ()
    _sampler: Sampler | None = None
    _trace_config = None
    _record_exception = True
    _set_status_on_exception = True
    _record_end_metrics: Callable[[], None] | None = None
    _attributes: Attributes

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make one as the SDK does; `Tracer` does it in fewer steps."""
        super().__init__(*args, **kwargs)
        limits = self._limits
        self._attributes = Attributes.checked(
            self._attributes, limits.max_span_attributes, limits.max_span_attribute_length
        )

    def begin(self, start_time: int | None, parent_context: Context | None) -> Span:
        """Start it, and give it: once, by the tracer, which knows that nobody else has it yet."""
        self._start_time = time_ns() if start_time is None else start_time
        self._span_processor.on_start(self, parent_context=parent_context)
        return self

    def end(self, end_time: int | None = None) -> None:
        """End it and hand it to the processors; later calls only warn."""
        if self._start_time is None:
            raise RuntimeError("Calling end() on a not started span.")
        now = time_ns() if end_time is None else end_time
        with _LOCK:
            first = self._end_time is None
            if first:
                self._end_time = now
        if not first:
            _logger.warning("Calling end() on an ended span.")
            return
        if self._record_end_metrics is not None:
            self._record_end_metrics()
        if _HAS_ENDING:
            self._span_processor._on_ending(self)
        self._span_processor.on_end(self)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set one attribute."""
        if self._end_time is not None:
            _logger.warning("Setting attribute on ended span.")
            return
        limits = self._limits
        self._attributes.put(
            key, value, limits.max_span_attributes, limits.max_span_attribute_length
        )

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        if self._end_time is not None:
            _logger.warning("Setting attribute on ended span.")
            return
        limits = self._limits
        count, length = limits.max_span_attributes, limits.max_span_attribute_length
        put = self._attributes.put
        for key, value in attributes.items():
            put(key, value, count, length)

    def set_plain(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes of which the caller knows that they are plain: no lists, no ``None``."""
        own, limits = self._attributes, self._limits
        most = limits.max_span_attributes
        has_room = most is None or len(own) + len(attributes) <= most
        if self._end_time is None and has_room and limits.max_span_attribute_length is None:
            own.update(attributes)
        else:
            self.set_attributes(attributes)

    def update_name(self, name: str) -> None:
        """Change the name."""
        if self._end_time is None or self._is_open():
            self._name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; OK is final, UNSET changes nothing."""
        if not self._is_open():
            return
        code = status.status_code if isinstance(status, Status) else status
        if self._status.status_code is StatusCode.OK or code is StatusCode.UNSET:
            return
        if isinstance(status, StatusCode):
            self._status = Status(status, description)
            return
        if description is not None:
            _logger.warning(
                "Description %s ignored. Use either `Status` or `(StatusCode, Description)`",
                description,
            )
        self._status = status

    @property
    def dropped_attributes(self) -> int:
        """How many attributes were dropped."""
        return self._attributes.dropped

    def _add_event(self, event: sdk.EventBase) -> None:
        if self._is_open():
            self._grown("_events", self._limits.max_events).append(event)

    def _add_link(self, link: Link) -> None:
        if self._is_open():
            self._grown("_links", self._limits.max_links).append(link)

    def _new_links(self, links: Sequence[Link]) -> Any:
        limit = self._limits.max_links
        if limit is not None and len(links) > limit:
            return super()._new_links(links)
        for link in links:
            # Links without attributes, which most are, share the object that says so.
            if type(link) is not Link or link.attributes or not link.context.is_valid:
                return super()._new_links(links)
            link._attributes = _NO_ATTRIBUTES
        return tuple(links)

    def _grown(self, name: str, limit: int | None) -> BoundedList[Any]:
        """The list of events or links, made when the first one is added."""
        with _LOCK:
            found = getattr(self, name)
            if not isinstance(found, BoundedList):
                found = BoundedList.from_seq(limit, found)
                setattr(self, name, found)
        return found

    def _is_open(self) -> bool:
        if self._end_time is None:
            return True
        _logger.warning("Tried calling on an ended span.")
        return False

    def get_span_context(self) -> SpanContext:
        """The span's context."""
        return cast("SpanContext", self._context)
