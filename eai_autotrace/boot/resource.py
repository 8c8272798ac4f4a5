"""
The resource: attributes of the process and its service.

The same as `Resource.create`, but from checked settings, and without a thread pool unless the user
names detectors.
"""

from __future__ import annotations

import logging
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk import resources as sdk
from opentelemetry.sdk.version import __version__ as sdk_version
from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace import __version__
from eai_autotrace.config.parse import did_you_mean, redacted, shown
from eai_autotrace.config.shield import silence
from eai_autotrace.semconv.attributes import EAI_PRIVACY_POLICY, EAI_PRIVACY_POLICY_HASH
from eai_autotrace.spans.resource import instance_detector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.privacy.filter import PrivacyFilter

_DETECTORS: Final = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"
_GROUP: Final = "opentelemetry_resource_detector"
_INSTANCE: Final = "service_instance"
_ENVIRONMENT: Final = "otel"
_SERVICE: Final = "service.name"
_SDK: Final = {
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": sdk_version,
}

_logger = logging.getLogger("eai_autotrace")


def make_resource(config: Config, privacy: PrivacyFilter) -> sdk.Resource:
    """
    The attributes of the configuration, on top of those of detectors. Never raises.

    Args:
        config: The settings.
        privacy: Keeps secrets out of them, such as those of command lines.
    """
    said = {
        _SERVICE: config.service_name,
        "service.version": config.service_version,
        "deployment.environment.name": config.environment,
        "telemetry.distro.name": "eai-autotrace",
        "telemetry.distro.version": __version__,
    }
    unnamed = f"unknown_service:{PurePath(sys.executable or 'python').name}"
    own = {key: value for key, value in said.items() if value}
    if not privacy.is_off:
        own[EAI_PRIVACY_POLICY] = privacy.policy.mode
        own[EAI_PRIVACY_POLICY_HASH] = privacy.policy.digest
    found = {**_SDK, _SERVICE: unnamed, **_detected(config), **own}
    return sdk.Resource(privacy.attributes(found, "resource"))


def _detected(config: Config) -> Mapping[str, Any]:
    """What the detectors find, later ones on top; the environment last unless it has a place."""
    instance = instance_detector()
    if not config.resource_detectors:
        return {**instance.detect().attributes, **config.resource_attributes}
    makers: dict[str, Any] = {
        _INSTANCE: lambda: instance,
        _ENVIRONMENT: lambda: _Environment(config.resource_attributes),
    }
    detectors = [
        made for name in _names(config) if (made := _made(name, makers.get(name))) is not None
    ]
    try:
        return sdk.get_aggregated_resources(detectors, sdk.Resource.get_empty()).attributes
    except Exception as failure:  # noqa: BLE001 - some detectors raise, if they are told to
        _logger.warning("%s: %s; detectors are left out", _DETECTORS, shown(failure))
        return config.resource_attributes


def _names(config: Config) -> list[str]:
    named = dict.fromkeys((_INSTANCE, *config.resource_detectors, _ENVIRONMENT))
    if _INSTANCE in config.resource_detectors:
        named = dict.fromkeys((*config.resource_detectors, _ENVIRONMENT))
    found = []
    for name in named:
        others = {entry_point.name for entry_point in entry_points(group=_GROUP)} - named.keys()
        found += sorted(others) if name == "*" else [name]
    return found


def _made(name: str, make: Any) -> sdk.ResourceDetector | None:
    """A detector by its name; one line says that there is none, or why it cannot be made."""
    try:
        if make is None:
            known = {entry_point.name: entry_point for entry_point in entry_points(group=_GROUP)}
            if name not in known:
                hint = did_you_mean(name, set(known)) or f", known are {', '.join(sorted(known))}"
                raise LookupError(f"not installed{hint}")  # noqa: TRY301 - told as the others are
            make = known[name].load()
        made: sdk.ResourceDetector = make()
    except Exception as failure:  # noqa: BLE001 - a foreign plugin must not stop tracing
        silence([_DETECTORS])
        reason = redacted(str(failure))
        _logger.warning("%s: %s is left out: %s", _DETECTORS, shown(name), reason)
        return None
    return made


class _Environment(sdk.ResourceDetector):
    """The checked attributes of the environment, in their place among the detectors."""

    def __init__(self, attributes: Mapping[str, str]) -> None:
        super().__init__()
        self._attributes = attributes

    def detect(self) -> sdk.Resource:
        """The attributes."""
        return sdk.Resource(dict(self._attributes))
