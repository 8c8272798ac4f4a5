"""Children of os.fork, ended in every way."""

from __future__ import annotations

import io
import os
import signal
import sys
import time

from work import work

ENDS = {
    "_exit": lambda: os._exit(3),
    "exit": lambda: sys.exit(4),
    "raise": lambda: {}["theirs"],
    "return": lambda: None,
    "SIGTERM": lambda: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(60)),
}

work("parent")
for name, end in ENDS.items():
    pid = os.fork()
    if pid == 0:
        sys.stderr = io.StringIO()
        work(name)
        end()
        sys.exit(7)
    print(name, os.waitpid(pid, 0)[1], flush=True)
work("after")
