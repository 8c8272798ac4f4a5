"""The common base of the instrumentors of clients that Stainless generates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._llm.stainless import Stainless, StainlessLibrary, describe_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target


class StainlessInstrumentor(Instrumentor):
    """
    Trace one such library.

    Attributes:
        client: The library's own facts.
    """

    client: ClassVar[StainlessLibrary]

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The functions that every request and every response passes."""
        return Stainless(self.client, config).targets()

    def describe_error(self, error: BaseException) -> Mapping[str, Any]:
        """The class of the exception, and what the response says; never its message."""
        return describe_error(error)
