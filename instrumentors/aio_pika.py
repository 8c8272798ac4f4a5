"""
Producer and consumer spans for aio-pika.

Patches ``ServerOperation.publish`` and, below it, ``Channel.basic_publish`` of aiormq, where the trace
context enters the message; ``Queue.consume``, which takes callbacks, robust queues' included; the
``__anext__`` of queue iterators, where the body of the loop is the handling of the message;
``Channel.basic_get`` of aiormq, by which messages are fetched, and ``message.process()``, which
surrounds their handling; ``basic_ack`` and its like, which tell how messages are settled; calls of
the RPC pattern; and transactions. Connections and channels are counted.

The trace context travels in the message headers, in a copy: the application's messages and header
dicts stay as they are. Bodies and the application's headers are never recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from eai_autotrace.instrumentation import Instrumentor
from eai_autotrace.instrumentors._aio_pika import consume, patterns, publish, settle
from eai_autotrace.instrumentors._libraries import LIBRARIES

if TYPE_CHECKING:
    from eai_autotrace.config import Config
    from eai_autotrace.instrumentation.target import Target


class AioPikaInstrumentor(Instrumentor):
    """Trace aio-pika, and publishing with aiormq."""

    library = LIBRARIES["aio_pika"].requirement

    def targets_for(self, config: Config) -> tuple[Target, ...]:
        """The functions that publish, consume, settle, and those of the patterns."""
        return (
            *publish.targets(config),
            *consume.targets(config),
            *settle.targets(config),
            *patterns.targets(),
        )
