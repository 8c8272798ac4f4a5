"""
Bodies of responses: byte streams that a listener follows while the application reads them.

A wrapped body takes the place of the library's own. It is an instance of the same classes and has
the same attributes. No context is held between chunks: the application's code runs there.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import lru_cache
from time import time_ns
from typing import TYPE_CHECKING, Any, Protocol

from eai_autotrace.instrumentation.active import ABANDONED
from eai_autotrace.instrumentation.shapes.streamed_request import ActiveStreamedRequest
from eai_autotrace.patching.guard import report
from eai_autotrace.semconv.attributes import EAI_OUTCOME

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping


class BodyListener(Protocol):
    """
    The listener of a body. What its methods raise is reported, and the application is unaffected.

    More than one of `read`, `failed`, `closed` and `dropped` may be called: a body that has been
    read is closed, too.
    """

    def chunk(self, chunk: bytes) -> bytes:
        """Give the bytes to pass on for a chunk; empty while they are held back."""

    def held(self) -> bytes:
        """Give the bytes that were held back: no more chunks come."""

    def read(self) -> None:
        """The body has been read to its end."""

    def failed(self, error: BaseException) -> None:
        """Reading the body has failed, or was cancelled."""

    def closed(self) -> None:
        """The body is being closed."""

    def dropped(self) -> None:
        """The body, or its iterator, was collected."""


class _Watched:
    """A body and who watches it."""

    def __init__(self, body: Any, watcher: BodyListener) -> None:
        self._body = body
        self._watcher = watcher

    def __getattr__(self, name: str) -> Any:
        if name == "_body":  # not yet made: a copy is being made of it
            raise AttributeError(name)
        return getattr(self._body, name)

    def __del__(self) -> None:
        self._tell("dropped")

    def _held(self) -> bytes:
        try:
            return self._watcher.held()
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("watching a response", failure)
            return b""

    def _tell(self, what: str, *about: Any) -> None:
        try:
            getattr(self._watcher, what)(*about)
        except Exception as failure:  # noqa: BLE001 - the boundary
            report("watching a response", failure)


class _WatchedSync(_Watched):
    """A body that is read by ``for``."""

    def __iter__(self) -> Iterator[bytes]:
        watch = self._watcher.chunk
        try:
            for chunk in self._body:
                try:
                    handed = watch(chunk)
                except Exception as failure:  # noqa: BLE001 - the boundary
                    report("watching a response", failure)
                    handed = chunk
                if handed:
                    yield handed
        except GeneratorExit:
            self._tell("dropped")
            raise
        except BaseException as error:
            rest = self._held()
            if rest:
                yield rest
            self._tell("failed", error)
            raise
        rest = self._held()
        if rest:
            yield rest
        self._tell("read")

    def close(self) -> None:
        """Close the body."""
        self._tell("closed")
        self._body.close()


class _WatchedAsync(_Watched):
    """A body that is read by ``async for``."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        watch = self._watcher.chunk
        chunks = self._body.__aiter__()
        try:
            async for chunk in chunks:
                try:
                    handed = watch(chunk)
                except Exception as failure:  # noqa: BLE001 - the boundary
                    report("watching a response", failure)
                    handed = chunk
                if handed:
                    yield handed
        except GeneratorExit:
            self._tell("dropped")
            raise
        except BaseException as error:
            rest = self._held()
            if rest:
                yield rest
            self._tell("failed", error)
            raise
        finally:
            # In the task that reads it; the event loop would close it later, in another one.
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()
        rest = self._held()
        if rest:
            yield rest
        self._tell("read")

    async def aclose(self) -> None:
        """Close the body."""
        self._tell("closed")
        await self._body.aclose()


@lru_cache(maxsize=16)
def _kind(kinds: tuple[type, ...]) -> type:
    return type("WatchedBody", kinds, {})


def wrap_body(body: Any, watcher: BodyListener, sync_kind: type, async_kind: type) -> Any:
    """
    A body that tells a listener what is read of it.

    Args:
        body: The library's body.
        watcher: The listener.
        sync_kind: The library's class of bodies read by ``for``, and closed by ``close()``.
        async_kind: That of bodies read by ``async for``, and closed by ``aclose()``.

    Raises:
        TypeError: The body is of neither kind.
    """
    ours: tuple[type, ...] = ()
    theirs: tuple[type, ...] = ()
    if isinstance(body, sync_kind):
        ours, theirs = (_WatchedSync,), (sync_kind,)
    if isinstance(body, async_kind):
        ours, theirs = (*ours, _WatchedAsync), (*theirs, async_kind)
    if not ours:
        raise TypeError(f"{type(body).__qualname__} is no body of a response")
    return _kind(ours + theirs)(body, watcher)


class ActiveBodyRequest(ActiveStreamedRequest):
    """
    A request that ends when its response's body has been read.

    Attributes:
        learnt: Attributes of the response, set at the end.
        heard: When the last bytes of the response came, in nanoseconds since 1970.
    """

    __slots__ = ("heard", "learnt")

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.learnt: Mapping[str, Any] = {}
        self.heard: int | None = None

    def watch(self, body: Any, sync_kind: type, async_kind: type) -> Any:
        """The body to put in the library's place; the request ends with it. See `wrap_body`."""
        body = wrap_body(body, self, sync_kind, async_kind)
        self.heard = time_ns()
        self.is_watching = True
        return body

    def end(self, attributes: Mapping[str, Any] | None = None, at: int | None = None) -> None:
        """End it, with the attributes of the response."""
        super().end({**self.learnt, **attributes} if attributes else self.learnt, at)

    def abandon(self) -> None:
        """
        End it as unfinished, at the time of the last bytes.

        This may run much later, in the garbage collector or at the end of the process.
        """
        if not self.ended:
            self.end({EAI_OUTCOME: ABANDONED}, self.heard)

    def chunk(self, chunk: bytes) -> bytes:
        """Pass on the chunk, and note the time."""
        self.heard = time_ns()
        return chunk

    def held(self) -> bytes:
        """Nothing is held back."""
        return b""

    def read(self) -> None:
        """All has come."""
        self.end()

    def failed(self, error: BaseException) -> None:
        """End it with the exception: the connection was cut, or the task cancelled."""
        self.fail(error)

    def closed(self) -> None:
        """End it as closed, unless it was read to its end."""
        if not self.ended:
            self.end({EAI_OUTCOME: "closed"})

    def dropped(self) -> None:
        """End it as unfinished."""
        self.abandon()
