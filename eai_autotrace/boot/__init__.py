"""
The start and the end of a process: OpenTelemetry's entry points, providers, instrumentors.

`environment` (the wrapper's flags), `distro` and `configurator` are called by OpenTelemetry's
loader in this order, `takeover` after them. Nothing in the package imports this one.
"""

from __future__ import annotations
