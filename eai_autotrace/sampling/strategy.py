"""
A sampling strategy as Jaeger gives it.

The form is that of ``sampling.proto`` in JSON
(https://github.com/jaegertracing/jaeger-idl/blob/main/proto/api_v2/sampling.proto). What is wrong in
it makes the whole of it wrong.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.config.parse import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROBABILISTIC: Final = ("PROBABILISTIC", 0)
_RATE_LIMITING: Final = ("RATE_LIMITING", 1)
# The largest number of Jaeger's type.
_MOST_PER_SECOND: Final = 2**31 - 1


class Strategy(NamedTuple):
    """
    Which traces are kept.

    Attributes:
        ratio: The share, from 0 to 1; of all operations that have none of their own.
        per_second: How many a second are kept instead of a share.
        operations: The share of each operation that is named; ``None`` where all have the same.
        lower_bound: With these, how many traces a second of each operation are kept at least.
    """

    ratio: float = 0.0
    per_second: float | None = None
    operations: Mapping[str, float] | None = None
    lower_bound: float = 0.0


def strategy_in(body: bytes) -> Strategy:
    """
    The strategy that a response tells.

    Args:
        body: The response's body.

    Raises:
        ValueError: There is none in it; the message says why.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise ValueError("it is not JSON") from wrong
    top = _mapping(given, "it")
    if top.get("operationSampling") is not None:
        return _by_operation(_mapping(top["operationSampling"], "operationSampling"))
    kind = top.get("strategyType", 0)
    if kind in _PROBABILISTIC and kind is not False:
        return Strategy(_rate_in(top, ""))
    if kind in _RATE_LIMITING and kind is not True:
        name = "rateLimitingSampling"
        limit = _mapping(top.get(name), name)
        key = "maxTracesPerSecond"
        return Strategy(per_second=_number(limit.get(key), f"{name}.{key}", _MOST_PER_SECOND))
    raise ValueError(f"strategyType is {shown(kind)}, expected PROBABILISTIC or RATE_LIMITING")


def _by_operation(given: Mapping[str, Any]) -> Strategy:
    where = "operationSampling"
    ratio = "defaultSamplingProbability"
    bound = "defaultLowerBoundTracesPerSecond"
    named = "perOperationStrategies"
    operations: dict[str, float] = {}
    strategies = given.get(named)
    if strategies is None:
        strategies = []
    if not isinstance(strategies, list):
        raise ValueError(f"{where}.{named} is no list")  # noqa: TRY004 - what a reader raises
    for index, one in enumerate(strategies):
        place = f"{where}.{named}[{index}]"
        name = _mapping(one, place).get("operation")
        if not isinstance(name, str):
            raise ValueError(f"{place}.operation is no text")  # noqa: TRY004
        operations[name] = _rate_in(one, f"{place}.")
    return Strategy(
        _number(given.get(ratio), f"{where}.{ratio}", 1),
        operations=operations,
        lower_bound=_number(given.get(bound, 0), f"{where}.{bound}", _MOST_PER_SECOND),
    )


def _rate_in(given: Mapping[str, Any], place: str) -> float:
    name, key = "probabilisticSampling", "samplingRate"
    found = _mapping(given.get(name), f"{place}{name}")
    return _number(found.get(key), f"{place}{name}.{key}", 1)


def _mapping(given: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"{place} is no JSON object")  # noqa: TRY004
    return given


def _number(given: Any, place: str, most: float) -> float:
    is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not is_number or not 0 <= given <= most:
        what = "missing" if given is None else shown(given)
        raise ValueError(f"{place} is {what}, expected a number from 0 to {most}")
    return float(given)
