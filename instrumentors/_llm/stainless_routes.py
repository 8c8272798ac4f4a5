"""Finds a request's route and server, however the application spells its path."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from eai_autotrace.semconv.genai import provider_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from eai_autotrace.instrumentors._llm.operation import Route

_VERSION: Final = re.compile(r"v\d\w*")
_PORTS: Final = {"https": 443, "http": 80}


class Endpoint(NamedTuple):
    """Where a client sends its requests."""

    provider: str
    address: str | None
    port: int | None


class Routes:
    """
    The traced routes of an API.

    Args:
        routes: By method and path: ``"post /chat/completions"``. A path may have ``{id}`` in it.
    """

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[str, re.Pattern[str], Route]] = []
        for key, route in routes.items():
            method, path = key.split(" ")
            if "{id}" in path:
                pattern = re.compile(re.escape(path).replace(r"\{id\}", "[^/]+"))
                self._patterns.append((method, pattern, route))
            else:
                self._exact[method, path] = route
        self._search = lru_cache(maxsize=256)(self._find_spelt)

    def find(self, method: str, url: str, base: Any) -> Route | None:
        """
        The route of a request, or ``None`` for one that is not traced.

        Args:
            method: The method.
            url: The path as the SDK's own methods spell it, or otherwise: a whole URL, one without
                the slash, one with a part of the base URL.
            base: The client's base URL, whose ``path`` is asked for only where that may help.
        """
        found = self._exact.get((method, url))
        return self._search(method, url, base.path) if found is None else found

    def _find_spelt(self, method: str, url: str, base: str) -> Route | None:
        method = method.lower()
        path = _path_of(url)
        found = self._find_path(method, path, is_whole=True)
        if found is None:
            whole = path if "://" in url else base.rstrip("/") + path
            for end, is_whole in _ends(whole):
                found = self._find_path(method, end, is_whole=is_whole)
                if found is not None:
                    break
        return found

    def _find_path(self, method: str, path: str, *, is_whole: bool) -> Route | None:
        found = self._exact.get((method, path))
        if found is None and is_whole:
            for its_method, pattern, route in self._patterns:
                if method == its_method and pattern.fullmatch(path):
                    return route
        return found


def _path_of(url: str) -> str:
    path = urlsplit(url).path if "://" in url else url.partition("?")[0].partition("#")[0]
    return f"/{path.strip('/')}"


def _ends(path: str) -> Iterator[tuple[str, bool]]:
    """A path with more and more of its beginning removed; each with whether it may be a route."""
    segments = path.strip("/").split("/")
    for index in range(len(segments)):
        is_whole = index == 0 or _VERSION.fullmatch(segments[index - 1]) is not None
        yield "/" + "/".join(segments[index:]), is_whole


@lru_cache(maxsize=256)
def endpoint_of(url: str, provider: str) -> Endpoint:
    """
    The endpoint of a request that has a whole URL.

    Args:
        url: The URL.
        provider: The provider, unless the host tells another one.
    """
    found = urlsplit(url)
    port = found.port or _PORTS.get(found.scheme)
    return Endpoint(provider_of(found.hostname or "") or provider, found.hostname, port)
