"""
How tracing starts: OpenTelemetry's entry points, and what stands behind them.

`environment` (the wrapper's flags), `distro` and `configurator` are called by OpenTelemetry's
loader in this order, `takeover` after them. Nothing in the package imports this one.
"""

from __future__ import annotations
