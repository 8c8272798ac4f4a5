from __future__ import annotations

import os
import signal
import sys
import time

from work import work

work("main")
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted", signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    work("after")
    if "caught" not in sys.argv:
        raise
