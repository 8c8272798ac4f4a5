"""Every place of spans, log records, metrics and the resource that a secret may get into, with one."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from eai_autotrace.privacy.canaries import KINDS, Canary, canary

if TYPE_CHECKING:
    from opentelemetry._logs import Logger
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

_ELSEWHERE: Final = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
# What tells by its name alone that it is a secret has no form: one canary of no kind is enough.
_FORMLESS: Final = "password"


class Surfaces:
    """
    Puts canaries into telemetry.

    Attributes:
        placed: Those that were put somewhere.
    """

    def __init__(self) -> None:
        self.placed: list[Canary] = []

    def resource(self) -> dict[str, str]:
        """Attributes of the resource."""
        made = {
            f"canary.note_{number}": self._text("resource attribute", kind)
            for number, kind in enumerate(KINDS)
        }
        made["canary.password"] = self._named("resource attribute by name", "key")
        made["process.command_line"] = f"app --token {self._named('command line', 'command')} x"
        return made

    def spans(self, tracer: Tracer, kind: str) -> None:
        """A span, with events, links and an exception."""
        text = self._text
        attributes = {
            "canary.note": text("span attribute", kind),
            "canary.notes": [text("span attribute, list", kind), "x"],
            "canary.data": text("span attribute, bytes", kind).encode(),
            "http.request.header.x_note": [text("HTTP header", kind)],
            "gen_ai.input.messages": text("LLM prompt", kind),
            "gen_ai.output.messages": text("LLM answer", kind),
            "gen_ai.tool.call.arguments": text("LLM tool arguments", kind),
            "messaging.rabbitmq.destination.routing_key": text("routing key", kind),
            "db.query.parameter.0": text("query parameter", kind),
            **self._of_one_kind(kind),
        }
        link = Link(_ELSEWHERE, {"canary.note": text("link attribute", kind)})
        name = text("span name", kind)
        with tracer.start_as_current_span(name, links=[link]) as span:
            span.set_attributes(attributes)
            span.add_event(text("event name", kind), {"canary.note": text("event attribute", kind)})
            span.record_exception(self._failure("exception", kind))
            span.set_status(Status(StatusCode.ERROR, text("status description", kind)))

    def _of_one_kind(self, kind: str) -> dict[str, Any]:
        """Attributes whose names, or whose places inside, say that something is a secret."""
        if kind == "card":
            number = self._at("span attribute, number", kind).secret
            return {"canary.number": int(number)}
        if kind == "email":
            address = quote(self._at("URL, encoded", kind).secret, safe="")
            return {"url.path": f"/users/{address}", "url.query": f"page=2&of={address}"}
        if kind != _FORMLESS:
            return {}
        named = self._named
        sql = f"SELECT '{named('SQL string', 'sql')}' /* {named('SQL comment', 'sql')} */"
        user, token = named("URL userinfo", "userinfo"), named("URL parameter", "key")
        return {
            "db.query.text": sql,
            "canary.password": named("span attribute by name", "key"),
            "http.request.header.authorization": [named("Authorization header", "key")],
            "http.request.header.cookie": [f"sid={named('Cookie header', 'key')}"],
            "url.full": f"https://svc:{user}@example.com/x?page=2&token={token}",
            "process.command_args": ["app", "--token", named("command arguments", "command")],
            "exception.message": f"DETAIL:  Key (name)=({named('database error', 'row')}) exists.",
        }

    def logs(self, logger: Logger, kind: str) -> None:
        """Log records, with texts, structures and an exception."""
        text, failure = self._text, self._failure("log exception", kind)
        attributes: dict[str, Any] = {
            "canary.note": text("log attribute", kind),
            "canary.deep": {"a": [{"b": text("log attribute, nested", kind)}]},
            "exception.message": str(failure),
            "exception.stacktrace": "".join(traceback.format_exception(failure)),
        }
        deep: dict[str, Any] = {"a": [text("log body, nested", kind), {"b": "x"}]}
        if kind == _FORMLESS:
            deep["token"] = self._named("log body by name", "key")
        for body in (text("log body", kind), deep, text("log body, bytes", kind).encode()):
            record = LogRecord(
                body=body, attributes=attributes, severity_number=SeverityNumber.ERROR
            )
            logger.emit(record)

    def metrics(self, meter: Meter, kind: str) -> None:
        """Measurements."""
        attributes = {"canary.note": self._text("metric attribute", kind)}
        if kind == _FORMLESS:
            attributes["canary.token"] = self._named("metric attribute by name", "key")
        meter.create_counter("canary.count").add(1, attributes)
        meter.create_histogram("canary.time").record(1, attributes)

    def _at(self, surface: str, kind: str) -> Canary:
        self.placed.append(made := canary(surface, kind))
        return made

    def _text(self, surface: str, kind: str) -> str:
        return self._at(surface, kind).text

    def _named(self, surface: str, detector: str) -> str:
        """A canary that is known by where it stands alone."""
        made = canary(surface, _FORMLESS)._replace(kind="any text", detector=detector)
        self.placed.append(made)
        return made.secret

    def _failure(self, surface: str, kind: str) -> Exception:
        """An exception that was raised from another one."""
        failure = RuntimeError(self._text(surface, kind))
        failure.__cause__ = LookupError(self._text(f"{surface}, cause", kind))
        return failure
