"""
The wrapper's flags, and our distro as its default.

``opentelemetry-instrument`` imports this module before it reads its arguments. Every name here
that begins with ``OTEL_`` becomes a flag (``OTEL_EAI_PREFER`` is ``--eai_prefer``).

The distro is set only where the user has set none, and flags are written after this import, so a
choice of the user's own always wins. The configurator follows from the distro, see `distro`.
"""

from __future__ import annotations

from eai_autotrace.config import variables
from eai_autotrace.config.selection import prefer_our_distro

globals().update({name: name for name in variables() if name.startswith("OTEL_EAI_")})

prefer_our_distro()
