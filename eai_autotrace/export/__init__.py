"""From ended spans to back ends: the pipeline, and the exporters it feeds."""

from __future__ import annotations
