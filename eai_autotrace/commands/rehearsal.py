"""
Canaries through the pipelines as the settings have them, up to the bytes that would be sent.

Everything is as in a traced program but two things: every trace is sampled, and in place of the
connection to a server stands a list.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from eai_autotrace.boot.limits import span_limits
from eai_autotrace.boot.resource import make_resource
from eai_autotrace.boot.sdk import logger_provider, meter_provider, worker_exporter
from eai_autotrace.commands.surfaces import Surfaces
from eai_autotrace.config import Config
from eai_autotrace.export.otlp import OtlpExporter
from eai_autotrace.export.otlp.logs import LogEncoder
from eai_autotrace.export.otlp.metrics import MetricEncoder
from eai_autotrace.export.otlp.spans import SpanEncoder
from eai_autotrace.export.pipeline import Pipeline
from eai_autotrace.export.result import Outcome
from eai_autotrace.privacy.canaries import KINDS, Canary, found
from eai_autotrace.privacy.filter import PrivacyFilter
from eai_autotrace.privacy.signals import Redactor
from eai_autotrace.spans.provider import TracerProvider

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from eai_autotrace.privacy.policy import Policy

_SCOPE: Final = "eai_autotrace.canaries"
_LONG: Final = 60_000  # milliseconds


class Finding(NamedTuple):
    """
    What became of one canary.

    Attributes:
        surface: Where it was put.
        kind: What it looks like.
        detector: What is to find it.
        result: ``ok``, ``leak``, or ``off`` where a setting says that it is sent.
        signals: The signals that it was found in.
    """

    surface: str
    kind: str
    detector: str
    result: str
    signals: tuple[str, ...]


class Rehearsal(NamedTuple):
    """
    What became of all canaries.

    Attributes:
        mode: The mode of privacy.
        policy: The policy's short text.
        findings: Each canary.
        missing: Signals of which nothing was made.
    """

    mode: str
    policy: str
    findings: tuple[Finding, ...]
    missing: tuple[str, ...]


class Kept:
    """Takes the place of a connection, and keeps what would be sent."""

    place = "nowhere"

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def send(self, body: bytes, timeout: float) -> Outcome:  # noqa: ARG002 - as other transports
        """Keep it."""
        self.bodies.append(body)
        return Outcome("ok")

    def close(self) -> None:
        """Nothing is open."""


def rehearse(config: Config) -> Rehearsal:
    """
    Send canaries nowhere, and look for them.

    Args:
        config: The settings.
    """
    # It would tell of each text that a limit cuts.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    privacy = PrivacyFilter(config)
    surfaces = Surfaces()
    config = _with_resource(config, surfaces.resource())
    resource = make_resource(config, privacy)
    redactor = Redactor(privacy, counts=config.privacy_count)
    out = {
        "traces": _spans(config, resource, redactor, surfaces),
        "metrics": _metrics(config, resource, redactor, surfaces),
        "logs": _logs(config, resource, redactor, surfaces),
    }
    places = {signal: set(found(surfaces.placed, out[signal])) for signal in out}
    findings = tuple(_finding(one, places, privacy.policy) for one in surfaces.placed)
    missing = tuple(signal for signal, bodies in out.items() if not bodies)
    return Rehearsal(privacy.policy.mode, privacy.policy.digest, findings, missing)


_FIELDS: Final = frozenset(Config.__dataclass_fields__)


def _with_resource(config: Config, added: dict[str, str]) -> Config:
    given = {name: value for name, value in vars(config).items() if name in _FIELDS}
    return Config(**{**given, "resource_attributes": {**config.resource_attributes, **added}})


def _finding(one: Canary, places: dict[str, set[Canary]], policy: Policy) -> Finding:
    signals = tuple(signal for signal, canaries in places.items() if one in canaries)
    is_wanted = not policy.is_on(one.detector)
    if one.surface.startswith("LLM ") and policy.content == "keep":
        is_wanted = True
    result = ("off" if is_wanted else "leak") if signals else "ok"
    return Finding(one.surface, one.kind, one.detector, result, signals)


def _spans(config: Config, resource: Resource, redactor: Redactor, surfaces: Surfaces) -> Any:
    kept = Kept()
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=resource,
        span_limits=span_limits(config),
        shutdown_on_exit=False,
    )
    provider.redact_with(redactor.span)
    exporter = OtlpExporter("spans", SpanEncoder(), kept)
    provider.add_span_processor(Pipeline([exporter], redact=redactor.span))
    tracer = provider.get_tracer(_SCOPE)
    for kind in KINDS:
        surfaces.spans(tracer, kind)
    provider.force_flush(_LONG)
    provider.shutdown()
    return kept.bodies


def _metrics(config: Config, resource: Resource, redactor: Redactor, surfaces: Surfaces) -> Any:
    kept = Kept()
    exporter = worker_exporter(config, OtlpExporter("exports", MetricEncoder(), kept))
    exporter.redact = redactor.metrics
    provider = meter_provider(config, resource, [exporter])
    for kind in KINDS:
        surfaces.metrics(provider.get_meter(_SCOPE), kind)
    provider.force_flush(_LONG)
    provider.shutdown()
    return kept.bodies


def _logs(config: Config, resource: Resource, redactor: Redactor, surfaces: Surfaces) -> Any:
    kept = Kept()
    exporter = OtlpExporter("log records", LogEncoder(), kept)
    provider = logger_provider(config, resource, [exporter], redactor.log)
    for kind in KINDS:
        surfaces.logs(provider.get_logger(_SCOPE), kind)
    provider.force_flush(_LONG)
    provider.shutdown()
    return kept.bodies
