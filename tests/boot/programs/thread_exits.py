"""sys.exit in a thread ends that thread."""

from __future__ import annotations

import sys
import threading

from work import work


def run():
    work("thread")
    sys.exit(3)


work("main")
thread = threading.Thread(target=run)
thread.start()
thread.join()
work("after")
