"""
Takes over from the stock distro if that was loaded first.

In-code ``auto_instrumentation.initialize()`` passes neither the wrapper nor ``sitecustomize``, and
loads whichever distro the file system lists first. OpenTelemetry calls `take_over` after the
configurator and before any instrumentor. What the user chose, or a vendor's distro, stays.

OpenTelemetry sets a provider once; the guards behind that are private names of its API, used here
and nowhere else.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.instrumentation.distro import BaseDistro, DefaultDistro

from eai_autotrace.boot.configurator import EaiConfigurator
from eai_autotrace.boot.distro import EaiDistro
from eai_autotrace.boot.loader import Loader
from eai_autotrace.boot.startup import configuration
from eai_autotrace.config.selection import NAME, drop_stock_protocol, is_other_chosen

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_logger = logging.getLogger("eai_autotrace")

_PROVIDERS: Final = (
    ("opentelemetry.trace", "_TRACER_PROVIDER"),
    ("opentelemetry.metrics._internal", "_METER_PROVIDER"),
    ("opentelemetry._logs._internal", "_LOGGER_PROVIDER"),
)


def take_over() -> None:
    """Put our distro in the stock one's place, unless the user or a vendor meant another one."""
    try:
        _take_over()
    except Exception as failure:
        _logger.warning("taking over from the stock distro failed", exc_info=failure)


def _take_over() -> None:
    distro = None if EaiDistro.is_loaded else _loaded_distro()
    if distro is None:
        return
    name = f"{type(distro).__module__}:{type(distro).__qualname__}"
    if is_other_chosen():
        _stand_aside(distro)
        return
    if not _is_stock(distro):
        _logger.warning(
            "the distro %s was loaded; OTEL_PYTHON_DISTRO=%s and OTEL_PYTHON_CONFIGURATOR=%s select"
            " eai-autotrace",
            name,
            NAME,
            NAME,
        )
        _stand_aside(distro)
        return
    _logger.info("taking over from the stock distro %s", name)
    ours = EaiDistro()
    drop_stock_protocol()
    if not EaiConfigurator.ran:
        _reset_stock_providers()
        ours.configure()
        EaiConfigurator().configure()
    # The loader goes on with the stock distro's object.
    distro.load_instrumentor = ours.load_instrumentor


def _loaded_distro() -> Any:
    """The distro that the loader has made; each class keeps its one object."""
    classes = list(BaseDistro.__subclasses__())
    for known in classes:
        classes.extend(known.__subclasses__())
    made = (vars(known).get("_instance") for known in classes)
    return next((distro for distro in made if distro is not None), None)


def _stand_aside(distro: Any) -> None:
    """
    Leave libraries to other projects' instrumentors in a process that is not ours.

    The other distro would load both, and every operation would be two spans.
    """
    loader, load = Loader(configuration()), distro.load_instrumentor

    def load_instrumentor(entry_point: EntryPoint, **kwargs: Any) -> None:
        if not loader.has_rival(entry_point):
            load(entry_point, **kwargs)

    distro.load_instrumentor = load_instrumentor


def _is_stock(distro: Any) -> bool:
    return type(distro) is DefaultDistro or type(distro).__module__ == "opentelemetry.distro"


def _reset_stock_providers() -> None:
    """Shut down the providers that the stock configurator has set; those of the user's own stay."""
    # Imported here, as a release may move them: that must cost the taking over only.
    from opentelemetry.util._once import Once  # noqa: PLC0415

    for module, name in _PROVIDERS:
        api = import_module(module)
        provider = getattr(api, name)
        resource = getattr(provider, "resource", None) or getattr(
            getattr(provider, "_sdk_config", None), "resource", None
        )
        if resource is not None and "telemetry.auto.version" in resource.attributes:
            provider.shutdown()
            setattr(api, f"{name}_SET_ONCE", Once())
            setattr(api, name, None)
