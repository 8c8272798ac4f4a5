"""A handler that does its work, and then what was there before it."""

from __future__ import annotations

import os
import signal

from work import work


def handle(signum, frame):
    print("handled", previous, flush=True)
    work("handler")
    if callable(previous):
        previous(signum, frame)
    elif previous == signal.SIG_DFL:
        print("back", signal.signal(signum, previous) is handle, flush=True)
        os.kill(os.getpid(), signum)


previous = signal.signal(signal.SIGTERM, handle)
work("main")
os.kill(os.getpid(), signal.SIGTERM)
