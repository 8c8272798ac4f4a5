"""
OpenTelemetry's own ``sitecustomize``, after a look at a setting that it would fail at.

The wheel has this as a package in OpenTelemetry's auto-instrumentation directory, where Python
finds it before the module of that name. Only a process with that directory on its path imports it.
"""

from __future__ import annotations

try:
    from eai_autotrace.boot.propagators import mend

    mend()
except Exception:  # noqa: BLE001, S110 - tracing starts without it
    pass

from opentelemetry.instrumentation.auto_instrumentation import initialize

initialize()
