"""SIGTERM while the main thread waits: for a time, a lock, a process, or input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

from work import work

WAITS = {
    "sleep": lambda: time.sleep(60),
    "lock": lambda: threading.Event().wait(60),
    "process": lambda: subprocess.run(["sleep", "2"], check=False),
    "read": lambda: os.read(os.pipe()[0], 1),
    "compute": lambda: [number for number in range(10**9) if number < 0],
}


def kill():
    time.sleep(0.1)
    work("thread")
    os.kill(os.getpid(), signal.SIGTERM)


work("main")
threading.Thread(target=kill, daemon=True).start()
WAITS[sys.argv[1]]()
