"""
Checking ``OTEL_PROPAGATORS`` before OpenTelemetry reads it.

``opentelemetry.propagate`` raises at its import where a name is not installed, and everything of
OpenTelemetry imports it: ``opentelemetry-instrument`` then starts no program, and an injected
process gets no tracing. So this runs before: by ``eai_autotrace.pth`` in an environment that we
are installed in, and by our ``sitecustomize`` where the loader's directory is on ``PYTHONPATH``.
Nothing of OpenTelemetry may be imported here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE: Final = "OTEL_PROPAGATORS"
_GROUP: Final = "opentelemetry_propagator"
_NONE: Final = "none"


def mend() -> None:
    """
    Leave the names out of ``OTEL_PROPAGATORS`` that OpenTelemetry would raise for, with one line.

    Where no name is left, OpenTelemetry's default applies: ``tracecontext,baggage``.
    """
    value = os.environ.get(_VARIABLE, "")
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not names:
        return
    if _NONE in (name.lower() for name in names):
        os.environ[_VARIABLE] = _NONE
        return
    installed = _installed()
    usable = [installed[name.lower()] for name in names if name.lower() in installed]
    for name in names:
        if name.lower() not in installed:
            _tell(name, set(installed.values()), is_rest_used=bool(usable))
    if usable:
        os.environ[_VARIABLE] = ",".join(usable)
    else:
        del os.environ[_VARIABLE]


def _installed() -> Mapping[str, str]:
    """The names of propagators whose modules are there, by their lower-case form."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - only where the variable is set
    from importlib.util import find_spec  # noqa: PLC0415

    found = {}
    for entry_point in entry_points(group=_GROUP):
        # Asking for the module itself would import OpenTelemetry.
        if find_spec(entry_point.value.partition(".")[0]) is not None:
            found[entry_point.name.lower()] = entry_point.name
    return found


def _tell(name: str, installed: set[str], *, is_rest_used: bool) -> None:
    import logging  # noqa: PLC0415 - only where something is wrong

    from eai_autotrace.config.parse import did_you_mean, shown  # noqa: PLC0415

    logging.getLogger("eai_autotrace").warning(
        "%s: %s is no installed propagator%s; known are %s; %s",
        _VARIABLE,
        shown(name),
        did_you_mean(name, installed),
        ", ".join(sorted(installed)),
        "the others are used" if is_rest_used else "the default is used",
    )
