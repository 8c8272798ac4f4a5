"""
Bodies of responses: byte streams that somebody watches while the application reads them.

A watched body takes the place of the library's own, below everything that the application sees. It
is of the same kinds as the one it stands for, and has its attributes. No context is held between
chunks: the application's code runs there.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from eai_autotrace.patching.guard import report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Watcher(Protocol):
    """
    Who watches a body. What these raise is reported, and costs the application nothing.

    After `read`, `failed`, `closed` or `dropped` others of them may follow: a body that has been
    read is closed, too.
    """

    def chunk(self, chunk: bytes) -> bytes:
        """What to hand on for a chunk; may be nothing, while it is held back."""

    def held(self) -> bytes:
        """What was held back, and is to be handed on now that no more comes."""

    def read(self) -> None:
        """The body has been read to its end."""

    def failed(self, error: BaseException) -> None:
        """Reading the body has failed, or was cancelled."""

    def closed(self) -> None:
        """The body is being closed."""

    def dropped(self) -> None:
        """The body, or the reading of it, was let go of."""


class _Watched:
    """A body and who watches it."""

    def __init__(self, body: Any, watcher: Watcher) -> None:
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


def watched(body: Any, watcher: Watcher, sync_kind: type, async_kind: type) -> Any:
    """
    A body that tells somebody what is read of it.

    Args:
        body: The library's body.
        watcher: Who is told.
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
