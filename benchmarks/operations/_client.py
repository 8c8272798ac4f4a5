"""
Clients of a server, on connections that stay open.

Usage: ``python _client.py PORT``. Each line of input is a number of requests to make; the answer is
``done`` with the median and the 99th percentile of what they took, in microseconds. The first answer
that is not 200 ends it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from itertools import chain

_CLIENTS = 8
_REQUEST = (
    b"GET /items/7 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: benchmark/1.0\r\nAccept: */*\r\n\r\n"
)


async def _ask(
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], count: int
) -> list[float]:
    reader, writer = connection
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        writer.write(_REQUEST)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise SystemExit(head.decode())
        length = head.partition(b"content-length:")[2].partition(b"\r")[0]
        await reader.readexactly(int(length))
        taken.append((time.perf_counter() - began) * 1e6)
    return taken


async def _main(port: int) -> None:
    loop = asyncio.get_running_loop()
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_CLIENTS)]
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        share, rest = divmod(int(line), _CLIENTS)
        taken = await asyncio.gather(
            *(_ask(each, share + (index < rest)) for index, each in enumerate(connections))
        )
        cuts = statistics.quantiles(chain.from_iterable(taken), n=100)
        sys.stdout.write(f"done {cuts[49]:.0f} {cuts[98]:.0f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
