"""
Writes the table of prices anew, from the data of ``genai-prices`` as it is installed.

Run before a release: ``pip install --upgrade genai-prices && python scripts/prices.py``. Only names
and figures are taken, and of those the standard price of text. The licence of the data, MIT, asks
for its notice, which the table has.
"""
# ruff: noqa: INP001 - a script, no module

from __future__ import annotations

from datetime import datetime, timezone
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from genai_prices import data

from eai_autotrace.instrumentors._llm.prices import Price, Prices

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLE: Final = Path(__file__).resolve().parent.parent / "instrumentors" / "_llm" / "price_table.py"
_MAKERS: Final = (
    "openai",
    "anthropic",
    "google",
    "deepseek",
    "mistral",
    "cohere",
    "x-ai",
    "moonshotai",
    "perplexity",
    "zai",
    "minimax",
)
"""Whose own models come first."""

_HOSTS: Final = ("groq", "together", "fireworks", "cerebras")
"""Who runs models of others. Where they differ in price, a model has none."""

_KEYS: Final = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
# Output that is no text has another price, and may be nearly all of it.
_OTHER_KINDS: Final = ("output_audio_mtok", "output_image_mtok", "output_video_mtok")
_OTHER_NAMES: Final = {"audio", "image", "realtime", "transcribe", "tts"}
_HEAD: Final = '''"""
Prices of models, in US dollars for a million tokens, as of `DATE`.

Written by ``scripts/prices.py``; do not edit it. A file of the user's has other models, or newer
prices (`OTEL_EAI_LLM_PRICES`). Batches, priority tiers and long contexts cost otherwise: what is
recorded is the standard price.

The figures are those of genai-prices {version}, under this licence:

{licence}
"""
# fmt: off

from __future__ import annotations

from typing import Final

DATE: Final = "{date}"
"""The day that the prices are of."""

PRICES: Final[dict[str, tuple[float | None, ...]]] = {{
'''
_FOOT: Final = '''}
"""Input, output, cache read and cache write, by the beginning of the model's name."""
'''


def _figures(model: Any, now: datetime) -> tuple[float | None, ...] | None:
    """The price of a model; ``None`` where it is not one of text."""
    prices = model.get_prices(now)
    is_other = not _OTHER_NAMES.isdisjoint(model.id.split("-"))
    if is_other or any(getattr(prices, kind) is not None for kind in _OTHER_KINDS):
        return None
    found = [getattr(prices, key) for key in _KEYS]
    if found[0] is None:
        return None
    plain = [None if one is None else float(getattr(one, "base", one)) for one in found]
    plain[1] = plain[1] or 0.0
    while plain[-1] is None:
        plain.pop()
    return tuple(plain)


def _names(model: Any) -> Iterator[str]:
    """The names that stand for a model by themselves, or begin those that do."""
    yield model.id
    clauses = getattr(model.match, "or_", [model.match])
    for clause in clauses:
        name = getattr(clause, "equals", None) or getattr(clause, "starts_with", None)
        if name:
            yield name.rstrip("-@:")


def _by_name(vendors: tuple[str, ...], now: datetime) -> Iterator[tuple[str, Any, str]]:
    providers = {provider.id: provider for provider in data.providers}
    for vendor in vendors:
        for model in providers[vendor].models:
            for name in _names(model):
                yield name.rpartition("/")[2], _figures(model, now), model.id


def _table(now: datetime) -> dict[str, tuple[float | None, ...] | None]:
    table: dict[str, tuple[float | None, ...] | None] = {}
    for name, price, identity in _by_name(_MAKERS, now):
        # A model's own name comes before one that others begin with.
        if name not in table or name == identity:
            table[name] = price
    hosted: dict[str, set[Any]] = {}
    for name, price, _ in _by_name(_HOSTS, now):
        hosted.setdefault(name, set()).add(price)
    for name, prices in hosted.items():
        if name not in table:
            table[name] = prices.pop() if len(prices) == 1 else None
    return table


def _least(table: dict[str, Any]) -> dict[str, Any]:
    """The table without names that have the price of a shorter one anyway."""
    kept: dict[str, Any] = {}
    for name in sorted(table, key=len):
        price = table[name]
        found = Prices({one: Price(*of) for one, of in kept.items()}).find(name)
        if price is not None and found != Price(*price):
            kept[name] = price
    return dict(sorted(kept.items()))


def main() -> None:
    """Write the table."""
    # Some cost less by night, or more in the early hours: the price of noon stands for the day.
    now = datetime.now(timezone.utc).replace(hour=12)
    found = distribution("genai-prices")
    licence = next(file for file in found.files or () if file.name == "LICENSE").read_text()
    head = _HEAD.format(version=found.version, licence=licence.strip(), date=now.date())
    table = _least(_table(now))
    lines = [f'    "{name}": {price!r},\n' for name, price in table.items()]
    _TABLE.write_text(head + "".join(lines) + _FOOT, encoding="utf-8")
    print(f"{len(table)} models, genai-prices {found.version}")  # noqa: T201 - a script


if __name__ == "__main__":
    main()
