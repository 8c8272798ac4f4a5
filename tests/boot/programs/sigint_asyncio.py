"""SIGINT cancels the main task of asyncio.run, which cancels the others."""

from __future__ import annotations

import asyncio
import os
import signal

from work import span


async def sleep(name):
    with span(name):
        await asyncio.sleep(60)


async def main():
    with span("main"):
        tasks = [asyncio.create_task(sleep(f"task {number}")) for number in range(3)]
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.gather(*tasks)


asyncio.run(main())
