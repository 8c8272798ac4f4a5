"""Semantic conventions: names, and facts that several instrumentors share."""

from __future__ import annotations
