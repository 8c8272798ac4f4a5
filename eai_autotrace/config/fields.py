"""What a field of the settings carries: sources, kind, meaning."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.config.parse import TEXT, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTING: Final = "eai"
"""The key of a field's metadata under which its `Setting` is."""


class Setting(NamedTuple):
    """
    Where a setting comes from and what it means.

    Attributes:
        description: What it does, in one or two sentences.
        kind: The kind of its values.
        variables: Environment variables, the strongest first. A name in brackets is a key in
            ``OTEL_RESOURCE_ATTRIBUTES``.
        legacy: The platform's older variable.
        yaml: The way to it in the file, below ``tracing``.
        group: The heading on the reference page.
        kinds: Kinds of single sources that differ from ``kind``.
    """

    description: str
    kind: Kind
    variables: tuple[str, ...] = ()
    legacy: str = ""
    yaml: str = ""
    group: str = ""
    kinds: Mapping[str, Kind] = {}


def setting(default: Any, description: str, kind: Kind = TEXT, **more: Any) -> Any:
    """A field with its `Setting`."""
    return field(default=default, metadata={SETTING: Setting(description, kind, **more)})
