"""A process in which so many traces begin per second; prints how many it has kept."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from eai_autotrace.sampling.board import Board
from eai_autotrace.sampling.rate import Rate, SharedRate

load, folder, seconds = float(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
rate = SharedRate(Rate(10, 20), Board("shop", folder))
chance = random.Random(int(load))
began = due = time.monotonic()
late, adjusted = 0, 0.0
while due - began < seconds:
    due += chance.expovariate(load)
    time.sleep(max(0.0, due - time.monotonic()))
    ratio = rate.ratio()
    if chance.random() < ratio:
        rate.kept()
        late += due - began > 2
        adjusted += 1 / ratio
print(late, adjusted)  # noqa: T201 - for the test
