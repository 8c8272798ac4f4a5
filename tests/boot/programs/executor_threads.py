from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from work import work

executor = ThreadPoolExecutor(2)
for number in range(5):
    executor.submit(work, f"thread {number}")
