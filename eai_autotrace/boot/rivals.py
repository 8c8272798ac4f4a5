"""
Providers that the program sets after ours.

OpenTelemetry takes the first one and refuses the others, with a line that helps nobody. A vendor's
SDK, such as Logfire's, goes on with its own provider all the same: then some spans of a trace have
its service name, and go where it says.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import _logs, metrics, trace

from eai_autotrace.config.parse import shown
from eai_autotrace.patching.guard import guard
from eai_autotrace.patching.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SIGNALS: Final = (
    (trace, "set_tracer_provider", trace.get_tracer_provider),
    (metrics, "set_meter_provider", metrics.get_meter_provider),
    (_logs, "set_logger_provider", _logs.get_logger_provider),
)

_logger = logging.getLogger("eai_autotrace")


def tell_of_rivals(service: str) -> None:
    """
    Tell of the first provider that is set after ours, in place of OpenTelemetry's lines.

    Args:
        service: The service's name in ours.
    """
    levels = iter((logging.WARNING,))
    for api, name, current in _SIGNALS:
        if type(current()).__module__.startswith("eai_autotrace."):
            patch = Patch(api, name)
            patch.apply(_setter(patch, current, functools.partial(_tell, levels, service)))


def _setter(
    patch: Patch, current: Callable[[], Any], tell: Callable[..., None]
) -> Callable[..., None]:
    ours = current()

    @functools.wraps(patch.original)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        with guard("looking at a provider"):
            if current() is ours:
                tell(*args, *kwargs.values())
                return
        patch.original(*args, **kwargs)

    return wrapper


_TEXT: Final = (
    "the program sets %s after ours: what is made through it goes its own way, as service %s, all "
    "else ours, as service %s; give both the same OTEL_SERVICE_NAME, or leave one of them out"
)


def _tell(levels: Iterator[int], service: str, theirs: Any) -> None:
    kind = f"{type(theirs).__module__}.{type(theirs).__qualname__}"
    resource = getattr(theirs, "resource", None)
    named = getattr(resource, "attributes", {}).get("service.name", "unknown")
    _logger.log(next(levels, logging.DEBUG), _TEXT, kind, shown(named), shown(service))
