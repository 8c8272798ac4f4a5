"""The sampler and the id generator of traces: plugins that the user names, or the defaults."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace.sampling import DEFAULT_ON
from opentelemetry.util._importlib_metadata import entry_points

from eai_autotrace.config.load import RATIO_SAMPLERS
from eai_autotrace.config.parse import redacted, shown
from eai_autotrace.sampling.factory import keeps_by_end, make_eai_sampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler

    from eai_autotrace.config import Config

_OURS: Final = "eai"
_REMOTE: Final = frozenset({"jaeger_remote", "parentbased_jaeger_remote"})

_logger = logging.getLogger("eai_autotrace")


def make_sampler(config: Config) -> Sampler:
    """The sampler that the user names, or else ours."""
    name = (config.traces_sampler or _OURS).lower()
    if name == _OURS:
        return make_eai_sampler(config)
    if config.sampling_rules or config.sampling_adaptive_enabled or keeps_by_end(config):
        text = (
            "OTEL_TRACES_SAMPLER: %s decides; rules and other settings of sampling have no effect"
        )
        _logger.warning(text, shown(config.traces_sampler))
    if name in _REMOTE:
        from eai_autotrace.boot.remote import make_remote_sampler  # noqa: PLC0415 - rarely used

        return make_remote_sampler(name, config.traces_sampler_arg, config)
    # The SDK's own default would read the same variables once more.
    made = _plugin(
        "opentelemetry_traces_sampler",
        "OTEL_TRACES_SAMPLER",
        name,
        lambda factory: factory(_sampler_argument(config)),
    )
    return made or DEFAULT_ON


def _sampler_argument(config: Config) -> float | str | None:
    if (config.traces_sampler or "").lower() not in RATIO_SAMPLERS:
        return config.traces_sampler_arg
    return 1.0 if config.traces_sampler_arg is None else float(config.traces_sampler_arg)


def make_id_generator(config: Config) -> IdGenerator | None:
    """The user's own generator; ``None`` for the SDK's."""
    if not config.id_generator:
        return None
    return _plugin(
        "opentelemetry_id_generator",
        "OTEL_PYTHON_ID_GENERATOR",
        config.id_generator,
        lambda factory: factory(),
    )


def _plugin(group: str, variable: str, name: str, make: Callable[[Any], Any]) -> Any:
    """An installed plugin by its entry point, or ``None``, which is the SDK's default."""
    found = {entry_point.name: entry_point for entry_point in entry_points(group=group)}
    try:
        return make(found[name].load())
    except KeyError:
        known = ", ".join(sorted(found))
        text = "%s: %s is not installed, known are %s; the default is used"
        _logger.warning(text, variable, shown(name), known)
    except Exception as failure:  # noqa: BLE001 - a foreign plugin must not stop tracing
        text = "%s: %s cannot be made: %s; the default is used"
        _logger.warning(text, variable, shown(name), one_line(failure))
    return None


def one_line(failure: Exception) -> str:
    """A failure in one line, which quotes no URL's password."""
    return redacted(str(failure)) or type(failure).__name__
