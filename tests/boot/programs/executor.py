"""Workers of concurrent.futures."""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor

from work import work


def main():
    work("main")
    with ProcessPoolExecutor(2, multiprocessing.get_context(sys.argv[1])) as executor:
        list(executor.map(work, [f"job {number}" for number in range(6)]))


if __name__ == "__main__":
    main()
