"""
What instrumentors are made of.

An instrumentor says *what*: the library, the targets, and functions that describe an operation.
This package says *how*: patching, spans, context, and the boundary that keeps our failures away
from the user's program.
"""

from __future__ import annotations

from eai_autotrace.instrumentation.callbacks import Dispatch, Registration, Traced
from eai_autotrace.instrumentation.carriers import Carrier
from eai_autotrace.instrumentation.failures import Failure
from eai_autotrace.instrumentation.hooks import Hook, hook
from eai_autotrace.instrumentation.instrumentor import Instrumentor
from eai_autotrace.instrumentation.messages import Handler, Items, ItemsEnd
from eai_autotrace.instrumentation.metrics import Measure, Measures
from eai_autotrace.instrumentation.notices import Notice
from eai_autotrace.instrumentation.operation import KnownOperation, Operation
from eai_autotrace.instrumentation.parts import Part, PartsEnd, Whole
from eai_autotrace.instrumentation.requests import Exchange, Responses
from eai_autotrace.instrumentation.servers import Server, Step, WebSockets, exchange_of
from eai_autotrace.instrumentation.target import Inject, Target
from eai_autotrace.instrumentation.watches import Detached, Watch
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
