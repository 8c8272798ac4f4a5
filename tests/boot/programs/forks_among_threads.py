"""A process forks again and again while its threads make spans, and no child hangs."""

from __future__ import annotations

import os
import threading

from work import work

CHILDREN, THREADS, SPANS = 20, 4, 100


def run(thread):
    for number in range(SPANS):
        work(f"thread {thread} {number}")


threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
for thread in threads:
    thread.start()
for number in range(CHILDREN):
    pid = os.fork()
    if pid == 0:
        work(f"child {number}")
        os._exit(number)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == number
for thread in threads:
    thread.join()
