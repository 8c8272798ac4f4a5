"""The base of every instrumentor: patches its targets when their modules are imported."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

import wrapt
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from eai_autotrace.config.process import configuration
from eai_autotrace.instrumentation.errors import error_type
from eai_autotrace.instrumentation.tracing import Tracing
from eai_autotrace.patching.guard import guard
from eai_autotrace.patching.patch import MissingTargetError, Patch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import ModuleType

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target

_logger = logging.getLogger("eai_autotrace")


class Instrumentor(BaseInstrumentor):
    """
    Traces one library. A subclass says which, and what of it.

    ``instrument()`` imports nothing of the library: each target is patched when the application
    imports its module, or at once where it already has. Settings are the process's;
    ``instrument(config=)`` takes others, ``tracer_provider=`` and ``meter_provider=`` other
    providers. A target that the installed version lacks is left out; the others still work.

    Attributes:
        library: The requirement that the library must meet, such as ``"asyncpg >= 0.27"``; empty
            for what comes with Python.
        targets: The functions to patch, where no setting changes them; see `targets_for`.
        missing: The targets that the imported version does not have.
    """

    library: ClassVar[str]
    targets: ClassVar[tuple[Target, ...]] = ()

    def __init__(self) -> None:
        # A singleton whose `__init__` runs on every call: keep its state.
        if "_patching" not in vars(self):
            self._patching: _Patching | None = None

    @property
    def missing(self) -> tuple[Target, ...]:
        """The targets that the imported version of the library does not have."""
        return () if self._patching is None else tuple(self._patching.missing)

    def instrumentation_dependencies(self) -> Collection[str]:
        """The library's requirement, as OpenTelemetry asks for it."""
        return (self.library,) if self.library else ()

    def targets_for(self, config: Config) -> tuple[Target, ...]:  # noqa: ARG002 - others do
        """
        The functions to patch under some settings.

        Where settings change what is described, describing functions are methods of an object
        that has the settings, made here.
        """
        return self.targets

    def describe_error(self, error: BaseException) -> Mapping[str, Any]:
        """
        Attributes of an exception that a traced call raised.

        The exception's message is not among them: libraries put the user's data there.
        """
        return error_type(error)

    def error_describer(self, config: Config) -> Callable[[BaseException], Mapping[str, Any]]:  # noqa: ARG002 - others do
        """What describes errors under some settings; see `describe_error`."""
        return self.describe_error

    def _instrument(self, **kwargs: Any) -> None:
        config = kwargs.get("config") or configuration()
        tracing = Tracing(
            type(self).__module__,
            self.error_describer(config),
            config,
            kwargs.get("tracer_provider"),
            kwargs.get("meter_provider"),
        )
        self._patching = _Patching(tracing)
        for target in self.targets_for(config):
            self._patching.await_module(target)

    def _uninstrument(self, **_: Any) -> None:
        if self._patching is not None:
            self._patching.undo()
            self._patching = None


class _Patching:
    """The patches of one ``instrument()`` call, made as modules arrive, until undone."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._patches: list[Patch] = []
        self._undone = False
        self.missing: list[Target] = []

    def await_module(self, target: Target) -> None:
        """Patch a target now if its module is imported, else when it is."""

        def patch(module: ModuleType) -> None:
            # An exception here would make the user's import fail.
            with guard(f"patching {target.module} {target.path}"):
                self._patch(module, target)

        wrapt.when_imported(target.module)(patch)

    def undo(self) -> None:
        """Put everything back, last patch first; modules that come later stay as they are."""
        self._undone = True
        while self._patches:
            with guard("unpatching"):
                self._patches.pop().remove()

    def _patch(self, module: ModuleType, target: Target) -> None:
        # Under another name, as `httpx2.alias_httpx` gives one, it is traced by its own instrumentor.
        if self._undone or module.__name__ != target.module:
            return
        try:
            patch = Patch(module, target.path)
        except MissingTargetError as missing:
            self.missing.append(target)
            _logger.debug("%s: left out", missing)
            return
        shared = patch.existing(target) if target.is_shared else None
        if shared is None:
            wrapper = target.wrapper(patch, self._tracing)
            patch.apply(wrapper, target if target.is_shared else None)
        self._patches.append(shared or patch)
