"""
What instrumentors are made of.

An instrumentor says *what*: the library, the targets, and functions that describe an operation.
This package says *how*: patching, spans, context, and the boundary that keeps our failures away
from the user's program.
"""

from __future__ import annotations

from eai_autotrace.instrumentation.asgi.application import Server, Step, WebSockets, exchange_of
from eai_autotrace.instrumentation.asgi.request import Exchange, Responses
from eai_autotrace.instrumentation.instrumentor import Instrumentor
from eai_autotrace.instrumentation.messaging.consume import Handler, Items, ItemsEnd
from eai_autotrace.instrumentation.metrics import Measure, Measures
from eai_autotrace.instrumentation.operation import KnownOperation, Operation
from eai_autotrace.instrumentation.shapes.callback import Dispatch, Registration, Traced
from eai_autotrace.instrumentation.shapes.carriers import Carrier
from eai_autotrace.instrumentation.shapes.failure import Failure
from eai_autotrace.instrumentation.shapes.multi_call import Part, PartsEnd, Whole
from eai_autotrace.instrumentation.shapes.notices import Notice
from eai_autotrace.instrumentation.shapes.observe import Detached, Watch
from eai_autotrace.instrumentation.target import Inject, Target
from eai_autotrace.instrumentation.user_hook import Hook, hook
from eai_autotrace.patching.guard import guard

__all__ = [
    "Carrier",
    "Detached",
    "Dispatch",
    "Exchange",
    "Failure",
    "Handler",
    "Hook",
    "Inject",
    "Instrumentor",
    "Items",
    "ItemsEnd",
    "KnownOperation",
    "Measure",
    "Measures",
    "Notice",
    "Operation",
    "Part",
    "PartsEnd",
    "Registration",
    "Responses",
    "Server",
    "Step",
    "Target",
    "Traced",
    "Watch",
    "WebSockets",
    "Whole",
    "exchange_of",
    "guard",
    "hook",
]
