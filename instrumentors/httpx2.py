"""Client spans for httpx2, which has the layout of httpx: see ``httpx``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._libraries import LIBRARIES
from eai_autotrace.instrumentors.httpx import ClientRequests

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target


class Httpx2Instrumentor(Instrumentor):
    """Trace and measure the requests of httpx2."""

    library = LIBRARIES["httpx2"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The functions that send one request."""
        return ClientRequests("httpx2", config).targets()
