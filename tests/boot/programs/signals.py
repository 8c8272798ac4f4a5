"""A span, a metric and a log record, and then one of the ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time

from opentelemetry import _logs, metrics

from work import work


def record():
    work("span")
    metrics.get_meter("programs").create_counter("count").add(1)
    _logs.get_logger("programs").emit(body="log")


if __name__ == "__main__":
    end = sys.argv[1]
    if end in multiprocessing.get_all_start_methods():
        child = multiprocessing.get_context(end).Process(target=record)  # type: ignore[attr-defined]
        child.start()
        child.join()
    else:
        record()
    print("recorded", flush=True)
    if end == "SIGTERM":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
