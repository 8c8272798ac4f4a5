"""asyncio.run cancels the tasks that are left when its own has ended."""

from __future__ import annotations

import asyncio

from work import span


async def sleep(name):
    with span(name):
        await asyncio.sleep(60)


async def main():
    tasks = [asyncio.create_task(sleep(f"task {number}")) for number in range(3)]
    await asyncio.sleep(0)
    with span("main"):
        tasks[0].cancel()


asyncio.run(main())
