"""
Traces that the ratio has not kept, and that turn out to matter: failed, or slow.

The part of such a trace that runs in this process is recorded and held until its first span, the
local root, has ended. Then it is kept or dropped. How likely that was nobody knows, so what is kept
tells no threshold; and other services have dropped their parts, so it may be marked as partial.

Spans of one part end in several threads, and in garbage collections. There is no lock: what is held
is put in and taken out by single operations, whoever is first.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.patching.forks import handle_when_forked
from eai_autotrace.sampling.part import Part
from eai_autotrace.sampling.reasons import Reasons, has_gone_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import SpanContext

# Bytes of attributes that are held, roughly; and the part of all limits that one trace may take.
_MOST_BYTES: Final = 64 * 1024 * 1024
_OF_ONE: Final = 0.1
# Bytes of a span without its attributes' values, roughly.
_SPAN: Final = 1500


class TailKeeper:
    """
    Holds what was not sampled, and keeps what matters of it.

    Args:
        reasons: Says what matters.
        per_second: How many parts are kept in a second at most.
        most: How many spans are held at most.
        longest: Seconds that a part is held at most. It is decided then, by what is known.
        clock: Gives seconds.

    Attributes:
        kept: How many parts were kept, by reason.
        over: How many were worth it and one too many of their second.
        evicted: How many were decided before their end, for the space or the time they took.
    """

    def __init__(
        self,
        *,
        reasons: Reasons,
        per_second: float,
        most: int,
        longest: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reasons = reasons
        self._per_second = per_second
        self._most = most
        self._longest = longest
        self._clock = clock
        self._start_anew()
        handle_when_forked(self._start_anew)

    def begin(self, *, is_below: bool) -> Part:
        """
        Begin to hold what is below a local root.

        Args:
            is_below: Whether it has a parent in another process.
        """
        now = self._clock()
        part = Part(self._take, now, is_below=is_below)
        self._open[part] = None
        self._make_room(now)
        return part

    def follow(self, parent: SpanContext) -> Part | None:
        """What a span with a parent that is not sampled belongs to; ``None`` if it is not recorded."""
        if parent.is_remote:
            return self.begin(is_below=True)
        part: Part | None = getattr(parent, "part", None)
        return None if part is None or part.is_kept is False else part

    def _take(self, part: Part, span: Any) -> None:
        """Hold a span, or pass it on, as its part's end demands."""
        if part.is_kept is False:
            return
        is_root = span.parent is None or span.parent.is_remote
        reason = self._reasons.of(span, is_root=is_root)
        if reason and not part.reason:
            part.reason = reason
        if not part.is_partial and has_gone_on(span):
            part.is_partial = True
        self._hold(part, span, is_root=is_root)
        if is_root and part.is_kept is None:
            self._decide(part)
        elif self.spans + len(self._open) > self._most or self._bytes > _MOST_BYTES:
            self._make_room(self._clock())
        if part.is_kept is not None:
            self._drain(part)

    @property
    def spans(self) -> int:
        """How many spans are held now."""
        return self._spans

    @property
    def parts(self) -> int:
        """How many parts have no end yet."""
        return len(self._open)

    def _start_anew(self) -> None:
        """Begin with nothing, as in a forked child: the parent decides about what it has begun."""
        for part in getattr(self, "_open", ()):
            part.is_kept = False
            part.spans.clear()
        # The oldest first.
        self._open: dict[Part, None] = {}
        self._spans = self._bytes = 0
        self.kept: Counter[str] = Counter()
        self.over = self.evicted = 0
        self._room, self._filled = max(1.0, self._per_second), self._clock()

    def _hold(self, part: Part, span: Any, *, is_root: bool) -> None:
        """Hold a span, if its part has room for it; the root always has."""
        size = _SPAN + sum(len(v) for v in span.attributes.values() if isinstance(v, str))
        is_much = len(part.spans) >= self._most * _OF_ONE or part.bytes >= _MOST_BYTES * _OF_ONE
        if is_much and not is_root:
            part.is_partial = True
            return
        self._spans += 1
        self._bytes += size
        part.bytes += size
        part.spans.append(span)

    def _decide(self, part: Part) -> None:
        self._open.pop(part, None)
        if part.reason and self._has_room():
            self.kept[part.reason] += 1
            part.is_kept = True
            return
        self.over += bool(part.reason)
        part.is_kept = False

    def _has_room(self) -> bool:
        """Whether one more may be kept now."""
        now = self._clock()
        gained = max(0.0, now - self._filled) * self._per_second
        self._room = min(max(1.0, self._per_second), self._room + gained)
        self._filled = now
        if not self._per_second or self._room < 1:
            return False
        self._room -= 1
        return True

    def _make_room(self, now: float) -> None:
        """Decide about the oldest, as long as there is too much, or they have lasted too long."""
        while self._open:
            try:
                oldest = next(iter(self._open))
            except (StopIteration, RuntimeError):  # another thread has changed it just now
                return
            is_much = self._spans + len(self._open) > self._most or self._bytes > _MOST_BYTES
            if not is_much and now - oldest.since < self._longest:
                return
            self.evicted += 1
            oldest.is_partial = True
            self._decide(oldest)
            self._drain(oldest)

    def _drain(self, part: Part) -> None:
        self._spans -= part.drain()
        self._bytes -= part.bytes
        part.bytes = 0
