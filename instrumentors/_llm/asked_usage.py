"""Asks a stream for its token usage, and hides it from the application again."""

from __future__ import annotations

import copy
import json
from time import time_ns
from typing import Any

from eai_autotrace.instrumentors._llm.event_stream import Events
from eai_autotrace.instrumentors._llm.sse import events
from eai_autotrace.patching.guard import report


def with_usage(options: Any) -> Any:
    """
    A copy of a request's options that asks for the usage; ``None`` if the application decides itself.

    The body may be the application's own object: it stays unchanged.
    """
    body = options.json_data
    extra = getattr(options, "extra_json", None) or {}
    if not isinstance(body, dict) or "stream_options" in extra:
        return None
    wanted = body.get("stream_options")
    if isinstance(wanted, dict):
        if "include_usage" in wanted:
            return None
        wanted = {**wanted, "include_usage": True}
    elif wanted is None or type(wanted).__name__ in {"NotGiven", "Omit"}:
        wanted = {"include_usage": True}
    else:
        return None
    asked = copy.copy(options)
    asked.json_data = {**body, "stream_options": wanted}
    return asked


class AskedEvents(Events):
    """
    Reads a stream's events, and removes those that came only because we asked for the usage.

    Args:
        call: The operation.
        decode: Undoes the compression of the body; the application then gets it uncompressed.
    """

    def chunk(self, chunk: bytes) -> bytes:
        """Pass on whole events, without the usage."""
        self._call.heard = time_ns()
        if self._tells_nothing(chunk):
            return _without_null(chunk)
        data = chunk if self._decode is None else self._decode(chunk)
        waiting = self._splitter.held + data
        try:
            whole = self._splitter.feed(data)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("splitting a stream", failure)
            self._splitter.held = b""
            return waiting
        return self._handed(whole)

    def _handed(self, whole: bytes) -> bytes:
        # Two guards: an event that cannot be read must still be removed.
        try:
            if whole and not self._call.ended:
                self._see_events(whole)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading a response", failure)
        try:
            return without_usage(whole)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("hiding the usage of a stream", failure)
            return whole

    def held(self) -> bytes:
        """The last event, if it lacks its blank line."""
        held, self._splitter.held = self._splitter.held, b""
        try:
            if held and not self._call.ended:
                self._see_held(held)
            return without_usage(held)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("reading a response", failure)
            return held


def without_usage(data: bytes) -> bytes:
    """
    Events of a chat without the usage that was asked for.

    ``"usage":null`` is removed from each event, and so is the event that has only the usage.
    """
    if b'"usage"' not in data:
        return data
    kept = []
    for event in events(data):
        raw = event.raw
        if b'"usage"' in raw:
            raw = _without_null(raw)
        if b'"prompt_tokens"' not in raw or not _is_only_usage(event.data):
            kept.append(raw)
    return b"".join(kept)


def _without_null(raw: bytes) -> bytes:
    for null in (b',"usage":null', b', "usage": null'):
        # Quotes inside a text are escaped, so this cannot match there.
        raw = raw.replace(null, b"")
    return raw


def _is_only_usage(data: bytes) -> bool:
    try:
        decoded = json.loads(data)
    except ValueError:
        return False
    return isinstance(decoded, dict) and decoded.get("choices") == [] and "usage" in decoded
