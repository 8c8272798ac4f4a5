"""Settings of sampling, and the rules among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.config.fields import setting
from eai_autotrace.config.parse import FLAG, TEXT, Kind, choice, choices, duration, integer, number

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUP: Final = "Sampling"
_ACTIONS: Final = ("drop", "keep", "ratio", "tps")
_FORM: Final = (
    "attribute=pattern[&attribute=pattern...]:action, separated by semicolons, the action being "
    "drop, keep, ratio=0..1 or tps=number"
)


class RuleSetting(NamedTuple):
    """
    One rule of sampling.

    Attributes:
        text: The rule in compact form.
        patterns: Patterns with ``*`` and ``?`` by attribute, ``name`` or ``kind``.
        action: ``drop``, ``keep``, ``ratio`` or ``tps``.
        value: The number of the last two.
        is_dry: Whether it changes no decision.
    """

    text: str
    patterns: Mapping[str, str]
    action: str
    value: float = 0.0
    is_dry: bool = False


def _rules(given: Any) -> tuple[RuleSetting, ...]:
    """Rules in compact form, or a list of those and of mappings."""
    parts = given.split(";") if isinstance(given, str) else given
    if not isinstance(parts, list):
        raise ValueError  # noqa: TRY004 - what a reader raises
    return tuple(
        _from_mapping(part) if isinstance(part, dict) else _from_text(str(part).strip())
        for part in parts
        if part != "" and str(part).strip()
    )


def _from_text(text: str) -> RuleSetting:
    conditions, colon, action = text.rpartition(":")
    name, _, value = action.strip().partition("=")
    pairs = [part.partition("=") for part in conditions.split("&")]
    if not colon or not all(key.strip() and sign for key, sign, _ in pairs):
        raise ValueError
    patterns = {key.strip(): pattern.strip() for key, _, pattern in pairs}
    return RuleSetting(text, patterns, name.strip(), _value(name.strip(), value))


def _from_mapping(given: Mapping[Any, Any]) -> RuleSetting:
    match, action = given.get("match"), given.get("action")
    if not isinstance(match, dict) or not match or not isinstance(action, str):
        raise ValueError
    patterns = {str(key): str(pattern) for key, pattern in match.items()}
    value = _value(action, given.get(action, ""))
    text = "&".join(f"{key}={pattern}" for key, pattern in patterns.items())
    is_dry = given.get("dry_run") is True
    return RuleSetting(f"{text}:{action}", patterns, action, value, is_dry)


def _value(action: str, given: Any) -> float:
    """The number of an action; 0 for one that has none."""
    if action not in _ACTIONS:
        raise ValueError
    if action in {"drop", "keep"}:
        return 0.0
    value = float(given)
    if not 0 <= value <= (1 if action == "ratio" else float("inf")):
        raise ValueError
    return value


def default_rules() -> tuple[RuleSetting, ...]:
    """Rules for what asks whether a service is well, of which nobody wants traces."""
    return _rules(
        "kind=server&url.path=/health|/healthz|/health/*|/ready|/readyz|/readiness|/live|/livez"
        "|/liveness|/metrics|/favicon.ico:drop"
    )


def _sampling(default: Any, description: str, kind: Kind = TEXT, **sources: Any) -> Any:
    return setting(default, description, kind, group=_GROUP, **sources)


@dataclass(frozen=True, init=False, repr=False, eq=False)
class SamplingSettings:
    """Settings of sampling."""

    sampling_default_rules: bool = _sampling(
        True,  # noqa: FBT003 - a default is a default
        "Whether requests for health, readiness, liveness, metrics and favicons are dropped, unless "
        "a rule is for them.",
        FLAG,
        variables=("OTEL_EAI_SAMPLING_DEFAULT_RULES",),
        yaml="otel.sampling.default_rules",
    )
    traces_sampler: str | None = _sampling(
        None,
        "A sampler by name: OpenTelemetry's or one of an installed package. It goes before every other "
        "setting of sampling. Ours, which follows them, is the default; its name is `eai`.",
        variables=("OTEL_TRACES_SAMPLER",),
    )
    traces_sampler_arg: str | None = _sampling(
        None,
        "The argument of that sampler, such as a ratio. Of `jaeger_remote` and "
        "`parentbased_jaeger_remote`: "
        "`endpoint=http://localhost:5778/sampling,pollingIntervalMs=60000,initialSamplingRate=0.001`, "
        "each part of which may be left out.",
        variables=("OTEL_TRACES_SAMPLER_ARG",),
    )
    sampling_ratio: float | None = _sampling(
        None,
        "The share of new traces that is kept; a caller's decision is followed.",
        number(0, 1),
        legacy="TRACE_SAMPLE_RATIO",
        yaml="otel.sampling.ratio",
    )
    sampling_adaptive_enabled: bool = _sampling(
        False,  # noqa: FBT003 - a default is a default
        "Whether a number of traces a second is kept rather than a share.",
        FLAG,
        variables=("OTEL_EAI_SAMPLING_ADAPTIVE",),
        yaml="otel.sampling.adaptive.enabled",
    )
    sampling_adaptive_target_tps: float | None = _sampling(
        None,
        "With that, how many traces a second are kept on average. Default 10.",
        number(0),
        variables=("OTEL_EAI_SAMPLING_TARGET_TPS",),
        yaml="otel.sampling.adaptive.target_tps",
    )
    sampling_adaptive_max_tps: float | None = _sampling(
        None,
        "With that, how many traces a second are kept at most.",
        number(0),
        variables=("OTEL_EAI_SAMPLING_MAX_TPS",),
        yaml="otel.sampling.adaptive.max_tps",
    )
    sampling_scope: str = _sampling(
        "host",
        "Who keeps so many traces a second: each process (`process`), all processes of the service "
        "on one host together (`host`), or the service, of which `OTEL_EAI_SAMPLING_REPLICAS` says "
        "on how many hosts it runs (`service`).",
        choice("process", "host", "service"),
        variables=("OTEL_EAI_SAMPLING_SCOPE",),
        yaml="otel.sampling.adaptive.scope",
    )
    sampling_replicas: int = _sampling(
        1,
        "On how many hosts, or in how many containers, the service runs.",
        integer(1),
        variables=("OTEL_EAI_SAMPLING_REPLICAS",),
        yaml="otel.sampling.adaptive.replicas",
    )
    sampling_adaptive_base_ratio: float | None = _sampling(
        None,
        "With that, the smallest share that is kept. Default 0.",
        number(0, 1),
        variables=("OTEL_EAI_SAMPLING_BASE_RATIO",),
        yaml="otel.sampling.adaptive.base_sample_rate",
    )
    sampling_adaptive_max_ratio: float | None = _sampling(
        None,
        "With that, the largest share that is kept. Default 1.",
        number(0, 1),
        variables=("OTEL_EAI_SAMPLING_MAX_RATIO",),
        yaml="otel.sampling.adaptive.max_sample_rate",
    )
    sampling_rules: tuple[RuleSetting, ...] = _sampling(
        (),
        "Rules for traces that begin here; the first one that matches the first span decides. A "
        "pattern with `*` and `?`, or several with `|` between them, is for a whole attribute, for "
        "`name` or for `kind`; `url.path` also matches with `{id}` in place of ids, `http.route` is matched with the path. In the file a rule may be a mapping with "
        "`match`, `action`, the action's number under its name, and `dry_run`.",
        Kind(_FORM, _rules),
        variables=("OTEL_EAI_SAMPLING_RULES",),
        yaml="otel.sampling.rules",
    )
    sampling_keep: tuple[str, ...] = _sampling(
        (),
        "What is kept of traces that the ratio leaves out: those with a failed span (`errors`), with a "
        "request answered with 500 or more (`5xx`), with a failed call of a model (`llm`). Only the "
        "part that runs in this process is. A rule with `drop` drops that, too.",
        choices("errors", "5xx", "llm"),
        variables=("OTEL_EAI_SAMPLING_KEEP",),
        yaml="otel.sampling.keep.when",
    )
    sampling_keep_slower_than: float | None = _sampling(
        None,
        "The same for traces whose first span in this process takes so long.",
        duration("s", above_zero=True),
        variables=("OTEL_EAI_SAMPLING_KEEP_SLOWER_THAN",),
        yaml="otel.sampling.keep.slower_than",
    )
    sampling_keep_max_tps: float = _sampling(
        10.0,
        "How many of both a process keeps in a second at most.",
        number(0),
        variables=("OTEL_EAI_SAMPLING_KEEP_MAX_TPS",),
        yaml="otel.sampling.keep.max_tps",
    )
