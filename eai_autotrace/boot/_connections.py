"""
Connections of OpenTelemetry's HTTP exporters, which a forked child must not share with its parent.

Two processes that write to one connection that was kept lose what both send.
"""

from __future__ import annotations

import os
from typing import Any

from requests.adapters import HTTPAdapter


class _Adapter(HTTPAdapter):
    """Begins without connections in each process."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        self._process = os.getpid()
        super().init_poolmanager(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> Any:
        if self._process != os.getpid():
            self.proxy_manager.clear()
            self.init_poolmanager(self._pool_connections, self._pool_maxsize, self._pool_block)
        return super().send(*args, **kwargs)


def keep_apart(exporter: Any) -> None:
    """Have an exporter open connections of its own in each process, unless its session is special."""
    session = exporter
    for name in ("_client", "_transport", "_session"):
        session = getattr(session, name, session)
    for prefix, adapter in dict(getattr(session, "adapters", {})).items():
        if type(adapter) is HTTPAdapter:
            session.mount(prefix, _Adapter())
