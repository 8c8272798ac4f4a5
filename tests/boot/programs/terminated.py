"""Children of multiprocessing that are ended by SIGTERM: one by one, and as a pool's."""

from __future__ import annotations

import multiprocessing
import sys
import time

from work import work


def waiting(ready):
    work("child")
    ready.set()
    time.sleep(60)


def main():
    context = multiprocessing.get_context(sys.argv[1])
    ready = context.Event()
    child = context.Process(target=waiting, args=(ready,))  # type: ignore[attr-defined]
    child.start()
    ready.wait()
    child.terminate()
    child.join()
    print(child.exitcode)
    with context.Pool(2) as pool:
        pool.map(work, [f"pool {number}" for number in range(6)], chunksize=1)


if __name__ == "__main__":
    main()
