"""A loop handles SIGTERM as long as it runs, and leaves the default behind."""

from __future__ import annotations

import asyncio
import os
import signal

from work import span, work


async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with span("main"):
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()


asyncio.run(main())
print(signal.getsignal(signal.SIGTERM), flush=True)
work("after")
os.kill(os.getpid(), signal.SIGTERM)
