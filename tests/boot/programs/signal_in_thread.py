"""Threads that are not the main one can set no handler, and say so as ever."""

from __future__ import annotations

import signal
import threading

from work import work


def run():
    work("thread")
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    except ValueError as error:
        print(error, signal.getsignal(signal.SIGTERM))


thread = threading.Thread(target=run)
thread.start()
thread.join()
