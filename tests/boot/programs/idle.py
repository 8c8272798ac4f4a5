"""A process with nothing to be sent; it prints what we have made it start and import."""

from __future__ import annotations

import sys
import threading

HEAVY = {"multiprocessing", "grpc", "opentelemetry.sdk.metrics.export"}

print(threading.active_count(), sorted(HEAVY & set(sys.modules)))
