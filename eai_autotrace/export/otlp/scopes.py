"""
What all three requests of OTLP have in common: records by resource and by scope.

A request holds ``ResourceSpans``, ``ResourceMetrics`` or ``ResourceLogs``, whose fields have the same
numbers: the resource 1, records of each scope 2, the schema's URL 3; and so have those of a scope.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from eai_autotrace.export.otlp.values import KeyValues
from eai_autotrace.export.otlp.wire import delimited, text

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

_MOST_KEPT: Final = 256

Groups = dict[tuple[int, int], list[bytes]]
"""Encoded records with their tags, by the identity of their resource and of their scope."""


class Scopes:
    """Encodes resources and scopes, with a memory. Not for several threads at once."""

    def __init__(self) -> None:
        # By identity, with the object itself, so that no other one gets its place in memory.
        self._resources: dict[int, tuple[Resource, bytes]] = {}
        self._scopes: dict[int, tuple[Any, bytes]] = {}

    def group(
        self, groups: Groups, resource: Resource, scope: InstrumentationScope | None
    ) -> list[bytes]:
        """
        The group of a resource and a scope.

        Of a new one, what its records have in common is encoded.
        """
        group = groups.get((id(resource), id(scope)))
        if group is not None:
            return group
        if len(self._resources) + len(self._scopes) >= _MOST_KEPT and not groups:
            self._resources.clear()
            self._scopes.clear()
        if id(resource) not in self._resources:
            self._resources[id(resource)] = (resource, _resource(resource))
        if id(scope) not in self._scopes:
            self._scopes[id(scope)] = (scope, _scope(scope))
        return groups.setdefault((id(resource), id(scope)), [])

    def request(self, groups: Groups) -> bytes:
        """The whole request."""
        by_resource: dict[int, list[tuple[int, list[bytes]]]] = {}
        for (resource, scope), records in groups.items():
            by_resource.setdefault(resource, []).append((scope, records))
        return b"".join(
            delimited(b"\x0a", self._of_resource(resource, scopes))
            for resource, scopes in by_resource.items()
        )

    def _of_resource(self, resource: int, scopes: list[tuple[int, list[bytes]]]) -> bytes:
        known, encoded = self._resources[resource]
        parts = [encoded]
        for scope, records in scopes:
            instrumentation, described = self._scopes[scope]
            data = described + b"".join(records)
            if instrumentation is not None and instrumentation.schema_url:
                data += delimited(b"\x1a", text(instrumentation.schema_url))
            parts.append(delimited(b"\x12", data))
        if known.schema_url:
            parts.append(delimited(b"\x1a", text(known.schema_url)))
        return b"".join(parts)


def _resource(resource: Resource) -> bytes:
    pairs = KeyValues(b"\x0a").encode(resource.attributes)
    return delimited(b"\x0a", b"".join(pairs))


def _scope(scope: InstrumentationScope | None) -> bytes:
    if scope is None:
        return b"\x0a\x00"
    parts = [optional_text(b"\x0a", scope.name), optional_text(b"\x12", scope.version)]
    parts += KeyValues(b"\x1a").encode(scope.attributes)
    return delimited(b"\x0a", b"".join(parts))


def optional_text(tag: bytes, value: str | None) -> bytes:
    """A field of text, which is left out where there is none."""
    return delimited(tag, text(value)) if value else b""
