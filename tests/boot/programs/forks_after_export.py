"""Connections to the collector that are open already are not shared with forked children."""

from __future__ import annotations

import os

from opentelemetry import trace

from work import work

flush = getattr(trace.get_tracer_provider(), "force_flush", int)
work("parent")
flush()
children = []
for number in range(4):
    pid = os.fork()
    if pid == 0:
        work(f"child {number}")
        os._exit(0)
    children.append(pid)
work("meanwhile")
flush()
for pid in children:
    os.waitpid(pid, 0)
