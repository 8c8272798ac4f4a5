"""What decides about each operation: a share, and at least so many traces a second."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from eai_autotrace.sampling.deciders import Decider
from eai_autotrace.sampling.rate import GuaranteedRate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from eai_autotrace.sampling.strategy import Strategy

# Operations that have a lower bound of their own, as in Jaeger's clients.
_MOST: Final = 2000


class OperationDecider(Decider):
    """
    What decides about an operation.

    Args:
        name: The operation.
        ratio: The share that is kept, or what gives it for each trace.
        before: What decided until now; its counts and its last trace go on.

    Attributes:
        guarantee: The same where there is a lower bound; ``None`` where there is none.
    """

    def __init__(self, name: str, ratio: float | GuaranteedRate, before: Decider | None) -> None:
        super().__init__(f"name={name}", ratio)
        self.guarantee = ratio if isinstance(ratio, GuaranteedRate) else None
        if isinstance(before, OperationDecider):
            self.kept, self.dropped = before.kept, before.dropped
            if self.guarantee and before.guarantee:
                self.guarantee.last = before.guarantee.last


class Operations(dict[str, Decider]):
    """
    The deciders of operations by their exact names.

    One that is not named gets its own when it first comes, as long as there is room.

    Args:
        strategy: The shares and the lower bound.
        rest: Decides about operations that have no room.
        before: What decided until now.
        clock: Gives seconds.
    """

    def __init__(
        self,
        strategy: Strategy,
        rest: Decider,
        before: Mapping[str, Decider] | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        super().__init__()
        self._strategy = strategy
        self._rest = rest
        self._clock = clock
        known = dict(before or {})
        for name in (*(strategy.operations or ()), *known):
            if name in (strategy.operations or ()) or len(self) < _MOST:
                self[name] = self._new(name, known.get(name))

    def __missing__(self, name: str) -> Decider:
        if len(self) >= _MOST:
            return self._rest
        return self.setdefault(name, self._new(name, None))

    def _new(self, name: str, before: Decider | None) -> Decider:
        strategy = self._strategy
        share = (strategy.operations or {}).get(name, strategy.ratio)
        if not strategy.lower_bound:
            return OperationDecider(name, share, before)
        rate = GuaranteedRate(share, strategy.lower_bound, self._clock)
        return OperationDecider(name, rate, before)
