"""The operations that are still under way when the process ends."""

from __future__ import annotations

import gc
import os
from time import time_ns

from eai_autotrace.instrumentation.active import ActiveOperation
from eai_autotrace.patching.guard import report

_forked_at = 0


def _note_fork() -> None:
    global _forked_at  # noqa: PLW0603 - what a fork changes is the process's
    _forked_at = time_ns()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


def end_open() -> None:
    """
    End the operations that are still under way when the process ends, in no order.

    A forked process leaves those of its parent alone: they are under way there.

    They are searched among all objects, once, which takes 60 ms for a million of them. Keeping a
    list would cost each operation 0.2 µs.
    """
    for found in gc.get_objects():
        if issubclass(type(found), ActiveOperation) and not found.ended:
            try:
                if found.started > _forked_at:
                    found.abandon()
            except Exception as failure:  # noqa: BLE001 - one of them must not cost the others
                report("ending an open span", failure)
