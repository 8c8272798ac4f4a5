"""From log records to exporters, in batches: see `eai_autotrace.export.pipeline`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord
from opentelemetry.sdk.resources import Resource

from eai_autotrace.export.pipeline import Batches

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadWriteLogRecord

_NO_CONTEXT: Final = Context()


class LogPipeline(Batches, LogRecordProcessor):
    """A log record processor that exports in batches."""

    _what = "log records"

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take in a record; it keeps no context, which may hold anything, alive."""
        record = log_record.log_record
        if record.context:
            record = copy.copy(record)
            record.context = _NO_CONTEXT
        resource = log_record.resource or Resource.get_empty()
        scope, limits = log_record.instrumentation_scope, log_record.limits
        self.put(ReadableLogRecord(record, resource, scope, limits))
