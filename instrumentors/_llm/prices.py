"""
Prices of tokens: a dated table, and a file of the user's that goes before it.

Nothing is fetched. A model in neither of them has no cost, rather than a wrong one.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from eai_autotrace.instrumentors._llm.price_table import PRICES
from eai_autotrace.patching.guard import guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from eai_autotrace.semconv.genai import Usage

_MILLION: Final = 1_000_000
_DIGITS: Final = 12  # behind the point: a token costs 1e-08 dollars or more
# A date or a number of one, and what clouds and routers put behind it.
_VERSION: Final = re.compile(
    r"(?:-latest|[-@](?:\d{3,8}|\d{4}-\d\d-\d\d|\d\d-\d\d|\d\d-20\d\d)(?:-v\d+)?|-v\d+)?(?:@default)?(?::\d+)?"
)


class Price(NamedTuple):
    """
    US dollars for a million tokens.

    Attributes:
        input: Input tokens.
        output: Output tokens, those for reasoning included.
        cache_read: Input tokens from the provider's cache; ``None`` is the price of the others.
        cache_write: Input tokens into the provider's cache; ``None`` is the price of the others.
    """

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None

    def of(self, usage: Usage) -> float | None:
        """The price of some tokens; ``None`` if their number is unknown."""
        if usage.input is None:
            return None
        read, written = usage.cache_read or 0, usage.cache_write or 0
        plain = max(usage.input - read - written, 0)
        total = plain * self.input + (usage.output or 0) * self.output
        total += read * (self.input if self.cache_read is None else self.cache_read)
        total += written * (self.input if self.cache_write is None else self.cache_write)
        # Rounded to the decimal figure that the binary sum stands for.
        return round(total / _MILLION, _DIGITS)


class Prices:
    """
    Prices by model.

    Args:
        table: By the beginning of a model's name: the longest that fits counts.

    Attributes:
        find: Gives the price of a model by its name; ``None`` where it is not known.
    """

    def __init__(self, table: Mapping[str, Price]) -> None:
        self._table = table
        self._names = sorted(table, key=len, reverse=True)
        self.find = lru_cache(maxsize=512)(self._search)

    def cost(self, models: Iterable[str | None], usage: Usage) -> float | None:
        """
        US dollars for some tokens.

        Args:
            models: Names of the model, best first: that of the response, then that of the request.
            usage: The tokens.
        """
        for model in models:
            price = self.find(model) if model else None
            if price is not None:
                return price.of(usage)
        return None

    def _search(self, model: str) -> Price | None:
        # Bedrock and routers put a vendor before the name: ``us.anthropic.claude-...``, ``openai/gpt-...``.
        bare = model.rpartition("/")[2].rpartition("anthropic.")[2]
        for name in self._names:
            if bare.startswith(name) and _is_version(bare[len(name) :]):
                return self._table[name]
        return None


def _is_version(rest: str) -> bool:
    """
    Whether what follows a name only says which version of the model it is.

    ``gpt-5-2025-08-07`` is a ``gpt-5``; ``gpt-5-nano`` and ``claude-opus-4-9`` are other models
    than ``gpt-5`` and ``claude-opus-4``.
    """
    return _VERSION.fullmatch(rest) is not None


@lru_cache(maxsize=4)
def prices(file: str | None) -> Prices:
    """
    The prices: those of a file, then those of the table.

    Args:
        file: JSON of the form ``{"model": {"input": 1.25, "output": 10, "cache_read": 0.125}}``, in
            US dollars for a million tokens. One that cannot be read is reported once.
    """
    # Rows end with the last figure that they have.
    table = {name: Price._make((*row, None, None)[:4]) for name, row in PRICES.items()}
    if file is not None:
        with guard(f"reading prices from {file}"):
            table |= {name: _read(price) for name, price in json.loads(_text(file)).items()}
    return Prices(table)


def _text(file: str) -> str:
    return Path(file).read_text(encoding="utf-8")


def _read(price: Mapping[str, Any]) -> Price:
    return Price(**{name: float(value) for name, value in price.items()})
