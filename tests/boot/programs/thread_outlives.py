"""The main thread ends before another one has done anything."""

from __future__ import annotations

import threading

from work import work

main = threading.main_thread()


def run():
    main.join()
    work("thread")


threading.Thread(target=run).start()
