from __future__ import annotations

import os
import signal

from work import work

print(signal.signal(signal.SIGTERM, signal.SIG_IGN))
work("main")
os.kill(os.getpid(), signal.SIGTERM)
print(signal.signal(signal.SIGTERM, signal.SIG_DFL), signal.getsignal(signal.SIGTERM))
work("after")
os.kill(os.getpid(), signal.SIGTERM)
