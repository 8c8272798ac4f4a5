"""A handler of the program's own."""

from __future__ import annotations

import os
import signal
import sys

from work import work


def handle(signum, frame):
    print("handled", signum, signal.getsignal(signum) is handle)
    work("handler")
    sys.exit(4)


print(signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGTERM, handle))
work("main")
os.kill(os.getpid(), signal.SIGTERM)
