"""Keys of vendors, by their documentation: a prefix, and enough behind it."""

from __future__ import annotations

import re
from typing import Final

# A slug has no capitals and no digits.
_NO_SLUG: Final = "(?=[a-z_-]{0,64}[A-Z0-9])[A-Za-z0-9_-]{16,}"
# Prefixes, and what is behind them: it has no end but its own, so of a long key nothing stays.
_KEYS: Final = (
    ("AKIA ASIA ABIA ACCA", "[A-Z0-9]{16}"),  # AWS
    ("ghp_ gho_ ghu_ ghs_ ghr_", "[A-Za-z0-9]{16,}"),  # GitHub
    ("github_pat_", "[A-Za-z0-9_]{16,}"),
    ("glpat-", "[A-Za-z0-9_.-]{16,}"),  # GitLab
    ("xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs-", "[A-Za-z0-9-]{8,}"),  # Slack
    ("xoxe.xox", "[abp]-[A-Za-z0-9-]{8,}"),
    ("hooks.slack.com/services/", "[A-Za-z0-9/]{8,}"),
    ("api.telegram.org/bot", "[A-Za-z0-9:_-]{8,}"),
    ("discord.com/api/webhooks/", "[A-Za-z0-9/_-]{8,}"),
    ("xapp-", "[A-Za-z0-9-]{16,}"),
    ("sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_", "[A-Za-z0-9]{10,}"),  # Stripe
    ("whsec_", "[A-Za-z0-9+/=]{16,}"),
    ("sk-", _NO_SLUG),  # OpenAI, Anthropic, DeepSeek, OpenRouter
    ("gsk_ xai- hf_ pplx- r8_ nvapi- tgp_v1_ csk-", _NO_SLUG),  # further models' vendors
    ("fw_", "[A-Za-z0-9]{16,}"),
    ("AIza", "[A-Za-z0-9_-]{30,}"),  # Google
    ("ya29.", "[A-Za-z0-9_.-]{16,}"),
    ("GOCSPX-", "[A-Za-z0-9_-]{16,}"),
    ("SG.", "[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,}"),  # SendGrid
    ("key-", "[0-9a-f]{32}"),  # Mailgun
    ("npm_", "[A-Za-z0-9]{16,}"),
    ("pypi-", _NO_SLUG),
    ("dop_v1_", "[a-f0-9]{16,}"),  # DigitalOcean
    ("hvs. hvb.", "[A-Za-z0-9_-]{16,}"),  # Vault
    ("dapi", "[a-f0-9]{32}"),  # Databricks
    ("shpat_ shpss_ shppa_", "[a-fA-F0-9]{16,}"),  # Shopify
    ("lin_api_", "[A-Za-z0-9]{16,}"),  # Linear
    ("ntn_", "[A-Za-z0-9]{16,}"),  # Notion
    ("secret_", "[A-Za-z0-9]{32,}"),
    ("sntrys_ sntryu_", "[A-Za-z0-9_=-]{16,}"),  # Sentry
    ("glsa_", "[A-Za-z0-9_]{16,}"),  # Grafana
    ("AGE-SECRET-KEY-1", "[A-Z0-9]{16,}"),
    ("EAACEdEose0cBA", "[A-Za-z0-9]{1,}"),  # Meta
)
_PREFIXES: Final = tuple(prefix for prefixes, _ in _KEYS for prefix in prefixes.split())

VENDOR_KEY: Final = "|".join(
    f"(?:{'|'.join(map(re.escape, prefixes.split()))}){rest}" for prefixes, rest in _KEYS
)
"""An expression of them."""


def may_have_vendor_key(text: str) -> bool | None:
    """Whether a text has one of their prefixes, wherever; ``None`` if not."""
    return any(map(text.__contains__, _PREFIXES)) or None
