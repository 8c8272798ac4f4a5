"""
Publishes messages as another traced service does.

Usage: ``python _publisher.py URL QUEUE``. Each line of input is a number of messages; the answer is
``done``.
"""

from __future__ import annotations

import asyncio
import sys

import aiormq

_PROPERTIES = aiormq.spec.Basic.Properties(
    headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
)


async def _main(url: str, queue: str) -> None:
    connection = await aiormq.connect(url)
    channel = await connection.channel()
    while line := await asyncio.to_thread(sys.stdin.readline):
        for _ in range(int(line)):
            await channel.basic_publish(b'{"order": 7}', routing_key=queue, properties=_PROPERTIES)
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
