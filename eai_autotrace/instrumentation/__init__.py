"""
What instrumentors are made of.

An instrumentor says *what*: the library, the targets, and functions that describe an operation.
This package says *how*: patching, spans, context, and the boundary that keeps our failures away
from the user's program.
"""

from __future__ import annotations

from eai_autotrace.instrumentation.asgi.application import (
    AsgiApplication,
    Step,
    WebSocketSettings,
    server_operation_of,
)
from eai_autotrace.instrumentation.asgi.operation import ServerOperation
from eai_autotrace.instrumentation.asgi.request import ResponseSettings
from eai_autotrace.instrumentation.context import is_http_suppressed
from eai_autotrace.instrumentation.instrumentor import Instrumentor
from eai_autotrace.instrumentation.messaging.consume import (
    ConsumerCallback,
    MessageIterator,
    MessageIteratorEnd,
)
from eai_autotrace.instrumentation.messaging.process import ProcessOperation
from eai_autotrace.instrumentation.messaging.process_block import ProcessBlock, ProcessBlockEnd
from eai_autotrace.instrumentation.messaging.receive import Receive, ReceivedMessage
from eai_autotrace.instrumentation.messaging.send import Carry, Send, SendOperation
from eai_autotrace.instrumentation.messaging.settlement import Delivery, settle
from eai_autotrace.instrumentation.metrics import Measure, Measures
from eai_autotrace.instrumentation.operation import KnownOperation, Operation
from eai_autotrace.instrumentation.propagation import Inject, extract, host_matcher, inject
from eai_autotrace.instrumentation.shapes.call import Call, InjectOnly
from eai_autotrace.instrumentation.shapes.callback import Dispatch, Registration, TracedCallback
from eai_autotrace.instrumentation.shapes.failure import Failure
from eai_autotrace.instrumentation.shapes.multi_call import CallPart, MultiCall, OwnerEnd
from eai_autotrace.instrumentation.shapes.observe import Observe
from eai_autotrace.instrumentation.shapes.response_body import ActiveBodyRequest
from eai_autotrace.instrumentation.shapes.root_context import RootContext
from eai_autotrace.instrumentation.shapes.session import Session, SessionEnd
from eai_autotrace.instrumentation.shapes.silence_native import SilenceNative
from eai_autotrace.instrumentation.shapes.streamed_request import (
    ActiveStreamedRequest,
    StreamedRequest,
    StreamedRequestOperation,
    covers_http,
    current_request,
)
from eai_autotrace.instrumentation.target import Target
from eai_autotrace.instrumentation.user_hook import Hook, hook
from eai_autotrace.patching.guard import guard

__all__ = [
    "ActiveBodyRequest",
    "ActiveStreamedRequest",
    "AsgiApplication",
    "Call",
    "CallPart",
    "Carry",
    "ConsumerCallback",
    "Delivery",
    "Dispatch",
    "Failure",
    "Hook",
    "Inject",
    "InjectOnly",
    "Instrumentor",
    "KnownOperation",
    "Measure",
    "Measures",
    "MessageIterator",
    "MessageIteratorEnd",
    "MultiCall",
    "Observe",
    "Operation",
    "OwnerEnd",
    "ProcessBlock",
    "ProcessBlockEnd",
    "ProcessOperation",
    "Receive",
    "ReceivedMessage",
    "Registration",
    "ResponseSettings",
    "RootContext",
    "Send",
    "SendOperation",
    "ServerOperation",
    "Session",
    "SessionEnd",
    "SilenceNative",
    "Step",
    "StreamedRequest",
    "StreamedRequestOperation",
    "Target",
    "TracedCallback",
    "WebSocketSettings",
    "covers_http",
    "current_request",
    "extract",
    "guard",
    "hook",
    "host_matcher",
    "inject",
    "is_http_suppressed",
    "server_operation_of",
    "settle",
]
