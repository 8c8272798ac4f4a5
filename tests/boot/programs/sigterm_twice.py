"""The second signal comes while the first one is being handled."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from work import work

work("main")
SEND = f"sleep 0.05; kill {os.getpid()}; sleep 0.002; kill {os.getpid()}"
subprocess.Popen(["sh", "-c", SEND], stderr=subprocess.DEVNULL)
time.sleep(60)
sys.exit(9)
