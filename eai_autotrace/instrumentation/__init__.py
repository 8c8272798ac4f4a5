"""
What instrumentors are made of.

An instrumentor says *what*: the library, the targets, and functions that describe an operation.
This package says *how*: patching, spans, context, and the boundary that keeps our failures away
from the user's program.
"""

from __future__ import annotations

from eai_autotrace.instrumentation.hooks import Hook, hook
from eai_autotrace.instrumentation.instrumentor import Instrumentor
from eai_autotrace.instrumentation.messages import Handler, Items, ItemsEnd
from eai_autotrace.instrumentation.metrics import Measure, Measures
from eai_autotrace.instrumentation.operation import Operation
from eai_autotrace.instrumentation.servers import Request, Server, Step
from eai_autotrace.instrumentation.target import Inject, Target

__all__ = [
    "Handler",
    "Hook",
    "Inject",
    "Instrumentor",
    "Items",
    "ItemsEnd",
    "Measure",
    "Measures",
    "Operation",
    "Request",
    "Server",
    "Step",
    "Target",
    "hook",
]
