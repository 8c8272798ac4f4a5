"""
Which instrumentor traces which library, and when it is imported.

Ours traces the library versions it is tested with; another project's instrumentor of the same
library is then left out. For other versions the other project's is taken, so a library that is too
new or too old for ours is still traced. Each is loaded apart: a failing one costs its own spans.

Ours is imported when its library is, so that a start costs the same whatever is traced.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import cache, cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import wrapt
from opentelemetry.instrumentation.dependencies import get_dependency_conflicts
from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace.config.parse import did_you_mean, shown
from eai_autotrace.instrumentors._libraries import LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.metadata import EntryPoint
    from types import ModuleType

    from opentelemetry.instrumentation.dependencies import DependencyConflict

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentors._libraries import Library

_GROUP = "opentelemetry_instrumentor"
_PACKAGE = "eai_autotrace."
_PREFIX = "eai_"

_logger = logging.getLogger("eai_autotrace")


class _Reason(NamedTuple):
    """Why an instrumentor is left out, and how loudly to say so."""

    level: int
    text: str


_DISABLED = _Reason(logging.DEBUG, "it is disabled")


class Loader:
    """
    Decides about each instrumentor's entry point, and activates it.

    The order in which OpenTelemetry presents entry points is arbitrary, so each decision is made
    from all of them.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._disabled = {_plain(name) for name in config.disabled_instrumentations}
        for variable, names in (
            ("OTEL_EAI_PREFER", config.prefer),
            ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", config.disabled_instrumentations),
        ):
            _report_typos(variable, names)

    def load(self, entry_point: EntryPoint, **kwargs: Any) -> None:
        """Activate an entry point's instrumentor unless another one traces its library."""
        with _isolated(entry_point):
            reason = self._reason_against(entry_point)
            if reason is not None:
                text = "instrumentor %s is left out: %s"
                _logger.log(reason.level, text, entry_point.name, reason.text)
            elif _is_ours(entry_point):
                _await_library(entry_point, kwargs)
            else:
                _activate(entry_point, kwargs)

    def has_rival(self, entry_point: EntryPoint) -> bool:
        """Whether an instrumentor is ours, and another project's is there for the same library."""
        names = {name for name, ours in self._ours.items() if ours == entry_point}
        return any(
            _library(other.name) in names and _plain(other.name) not in self._disabled
            for other in entry_points(group=_GROUP)
            if not _is_ours(other)
        )

    def _reason_against(self, entry_point: EntryPoint) -> _Reason | None:
        if not self._config.enabled:
            return _Reason(logging.DEBUG, "tracing is switched off")
        if _is_ours(entry_point):
            return self._reason_against_ours(entry_point)
        if _plain(entry_point.name) in self._disabled:
            return _DISABLED
        ours = self._ours.get(_library(entry_point.name))
        if ours is None:
            return None
        if self._reason_against_ours(ours) is not None:
            return None
        switch = f"OTEL_EAI_PREFER={_library(ours.name)}=upstream"
        return _Reason(logging.INFO, f"{ours.name} traces this library; {switch} reverses that")

    def _reason_against_ours(self, entry_point: EntryPoint) -> _Reason | None:
        if self._is_disabled(entry_point):
            return _DISABLED
        if self._config.prefer.get(_library(entry_point.name)) == "upstream":
            return _Reason(logging.INFO, "another project's is preferred")
        is_wanted = _facts(entry_point).is_wanted(self._config)
        if not is_wanted or not _is_installed(entry_point):
            missing = "its library is not installed" if is_wanted else "no setting asks for it"
            return _Reason(logging.DEBUG, missing)
        conflict = _conflict(_facts(entry_point).requirement)
        if conflict is None:
            return None
        if conflict.found is None:
            return _Reason(logging.DEBUG, f"{conflict.required} is not installed")
        text = f"it is tested with {conflict.required}, installed is {conflict.found}"
        return _Reason(logging.INFO, text)

    def _is_disabled(self, ours: EntryPoint) -> bool:
        """Whether one of ours is disabled by its name, or its library by another project's name."""
        library = _library(ours.name)
        names = {_plain(ours.name), library, *LIBRARIES[library].supersedes}
        return not names.isdisjoint(self._disabled)

    @cached_property
    def _ours(self) -> dict[str, EntryPoint]:
        """Our entry points, by every name that an instrumentor of the same library may have."""
        found: dict[str, EntryPoint] = {}
        for entry_point in entry_points(group=_GROUP):
            if _is_ours(entry_point) and _is_installed(entry_point):
                names = (entry_point.name, *_facts(entry_point).supersedes)
                found.update({_library(name): entry_point for name in names})
        return found


@contextmanager
def _isolated(entry_point: EntryPoint) -> Iterator[None]:
    """Report what an instrumentor raises; the others and the import go on."""
    try:
        yield
    except ModuleNotFoundError as missing:
        _logger.debug("instrumentor %s is left out: %s", entry_point.name, missing)
    except Exception as failure:
        _logger.warning(
            "instrumentor %s (%s) failed to load; the others are unaffected",
            entry_point.name,
            entry_point.value,
            exc_info=failure,
        )


def _activate(entry_point: EntryPoint, arguments: dict[str, Any]) -> None:
    entry_point.load()().instrument(**arguments)
    _logger.debug("instrumentor %s is active", entry_point.name)


def _await_library(entry_point: EntryPoint, arguments: dict[str, Any]) -> None:
    """Activate one of ours when its library is imported, or now where it has been."""
    once = iter((entry_point,))

    def activate(_: ModuleType) -> None:
        with _isolated(entry_point):
            for awaited in once:
                _activate(awaited, arguments)

    for module in _facts(entry_point).modules:
        wrapt.when_imported(module)(activate)


@cache
def _conflict(requirement: str) -> DependencyConflict | None:
    """The conflict with the installed version, cached: it reads the library's whole metadata."""
    if not requirement:
        return None
    conflict: DependencyConflict | None = get_dependency_conflicts([requirement])
    return conflict


def _facts(entry_point: EntryPoint) -> Library:
    return LIBRARIES[_library(entry_point.name)]


def _is_installed(entry_point: EntryPoint) -> bool:
    """Whether the library of one of ours is there; where it is not, nothing more is asked."""
    try:
        return find_spec(_library(entry_point.name)) is not None
    except (ImportError, ValueError):
        # A module that somebody has put into sys.modules by hand has no specification.
        return True


def _report_typos(variable: str, names: Iterable[str]) -> None:
    """One line for each name that is close to an instrumentor's; others may be installed elsewhere."""
    if not names:
        return
    known = {_plain(entry_point.name) for entry_point in entry_points(group=_GROUP)}
    known |= {_library(name) for name in known} | LIBRARIES.keys()
    for name in names:
        hint = "" if _plain(name) in {*known, "*"} else did_you_mean(_plain(name), known)
        if hint:
            _logger.warning("%s: there is no instrumentor %s%s", variable, shown(name), hint)


def _is_ours(entry_point: EntryPoint) -> bool:
    return entry_point.value.startswith(_PACKAGE)


def _library(entry_point_name: str) -> str:
    """The library of an entry point, as in ``eai_aio_pika`` and ``aio-pika``: ``aio_pika``."""
    return _plain(entry_point_name).removeprefix(_PREFIX)


def _plain(name: str) -> str:
    """A name as it is compared: ``aio-pika`` and ``aio_pika`` are one."""
    return name.strip().lower().replace("-", "_")
