"""From ended spans, log records and metrics to back ends: pipelines, workers and exporters."""

from __future__ import annotations
